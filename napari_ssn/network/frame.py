"""In which grid a network sees an image: which of its axes, in which direction, how fine."""

from __future__ import annotations

from dataclasses import dataclass

from napari_ssn.documents.card import ModelCard
from napari_ssn.errors import ModelError
from napari_ssn.geometry.affine import Affine
from napari_ssn.geometry.channels import Placed
from napari_ssn.geometry.orientation import (
    Direction,
    Reorientation,
    closest_axes,
    direction_cosines,
    named_directions,
    shown_directions,
)

#: Voxels that differ from the network's by less than this share are taken as they are: scanners
#: round, and resampling blurs.
SAME_SIZE = 0.05


@dataclass(frozen=True)
class Frame:
    """How the grid of an image becomes a network's.

    Attributes:
        turn: from the image's axes to the network's. A 2D network sees a volume with its slices
            along the first of three.
        sliced: whether that is so.
        steps: per turned axis, voxels of the image from one voxel of the network to the next.
        spacing_mm: of the image, per turned axis; None where it is not known.
        upright: axis of the patient that stands upright on the plane of a 2D network; None where
            that is not known, or the network is 3D.
    """

    turn: Reorientation
    sliced: bool
    steps: tuple[float, ...]
    spacing_mm: tuple[float, ...] | None
    upright: int | None = None


def frame_of(card: ModelCard, image: Placed) -> Frame:
    """Find the axes of an image that a network sees.

    Axes come in the orientation that the card states. Where the image does not know its own,
    those of a volume are taken as they are shown and those of a 2D image as they are stored.
    Without a stated orientation all come as stored, and a volume is sliced along the first axis
    as shown. A volume of one slice is sliced where it has one.

    ModelError if the model reads volumes and the image is 2D.
    """
    ndim, dims = len(image.space), card.spatial_dims
    if dims > ndim:
        size = " × ".join(map(str, image.space))
        raise ModelError(f"{card.title} reads 3D volumes, and this image is 2D ({size}).")
    wanted = None if card.orientation is None else named_directions(card.orientation)
    source = closest_axes(direction_cosines(image.affine))
    upright = None
    if ndim > dims:
        turn, upright = _sliced(image, wanted, source)
    elif dims == 2:
        turn = Reorientation.identity(2)
        if image.oriented:
            upright = source.index(2)
            if wanted is not None:
                turn = Reorientation.along(image.affine, _in_plane(wanted, upright))
    else:
        turn = Reorientation.identity(3)
        if wanted is not None:
            turn = Reorientation.along(image.affine, wanted)
    spacing = None
    if image.extent == "volume" or (image.extent == "plane" and ndim == 2):
        lengths = Affine(image.affine).lengths
        spacing = tuple(float(lengths[axis]) for axis in turn.order)
    return Frame(turn, ndim > dims, _steps(card, spacing, ndim), spacing, upright)


def _sliced(
    image: Placed, wanted: tuple[Direction, ...] | None, source: tuple[int, ...]
) -> tuple[Reorientation, int | None]:
    """Order of the axes of a volume for a 2D network, and what stands upright on its slices."""
    # Axial where nobody says otherwise: that is how volumes are shown.
    across = 2 if wanted is None else ({0, 1, 2} - {axis for axis, _ in wanted}).pop()
    single = [axis for axis in range(3) if image.space[axis] == 1]
    if single and source[across] not in single:
        across = source.index(single[-1])
    if wanted is None and single:
        slices = source[across]
        order = (slices, *(axis for axis in range(3) if axis != slices))
        turn = Reorientation(order, (False,) * 3)
    else:
        plane = shown_directions(across, 2) if wanted is None else _in_plane(wanted, across)
        turn = Reorientation.along(image.affine, ((across, 1), *plane))
    return turn, across if image.oriented else None


def _in_plane(wanted: tuple[Direction, ...], upright: int) -> tuple[Direction, ...]:
    """Directions of a plane: those wanted, or as it is shown where they lie in another plane."""
    if upright in (axis for axis, _ in wanted):
        return shown_directions(upright, 2)
    return wanted


def _steps(card: ModelCard, spacing: tuple[float, ...] | None, ndim: int) -> tuple[float, ...]:
    wanted = card.voxel_mm
    if wanted is None or spacing is None:
        return (1.0,) * ndim
    # Slices are never resampled across for a 2D network.
    across = ndim - len(wanted)
    steps = [w / s for w, s in zip(wanted, spacing[across:], strict=True)]
    kept = tuple(1.0 if abs(step - 1) <= SAME_SIZE else step for step in steps)
    return (1.0,) * across + kept
