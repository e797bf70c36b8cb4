"""OME-Zarr 0.4 and 0.5, local folders: a level of an image, with its frames and its labels."""

from __future__ import annotations

import itertools
import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_ssn.errors import GeometryError, ImageError, SSNError
from napari_ssn.geometry.affine import Affine
from napari_ssn.geometry.volume import Volume
from napari_ssn.io import source
from napari_ssn.io.omezarr_blocks import check_blocks
from napari_ssn.io.omezarr_head import Level, is_zarr, labels_of, levels_of
from napari_ssn.io.stored import Place, Stored

__all__ = ["Frames", "LevelInfo", "is_zarr", "list_levels", "read_frames", "read_omezarr"]

_MISSING = 'OME-Zarr is read with a library that is not installed: pip install "napari-ssn[zarr]".'
_DAMAGED = "The OME-Zarr is damaged or its blocks are cut off: copy or export it again."
# Units that sizes are said in, by how many mm the smallest is.
_SAID = ((1.0, "mm"), (1e-3, "µm"), (0.0, "nm"))
_IN_MM = {"mm": 1.0, "µm": 1e-3, "nm": 1e-6}


@dataclass(frozen=True)
class LevelInfo:
    """A level to choose.

    Attributes:
        number: to choose it by, from 1; the finest first.
        size: voxels along x, y and z.
        spacing_mm: along these; None where no unit says.
        frames: points in time and channels.
        bytes: that it takes in memory.
        problem: why it cannot be opened, one sentence.
    """

    number: int
    size: tuple[int, ...]
    spacing_mm: tuple[float, ...] | None
    frames: int
    bytes: int
    problem: str | None = None

    @property
    def words(self) -> str:
        """``512 × 512 × 64 · 0.5 × 0.5 × 2 µm · 3 frames · 201 MB``."""
        said = [" × ".join(map(str, self.size))]
        if self.spacing_mm is not None:
            unit = next(unit for least, unit in _SAID if min(self.spacing_mm) >= 0.1 * least)
            sizes = " × ".join(f"{mm / _IN_MM[unit]:.3g}" for mm in self.spacing_mm)
            said.append(f"{sizes} {unit}")
        said += [f"{self.frames} frames"] if self.frames > 1 else []
        said += ["cannot be opened"] if self.problem else [f"{self.bytes / 1e6:,.0f} MB"]
        return " · ".join(said)


@dataclass(frozen=True, eq=False)
class Frames:
    """A level with all of its frames.

    Attributes:
        stored: the frames in the order of the file, in the type that it stores.
        axis: what they differ in: ``t``, ``c``, or ``frame`` for both.
        labels: label images on the same grid, of one frame each, by their names.
    """

    stored: Stored
    axis: str
    labels: dict[str, Stored] = field(default_factory=dict)


def list_levels(path: Path) -> tuple[LevelInfo, ...]:
    """Levels of the images in a folder; ImageError, in one sentence, if there are none."""
    out = []
    for number, level in enumerate(levels_of(path), start=1):
        try:
            array = _array(path, level)
        except SSNError as error:
            out.append(LevelInfo(number, (), None, 1, 0, str(error)))
            continue
        size = tuple(array.shape[n] for n in reversed(level.space))
        spacing = None
        if level.extent != "unknown":
            spacing = Affine(level.affine).spacing_mm(len(size))[::-1]
        count = math.prod(array.shape)
        frames = math.prod(array.shape[n] for n in level.over)
        out.append(LevelInfo(number, size, spacing, frames, 4 * count))
    return tuple(out)


def read_omezarr(path: Path, level: int | None = None, frame: int | None = None) -> Volume:
    """Read a level of an OME-Zarr, or one of its frames, with the axes of the file.

    The axes of space make the grid, with the sizes that scale, translation and units say; nothing
    says how it lies in a patient. Points in time and channels are frames, time first where the
    file has it first.

    Args:
        path: of the folder.
        level: its number in `list_levels`, from 1; of several the finest if left out.
        frame: from 0; needed where there are several.

    Raises:
        ImageError: the folder is missing, damaged, of another version, or the extra ``zarr`` is
            not installed.
        GeometryError: no such frame, or several and none named; too many axes.
    """
    chosen, array, note = _opened(path, level)
    count = math.prod(array.shape[n] for n in chosen.over)
    if frame is None and count > 1:
        raise GeometryError(
            f"The OME-Zarr holds {count} frames, points in time or channels: name one of them."
        )
    if frame is not None and not 0 <= frame < count:
        raise GeometryError(f"There is no frame {frame + 1} in this image: it has {count}.")
    return _read(path, chosen, array, frame or 0, note).volume()


def read_frames(path: Path, level: int | None = None) -> Frames:
    """As `read_omezarr`, with all of the frames, and with the label images inside."""
    chosen, array, note = _opened(path, level)
    stored = _read(path, chosen, array, None, note)
    over = [n for n in chosen.over if array.shape[n] > 1]
    kinds = [chosen.axes[n].kind for n in over]
    axis = {"time": "t", "channel": "c"}[kinds[0]] if len(kinds) == 1 else "frame"
    step_s = chosen.step_s if kinds == ["time"] else None
    labels = dict(_labels(path, chosen, stored))
    return Frames(replace(stored, step_s=step_s), axis, labels)


def _opened(path: Path, number: int | None) -> tuple[Level, Any, str | None]:
    """A level by its number, the finest without one, its array, and what is to be said of it."""
    levels = levels_of(path)
    if number is None and len({level.group for level in levels}) > 1:
        raise ImageError(
            f"There are several images, with {len(levels)} levels in all: choose one by its number."
        )
    if number is not None and not 1 <= number <= len(levels):
        raise ImageError(f"There is no level {number}: there are {len(levels)}.")
    note = None
    if number is None and len(levels) > 1:
        note = f"The finest of {len(levels)} levels was read."
    level = levels[(number or 1) - 1]
    return level, _array(path, level), note


@contextmanager
def _refused() -> Iterator[None]:
    """ImageError for whatever zarr and its codecs make of a damaged folder."""
    # An extra.
    import zarr.errors

    failures = (*source.BROKEN, ImportError, MemoryError, zarr.errors.BaseZarrError)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except failures:
            # `from None`: the causes' messages hold the path, which may hold a patient's name.
            raise ImageError(_DAMAGED) from None


def _array(path: Path, level: Level) -> Any:
    """The array of a level, opened and not read."""
    try:
        import zarr
    except ModuleNotFoundError:
        raise ImageError(_MISSING) from None
    folder = path / level.group / level.path
    if not folder.is_dir():
        raise ImageError("A level that the OME-Zarr names is not there: copy it again.")
    for mark in (".zarray", ".zattrs", "zarr.json"):
        if (folder / mark).exists() and not (folder / mark).is_file():
            raise ImageError(_DAMAGED)
    with _refused():
        array = zarr.open_array(str(folder), mode="r")
        shape, kind = tuple(array.shape), array.dtype
    if len(shape) != len(level.axes):
        raise ImageError("The OME-Zarr names other axes than its voxels have: export it again.")
    source.check_sizes(shape)
    if kind.kind not in "biuf":
        raise ImageError("The image holds no plain numbers: convert it to grey values first.")
    return array


def _read(path: Path, level: Level, array: Any, frame: int | None, note: str | None) -> Stored:
    """All frames of a level, as it stores them, or one as the numbers of an image."""
    space = tuple(array.shape[n] for n in level.space)
    whole = math.prod(array.shape) * array.dtype.itemsize
    blocks = check_blocks(path / level.group / level.path, array, whole)
    count = math.prod(array.shape[n] for n in level.over)
    source.check_memory(4 * (count if frame is None else 1) * math.prod(space) + whole // count)
    every = list(itertools.product(*(range(array.shape[n]) for n in level.over)))
    places = every if frame is None else [every[frame]]
    kind = array.dtype.newbyteorder("=") if frame is None else np.float32
    data = np.empty((len(places), *space), kind)
    for out, place in zip(data, places, strict=True):
        index: list[Any] = [slice(None)] * array.ndim
        for n, at in zip(level.over, place, strict=True):
            index[n] = at
        with _refused():
            values = np.asarray(array[tuple(index)])
        if values.shape != space:
            raise ImageError(_DAMAGED)
        with np.errstate(over="ignore"):  # inference refuses infinity in words of its own
            out[...] = values
    words = [note] if note else []
    if blocks:
        words.append(f"{blocks:,} of its blocks are not stored and are read as empty.")
    where = Place(level.affine, level.extent, False, " ".join(words) or None)
    return Stored(data, *where, labels=level.labels, whole=array.dtype.kind != "f")


def _labels(path: Path, level: Level, image: Stored) -> Iterator[tuple[str, Stored]]:
    """Label images of one frame that lie on the grid of an image, by names that can be shown."""
    elsewhere = 0
    for folder in labels_of(path, level.group):
        try:
            for one in levels_of(path / folder):
                array = _array(path / folder, one)
                space = tuple(array.shape[n] for n in one.space)
                alike = space == image.space and np.allclose(one.affine, image.affine, rtol=1e-4)
                if alike and math.prod(array.shape[n] for n in one.over) == 1:
                    name = "".join(c for c in Path(folder).name if c.isprintable())[:40]
                    yield name, _read(path / folder, one, array, None, None)
                    break
            else:
                elsewhere += 1
        except SSNError as error:
            warnings.warn(f"Labels beside the image were left out. {error}", stacklevel=2)
    if elsewhere:
        some = "1 label image" if elsewhere == 1 else f"{elsewhere} label images"
        have = "has" if elsewhere == 1 else "have"
        was = "was" if elsewhere == 1 else "were"
        words = f"{some} beside the image {have} no level on its grid and {was} left out."
        warnings.warn(words, stacklevel=2)
