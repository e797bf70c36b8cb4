"""DICOM segmentations: label maps as BINARY, probabilities as FRACTIONAL.

The file belongs to the study of its source series and carries that series's patient module, as
the standard demands, unless that is told to stay unnamed: unlike everything else that is
written here it names the patient. Nothing else of the source's headers goes there.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_ssn._version import __version__
from napari_ssn.errors import ExportError
from napari_ssn.io.content import Code, Content, Segment, as_volume
from napari_ssn.io.dicom.damage import quiet
from napari_ssn.io.dicom.series import DicomSeries, check_series
from napari_ssn.io.dicom.source import even, forget, places, refer, sources

#: What is said of the file to whoever is about to pass it on.
NAMES_THE_PATIENT = "names the patient"
_UIDS = "names no patient, but the UIDs of study, series and slices"
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
_UNLIKE = f"{_NOTICE}; unlike training data"
# Behind the numbers of whatever series a scanner or a workstation has made.
_SERIES_NUMBER = 9100
# Far below what anybody could see, far above what a header's decimal strings round off.
_SHARE_OF_VOXEL = 0.05
_LPS = np.diag([-1.0, -1.0, 1.0])


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
        headers, frames = sources(series, planes, frames)
        made = highdicom.seg.Segmentation(
            source_images=headers,
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
            content_description=_UNLIKE if content.unlike else _NOTICE,
            series_description=short(f"SSN {content.model.name} (research use only)"),
            transfer_syntax_uid=ExplicitVRLittleEndian,
            # An empty result has one plane, and that is kept.
            omit_empty_frames=bool(frames.any()),
        )
        if series.frames is not None:
            refer(made, series, planes)
        if len(series.frames_of_reference) > 1:
            made.ImageComments = _ONE_FRAME
        # Which scanner and which hospital: nobody has to know of a segmentation.
        del made.ContributingEquipmentSequence
        if not series.named:
            forget(made)
        out = BytesIO()
        made.save_as(out, enforce_file_format=True)
    return out.getvalue()


def about_file(series: DicomSeries) -> str:
    """What a segmentation of a series holds that somebody who passes it on should know."""
    first = NAMES_THE_PATIENT if series.named else _UIDS
    if len(series.frames_of_reference) > 1:
        return f"{first}, and the frame of reference of the first slice alone"
    return first


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
    with _refused():
        positions, steps = places(series)
        positions = even(positions)
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


def encode(content: Content, path: Path, series: DicomSeries | None) -> bytes:
    """See `encode_dicom_seg`; ExportError without a series that it belongs to."""
    return encode_dicom_seg(content, check_series(series))


def remark(content: Content, series: DicomSeries | None) -> str:
    """See `about_file`."""
    return about_file(check_series(series))
