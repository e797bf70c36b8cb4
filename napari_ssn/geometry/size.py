"""What the voxels of a segmented image measure: millilitres, square millimetres, or nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

import numpy as np

from napari_ssn.geometry.affine import Affine
from napari_ssn.geometry.apart import apart_from
from napari_ssn.geometry.arrays import Floats, Labels
from napari_ssn.geometry.boxes import boxes_of
from napari_ssn.geometry.cutoff import cut_off_by
from napari_ssn.geometry.diameters import Diameter, find_diameters, slice_axis
from napari_ssn.geometry.volume import Extent


@dataclass(frozen=True)
class Size:
    """What a voxel of an image counts for.

    Attributes:
        extent: what is measured. One slice measures areas, however thick it is: the volume of a
            slab through a lesion is not that of the lesion.
        voxel_mm: volume of a voxel in mm³, of a plane its area in mm²; of unknown voxel sizes
            without a meaning.
        flat: whether there is but one slice.
    """

    extent: Extent
    voxel_mm: float
    flat: bool

    @classmethod
    def of(cls, space: Sequence[int], affine: Floats, extent: Extent) -> Self:
        """Of the voxels of a segmented image, or of the part of it that was.

        Args:
            space: shape of what was segmented.
            affine: 4×4 of its grid, voxel index to mm.
            extent: what the image's voxel size is known to measure.
        """
        grid, flat = Affine(affine), len(space) == 2 or 1 in space
        if extent == "plane" or (extent == "volume" and flat):
            across = slice_axis(space, affine)
            one, two = (axis for axis in range(3) if axis != (2 if across is None else across))
            return cls("plane", grid.area_mm2(one, two), flat)
        return cls(extent, grid.voxel_mm3, flat)

    def ml(self, voxels: float) -> float | None:
        """Millilitres of so many voxels; None where they measure none."""
        return voxels * self.voxel_mm / 1000 if self.extent == "volume" else None

    def mm2(self, voxels: float) -> float | None:
        """Square millimetres of so many voxels; None where they measure none."""
        return voxels * self.voxel_mm if self.extent == "plane" else None


def across_of(
    label_map: Labels,
    affine: Floats,
    classes: int,
    extent: Extent,
    space: Sequence[int] | None = None,
    start: Sequence[int] | None = None,
    point: Sequence[int] | None = None,
) -> tuple[Diameter, ...]:
    """Diameters of each label but the background, in mm; in voxels where their size is unknown.

    With them goes which edges each label reaches: its size is then too small, however it is said;
    and how much of it lies apart from the lesion that was pointed at.

    Args:
        label_map: (*S) on the image's grid.
        affine, extent: as in `Size.of`.
        classes: number of labels C, background included.
        space, start: shape of the part that was segmented, one slice of a volume perhaps, and
            its first voxel; all by default.
        point: voxel that was pointed at; None where nothing was.
    """
    grid = np.eye(4) if extent == "unknown" else affine
    axis = slice_axis(label_map.shape if space is None else space, grid)
    found = find_diameters(label_map, grid, classes, axis)
    edges = cut_off_by(label_map, classes, start, space)
    apart = (0,) * (classes - 1)
    if point is not None:
        apart = apart_from(label_map, classes, point, grid)
    return tuple(
        replace(one, cut_off_by=by, apart=n) for one, by, n in zip(found, edges, apart, strict=True)
    )


def corners_of(
    label_map: Labels, classes: int
) -> tuple[tuple[list[int], list[int]] | tuple[None, None], ...]:
    """Lowest and highest index along each axis of each label but the background.

    Args:
        label_map: (*S).
        classes: number of labels C, background included.

    Returns:
        of each label both corners of its box; None and None where it is nowhere.
    """
    # Slices end behind the last index.
    return tuple(
        (None, None)
        if box is None
        else ([int(part.start) for part in box], [int(part.stop) - 1 for part in box])
        for box in boxes_of(label_map, classes)
    )
