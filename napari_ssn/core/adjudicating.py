"""Several people's outlines of one image: how far they agree, and one made of all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from napari_ssn.core.overlap import dice
from napari_ssn.core.signed import signed_distances
from napari_ssn.core.surface import mean_surface_distance
from napari_ssn.geometry.arrays import Floats, Labels
from napari_ssn.geometry.boxes import box_of

Maps = Labels


@dataclass(frozen=True, eq=False)
class Pairs:
    """How far each two of M people agree, of C labels the background left out.

    Attributes:
        dice: (M, M, C − 1), 1 where neither has the label.
        apart: (M, M, C − 1) mean surface distance in mm, NaN where one of the two has no such
            label.
    """

    dice: Floats
    apart: Floats

    def with_others(self, number: int) -> tuple[Floats, Floats]:
        """Mean Dice of one of them with the others, and mean distance from those that have it.

        Both are (C − 1,); the distance is NaN where there is nobody to measure it from.
        """
        others = np.arange(len(self.dice)) != number
        apart = self.apart[number][others]
        known = np.isfinite(apart)
        count = known.sum(0)
        total = np.where(known, apart, 0).sum(0)
        mean = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
        return self.dice[number][others].mean(0), mean


def pairs(maps: Sequence[Maps], classes: int, spacing_mm: Sequence[float]) -> Pairs:
    """Dice and mean surface distance of each two label maps.

    Args:
        maps: M label maps (*S) on one grid.
        classes: number of labels C, background included.
        spacing_mm: voxel size along each axis.
    """
    overlap = np.ones((len(maps), len(maps), classes - 1))
    apart = np.zeros_like(overlap)
    for i, one in enumerate(maps):
        apart[i, i] = np.where([(one == c).any() for c in range(1, classes)], 0.0, np.nan)
        for j in range(i):
            overlap[i, j] = overlap[j, i] = dice(one, maps[j], classes)
            # Where neither has a label there is no border to be apart.
            found = mean_surface_distance(one, maps[j], spacing_mm, classes)
            neither = np.isnan(apart[i, i]) & np.isnan(apart[j, j])
            apart[i, j] = apart[j, i] = np.where(neither, np.nan, found)
    return Pairs(overlap, apart)


def blend(
    maps: Sequence[Maps], weights: Sequence[float], classes: int, spacing_mm: Sequence[float]
) -> Maps:
    """The outline between several, where the mean of their signed distances is largest.

    ``y_v = argmax_c Σ_m w_m d_mc(v)`` with d the signed distance in mm to the edge of label c, see
    `signed_distances`; of ties the lowest label. One of weight 1 is that outline itself.

    Args:
        maps: M label maps (*S) on one grid, each with some label.
        weights: of each, not negative, not all 0.
        classes: number of labels C, background included.
        spacing_mm: voxel size along each axis.

    Raises:
        ValueError: other weights, or a map without any label.
    """
    w = np.asarray(weights, np.float64)
    if w.shape != (len(maps),) or not (np.isfinite(w).all() and (w >= 0).all() and w.any()):
        raise ValueError(f"weights: expected {len(maps)} numbers, not negative, got {weights}")
    if not all(one.any() for one in maps):
        raise ValueError("maps: expected some label in each")
    box = around(maps)
    parts = [np.ascontiguousarray(one[box]) for one in maps]
    # Beyond the farthest that two voxels lie apart nothing is cut off.
    width = float(np.linalg.norm(np.multiply(parts[0].shape, spacing_mm)))
    total = np.zeros((classes, *parts[0].shape))
    for part, weight in zip(parts, w / w.sum(), strict=True):
        if weight > 0:
            total += weight * signed_distances(part, classes, spacing_mm, width)
    out = np.zeros_like(maps[0])
    out[box] = total.argmax(0).astype(np.uint8)
    return out


def around(maps: Sequence[Maps], margin: int = 1) -> tuple[slice, ...]:
    """The box of all that anybody has outlined, and so many voxels more; all where nobody has."""
    union = np.zeros(maps[0].shape, np.uint8)
    for one in maps:
        union |= one > 0
    return box_of(union, margin) or (slice(None),) * union.ndim
