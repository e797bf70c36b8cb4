"""Many draws side by side, where they may differ: what comparing them takes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_ssn.core.counts import count_labels
from napari_ssn.core.decodable import Decodable
from napari_ssn.core.given.posterior import Posterior
from napari_ssn.geometry.arrays import Between, Floats, Ints, Labels

Counts = Ints


@dataclass(frozen=True, eq=False)
class Drawn:
    """Labels of n draws at the voxels where these may differ.

    Attributes:
        labels: (n, v) uint8.
        common: (C,) voxels of each label that every draw has beside these.
        step: each of the v stands for so many voxels that may differ; 1 if they are all of them.
    """

    labels: Labels
    common: Counts
    step: int

    @classmethod
    def of(
        cls,
        dist: Decodable,
        z: Floats,
        given: Posterior | None = None,
        most: int = 1 << 30,
        between: Between = lambda: None,
    ) -> Drawn:
        """Decode n z, (n, R) or given clicks (n, width), where any of them can change a label.

        Where more than ``most`` voxels may differ, one of every two is decoded, or of every
        three, and so on, which one by chance: the same each time. Dense parameters are compared
        as margins in float32: where two labels tie to within rounding either may be given.

        Args:
            dist: the distribution.
            z: the draws.
            given: the clicks that they were drawn given.
            most: voxels.
            between: called now and then, from any thread; what it raises goes through.
        """
        near = np.zeros(0, np.int64) if given is None else given.near
        plain = z[:, : dist.rank]
        radius = float(np.linalg.norm(plain.astype(np.float32).astype(np.float64), axis=1).max())
        mean_map, common = dist.label_map().reshape(-1), dist.mean_counts.copy()
        voxels, _ = dist.changing(radius)
        if len(near):
            # There a voxel may differ beyond the reach of z alone: it is decoded apart.
            apart = np.ones(len(mean_map), np.bool_)
            apart[near] = False
            voxels = voxels[apart[voxels]]
        for some in (voxels, near):
            common -= count_labels(mean_map[some], dist.classes)
        step = max(1, -(-(len(voxels) + len(near)) // most))
        between()
        labels = dist.labels_at(plain, _thinned(voxels, step), between)
        if given is not None and len(near):
            labels = np.concatenate([labels, given.labels_at(z, _thinned(near, step))], 1)
        return cls(labels, common, step)


def _thinned(voxels: Counts, step: int) -> Counts:
    """One of every so many voxels. By chance, or it could be the same column of every row."""
    first = np.arange(0, len(voxels), step)
    if step == 1:
        return voxels
    chosen = first + np.random.default_rng(len(voxels)).integers(0, step, len(first))
    return np.asarray(voxels[np.minimum(chosen, len(voxels) - 1)])
