"""How far a model's diameters lie from those of the readers."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from napari_ssn.core.distribution import LogitDistribution
from napari_ssn.geometry.diameters import find_diameters, slice_axis
from napari_ssn.training.cases import Case


def diameter_errors(
    dist: LogitDistribution, case: Case, draws: NDArray[np.float64], counts: NDArray[np.int64]
) -> NDArray[np.float64]:
    """``|d(median hypothesis) − d(reader)|`` of the longest diameter in a slice, (K, L) mm.

    The median hypothesis of a label is, of the draws in which the label occurs, the first whose
    size is nearest to their median: it exists, where the median of the diameters need not.

    Args:
        dist: what the model found.
        case: with its K readers.
        draws: (n, R) given presence, without pixel noise.
        counts: (n, L) voxels of each label but the background in each of them.

    Returns:
        NaN where a reader did not mark a label, no draw has it, or the voxel size is unknown.
    """
    out = np.full((len(case.raters), counts.shape[1]), np.nan)
    if case.volume.extent == "unknown":
        return out
    affine, classes = case.volume.affine, dist.classes
    across = slice_axis(case.volume.space, affine)

    def longest(label_map: NDArray[np.uint8]) -> NDArray[np.float64]:
        found = find_diameters(label_map, affine, classes, across)
        # What is nowhere has no length to be off by.
        return np.array([one.longest or np.nan for one in found])

    theirs = np.stack([longest(one) for one in case.raters])
    for label, sizes in enumerate(counts.T):
        there = np.flatnonzero(sizes)
        if len(there):
            middle = there[np.abs(sizes[there] - np.median(sizes[there])).argmin()]
            mine = longest(dist.placed(dist.label_map(draws[middle])))[label]
            out[:, label] = np.abs(mine - theirs[:, label])
    return out
