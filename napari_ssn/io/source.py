"""Files to read, bounded before they are: no pipe is waited for, nothing unpacks without an end."""

from __future__ import annotations

import bz2
import os
import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import psutil

from napari_ssn.documents.regular import open_regular
from napari_ssn.errors import ImageError, SSNError
from napari_ssn.geometry.arrays import Array, Bytes

_GZIP = b"\x1f\x8b"
# Bytes that are unpacked at once, and at first: who wants the header alone waits for no more.
_PIECE, _BEGINNING = 1 << 20, 1 << 16
# What an image may take above the size of its file before it is known to be whole.
_SPARE = 400 << 20
#: Bytes that one can become, unpacked by gzip (the format's limit) and by bzip2.
GZIP_RATIO, BZIP2_RATIO = 1032, 50_000
#: More than so many bytes from fewer than a 200th of them are no image but a trap: the emptiest of
#: label maps of a whole body is smaller.
TRAP, TRAP_RATIO = 1 << 30, 200
_PACKED = "The compressed voxels are damaged or cut off: copy or export the file again."
CUT_OFF = "The file is cut off: it holds fewer voxels than it says; copy or export it again."
TOO_LONG = "The file holds more voxels than it says: copy or export it again."
#: What libraries raise for a damaged file: few name a class of their own for what can be wrong with
#: one, Pillow has SyntaxError for a broken PNG, and others whatever the file's tables lead to.
BROKEN = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    OSError,
    RuntimeError,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
    zlib.error,
)


@contextmanager
def opened(path: Path) -> Iterator[BufferedReader]:
    """Open a file of an image; ImageError, without its name, if it is not there or no file."""
    # `from None`: the causes' messages hold the path, and the path may hold a patient's name.
    try:
        stream = open_regular(path)
    except FileNotFoundError:
        raise ImageError("The file does not exist.") from None
    except OSError as error:
        reason = error.strerror or "no reason given"
        raise ImageError(f"The file cannot be opened ({reason}).") from None
    with stream:
        try:
            yield stream
        except OSError as error:
            if error.errno is None:  # of a library, not of the system
                raise
            raise ImageError(f"The file cannot be read ({error.strerror}).") from None


def size_of(stream: BinaryIO) -> int:
    """Bytes of an open file."""
    return os.fstat(stream.fileno()).st_size


def is_gzip(head: bytes) -> bool:
    """Whether bytes are the beginning of what gzip packed."""
    return head[:2] == _GZIP


def plain(stream: BinaryIO | bz2.BZ2File) -> Iterator[bytes]:
    """Pieces of what follows in a file."""
    while piece := stream.read(_PIECE):
        yield piece


def unpacked(stream: BinaryIO) -> Iterator[bytes]:
    """Pieces of what gzip or zlib packed, one or several members; each one's checksum is checked.

    What follows the last member is left, as gzip itself leaves it.

    Raises:
        ImageError: it is damaged or cut off.
    """
    packed, most = b"", _BEGINNING
    while True:
        # 32: with the header and the checksum of gzip, or with those of zlib.
        member = zlib.decompressobj(zlib.MAX_WBITS | 32)
        while not member.eof:
            packed = packed or stream.read(_PIECE)
            if not packed:
                raise ImageError(_PACKED)
            try:
                piece, most = member.decompress(packed, most), _PIECE
            except zlib.error:
                raise ImageError(_PACKED) from None
            packed = member.unconsumed_tail
            if piece:
                yield piece
        packed = member.unused_data
        if len(packed) < len(_GZIP):
            packed += stream.read(_PIECE)
        if not is_gzip(packed):
            return


def is_packed(stream: BinaryIO) -> bool:
    """Whether gzip packed a file."""
    stream.seek(0)
    return is_gzip(stream.read(len(_GZIP)))


def unpacked_if(stream: BinaryIO) -> Iterator[bytes]:
    """Pieces of a file from its beginning, unpacked if gzip packed it."""
    packed = is_packed(stream)
    stream.seek(0)
    return unpacked(stream) if packed else plain(stream)


def first(pieces: Iterator[bytes], length: int) -> bytes:
    """So many bytes of what comes in pieces, fewer where there are no more."""
    head = b""
    for piece in pieces:
        head += piece
        if len(head) >= length:
            break
    return head[:length]


def surplus(pieces: Iterator[bytes], needed: int, most: int) -> int:
    """How many bytes more than those needed come in pieces; none are kept.

    ImageError if fewer come, or more than ``most`` too many.
    """
    found = sum_up_to(pieces, needed + most)
    _check_length(found, needed, most)
    return found - needed


def unpacked_bzip2(stream: BinaryIO) -> Iterator[bytes]:
    """As `unpacked`, of what bzip2 packed."""
    try:
        yield from plain(bz2.BZ2File(stream))
    except (EOFError, OSError, ValueError):
        raise ImageError(_PACKED) from None


def check_fits(needed: int, size: int, decoded: int, most: float = 1.0) -> None:
    """ImageError if a file cannot hold what its header promises, or this computer has no room.

    Args:
        needed: bytes of the voxels, as stored.
        size: of the file, bytes.
        decoded: bytes of what is made of them.
        most: bytes that one of the file can become.
    """
    if needed > most * size:
        raise ImageError(CUT_OFF)
    if needed > TRAP and needed > TRAP_RATIO * size:
        raise ImageError(
            f"The file says that {needed / 1e9:.1f} GB are packed into {size / 1e6:.2g} MB, which "
            "no image is: it is not opened."
        )
    check_memory(needed + decoded)


def check_memory(size: int, what: str = "image", kind: type[SSNError] = ImageError) -> None:
    """An error of that kind if so many bytes are more than this computer has free."""
    free = int(psutil.virtual_memory().available)
    if size > free:
        raise kind(
            f"The {what} needs {size / 1e9:.1f} GB of memory and {free / 1e9:.1f} GB are free: "
            "close other programs or open it on a larger computer."
        )


def check_sizes(sizes: Sequence[int]) -> None:
    """ImageError if the sizes of an image's axes, as a header states them, are those of none."""
    if min(sizes) < 0:
        raise ImageError("The file is damaged: a size in its header is negative.")
    if 0 in sizes:
        raise ImageError("The image holds no voxels.")


def numbers(stream: BinaryIO, start: int, kind: np.dtype[Any], count: int, most: int) -> Array:
    """So many numbers behind a header, of a file that gzip may have packed.

    Args:
        stream: of the file.
        start: bytes before them.
        kind: of them.
        count: how many they are.
        most: bytes that may follow them, as padding.

    Raises:
        ImageError: see `check_fits` and `take`.
    """
    needed, size = count * kind.itemsize, size_of(stream)
    # Told by the content, as compressed files are often renamed and others renamed .gz.
    ratio = GZIP_RATIO if is_packed(stream) else 1
    check_fits(start + needed, size, 4 * count, ratio)
    return take(lambda: unpacked_if(stream), start, needed, most, size).view(kind)


def take(
    pieces: Callable[[], Iterator[bytes]], start: int, needed: int, most: int, size: int
) -> Bytes:
    """Voxels' bytes, of what comes in pieces.

    Of what unpacks to much more than its file, the pieces are counted before room is made.

    Args:
        pieces: makes them, from the beginning each time.
        start: bytes before the voxels.
        needed: bytes of the voxels.
        most: bytes that may follow them, as padding.
        size: of the file.

    Raises:
        ImageError: there are fewer or more bytes.
    """
    if start + needed > size + _SPARE:
        surplus(pieces(), start + needed, most)
    out, at = np.empty(needed, np.uint8), -start
    for piece in pieces():
        low, high = max(at, 0), min(at + len(piece), needed)
        if high > low:
            out[low:high] = np.frombuffer(piece, np.uint8, high - low, low - at)
        at += len(piece)
        if at > needed + most:
            break
    _check_length(at, needed, most)
    return out


def sum_up_to(pieces: Iterator[bytes], most: int) -> int:
    """Bytes that come in pieces; those behind ``most`` are not counted to their end."""
    count = 0
    for piece in pieces:
        count += len(piece)
        if count > most:
            break
    return count


def _check_length(found: int, needed: int, most: int) -> None:
    if found < needed:
        raise ImageError(CUT_OFF)
    if found > needed + most:
        # One of its sizes is wrong, and nobody can say which.
        raise ImageError(TOO_LONG)
