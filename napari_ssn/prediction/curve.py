"""The stops of a boundary slider, and what is known at each of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_ssn.core.kinds import DirectionKind
from napari_ssn.geometry.arrays import Floats, Ints, Labels, Where
from napari_ssn.prediction.choice import Choice

if TYPE_CHECKING:
    # These modules import torch, which only the worker does.
    from napari_ssn.core.packed.flips import Flips

#: Step of the boundary slider in standard deviations; volumes are known at each stop.
STEP = 0.05


@dataclass(frozen=True)
class Curve:
    """Voxels of every label along one walk.

    Attributes:
        run, anchor, direction, basis: the walk it belongs to.
        reach: standard deviations either way.
        counts: (stops, C), one stop every `STEP`.
        flips: the label maps at the stops, of a large result.
        maps: (stops, *S) the same of a small one.
        by_lesion: (stops, K + 1, C), the same for each lesion's part; None where the lesions
            were not told apart, or there is but one.
    """

    run: int
    anchor: Choice
    direction: int
    reach: float
    counts: Ints
    flips: Flips | None = None
    maps: Labels | None = None
    by_lesion: Ints | None = None
    basis: DirectionKind = "label-weighted"

    def fits(self, run: int, choice: Choice, reach: float) -> bool:
        """Whether this curve is about the walk of a choice."""
        walk = (self.run, self.anchor, self.direction, self.basis, self.reach)
        return walk == (run, choice.anchor, choice.direction, choice.basis, reach)

    def at(self, sigma: float) -> Ints:
        """Voxels of each label at a stop, (C,)."""
        return np.asarray(self.counts[stop_of(sigma, self.reach)])

    def at_each_lesion(self, choice: Choice) -> Ints | None:
        """Voxels of each label in each lesion's part, (K + 1, C); None where they are not known."""
        if self.by_lesion is None:
            return None
        counts: Ints = self.by_lesion[stop_of(choice.sigma, self.reach)].copy()
        for number, sigma in choice.own:
            counts[number] = self.by_lesion[stop_of(sigma, self.reach), number]
        return counts

    def label_map(self, sigma: float, where: Where) -> Labels | None:
        """Labels at a stop in a part of the region; None where they are not kept."""
        if self.maps is not None:
            # A copy: who gets it may do with it what they like.
            return np.array(self.maps[stop_of(sigma, self.reach)][where])
        if self.flips is None:
            return None
        return self.flips.label_map(stop_of(sigma, self.reach), where)


def stops(reach: float) -> Floats:
    """Every stop of a slider, −reach … reach."""
    half = round(reach / STEP)
    return np.arange(-half, half + 1, dtype=np.float64) * STEP


def stop_of(sigma: float, reach: float) -> int:
    """Index in `stops` of the stop nearest to sigma."""
    half = round(reach / STEP)
    return min(max(round(sigma / STEP) + half, 0), 2 * half)
