"""From a file's voxel grid to the grid that is shown, and back.

A scanner may store a volume along any of 48 axis orders and directions; a reader of images
expects one: rows go down towards the back of the patient and columns go right towards the
patient's left (the radiological convention). Only views are made, so that what is shown is
always the file's own data.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from napari_ssn.geometry.arrays import Floats

Scalar = TypeVar("Scalar", bound=np.generic)

#: A direction in the patient: axis of right-anterior-superior, and sign.
Direction = tuple[int, int]

_LEFT, _POSTERIOR, _INFERIOR, _SUPERIOR = (0, -1), (1, -1), (2, -1), (2, 1)
_SHOWN_3D: tuple[Direction, ...] = (_SUPERIOR, _POSTERIOR, _LEFT)
_LETTERS: dict[str, Direction] = {
    "R": (0, 1),
    "L": (0, -1),
    "A": (1, 1),
    "P": (1, -1),
    "S": (2, 1),
    "I": (2, -1),
}
# A plane by the direction that stands upright on it: sagittal, coronal, axial.
_SHOWN_2D: dict[int, tuple[Direction, ...]] = {
    0: (_INFERIOR, _POSTERIOR),
    1: (_INFERIOR, _LEFT),
    2: (_POSTERIOR, _LEFT),
}


@dataclass(frozen=True)
class Reorientation:
    """Order and direction in which the axes of a grid are shown.

    Attributes:
        order: shown axis d is axis ``order[d]`` of the source.
        flip: whether shown axis d runs backwards along it.

    Every ``shape`` below is that of the source grid, in the source's own order.
    """

    order: tuple[int, ...]
    flip: tuple[bool, ...]

    def __post_init__(self) -> None:
        if len(self.order) not in (2, 3) or sorted(self.order) != list(range(len(self.order))):
            raise ValueError(f"order: expected each of two or three axes once, got {self.order}")
        if len(self.flip) != len(self.order):
            raise ValueError(f"flip: expected {len(self.order)} values, got {self.flip}")
        object.__setattr__(self, "order", tuple(int(axis) for axis in self.order))
        object.__setattr__(self, "flip", tuple(bool(back) for back in self.flip))

    @classmethod
    def identity(cls, ndim: int) -> Reorientation:
        """Show the grid as it is stored."""
        return cls(tuple(range(ndim)), (False,) * ndim)

    @classmethod
    def for_display(cls, affine: Floats, ndim: int) -> Reorientation:
        """Reorientation that comes closest to the radiological convention.

        Three axes are shown as (z, y, x): towards superior, posterior, the patient's left. Two
        are shown so that columns go right towards the left (sagittal: the back) and rows go
        down towards the back (coronal and sagittal: the feet).

        Args:
            affine: 4×4, voxel index to mm (right, anterior, superior). Of a 2D image its third
                column stands upright on the image.
            ndim: axes of the grid, 2 or 3.
        """
        if ndim not in (2, 3):
            raise ValueError(f"ndim: expected 2 or 3, got {ndim}")
        upright = closest_axes(direction_cosines(affine)).index(2)
        return cls.along(affine, shown_directions(upright, ndim))

    @classmethod
    def along(cls, affine: Floats, directions: Sequence[Direction]) -> Reorientation:
        """Reorientation after which axis d runs along direction d, as nearly as axes can.

        Args:
            affine: 4×4, voxel index to mm (right, anterior, superior).
            directions: one per axis of the grid, each along another axis of the patient.
        """
        cosines = direction_cosines(affine)
        source = closest_axes(cosines)
        order = tuple(source[patient] for patient, _ in directions)
        flip = tuple(bool(cosines[p, source[p]] * sign < 0) for p, sign in directions)
        return cls(order, flip)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.order)

    def apply(self, array: NDArray[Scalar]) -> NDArray[Scalar]:
        """Shown view of an array whose last axes are the source grid's."""
        lead = self._lead(array)
        axes = (*range(lead), *(lead + axis for axis in self.order))
        view: NDArray[Scalar] = array.transpose(axes)[self._steps()]
        return view

    def undo(self, array: NDArray[Scalar]) -> NDArray[Scalar]:
        """Source view of an array whose last axes are the shown grid's: inverse of `apply`."""
        lead = self._lead(array)
        back = np.argsort(self.order)
        axes = (*range(lead), *(lead + int(axis) for axis in back))
        view: NDArray[Scalar] = array[self._steps()].transpose(axes)
        return view

    def shape(self, shape: Sequence[int]) -> tuple[int, ...]:
        """Shape of the shown grid."""
        self._fits(shape, "shape")
        return tuple(shape[axis] for axis in self.order)

    def affine(self, affine: Floats, shape: Sequence[int]) -> Floats:
        """Affine of the shown grid: the same place in the patient, by the shown index.

        ``A_shown = A_source M`` with M the matrix from a shown to a source index.
        """
        self._fits(shape, "shape")
        matrix = np.eye(4)
        matrix[: self.ndim, : self.ndim] = 0.0
        for shown, (axis, back) in enumerate(zip(self.order, self.flip, strict=True)):
            matrix[axis, shown] = -1.0 if back else 1.0
            matrix[axis, 3] = shape[axis] - 1 if back else 0.0
        return np.asarray(affine, dtype=np.float64) @ matrix

    def index_to_source(self, index: Sequence[int], shape: Sequence[int]) -> tuple[int, ...]:
        """Source index of a shown voxel."""
        self._fits(index, "index")
        self._fits(shape, "shape")
        out = [0] * self.ndim
        for value, axis, back in zip(index, self.order, self.flip, strict=True):
            out[axis] = int(shape[axis]) - 1 - int(value) if back else int(value)
        return tuple(out)

    def index_to_display(self, index: Sequence[int], shape: Sequence[int]) -> tuple[int, ...]:
        """Shown index of a source voxel: inverse of `index_to_source`."""
        self._fits(index, "index")
        self._fits(shape, "shape")
        return tuple(
            int(shape[axis]) - 1 - int(index[axis]) if back else int(index[axis])
            for axis, back in zip(self.order, self.flip, strict=True)
        )

    def points_to_display(self, points: Floats, shape: Sequence[int]) -> Floats:
        """As `index_to_display`, of points between voxels, (n, axes)."""
        self._fits(shape, "shape")
        shown = np.array(points, dtype=np.float64)[:, list(self.order)]
        last = np.array([shape[axis] for axis in self.order]) - 1.0
        back = np.array(self.flip)
        shown[:, back] = (last - shown)[:, back]
        return shown

    def _steps(self) -> tuple[Any, ...]:
        return (..., *(slice(None, None, -1 if back else 1) for back in self.flip))

    def _lead(self, array: NDArray[Scalar]) -> int:
        if array.ndim < self.ndim:
            raise ValueError(f"array: expected at least {self.ndim} axes, got {array.shape}")
        return array.ndim - self.ndim

    def _fits(self, values: Sequence[int], name: str) -> None:
        if len(values) != self.ndim:
            raise ValueError(f"{name}: expected {self.ndim} values, got {tuple(values)}")


def named_directions(letters: str) -> tuple[Direction, ...]:
    """Directions by their letters: ``RAS`` is towards right, anterior and superior.

    ValueError if a letter is none of R, L, A, P, S and I, or two lie along one axis.
    """
    if any(letter not in _LETTERS for letter in letters):
        raise ValueError(f"orientation: expected letters of {''.join(_LETTERS)}, got {letters!r}")
    directions = tuple(_LETTERS[letter] for letter in letters)
    if len({axis for axis, _ in directions}) < len(directions):
        raise ValueError(f"orientation: expected each axis of the patient once, got {letters!r}")
    return directions


def letters_of(affine: Floats, ndim: int) -> str:
    """Letters of the directions that the first axes of a grid are closest to, as ``RAS``."""
    cosines = direction_cosines(affine)
    source = closest_axes(cosines)
    names = {direction: letter for letter, direction in _LETTERS.items()}
    along = [(source.index(axis), axis) for axis in range(ndim)]
    return "".join(
        names[patient, -1 if cosines[patient, axis] < 0 else 1] for patient, axis in along
    )


def shown_directions(upright: int, ndim: int) -> tuple[Direction, ...]:
    """Where each shown axis goes in the patient.

    Args:
        upright: for a 2D image the axis of the patient that stands upright on it.
        ndim: shown axes, 2 or 3.
    """
    return _SHOWN_3D if ndim == 3 else _SHOWN_2D[upright]


def direction_cosines(affine: Floats) -> Floats:
    """Unit directions of a grid's axes, (3, 3): column j is that of axis j."""
    columns = np.asarray(affine, dtype=np.float64)[:3, :3]
    return np.asarray(columns / np.linalg.norm(columns, axis=0))


def tilt_degrees(affine: Floats) -> float:
    """Angle between a grid and the patient's axes that it is closest to, in degrees.

    ``arccos((tr R − 1)/2)`` of the rotation R nearest to the grid's directions, each compared
    with the direction of the patient that it runs along, forwards or backwards.
    """
    cosines = direction_cosines(affine)
    ideal = np.zeros((3, 3))
    for patient, axis in enumerate(closest_axes(cosines)):
        ideal[patient, axis] = -1.0 if cosines[patient, axis] < 0 else 1.0
    left, _, right = np.linalg.svd(cosines @ ideal.T)
    cosine = (float(np.trace(left @ right)) - 1) / 2
    return float(np.rad2deg(np.arccos(np.clip(cosine, -1.0, 1.0))))


def closest_axes(cosines: Floats) -> tuple[int, ...]:
    """For each axis of the patient the axis of the grid that runs along it most.

    Of the six ways to pair them the one with the largest sum of |cosine|, because choosing axis
    by axis depends on which comes first when a scan is tilted by nearly 45°.
    """
    size = np.abs(cosines)
    return max(
        permutations(range(3)),
        key=lambda axes: float(sum(size[patient, axis] for patient, axis in enumerate(axes))),
    )
