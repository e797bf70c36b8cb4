"""DICOM segmentations: label maps as BINARY, probabilities as FRACTIONAL.

The file belongs to the study of its source series and carries that series's patient module, as
the standard demands: unlike everything else that is written here it names the patient.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from copy import deepcopy
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_ssn._version import __version__
from napari_ssn.core.errors import ExportError
from napari_ssn.io.content import Code, Content, Segment, as_volume
from napari_ssn.io.dicom.damage import quiet
from napari_ssn.io.dicom.series import DicomSeries

if TYPE_CHECKING:
    from pydicom import Dataset

#: What is said of the file to whoever is about to pass it on.
NAMES_THE_PATIENT = "names the patient"
_ONE_FRAME = (
    "The slices of the source series name different frames of reference; this names that of the "
    "first one."
)

_MISSING = (
    'DICOM is written with libraries that are not installed: pip install "napari-ssn[dicom]".'
)
_ELSEWHERE = (
    "The result does not lie on the grid of this DICOM series: name the series that it was made of."
)
_UNUSABLE = (
    "The headers of this DICOM series lack what a DICOM segmentation has to repeat: "
    "export as NIfTI, or the series once more from where it comes from."
)
_NOTICE = "Research use only - not a medical device"
# Behind the numbers of whatever series a scanner or a workstation has made.
_SERIES_NUMBER = 9100
# Far below what anybody could see, far above what a header's decimal strings round off.
_SHARE_OF_VOXEL = 0.05
_LPS = np.diag([-1.0, -1.0, 1.0])
# Attributes of type 2 that a source may lack; a segmentation must have them, empty or not.
_TYPE_2 = (
    "PatientID",
    "PatientName",
    "PatientBirthDate",
    "PatientSex",
    "AccessionNumber",
    "StudyID",
    "StudyDate",
    "StudyTime",
    "ReferringPhysicianName",
)
_SEXES = {"", "M", "F", "O"}


def encode_dicom_seg(content: Content, series: DicomSeries) -> bytes:
    """Content of a DICOM segmentation of a series; its UIDs are new at each call.

    BINARY for hypotheses, a segment per label and hypothesis, which may overlap; FRACTIONAL
    (PROBABILITY, in steps of 1/255) for the probability map. Only planes with something on them
    are written, and of a result that is empty everywhere one plane.

    Args:
        content: on the grid of the series, axes (column, row, slice).
        series: its headers.

    Raises:
        ExportError: the extra is not installed, the grids differ, or headers lack too much.
    """
    try:
        import highdicom
        from pydicom.uid import ExplicitVRLittleEndian, generate_uid
    except ImportError:
        raise ExportError(_MISSING) from None
    segments = list(content.segments())
    check_grid(content, series)
    planes = _planes(content)
    frames = np.stack([_frames(content, segment, planes) for segment in segments], axis=-1)
    with _refused():
        sources, frames = _sources(series, planes, frames)
        made = highdicom.seg.Segmentation(
            source_images=sources,
            pixel_array=frames,
            segmentation_type="BINARY" if content.probability is None else "FRACTIONAL",
            segment_descriptions=list(_descriptions(content, segments)),
            series_instance_uid=generate_uid(prefix=None),
            series_number=_SERIES_NUMBER,
            sop_instance_uid=generate_uid(prefix=None),
            instance_number=1,
            manufacturer="napari-ssn contributors",
            manufacturer_model_name="napari-ssn",
            software_versions=__version__,
            device_serial_number="none",
            content_label="SSN",
            content_description=_NOTICE,
            series_description=short(f"SSN {content.model.name} (research use only)"),
            transfer_syntax_uid=ExplicitVRLittleEndian,
            # An empty result has one plane, and that is kept.
            omit_empty_frames=bool(frames.any()),
        )
        if len(series.frames_of_reference) > 1:
            made.ImageComments = _ONE_FRAME
        out = BytesIO()
        made.save_as(out, enforce_file_format=True)
    return out.getvalue()


def about_file(series: DicomSeries) -> str:
    """What a segmentation of a series holds that somebody who passes it on should know."""
    if len(series.frames_of_reference) > 1:
        return f"{NAMES_THE_PATIENT}, and the frame of reference of the first slice alone"
    return NAMES_THE_PATIENT


@contextmanager
def _refused() -> Iterator[None]:
    """ExportError for whatever goes wrong inside, and no word of the libraries'."""
    with quiet():
        try:
            yield
        except (AttributeError, KeyError, IndexError, TypeError, ValueError):
            raise ExportError(_UNUSABLE) from None


def check_grid(content: Content, series: DicomSeries) -> None:
    """ExportError if a result does not lie where the slices of a series do."""
    header = series.headers[0]
    space = (*content.space, 1)[:3]
    count = len(series.frames or series.headers)
    if space != (int(header.Columns), int(header.Rows), count):
        raise ExportError(_ELSEWHERE)
    positions, steps = _places(series)
    affine = _LPS @ content.affine[:3]
    size = float(np.linalg.norm(affine[:, :3], axis=0).min())
    # The grid is affine on either side: where three corners of every slice agree, all agrees.
    columns, rows = (n - 1 for n in space[:2])
    for corner in ((0, 0), (columns, 0), (0, rows)):
        there = positions + steps @ corner
        index = [(*corner, k, 1) for k in range(count)]
        here = np.asarray(index, np.float64) @ affine.T
        if np.abs(here - there).max() > _SHARE_OF_VOXEL * size:
            raise ExportError(_ELSEWHERE)


def _places(series: DicomSeries) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Middle of each slice's first voxel, (n, 3) LPS mm, and the steps of column and row (3, 2)."""
    with _refused():
        if series.frames is None:
            positions = [header.ImagePositionPatient for header in series.headers]
            orientation = series.headers[0].ImageOrientationPatient
            spacing = series.headers[0].PixelSpacing
        else:
            header = series.headers[0]
            groups = [header.PerFrameFunctionalGroupsSequence[i - 1] for i in series.frames]
            positions = [g.PlanePositionSequence[0].ImagePositionPatient for g in groups]
            shared = header.SharedFunctionalGroupsSequence[0]
            plane = _either(shared, groups[0], "PlaneOrientationSequence")
            orientation = plane.ImageOrientationPatient
            spacing = _either(shared, groups[0], "PixelMeasuresSequence").PixelSpacing
        cosines = np.asarray(orientation, np.float64).reshape(2, 3).T
        down, across = (float(value) for value in spacing)
        return np.asarray(positions, np.float64), cosines * (across, down)


def _either(shared: Dataset, frame: Dataset, keyword: str) -> Any:
    """A functional group's item, of all frames together or of one."""
    return getattr(shared if keyword in shared else frame, keyword)[0]


def _planes(content: Content) -> list[int]:
    """Slices with something on them; the first where there is nothing at all."""
    if content.probability is not None:
        maps = [_steps(values) > 0 for values in content.probability.values]
    else:
        maps = [one.label_map > 0 for one in content.hypotheses]
    marked = np.zeros((*content.space, 1)[2], np.bool_)
    for one in maps:
        marked |= as_volume(one).any(axis=0).any(axis=0)
    return np.flatnonzero(marked).tolist() or [0]


def _frames(content: Content, segment: Segment, planes: list[int]) -> NDArray[Any]:
    """Pixels of a segment on some slices, (slices, rows, columns)."""
    if content.probability is not None:
        chance = as_volume(content.probability.values[segment.value - 1])
        steps = _steps(chance[..., planes]) / np.float32(255)
        return np.asarray(steps.transpose(2, 1, 0))
    labels = as_volume(content.hypotheses[segment.layer].label_map)
    mask = labels[..., planes] == segment.value
    return np.asarray(mask.transpose(2, 1, 0), np.uint8)


def _steps(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Probabilities in whole steps of 1/255, which is all that the file holds."""
    return np.asarray(np.rint(values * np.float32(255)))


def _sources(
    series: DicomSeries, planes: list[int], frames: NDArray[Any]
) -> tuple[list[Dataset], NDArray[Any]]:
    """Headers that the planes are drawn on, and pixels for each of their frames."""
    positions, steps = _places(series)
    between = None
    if len(positions) > 1:
        normal = np.cross(steps[:, 0], steps[:, 1])
        apart = np.diff(positions, axis=0) @ (normal / np.linalg.norm(normal))
        between = float(abs(apart.mean()))
    if series.frames is None:
        headers = [deepcopy(series.headers[k]) for k in planes]
        for header in headers:
            # Slices that are parallel to what a file can tell may be written in other digits.
            header.ImageOrientationPatient = headers[0].ImageOrientationPatient
            header.PixelSpacing = headers[0].PixelSpacing
            # A segmentation has room for one.
            header.FrameOfReferenceUID = series.headers[0].FrameOfReferenceUID
            _complete(header)
            _set_between(header, between)
        return headers, frames
    header = deepcopy(series.headers[0])
    shared = header.SharedFunctionalGroupsSequence[0]
    groups = header.PerFrameFunctionalGroupsSequence
    for keyword in ("PlaneOrientationSequence", "PixelMeasuresSequence"):
        if keyword not in shared:
            setattr(shared, keyword, getattr(groups[series.frames[0] - 1], keyword))
    _set_between(shared.PixelMeasuresSequence[0], between)
    _complete(header)
    whole = np.zeros((len(groups), *frames.shape[1:]), frames.dtype)
    whole[[series.frames[k] - 1 for k in planes]] = frames
    return [header], whole


def _complete(header: Dataset) -> None:
    """Fill in what must be there and may be empty."""
    for keyword in _TYPE_2:
        if keyword not in header:
            setattr(header, keyword, "")
    if (header.PatientSex or "") not in _SEXES:
        header.PatientSex = ""


def _set_between(measures: Dataset, between: float | None) -> None:
    """Say how far slices are apart by where they lie: what headers say of it is often wrong."""
    if "SpacingBetweenSlices" in measures:
        del measures.SpacingBetweenSlices
    if between is not None:
        from pydicom.valuerep import format_number_as_ds

        measures.SpacingBetweenSlices = format_number_as_ds(between)


def _descriptions(content: Content, segments: list[Segment]) -> Iterator[Any]:
    """What each segment is, and what made it."""
    from highdicom import AlgorithmIdentificationSequence
    from highdicom.color import CIELabColor
    from highdicom.seg import SegmentDescription
    from pydicom.dataset import Dataset
    from pydicom.sr.codedict import codes

    model = content.model
    weights = {"weights_sha256": model.weights_sha256} if model.weights_sha256 else None
    algorithm = AlgorithmIdentificationSequence(
        name=short(model.name),
        family=codes.DCM.ArtificialIntelligence,
        version=short(model.version),
        source="napari-ssn",
        parameters=weights,
    )
    for number, segment in enumerate(segments, start=1):
        terms, label = segment.label.terms, segment.label
        category, kind = codes.SCT.Tissue, codes.SCT.Tissue
        regions = None
        if terms is not None:
            category, kind = _concept(terms.category), _concept(terms.type)
            regions = None if terms.region is None else [_concept(terms.region)]
        colour = [int(label.colour[i : i + 2], 16) for i in (1, 3, 5)]
        made = SegmentDescription(
            segment_number=number,
            segment_label=short(segment.name),
            segmented_property_category=category,
            segmented_property_type=kind,
            algorithm_type="AUTOMATIC",
            algorithm_identification=algorithm,
            anatomic_regions=regions,
            display_color=CIELabColor.from_rgb(*colour),
        )
        if terms is not None and terms.modifier is not None:
            item, code = Dataset(), terms.modifier
            item.CodeValue, item.CodingSchemeDesignator = code.value, code.scheme
            item.CodeMeaning = code.meaning
            what = made.SegmentedPropertyTypeCodeSequence[0]
            what.SegmentedPropertyTypeModifierCodeSequence = [item]
        if segment.share is not None:
            made.SegmentDescription = (
                f"Stands for {100 * segment.share:.0f} % of the model's hypotheses"
            )
        yield made


def _concept(code: Code) -> Any:
    from pydicom.sr.coding import Code as Concept

    return Concept(code.value, code.scheme, code.meaning)


def short(text: str) -> str:
    """As much as a DICOM text of this kind holds: 64 characters without a backslash."""
    return text.replace("\\", " ")[:64]
