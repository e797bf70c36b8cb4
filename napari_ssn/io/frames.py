"""Files that hold several images of one grid: points in time, echoes, b-values."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

from napari_ssn.errors import GeometryError
from napari_ssn.geometry.volume import Volume


class Frames(NamedTuple):
    """A file with all of its frames.

    Attributes:
        volume: its channels are the frames.
        step_s: seconds from frame to frame; None where the file does not say.
        labels: whether the file calls itself a label map.
        whole: whether its values are stored as whole numbers.
    """

    volume: Volume
    step_s: float | None = None
    labels: bool = False
    whole: bool = True

    def only(self) -> Volume:
        """The one frame; GeometryError where there are several."""
        if self.volume.channels > 1:
            raise not_whole((*self.volume.space, self.volume.channels))
        return self.volume

    def one(self, frame: int) -> Volume:
        """A frame, from 0; GeometryError if there is none of that number."""
        found = self.volume
        if not 0 <= frame < found.channels:
            raise no_frame(frame, (*found.space, found.channels))
        return replace(found, data=found.data[frame : frame + 1])


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
