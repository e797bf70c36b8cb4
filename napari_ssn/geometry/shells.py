"""Borders in space as closed surfaces, from numbers whose sign says what lies inside."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from skimage.measure import marching_cubes

from napari_ssn.geometry.arrays import Floats, Ints
from napari_ssn.geometry.boxes import box_of

Points = Floats
Faces = Ints

# Voxels that cubes march through at most: of more, every second or third is looked at.
_MOST = 2_000_000


def shell(field: NDArray[np.floating], beyond: float) -> tuple[Points, Faces]:
    """Surface on which a field in space is 0, by marching cubes; closed, whatever it meets.

    Between two neighbours with values a and b it runs at ``−a / (b − a)`` of the way, as
    `contours.isolines` has it in a plane.

    Args:
        field: (Z, Y, X) values at the centres of voxels, above 0 inside.
        beyond: value of all voxels around it, below 0.

    Returns:
        corners, (n, 3) of the grid with voxel centres at whole numbers; and triangles, (m, 3)
        places among them, counted so that their normals point outwards. Both are empty where
        nothing lies inside.

    Source: Lorensen and Cline, SIGGRAPH 1987; Lewiner et al. 2003; scikit-image's.
    """
    # With the neighbours outside, which the places of the corners hang on.
    box = box_of(field > 0, margin=1)
    if box is None:
        return np.empty((0, 3)), np.empty((0, 3), np.int64)
    part = field[box]
    step = max(1, int(np.ceil((part.size / _MOST) ** (1 / 3))))
    part = np.pad(part[::step, ::step, ::step], 1, constant_values=beyond)
    corners, faces, _, _ = marching_cubes(part, 0.0)
    first = np.array([one.start for one in box], np.float64)
    placed = first + (corners.astype(np.float64) - 1.0) * step
    return placed, outwards(placed, faces.astype(np.int64))


def enclosed(corners: Points, faces: Faces) -> float:
    """Volume inside a closed surface, ``Σ a · (b × c) / 6``; negative if its normals point inwards.

    Args:
        corners: (n, 3).
        faces: (m, 3) places among them.
    """
    a, b, c = np.moveaxis(corners[faces], 1, 0)
    return float(np.einsum("ij,ij->", a, np.cross(b, c)) / 6)


def outwards(corners: Points, faces: Faces) -> Faces:
    """Triangles counted so that their normals point outwards, also where space was mirrored."""
    return faces if enclosed(corners, faces) >= 0 else np.ascontiguousarray(faces[:, ::-1])
