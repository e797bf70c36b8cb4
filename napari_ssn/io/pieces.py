"""Pieces of a study: safetensors that are read into one buffer, and arrays that look into it.

The library's own reader copies each array out of the bytes, which doubles what a study needs of
memory.
"""

from __future__ import annotations

import hashlib
import json
from math import prod
from typing import IO, Any, cast

import numpy as np
from safetensors.numpy import save

from napari_ssn.documents.study import Piece
from napari_ssn.geometry.arrays import Array

Arrays = dict[str, Array]

# At once, so that what is hashed is still in the processor's cache.
_CHUNK = 1 << 20
# No piece has a description of this many bytes: its arrays are a few.
_LONGEST_HEAD = 1 << 16
_KINDS = {
    "BOOL": "?", "U8": "u1", "I8": "i1", "I16": "<i2", "I32": "<i4", "I64": "<i8",
    "F16": "<f2", "F32": "<f4", "F64": "<f8",
}  # fmt: skip


def encode_piece(arrays: Arrays) -> tuple[Piece, bytes]:
    """Arrays as safetensors, and what names them."""
    content = save({name: np.ascontiguousarray(array) for name, array in arrays.items()})
    return Piece(sha256=hashlib.sha256(content).hexdigest(), size=len(content)), content


def read_piece(stream: IO[bytes], piece: Piece) -> bytearray:
    """The bytes of a piece from a stream; ValueError if it holds others, fewer or more."""
    content, digest, at = bytearray(piece.size), hashlib.sha256(), 0
    with memoryview(content) as view:
        while got := cast(Any, stream).readinto(view[at : at + _CHUNK]):
            digest.update(view[at : at + got])
            at += got
    if at != piece.size or digest.hexdigest() != piece.sha256 or stream.read(1):
        raise ValueError("not the bytes that the study names")
    return content


def arrays_in(content: bytearray) -> Arrays:
    """Arrays of a piece's bytes, which they share; ValueError if the bytes are no safetensors.

    Args:
        content: from `read_piece`; to be written to by nobody but these arrays.
    """
    length = int.from_bytes(content[:8], "little")
    if length > min(_LONGEST_HEAD, len(content) - 8):
        raise ValueError("the description of the arrays is longer than the piece")
    try:
        told = json.loads(bytes(content[8 : 8 + length]))
        told.pop("__metadata__", None)
        found = sorted((*one["data_offsets"], name, one) for name, one in told.items())
        made, end = {}, 0
        for first, last, name, one in found:
            kind, shape = np.dtype(_KINDS[one["dtype"]]), tuple(one["shape"])
            if first != end or last - first != prod(shape) * kind.itemsize:
                raise ValueError("the arrays do not fill the piece")
            array = np.frombuffer(content, kind, prod(shape), 8 + length + first).reshape(shape)
            made[name], end = np.require(array, requirements=["A", "W"]), last
    except (AttributeError, KeyError, TypeError, RecursionError, OverflowError):
        raise ValueError("the description of the arrays is damaged") from None
    if end != len(content) - 8 - length:
        raise ValueError("the arrays do not fill the piece")
    return made
