"""Headers of a series as a segmentation of it needs them: no more, on one grid, complete."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

import numpy as np
from pydicom.datadict import keyword_for_tag
from pydicom.dataset import Dataset
from pydicom.uid import EnhancedCTImageStorage
from pydicom.valuerep import format_number_as_ds

from napari_ssn.geometry.arrays import Array, Floats
from napari_ssn.io.dicom.apart import MEANING
from napari_ssn.io.dicom.planes import PLACES, Plane, planes
from napari_ssn.io.dicom.series import DicomSeries
from napari_ssn.io.dicom.whose import WHOSE, check_complete, complete

# How far off an even grid rounded positions may be, mm and as a share of the distance of slices;
# less than the last is no difference.
_ROUNDED_MM, _ROUNDED_SHARE, _EXACT_MM = 0.2, 0.05, 1e-3
# What is read of a source: whom it is of, what it is, and where it lies.
_KEPT = frozenset(
    (
        *WHOSE,
        *PLACES,
        *MEANING,
        "SpecificCharacterSet",
        "SOPClassUID",
        "SOPInstanceUID",
        "StudyInstanceUID",
        "SeriesInstanceUID",
        "Modality",
        "LossyImageCompression",
        "LossyImageCompressionRatio",
        "LossyImageCompressionMethod",
    )
)
# Of frames of one instance, the functional groups that say where they lie, and what of these.
_GROUPS = {
    "PlanePositionSequence": ("ImagePositionPatient",),
    "PlaneOrientationSequence": ("ImageOrientationPatient",),
    "PixelMeasuresSequence": ("PixelSpacing", "SliceThickness", "SpacingBetweenSlices"),
}


def places(series: DicomSeries) -> tuple[Floats, Floats]:
    """Middle of each slice's first voxel, (n, 3) LPS mm, and the steps of column and row (3, 2)."""
    if series.frames is None:
        positions = [header.ImagePositionPatient for header in series.headers]
        orientation = series.headers[0].ImageOrientationPatient
        spacing = series.headers[0].PixelSpacing
    else:
        header = _picked(series.headers[0])
        groups = _groups(header, series.frames)
        positions = [g.PlanePositionSequence[0].ImagePositionPatient for g in groups]
        shared = header.SharedFunctionalGroupsSequence[0]
        plane = _either(shared, groups[0], "PlaneOrientationSequence")
        orientation = plane.ImageOrientationPatient
        spacing = _either(shared, groups[0], "PixelMeasuresSequence").PixelSpacing
    cosines = np.asarray(orientation, np.float64).reshape(2, 3).T
    down, across = (float(value) for value in spacing)
    return np.asarray(positions, np.float64), cosines * (across, down)


def even(positions: Floats) -> Floats:
    """Positions of slices on the even grid that a reader has made of them.

    Rounded ones are moved by as much as they may be rounded; others stay where they are.
    """
    on_grid = np.linspace(positions[0], positions[-1], len(positions))
    off_mm = float(np.linalg.norm(on_grid - positions, axis=1).max())
    step_mm = float(np.linalg.norm(positions[-1] - positions[0])) / max(1, len(positions) - 1)
    return on_grid if off_mm < max(_ROUNDED_MM, _ROUNDED_SHARE * step_mm) else positions


def _either(shared: Dataset, frame: Dataset, keyword: str) -> Any:
    """A functional group's item, of all frames together or of one."""
    return getattr(shared if keyword in shared else frame, keyword)[0]


def sources(series: DicomSeries, planes: list[int], frames: Array) -> tuple[list[Dataset], Array]:
    """Headers that the planes are drawn on, and pixels for each of their frames."""
    check_complete(series.headers[0])
    positions, steps = places(series)
    on_grid, between = even(positions), None
    # Frames lie on the grid itself: of rounded positions other programs make no volume.
    moved = bool(np.abs(on_grid - positions).max() >= _EXACT_MM)
    if len(positions) > 1:
        normal = np.cross(steps[:, 0], steps[:, 1])
        apart = np.diff(positions, axis=0) @ (normal / np.linalg.norm(normal))
        between = float(abs(apart.mean()))
    if series.frames is None:
        headers = [_bare(series.headers[k]) for k in planes]
        for header in headers:
            # Slices that are parallel to what a file can tell may be written in other digits.
            header.ImageOrientationPatient = headers[0].ImageOrientationPatient
            header.PixelSpacing = headers[0].PixelSpacing
            # A segmentation has room for one.
            header.FrameOfReferenceUID = series.headers[0].FrameOfReferenceUID
            complete(header)
            _set_between(header, between)
        for header, k in zip(headers, planes, strict=True) if moved else ():
            header.ImagePositionPatient = [_decimal(x) for x in on_grid[k]]
        return headers, frames
    header = _bare(series.headers[0])
    groups = _groups(header, series.frames)
    for group, position in zip(groups, on_grid, strict=True) if moved else ():
        place = group.PlanePositionSequence[0]
        place.ImagePositionPatient = [_decimal(x) for x in position]
    header.PerFrameFunctionalGroupsSequence = [groups[k] for k in planes]
    header.NumberOfFrames = len(planes)
    shared = header.SharedFunctionalGroupsSequence[0]
    for keyword in ("PlaneOrientationSequence", "PixelMeasuresSequence"):
        if keyword not in shared:
            setattr(shared, keyword, getattr(groups[0], keyword))
    _set_between(shared.PixelMeasuresSequence[0], between)
    complete(header)
    return [header], frames


def _groups(header: Dataset, frames: tuple[int, ...]) -> list[Dataset]:
    """Functional groups of some frames; made of where they lie if the instance has none."""
    if "PerFrameFunctionalGroupsSequence" in header:
        return [header.PerFrameFunctionalGroupsSequence[i - 1] for i in frames]
    found = planes(header)
    if found is None:
        raise ValueError("frames without a place")
    header.SharedFunctionalGroupsSequence = [Dataset()]
    # Only of an enhanced one highdicom looks at the groups.
    header.SOPClassUID = EnhancedCTImageStorage
    return [_group(found[i - 1]) for i in frames]


def _group(plane: Plane) -> Dataset:
    """Functional groups that say where a slice lies."""
    across, down = plane.spacing_mm
    directions, measures = (*plane.across, *plane.down), [_decimal(down), _decimal(across)]
    thickness = _decimal(plane.thickness_mm or 1.0)
    return item(
        PlanePositionSequence=[item(ImagePositionPatient=[*map(_decimal, plane.position)])],
        PlaneOrientationSequence=[item(ImageOrientationPatient=[*map(_decimal, directions)])],
        PixelMeasuresSequence=[item(PixelSpacing=measures, SliceThickness=thickness)],
    )


def item(**values: Any) -> Dataset:
    """A data set of some elements, by their keywords."""
    made = Dataset()
    for keyword, value in values.items():
        setattr(made, keyword, value)
    return made


def refer(made: Dataset, series: DicomSeries, planes: Sequence[int]) -> None:
    """Let a segmentation name its source by the class and the numbers of frames that it has.

    Args:
        made: of some planes of an instance of many frames, which `sources` has made look like
            an enhanced one of these planes alone.
        series: of that instance.
        planes: on which it is drawn.
    """
    assert series.frames is not None
    numbers = [series.frames[k] for k in planes]
    kind = str(series.headers[0].SOPClassUID)
    named = [
        source
        for group in made.PerFrameFunctionalGroupsSequence
        for derivation in group.get("DerivationImageSequence", ())
        for source in derivation.SourceImageSequence
    ]
    named += [
        one for each in made.get("ReferencedSeriesSequence", ())
        for one in each.ReferencedInstanceSequence
    ]  # fmt: skip
    # Frames of several segments share what they are made of.
    for source in {id(one): one for one in named}.values():
        source.ReferencedSOPClassUID = kind
        if "ReferencedFrameNumber" in source:
            source.ReferencedFrameNumber = numbers[int(source.ReferencedFrameNumber) - 1]


def _decimal(value: float) -> str:
    return str(format_number_as_ds(float(value) + 0.0))


def _bare(header: Dataset) -> Dataset:
    """A copy of a header without whatever a segmentation does not have to repeat."""
    out = _picked(header)
    for keyword in ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence"):
        if keyword in header:
            setattr(out, keyword, [_bare_group(group) for group in header[keyword].value])
    return deepcopy(out)


def _bare_group(group: Dataset) -> Dataset:
    """Functional groups of a frame, or of all, without what says nothing of where they lie."""
    out = Dataset()
    for keyword, needed in _GROUPS.items():
        if group.get(keyword):
            item = Dataset()
            for one in needed:
                if one in group[keyword].value[0]:
                    item.add(group[keyword].value[0][one])
            setattr(out, keyword, [item])
    return out


def _picked(header: Dataset) -> Dataset:
    """A data set of the elements that are needed, which share their values with the header."""
    out = Dataset()
    for element in header:
        if keyword_for_tag(element.tag) in _KEPT:
            out.add(element)
    return out


def _set_between(measures: Dataset, between: float | None) -> None:
    """Say how far slices are apart by where they lie: what headers say of it is often wrong."""
    if "SpacingBetweenSlices" in measures:
        del measures.SpacingBetweenSlices
    if between is not None:
        measures.SpacingBetweenSlices = _decimal(between)
