"""DICOM segmentations: label maps as BINARY, probabilities as FRACTIONAL.

The file belongs to the study of its source series and carries that series's patient module, as
the standard demands, unless that is told to stay unnamed: unlike everything else that is
written here it names the patient. Nothing else of the source's headers goes there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from highdicom import AlgorithmIdentificationSequence
from highdicom.color import CIELabColor
from highdicom.seg import Segmentation, SegmentDescription
from highdicom.sr import CodedConcept
from pydicom.sr.codedict import codes
from pydicom.uid import ExplicitVRLittleEndian

from napari_ssn.documents.sidecar import Provenance
from napari_ssn.errors import ExportError
from napari_ssn.geometry.affine import LPS, Affine
from napari_ssn.geometry.arrays import Array, Singles
from napari_ssn.io.content import Content, Segment, as_volume
from napari_ssn.io.dicom import making
from napari_ssn.io.dicom.segments import Said, said
from napari_ssn.io.dicom.segments import label_maps as label_maps
from napari_ssn.io.dicom.series import DicomSeries, short
from napari_ssn.io.dicom.source import even, places, refer, sources
from napari_ssn.io.known import LABELLED_SUFFIX

_ONE = "A DICOM label map holds one hypothesis, and no probabilities: write the file as .dcm."
_ELSEWHERE = (
    "The result does not lie on the grid of this DICOM series: name the series that it was made of."
)
# Behind the numbers of whatever series a scanner or a workstation has made.
_SERIES_NUMBER = 9100
# Far below what anybody could see, far above what a header's decimal strings round off.
_SHARE_OF_VOXEL = 0.05


class Made(NamedTuple):
    """A segmentation that is not written yet, and the headers of what it is drawn on."""

    segmentation: Any
    headers: list[Any]


def make_segmentation(content: Content, series: DicomSeries, label_map: bool = False) -> Made:
    """A DICOM segmentation of a series; its UIDs are new at each call.

    BINARY for hypotheses, a segment per label and hypothesis, which may overlap; FRACTIONAL
    (PROBABILITY, in steps of 1/255) for the probability map. Only planes with something on them
    are written, and of a result that is empty everywhere one plane.

    Args:
        content: on the grid of the series, axes (column, row, slice).
        series: its headers.
        label_map: whether the one hypothesis is written as LABELMAP.

    Raises:
        ExportError: the grids differ, or headers lack too much.
    """
    segments = list(content.segments())
    check_grid(content, series)
    likely = content.probability
    maps = [one.label_map for one in content.hypotheses]
    planes = planes_of(maps if likely is None else [_steps(one) for one in likely.values])
    if len(content.hypotheses) == 1:
        # Labels of one hypothesis do not overlap: a stack of them, and the sum over it that tells
        # so, take several times the room.
        kind, (one,) = "LABELMAP" if label_map else "BINARY", content.hypotheses
        frames = as_volume(one.label_map)[..., planes].transpose(2, 1, 0)
    else:
        kind = "BINARY" if likely is None else "FRACTIONAL"
        frames = np.stack([_frames(content, segment, planes) for segment in segments], axis=-1)
    with making.refused():
        headers, frames = sources(series, planes, frames)
        made = Segmentation(
            source_images=headers,
            pixel_array=frames,
            segmentation_type=kind,
            segment_descriptions=list(_descriptions(content, segments)),
            **making.made_by(content.model.name, _SERIES_NUMBER, _what(content, kind)),
            content_label="SSN",
            content_description=making.notice(content.unlike),
            transfer_syntax_uid=ExplicitVRLittleEndian,
            # An empty result has one plane, and that is kept.
            omit_empty_frames=bool(frames.any()),
        )
        if series.frames is not None:
            refer(made, series, planes)
        # What is no label is padding, by Pixel Padding Value, and no segment 0.
        made.SegmentSequence = [one for one in made.SegmentSequence if one.SegmentNumber]
    return Made(made, headers)


def _what(content: Content, kind: str) -> str:
    """What a list of series tells it from other segmentations by, in words of `naming`."""
    if kind == "FRACTIONAL":
        return "segmentation probabilities"
    if len(content.hypotheses) > 1:
        return "segmentation hypotheses"
    return making.of_which(
        "segmentation label-map" if kind == "LABELMAP" else "segmentation", content
    )


def check_grid(content: Content, series: DicomSeries) -> None:
    """ExportError if a result does not lie where the slices of a series do."""
    header = series.headers[0]
    space = (*content.space, 1)[:3]
    count = len(series.frames or series.headers)
    if space != (int(header.Columns), int(header.Rows), count):
        raise ExportError(_ELSEWHERE)
    with making.refused():
        positions, steps = places(series)
        positions = even(positions)
    affine = (LPS @ content.affine)[:3]
    size = float(Affine(affine).lengths.min())
    # The grid is affine on either side: where three corners of every slice agree, all agrees.
    columns, rows = (n - 1 for n in space[:2])
    for corner in ((0, 0), (columns, 0), (0, rows)):
        there = positions + steps @ corner
        index = [(*corner, k, 1) for k in range(count)]
        here = np.asarray(index, np.float64) @ affine.T
        if np.abs(here - there).max() > _SHARE_OF_VOXEL * size:
            raise ExportError(_ELSEWHERE)


def planes_of(maps: Iterable[Array]) -> list[int]:
    """Slices with something on them; the first where there is nothing at all."""
    marked = np.any([as_volume(one).any(axis=0).any(axis=0) for one in maps], axis=0)
    return np.flatnonzero(marked).tolist() or [0]


def _frames(content: Content, segment: Segment, planes: list[int]) -> Array:
    """Pixels of a segment on some slices, (slices, rows, columns)."""
    if content.probability is not None:
        chance = as_volume(content.probability.values[segment.value - 1])
        steps = _steps(chance[..., planes]) / np.float32(255)
        return np.asarray(steps.transpose(2, 1, 0))
    labels = as_volume(content.hypotheses[segment.layer].label_map)
    mask = labels[..., planes] == segment.value
    return np.asarray(mask.transpose(2, 1, 0), np.uint8)


def _steps(values: Singles) -> Singles:
    """Probabilities in whole steps of 1/255, which is all that the file holds."""
    return np.asarray(np.rint(values * np.float32(255)))


def _descriptions(content: Content, segments: list[Segment]) -> Iterator[Any]:
    """What each segment is, and what made it."""
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
        category, kind, region = making.kind_of(label)
        colour = [int(label.colour[i : i + 2], 16) for i in (1, 3, 5)]
        made = SegmentDescription(
            segment_number=number,
            segment_label=short(segment.name),
            segmented_property_category=category,
            segmented_property_type=kind,
            algorithm_type="AUTOMATIC",
            algorithm_identification=algorithm,
            anatomic_regions=None if region is None else [region],
            display_color=CIELabColor.from_rgb(*colour),
        )
        if terms is not None and terms.modifier is not None:
            modifier = CodedConcept.from_code(making.concept(terms.modifier))
            what = made.SegmentedPropertyTypeCodeSequence[0]
            what.SegmentedPropertyTypeModifierCodeSequence = [modifier]
        if segment.share is not None:
            made.SegmentDescription = (
                f"Stands for {100 * segment.share:.0f} % of the model's hypotheses"
            )
        yield made


def encode(content: Content, path: Path, series: DicomSeries) -> bytes:
    """Content of a DICOM segmentation, see `make_segmentation`, or by its name of a label map.

    That is of the newer kind LABELMAP, one number a voxel, which few viewers read yet: ExportError
    for more than one hypothesis.
    """
    label_map = path.name.lower().endswith(LABELLED_SUFFIX)
    if label_map and len(content.hypotheses) != 1:
        raise ExportError(_ONE)
    made = make_segmentation(content, series, label_map)
    with making.refused():
        return making.written(made.segmentation, series)


def checked(files: Sequence[Path], record: Provenance) -> tuple[list[Said], str | None]:
    """What a segmentation says beside its voxels; there is nothing in it that a sidecar states."""
    return [said(files[0])], None
