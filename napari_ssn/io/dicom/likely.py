"""DICOM parametric maps of probabilities that are opened, whoever wrote them."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator

import numpy as np
from highdicom import Image
from pydicom import Dataset

from napari_ssn.errors import GeometryError, ImageError
from napari_ssn.geometry.affine import LPS
from napari_ssn.geometry.arrays import Array
from napari_ssn.geometry.display import Display
from napari_ssn.io.dicom.damage import data_set, reading
from napari_ssn.io.dicom.lattice import backwards, lattice_of, places_of
from napari_ssn.io.dicom.modalities import shown_text
from napari_ssn.io.dicom.pixels import check_decodable, complete
from napari_ssn.io.opened import Opened
from napari_ssn.io.source import check_memory

_DAMAGED = "The DICOM parametric map is damaged or cut off: copy or export it again."
_NO_GRID = (
    "The frames of the DICOM parametric map do not lie on one regular grid of the patient: it is "
    "not opened."
)
_OTHERS = (
    "The DICOM parametric map holds something else than probabilities, which is not read: export "
    "the same map as NIfTI."
)
_MAPPING = "RealWorldValueMappingSequence"
# Of a slice, how far a frame may be off it.
_OFF = 0.1


def read_map(whole: bytes, frames: Collection[str] = ()) -> tuple[Display, list[Opened]] | None:
    """Read a parametric map, a layer of probabilities for each quantity that its frames name.

    On the grid of its own frames, with axes (column, row, slice); 0 where it has no frame.

    Args:
        whole: content of the file.
        frames: of reference (their UIDs); one of another is left aside, None. Empty: any.

    Raises:
        ImageError: the file is damaged, larger than memory, or holds no probabilities.
        GeometryError: its frames lie on no regular grid of the patient.
    """
    found = data_set(whole, _DAMAGED)
    with reading(_DAMAGED):
        file = complete(found)
        check_decodable(file, "The DICOM parametric map is")
        image = Image.from_dataset(file, copy=False)
        if frames and str(file.get("FrameOfReferenceUID")) not in frames:
            return None
        names = [_name(file, k) for k in range(int(file.NumberOfFrames))]
    grid = lattice_of(image, _DAMAGED, _NO_GRID)
    kinds = list(dict.fromkeys(names))
    check_memory(4 * math.prod(grid.space) * len(kinds))
    places = places_of(image, _DAMAGED)
    if len(places) != len(names):
        raise GeometryError(_NO_GRID)
    to_index = np.linalg.inv(LPS @ grid.affine)
    index = places @ to_index[2, :3] + to_index[2, 3]
    values = [np.zeros(grid.space, np.float32) for _ in kinds]
    with reading(_DAMAGED):
        for k, (at, name, plane) in enumerate(zip(index, names, _planes(file), strict=True)):
            told = _mapping(file, k)
            slope = np.float32(told.RealWorldValueSlope)
            intercept = np.float32(told.RealWorldValueIntercept)
            if abs(at - round(at)) > _OFF:
                raise GeometryError(_NO_GRID)
            values[kinds.index(name)][..., round(at)] = plane.T * slope + intercept
    if not all(one.min() >= 0 and one.max() <= 1 for one in values):
        raise ImageError(_OTHERS)
    affine = grid.affine
    if np.linalg.det(affine) < 0:
        # Right-handed, as images are read.
        affine = backwards(affine, grid.space[2])
        values = [one[..., ::-1] for one in values]
    parts = [Opened(one, name) for one, name in zip(values, kinds, strict=True)]
    return Display.on(affine, grid.space), parts


def _planes(file: Dataset) -> Iterator[Array]:
    pixels = file.pixel_array
    yield from pixels if pixels.ndim == 3 else pixels[None]


def _mapping(file: Dataset, k: int) -> Dataset:
    """What the values of a frame mean, of its own or of all."""
    groups = file.PerFrameFunctionalGroupsSequence[k]
    shared = file.SharedFunctionalGroupsSequence[0]
    return (groups if _MAPPING in groups else shared)[_MAPPING][0]


def _name(file: Dataset, k: int) -> str:
    mapping = _mapping(file, k)
    said = mapping.get("LUTExplanation") or mapping.get("LUTLabel")
    return shown_text(str(said or "")) or "probability"
