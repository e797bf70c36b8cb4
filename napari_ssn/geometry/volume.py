"""An image with its place in the patient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from napari_ssn.geometry.affine import Affine
from napari_ssn.geometry.arrays import Floats, Singles
from napari_ssn.geometry.brief import brief
from napari_ssn.geometry.computed import computed

#: What the voxel size is known to measure: nothing, areas in the plane, or volumes.
Extent = Literal["unknown", "plane", "volume"]


@dataclass(frozen=True, eq=False)
class Volume:
    """An image on a voxel grid.

    Attributes:
        data: (channels, *space) float32; space has two or three axes, in the order the
            file stores them. The array may be shared with its owner: treat it as read-only. Of
            dask, zarr and the like it is computed when the volume is made: what is said of an
            image is said of its values.
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

    data: Singles
    affine: Floats
    extent: Extent = "volume"
    oriented: bool = True
    source: object = None
    note: str | None = None

    __repr__ = brief

    def __post_init__(self) -> None:
        if not isinstance(self.data, np.ndarray):
            object.__setattr__(self, "data", computed(self.data))
        if self.data.dtype != np.float32:
            raise TypeError(f"data: expected float32, got {self.data.dtype}")
        if self.data.ndim not in (3, 4):
            raise ValueError(f"data: expected (channels, *space), got shape {self.data.shape}")
        if 0 in self.data.shape:
            raise ValueError(f"data: expected no empty axis, got shape {self.data.shape}")
        if self.extent not in ("unknown", "plane", "volume"):
            raise ValueError(f"extent: expected unknown, plane or volume, got {self.extent!r}")
        object.__setattr__(self, "affine", Affine.checked(self.affine).matrix)

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
        return Affine(self.affine).spacing_mm(len(self.space))
