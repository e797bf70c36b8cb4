"""Images that other plugins opened: where they lie in the patient, by what their readers leave.

Tried with napari-nifti 0.0.20 and napari-itk-io 0.4.1; `tests/support/readers.py` has what they
gave.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_ssn.errors import GeometryError
from napari_ssn.geometry.affine import LPS, Affine
from napari_ssn.geometry.arrays import Floats
from napari_ssn.geometry.orientation import Reorientation, letters_of
from napari_ssn.geometry.transforms import (
    Matrix,
    corners_apart_mm,
    is_straight,
    same_place,
    scaling,
)

_REVERSED = Reorientation((2, 1, 0), (False,) * 3)
# What a reader rounds an affine by, in mm at the far end of a grid.
_ROUNDED_MM = 1e-3
# Voxel sizes that readers print with less digits than they have.
_SIZES = 1e-3


@dataclass(frozen=True)
class Reading:
    """What a reader knew of an image.

    Attributes:
        turn: from the grid that ``affine`` is about to the shown one.
        affine: 4×4, index of that grid to mm (right, anterior, superior).
        placed: 4×4 in mm of the layer as the reader made it; None where that is not known.
        straight: whether the reader showed a tilted image as if it were not.
    """

    turn: Reorientation
    affine: Floats
    placed: Matrix | None
    straight: bool = True


def reading_of(shape: Sequence[int], now: Matrix, metadata: Mapping[str, Any]) -> Reading | None:
    """What another plugin's reader left in a layer's metadata; None if nothing that is known.

    Args:
        shape: of the layer's array, three axes.
        now: 4×4 of the layer, shown index to world, in mm.
        metadata: of the layer.

    Raises:
        GeometryError: the image was cropped, and its reader does not tell from what.
    """
    if len(shape) != 3:
        return None
    if (affine := _matrix(metadata, "affine", 4)) is not None:
        return _with_affine(affine, shape, now, metadata)
    if (direction := _matrix(metadata, "direction", 3)) is not None:
        return _with_direction(direction, now, metadata)
    return None


def has_time_last(ndim: int, metadata: Mapping[str, Any]) -> bool:
    """Whether an image of four axes comes from a reader that puts time behind space."""
    affine = _matrix(metadata, "affine", 4)
    return ndim == 4 and affine is not None and _names_its_axes(affine, metadata)


def _with_affine(
    affine: Matrix, shape: Sequence[int], now: Matrix, metadata: Mapping[str, Any]
) -> Reading | None:
    """Of napari-nifti, or a reader that leaves the affine of the file's own axes (x, y, z).

    napari-nifti shows the axes of its affine in reverse order, each running down from its far
    end: scale −s, translate o + (n − 1) s. The scales of others tell whether theirs are reversed;
    where they do not, nothing is assumed.
    """
    sizes = Affine(affine).lengths
    if not _believable(sizes, affine[:3, 3], affine[:3, :3]):
        return None
    if _names_its_axes(affine, metadata):
        back = sizes[::-1]
        far = affine[2::-1, 3] + (np.array(shape) - 1) * back
        placed = scaling(-back, far)
        stored = _stored(shape, affine, metadata.get("header"))
        if same_place(now, placed) or stored is not None:
            turn, true = stored or (_REVERSED, affine)
            return Reading(turn, true, placed)
        raise GeometryError(
            "This image was cropped or resampled since it was opened with napari-nifti, and its "
            "place is lost: open it with the reader of napari-ssn."
        )
    if not is_straight(now):
        return None
    scale = Affine(now).lengths
    fitting = [
        order
        for order in ((2, 1, 0), (0, 1, 2))
        if np.allclose(scale, sizes[list(order)], rtol=_SIZES, atol=0)
    ]
    if len(fitting) != 1:
        return None
    return Reading(Reorientation(fitting[0], (False,) * 3), affine, None)


def _names_its_axes(affine: Matrix, metadata: Mapping[str, Any]) -> bool:
    """Whether metadata are those of napari-nifti: ``RAS+`` for the axes of its affine."""
    return bool(metadata.get("coordinate_system") == f"{letters_of(affine, 3)}+")


def _stored(
    shape: Sequence[int], affine: Matrix, header: Any
) -> tuple[Reorientation, Matrix] | None:
    """From a file's own grid to the shown one, and the file's own affine, by its header.

    A result is written on that grid, voxel for voxel, and the image has the hash that it has when
    it is read from the file. None where the header is of another image.
    """
    if not hasattr(header, "get_best_affine") or int(header["xyzt_units"]) & 7 not in (0, 2):
        return None
    stored = np.asarray(header.get_best_affine(), dtype=np.float64)
    space = tuple(int(size) for size in header.get_data_shape()[:3])
    if len(space) != 3 or not np.isfinite(stored).all() or Affine(stored).singular:
        return None
    reversed_ = _REVERSED.affine(affine, shape)
    columns = [matrix[:3, :3] / Affine(matrix).lengths for matrix in (reversed_, stored)]
    cosines = columns[0].T @ columns[1]
    order = tuple(int(axis) for axis in np.abs(cosines).argmax(1))
    if len(set(order)) != 3:
        return None
    turn = Reorientation(order, tuple(bool(cosines[d, axis] < 0) for d, axis in enumerate(order)))
    if turn.shape(space) != tuple(shape):
        return None
    apart = corners_apart_mm(turn.affine(stored, space), reversed_, shape)
    return (turn, stored) if apart <= _ROUNDED_MM else None


def _with_direction(direction: Matrix, now: Matrix, metadata: Mapping[str, Any]) -> Reading | None:
    """Of ITK: spacing, origin and direction in the order (z, y, x), towards left and posterior.

    napari-itk-io hands on spacing and origin only; itk-napari-conversion rotates the layer by the
    direction's transpose.
    """
    spacing, origin = (_numbers(metadata, name, (3,)) for name in ("spacing", "origin"))
    if spacing is None or origin is None or not _believable(spacing, origin, direction):
        return None
    affine = np.eye(4)
    affine[:3, :3] = direction[::-1, ::-1] * spacing[::-1]
    affine[:3, 3] = origin[::-1]
    straight = scaling(spacing, origin)
    for turn in (direction.T, direction):
        turned = straight.copy()
        turned[:3, :3] = turn * spacing
        if same_place(now, turned) and not same_place(turned, straight):
            return Reading(_REVERSED, LPS @ affine, turned, straight=False)
    return Reading(_REVERSED, LPS @ affine, straight)


def _believable(sizes: Floats, origin: Matrix, direction: Matrix) -> bool:
    """Whether a file had a place: where it has none, readers fill in 1 mm at the origin."""
    turned = direction / np.linalg.norm(direction, axis=0)
    made_up = (sizes == 1).all() and not origin.any() and np.array_equal(np.abs(turned), np.eye(3))
    return not made_up


def _matrix(metadata: Mapping[str, Any], name: str, size: int) -> Matrix | None:
    """A matrix of finite numbers that is not singular; None for anything else."""
    matrix = _numbers(metadata, name, (size, size))
    return None if matrix is None or abs(np.linalg.det(matrix)) < 1e-12 else matrix


def _numbers(metadata: Mapping[str, Any], name: str, shape: tuple[int, ...]) -> Floats | None:
    """Finite numbers of a shape; None for anything else."""
    array = np.asarray(metadata.get(name, 0), dtype=object)
    if array.shape != shape:
        return None
    try:
        values = array.astype(np.float64)
    except (TypeError, ValueError):
        return None
    return values if np.isfinite(values).all() else None
