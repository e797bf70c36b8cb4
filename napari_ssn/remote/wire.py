"""The form of a message: what it says, then arrays, each packed without a loss.

``NSSN``, the head's length (4 bytes, little-endian), the head (JSON), and one zstd frame for each
array. Of an array lie the first bytes of all its numbers together, then the second ones: what
numbers have in common are their signs and sizes.

Whatever comes in may come from anybody: nothing is unpacked whose size was not known and allowed
before, and nothing of it is ever executed.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import zstandard
from pydantic import ValidationError

from napari_ssn.documents.remote import Head, Piece
from napari_ssn.errors import DataError
from napari_ssn.geometry.arrays import Array

#: By numpy's names.
Arrays = dict[str, Array]

_BEGINS = b"NSSN"
_LENGTH = 4
# More than any head has.
_LONGEST = 1 << 16
# Beyond it zstd becomes slow, and hardly better.
_LEVEL = 3


def written(says: dict[str, Any], arrays: Arrays) -> bytes:
    """A message.

    Args:
        says: what JSON can hold.
        arrays: of the kinds that `Piece` names.

    Examples:
        >>> import numpy as np
        >>> message = written({"centre": [3, 4]}, {"data": np.zeros((2, 500), np.float32)})
        >>> len(message) < 200
        True
        >>> says, arrays = read(message, most=4000)
        >>> says, arrays["data"].shape
        ({'centre': [3, 4]}, (2, 500))
    """
    packer = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=True)
    frames = [packer.compress(_apart(array)) for array in arrays.values()]
    pieces = [
        {"name": name, "kind": array.dtype.name, "shape": array.shape, "packed": len(frame)}
        for (name, array), frame in zip(arrays.items(), frames, strict=True)
    ]
    head = Head.model_validate({"says": says, "pieces": pieces}).model_dump_json().encode()
    return b"".join([_BEGINS, len(head).to_bytes(_LENGTH, "little"), head, *frames])


def read(message: bytes, most: int) -> tuple[dict[str, Any], Arrays]:
    """What a message says, and its arrays.

    Args:
        message: as `written` makes it.
        most: bytes that all arrays together may take.

    Raises:
        DataError: it is no message, it is damaged, or its arrays are larger than that.
    """
    first = len(_BEGINS) + _LENGTH
    length = int.from_bytes(message[len(_BEGINS) : first], "little")
    if message[: len(_BEGINS)] != _BEGINS or length > _LONGEST or len(message) < first + length:
        raise DataError("What came is no message of napari-ssn.")
    try:
        head = Head.model_validate_json(message[first : first + length])
    except ValidationError:
        raise DataError("What came is a message of napari-ssn whose head is damaged.") from None
    if sum(_nbytes(piece) for piece in head.pieces) > most:
        raise DataError(
            f"What came is larger than it may be: {sum(map(_nbytes, head.pieces)):,} bytes, and "
            f"{most:,} are the most."
        )
    arrays, at = {}, first + length
    for piece in head.pieces:
        arrays[piece.name] = _unpacked(piece, memoryview(message)[at : at + piece.packed])
        at += piece.packed
    if at != len(message) or len(arrays) != len(head.pieces):
        raise _damaged()
    return head.says, arrays


def _apart(array: Array) -> bytes:
    """Bytes of an array, those of one place in the numbers together."""
    flat = np.ascontiguousarray(array, array.dtype.newbyteorder("<")).reshape(-1)
    return flat.view(np.uint8).reshape(-1, array.itemsize).T.tobytes()


def _unpacked(piece: Piece, frame: memoryview) -> Array:
    size, kind = _nbytes(piece), np.dtype(piece.kind)
    try:
        # Said by the frame itself; without this it could unpack to anything.
        if zstandard.frame_content_size(frame) != size:
            raise _damaged()
        content = zstandard.ZstdDecompressor().decompress(frame, max_output_size=size)
    except zstandard.ZstdError:
        raise _damaged() from None
    if len(content) != size:
        raise _damaged()
    rows = np.frombuffer(content, np.uint8).reshape(kind.itemsize, -1)
    flat = np.ascontiguousarray(rows.T).reshape(-1).view(kind.newbyteorder("<"))
    return flat.astype(kind, copy=False).reshape(piece.shape)


def _nbytes(piece: Piece) -> int:
    return math.prod(piece.shape) * np.dtype(piece.kind).itemsize


def _damaged() -> DataError:
    return DataError("What came was damaged on the way.")
