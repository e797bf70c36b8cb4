"""DICOM segmentations of others that lack something, made such that highdicom reads them.

Only what says nothing about voxels is filled in; what contradicts where the frames lie is left
out, and what voxels mean is never guessed.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from highdicom.sr import CodedConcept
from pydicom import Dataset
from pydicom.sr.codedict import codes
from pydicom.uid import ExplicitVRLittleEndian

from napari_ssn.errors import GeometryError, ImageError
from napari_ssn.geometry.arrays import Floats
from napari_ssn.io.dicom.damage import data_set, reading
from napari_ssn.io.dicom.lattice import places_of
from napari_ssn.io.dicom.modalities import shown_text
from napari_ssn.io.dicom.pixels import check_decodable, complete
from napari_ssn.io.dicom.planes import check_frames

# What a segment is, that says it is none: DICOM's code for the background.
_BACKGROUND = "125040"
# How far distances of frames may be from multiples of what is said, as a share of it.
_SHARE = 0.01


def segmentation(whole: bytes, damaged: str) -> tuple[Dataset, dict[int, Dataset]]:
    """A segmentation as highdicom reads it, and what it says of its segments, by their numbers.

    Args:
        whole: content of the file.
        damaged: the sentence if it is.

    Raises:
        ImageError: it is damaged, not a segmentation, compressed in a way that is not read, or
            does not say what its values mean.
    """
    found = data_set(whole, damaged)
    with reading(damaged):
        seg = complete(found)
        if "SegmentSequence" not in seg:
            raise ImageError(damaged)
        check_decodable(seg, "The DICOM segmentation is")
        _turn_bytes(seg)
        if str(seg.get("SegmentationType")) == "FRACTIONAL":
            _check_fraction(seg)
        segments = dict(_numbered(seg))
        _check_frames(seg)
        seg.SegmentSequence = [_plain(number, one) for number, one in segments.items()]
        _check_distance(seg, places_of(seg, damaged))
    return seg, segments


def is_background(segment: Dataset) -> bool:
    """Whether a segment is coded as the background, which is nothing to show."""
    codes = segment.get("SegmentedPropertyTypeCodeSequence") or ()
    return any(str(code.get("CodeValue")) == _BACKGROUND for code in codes)


def label_of(number: int, segment: Dataset) -> str:
    """Name of a segment as it may be shown."""
    value = segment.get("SegmentLabel")
    # A backslash, which a label may not have, makes several values of one.
    text = value if isinstance(value, str) else "\\".join(map(str, value or ()))
    return shown_text(text) or f"segment {number}"


def _numbered(seg: Dataset) -> Iterator[tuple[int, Dataset]]:
    """Segments by their numbers, which are those of their order where they say none."""
    seen = set()
    first = 0 if str(seg.get("SegmentationType")) == "LABELMAP" else 1
    silent = not any(one.get("SegmentNumber") for one in seg.SegmentSequence)
    for place, one in enumerate(seg.SegmentSequence, start=1):
        said = one.get("SegmentNumber")
        number = place if silent and said is None else said
        if number is None or int(number) < first or int(number) in seen:
            raise ImageError(
                "A segment of the DICOM segmentation has no number of its own, so that nothing "
                "tells which frames are its: export it again from where it comes."
            )
        seen.add(int(number))
        yield int(number), one


def _plain(number: int, segment: Dataset) -> Dataset:
    """As much of a segment as highdicom wants to see."""
    out = Dataset()
    out.SegmentNumber, out.SegmentLabel = number, label_of(number, segment)
    out.SegmentAlgorithmType = "MANUAL"
    for keyword in ("SegmentedPropertyCategoryCodeSequence", "SegmentedPropertyTypeCodeSequence"):
        setattr(out, keyword, [CodedConcept.from_code(codes.SCT.Tissue)])
    return out


def _turn_bytes(seg: Dataset) -> None:
    """Pixels of a big endian file in the other order: in words of 16 bits they are turned round."""
    if seg.file_meta.TransferSyntaxUID.is_little_endian:
        return
    raw = seg.PixelData
    if seg["PixelData"].VR == "OW":
        seg.PixelData = np.frombuffer(raw[: len(raw) // 2 * 2], ">u2").astype("<u2").tobytes()
    seg.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    seg.set_original_encoding(False, True)


def _check_fraction(seg: Dataset) -> None:
    """ImageError if nothing says which stored value is a probability of one."""
    if not seg.get("MaximumFractionalValue"):
        raise ImageError(
            "The DICOM segmentation does not say which of its values is the whole (Maximum "
            "Fractional Value): what its values mean is not known."
        )
    if not seg.get("SegmentationFractionalType"):
        seg.SegmentationFractionalType = "PROBABILITY"


def _check_frames(seg: Dataset) -> None:
    """Refuse frames of which not every one, and no other, says where in the patient it lies."""
    frames = seg.get("PerFrameFunctionalGroupsSequence") or ()
    shared = next(iter(seg.get("SharedFunctionalGroupsSequence") or ()), Dataset())
    if not any("PlanePositionSequence" in group for group in (shared, *frames)):
        raise GeometryError(
            "The DICOM segmentation does not say where in the patient it lies, as those of X-ray "
            "pictures and of microscope slides do not: it is not opened."
        )
    check_frames(int(seg.get("NumberOfFrames") or 1), len(frames), "The DICOM segmentation")


def _check_distance(seg: Dataset, places: Floats) -> None:
    """Leave out a distance of slices that is none, or contradicts where the frames lie.

    GeometryError if pixels have no size.
    """
    frames = seg.get("PerFrameFunctionalGroupsSequence") or ()
    gaps = _gaps(places)
    for group in (*(seg.get("SharedFunctionalGroupsSequence") or ()), *frames):
        for measures in group.get("PixelMeasuresSequence") or ():
            sizes = measures.get("PixelSpacing")
            if not sizes or len(sizes) != 2 or not min(float(size) for size in sizes) > 0:
                raise GeometryError("The DICOM segmentation does not say how large its pixels are.")
            said = measures.get("SpacingBetweenSlices")
            if said is None:
                continue
            between = 0.0 if said == "" else abs(float(said))
            times = np.rint(gaps / between) if between else gaps
            if not between or (np.abs(gaps - times * between) > _SHARE * between * times).any():
                del measures.SpacingBetweenSlices


def _gaps(places: Floats) -> Floats:
    """Distances of neighbouring places on the line that all lie on, mm."""
    if len(places) < 2:
        return np.empty(0)
    away: Any = np.linalg.norm(places - places[0], axis=1)
    farthest = places[int(np.argmax(away))] - places[0]
    length = float(np.linalg.norm(farthest))
    if length == 0:
        return np.empty(0)
    along = np.sort((places - places[0]) @ farthest / length)
    gaps: Floats = np.diff(along)
    return gaps[gaps > 1e-3]
