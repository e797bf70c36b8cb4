"""How far apart two outlines are."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from napari_ssn.core.overlap import AnyLabels
from napari_ssn.geometry.arrays import Floats, Mask
from napari_ssn.geometry.boxes import box_of


def mean_surface_distance(
    a: AnyLabels, b: AnyLabels, spacing_mm: Sequence[float], classes: int = 2
) -> Floats:
    """Average symmetric surface distance of two label maps, per foreground class.

    ``(Σ_{p∈∂A} d(p, ∂B) + Σ_{q∈∂B} d(q, ∂A)) / (|∂A| + |∂B|)``: from each voxel on one border
    to the nearest voxel on the other. A voxel is on the border if it has the label and a
    neighbour across a face has not; outside the grid nothing has it.

    Args:
        a, b: (*S) labels on one grid.
        spacing_mm: voxel size along each axis.
        classes: number of labels C, background included.

    Returns:
        (C − 1,) in the unit of the spacing; 0 where neither map has the label, NaN where only
        one has it.

    Raises:
        ValueError: unequal shapes, or another number of axes than of sizes.

    Source: Heimann et al., IEEE TMI 2009, section II-C.
    """
    if a.shape != b.shape:
        raise ValueError(f"b: expected shape {a.shape}, got {b.shape}")
    if len(spacing_mm) != a.ndim:
        raise ValueError(f"spacing_mm: expected {a.ndim} sizes, got {tuple(spacing_mm)}")
    return np.array([_distance(a == c, b == c, spacing_mm) for c in range(1, classes)])


def _distance(a: Mask, b: Mask, spacing_mm: Sequence[float]) -> float:
    box = box_of(a | b)
    if box is None:
        return 0.0
    if not (a.any() and b.any()):
        return math.nan
    # Nothing outside the box of both is on a border, nor nearer to one.
    here, there = _border(a[box]), _border(b[box])
    to_there = ndimage.distance_transform_edt(~there, sampling=spacing_mm)[here]
    to_here = ndimage.distance_transform_edt(~here, sampling=spacing_mm)[there]
    return float((to_there.sum() + to_here.sum()) / (len(to_there) + len(to_here)))


def _border(mask: Mask) -> Mask:
    inner: Mask = ndimage.binary_erosion(mask, border_value=0)
    return mask & ~inner


def boundary_size(mask: Mask, spacing_mm: Sequence[float]) -> float:
    """Area in mm² of a mask's boundary inside its grid, or its length in mm in a plane.

    Crofton's formula along the axes: the faces between a voxel inside and one outside, each as
    large as it is, together are ``∫ Σ_i |n_i| dA``, which is 3/2 of the area of a boundary that
    faces all ways alike, and 4/π of a length. Where the mask meets the end of the grid nothing
    is known of a boundary, and none is counted.

    Args:
        mask: (*S), two or three axes.
        spacing_mm: voxel size along each axis.
    """
    # A voxel more all around, where the grid has one.
    box = box_of(mask, margin=1)
    if box is None:
        return 0.0
    inside = mask[box]
    total = 0.0
    for axis, spacing in enumerate(spacing_mm):
        ahead, behind = np.moveaxis(inside, axis, 0)[1:], np.moveaxis(inside, axis, 0)[:-1]
        total += int(np.count_nonzero(ahead != behind)) * math.prod(spacing_mm) / spacing
    return total * (2 / 3 if mask.ndim == 3 else math.pi / 4)
