"""Where a slice lies and how its pixels become values, from a header or a frame of one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np
from pydicom import Dataset

from napari_ssn.errors import ImageError
from napari_ssn.io.dicom.modalities import each
from napari_ssn.io.dicom.traits import Traits, Value, at_time, frame_traits, traits_of

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
        rescaled: whether slope and intercept are said, and not what is taken where they are not.
        reckoned: whether its place was reckoned from that of the first frame, on a side that
            nothing tells.
        traits: what may set it apart from others of its series; no part of where it lies.
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
    rescaled: bool = True
    reckoned: bool = False
    traits: Traits = field(default=(), compare=False)


#: Elements of a header that say where slices lie.
PLACES = (
    "FrameOfReferenceUID",
    "ImageOrientationPatient",
    "ImagePositionPatient",
    "ImageType",
    "NumberOfFrames",
    "PerFrameFunctionalGroupsSequence",
    "PixelSpacing",
    "SharedFunctionalGroupsSequence",
    "SliceThickness",
    "Rows",
    "Columns",
    "DetectorInformationSequence",
    "FrameIncrementPointer",
    "SpacingBetweenSlices",
    "SliceLocationVector",
    "SliceVector",
    "TimeSlotVector",
    "RRIntervalVector",
)
#: Elements of a header that `planes` reads.
KEYWORDS = (*PLACES, "RescaleIntercept", "RescaleSlope")
# What frames of an instance without functional groups follow one another in: slices, places of
# slices, or heartbeats by their length, time slots of them, and slices.
_SLICES, _LOCATIONS, _BEATS, _SLOTS = 0x00540080, 0x00182005, 0x00540060, 0x00540070
# Kinds of pictures in nuclear medicine that are slices; others are projections.
_RECONSTRUCTED = ("RECON TOMO", "RECON GATED TOMO")


def planes(header: Dataset) -> list[Plane] | None:
    """Slices of an instance in the order in which they are stored.

    None if it says of none of them where it lies. Whatever pydicom raises on a damaged header
    passes through, see `damage.reading`.
    """
    # A classic image may say NumberOfFrames 1; an enhanced one of a single frame has its groups.
    if "PerFrameFunctionalGroupsSequence" in header:
        return _enhanced(header)
    place = header
    if not header.get("ImagePositionPatient") and header.get("DetectorInformationSequence"):
        # Nuclear medicine says there where the first slice of a reconstruction lies.
        place = header.DetectorInformationSequence[0]
    if not (place.get("ImagePositionPatient") and place.get("ImageOrientationPatient")):
        return None
    first = _plane(header, place, place, header, header, 0, traits_of(header))
    if int(header.get("NumberOfFrames") or 1) == 1:
        return [first]
    return _reckoned(header, first)


def _reckoned(header: Dataset, first: Plane) -> list[Plane] | None:
    """Frames that follow the first one along the normal; None if they are no slices of a volume.

    In nuclear medicine the sign of the distance is the side (PS3.3 C.8.4.15). Others, as dental
    scanners, say a distance only, and their slices are taken to follow along ``across × down``.
    """
    count = int(header.NumberOfFrames)
    pointer = header.get("FrameIncrementPointer")
    keys = [int(tag) for tag in each(pointer)]
    nuclear = str(header.get("Modality") or "") == "NM"
    kind = str(header.get("ImageType") or "")
    if nuclear and not any(one in kind for one in _RECONSTRUCTED):
        return None
    if any(key not in (_SLICES, _LOCATIONS, _BEATS, _SLOTS) for key in keys):
        return None
    between = float(header.get("SpacingBetweenSlices") or first.thickness_mm or 0.0)
    slices, slots = _vector(header, "SliceVector", count), _slots(header, count)
    steps = [(number - 1) * between for number in slices or range(1, count + 1)]
    locations = header.get("SliceLocationVector")
    if _LOCATIONS in keys and locations is not None:
        places = _numbers(locations, count)
        steps, between = [one - places[0] for one in places], 1.0
    if between == 0.0 or (slots is not None and slices is None):
        return None
    normal = np.cross(first.across, first.down)
    found = []
    for frame, step in enumerate(steps):
        position = np.array(first.position) + step * normal
        own: Value = None if slots is None else float(slots[frame])
        found.append(
            replace(
                first,
                position=tuple(float(x) for x in position),
                frame=frame,
                reckoned=not nuclear,
                traits=at_time(first.traits, own),
            )
        )
    return found


def _slots(header: Dataset, count: int) -> list[int] | None:
    """Numbers of the frames' points of time, one heartbeat after the other; None without any."""
    beats = _vector(header, "RRIntervalVector", count)
    slots = _vector(header, "TimeSlotVector", count)
    if beats is None or slots is None:
        return beats or slots
    return [(beat - 1) * max(slots) + slot for beat, slot in zip(beats, slots, strict=True)]


def _vector(header: Dataset, keyword: str, count: int) -> list[int] | None:
    """Numbers of the frames in one of the vectors that count them; None where there is none."""
    value = header.get(keyword)
    if value is None or value == "":
        return None
    numbers = [int(one) for one in each(value)]
    if len(numbers) != count:
        raise ValueError("number of frames")
    return numbers


def _enhanced(header: Dataset) -> list[Plane] | None:
    shared = next(iter(header.get("SharedFunctionalGroupsSequence") or ()), None)
    found, known = [], traits_of(header)
    frames = header.PerFrameFunctionalGroupsSequence
    check_frames(int(header.NumberOfFrames), len(frames), "A DICOM file")
    for number, own in enumerate(frames):
        position = _group("PlanePositionSequence", (own, shared))
        orientation = _group("PlaneOrientationSequence", (own, shared))
        if position is None or orientation is None:
            return None
        measures = _group("PixelMeasuresSequence", (own, shared))
        rescale = _group("PixelValueTransformationSequence", (own, shared))
        traits = frame_traits(known, partial(_group, places=(own, shared)))
        found.append(_plane(header, position, orientation, measures, rescale, number, traits))
    return found


def check_frames(held: int, placed: int, what: str) -> None:
    """ImageError if not as many frames are said to lie somewhere as there are.

    Args:
        held: frames of the file, as it says.
        placed: those of which it says where they lie.
        what: it is, for a person.
    """
    if held != placed:
        raise ImageError(
            f"{what} holds {held} frame{'s' * (held != 1)} and says of {placed} where they lie: "
            "export it again from where it comes."
        )


def _group(keyword: str, places: Sequence[Dataset | None]) -> Dataset | None:
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
    traits: Traits,
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
        scout="LOCALIZER" in str(header.get("ImageType") or ""),
        rescaled=all(
            _value(rescale, keyword, None) is not None
            for keyword in ("RescaleSlope", "RescaleIntercept")
        ),
        traits=traits,
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
