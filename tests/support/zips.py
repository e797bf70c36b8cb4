"""Zip files that say of their entries what Python's zipfile does not open."""

from __future__ import annotations

from pathlib import Path

# Where an entry's own header and the directory have the flags and the method.
_HEADERS = {b"PK\3\4": (6, 8), b"PK\1\2": (8, 10)}
# What Windows packs large files with.
_DEFLATE64 = 9


def marked(path: Path, kind: str) -> Path:
    """Mark all entries as ``locked`` with a password, or as packed by ``deflate64``."""
    raw = bytearray(path.read_bytes())
    for mark, (flags, method) in _HEADERS.items():
        at = raw.find(mark)
        while at >= 0:
            if kind == "locked":
                raw[at + flags] |= 1
            else:
                raw[at + method] = _DEFLATE64
            at = raw.find(mark, at + 4)
    path.write_bytes(raw)
    return path


#: What is said of either.
WORDS = {
    "locked": "is locked with a password: unpack it first",
    "deflate64": "is packed in a way that is not read here: unpack it first",
}
