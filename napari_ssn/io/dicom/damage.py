"""What pydicom makes of damaged files becomes one sentence, without a word of their content."""

from __future__ import annotations

import logging
import sqlite3
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from napari_ssn.core.errors import ImageError
from napari_ssn.io.dicom.members import PREAMBLE

_DEFLATED = b"1.2.840.10008.1.2.1.99"
# Bytes that a deflated file may unpack to, and that are unpacked at once.
_MOST_INFLATED, _PIECE = 1 << 30, 1 << 24

# pydicom names no class of its own for most of what can be wrong with a file.
_BROKEN = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    EOFError,
    LookupError,
    NotImplementedError,
    OSError,
    RecursionError,
    RuntimeError,
    TypeError,
    ValueError,
    # highdicom keeps its table of frames in a database.
    sqlite3.Error,
    struct.error,
    zlib.error,
)


@contextmanager
def quiet() -> Iterator[None]:
    """No warning and no word in the log of pydicom and highdicom.

    They quote the content of headers, which names the patient.
    """
    logs = [logging.getLogger(name) for name in ("pydicom", "highdicom")]
    levels = [log.level for log in logs]
    for log in logs:
        log.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for log, level in zip(logs, levels, strict=True):
            log.setLevel(level)


@contextmanager
def reading(sentence: str) -> Iterator[None]:
    """ImageError with this sentence for whatever goes wrong inside, and `quiet`."""
    from pydicom.errors import BytesLengthException, InvalidDicomError

    with quiet():
        try:
            yield
        except (*_BROKEN, BytesLengthException, InvalidDicomError):
            raise ImageError(sentence) from None


def check_inflates(raw: bytes) -> None:
    """ImageError if a deflated file unpacks to more than an image has: pydicom sets no bound."""
    group = raw[PREAMBLE + 4 : PREAMBLE + 16]
    if group[:6] != b"\x02\x00\x00\x00UL" or len(group) < 12:
        return
    start = PREAMBLE + 16 + struct.unpack("<I", group[8:])[0]
    if _DEFLATED not in raw[PREAMBLE:start]:
        return
    unpacker, packed, size = zlib.decompressobj(-zlib.MAX_WBITS), raw[start:], 0
    # What is damaged is pydicom's to say.
    with suppress(zlib.error):
        while packed:
            size += len(unpacker.decompress(packed, _PIECE))
            packed = unpacker.unconsumed_tail
            if size > _MOST_INFLATED:
                raise ImageError(
                    "A DICOM file unpacks to more than 1 GB, which is not read: export the series "
                    "uncompressed."
                )
