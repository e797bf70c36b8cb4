"""What live Python objects hold of numbers: numpy's arrays and torch's tensors, to the byte.

Resident memory says something else: what the allocator keeps for later, what other tests of the
same process left in pieces, and what Qt has yet to delete.
"""

from __future__ import annotations

import gc
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import compress
from operator import not_
from typing import Any

import numpy as np
import torch

from tests.support.settled import unsettle

#: Owners of memory by what they are: type, shape or size in bytes, and data type.
Held = Counter[tuple[str, tuple[int, ...], str]]


@contextmanager
def undisturbed() -> Iterator[None]:
    """Let no other thread go on meanwhile.

    Who asks for all objects also gets tuples that another thread is about to fill, and Python
    refuses to fill one that somebody else holds (SystemError, in that thread).
    """
    before = sys.getswitchinterval()
    sys.setswitchinterval(3600)
    # Those that have asked for their turn already.
    time.sleep(0.05)
    try:
        yield
    finally:
        sys.setswitchinterval(before)


def alive(kind: type) -> int:
    """How many objects of a kind there are."""
    with undisturbed():
        return sum(1 for _ in _of(gc.get_objects(), kind))


def _of(things: list[Any], *kinds: type) -> Iterator[Any]:
    """Those that are of some kind, out of millions: each type is asked about once, the rest in C.

    Not isinstance: it would ask objects for their class, and some stand in for others.
    """
    wanted = {one for one in set(map(type, things)) if issubclass(one, kinds)}
    return compress(things, map(wanted.__contains__, map(type, things)))


def _owner(one: np.ndarray) -> dict[int, np.ndarray]:
    """Whose memory an array shows, under its number."""
    while isinstance(one.base, np.ndarray):
        one = one.base
    return {id(one): one}


def held() -> Held:
    """Bytes of every array and tensor that anything alive refers to; views count as their owner.

    Arrays are unknown to Python's search for cycles, so they are looked for in what it knows, and
    in tuples and dictionaries that it knows no longer because they hold nothing else.
    """
    # What was frozen, as modules are, may have come to hold something, or be of no use.
    unsettle()
    gc.collect()
    with undisturbed():
        return _held()


def _held() -> Held:
    owners: dict[int, np.ndarray] = {}
    storages: dict[int, torch.Tensor] = {}
    through: dict[int, Any] = {}
    todo: list[Any] = gc.get_objects()
    for one in _of(todo, torch.Tensor, np.ndarray):
        if isinstance(one, np.ndarray):
            # One of a kind of its own, which Python knows.
            owners |= _owner(one)
        elif one.layout == torch.strided:
            try:
                storages[one.untyped_storage().data_ptr()] = one
            except RuntimeError:
                # One that torch.export left behind: it has a shape, and no memory.
                continue
    while todo:
        found_in = gc.get_referents(*todo)
        # What is known is there already: half of it, and this is told sooner than what it is.
        unknown = list(compress(found_in, map(not_, map(gc.is_tracked, found_in))))
        few = list(_of(unknown, np.ndarray, tuple, dict))
        for one in _of(few, np.ndarray):
            owners |= _owner(one)
        plain = list(_of(few, tuple, dict))
        inner = dict(zip(map(id, plain), plain, strict=True))
        inner = {key: inner[key] for key in inner.keys() - through.keys()}
        through |= inner
        todo = list(inner.values())
    found: Held = Counter()
    for one in owners.values():
        # Others are tensors', counted there, or of something that is not in memory.
        if one.base is None:
            found["array", one.shape, str(one.dtype)] += one.nbytes
    for tensor in storages.values():
        size = tensor.untyped_storage().nbytes()
        found["tensor", (size,), str(tensor.dtype)] += size
    return found
