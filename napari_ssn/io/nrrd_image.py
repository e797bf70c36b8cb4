"""NRRD files (``.nrrd``) with their voxels attached, as 3D Slicer and ITK write them."""

from __future__ import annotations

import bz2
import math
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nrrd
import numpy as np
from numpy.typing import NDArray

from napari_ssn.core.errors import GeometryError, ImageError
from napari_ssn.core.volume import Extent, Volume, stand_upright

_DAMAGED = "The file is damaged or no NRRD file: export it again or choose another."
_CUT_OFF = "The file is cut off: it holds fewer voxels than it says; copy or export it again."

_TOO_LONG = "The file holds more voxels than it says: copy or export it again."
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
# Axes that an image has beside those of space: several values per voxel, or several images.
_MOST_AXES = 4


@dataclass(frozen=True)
class _Place:
    """Affine in mm, what it measures, and whether it is the patient's."""

    affine: NDArray[np.float64]
    extent: Extent
    oriented: bool
    note: str | None = None


def read_nrrd(path: Path) -> Volume:
    """Read a 2D or 3D NRRD file on its own voxel grid.

    Without ``space directions`` the axes are not the patient's, and without ``spacings`` as well
    the voxel size is not known.

    Raises:
        ImageError: the file is missing, damaged, cut off, or its voxels lie in another file.
        GeometryError: several values per voxel, or an affine that cannot be used.
    """
    return check_single(read_nrrd_layers(path))


def check_single(volume: Volume) -> Volume:
    """The volume itself; GeometryError if it has several channels."""
    if volume.channels != 1:
        raise GeometryError(
            f"The file holds {volume.channels} values per voxel; images of one are read."
        )
    return volume


def read_nrrd_layers(path: Path) -> Volume:
    """As `read_nrrd`, of a file that may hold several images of one grid: the channels."""
    return read_nrrd_fields(path)[0]


def read_nrrd_fields(path: Path) -> tuple[Volume, dict[str, Any]]:
    """As `read_nrrd_layers`, and the fields of the header, those of other programs included."""
    header, body = _parse(path)
    sizes = [int(size) for size in header["sizes"]]
    inside = _axes_of_space(header, len(sizes))
    data = _values(header, body, sizes)
    # First what is not space, then space in the file's own order.
    outside = [axis for axis in range(len(sizes)) if axis not in inside]
    data = data.transpose(*outside, *inside).reshape(-1, *(sizes[axis] for axis in inside))
    place = _place(header, inside)
    with np.errstate(over="ignore"):  # inference refuses infinity in words of its own
        values = np.ascontiguousarray(data, dtype=np.float32)
    volume = Volume(values, place.affine, place.extent, place.oriented, note=place.note)
    return volume, header


def _parse(path: Path) -> tuple[dict[str, Any], bytes]:
    """Fields of the header, and the bytes behind it."""
    # `from None`: the causes' messages hold the path, and the path may hold a patient's name.
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise ImageError("The file does not exist.") from None
    except OSError as error:
        reason = error.strerror or "no reason given"
        raise ImageError(f"The file cannot be opened ({reason}).") from None
    if not content.startswith(b"NRRD"):
        raise ImageError(_DAMAGED)
    ends = [(at, len(mark)) for mark in (b"\n\n", b"\r\n\r\n") if (at := content.find(mark)) >= 0]
    at, length = min(ends, default=(len(content), 0))
    try:
        lines = content[:at].decode("utf-8").splitlines()
        header = dict(nrrd.read_header([f"{_plain(line)}\n" for line in lines]))
    except (nrrd.NRRDError, UnicodeDecodeError, ValueError, KeyError, IndexError, TypeError):
        raise ImageError(_DAMAGED) from None
    if {"data file", "datafile"} & header.keys():
        raise ImageError("The voxels lie in another file beside this one: save both as one .nrrd.")
    if not {"type", "dimension", "sizes", "encoding"} <= header.keys():
        raise ImageError(_DAMAGED)
    sizes = np.asarray(header["sizes"]).reshape(-1)
    if len(sizes) != header["dimension"] or not 2 <= len(sizes) <= _MOST_AXES:
        raise GeometryError(f"The image has {len(sizes)} axes; two or three can be segmented.")
    if sizes.min() < 0:
        raise ImageError(_DAMAGED)
    if sizes.min() == 0:
        raise ImageError("The image holds no voxels.")
    return header, content[at + length :]


def _plain(line: str) -> str:
    """A line of the header with the name of its field as pynrrd knows it."""
    name, colon, value = line.partition(":")
    # A colon and "=" are a key of somebody's own.
    return line if value.startswith("=") or not colon else f"{name.strip().lower()}:{value}"


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


def _directions(header: dict[str, Any], dimension: int) -> list[NDArray[np.float64] | None]:
    """Vector of each axis in the file's space; None of an axis that is not of space."""
    rows = header["space directions"]
    if len(rows) != dimension:
        raise ImageError(_DAMAGED)
    out: list[NDArray[np.float64] | None] = []
    for row in rows:
        vector = None if row is None else np.asarray(row, dtype=np.float64).reshape(-1)
        if vector is None or (len(vector) and np.isnan(vector).all()):
            out.append(None)
        elif len(vector) != 3:
            raise GeometryError("The image's axes lie in no space of three dimensions.")
        else:
            out.append(vector)
    return out


def _values(header: dict[str, Any], body: bytes, sizes: list[int]) -> NDArray[Any]:
    """Voxels along the axes of the file, the fastest first."""
    code = _TYPE.get(str(header["type"]).lower())
    if code is None:
        raise ImageError("The image holds no plain numbers: convert it to grey values first.")
    if code[1] != "1" and header.get("endian") not in ("little", "big"):
        raise ImageError(_DAMAGED)
    kind = np.dtype(code).newbyteorder("<" if header.get("endian") == "little" else ">")
    needed = math.prod(sizes) * kind.itemsize
    if _number(header, "line skip") or _number(header, "byte skip"):
        raise ImageError("The voxels do not follow the header: save the image anew as .nrrd.")
    encoding = str(header["encoding"]).lower()
    raw = _decoded(body, encoding, needed)
    if raw is None:
        raise ImageError(f"Voxels written as {encoding[:12]!r} are not read: use raw or gzip.")
    if len(raw) < needed:
        raise ImageError(_CUT_OFF)
    if len(raw) > needed:
        # One of its sizes is wrong, and nobody can say which.
        raise ImageError(_TOO_LONG)
    return np.frombuffer(raw, kind, math.prod(sizes)).reshape(sizes, order="F")


def _number(header: dict[str, Any], name: str) -> int:
    try:
        return int(header.get(name, 0))
    except (TypeError, ValueError):
        raise ImageError(_DAMAGED) from None


def _decoded(body: bytes, encoding: str, needed: int) -> bytes | None:
    """The voxels' bytes, one more than are needed at most; None for an encoding that is not read.

    Compressed bytes are read to their end, where their checksum is.
    """
    damaged = ImageError("The compressed voxels are damaged or cut off: copy or export it again.")
    if encoding == "raw":
        return body[: needed + 1]
    try:
        if encoding in ("gzip", "gz"):
            # 16: with the header and the checksum of gzip.
            unpack = zlib.decompressobj(zlib.MAX_WBITS | 16)
            raw = unpack.decompress(body, needed + 1)
            if len(raw) <= needed and not unpack.eof:
                raise damaged
            return raw
        if encoding in ("bzip2", "bz2"):
            packed = bz2.BZ2Decompressor()
            raw = packed.decompress(body, needed + 1)
            if len(raw) <= needed and not packed.eof:
                raise damaged
            return raw
    except (zlib.error, OSError, EOFError, ValueError):
        raise damaged from None
    return None


def _place(header: dict[str, Any], inside: list[int]) -> _Place:
    affine = np.diag([-1.0, -1.0, 1.0, 1.0])
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
        return _Place(affine, extent, oriented=False)
    vectors = _directions(header, int(header["dimension"]))
    space = str(header.get("space", "")).lower()
    signs = _SPACES.get(space)
    if signs is None and space not in _NOBODYS:
        raise ImageError(_DAMAGED)
    unit = _unit(header)
    for column, axis in enumerate(inside):
        affine[:3, column] = vectors[axis]
    origin = np.asarray(header.get("space origin", (0.0,) * 3), dtype=np.float64).reshape(-1)
    if len(origin) != 3:
        raise ImageError(_DAMAGED)
    affine[:3, 3] = origin
    affine[:3] *= unit
    # Nobody says which way the axes of an unnamed space run: they are taken as left, posterior,
    # superior, and the image as one of no patient.
    affine = np.diag([*(signs or (-1.0, -1.0, 1.0)), 1.0]) @ affine
    if ndim == 2:
        affine = stand_upright(affine)
    note = None if "space origin" in header else _NO_ORIGIN
    extent = "volume" if ndim == 3 else "plane"
    return _Place(affine + 0.0, extent, signs is not None, note)


def _unit(header: dict[str, Any]) -> float:
    """Millimetres in the file's unit of space."""
    units = {str(unit).strip('"').lower() for unit in header.get("space units", ["mm"])}
    if len(units) != 1 or not units <= _MM.keys():
        raise GeometryError("The voxel size is not stated in millimetres: save the image anew.")
    return _MM[units.pop()]
