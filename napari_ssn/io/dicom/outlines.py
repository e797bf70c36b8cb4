"""Masks of slices as closed lines, and back, in voxels."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from pydicom import Dataset
from scipy import ndimage
from skimage.measure import find_contours

from napari_ssn.errors import GeometryError
from napari_ssn.geometry.arrays import Array, Floats, Mask
from napari_ssn.io.content import box_of

# Through corners too there is a way out of a hole, as there is none inside a mask.
_CORNERS = np.ones((3, 3), np.bool_)
# How far a contour's points may lie off a slice, in slices.
_OFF = 0.05


def lines(mask: Mask) -> Iterator[Floats]:
    """Closed lines around a mask, (n, 2) of its indices, the first point not repeated.

    They run half-way between voxels inside and outside, so that a voxel is inside if its middle is:
    whoever fills them gets the mask back. None lies within another, because formats know
    no holes: a part with a hole is cut in two through it.

    Args:
        mask: (X, Y).
    """
    # Of a whole slice most is far from what is outlined.
    box = box_of(mask)
    first = np.array([part.start for part in box]) - 1
    for piece in _without_holes(np.pad(mask[box], 1)):
        for line in find_contours(piece.astype(np.float32), 0.5, fully_connected="low"):
            yield line[:-1] + first


def _without_holes(mask: Mask) -> Iterator[Mask]:
    holes = ndimage.binary_fill_holes(mask, _CORNERS) & ~mask
    if not holes.any():
        yield mask
        return
    # Cut where the first hole begins: what is left of it is closed, and what is right is open.
    first = int(np.flatnonzero(holes.any(axis=1))[0])
    for part in (slice(0, first), slice(first, None)):
        piece = np.zeros_like(mask)
        piece[part] = mask[part]
        yield from _without_holes(piece)


def filled(line: Floats, shape: tuple[int, int]) -> Mask:
    """Voxels whose middle lies inside a closed line: those with an odd number of edges beside them.

    Args:
        line: (n, 2) of indices, the first point not repeated.
        shape: of the slice.
    """
    crossings = np.zeros((shape[0] + 1, shape[1]), np.int64)
    for (x0, y0), (x1, y1) in zip(line, np.roll(line, -1, axis=0), strict=True):
        low, high = sorted((y0, y1))
        rows = np.arange(max(0, int(np.ceil(low))), min(shape[1], int(np.ceil(high))))
        if len(rows) == 0:
            continue
        x = x0 + (rows - y0) * (x1 - x0) / (y1 - y0)
        np.add.at(crossings, (np.clip(np.ceil(x), 0, shape[0]).astype(int), rows), 1)
    return np.asarray(np.cumsum(crossings, axis=0)[:-1] % 2 == 1)


def in_slices(
    structure: Dataset, to_index: Array, space: tuple[int, ...], elsewhere: str
) -> Iterator[tuple[int, Mask]]:
    """The slice of each closed contour of a structure, and what it holds there.

    Args:
        structure: item of a ROI Contour Sequence.
        to_index: 4×4, LPS mm to the index of (column, row, slice).
        space: columns, rows, slices.
        elsewhere: the sentence of the GeometryError if one lies on no slice.

    ValueError if a point of one is no number.
    """
    columns, rows, slices = space
    for contour in structure.get("ContourSequence") or ():
        if str(contour.get("ContourGeometricType")) != "CLOSED_PLANAR":
            continue
        points = np.asarray(contour.ContourData, np.float64).reshape(-1, 3)
        index = points @ to_index[:3, :3].T + to_index[:3, 3]
        k = round(float(index[0, 2]))
        if not np.isfinite(index).all():
            raise ValueError("a contour through no place")
        if not 0 <= k < slices or np.abs(index[:, 2] - k).max() > _OFF:
            raise GeometryError(elsewhere)
        yield k, filled(index[:, :2], (columns, rows))
