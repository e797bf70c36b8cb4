"""What pydicom makes of damaged files becomes one sentence, without a word of their content."""

from __future__ import annotations

import logging
import sqlite3
import struct
import threading
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BytesIO

from pydicom import Dataset, dcmread
from pydicom.datadict import tag_for_keyword
from pydicom.errors import BytesLengthException, InvalidDicomError

from napari_ssn.errors import ImageError
from napari_ssn.io.dicom.members import PREAMBLE
from napari_ssn.io.source import BROKEN

# The transfer syntax of deflated files, and the same undeflated, of as many bytes.
_DEFLATED, _PLAIN = b"1.2.840.10008.1.2.1.99", b"1.2.840.10008.1.2.1\0\0\0"
# Kinds of values of which the length takes four bytes.
_LONG = {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}
# Items of a sequence that hold nothing, and more of them than any file has.
_EMPTY_ITEMS = (b"\xfe\xff\0\xe0\0\0\0\0", b"\xff\xfe\xe0\0\0\0\0\0")
_MOST_EMPTY = 100_000
# Bytes that a deflated file may unpack to, and that are unpacked at once.
_MOST_INFLATED, _PIECE = 1 << 30, 1 << 24

#: Libraries that quote what they read in their logs.
READERS = ("pydicom", "highdicom")

#: What is said of a file that is far larger unpacked than its image.
UNPACKS = (
    "A DICOM file unpacks to more than 1 GB or to far more than its pixels, which is not read: "
    "export the series uncompressed."
)

# highdicom keeps its table of frames in a database.
_BROKEN = (*BROKEN, BytesLengthException, InvalidDicomError, sqlite3.Error)


# Which logs say nothing for the time being: by their names, how often and how they were.
_SILENT: dict[str, tuple[int, int]] = {}
_SILENCING = threading.Lock()


@contextmanager
def silent(*names: str) -> Iterator[None]:
    """No word in the log of these libraries, as long as any thread is inside."""
    with _SILENCING:
        for name in names:
            log = logging.getLogger(name)
            many, level = _SILENT.get(name, (0, log.level))
            _SILENT[name] = (many + 1, level)
            # Setting it makes every log of the process look its level up anew.
            if not many:
                log.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        with _SILENCING:
            for name in names:
                many, level = _SILENT.pop(name)
                if many > 1:
                    _SILENT[name] = (many - 1, level)
                else:
                    logging.getLogger(name).setLevel(level)


@contextmanager
def quiet(*names: str) -> Iterator[None]:
    """No warning, and no word in the log of these libraries, pydicom and highdicom if left out.

    They quote the content of headers, or what an archive is asked, which names the patient.
    """
    with silent(*(names or READERS)), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@contextmanager
def reading(sentence: str) -> Iterator[None]:
    """ImageError with this sentence for whatever goes wrong inside, and `quiet`.

    An element that is missing is named: the file need not be damaged for that.
    """
    with quiet():
        try:
            yield
        except AttributeError as error:
            if not error.name or tag_for_keyword(error.name) is None:
                raise ImageError(sentence) from None
            raise ImageError(
                f"A DICOM file lacks {error.name}, without which it is not read: export it again."
            ) from None
        except _BROKEN:
            raise ImageError(sentence) from None


def is_endless(raw: bytes) -> bool:
    """Whether bytes are no data set, but what pydicom takes minutes for, eight bytes at a time.

    What follows a file's meta information and is of group 0, as in a network's messages, is read
    to its end whatever is asked for; and so is a sequence of nothing but empty items.
    """
    # Most files are too short for so many, and need not be gone through.
    long_enough = len(raw) > _MOST_EMPTY * len(_EMPTY_ITEMS[0])
    if long_enough and max(raw.count(item) for item in _EMPTY_ITEMS) > _MOST_EMPTY:
        return True
    at = PREAMBLE + 4 if raw[PREAMBLE : PREAMBLE + 4] == b"DICM" else 0
    while raw[at : at + 2] == b"\2\0" and len(raw) >= at + 12:
        long = raw[at + 4 : at + 6] in _LONG
        size = struct.unpack_from("<I" if long else "<H", raw, at + (8 if long else 6))[0]
        at += (12 if long else 8) + int(size)
    return raw[at : at + 2] == b"\0\0"


def check_inflates(raw: bytes, most: int = _MOST_INFLATED) -> None:
    """ImageError if a file is no data set, or a deflated one unpacks to more bytes than that.

    pydicom sets no bound to either.
    """
    if is_endless(raw):
        raise ImageError("A DICOM file is damaged: copy or export it again.")
    start = _deflated_from(raw)
    if start is None:
        return
    unpacker, packed, size = zlib.decompressobj(-zlib.MAX_WBITS), raw[start:], 0
    # What is damaged is pydicom's to say.
    with suppress(zlib.error):
        while packed:
            size += len(unpacker.decompress(packed, _PIECE))
            packed = unpacker.unconsumed_tail
            if size > min(most, _MOST_INFLATED):
                raise ImageError(UNPACKS)


def data_set(whole: bytes, sentence: str) -> Dataset:
    """What a file holds, by its content; ImageError as `check_inflates` and `reading`."""
    check_inflates(whole)
    with reading(sentence):
        return dcmread(BytesIO(whole), force=True)


def inflated(raw: bytes, most: int) -> bytes:
    """A deflated file as one that is not, its data set cut off after so many bytes.

    Any other is returned as it is.
    """
    start = _deflated_from(raw)
    if start is None:
        return raw
    with reading("A DICOM file is damaged: copy or export it again."):
        content = zlib.decompressobj(-zlib.MAX_WBITS).decompress(raw[start:], most)
    return raw[:start].replace(_DEFLATED, _PLAIN) + content


def _deflated_from(raw: bytes) -> int | None:
    """Where the deflated part of a file begins; None for any other file."""
    group = raw[PREAMBLE + 4 : PREAMBLE + 16]
    if group[:6] != b"\x02\x00\x00\x00UL" or len(group) < 12:
        return None
    start = PREAMBLE + 16 + int(struct.unpack("<I", group[8:])[0])
    return start if _DEFLATED in raw[PREAMBLE:start] else None
