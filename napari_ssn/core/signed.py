"""Signed distances of label maps: logits that say how far an edge lies, and not only where."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from napari_ssn.geometry.arrays import Labels, Mask, Singles
from napari_ssn.geometry.boxes import box_of

# Distances of all labels that are held at once, in numbers: a hundred labels of a whole volume
# would take gigabytes, and most of its voxels lie far from every edge.
_AT_ONCE = 1 << 26


def signed_distances(
    label_map: Labels, classes: int, spacing_mm: Sequence[float], width_mm: float
) -> Singles:
    """How far each voxel lies inside (+) or outside (−) of each label, in widths, −1 … 1.

    ``±min(1, d / width)`` with d the distance in mm from the middle of the voxel to that of the
    nearest voxel on the other side. A label that no voxel has is −1, one that all have 1.

    Args:
        label_map: (*S).
        classes: number of labels C, background included.
        spacing_mm: voxel size along each axis.
        width_mm: above 0.

    Returns:
        (C, *S) float32; a voxel is above 0 in its own label alone.
    """
    out = np.full((classes, *label_map.shape), -1, np.float32)
    for label, values in enumerate(out):
        mask = label_map == label
        _inside(values, mask, spacing_mm, width_mm)
    return out


def edge_distances(
    label_map: Labels,
    classes: int,
    spacing_mm: Sequence[float],
    width_mm: float,
    at_once: int = _AT_ONCE,
) -> tuple[NDArray[np.intp], Singles]:
    """Signed distances of the voxels that lie less than the width from an edge, slab by slab.

    Args:
        label_map, classes, spacing_mm, width_mm: as for `signed_distances`.
        at_once: numbers that are held of them at once, about.

    Returns:
        (n,) which voxels, in the order of C, and (classes, n) what `signed_distances` has there.
    """
    halo = int(np.ceil(width_mm / spacing_mm[0])) + 1
    # Slabs are not thinner than what is looked at around them: their work at most doubles.
    each = max(2 * halo, at_once // max(1, classes * label_map[0].size) - 2 * halo)
    voxels, values = list[NDArray[np.intp]](), list[Singles]()
    for first in range(0, len(label_map), each):
        # What lies farther away than the width is as good as nowhere.
        start = max(0, first - halo)
        part = label_map[start : first + each + halo]
        found = signed_distances(part, classes, spacing_mm, width_mm)
        found = found[:, first - start :][:, :each].reshape(classes, -1)
        near = np.flatnonzero(
            (np.count_nonzero(found == -1, axis=0) != classes - 1) | (found.max(axis=0) != 1)
        )
        voxels.append(near + first * label_map[0].size)
        values.append(found[:, near])
    return np.concatenate(voxels), np.concatenate(values, axis=1)


def _inside(out: Singles, mask: Mask, spacing_mm: Sequence[float], width_mm: float) -> None:
    """Put the signed distances of a mask into ``out``, which is −1."""
    if mask.all():
        out[...] = 1
        return
    # Nearest voxels of a mask lie in its box, nearest ones outside in a box one voxel larger, and
    # farther than the width nothing needs to be known. The background's box is the whole, but
    # where its complement has a small one, distances are wanted near that alone.
    rest = ~mask
    small = min((box_of(one) for one in (mask, rest)), key=_size)
    if small is None:
        return
    steps = [int(np.ceil(width_mm / mm)) + 1 for mm in spacing_mm]
    box = tuple(
        slice(max(0, part.start - step), part.stop + step)
        for part, step in zip(small, steps, strict=True)
    )
    here = mask[box]
    near = ndimage.distance_transform_edt(here, sampling=spacing_mm)
    near -= ndimage.distance_transform_edt(~here, sampling=spacing_mm)
    out[mask] = 1
    out[box] = np.clip(near / width_mm, -1, 1)


def _size(box: tuple[slice, ...] | None) -> float:
    return -1.0 if box is None else float(np.prod([part.stop - part.start for part in box]))
