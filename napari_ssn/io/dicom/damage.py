"""What pydicom makes of damaged files becomes one sentence, without a word of their content."""

from __future__ import annotations

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
    struct.error,
    zlib.error,
)


@contextmanager
def reading(sentence: str) -> Iterator[None]:
    """ImageError with this sentence for whatever goes wrong inside, and no warnings.

    pydicom's own messages and warnings quote the content of headers, which names the patient.
    """
    from pydicom.errors import BytesLengthException, InvalidDicomError

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        except (*_BROKEN, BytesLengthException, InvalidDicomError):
            raise ImageError(sentence) from None
