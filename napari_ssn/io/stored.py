"""Values of a file in the type that it stores them in: a label map needs no other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_ssn.geometry.affine import Affine
from napari_ssn.geometry.display import Display
from napari_ssn.geometry.orientation import Reorientation
from napari_ssn.geometry.volume import Extent, Volume
from napari_ssn.io.frames import Frames


@dataclass(frozen=True, eq=False)
class Stored:
    """What a file holds, before somebody has asked whether it is an image or labels.

    Attributes:
        values: (frames, *S) numbers of any kind, in the order in memory that the file has; they
            belong to whoever read them.
        affine, extent, oriented, note: see `Volume`.
        step_s, labels, whole: see `Frames`.
    """

    values: NDArray[Any]
    affine: NDArray[np.float64]
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
        place = volume.affine, volume.extent, volume.oriented, volume.note
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

    def frames(self) -> Frames:
        """The values as an image's with all of its frames."""
        return Frames(self.volume(), self.step_s, self.labels, self.whole)
