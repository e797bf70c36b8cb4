"""From voxel index to millimetres, and all that follows from such a matrix."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from napari_ssn.errors import GeometryError
from napari_ssn.geometry.arrays import Floats

#: From left, posterior, superior, as DICOM and ITK count, to right, anterior, superior, and back.
LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
_SINGULAR = "The image's affine is singular: a voxel size is zero or next to it."


@dataclass(frozen=True, eq=False, init=False)
class Affine:
    """Where the voxels of a grid lie.

    Attributes:
        matrix: 4×4 float64, or its first three rows: voxel index (i, j, k) to mm.
    """

    matrix: Floats

    def __init__(self, matrix: ArrayLike) -> None:
        object.__setattr__(self, "matrix", np.asarray(matrix, np.float64))

    @classmethod
    def checked(cls, matrix: ArrayLike) -> Affine:
        """Of a read-only copy of a 4×4; GeometryError if it is unusable."""
        found = np.array(matrix, np.float64)
        if found.shape != (4, 4):
            raise ValueError(f"affine: expected shape (4, 4), got {found.shape}")
        if not np.isfinite(found).all():
            raise GeometryError("The image's affine matrix holds values that are not finite.")
        if not np.array_equal(found[3], [0, 0, 0, 1]):
            raise GeometryError(f"The image's affine matrix ends in {found[3]}, not in 0 0 0 1.")
        if cls(found).singular:
            raise GeometryError(_SINGULAR)
        found.flags.writeable = False
        return cls(found)

    @property
    def steps(self) -> Floats:
        """From a voxel to the next along each axis, in mm: the columns, (3, 3)."""
        return self.matrix[:3, :3]

    @property
    def origin(self) -> Floats:
        """Middle of the first voxel, in mm, (3,)."""
        return self.matrix[:3, 3]

    @property
    def lengths(self) -> Floats:
        """Voxel size along each axis in mm, (3,)."""
        return np.asarray(np.linalg.norm(self.steps, axis=0))

    def spacing_mm(self, axes: int = 3) -> tuple[float, ...]:
        """`lengths` of the first axes."""
        return tuple(float(length) for length in self.lengths[:axes])

    @property
    def voxel_mm3(self) -> float:
        """Volume of a voxel, ``|det A|``."""
        return float(abs(np.linalg.det(self.steps)))

    @property
    def voxel_ml(self) -> float:
        """Volume of a voxel in millilitres."""
        return self.voxel_mm3 / 1000

    @property
    def singular(self) -> bool:
        """Whether a voxel is of no size, or next to it, as a whole or along one axis.

        To bring such an axis to the millimetres of a model would take all memory: each of its
        nodes is made of as many voxels as fill it.
        """
        return self.voxel_mm3 < 1e-12 or float(self.lengths.min()) < 1e-5

    def area_mm2(self, one: int, two: int) -> float:
        """Area of a pixel of the plane that two axes span."""
        return float(np.linalg.norm(np.cross(self.steps[:, one], self.steps[:, two])))

    def places(self, index: ArrayLike) -> Floats:
        """Positions in mm of voxel indices (n, 2 or 3); (n, 3)."""
        found = np.asarray(index, np.float64)
        padded = np.pad(found, ((0, 0), (0, 3 - found.shape[1])))
        return np.asarray(padded @ self.steps.T + self.origin)

    def index_of(self, place: ArrayLike) -> Floats:
        """Voxel index of a position (3,) in mm, not rounded."""
        return np.asarray(np.linalg.solve(self.steps, np.asarray(place) - self.origin))

    def from_voxel(self, start: tuple[int, ...]) -> Floats:
        """Matrix of the grid whose first voxel is voxel ``start`` of this one."""
        matrix, offset = self.matrix.copy(), np.zeros(3)
        offset[: len(start)] = start
        matrix[:3, 3] += self.steps @ offset
        return matrix

    def upright(self) -> Floats:
        """Matrix of a plane whose third column, of 1 mm, stands upright on the first two.

        The sense in which the third axis of a right-handed or left-handed grid runs is unknown;
        superior, anterior or right is taken. GeometryError if the plane has no area.
        """
        matrix = self.matrix.copy()
        upright = np.cross(matrix[:3, 0], matrix[:3, 1])
        length = float(np.linalg.norm(upright))
        if not length > 0:
            raise GeometryError(_SINGULAR)
        sign = math.copysign(1.0, float(upright[np.argmax(np.abs(upright))]))
        matrix[:3, 2] = sign * upright / length
        return matrix
