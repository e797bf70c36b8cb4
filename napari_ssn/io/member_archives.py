"""Archives of numpy's with probabilities, as nnU-Net writes them, on the grid of an image.

Nothing is unpickled. The shape is compared before a number is read.
"""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from functools import cache
from itertools import permutations, product
from pathlib import Path
from threading import Lock
from typing import Any, BinaryIO

import numpy as np

from napari_ssn.errors import DataError, ImageError, SSNError
from napari_ssn.geometry.arrays import Array, Labels
from napari_ssn.geometry.orientation import letters_of
from napari_ssn.geometry.volume import Volume
from napari_ssn.io import source
from napari_ssn.io.archive import unzipping
from napari_ssn.io.formats import stem, stored_of
from napari_ssn.io.known import NIFTI_SUFFIXES, PICTURE_SUFFIXES
from napari_ssn.io.member_maps import MOST_LABELS, map_of, on_grid, other_grid

#: Names of the array in archives of nnU-Net 2 (and so of TotalSegmentator) and of nnU-Net 1.
KEYS = ("probabilities", "softmax")
# A label map beside an archive is compared at so many voxels along each axis at most; it is the
# same place if so much of it is, and another if so little.
_LOOKED_AT, _SAME, _OTHER = 96, 0.9, 0.5
# Bytes that are unpacked at once: few enough to be still in cache when they are put in place.
_PIECE = 1 << 17
_TOTAL = (
    "(Most tasks of TotalSegmentator crop and resample their probabilities: take its label maps.)"
)
# Ends of what nnU-Net writes beside an archive, as its ``file_ending`` says.
_MAPS = (*NIFTI_SUFFIXES, ".nrrd", ".mha")
_PARSING = Lock()
_DAMAGED = "The archive is damaged or cut off: write it again."


def read_archive(path: Path, image: Volume) -> tuple[Array, str | None]:
    """Probabilities in an archive of numpy's, as nnU-Net writes them."""
    labels = cache(lambda: _beside(path, image))
    with source.opened(path) as stream, unzipping("The archive", ImageError, _DAMAGED):
        turned, own = _numbers(stream, image, lambda: labels() is not None)
    note = None
    if own:
        note = "axes taken in the order of the image's file"
    if (beside := labels()) is not None:
        order, flips = _placed(turned, beside)
        if order != tuple(range(len(order))):
            turned = turned.transpose(0, *(1 + axis for axis in order))
            note = "stored along other axes, as the label map beside it shows"
        elif flips:
            note = "stored backwards along some axes, as the label map beside it shows"
        turned = np.flip(turned, tuple(axis + 1 for axis in flips))
    elif note is None and turned.ndim == 4 and image.space == image.space[::-1]:
        note = (
            "no label map beside the archive shows which way axes run: they are taken as nnU-Net "
            "writes them, the last one of the image's file first, and the first one first would be "
            "as long"
        )
    elif note is None and not _upright(image):
        note = (
            "no label map beside the archive shows which way axes run: they are taken as in the "
            "image's file (TotalSegmentator, and nnU-Net where its plans say so, turn them to "
            "right, anterior, superior)"
        )
    return turned, note


def _upright(image: Volume) -> bool:
    """Whether an image's axes run to the right, anterior and superior, or nobody knows where."""
    if not image.oriented:
        return True
    return letters_of(image.affine, len(image.space)) == "RAS"[: len(image.space)]


def _numbers(stream: BinaryIO, image: Volume, labelled: Callable[[], bool]) -> tuple[Array, bool]:
    """The array on the image's axes, and whether it was stored along these.

    Where a label map shows how axes lie they may be in any order.
    """
    with zipfile.ZipFile(stream) as archive:
        names = [key for key in KEYS if f"{key}.npy" in archive.namelist()]
        if not names:
            raise DataError(
                "It holds no array called “probabilities”, as nnU-Net 2 writes with "
                "--save_probabilities."
            )
        with archive.open(f"{names[0]}.npy") as packed:
            shape, fortran, dtype = _header(packed)
        if dtype.hasobject:
            raise DataError("It holds pickled objects in the place of numbers, which are not read.")
        if dtype.kind != "f":
            raise DataError(f"It holds {dtype} numbers, and probabilities are fractions.")
        own = _own_axes(shape, image, names[0], labelled)
        source.check_memory(int(np.prod(shape, dtype=np.int64)) * max(4, dtype.itemsize))
        with archive.open(f"{names[0]}.npy") as packed:
            _header(packed)
            values = _values(packed, int(np.prod(shape, dtype=np.int64)), dtype)
    found = values.reshape(shape[::-1]).T if fortran else values.reshape(shape)
    if found.ndim == len(image.space) + 2:
        # nnU-Net's slices have a third axis, of one voxel.
        found = found[:, 0]
    if own:
        return found, True
    # z, y, x of nnU-Net are the file's last, middle and first axis.
    return found.transpose(0, *range(found.ndim - 1, 0, -1)), False


def _header(packed: Any) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    """Shape, whether the first axis is the fastest, and kind of the numbers that follow."""
    version = np.lib.format.read_magic(packed)
    # numpy reads it as an expression of Python, and Python 3.11 has one count of how deep it is in
    # such a tree for all threads: two at once have ended in a SystemError.
    with _PARSING:
        if version == (1, 0):
            return np.lib.format.read_array_header_1_0(packed)
        return np.lib.format.read_array_header_2_0(packed)


def _values(packed: Any, count: int, dtype: np.dtype[Any]) -> Array:
    """So many numbers, unpacked into their place piece by piece; ValueError if there are fewer."""
    out = np.empty(count, dtype)
    bytes_of, at = memoryview(out.view(np.uint8).data), 0
    while at < len(bytes_of):
        read = packed.readinto(bytes_of[at : at + _PIECE])
        if not read:
            raise ValueError("expected more numbers")
        at += read
    # To its end, where the checksum is compared.
    packed.read(1)
    return out


def _own_axes(
    shape: tuple[int, ...], image: Volume, key: str, labelled: Callable[[], bool]
) -> bool:
    """Whether (C, *rest) is stored along the image's own axes; DataError if on another grid."""
    rest, space = shape[1:], image.space
    if not 2 <= shape[0] <= MOST_LABELS if shape else True:
        raise DataError(f"It is of shape {shape}: probabilities have 2 to 256 labels first.")
    if len(space) == 2:
        rest = rest[1:] if len(rest) == 3 and rest[0] == 1 else rest
        if rest == space == space[::-1] and not labelled():
            raise DataError(
                "The image is one square slice: nobody can tell rows from columns in an archive. "
                "The label map that was written with it, put beside it under the same name, shows "
                "how they lie; or write the member as NIfTI."
            )
    if rest == space[::-1]:
        return False
    if rest == space:
        return True
    if key == "softmax":
        raise DataError(
            "It is of nnU-Net 1, which crops its probabilities and keeps where in a pickled file: "
            "export it on the whole grid, or with nnU-Net 2."
        )
    if sorted(rest) == sorted(space):
        if len(space) == 3 and labelled():
            return False
        theirs, ours = (" × ".join(map(str, size)) for size in (rest, space[::-1]))
        raise DataError(
            f"Its axes are in another order than nnU-Net's: {theirs} voxels where {ours} are "
            "expected, the last axis of the image's file first. The label map that was written "
            "with it, put beside it under the same name, shows how they lie."
        )
    if sorted(shape[:-1]) == sorted(space) and shape[-1] <= MOST_LABELS:
        raise DataError(
            f"It is of shape {shape}, with the labels last: the first axis of nnU-Net's "
            "probabilities is their labels. Move them there."
        )
    raise DataError(f"{other_grid(rest[::-1], space)} {_TOTAL}")


def _beside(path: Path, image: Volume) -> Labels | None:
    """Label map that a program wrote beside its probabilities; None where there is none."""
    # A picture is a label map of a picture alone: beside a volume it shows something.
    flat = image.extent == "unknown" and len(image.space) == 2
    for suffix in (*_MAPS, *(PICTURE_SUFFIXES if flat else ())):
        if (one := path.with_name(stem(path) + suffix)).is_file():
            try:
                volume = stored_of(one).volume()
            except SSNError:
                return None
            try:
                lying = on_grid(volume, image)
            except DataError as error:
                raise DataError(f"The label map beside it is of another image. {error}") from None
            try:
                found = map_of(lying)
            except DataError:
                return None
            return found if found.dtype == np.uint8 else None
    return None


def _placed(probabilities: Array, labels: Labels) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """How probabilities lie by the label map that was made of them: order and backward axes.

    DataError if it was not made of them: a map of another image, or other labels.
    """
    ndim, space = labels.ndim, probabilities.shape[1:]
    steps = tuple(slice(None, None, max(1, n // _LOOKED_AT)) for n in labels.shape)
    as_it_is = tuple(range(ndim))

    def alike(found: Labels) -> float:
        wanted = labels[steps]
        either = (found > 0) | (wanted > 0)
        return float((found == wanted)[either].mean()) if either.any() else 1.0

    thinned = probabilities[(slice(None), *steps)]
    if space == labels.shape and alike(_likeliest(thinned)) >= _OTHER:
        return as_it_is, ()
    # Turned: TotalSegmentator's, and those of nnU-Net where its plans say so.
    whole = _likeliest(probabilities)
    fitting = []
    for order in permutations(as_it_is):
        if tuple(space[axis] for axis in order) != labels.shape:
            continue
        for way in product((False, True), repeat=ndim):
            flips = tuple(axis for axis, back in enumerate(way) if back)
            if alike(np.flip(whole.transpose(order), flips)[steps]) >= _SAME:
                fitting.append((order, flips))
    if len(fitting) != 1:
        raise DataError(
            "Its probabilities are not those of the label map that lies beside it: another image, "
            "only some of its labels, or axes in another order."
        )
    return fitting[0]


def _likeliest(probabilities: Array) -> Labels:
    """Label of each voxel, (*S); along the axes as they lie, which `argmax` is slow at."""
    top = probabilities[0].copy(order="K")
    found = np.zeros_like(top, np.uint8)
    for label, values in enumerate(probabilities[1:], start=1):
        found[values > top] = label
        np.maximum(top, values, out=top)
    return found
