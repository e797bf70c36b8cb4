"""Timing two ways of doing the same thing, in turn, so that a drifting machine is fair to both."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Pair:
    """Medians in seconds of ours and of the alternative, and the median of their ratios."""

    ours: float
    other: float
    ratio: float


def seconds(function: Callable[[], object]) -> float:
    """One call, timed."""
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def median(function: Callable[[], object], runs: int = 15) -> float:
    """Median of several calls after one that does not count."""
    function()
    return statistics.median(seconds(function) for _ in range(runs))


def compare(ours: Callable[[], object], other: Callable[[], object], runs: int = 15) -> Pair:
    """Call both in turn; the ratio is ours to the other, pair by pair."""
    ours(), other()
    pairs = [(seconds(ours), seconds(other)) for _ in range(runs)]
    return Pair(
        statistics.median(a for a, _ in pairs),
        statistics.median(b for _, b in pairs),
        statistics.median(a / b for a, b in pairs),
    )
