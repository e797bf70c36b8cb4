"""DICOM structure sets of radiotherapy: outlines as contours, for planning margins.

A structure is one label of one hypothesis; with them go the inner, median and outer contour of
each label, which at least 95, 50 and 5 % of the hypotheses that outline anything hold. Contours run
half-way between voxels inside and outside.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from highdicom.base import SOPClass
from pydicom import dcmread
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.uid import ExplicitVRLittleEndian, RTStructureSetStorage

from napari_ssn.documents.sidecar import Provenance
from napari_ssn.errors import ExportError, ImageError
from napari_ssn.geometry.affine import LPS
from napari_ssn.geometry.arrays import Floats, Labels, Mask
from napari_ssn.io.content import Content, as_volume
from napari_ssn.io.dicom import making
from napari_ssn.io.dicom.damage import data_set, reading
from napari_ssn.io.dicom.members import member
from napari_ssn.io.dicom.outlines import in_slices, lines
from napari_ssn.io.dicom.segmentation import check_grid
from napari_ssn.io.dicom.segments import Said, whose
from napari_ssn.io.dicom.series import DicomSeries, short
from napari_ssn.io.dicom.source import even, item, places, sources

_SERIES_NUMBER = 9102
_NO_CONTOURS = "A structure set holds outlines, and probabilities have none: write .dcm or .pm.dcm."
_DAMAGED = "The DICOM structure set is damaged or cut off: export it again."
_OTHERS = "The DICOM structure set holds other structures than expected."
_ELSEWHERE = "The DICOM structure set does not lie on the grid of its image."
# A class of old that stands for the study which a set refers to.
_STUDY = "1.2.840.10008.3.1.2.3.1"
#: By how many of the nested masks hold a voxel.
_OF_MEMBERS = {
    3: ("inner (all)", "all"),
    2: ("median (half)", "at least half"),
    1: ("outer (any)", "any"),
}
_NESTED = ((3, "inner (95 %)", 95), (2, "median (50 %)", 50), (1, "outer (5 %)", 5))


class _Structure(NamedTuple):
    """A name, a colour as ``#rrggbb``, (X, Y, Z) that is outlined, and what the name leaves out."""

    name: str
    colour: str
    mask: Mask
    description: str = ""


def encode(content: Content, path: Path, series: DicomSeries) -> bytes:
    """A structure set of hypotheses, and of what many of them agree on where that is known.

    Args:
        content: on the grid of the series, axes (column, row, slice).
        path: of the file.
        series: that it belongs to.

    Raises:
        ExportError: content of probabilities, another grid, or headers that lack too much.
    """
    if content.probability is not None:
        raise ExportError(_NO_CONTOURS)
    check_grid(content, series)
    with making.refused():
        return making.written(_made(content, series), series)


def _structures(content: Content) -> Iterator[_Structure]:
    for one in content.segments():
        mask = as_volume(content.hypotheses[one.layer].label_map) == one.value
        yield _Structure(short(one.name), one.label.colour, mask)
    if content.levels is None:
        return
    for value, label in list(enumerate(content.model.labels[: content.classes]))[1:]:
        levels = as_volume(content.levels[value - 1])
        for level, words, percent in _NESTED:
            said = (
                f"Inside at least {percent} % of the model's outlines; hypotheses that outline "
                "nothing are left out"
            )
            if content.members:
                # Of so few no percentage is a share of anything.
                words, of = _OF_MEMBERS[level]
                said = f"Inside {of} of {content.members} that outline anything"
            yield _Structure(short(f"{label.name}, {words}"), label.colour, levels >= level, said)


def _made(content: Content, series: DicomSeries) -> Any:
    # Whom it is of, and no more of the headers.
    header = sources(series, [0], np.zeros((1, 1, 1)))[0][0]
    positions, steps = places(series)
    images = [_referred(series, k) for k in range(len(positions))]
    frame = str(series.headers[0].FrameOfReferenceUID)
    made = SOPClass(
        study_instance_uid=header.StudyInstanceUID,
        sop_class_uid=RTStructureSetStorage,
        modality="RTSTRUCT",
        transfer_syntax_uid=ExplicitVRLittleEndian,
        **making.whom(header),
        **making.made_by(content.model.name, _SERIES_NUMBER, making.of_which("contours", content)),
    )
    now = datetime.now()
    made.FrameOfReferenceUID, made.PositionReferenceIndicator = frame, ""
    made.OperatorsName, made.ApprovalStatus = "", "UNAPPROVED"
    made.StructureSetLabel = "SSN"
    made.StructureSetDescription = making.notice(content.unlike)
    made.StructureSetDate, made.StructureSetTime = now.strftime("%Y%m%d"), now.strftime("%H%M%S")
    in_series = item(SeriesInstanceUID=header.SeriesInstanceUID, ContourImageSequence=images)
    study = item(
        ReferencedSOPClassUID=_STUDY,
        ReferencedSOPInstanceUID=header.StudyInstanceUID,
        RTReferencedSeriesSequence=[in_series],
    )
    made.ReferencedFrameOfReferenceSequence = [
        item(FrameOfReferenceUID=frame, RTReferencedStudySequence=[study])
    ]
    on_grid = even(positions)
    rois, contours, observations = [], [], []
    for number, one in enumerate(_structures(content), start=1):
        roi = item(
            ROINumber=number,
            ReferencedFrameOfReferenceUID=frame,
            ROIName=one.name,
            ROIGenerationAlgorithm="AUTOMATIC",
        )
        if one.description:
            roi.ROIDescription = one.description
        rois.append(roi)
        colour = [int(one.colour[i : i + 2], 16) for i in (1, 3, 5)]
        drawn = item(ReferencedROINumber=number, ROIDisplayColor=colour)
        found = list(_contours(one.mask, on_grid, steps, images))
        if found:
            drawn.ContourSequence = found
        contours.append(drawn)
        observations.append(
            item(
                ObservationNumber=number,
                ReferencedROINumber=number,
                RTROIInterpretedType="",
                ROIInterpreter="",
            )
        )
    made.StructureSetROISequence, made.ROIContourSequence = rois, contours
    made.RTROIObservationsSequence = observations
    return made


def _contours(
    mask: Mask, positions: Floats, steps: Floats, images: Sequence[Dataset]
) -> Iterator[Dataset]:
    for k in np.flatnonzero(mask.any(axis=(0, 1))).tolist():
        for line in lines(mask[..., k]):
            points = positions[k] + line @ steps.T
            drawn = item(
                ContourImageSequence=[images[k]],
                ContourGeometricType="CLOSED_PLANAR",
                NumberOfContourPoints=len(points),
            )
            # Written as they are: that pydicom looks at each takes longer than all the rest.
            texts = [f"{value + 0.0:.4f}" for value in points.ravel()]
            drawn.add(DataElement("ContourData", "DS", texts, already_converted=True))
            yield drawn


def _referred(series: DicomSeries, k: int) -> Dataset:
    """The slice of a number, by its class and UID, and by its frame where there are several."""
    header = series.headers[0 if series.frames is not None else k]
    found = item(
        ReferencedSOPClassUID=header.SOPClassUID, ReferencedSOPInstanceUID=header.SOPInstanceUID
    )
    if series.frames is not None:
        found.ReferencedFrameNumber = series.frames[k]
    return found


def label_maps(
    files: Sequence[Path], affine: Floats, shape: Sequence[int], count: int, labels: int
) -> Labels:
    """Label maps of the hypotheses of a structure set, (n, *S), on the grid of their image.

    Args:
        files: the one of the set.
        affine, shape: of that grid, axes (column, row, slice).
        count, labels: hypotheses, and labels of each but the background.

    Raises:
        ImageError, GeometryError: it is damaged, holds something else, or lies elsewhere.
    """
    space = (*shape, 1)[:3]
    out = np.zeros((count, *space), np.uint8)
    file = data_set(member(files[0]).whole(), _DAMAGED)
    with reading(_DAMAGED):
        found = list(file.ROIContourSequence)
        if len(found) < count * labels:
            raise ImageError(_OTHERS)
        to_index = np.linalg.inv(LPS @ affine)
        for number, structure in enumerate(found[: count * labels]):
            layer, value = divmod(number, labels)
            for k, inside in in_slices(structure, to_index, space, _ELSEWHERE):
                labels_there = out[layer, ..., k]
                if labels_there[inside].any():
                    # A voxel has one label: somebody has moved a contour.
                    raise ImageError(_OTHERS)
                labels_there[inside] = value + 1
    return out.reshape(count, *shape)


def checked(files: Sequence[Path], record: Provenance) -> tuple[list[Said], str | None]:
    """What a structure set says beside its contours; nothing of it is in a sidecar."""
    with reading(_DAMAGED):
        header = dcmread(files[0])
        labels = sum(len(one.volumes) for one in record.each())
        (frame,) = header.ReferencedFrameOfReferenceSequence
        (study,) = frame.RTReferencedStudySequence
        patient = [*whose(header)[:-1], str(frame.FrameOfReferenceUID)]
        series = study.RTReferencedSeriesSequence
        said = Said(
            [str(one.ROIName) for one in header.StructureSetROISequence][:labels],
            patient,
            {str(one.SeriesInstanceUID) for one in series},
            {
                str(image.ReferencedSOPInstanceUID)
                for one in series
                for image in one.ContourImageSequence
            },
            str(header.get("PatientIdentityRemoved") or "") != "YES",
        )
    return [said], None
