"""Blocks of a zarr array, looked at before they are unpacked: which there are, what they hold."""

from __future__ import annotations

import math
import os
import stat
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from napari_ssn.documents.regular import open_regular
from napari_ssn.errors import ImageError
from napari_ssn.io import source

_DAMAGED = "The blocks of the OME-Zarr are damaged: copy or export it again."
# More files of one level no disk lists in a moment.
_MOST = 1_000_000
# What a block may hold beyond its voxels: checksums and the rounding of its codec.
_SPARE = 1 << 20
_ZSTD = b"\x28\xb5\x2f\xfd"
# Longest block of zstd's own.
_ZSTD_BLOCK = 1 << 17
_NO_BLOCK = {".zarray", ".zattrs", "zarr.json", ".zgroup", ".zmetadata"}


def check_blocks(folder: Path, array: Any, whole: int) -> int:
    """How many blocks of an array are not there; ImageError if they cost more than they may.

    Every block is a file: no pipe is waited for, and none unpacks to more than its share.

    Args:
        folder: of the array.
        array: of zarr.
        whole: bytes of all of its voxels.
    """
    codecs = _codecs(array)
    shards = getattr(array, "shards", None)
    block = shards or array.chunks
    most = math.prod(block) * array.dtype.itemsize + _SPARE
    found = total = 0
    for path, size in _files(folder):
        found, total = found + 1, total + size
        if found > _MOST:
            raise ImageError(f"The level has more than {_MOST:,} blocks: choose a coarser one.")
        if not shards:
            _check(path, size, codecs, most)
    source.check_fits(whole, total, 0, math.inf)
    wanted: int = math.prod(-(-n // k) for n, k in zip(array.shape, block, strict=True))
    return max(0, wanted - found)


def _files(folder: Path) -> Iterator[tuple[Path, int]]:
    """Blocks in a folder and those in it; ImageError if one is no regular file."""
    waiting = [str(folder)]
    while waiting:
        try:
            with os.scandir(waiting.pop()) as entries:
                for one in entries:
                    if one.is_dir():
                        waiting.append(one.path)
                        continue
                    about = one.stat()
                    if not stat.S_ISREG(about.st_mode):
                        raise ImageError(_DAMAGED)
                    if one.name not in _NO_BLOCK and not one.name.startswith("."):
                        yield Path(one.path), about.st_size
        except OSError as error:
            reason = error.strerror or "no reason given"
            raise ImageError(f"The OME-Zarr cannot be opened ({reason}).") from None


def _codecs(array: Any) -> list[str]:
    """Names of what unpacks a block, the last one that packed it first."""
    found = getattr(array, "compressors", ()) or ()
    out = []
    for one in found:
        name = getattr(one, "codec_id", None) or type(one).__name__
        out.append(str(name).lower().removesuffix("codec").removeprefix("numcodecs."))
    return out[::-1]


def _check(path: Path, size: int, codecs: list[str], most: int) -> None:
    """ImageError if a block unpacks to more than it may."""
    if not codecs:
        if size > most:
            raise ImageError(_DAMAGED)
        return
    name = codecs[0]
    with open_regular(path) as stream:
        if name == "blosc":
            head = stream.read(16)
            bad = len(head) < 16 or struct.unpack_from("<I", head, 4)[0] > most
        elif name == "lz4":
            head = stream.read(4)
            bad = len(head) < 4 or struct.unpack("<I", head)[0] > most
        elif name == "zstd":
            bad = size * _ZSTD_BLOCK > 4 * most and _zstd_most(stream.read()) > most + _ZSTD_BLOCK
        elif name in ("gzip", "zlib"):
            bad = size * source.GZIP_RATIO > most + (64 << 20) and (
                source.sum_up_to(source.unpacked(stream), most) > most
            )
        else:
            raise ImageError(f"The blocks are packed as {name[:20]}, which is not read here.")
    if bad:
        raise ImageError(_DAMAGED)


def _zstd_most(raw: bytes) -> int:
    """Bytes that frames of zstd can become, by the sizes of their blocks (RFC 8878, 3.1.1)."""
    at = total = 0
    while raw[at : at + 4] == _ZSTD:
        flags = raw[at + 4] if at + 4 < len(raw) else 0
        single = flags >> 5 & 1
        size = (1 if single else 0, 2, 4, 8)[flags >> 6]
        at += 5 + (not single) + (0, 1, 2, 4)[flags & 3] + size
        last = 0
        while not last and at + 3 <= len(raw):
            head = int.from_bytes(raw[at : at + 3], "little")
            last, kind, length = head & 1, head >> 1 & 3, head >> 3
            total += length if kind < 2 else _ZSTD_BLOCK
            at += 3 + (1 if kind == 1 else length)
        at += 4 * (flags >> 2 & 1)
    return total
