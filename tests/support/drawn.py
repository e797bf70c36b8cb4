"""Lines on the picture, held against the voxels that they go around."""

from __future__ import annotations

from typing import Any

import numpy as np


def check_between(viewer: Any, layer: Any, stroke: Any, mask: np.ndarray) -> None:
    """Every point lies between a voxel of the mask and one outside, and each such pair has one."""
    shown, step = list(viewer.dims.displayed), layer.world_to_data(viewer.dims.point)
    at = tuple(slice(None) if a in shown else round(float(step[a])) for a in range(layer.ndim))
    plane, found = mask[at], set()
    if shown != sorted(shown):
        plane = plane.T
    for line in stroke.lines:
        for point in line:
            place = np.array(viewer.dims.point, dtype=float)
            place[shown] = point
            inside = np.array(layer.world_to_data(place))[shown]
            low, high = np.floor(inside + 1e-6).astype(int), np.ceil(inside - 1e-6).astype(int)
            assert plane[tuple(low)] != plane[tuple(high)]
            found.add((*low, *high))
    pairs = {
        (*pair, *(pair + np.eye(2, dtype=int)[axis]))
        for axis in (0, 1)
        for pair in np.argwhere(np.diff(plane, axis=axis))
    }
    assert found == pairs and pairs
