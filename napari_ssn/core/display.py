"""What a viewer needs to show a `Volume`, and how to get the same `Volume` back.

A viewer shows an array with a scale and a translation per axis, nothing more: a tilted scan is
shown straight, and its true affine travels beside the array as plain numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_ssn.core.errors import ImageError
from napari_ssn.core.orientation import (
    Direction,
    Reorientation,
    closest_axes,
    direction_cosines,
    shown_directions,
)
from napari_ssn.core.volume import Extent, Volume, check_affine

#: Key of an image layer's metadata under which `Display.to_metadata` lies.
IMAGE_KEY = "napari_ssn_image"
#: Under this key of an image layer's metadata stands the `source` of the volume it shows.
SOURCE_KEY = "napari_ssn_source"
#: Key of a result layer's metadata; the same numbers lie there among others.
RESULT_KEY = "napari_ssn"

# Millimetres in a unit, by the names that viewers use.
_MM = {
    "mm": 1.0,
    "millimeter": 1.0,
    "millimetre": 1.0,
    "cm": 10.0,
    "centimeter": 10.0,
    "centimetre": 10.0,
    "m": 1000.0,
    "meter": 1000.0,
    "metre": 1000.0,
    "um": 1e-3,
    "µm": 1e-3,
    "micron": 1e-3,
    "micrometer": 1e-3,
    "micrometre": 1e-3,
    "nm": 1e-6,
    "nanometer": 1e-6,
    "nanometre": 1e-6,
}

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


@dataclass(frozen=True, eq=False)
class Display:
    """How an image is shown and where it came from.

    Attributes:
        reorientation: from the file's grid to the shown one.
        affine: 4×4 float64 of the file's grid, voxel index to mm.
        image_space: shape of the file's grid.
        extent, oriented: see `Volume`.
    """

    reorientation: Reorientation
    affine: NDArray[np.float64]
    image_space: tuple[int, ...]
    extent: Extent = "volume"
    oriented: bool = True

    def __post_init__(self) -> None:
        if len(self.image_space) != self.reorientation.ndim:
            raise ValueError(
                f"image_space: expected {self.reorientation.ndim} axes, got {self.image_space}"
            )
        object.__setattr__(self, "affine", check_affine(self.affine))

    @classmethod
    def of(cls, volume: Volume) -> Display:
        """Show a volume in the radiological convention."""
        turn = Reorientation.for_display(volume.affine, len(volume.space))
        return cls(turn, volume.affine, volume.space, volume.extent, volume.oriented)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of the shown array."""
        return self.reorientation.shape(self.image_space)

    @property
    def deobliqued(self) -> bool:
        """Whether the scan is tilted or sheared, and shown as if it were not."""
        return bool(np.abs(self._tilt() - np.eye(3)).max() > _STRAIGHT)

    @property
    def placement(self) -> Placement:
        """Transform of the shown array."""
        shown = self.reorientation.affine(self.affine, self.image_space)
        ndim = self.reorientation.ndim
        scale = np.linalg.norm(shown[:3, :3], axis=0)[:ndim]
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

    def _tilt(self) -> NDArray[np.float64]:
        """Rotation (and shear) from the ideal directions to the grid's own; identity if none."""
        shown = self.reorientation.affine(self.affine, self.image_space)
        ideal = np.zeros((3, 3))
        for column, (axis, sign) in enumerate(self._directions()):
            ideal[axis, column] = sign
        tilt: NDArray[np.float64] = direction_cosines(shown) @ ideal.T
        return tilt


def plain_display(
    shape: Sequence[int],
    scale: Sequence[float] | None = None,
    translate: Sequence[float] | None = None,
    units: Sequence[str] | None = None,
) -> Display:
    """Place of an array that says nothing about the patient: axes (z, y, x) or (row, column).

    Args:
        shape: of the array, two or three axes.
        scale, translate: per axis, in ``units``; 1 and 0 by default.
        units: name of a unit of length per axis. Where one is missing or no length, the size
            of a voxel counts as unknown and a unit of scale as 1 mm.
    """
    ndim = len(shape)
    if ndim not in (2, 3):
        raise ImageError(f"The image has {ndim} axes; two or three can be segmented.")
    mm = [_MM.get(str(unit)) for unit in units] if units is not None else [None] * ndim
    known = all(size is not None for size in mm)
    extent: Extent = "unknown" if not known else "plane" if ndim == 2 else "volume"
    affine = np.eye(4)
    affine[:3, : min(ndim, 3)] = 0.0
    for axis, (patient, sign) in enumerate(shown_directions(2, ndim)):
        factor = mm[axis] if known else None
        unit = 1.0 if factor is None else factor
        affine[patient, axis] = sign * unit * float(scale[axis] if scale is not None else 1)
        affine[patient, 3] = sign * unit * float(translate[axis] if translate is not None else 0)
    return Display(
        Reorientation.identity(ndim),
        affine + 0.0,
        tuple(int(size) for size in shape),
        extent,
        oriented=False,
    )


def image_display(
    shape: Sequence[int],
    scale: Sequence[float],
    translate: Sequence[float],
    units: Sequence[str],
    metadata: Mapping[str, Any],
) -> Display:
    """Place of an image layer.

    The numbers under `IMAGE_KEY` count for as long as the layer is still where they put it: who
    crops an image or corrects its voxel size in the viewer means what he sees there.

    Args:
        shape: of the layer's array.
        scale, translate, units: of the layer.
        metadata: of the layer.
    """
    if IMAGE_KEY in metadata:
        display = Display.from_metadata(metadata[IMAGE_KEY])
        if display.shape == tuple(shape) and _is_at(display.placement, scale, translate, units):
            return display
    return plain_display(shape, scale, translate, units)


def to_volume(data: ArrayLike, display: Display) -> Volume:
    """`Volume` of a shown array, on the file's own grid; inverse of ``apply`` on its data.

    ImageError if the values are no plain numbers, ValueError if the shape is another.
    """
    array = np.asarray(data)
    if array.dtype.kind not in "biuf":
        raise ImageError("The image's values are not plain numbers: convert it to grey values.")
    if array.shape != display.shape:
        raise ValueError(f"data: expected shape {display.shape}, got {array.shape}")
    with np.errstate(over="ignore"):  # inference refuses infinity in words of its own
        # In C order like what `read` returns: sums round differently in another order, and a
        # run from the window must equal one from the command line.
        source = np.ascontiguousarray(display.reorientation.undo(array), dtype=np.float32)
    return Volume(source[None], display.affine, display.extent, display.oriented)


def _is_at(
    placement: Placement,
    scale: Sequence[float],
    translate: Sequence[float],
    units: Sequence[str],
) -> bool:
    lengths = [_MM.get(str(unit)) for unit in units]
    expected: list[float | None] = [None if placement.units is None else 1.0] * len(lengths)
    return (
        lengths == expected
        and np.allclose(scale, placement.scale, rtol=1e-6, atol=0)
        and np.allclose(translate, placement.translate, rtol=0, atol=1e-4)
    )
