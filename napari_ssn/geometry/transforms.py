"""Affine matrices of viewers' layers: from a shown index to a place in the world."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from napari_ssn.errors import GeometryError
from napari_ssn.geometry.arrays import Floats

Matrix = Floats

# Millimetres in a unit, by the names that viewers use.
_MM = {
    "mm": 1.0,
    "millimeter": 1.0,
    "millimetre": 1.0,
    "cm": 10.0,
    "centimeter": 10.0,
    "centimetre": 10.0,
    "m": 1000.0,
    "meter": 1000.0,
    "metre": 1000.0,
    "um": 1e-3,
    "µm": 1e-3,
    "micron": 1e-3,
    "micrometer": 1e-3,
    "micrometre": 1e-3,
    "nm": 1e-6,
    "nanometer": 1e-6,
    "nanometre": 1e-6,
}

# Two matrices are one: their columns to this share of a voxel, their origins to so many mm.
_STEP, _ORIGIN_MM = 1e-6, 1e-4

#: How far a file may put a corner of a grid from where it is, in mm: a thousandth of the finest
#: pixel there is, and what float32 numbers do within a metre of the origin.
NEAR_MM = 1e-4


def units_mm(units: Sequence[object]) -> tuple[float | None, ...]:
    """Millimetres in each of a layer's units; None for what is no length, as ``pixel``."""
    return tuple(_MM.get(str(unit)) for unit in units)


def scaling(scale: ArrayLike, translate: ArrayLike) -> Matrix:
    """(n + 1, n + 1) of a scale and a translation per axis."""
    sizes = np.asarray(scale, dtype=np.float64)
    matrix = np.eye(len(sizes) + 1)
    matrix[:-1, :-1] = np.diag(sizes)
    matrix[:-1, -1] = translate
    return matrix


def layer_matrix(state: Mapping[str, Any], ndim: int) -> Matrix:
    """``affine · (translate + rotate · shear · scale)`` of a layer's saved state, (n + 1, n + 1).

    Args:
        state: what napari hands to a writer; what is missing changes nothing.
        ndim: axes of the layer.
    """
    inner = scaling(state.get("scale", (1.0,) * ndim), state.get("translate", (0.0,) * ndim))
    inner[:ndim, :ndim] = (
        _rotation(state.get("rotate"), ndim) @ _shear(state.get("shear"), ndim)
    ) @ inner[:ndim, :ndim]
    outer = state.get("affine")
    return inner if outer is None else np.asarray(outer, dtype=np.float64) @ inner


def is_straight(matrix: Matrix) -> bool:
    """Whether a matrix scales and moves each axis by itself, and does nothing else."""
    linear = matrix[:-1, :-1]
    off = np.abs(linear - np.diag(np.diag(linear)))
    return bool(off.max() <= _STEP * np.abs(linear).max())


def same_place(one: Matrix, other: Matrix) -> bool:
    """Whether two matrices, in mm, put an array at the same place."""
    if one.shape != other.shape:
        return False
    sizes = np.linalg.norm(other[:-1, :-1], axis=0)
    steps = np.abs(one[:-1, :-1] - other[:-1, :-1]) <= _STEP * sizes
    return bool(steps.all() and np.abs(one[:-1, -1] - other[:-1, -1]).max() <= _ORIGIN_MM)


def corners_apart_mm(one: Matrix, other: Matrix, space: Sequence[int]) -> float:
    """Largest distance in mm between where two 4×4 affines put a corner of a grid."""
    far = [*(size - 1 for size in space), 0, 0, 0][:3]
    corners = np.ones((8, 4))
    corners[:, :3] = np.indices((2, 2, 2)).reshape(3, -1).T * far
    return float(np.linalg.norm(corners @ (one - other).T, axis=1).max())


def check_matrix(matrix: Matrix) -> None:
    """GeometryError if a layer's transform holds no usable voxel size."""
    if not np.isfinite(matrix).all() or not abs(np.linalg.det(matrix)) > 0:
        raise GeometryError(
            "A voxel size of this image is zero or not a number: open it again, "
            "or set the scale of its layer."
        )


def _rotation(value: Any, ndim: int) -> Matrix:
    """Matrix of a rotation; an angle in degrees is one of the last two axes."""
    if value is None:
        return np.eye(ndim)
    array = np.asarray(value, dtype=np.float64)
    if array.ndim == 2:
        return array
    angle = np.deg2rad(float(array.reshape(-1)[0]))
    matrix = np.eye(ndim)
    matrix[-2:, -2:] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    return matrix


def _shear(value: Any, ndim: int) -> Matrix:
    """Matrix of a shear, or of the numbers above its diagonal, row by row."""
    if value is None:
        return np.eye(ndim)
    array = np.asarray(value, dtype=np.float64)
    if array.ndim == 2:
        return array
    matrix = np.eye(ndim)
    matrix[np.triu_indices(ndim, 1)] = array
    return matrix
