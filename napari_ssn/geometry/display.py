"""What a viewer needs to show a `Volume`, and how to get the same `Volume` back.

A viewer shows an array with a scale and a translation per axis, nothing more: a tilted scan is
shown straight, and its true affine travels beside the array as plain numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from napari_ssn.errors import ImageError
from napari_ssn.geometry.affine import Affine
from napari_ssn.geometry.arrays import Floats
from napari_ssn.geometry.computed import computed
from napari_ssn.geometry.foreign import reading_of
from napari_ssn.geometry.orientation import (
    Direction,
    Reorientation,
    closest_axes,
    direction_cosines,
    shown_directions,
    tilt_degrees,
)
from napari_ssn.geometry.transforms import (
    Matrix,
    check_matrix,
    is_straight,
    same_place,
    scaling,
    units_mm,
)
from napari_ssn.geometry.volume import Extent, Volume

#: Key of an image layer's metadata under which `Display.to_metadata` lies.
IMAGE_KEY = "napari_ssn_image"
#: Under this key of an image layer's metadata stands the `source` of the volume it shows.
SOURCE_KEY = "napari_ssn_source"
#: There the `note` of that volume.
NOTE_KEY = "napari_ssn_note"
#: Key of a result layer's metadata; the same numbers lie there among others.
RESULT_KEY = "napari_ssn"
#: There too: the layer's matrix when it was made, to tell whether somebody has moved it since.
SHOWN_AT = "shown_at"

# A direction cosine this far from 0 or ±1 is a tilt and no rounding: 0.006°.
_STRAIGHT = 1e-4


@dataclass(frozen=True)
class Placement:
    """Transform of a shown array, one value per shown axis.

    Attributes:
        scale: distance between neighbouring voxels, mm where the image's extent is known.
        translate: place of the first voxel along the axis, in the same unit. All scans of one
            tilt share a frame, so that they stay in register when shown straight.
        units: "mm" per axis, or None when the size of a voxel is unknown.
        axis_labels: letters of the patient's axes that the shown ones are closest to.
    """

    scale: tuple[float, ...]
    translate: tuple[float, ...]
    units: tuple[str, ...] | None
    axis_labels: tuple[str, ...]

    @property
    def matrix(self) -> Matrix:
        """The transform as a matrix, (n + 1, n + 1)."""
        return scaling(self.scale, self.translate)


@dataclass(frozen=True, eq=False)
class Display:
    """How an image is shown and where it came from.

    Attributes:
        reorientation: from the file's grid to the shown one.
        affine: 4×4 float64 of the file's grid, voxel index to mm.
        image_space: shape of the file's grid.
        extent, oriented: see `Volume`.
        straight: whether the layer runs along the axes of the viewer, whatever the affine says.
        moved: whether somebody has turned or moved the layer since it was opened; the affine is
            that of where it lies now.
    """

    reorientation: Reorientation
    affine: Floats
    image_space: tuple[int, ...]
    extent: Extent = "volume"
    oriented: bool = True
    straight: bool = True
    moved: bool = False

    def __post_init__(self) -> None:
        if len(self.image_space) != self.reorientation.ndim:
            raise ValueError(
                f"image_space: expected {self.reorientation.ndim} axes, got {self.image_space}"
            )
        object.__setattr__(self, "affine", Affine.checked(self.affine).matrix)

    @classmethod
    def of(cls, volume: Volume) -> Display:
        """Show a volume in the radiological convention."""
        turn = Reorientation.for_display(volume.affine, len(volume.space))
        return cls(turn, volume.affine, volume.space, volume.extent, volume.oriented)

    @classmethod
    def on(cls, affine: Matrix, space: tuple[int, ...]) -> Display:
        """Show a grid in a patient so."""
        return cls(Reorientation.for_display(affine, len(space)), affine, space)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the shown array."""
        return self.reorientation.shape(self.image_space)

    @property
    def deobliqued(self) -> bool:
        """Whether the scan is tilted or sheared, and shown as if it were not."""
        return bool(np.abs(self._tilt() - np.eye(3)).max() > _STRAIGHT)

    @property
    def tilt_degrees(self) -> float:
        """How far the true grid is turned against the picture that is shown of it; 0 if it is not.

        Of a layer that the viewer itself turns there is nothing to tell.
        """
        if not self.oriented or not self.straight or self.moved:
            return 0.0
        tilt = tilt_degrees(self.affine)
        return tilt if tilt > np.rad2deg(_STRAIGHT) else 0.0

    @property
    def plane(self) -> str:
        """Plane of the slices that are leafed through: ``axial``; empty where it is not known."""
        if not self.oriented or self.reorientation.ndim != 3:
            return ""
        across = closest_axes(direction_cosines(self.affine)).index(self.reorientation.order[0])
        return ("sagittal", "coronal", "axial")[across]

    @property
    def placement(self) -> Placement:
        """Transform of the shown array."""
        shown = self.reorientation.affine(self.affine, self.image_space)
        ndim = self.reorientation.ndim
        scale = Affine(shown).lengths[:ndim]
        turned = shown[:3, 3]
        if self.deobliqued:
            left, _, right = np.linalg.svd(self._tilt())
            turned = (left @ right).T @ turned
        directions = self._directions()[:ndim]
        # Adding zero turns −0.0 into 0.0.
        translate = tuple(float(turned[axis] * sign + 0.0) for axis, sign in directions)
        return Placement(
            tuple(float(size) for size in scale),
            translate,
            None if self.extent == "unknown" else ("mm",) * ndim,
            tuple("xyz"[axis] for axis, _ in directions),
        )

    def to_metadata(self) -> dict[str, Any]:
        """Everything about the place as plain numbers, for a layer's metadata or JSON."""
        return {
            "reorientation": {
                "order": list(self.reorientation.order),
                "flip": list(self.reorientation.flip),
            },
            "affine": [[float(value) for value in row] for row in self.affine],
            "image_space": [int(size) for size in self.image_space],
            "extent": self.extent,
            "oriented": self.oriented,
            "deobliqued": self.deobliqued,
        }

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, Any]) -> Display:
        """Inverse of `to_metadata`; ValueError, TypeError or KeyError if something is amiss."""
        turn = metadata["reorientation"]
        return cls(
            Reorientation(tuple(turn["order"]), tuple(turn["flip"])),
            np.asarray(metadata["affine"], dtype=np.float64),
            tuple(int(size) for size in metadata["image_space"]),
            metadata.get("extent", "volume"),
            bool(metadata.get("oriented", True)),
        )

    def _directions(self) -> tuple[Direction, ...]:
        """Ideal direction of each shown axis and, for a plane, of what stands upright on it."""
        if self.reorientation.ndim == 3:
            return shown_directions(2, 3)
        cosines = direction_cosines(self.affine)
        upright = closest_axes(cosines).index(2)
        sign = -1 if cosines[upright, 2] < 0 else 1
        return (*shown_directions(upright, 2), (upright, sign))

    def _tilt(self) -> Floats:
        """Rotation (and shear) from the ideal directions to the grid's own; identity if none."""
        shown = self.reorientation.affine(self.affine, self.image_space)
        ideal = np.zeros((3, 3))
        for column, (axis, sign) in enumerate(self._directions()):
            ideal[axis, column] = sign
        return direction_cosines(shown) @ ideal.T


def plain_display(
    shape: Sequence[int],
    scale: Sequence[float] | None = None,
    translate: Sequence[float] | None = None,
    units: Sequence[object] | None = None,
) -> Display:
    """`placed_display` of an array that is scaled and moved along its axes: 1 and 0 by default."""
    ndim = len(shape)
    return placed_display(shape, scaling(scale or (1.0,) * ndim, translate or (0.0,) * ndim), units)


def placed_display(
    shape: Sequence[int], matrix: Matrix, units: Sequence[object] | None = None
) -> Display:
    """Place of an array that says nothing about the patient: axes (z, y, x) or (row, column).

    Args:
        shape: of the array, two or three axes.
        matrix: (n + 1, n + 1), index to world, in ``units``.
        units: name of a unit of length per axis. Where one is missing or no length, the size
            of a voxel counts as unknown and a unit of the world as 1 mm.
    """
    ndim = len(shape)
    if ndim not in (2, 3):
        raise ImageError(f"The image has {ndim} axes; two or three (and time) can be segmented.")
    world = np.asarray(matrix, dtype=np.float64)
    lengths = units_mm(units) if units is not None else (None,) * ndim
    mm = [1.0 if size is None else size for size in lengths]
    known = None not in lengths
    if not known:
        mm = [1.0] * ndim
    extent: Extent = "unknown" if not known else "plane" if ndim == 2 else "volume"
    affine = np.eye(4)
    affine[:3, :ndim] = 0.0
    for axis, (patient, sign) in enumerate(shown_directions(2, ndim)):
        row = sign * mm[axis] * world[axis]
        affine[patient, :ndim], affine[patient, 3] = row[:ndim], row[ndim]
    return Display(
        Reorientation.identity(ndim),
        affine + 0.0,
        tuple(int(size) for size in shape),
        extent,
        oriented=False,
        straight=is_straight(world),
        moved=not is_straight(world),
    )


def image_display(
    shape: Sequence[int], matrix: Matrix, units: Sequence[object], metadata: Mapping[str, Any]
) -> Display:
    """Place of an image layer.

    What its reader knew of the patient (under `IMAGE_KEY`, or what another plugin's leaves) is
    the truth for as long as the layer is still where the reader put it. A layer that was cropped,
    turned or moved since lies at ``A placed⁻¹ now``, with A the true affine of the shown grid:
    who moves an image means what he sees.

    Args:
        shape: of the layer's array.
        matrix: of the layer, shown index to world, in ``units``.
        units: of the layer, per axis.
        metadata: of the layer.

    Raises:
        ImageError: the layer has too few or too many axes.
        GeometryError: its voxels have no size, or nobody can say where it lies.
    """
    check_matrix(matrix)
    mm = units_mm(units)
    if IMAGE_KEY in metadata:
        display = Display.from_metadata(metadata[IMAGE_KEY])
        place = display.placement
        unitless = place.units is None and mm == (None,) * len(mm)
        if unitless or (place.units is not None and None not in mm):
            now = _in_mm(matrix, mm)
            if display.shape == tuple(shape) and same_place(now, place.matrix):
                return display
            if display.extent == "volume" and len(shape) == 3 == len(display.shape):
                shown = display.reorientation.affine(display.affine, display.image_space)
                return _moved(display.reorientation, shown, place.matrix, now, shape)
        return placed_display(shape, matrix, units)
    # Other readers name no unit where they mean millimetres, and so does who sets a voxel size.
    if mm == (None,) * len(mm) and {str(unit) for unit in units} == {"pixel"}:
        known = reading_of(shape, matrix, metadata) is not None
        # The factor R of Q R has the scales of an array on its diagonal, sheared or not.
        sizes = np.abs(np.diag(np.linalg.qr(matrix[:-1, :-1]).R))
        if known or not np.allclose(sizes, 1):
            units, mm = ("mm",) * len(mm), (1.0,) * len(mm)
    reading = None if None in mm else reading_of(shape, _in_mm(matrix, mm), metadata)
    if reading is None:
        return placed_display(shape, matrix, units)
    turn, now = reading.turn, _in_mm(matrix, mm)
    space = tuple(int(shape[turn.order.index(axis)]) for axis in range(3))
    if reading.placed is None or same_place(now, reading.placed):
        return Display(turn, reading.affine, space, straight=reading.straight)
    # Where an axis runs backwards, the array has the size that it was read with.
    shown = turn.affine(reading.affine, space)
    return _moved(turn, shown, reading.placed, now, shape)


def _moved(
    turn: Reorientation, shown: Matrix, placed: Matrix, now: Matrix, shape: Sequence[int]
) -> Display:
    """Place of an array that no longer lies where its reader put it.

    Args:
        turn: from the file's grid to the shown one.
        shown: 4×4, shown index to mm in the patient, when it was read.
        placed, now: 4×4, shown index to the viewer's world, then and now, in mm.
        shape: of the array now.
    """
    space = tuple(int(shape[turn.order.index(axis)]) for axis in range(3))
    # `affine` gives the shown affine of a file's; for the way back it is given the identity.
    back = np.linalg.inv(turn.affine(np.eye(4), space))
    affine = shown @ np.linalg.inv(placed) @ now @ back
    affine[3] = (0, 0, 0, 1)
    return Display(turn, affine, space, straight=is_straight(now), moved=True)


def _in_mm(matrix: Matrix, mm: Sequence[float | None]) -> Matrix:
    """A matrix in millimetres per axis; as it is where the units are no lengths."""
    return np.diag([*(1.0 if size is None else size for size in mm), 1.0]) @ matrix


def to_volume(data: ArrayLike, display: Display) -> Volume:
    """`Volume` of a shown array, on the file's own grid; inverse of ``apply`` on its data.

    ImageError if the values are no plain numbers, ValueError if the shape is another.
    """
    array = computed(data)
    if array.dtype.kind not in "biuf":
        raise ImageError("The image's values are not plain numbers: convert it to grey values.")
    if array.shape != display.shape:
        raise ValueError(f"data: expected shape {display.shape}, got {array.shape}")
    with np.errstate(over="ignore"):  # inference refuses infinity in words of its own
        # In C order like what `read` returns: sums round differently in another order, and a
        # run from the window must equal one from the command line.
        source = np.ascontiguousarray(display.reorientation.undo(array), dtype=np.float32)
    return Volume(source[None], display.affine, display.extent, display.oriented)
