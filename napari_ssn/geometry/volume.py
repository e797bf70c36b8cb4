"""An image with its place in the patient."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from napari_ssn.errors import GeometryError
from napari_ssn.geometry.brief import brief

#: What the voxel size is known to measure: nothing, areas in the plane, or volumes.
Extent = Literal["unknown", "plane", "volume"]


def check_affine(affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a read-only float64 copy of a 4×4 affine; GeometryError if it is unusable."""
    matrix = np.array(affine, dtype=np.float64)
    if matrix.shape != (4, 4):
        raise ValueError(f"affine: expected shape (4, 4), got {matrix.shape}")
    if not np.isfinite(matrix).all():
        raise GeometryError("The image's affine matrix holds values that are not finite.")
    if not np.array_equal(matrix[3], [0, 0, 0, 1]):
        raise GeometryError(f"The image's affine matrix ends in {matrix[3]}, not in 0 0 0 1.")
    if abs(np.linalg.det(matrix[:3, :3])) < 1e-12:
        raise GeometryError("The image's affine is singular: a voxel size is zero or next to it.")
    matrix.flags.writeable = False
    return matrix


@dataclass(frozen=True, eq=False)
class Volume:
    """An image on a voxel grid.

    Attributes:
        data: (channels, *space) float32; space has two or three axes, in the order the
            file stores them. The array may be shared with its owner: treat it as read-only.
        affine: 4×4 float64, from voxel index (i, j, k) to millimetres in the patient
            (right, anterior, superior positive, as in NIfTI). A 2D image lies in k = 0.
        extent: whether that affine measures volumes, areas in the plane only, or nothing.
        oriented: whether the axes of the affine are known to be the patient's.
        source: what the reader of the file knows beyond these, for who writes a result that
            refers to it (for DICOM `napari_ssn.io.dicom.DicomSeries`); nothing here looks at it.
        note: what a person should know of how the file was read, one sentence.

    Examples:
        >>> import numpy as np
        >>> import napari_ssn as ssn
        >>> volume = ssn.Volume(np.zeros((1, 4, 5), np.float32), np.diag([0.7, 0.7, 5.0, 1.0]))
        >>> volume.channels, volume.space, volume.spacing_mm
        (1, (4, 5), (0.7, 0.7))
    """

    data: NDArray[np.float32]
    affine: NDArray[np.float64]
    extent: Extent = "volume"
    oriented: bool = True
    source: object = None
    note: str | None = None

    __repr__ = brief

    def __post_init__(self) -> None:
        if self.data.dtype != np.float32:
            raise TypeError(f"data: expected float32, got {self.data.dtype}")
        if self.data.ndim not in (3, 4):
            raise ValueError(f"data: expected (channels, *space), got shape {self.data.shape}")
        if 0 in self.data.shape:
            raise ValueError(f"data: expected no empty axis, got shape {self.data.shape}")
        if self.extent not in ("unknown", "plane", "volume"):
            raise ValueError(f"extent: expected unknown, plane or volume, got {self.extent!r}")
        object.__setattr__(self, "affine", check_affine(self.affine))

    @property
    def channels(self) -> int:
        """Number of channels."""
        return int(self.data.shape[0])

    @property
    def space(self) -> tuple[int, ...]:
        """Shape of the voxel grid."""
        return self.data.shape[1:]

    @property
    def spacing_mm(self) -> tuple[float, ...]:
        """Distance between neighbouring voxels along each axis of the grid, in mm."""
        lengths = np.linalg.norm(self.affine[:3, :3], axis=0)
        return tuple(float(x) for x in lengths[: len(self.space)])


def stand_upright(affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """Affine of a plane whose third column, of 1 mm, stands upright on the first two.

    The sense in which the third axis of a right-handed or left-handed grid runs is unknown;
    superior, anterior or right is taken. GeometryError if the plane has no area.
    """
    matrix = np.array(affine, dtype=np.float64)
    upright = np.cross(matrix[:3, 0], matrix[:3, 1])
    length = float(np.linalg.norm(upright))
    if not length > 0:
        raise GeometryError("The image's affine is singular: a voxel size is zero or next to it.")
    sign = math.copysign(1.0, float(upright[np.argmax(np.abs(upright))]))
    matrix[:3, 2] = sign * upright / length
    return matrix


def shift_affine(affine: NDArray[np.float64], start: tuple[int, ...]) -> NDArray[np.float64]:
    """Return the affine of a grid whose first voxel is voxel ``start`` of the given one."""
    matrix = np.array(affine, dtype=np.float64)
    offset = np.zeros(3)
    offset[: len(start)] = start
    matrix[:3, 3] += matrix[:3, :3] @ offset
    return matrix


def voxel_volume_ml(affine: NDArray[np.float64]) -> float:
    """Volume of one voxel in millilitres, ``|det A| / 1000`` with A in mm."""
    return float(abs(np.linalg.det(np.asarray(affine, dtype=np.float64)[:3, :3])) / 1000)
