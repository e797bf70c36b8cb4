"""What nearly all, half, and hardly any of the hypotheses agree on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_ssn.geometry.arrays import Labels, Mask

Masks = Mask

#: Percent of the hypotheses.
INNER, MEDIAN, OUTER = 95, 50, 5


@dataclass(frozen=True, eq=False)
class Contours:
    """Three nested masks of each label, (C, *S) bool.

    Attributes:
        inner: voxels to which at least 95 % of the hypotheses give the label.
        median: at least 50 %.
        outer: at least 5 %.
    """

    inner: Masks
    median: Masks
    outer: Masks


def contours(maps: Labels, classes: int) -> Contours:
    """Inner, median and outer mask of each label over hypotheses.

    Voxel v is in the mask of level q and label c if ``100 · #{i : y_iv = c} ≥ q N``.

    Args:
        maps: (N, *S) label maps, N at least 1.
        classes: C.

    Source: the levels of a contour boxplot, Whitaker, Mirzargar and Kirby, IEEE TVCG 2013, without
    its depth.

    Examples:
        >>> import numpy as np
        >>> import napari_ssn as ssn
        >>> mean, factor = np.zeros((2, 4, 5)), np.zeros((1, 2, 4, 5))
        >>> mean[1], factor[0, 1] = [-3, 1, 2, -1, -3], 1
        >>> dist = ssn.LogitDistribution(mean, factor, np.zeros((2, 4, 5)))
        >>> found = ssn.contours(dist.label_maps([[-1.5], [0.0], [0.0], [1.5]]), classes=2)
        >>> np.stack([found.inner[1, 0], found.median[1, 0], found.outer[1, 0]]).astype(int)
        array([[0, 0, 1, 0, 0],
               [0, 1, 1, 0, 0],
               [0, 1, 1, 1, 0]])
    """
    if maps.ndim < 2 or len(maps) == 0:
        raise ValueError(f"maps: expected a non-empty (N, *S), got shape {maps.shape}")
    if int(maps.max(initial=0)) >= classes:
        raise ValueError(f"maps: expected labels below {classes}, got {maps.max()}")
    counts = np.zeros((classes, *maps.shape[1:]), np.int64)
    for label_map in maps:  # one at a time: N comparisons of a volume need not fit in memory
        for label in range(classes):
            counts[label] += label_map == label
    inner, median, outer = (100 * counts >= q * len(maps) for q in (INNER, MEDIAN, OUTER))
    return Contours(inner, median, outer)
