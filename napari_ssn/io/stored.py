"""Values of a file in the type that it stores them in: a label map needs no other."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

from napari_ssn.errors import GeometryError
from napari_ssn.geometry.affine import Affine
from napari_ssn.geometry.arrays import Array, Floats
from napari_ssn.geometry.display import Display
from napari_ssn.geometry.orientation import Reorientation
from napari_ssn.geometry.volume import Extent, Volume


class Place(NamedTuple):
    """Affine in mm, what it measures, whether it is the patient's, and what is to be said of it."""

    affine: Floats
    extent: Extent
    oriented: bool
    note: str | None = None


@dataclass(frozen=True, eq=False)
class Stored:
    """What a file holds, before somebody has asked whether it is an image or labels.

    Attributes:
        values: (frames, *S) numbers of any kind, in the order in memory that the file has; they
            belong to whoever read them.
        affine, extent, oriented, note: see `Volume`.
        step_s: seconds from frame to frame; None where the file does not say.
        labels: whether the file calls itself a label map.
        whole: whether its values are stored as whole numbers.
    """

    values: Array
    affine: Floats
    extent: Extent
    oriented: bool
    note: str | None = None
    step_s: float | None = None
    labels: bool = False
    whole: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "affine", Affine.checked(self.affine).matrix)

    @classmethod
    def of(cls, volume: Volume) -> Stored:
        """What was read as an image already."""
        place = Place(volume.affine, volume.extent, volume.oriented, volume.note)
        return cls(volume.data, *place, whole=False)

    @property
    def channels(self) -> int:
        """Number of frames."""
        return int(self.values.shape[0])

    @property
    def space(self) -> tuple[int, ...]:
        """Shape of the voxel grid."""
        return self.values.shape[1:]

    @property
    def display(self) -> Display:
        """How the grid is shown."""
        turn = Reorientation.for_display(self.affine, len(self.space))
        return Display(turn, self.affine, self.space, self.extent, self.oriented)

    def volume(self) -> Volume:
        """The values as those of an image."""
        with np.errstate(over="ignore"):  # inference refuses infinity in words of its own
            data = np.ascontiguousarray(self.values, dtype=np.float32)
        return Volume(data, self.affine, self.extent, self.oriented, note=self.note)

    def image(self, frame: int | None) -> Volume:
        """A frame, from 0, as an image, or the only one; GeometryError where there is no such."""
        shape = (*self.space, self.channels)
        if frame is None and self.channels > 1:
            raise not_whole(shape)
        first = frame or 0
        if not 0 <= first < self.channels:
            raise no_frame(first, shape)
        return replace(self, values=self.values[first : first + 1]).volume()


def not_whole(shape: tuple[int, ...]) -> GeometryError:
    """What is said of several frames where one image is wanted.

    Args:
        shape: of the grid, then how many.
    """
    return GeometryError(
        "Time series and images of several channels are not read as a whole "
        f"({_size(shape)}): name a frame, or save one 3D image of it as its own file."
    )


def no_frame(frame: int, shape: tuple[int, ...]) -> GeometryError:
    """What is said where a file has no frame of this number, from 0."""
    return GeometryError(f"There is no frame {frame + 1} in this image ({_size(shape)}).")


def _size(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))
