"""The grid that frames of a DICOM file make that is no image: of segments, of probabilities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from napari_ssn.errors import GeometryError
from napari_ssn.geometry.affine import LPS, Affine
from napari_ssn.geometry.arrays import Floats
from napari_ssn.io.dicom.damage import reading

_POSITION = "PlanePositionSequence"
# How far slices may slant, as highdicom measures it (its own default is next to nothing), and
# how far a frame may lie off the line of all, as a share of the way from slice to slice.
_SLANTED, _SHARE_OF_SLICE = 1.0, 0.01
# How far rounded positions of frames may be off, mm.
_ROUNDED_MM = 0.11
# Of a voxel that has no size, mm³.
_NO_VOLUME = 1e-12


@dataclass(frozen=True, eq=False)
class Lattice:
    """Where frames lie.

    Attributes:
        affine: 4×4, index of (column, row, slice) to mm.
        space: columns, rows, slices.
        how: what highdicom has to be told to find the same grid.
    """

    affine: Floats
    space: tuple[int, int, int]
    how: Mapping[str, float]


def backwards(affine: Floats, slices: int) -> Floats:
    """The affine of a grid whose slices, so many, are taken in the reverse order."""
    out = affine.copy()
    out[:, 3] += (slices - 1) * out[:, 2]
    out[:, 2] *= -1
    return out


def lattice_of(image: Any, damaged: str, nowhere: str) -> Lattice:
    """The grid of an image of highdicom's; slices in the order that it has them in.

    Args:
        image: of many frames.
        damaged, nowhere: sentences, if it is damaged, and if its frames lie on no grid.

    Raises:
        ImageError, GeometryError: with these.
    """
    with reading(damaged):
        # Frames may lie on slices whose positions are rounded.
        for tolerance in ({}, {"atol": _ROUNDED_MM}):
            how = {"perpendicular_tol": _SLANTED, **tolerance}
            # Slices with nothing on them may have been left out; some have several frames.
            grid = image.get_volume_geometry(
                allow_missing_positions=True, allow_duplicate_positions=True, **how
            )
            if grid is not None:
                break
    if grid is None or grid.coordinate_system.value != "PATIENT":
        raise GeometryError(nowhere)
    slices, rows, columns = (int(size) for size in grid.spatial_shape)
    # From (slice, row, column) towards left, posterior, superior.
    slanted = _slanted(image, grid.affine, how.get("atol", 0.0), damaged, nowhere)
    affine = (LPS @ slanted)[:, [2, 1, 0, 3]]
    if Affine(affine).voxel_mm3 < _NO_VOLUME:
        raise GeometryError(nowhere)
    return Lattice(affine, (columns, rows, slices), how)


def _slanted(image: Any, affine: Any, rounded_mm: float, damaged: str, nowhere: str) -> Floats:
    """Affine of (slice, row, column) whose slices follow one another as the frames lie.

    highdicom takes the way along the normal, which it is not where the gantry was tilted.
    GeometryError if the frames do not lie on one line.
    """
    out = np.array(affine, np.float64)
    first, along = out[:3, 3], out[:3, 0].copy()
    places = places_of(image, damaged)
    index = np.rint((places - first) @ along / (along @ along))
    if not index.any():
        return out
    farthest = int(np.argmax(np.abs(index)))
    step = (places[farthest] - first) / index[farthest]
    off_mm = np.abs(places - first - index[:, None] * step).max()
    if off_mm > max(_SHARE_OF_SLICE * float(np.linalg.norm(step)), rounded_mm):
        raise GeometryError(nowhere)
    out[:3, 0] = step
    return out


def places_of(image: Any, damaged: str) -> Floats:
    """Middle of the first voxel of each frame that says where it lies, (n, 3) LPS mm."""
    with reading(damaged):
        frames = image.get("PerFrameFunctionalGroupsSequence", ())
        return np.array(
            [f.PlanePositionSequence[0].ImagePositionPatient for f in frames if _POSITION in f],
            np.float64,
        ).reshape(-1, 3)
