"""What is counted as held is what something alive refers to, wherever that keeps it."""

from __future__ import annotations

import functools
import gc
from collections import deque
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from tests.support.held import held

KEPT: list[Any] = []


@functools.cache
def remembered(length: int) -> np.ndarray:
    return array(length)


def array(length: int) -> np.ndarray:
    return np.ones((7, length), np.float32)


def closed_over(length: int) -> Callable[[], float]:
    inside = array(length)
    return lambda: float(inside[0, 0])


#: Ways to keep an array of 7 rows.
WAYS: tuple[Callable[[int], object], ...] = (
    array,
    lambda n: array(n)[2:3, ::5].T,
    # Neither knows of a cycle that it could be part of, and Python looks into neither.
    lambda n: (array(n), 1),
    lambda n: {"a": {"b": (1, (array(n),))}},
    lambda n: deque([array(n)]),
    closed_over,
    lambda n: remembered(n) is None,
    lambda n: type("Layer", (), {"data": array(n)}),
    lambda n: torch.ones(7, n),
    lambda n: torch.ones(7, n)[3:, 5],
    lambda n: torch.ones(7, n).numpy(),
    lambda n: torch.from_numpy(array(n)),
)


@pytest.mark.slow
def test_an_array_is_counted_once_until_nothing_refers_to_it() -> None:
    lengths = range(10_007, 10_007 + len(WAYS))
    for way, length in zip(WAYS, lengths, strict=True):
        KEPT.append(way(length))
    # As modules are set aside at the start of a test.
    gc.freeze()
    sizes = [size for key, size in held().items() if 7 in key[1] or key[0] == "tensor"]
    assert [sizes.count(7 * length * 4) for length in lengths] == [1] * len(WAYS)
    KEPT.clear()
    remembered.cache_clear()
    sizes = list(held().values())
    assert not any(7 * length * 4 in sizes for length in lengths)
