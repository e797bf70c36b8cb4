"""A whole walk through a packed distribution, decoded once: at which stop each voxel flips.

Along ``z(t) = z₀ + t v`` every margin is a straight line in t, so that nearly every voxel that
changes at all changes once: ``t* = −(d + a·z₀) / (a·v)``. Kept is the first stop at or beyond it,
for every voxel of the grid, so that a slice in any plane is one threshold on that slice alone.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from napari_ssn.core.columns.contests import Draws, changes, contests, longest, winners
from napari_ssn.core.decodable import Decodable
from napari_ssn.core.packed.distribution import PackedDistribution
from napari_ssn.core.parallel import in_threads
from napari_ssn.errors import NEVER, Cancel
from napari_ssn.geometry.arrays import Bytes, Floats, Ints, Labels, Where

# In the place of a stop: the voxel never flips; it flips more than once.
_NEVER, _OFTEN = 0xFFFF, 0xFFFE
# Margins of one product at once, so that it stays in a core's cache.
_BLOCK = 1 << 18
# Parts of the grid that are kept: three planes, each as a picture and as what its lines are of.
_PARTS = 6


@dataclass(frozen=True, eq=False)
class Flips:
    """Label maps at the stops of a walk; each equals `PackedDistribution.label_map` there.

    Attributes:
        dist: that is walked.
        z: (stops, R) float64.
        words: (*S) uint32: the stop from which a voxel has another label (16 bits), its label
            before (8) and from then on (8). Voxels that flip more than once, which takes three
            classes or a tie within rounding, are decoded when their slice is looked at.
        counts: (stops, C) voxels of each label.
    """

    dist: PackedDistribution
    z: Floats
    words: NDArray[np.uint32]
    counts: Ints
    _looked: list[tuple[Where, _Part]] = field(default_factory=list, repr=False)

    @classmethod
    def along(
        cls,
        dist: PackedDistribution,
        z: ArrayLike,
        cancel: Cancel = NEVER,
    ) -> Flips:
        """Decode the stops of a walk, all at once.

        Args:
            dist: the distribution.
            z: (stops, R), fewer than 65,534.
            cancel: looked at between blocks.
        """
        stops = dist.check_draws(z)
        if len(stops) >= _OFTEN:
            raise ValueError(f"z: expected fewer than {_OFTEN} stops, got {len(stops)}")
        rows = torch.from_numpy(stops.astype(np.float32))
        draws = Draws(np.arange(len(stops)), rows, longest(stops))
        dist = dist.reaching(draws.radius)
        still = np.arange(dist.classes)
        words = (_NEVER << 16 | still << 8 | still).astype(np.uint32)[dist.mean_map]
        flat = words.reshape(-1)

        def decode(block: tuple[Ints, int]) -> Ints:
            cancel.check()
            places, rivals = block
            slot = winners(dist, draws.rows, places, rivals)
            flat[dist.order[places]] = _words(dist, slot, places, rivals)
            return changes(dist, slot, places, rivals)

        gained = in_threads(decode, contests(dist, draws))
        return cls(dist, stops, words, sum(gained, np.tile(dist.mean_counts, (len(stops), 1))))

    def label_map(self, stop: int, where: Where = ()) -> Labels:
        """Label map at a stop, or a part of it as in `PackedDistribution.label_map`."""
        part = self._part(where)
        if part is None:
            # Of the whole grid only the few voxels that change are worth a look.
            return self.dist.label_map(self.z[stop], where)
        # Modulo 256: three passes over bytes, where choosing between two maps takes far longer.
        out = (part.flip <= stop).view(np.uint8)
        out *= part.gain
        out += part.low
        if len(part.often):
            out.reshape(-1)[part.often] = part.labels[stop]
        return out

    def _part(self, where: Where) -> _Part | None:
        """Words of a part of the grid, taken apart; None for the whole grid.

        The last parts are kept: a slider moves through many stops of the slices on show, and
        reading those across the rows of the volume takes longer than all the rest.
        """
        for known, part in self._looked:
            if known == where:
                return part
        words = np.array(self.words[where])
        if words.size == self.words.size:
            return None
        words = np.ascontiguousarray(words)
        flip = (words >> 16).astype(np.uint16)
        often = np.flatnonzero(flip == _OFTEN)
        labels = self._every_stop(self.dist.place[where].reshape(-1)[often])
        low, high = (words >> 8).astype(np.uint8), words.astype(np.uint8)
        part = _Part(flip, low, high - low, often, labels)
        self._looked[:] = [*self._looked[-_PARTS + 1 :], (where, part)]
        return part

    def _every_stop(self, places: NDArray[np.int32]) -> Labels:
        """Labels of some places at each stop, (stops, n)."""
        out = np.empty((len(self.z), len(places)), np.uint8)
        rows = torch.from_numpy(self.z.astype(np.float32))
        rivals = self.dist.classes - 1
        step = max(1, _BLOCK // (rivals * len(self.z)))
        for first in range(0, len(places), step):
            some = places[first : first + step]
            slot = winners(self.dist, rows, some, rivals)
            out[:, first : first + step] = self.dist.labels(some, rivals)[
                slot, np.arange(len(some))
            ]
        return out


class _Part(NamedTuple):
    """A part of the grid, the words taken apart.

    Attributes:
        flip: stop from which a voxel has another label.
        low: label before.
        gain: label from then on less the one before, modulo 256.
        often: (n,) flat index of the voxels that flip more than once.
        labels: (stops, n) theirs.
    """

    flip: NDArray[np.uint16]
    low: Labels
    gain: Bytes
    often: Ints
    labels: Labels


def _words(dist: PackedDistribution, slot: Bytes, places: Ints, rivals: int) -> NDArray[np.uint32]:
    """Words of some places from their winners at every stop, (stops, b)."""
    names = dist.labels(places, rivals)
    at = np.arange(len(places))
    differs = slot[1:] != slot[:-1]
    flips = differs.sum(0)
    # Without a flip this is the second stop, which has the label of the first.
    first = differs.argmax(0) + 1
    low = names[slot[0], at].astype(np.uint32)
    high = names[slot[np.minimum(first, len(slot) - 1), at], at].astype(np.uint32)
    stop = np.where(flips == 0, _NEVER, np.where(flips == 1, first, _OFTEN)).astype(np.uint32)
    return np.asarray(stop << 16 | low << 8 | high)


def flips_along(dist: Decodable, z: ArrayLike, cancel: Cancel = NEVER) -> Flips | None:
    """`Flips.along` of a packed distribution; None of any other, which is decoded soon enough."""
    return Flips.along(dist, z, cancel) if isinstance(dist, PackedDistribution) else None
