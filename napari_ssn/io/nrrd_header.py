"""Headers of NRRD files, field by field: what cannot be understood is named."""

from __future__ import annotations

import math
from typing import Any, BinaryIO

import nrrd
import numpy as np

from napari_ssn.errors import GeometryError, ImageError
from napari_ssn.geometry.arrays import Floats
from napari_ssn.io.source import check_sizes

_NO_NRRD = "The file is damaged or no NRRD file: export it again or choose another."
# Longer ones hold no header.
_LONGEST = 1 << 24
_ENDS = (b"\n\n", b"\n\r\n")
# Axes that an image has beside those of space: several values per voxel, or several images.
_MOST_AXES = 4
# Fields that are needed here, by the other names that they go by.
_ALSO = {"datafile": "data file", "lineskip": "line skip", "byteskip": "byte skip"}
_NEEDED = ("type", "dimension", "sizes", "encoding")
# Fields of the format that are read here: somebody's own key of such a name is not the field.
_FIELDS = frozenset(
    (
        *_NEEDED,
        *_ALSO.values(),
        "endian",
        "kinds",
        "spacings",
        "space",
        "space directions",
        "space origin",
        "space units",
        "measurement frame",
    )
)

#: Under this name the header says how many seconds lie between frames, or None.
TIME_STEP = "\0step"
_SECONDS = {"s": 1.0, "sec": 1.0, "ms": 1e-3, "us": 1e-6}
# Spaces of four dimensions by their short names.
_SHORT = {"rast": "ras", "last": "las", "lpst": "lps"}


def read_header(stream: BinaryIO) -> tuple[dict[str, Any], int]:
    """Fields of the header, and the byte of the file at which it has ended.

    Keys of other programs (``key:=value``) are among the fields, as text.

    Raises:
        ImageError: it is none, or a field is missing or cannot be understood.
        GeometryError: it has no axes that an image can have.
    """
    stream.seek(0)
    if stream.read(4) != b"NRRD":
        raise ImageError(_NO_NRRD)
    stream.seek(0)
    content = stream.read(_LONGEST)
    ends = [(at, len(mark)) for mark in _ENDS if (at := content.find(mark)) >= 0]
    # A header whose voxels lie in another file may just end.
    at, length = min(ends, default=(len(content), 0))
    if not ends and len(content) == _LONGEST:
        raise ImageError(_NO_NRRD)
    magic, *lines = (_text(line) for line in content[:at].split(b"\n"))
    header = _fields(magic, lines)
    for name in _NEEDED:
        if name not in header:
            raise ImageError(
                f"The file is damaged or no NRRD file: its header does not say the {name}."
            )
    _check_sizes(header)
    return header, at + length


def _text(line: bytes) -> str:
    """The standard wants ASCII; UTF-8 is what most write, and Latin-1 fits whatever else."""
    try:
        return line.decode("utf-8").rstrip()
    except UnicodeDecodeError:
        return line.decode("latin-1").rstrip()


def _fields(magic: str, lines: list[str]) -> dict[str, Any]:
    header: dict[str, Any] = {}
    keys: dict[str, Any] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if line.startswith("#") or not line:
            continue
        if not colon:
            raise ImageError("The file is damaged: a line of its header is no field.")
        if value.startswith("="):
            # A key of somebody's own, said twice or not.
            if name.strip().lower() not in _FIELDS:
                keys[name.strip()] = value[1:].strip()
            continue
        name = name.strip().lower()
        name = _ALSO.get(name, name)
        if name in header:
            raise ImageError("The file is damaged: its header states one field twice.")
        header[name] = _value(magic, name, value)
    return {**keys, **header}


def _value(magic: str, name: str, value: str) -> Any:
    """Value of a field, as pynrrd understands it."""
    try:
        return nrrd.read_header([f"{magic}\n", f"{name}: {value.strip()}\n"])[name]
    except (nrrd.NRRDError, ValueError, KeyError, IndexError, TypeError, OverflowError):
        pass
    try:
        nrrd.read_header([f"{magic}\n"])
    except (nrrd.NRRDError, ValueError):
        raise ImageError(f"{_NO_NRRD[:-1]} (its version is not known).") from None
    # pynrrd understands any text of a field that it does not know: this is one of the format's.
    raise ImageError(f"The file is damaged: the {name} in its header cannot be understood.")


def _check_sizes(header: dict[str, Any]) -> None:
    sizes = np.asarray(header["sizes"]).reshape(-1)
    if len(sizes) != header["dimension"] or not 2 <= len(sizes) <= _MOST_AXES:
        raise GeometryError(f"The image has {len(sizes)} axes; two or three can be segmented.")
    check_sizes(sizes.tolist())


def in_space(header: dict[str, Any]) -> dict[str, Any]:
    """The header with three dimensions of space, and under `TIME_STEP` what the fourth says.

    An axis that runs along the fourth dimension alone gets no direction, as frames have none.

    Raises:
        GeometryError: an axis leans into both.
    """
    space = str(header.get("space", ""))
    short = _SHORT.get(space.lower(), space.lower().removesuffix("-time"))
    rows = header.get("space directions")
    four = rows is not None and any(row is not None and len(_vector(row)) == 4 for row in rows)
    if not four:
        return {**header, TIME_STEP: None}
    assert rows is not None
    directions: list[Floats | None] = []
    step = None
    for row in rows:
        vector = None if row is None else _vector(row)
        if vector is None or np.isnan(vector).all():
            directions.append(None)
        elif len(vector) == 4 and not vector[:3].any():
            directions.append(None)
            step = float(vector[3])
        elif len(vector) == 4 and vector[3] == 0:
            directions.append(vector[:3])
        else:
            raise GeometryError("The fourth axis of the image leans into those of space.")
    units = [str(unit).strip('"').lower() for unit in header.get("space units") or []]
    changed: dict[str, Any] = {"space directions": directions}
    if "space" in header:
        changed["space"] = short
    if "space origin" in header:
        changed["space origin"] = _vector(header["space origin"])[:3]
    if len(units) == 4:
        changed["space units"] = units[:3]
        scale = _SECONDS.get(units[3])
        step = None if scale is None or step is None else step * scale
    else:
        step = None
    known = step is not None and math.isfinite(step) and step > 0
    return {**header, **changed, TIME_STEP: step if known else None}


def _vector(row: Any) -> Floats:
    return np.asarray(row, dtype=np.float64).reshape(-1)
