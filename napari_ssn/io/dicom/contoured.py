"""DICOM structure sets that are opened: their contours filled, on the grid of the image."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np
from pydicom import Dataset

from napari_ssn.errors import ImageError
from napari_ssn.geometry.affine import LPS
from napari_ssn.geometry.arrays import Array, Mask
from napari_ssn.geometry.display import Display
from napari_ssn.geometry.volume import Volume
from napari_ssn.io.content import PlainLabel
from napari_ssn.io.dicom.damage import data_set, reading
from napari_ssn.io.dicom.header import STRUCTURE_SET, instance
from napari_ssn.io.dicom.members import received
from napari_ssn.io.dicom.modalities import shown_text
from napari_ssn.io.dicom.outlines import in_slices
from napari_ssn.io.dicom.segments import packed
from napari_ssn.io.dicom.series import DicomSeries
from napari_ssn.io.opened import Opened
from napari_ssn.io.source import check_memory

_DAMAGED = "The DICOM structure set is damaged or cut off: copy or export it again."
_ALONE = (
    "A DICOM structure set holds contours and no voxels: open the folder that holds it together "
    "with its image."
)
_ELSEWHERE = (
    "The contours of the DICOM structure set do not lie on slices of the image: it is not opened."
)
_NOTHING = "The DICOM structure set holds no closed contours."


def read_structures(whole: bytes, volumes: Sequence[Volume]) -> tuple[Display, list[Opened]] | None:
    """Read a structure set, each structure a label on the image whose slices it names.

    A voxel belongs to a structure if its middle lies in an odd number of its contours: one within
    another is a hole. Structures that do not overlap share a layer.

    Args:
        whole: content of the file.
        volumes: images; None if it is of none of these.

    Raises:
        ImageError: the file is damaged, holds nothing that is closed, or no image is there.
        GeometryError: its contours lie between the slices of its image, or outside of it.
    """
    file = data_set(whole, _DAMAGED)
    with reading(_DAMAGED):
        colours = {int(one.ReferencedROINumber): one for one in file.ROIContourSequence}
        named = [(int(one.ROINumber), one) for one in file.StructureSetROISequence]
        series = set(_series_in(file))
    if not volumes:
        raise ImageError(_ALONE)
    sources = ((one, one.source) for one in volumes if isinstance(one.source, DicomSeries))
    image = next((one for one, source in sources if source.series_uid in series), None)
    if image is None:
        return None
    check_memory(8 * math.prod(image.space))
    to_index, space = np.linalg.inv(LPS @ image.affine), image.space

    def masks() -> Iterator[tuple[PlainLabel, Array]]:
        for number, about in named:
            with reading(_DAMAGED):
                drawn = colours.get(number)
                name = shown_text(str(about.get("ROIName") or "")) or f"structure {number}"
                mask = None if drawn is None else _filled(drawn, to_index, space)
                colour = "" if drawn is None else _colour(drawn)
            if mask is not None:
                yield PlainLabel(name, colour), mask

    parts = list(packed(masks(), space, own=False))
    if not any(one.labels for one in parts):
        raise ImageError(_NOTHING)
    return Display.on(image.affine, space), parts


def series_of(whole: bytes) -> tuple[str, ...]:
    """UIDs of the series that a structure set is drawn on; none of any other file."""
    found = instance(received(whole))
    if found is None or found.kind != STRUCTURE_SET:
        return ()
    file = data_set(whole, _DAMAGED)
    with reading(_DAMAGED):
        return tuple(_series_in(file))


def _series_in(file: Dataset) -> Iterator[str]:
    for frame in file.get("ReferencedFrameOfReferenceSequence") or ():
        for study in frame.get("RTReferencedStudySequence") or ():
            for one in study.get("RTReferencedSeriesSequence") or ():
                yield str(one.SeriesInstanceUID)


def _filled(drawn: Dataset, to_index: Array, space: tuple[int, ...]) -> Mask | None:
    """What the contours of a structure hold; None where it has none that is closed."""
    mask = None
    for k, inside in in_slices(drawn, to_index, space, _ELSEWHERE):
        if mask is None:
            mask = np.zeros(space, np.bool_)
        mask[..., k] ^= inside
    return mask


def _colour(drawn: Dataset) -> str:
    values = [int(value) for value in drawn.get("ROIDisplayColor") or ()]
    return "#{:02x}{:02x}{:02x}".format(*values) if len(values) == 3 else ""
