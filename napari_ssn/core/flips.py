"""A whole walk through a packed distribution, decoded once: at which stop each voxel flips.

Along ``z(t) = z₀ + t v`` every margin is a straight line in t, so that nearly every voxel that
changes at all changes once: ``t* = −(d + a·z₀) / (a·v)``. Kept is the first stop at or beyond it,
for every voxel of the grid, so that a slice in any plane is one threshold on that slice alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from napari_ssn.core.activation import PackedDistribution, Where
from napari_ssn.core.contests import Draws, changes, contests, winners
from napari_ssn.core.errors import Cancelled
from napari_ssn.core.parallel import in_threads

# In the place of a stop: the voxel never flips; it flips more than once.
_NEVER, _OFTEN = 0xFFFF, 0xFFFE


@dataclass(frozen=True, eq=False)
class Flips:
    """Label maps at the stops of a walk; each equals `PackedDistribution.label_map` there.

    Attributes:
        dist: that is walked.
        z: (stops, R) float64.
        words: (*S) uint32: the stop from which a voxel has another label (16 bits), its label
            before (8) and from then on (8). Voxels that flip more than once, which takes three
            classes or a tie within rounding, are decoded when they are looked at.
        counts: (stops, C) voxels of each label.
    """

    dist: PackedDistribution
    z: NDArray[np.float64]
    words: NDArray[np.uint32]
    counts: NDArray[np.int64]

    @classmethod
    def along(
        cls,
        dist: PackedDistribution,
        z: ArrayLike,
        cancelled: Callable[[], bool] = lambda: False,
    ) -> Flips:
        """Decode the stops of a walk, all at once.

        Args:
            dist: the distribution.
            z: (stops, R), fewer than 65,534.
            cancelled: asked between blocks; if it says True, `Cancelled` is raised.
        """
        stops = dist.check_draws(z)
        if len(stops) >= _OFTEN:
            raise ValueError(f"z: expected fewer than {_OFTEN} stops, got {len(stops)}")
        vectors = stops.astype(np.float32)
        radius = float(np.linalg.norm(vectors.astype(np.float64), axis=1).max(initial=0))
        draws = Draws(np.arange(len(stops)), torch.from_numpy(vectors), radius)
        still = np.arange(dist.classes)
        words = (_NEVER << 16 | still << 8 | still).astype(np.uint32)[dist.mean_map]
        flat = words.reshape(-1)

        def decode(block: tuple[NDArray[np.int64], int]) -> NDArray[np.int64]:
            if cancelled():
                raise Cancelled("The run was cancelled.")
            places, rivals = block
            slot = winners(dist, draws.rows, places, rivals)
            flat[dist.order[places]] = _words(dist, slot.numpy(), places, rivals)
            return changes(dist, slot, places, rivals)

        gained = in_threads(decode, contests(dist, draws))
        return cls(dist, stops, words, sum(gained, np.tile(dist.mean_counts, (len(stops), 1))))

    def label_map(self, stop: int, where: Where = ()) -> NDArray[np.uint8]:
        """Label map at a stop, or a part of it as in `PackedDistribution.label_map`."""
        # A copy: a plane across the rows is read once, not at every step below.
        words = np.array(self.words[where])
        if words.size == self.words.size:
            # Of the whole grid only the few voxels that change are worth a look.
            return self.dist.label_map(self.z[stop], where)
        flip = words >> 16
        out = np.where(flip <= stop, words & 0xFF, words >> 8 & 0xFF).astype(np.uint8)
        often = flip == _OFTEN
        if np.any(often):
            vector = self.z[stop].astype(np.float32)
            radius = float(np.linalg.norm(vector.astype(np.float64)))
            out[often] = self.dist.decode(vector, self.dist.place[where][often], radius)
        return out


def _words(
    dist: PackedDistribution, slot: NDArray[np.uint8], places: NDArray[np.int64], rivals: int
) -> NDArray[np.uint32]:
    """Words of some places from their winners at every stop, (stops, b)."""
    names = np.concatenate([dist.best[None, places], dist.rivals[:rivals, places]])
    at = np.arange(len(places))
    differs = slot[1:] != slot[:-1]
    flips = differs.sum(0)
    # Without a flip this is the second stop, which has the label of the first.
    first = differs.argmax(0) + 1
    low = names[slot[0], at].astype(np.uint32)
    high = names[slot[np.minimum(first, len(slot) - 1), at], at].astype(np.uint32)
    stop = np.where(flips == 0, _NEVER, np.where(flips == 1, first, _OFTEN)).astype(np.uint32)
    words: NDArray[np.uint32] = stop << 16 | low << 8 | high
    return words
