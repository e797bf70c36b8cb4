"""Volumes of labels and their range over hypotheses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from napari_ssn.core import few
from napari_ssn.core.counts import count_labels
from napari_ssn.core.decodable import Decodable
from napari_ssn.core.distribution import draw_z
from napari_ssn.core.hypotheses import Hypothesis
from napari_ssn.geometry.affine import Affine
from napari_ssn.geometry.arrays import Floats, Ints
from napari_ssn.geometry.diameters import find_diameters, slice_axis

if TYPE_CHECKING:
    # It counts by this module.
    from napari_ssn.core.given.posterior import Posterior


def label_counts(dist: Decodable | Posterior, z: ArrayLike) -> Ints:
    """Voxels of each label in the label map of each z, without keeping the maps.

    Args:
        dist: the distribution, or what is known of one given clicks.
        z: (n, R), or what that draws.

    Returns:
        (n, C); row i is ``count_labels(dist.label_map(z[i]), C)``.
    """
    return dist.label_counts(dist.check_draws(z))


def volume_distribution(dist: Decodable | Posterior, n: int = 1000, seed: int = 0) -> Floats:
    """Volumes of each label over n hypotheses drawn without pixel noise, (n, C) mL.

    Args:
        dist: a distribution, or what is known of one given clicks (`condition`).
        n: hypotheses.
        seed: of the draws.

    Row i is that of ``sample(n, seed)[i]``: where presence leaves it empty, 0 of each label and
    the whole grid of the background. Those given presence are the rows with anything in
    ``[:, 1:]``.

    Of an ensemble of few (`few_of`) the volumes are those of its members, (M, C), of all that agree
    with the clicks: nothing is drawn, whatever n.

    Examples:
        >>> import numpy as np
        >>> import napari_ssn as ssn
        >>> mean, factor = np.zeros((2, 4, 5)), np.zeros((1, 2, 4, 5))
        >>> mean[1], factor[0, 1] = [-3, 1, 2, -1, -3], 1
        >>> dist = ssn.LogitDistribution(mean, factor, np.zeros((2, 4, 5)))
        >>> sizes = ssn.volume_distribution(dist, n=1000)[:, 1]
        >>> np.quantile(sizes, [0.05, 0.5, 0.95])  # 4, 8 and 12 voxels of 1 mm³
        array([0.004, 0.008, 0.012])
        >>> corner = ssn.condition(dist, [ssn.Click((0, 3))])  # at least 12 voxels hold it
        >>> float(ssn.volume_distribution(corner, n=1000)[:, 1].min())
        0.012
    """
    grid = few.grid_of(dist)
    voxel_ml = np.float64(Affine(grid.affine).voxel_ml)
    if (members := few.few_of(dist)) is not None:
        counted = [count_labels(one, grid.classes) for one in members.label_maps]
        return np.stack(counted).astype(np.float64) * voxel_ml
    z = draw_z(n, dist.rank, seed) if isinstance(dist, Decodable) else dist.draw(n, seed)
    counts = label_counts(dist, z).astype(np.float64)
    if dist.presence < 1:
        absent = ~dist.present(n, seed)
        counts[absent] = 0
        counts[absent, 0] = np.prod(grid.space)
    return counts * voxel_ml


@dataclass(frozen=True)
class Range:
    """Median and a central range of some quantity over hypotheses.

    Attributes:
        median, low, high: in the quantity's unit.
        level: share of the hypotheses the range was asked to hold.
        readers: of each image that ``low`` and ``high`` were widened or narrowed on, so that
            the range is about readers and not about hypotheses; 0 if they were not.
        patients: that were the unit of it, empty outlines left out (`summaries.conformal`); 0
            where readings were pooled, empty ones among them, or both ends are the model's.
    """

    median: float
    low: float
    high: float
    level: float
    readers: int = 0
    patients: int = 0

    @property
    def calibrated(self) -> bool:
        """Whether the range speaks of how several readers differ."""
        return self.readers > 1


def central_range(
    values: ArrayLike,
    level: float = 0.9,
    factors: tuple[float, float] | None = None,
    readers: int = 0,
    patients: int = 0,
) -> Range:
    """Median and central range of the values of many hypotheses.

    With calibration factors (f, g) the distances from the median are multiplied by them,
    ``median − f (median − low)`` and ``median + g (high − median)``, not below zero.

    Args:
        values: (n,) of one quantity, n at least 1.
        level: share between the two bounds.
        factors: from a model's calibration; None leaves the quantiles as they are.
        readers: of each image the factors were learnt from.
        patients: that were the unit when they were learnt; see `Range`.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 1 or len(array) == 0:
        raise ValueError(f"values: expected a non-empty (n,), got shape {array.shape}")
    if not 0 < level < 1:
        raise ValueError(f"level: expected between 0 and 1, got {level}")
    tail = (1 - level) / 2
    low, median, high = (float(q) for q in np.quantile(array, [tail, 0.5, 1 - tail]))
    if factors is None:
        return Range(median, low, high, level)
    below, above = factors
    low, high = max(0.0, median - below * (median - low)), median + above * (high - median)
    return Range(median, low, high, level, readers, patients)


def whole_range(values: ArrayLike) -> Range:
    """Median, smallest and largest of all values, (n,), where these are all that there is.

    Examples:
        >>> from napari_ssn.core.measures import whole_range
        >>> whole_range([4, 1, 2])
        Range(median=2.0, low=1.0, high=4.0, level=1.0, readers=0, patients=0)
    """
    array = np.asarray(values, dtype=np.float64)
    return Range(float(np.median(array)), float(array.min()), float(array.max()), 1.0)


def calibrated_values(
    values: ArrayLike, median: float, factors: tuple[float, float] | None = None
) -> Floats:
    """Values of which the quantiles are those of `central_range` with the same factors.

    What is 0 stays so: there is nothing to make larger.

    Args:
        values: any shape.
        median: that the distances are from.
        factors: below and above it; None leaves the values as they are.
    """
    array = np.asarray(values, dtype=np.float64)
    if factors is None:
        return array
    below, above = factors
    moved = median + np.where(array < median, below, above) * (array - median)
    return np.where(array > 0, np.maximum(moved, 0.0), 0.0)


def outlined_range(
    values: ArrayLike,
    level: float = 0.9,
    factors: tuple[float, float] | None = None,
    readers: int = 0,
    patients: int = 0,
) -> Range | None:
    """`central_range` of those hypotheses that are not empty; None where all are.

    Args:
        values: (n,) sizes of one label, 0 where a hypothesis does not have it.
        level, factors, readers, patients: as in `central_range`.
    """
    array = np.asarray(values, dtype=np.float64)
    there = array[array > 0]
    return central_range(there, level, factors, readers, patients) if len(there) else None


def diameters(hypothesis: Hypothesis) -> Floats:
    """Longest in-plane diameter of each label and the longest perpendicular to it, (C, 2) mm.

    ``max ‖A (p − q)‖`` over points p, q of the outline of one connected part in one slice, A the
    affine; then over p, q of the same part's convex hull with p − q at a right angle to the first.
    The outline runs halfway between a voxel of the label and its neighbour outside, so that one
    voxel is as wide as it is: between centres it would measure 0 mm, and a disc be too short;
    between corners a disc is a voxel too long. Slices are those of `slice_axis`; parts touch at a
    corner. Of equally long ones that with the longer perpendicular counts.

    Returns:
        Row by label; 0 mm where a label is nowhere, NaN for the background, which has none.

    Source: RECIST 1.1 (Eisenhauer et al., European Journal of Cancer 2009), which measures the
    longest diameter in the plane of the slices and the short axis across it.

    Examples:
        >>> import numpy as np
        >>> import napari_ssn as ssn
        >>> bar = np.zeros((4, 5), np.uint8)
        >>> bar[1, 1:4] = 1
        >>> hypothesis = ssn.Hypothesis(bar, np.diag([1.0, 2.0, 1.0, 1.0]), z=None)
        >>> ssn.diameters(hypothesis)[1]  # three voxels of 2 mm, and one of 1 mm
        array([6., 1.])
    """
    space, affine = hypothesis.label_map.shape, hypothesis.affine
    across = slice_axis(space, affine)
    found = find_diameters(hypothesis.label_map, affine, hypothesis.classes, across)
    rows = [(one.longest, one.perpendicular) for one in found]
    return np.array([(np.nan, np.nan), *rows], dtype=np.float64)
