"""Where a slice lies and how its pixels become values, from a header or a frame of one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydicom import Dataset

Numbers = tuple[float, ...]


@dataclass(frozen=True)
class Plane:
    """One slice, in the coordinates of DICOM: millimetres towards left, posterior, superior.

    Attributes:
        position: of the middle of the first pixel.
        across, down: direction in which the column, and the row index grows; unit vectors.
        spacing_mm: distance between neighbouring columns, and rows.
        size: columns and rows.
        thickness_mm: of the slice, where it is said.
        slope, intercept: ``value = slope · stored + intercept``.
        frame: which one of a multi-frame instance, from 0.
        frame_of_reference: in which the position holds; empty where it is not said.
        scout: whether it says of itself to be a localizer.
    """

    position: Numbers
    across: Numbers
    down: Numbers
    spacing_mm: tuple[float, float]
    size: tuple[int, int]
    thickness_mm: float | None
    slope: float
    intercept: float
    frame: int = 0
    frame_of_reference: str = ""
    scout: bool = False


#: Elements of a header that `planes` reads.
KEYWORDS = (
    "FrameOfReferenceUID",
    "ImageOrientationPatient",
    "ImagePositionPatient",
    "ImageType",
    "NumberOfFrames",
    "PerFrameFunctionalGroupsSequence",
    "PixelSpacing",
    "RescaleIntercept",
    "RescaleSlope",
    "SharedFunctionalGroupsSequence",
    "SliceThickness",
    "Rows",
    "Columns",
)


def planes(header: Dataset) -> list[Plane] | None:
    """Slices of an instance in the order in which they are stored.

    None if it says of none of them where it lies. Whatever pydicom raises on a damaged header
    passes through, see `damage.reading`.
    """
    # A classic image may say NumberOfFrames 1; an enhanced one of a single frame has its groups.
    if "PerFrameFunctionalGroupsSequence" in header:
        return _enhanced(header)
    if int(header.get("NumberOfFrames") or 1) != 1:
        return None
    if not (header.get("ImagePositionPatient") and header.get("ImageOrientationPatient")):
        return None
    return [_plane(header, header, header, header, header, 0)]


def _enhanced(header: Dataset) -> list[Plane] | None:
    shared = next(iter(header.get("SharedFunctionalGroupsSequence") or ()), None)
    found = []
    frames = header.PerFrameFunctionalGroupsSequence
    if len(frames) != int(header.NumberOfFrames):
        raise ValueError("number of frames")
    for number, own in enumerate(frames):
        position = _group("PlanePositionSequence", own, shared)
        orientation = _group("PlaneOrientationSequence", own, shared)
        if position is None or orientation is None:
            return None
        measures = _group("PixelMeasuresSequence", own, shared)
        rescale = _group("PixelValueTransformationSequence", own, shared)
        found.append(_plane(header, position, orientation, measures, rescale, number))
    return found


def _group(keyword: str, *places: Dataset | None) -> Dataset | None:
    """A functional group of a frame, of its own or shared with the others."""
    for place in places:
        if place is not None and place.get(keyword):
            item: Dataset = place[keyword].value[0]
            return item
    return None


def _plane(
    header: Dataset,
    position: Dataset,
    orientation: Dataset,
    measures: Dataset | None,
    rescale: Dataset | None,
    frame: int,
) -> Plane:
    cosines = _numbers(orientation.ImageOrientationPatient, 6)
    # Rows come first in the standard: their distance is that between rows.
    down_mm, across_mm = _numbers(_value(measures, "PixelSpacing", (0.0, 0.0)), 2)
    thickness = float(_value(measures, "SliceThickness", 0.0))
    return Plane(
        position=_numbers(position.ImagePositionPatient, 3),
        across=cosines[:3],
        down=cosines[3:],
        spacing_mm=(across_mm, down_mm),
        size=(int(header.Columns), int(header.Rows)),
        thickness_mm=thickness if thickness > 0 else None,
        slope=float(_value(rescale, "RescaleSlope", 1.0)),
        intercept=float(_value(rescale, "RescaleIntercept", 0.0)),
        frame=frame,
        frame_of_reference=str(header.get("FrameOfReferenceUID") or ""),
        scout="LOCALIZER" in _words(header.get("ImageType")),
    )


def _value(place: Dataset | None, keyword: str, default: Any) -> Any:
    """Value of an element; the default where it is missing or empty."""
    value = None if place is None else place.get(keyword)
    return default if value is None or value == "" else value


def _numbers(values: Any, count: int) -> Numbers:
    numbers = tuple(float(value) for value in values)
    if len(numbers) != count:
        raise ValueError(f"expected {count} numbers, got {len(numbers)}")
    return numbers


def _words(value: Any) -> Iterator[str]:
    """Values of an element that may have one, several or none."""
    if value:
        yield from [value] if isinstance(value, str) else map(str, value)
