"""In which order tests run."""

from __future__ import annotations

from itertools import groupby

import pytest


def slow_first(items: list[pytest.Item], processes: int) -> list[pytest.Item]:
    """Each process's share of the tests, one after the other, with slow ones at its beginning.

    pytest-xdist gives each process as many of the tests, in their order, before one takes from
    another. Slow tests of a file stay together, as they share what they need.

    Args:
        items: tests as they were collected; the order of all others stays.
        processes: that share them.
    """
    slow = [one for one in items if one.get_closest_marker("slow") is not None]
    rest = iter([one for one in items if one.get_closest_marker("slow") is None])
    files = [list(tests) for _, tests in groupby(slow, lambda one: one.path)]
    ordered: list[pytest.Item] = []
    left = len(items)
    for at in range(processes):
        size = left // (processes - at)
        left -= size
        share = [one for tests in files[at::processes] for one in tests]
        share += [one for _, one in zip(range(size - len(share)), rest, strict=False)]
        ordered += share
    return [*ordered, *rest]
