"""Headers of NRRD files, field by field: what cannot be understood is named."""

from __future__ import annotations

from typing import Any, BinaryIO

import nrrd
import numpy as np

from napari_ssn.errors import GeometryError, ImageError
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
