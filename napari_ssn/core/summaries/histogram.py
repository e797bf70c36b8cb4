"""Sizes of many hypotheses as a few bars."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

#: Bars at most: as many as are told apart in the width of a dock.
BARS = 40


@dataclass(frozen=True)
class Histogram:
    """How often each of some neighbouring sizes occurs.

    Bar i counts the sizes ``first + i · width … first + (i + 1) · width − 1``.

    Attributes:
        first: the smallest size that occurs, in voxels.
        width: sizes in a bar, at least 1.
        counts: hypotheses in each bar.
    """

    first: int
    width: int
    counts: tuple[int, ...]

    @property
    def end(self) -> int:
        """The size after the last one that a bar counts."""
        return self.first + self.width * len(self.counts)


def histogram(sizes: ArrayLike, bars: int = BARS) -> Histogram:
    """Count whole numbers in bars of one width, itself a whole number.

    A width of 1.3 voxels would make bars of one and of two sizes take turns, and a smooth
    distribution look like a comb.

    Args:
        sizes: (n,) whole numbers, n at least 1.
        bars: how many at most, at least 1.

    Raises:
        ValueError: sizes of another shape or kind, or no bars.
    """
    values = np.asarray(sizes)
    if values.ndim != 1 or len(values) == 0 or values.dtype.kind not in "iu":
        raise ValueError(f"sizes: expected (n ≥ 1,) integers, got {values.dtype} {values.shape}")
    if bars < 1:
        raise ValueError(f"bars: expected at least 1, got {bars}")
    first, last = int(values.min()), int(values.max())
    width = -(-(last - first + 1) // bars)
    counts = np.bincount((values - first) // width)
    return Histogram(first, width, tuple(int(count) for count in counts))
