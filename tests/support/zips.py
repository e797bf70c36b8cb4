"""Zip files that say of their entries what Python's zipfile does not open, or hold gigabytes."""

from __future__ import annotations

import struct
import zlib
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


def zeros(size: int, start: bytes = b"") -> bytes:
    """So many zeros behind a start, packed by gzip: one packed block, again and again."""
    block = bytes(1 << 20)
    packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
    head = packer.compress(start) + packer.flush(zlib.Z_FULL_FLUSH)
    one = packer.compress(block) + packer.flush(zlib.Z_FULL_FLUSH)
    checksum = zlib.crc32(start)
    for _ in range(size >> 20):
        checksum = zlib.crc32(block, checksum)
    trailer = struct.pack("<2I", checksum, (len(start) + size) & 0xFFFFFFFF)
    magic = b"\x1f\x8b\x08" + bytes(6) + b"\xff"
    return magic + head + one * (size >> 20) + packer.flush() + trailer


def zipped(size: int, start: bytes = b"", name: str = "a") -> bytes:
    """A zip of one file of that name, of so many zeros behind a start."""
    packed = zeros(size, start)
    content, checksum = packed[10:-8], packed[-8:-4]
    called = name.encode()
    sizes = struct.pack("<2I2H", len(content), len(start) + size, len(called), 0)
    about = struct.pack("<5H", 20, 0, 8, 0, 0) + checksum + sizes
    local = b"PK\3\4" + about + called
    entry = b"PK\1\2" + struct.pack("<H", 20) + about + struct.pack("<3H2I", 0, 0, 0, 0, 0) + called
    end = struct.pack("<4H2IH", 0, 0, 1, 1, len(entry), len(local) + len(content), 0)
    return local + content + entry + b"PK\5\6" + end
