"""How often each label came up at each voxel, over many hypotheses."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_ssn.core.decodable import Decodable
from napari_ssn.core.few import grid_of
from napari_ssn.core.given.posterior import Posterior
from napari_ssn.core.summaries.contours import INNER, MEDIAN, OUTER
from napari_ssn.core.summaries.voxelwise import over_voxels
from napari_ssn.geometry.arrays import Between, Ints, Labels, Mask, Singles

# Counts are kept in 16 bits.
_MOST = (1 << 16) - 1


@dataclass(frozen=True, eq=False)
class Agreement:
    """Counts of labels over N hypotheses: where all say what the mean says, none are kept.

    Attributes:
        draws: N.
        label_map: (*S) uint8, the label of every voxel that is not listed.
        voxels: (V,) int64, of the flattened grid; all others have one label in all hypotheses.
        counts: (C, V) uint16, how often each label came up at these.
    """

    draws: int
    label_map: Labels
    voxels: Ints
    counts: NDArray[np.uint16]

    def times(self, label: int | None = None) -> Ints:
        """How often a label, or any but the background, came up at the voxels listed, (V,)."""
        counts: Ints = self.counts[0 if label is None else label].astype(np.int64)
        return self.draws - counts if label is None else counts

    def levels(self, label: int | None = None) -> Labels:
        """In how many of outer, median and inner mask a voxel lies: 0 to 3, (*S) uint8.

        The masks are nested, so that they are ``levels ≥ 1``, ``≥ 2`` and ``≥ 3``; each is that
        of `contours`.

        Args:
            label: whose masks; None for all labels but the background together.
        """
        times = 100 * self.times(label)
        out = 3 * self._alike(label).astype(np.uint8)
        out.reshape(-1)[self.voxels] = sum(
            (times >= share * self.draws).astype(np.uint8) for share in (OUTER, MEDIAN, INNER)
        )
        return out

    def tally(self, label: int | None = None) -> NDArray[np.uint16]:
        """How many of the hypotheses give a voxel the label, (*S) uint16."""
        out = self._alike(label) * np.uint16(self.draws)
        out.reshape(-1)[self.voxels] = self.times(label)
        return out

    def share(self, label: int | None = None) -> Singles:
        """Share of the hypotheses that give a voxel the label, (*S) float32."""
        out = self._alike(label).astype(np.float32)
        out.reshape(-1)[self.voxels] = self.times(label) / self.draws
        return out

    def _alike(self, label: int | None) -> Mask:
        return self.label_map > 0 if label is None else self.label_map == label


def agreement(
    dist: Decodable | Posterior, z: ArrayLike, between: Between = lambda: None
) -> Agreement:
    """Count the labels that hypotheses give each voxel, without keeping their label maps.

    ``counts[c, v] = #{i : y_iv = c}`` with y_i the label map of z_i.

    Beside the result it needs a block of voxels for all z at once, some ten megabytes, and 2 C
    bytes for each voxel on which the hypotheses differ.

    Args:
        dist: the distribution, or what is left of it given some clicks.
        z: (N, R), 1 ≤ N < 2¹⁶.
        between: called now and then; what it raises goes through.

    Examples:
        >>> import numpy as np
        >>> import napari_ssn as ssn
        >>> mean, factor = np.zeros((2, 4, 5)), np.zeros((1, 2, 4, 5))
        >>> mean[1], factor[0, 1] = [-3, 1, 2, -1, -3], 1
        >>> dist = ssn.LogitDistribution(mean, factor, np.zeros((2, 4, 5)))
        >>> z = [[-1.5], [0.0], [0.0], [1.5]]
        >>> ssn.agreement(dist, z).share(1)[0]
        array([0.  , 0.75, 1.  , 0.25, 0.  ], dtype=float32)
    """
    whole = grid_of(dist)
    draws = dist.check_draws(z)
    if len(draws) > _MOST:
        raise ValueError(f"z: expected at most {_MOST} draws, got {len(draws)}")
    label_map = whole.label_map()
    flat = label_map.reshape(-1)

    def count(voxels: Ints, labels: Labels) -> tuple[Ints, NDArray[np.uint16]]:
        counts = np.empty((whole.classes, len(voxels)), np.uint16)
        for label, row in enumerate(counts[1:], start=1):
            np.sum(labels == label, axis=0, dtype=np.uint16, out=row)
        counts[0] = len(labels) - counts[1:].sum(0)
        certain = counts[flat[voxels], np.arange(len(voxels))] == len(labels)
        return voxels[~certain], counts[:, ~certain]

    found = over_voxels(dist, draws, count, between)
    return Agreement(
        len(draws),
        label_map,
        np.concatenate([np.zeros(0, np.int64), *(voxels for voxels, _ in found)]),
        np.concatenate(
            [np.zeros((whole.classes, 0), np.uint16), *(counts for _, counts in found)], axis=1
        ),
    )
