"""What pydicom makes of damaged files becomes one sentence, without a word of their content."""

from __future__ import annotations

import logging
import sqlite3
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from napari_ssn.core.errors import ImageError

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
