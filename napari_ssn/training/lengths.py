"""How far a model's diameters lie from those of the readers."""

from __future__ import annotations

import numpy as np

from napari_ssn.core.distribution import LogitDistribution
from napari_ssn.geometry.arrays import Floats, Ints, Labels
from napari_ssn.geometry.diameters import find_diameters, slice_axis
from napari_ssn.training.cases import Case


def reader_diameters(case: Case, classes: int) -> Floats:
    """Longest diameter in a slice of each label that each reader marked, (K, C − 1) mm.

    NaN where a reader did not mark a label, or the voxel size is unknown.
    """
    return np.stack([_longest(one, case, classes) for one in case.raters])


def diameter_errors(
    dist: LogitDistribution,
    case: Case,
    draws: Floats,
    counts: Ints,
    theirs: Floats,
) -> Floats:
    """``|d(median hypothesis) − d(reader)|`` of the longest diameter in a slice, (K, L) mm.

    The median hypothesis of a label is, of the draws in which the label occurs, the first whose
    size is nearest to their median: it exists, where the median of the diameters need not.

    Args:
        dist: what the model found.
        case: with its K readers.
        draws: (n, R) given presence, without pixel noise.
        counts: (n, L) voxels of each label but the background in each of them.
        theirs: (K, L) mm, of `reader_diameters`.

    Returns:
        NaN where a reader did not mark a label, no draw has it, or the voxel size is unknown.
    """
    out = np.full(theirs.shape, np.nan)
    if case.volume.extent == "unknown":
        return out
    for label, sizes in enumerate(counts.T):
        there = np.flatnonzero(sizes)
        if len(there):
            middle = there[np.abs(sizes[there] - np.median(sizes[there])).argmin()]
            mine = _longest(dist.placed(dist.label_map(draws[middle])), case, dist.classes)[label]
            out[:, label] = np.abs(mine - theirs[:, label])
    return out


def _longest(label_map: Labels, case: Case, classes: int) -> Floats:
    """(C − 1,) mm; what is nowhere has no length to be off by."""
    if case.volume.extent == "unknown":
        return np.full(classes - 1, np.nan)
    affine = case.volume.affine
    found = find_diameters(label_map, affine, classes, slice_axis(case.volume.space, affine))
    return np.array([one.longest or np.nan for one in found])
