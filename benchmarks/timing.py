"""Timing two ways of doing the same thing, in turn, so that a drifting machine is fair to both."""

from __future__ import annotations

import resource
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


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


def peak_bytes() -> int:
    """Most memory that this process has had.

    On Linux `ru_maxrss` begins with what the process that started this one had.
    """
    if sys.platform == "linux":
        lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
        return next(1024 * int(one.split()[1]) for one in lines if one.startswith("VmHWM:"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
