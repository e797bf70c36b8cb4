"""Masks of slices as closed lines, and back, in voxels."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from skimage.measure import find_contours

from napari_ssn.io.content import box_of

Mask = NDArray[np.bool_]
Line = NDArray[np.float64]
# Through corners too there is a way out of a hole, as there is none inside a mask.
_CORNERS = np.ones((3, 3), np.bool_)


def lines(mask: Mask) -> Iterator[Line]:
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


def filled(line: Line, shape: tuple[int, int]) -> Mask:
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
