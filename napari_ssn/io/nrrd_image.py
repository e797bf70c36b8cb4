"""NRRD files (``.nrrd``) with their voxels attached, as 3D Slicer and ITK write them."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from napari_ssn.errors import GeometryError, ImageError
from napari_ssn.geometry.affine import LPS, Affine
from napari_ssn.geometry.arrays import Array, Floats
from napari_ssn.geometry.volume import Extent, Volume
from napari_ssn.io import source
from napari_ssn.io.nrrd_header import TIME_STEP, in_space, read_header
from napari_ssn.io.stored import Place, Stored

_NO_ORIGIN = "The file states no origin: its first voxel was put at the origin of its space."

_TYPES = {
    "i1": ("signed char", "int8", "int8_t"),
    "u1": ("uchar", "unsigned char", "uint8", "uint8_t"),
    "i2": ("short", "short int", "signed short", "signed short int", "int16", "int16_t"),
    "u2": ("ushort", "unsigned short", "unsigned short int", "uint16", "uint16_t"),
    "i4": ("int", "signed int", "int32", "int32_t"),
    "u4": ("uint", "unsigned int", "uint32", "uint32_t"),
    "i8": ("longlong", "long long", "long long int", "signed long long", "int64", "int64_t"),
    "u8": ("ulonglong", "unsigned long long", "unsigned long long int", "uint64", "uint64_t"),
    "f4": ("float",),
    "f8": ("double",),
}
_TYPE = {name: code for code, names in _TYPES.items() for name in names}
# From a file's space to right, anterior, superior.
_SPACES = {
    "left-posterior-superior": (-1.0, -1.0, 1.0),
    "lps": (-1.0, -1.0, 1.0),
    "right-anterior-superior": (1.0, 1.0, 1.0),
    "ras": (1.0, 1.0, 1.0),
    "left-anterior-superior": (-1.0, 1.0, 1.0),
    "las": (-1.0, 1.0, 1.0),
}
# The names of others: of no patient.
_NOBODYS = {"", "scanner-xyz", "3d-right-handed", "3d-left-handed"}
_MM = {"mm": 1.0, "cm": 10.0, "m": 1000.0, "um": 1e-3, "µm": 1e-3, "": 1.0}
# Kinds of axes that part one image from another; the values of others make up one colour or vector.
_APART = {"domain", "space", "list", "time", "none", "???", ""}
# Bytes of voxels that are written as text, and those that are taken apart at once.
_MOST_TEXT, _TEXT_AT_ONCE = 1 << 26, 1 << 16
# Bytes that may come before voxels that are said to be the last of what is unpacked.
_MOST_BEFORE = 1 << 20


def read_stored(path: Path) -> Stored:
    """Read a 2D or 3D NRRD file on its own voxel grid; an axis of no direction is one of frames.

    Without ``space directions`` the axes are not the patient's, and without ``spacings`` as well
    the voxel size is not known.

    Raises:
        ImageError: the file is missing, damaged or cut off.
        GeometryError: several values per voxel, or an affine that cannot be used.
    """
    return frames_of(*read_nrrd_fields(path))


def frames_of(layers: Stored, header: dict[str, Any]) -> Stored:
    """What `read_nrrd_fields` read as frames; GeometryError if they are parts of one value."""
    kinds = [str(kind).lower() for kind in header.get("kinds") or []]
    if layers.channels > 1 and not _APART.issuperset(kinds):
        raise GeometryError(
            f"The file holds {layers.channels} values per voxel; images of one are read."
        )
    return replace(layers, step_s=header[TIME_STEP] if layers.channels > 1 else None)


def read_nrrd_fields(path: Path) -> tuple[Stored, dict[str, Any]]:
    """All images of a file, which lie on one grid, and the fields of its header.

    Those of other programs are among them.
    """
    with source.opened(path) as stream:
        header, end = read_header(stream)
        header = in_space(header)
        sizes = [int(size) for size in header["sizes"]]
        inside = _axes_of_space(header, len(sizes))
        place = _place(header, inside)
        data = _voxels(header, path, stream, end, sizes)
    # First what is not space, then space in the file's own order.
    outside = [axis for axis in range(len(sizes)) if axis not in inside]
    data = data.transpose(*outside, *inside).reshape(-1, *(sizes[axis] for axis in inside))
    return Stored(data, *place, whole=data.dtype.kind != "f"), header


def _axes_of_space(header: dict[str, Any], dimension: int) -> list[int]:
    """Which axes are of space: those with a direction, else those whose kind says so, else all."""
    if "space directions" in header:
        vectors = _directions(header, dimension)
        inside = [axis for axis, vector in enumerate(vectors) if vector is not None]
    elif "kinds" in header and len(header["kinds"]) == dimension:
        inside = [axis for axis, kind in enumerate(header["kinds"]) if kind in ("domain", "space")]
        inside = inside or list(range(dimension))
    else:
        inside = list(range(dimension))
    if len(inside) not in (2, 3):
        raise GeometryError(f"The image has {len(inside)} axes; two or three can be segmented.")
    return inside


def _directions(header: dict[str, Any], dimension: int) -> list[Floats | None]:
    """Vector of each axis in the file's space; None of an axis that is not of space."""
    rows = header["space directions"]
    if len(rows) != dimension:
        raise ImageError("The file is damaged: its axes and their directions differ in number.")
    out: list[Floats | None] = []
    for row in rows:
        vector = None if row is None else np.asarray(row, dtype=np.float64).reshape(-1)
        if vector is None or (len(vector) and np.isnan(vector).all()):
            out.append(None)
        elif len(vector) not in (2, 3):
            raise GeometryError("The image's axes lie in no space of two or three dimensions.")
        else:
            # A plane of its own lies in that of the first two axes.
            out.append(np.append(vector, [0.0] * (3 - len(vector))))
    return out


def _voxels(
    header: dict[str, Any], path: Path, stream: BinaryIO, end: int, sizes: list[int]
) -> Array:
    """Voxels along the axes of the file, the fastest first.

    Args:
        header: of the file.
        path: of the file, beside which the voxels may lie.
        stream: of the file.
        end: of the header.
        sizes: of the axes.
    """
    name = str(header.get("data file", "")).strip()
    if not name:
        return _values(header, stream, end, sizes)
    if name.split()[0] == "LIST" or "%" in name:
        raise ImageError("The voxels lie in several files: save the image as one .nrrd.")
    try:
        with source.opened(path.parent / name) as other:
            return _values(header, other, 0, sizes)
    except ImageError as error:
        raise ImageError(f"The voxels lie in another file beside this one. {error}") from None


def _values(header: dict[str, Any], stream: BinaryIO, start: int, sizes: list[int]) -> Array:
    code = _TYPE.get(str(header["type"]).lower())
    if code is None:
        raise ImageError("The image holds no plain numbers: convert it to grey values first.")
    encoding, order = str(header["encoding"]).lower(), str(header.get("endian", "")).lower()
    size, count = source.size_of(stream), math.prod(sizes)
    stream.seek(start)
    for _ in range(_number(header, "line skip")):
        if not stream.readline():
            raise ImageError(source.CUT_OFF)
    start, skipped = stream.tell(), _number(header, "byte skip")
    if encoding in ("ascii", "text", "txt"):
        return _from_text(stream, np.dtype(code), count).reshape(sizes, order="F")
    if code[1] != "1" and order not in ("little", "big"):
        raise ImageError("The file does not say in which order its bytes are (endian).")
    kind = np.dtype(code).newbyteorder("<" if order == "little" else ">")
    needed = count * kind.itemsize
    if encoding == "raw" and skipped == -1:
        # The voxels are the last of the file.
        start, skipped = max(size - needed, start), 0
    pieces, most = _pieces(stream, start, encoding)
    source.check_fits(needed, size - start, 4 * count, most)
    if encoding != "raw" and skipped == -1:
        # Of what is unpacked they are the last, as behind the header of another format.
        skipped = source.surplus(pieces(), needed, _MOST_BEFORE)
    if skipped < 0:
        raise ImageError("The file is damaged: its voxels begin before their file.")
    # A file may be padded, but not by a slice: then one of its sizes is wrong.
    padding = max(needed // max(sizes) - 1, 0)
    raw = source.take(pieces, skipped, needed, padding, size)
    return raw.view(kind).reshape(sizes, order="F")


def _pieces(
    stream: BinaryIO, start: int, encoding: str
) -> tuple[Callable[[], Iterator[bytes]], float]:
    """What makes the voxels' bytes in pieces, and how many one of the file can become."""
    readers: dict[str, tuple[Callable[[BinaryIO], Iterator[bytes]], float]] = {
        "raw": (source.plain, 1.0),
        **dict.fromkeys(("gzip", "gz"), (source.unpacked, source.GZIP_RATIO)),
        **dict.fromkeys(("bzip2", "bz2"), (source.unpacked_bzip2, source.BZIP2_RATIO)),
    }
    if encoding not in readers:
        raise ImageError(f"Voxels written as {encoding[:12]!r} are not read: use raw or gzip.")
    read, most = readers[encoding]

    def pieces() -> Iterator[bytes]:
        stream.seek(start)
        return read(stream)

    return pieces, most


def _from_text(stream: BinaryIO, kind: np.dtype[Any], count: int) -> Array:
    """Numbers that are written as text."""
    if source.size_of(stream) - stream.tell() > _MOST_TEXT:
        raise ImageError("The voxels are written as text, which is too long: use raw or gzip.")
    text = stream.read().replace(b",", b" ")
    # Each takes a digit and a space at least.
    if len(text) < 2 * count - 1:
        raise ImageError(source.CUT_OFF)
    out, at = np.empty(count, kind), 0
    for words in _words(text):
        if at + len(words) > count:
            raise ImageError(source.TOO_LONG)
        try:
            out[at : at + len(words)] = np.array(words).astype(kind)
        except (ValueError, OverflowError):
            raise ImageError("The file is damaged: a voxel is no number of its kind.") from None
        at += len(words)
    if at < count:
        raise ImageError(source.CUT_OFF)
    return out


def _words(text: bytes) -> Iterator[list[bytes]]:
    """Words of a text, some at a time: each takes twenty times its room in memory."""
    at = 0
    while at < len(text):
        # Up to the first space behind so many bytes, whatever kind of space it is.
        spaces = re.compile(rb"\s").search(text, at + _TEXT_AT_ONCE)
        end = len(text) if spaces is None else spaces.start()
        if words := text[at:end].split():
            yield words
        at = end


def _number(header: dict[str, Any], name: str) -> int:
    try:
        return int(header.get(name, 0))
    except (TypeError, ValueError):
        raise ImageError(
            f"The file is damaged: the {name} in its header cannot be understood."
        ) from None


def _place(header: dict[str, Any], inside: list[int]) -> Place:
    affine = LPS.copy()
    ndim = len(inside)
    if "space directions" not in header:
        if "space" in header:
            # With a damaged name of that field the place would be lost in silence.
            raise GeometryError("The file names a space and no directions in it: export it again.")
        spacings = np.asarray(header.get("spacings", np.nan), dtype=np.float64).reshape(-1)
        known = len(spacings) == header["dimension"] and np.isfinite(spacings[inside]).all()
        if known:
            affine[:ndim, :ndim] *= spacings[inside]
        extent: Extent = "unknown" if not known else "volume" if ndim == 3 else "plane"
        return Place(affine, extent, oriented=False)
    vectors = _directions(header, int(header["dimension"]))
    space = str(header.get("space", "")).lower()
    signs = _SPACES.get(space)
    if signs is None and space not in _NOBODYS:
        raise ImageError("The file is damaged: the space that its header names is not known.")
    unit = _unit(header)
    for column, axis in enumerate(inside):
        affine[:3, column] = vectors[axis]
    origin = np.asarray(header.get("space origin", (0.0,) * 3), dtype=np.float64).reshape(-1)
    flat = all(len(np.atleast_1d(row)) == 2 for row in header["space directions"])
    if flat and signs is not None:
        raise GeometryError("The file names a patient's space and gives directions in a plane.")
    if len(origin) not in ((2, 3) if flat else (3,)):
        raise ImageError("The file is damaged: the space origin in its header is no place.")
    affine[: len(origin), 3] = origin
    affine[:3] *= unit
    # Nobody says which way the axes of an unnamed space run: they are taken as left, posterior,
    # superior, and the image as one of no patient.
    affine = np.diag([*(signs or (-1.0, -1.0, 1.0)), 1.0]) @ affine
    if ndim == 2:
        affine = Affine(affine).upright()
    note = None if "space origin" in header else _NO_ORIGIN
    extent = "volume" if ndim == 3 else "plane"
    return Place(affine + 0.0, extent, signs is not None, note)


def _unit(header: dict[str, Any]) -> float:
    """Millimetres in the file's unit of space."""
    units = {str(unit).strip('"').lower() for unit in header.get("space units", ["mm"])}
    if len(units) != 1 or not units <= _MM.keys():
        raise GeometryError("The voxel size is not stated in millimetres: save the image anew.")
    return _MM[units.pop()]


def read(path: Path, frame: int | None) -> Volume:
    """See `read_stored`; several frames are no image."""
    return read_stored(path).image(frame)
