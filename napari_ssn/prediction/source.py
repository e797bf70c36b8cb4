"""An image that is to be segmented, before its intensities are read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from napari_ssn.geometry.affine import Affine
from napari_ssn.geometry.arrays import Floats
from napari_ssn.geometry.declared import UNDECLARED, Declared, declared_by
from napari_ssn.geometry.intensity import Units
from napari_ssn.geometry.orientation import Reorientation
from napari_ssn.geometry.volume import Extent, Volume
from napari_ssn.text.sizes import Measure

if TYPE_CHECKING:
    # This module imports torch, which only the worker does.
    from napari_ssn.network.likeness import Cut


@dataclass(frozen=True)
class Source:
    """An image to segment, before its intensities are read.

    Attributes:
        token: tells images, and an image before and after a change, apart.
        space: voxels per axis of the source's own grid.
        channels: number of channels.
        affine: 4×4 of that grid, voxel index to mm.
        extent: what the voxel size is known to measure.
        oriented: whether the axes are known to be the patient's.
        load: reads the intensities; called in the worker.
        problem: why this image cannot be used at all, one sentence.
        ct: whether it seems to be a CT; None where nobody has looked, which claims nothing.
        units: what they would be counted in as a CT; None where nobody has looked.
        series: `Volume.source` of an image from DICOM, for a result that refers to it.
        declared: what its file says that it is of.
        cut: reads a part of it, (channels, *cut); None where that takes more than a moment.
        shown: how the window turns the grid; None where that is as for any volume.
        frame: which one it is of a time series, from 0; None for an image without time.
    """

    token: int
    space: tuple[int, ...]
    channels: int
    affine: Floats
    extent: Extent
    oriented: bool
    load: Callable[[], Volume]
    problem: str | None = None
    shown: Reorientation | None = None
    frame: int | None = None
    ct: bool | None = None
    units: Units | None = None
    series: object = None
    declared: Declared = UNDECLARED
    cut: Cut | None = None

    @classmethod
    def of(cls, volume: Volume, frame: int | None = None) -> Source:
        """An image that is read already; ``frame`` as in `Source`."""
        return cls(
            token=0,
            space=volume.space,
            channels=volume.channels,
            affine=volume.affine,
            extent=volume.extent,
            oriented=volume.oriented,
            load=lambda: volume,
            series=volume.source,
            frame=frame,
            declared=declared_by(volume.source),
        )

    def __post_init__(self) -> None:
        object.__setattr__(self, "affine", Affine.checked(self.affine).matrix)

    @property
    def turn(self) -> Reorientation:
        """From the grid to the picture that the user sees of it."""
        return self.shown or Reorientation.for_display(self.affine, len(self.space))

    @property
    def spacing_mm(self) -> tuple[float, ...] | None:
        """Voxel size per axis of the grid; None where it is unknown."""
        if self.extent == "unknown":
            return None
        return Affine(self.affine).spacing_mm(len(self.space))

    @property
    def thickness_mm(self) -> float | None:
        """Thickness of a 2D image; None where it is unknown or there are three axes."""
        if len(self.space) == 3 or self.extent != "volume":
            return None
        return Affine(self.affine).spacing_mm()[2]

    @cached_property
    def measure(self) -> Measure:
        """How a number of this image's voxels is said."""
        return Measure.of(*(self.space, self.affine, self.extent))
