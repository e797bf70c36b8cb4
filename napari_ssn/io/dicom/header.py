"""What one DICOM file is, by its header."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from io import BytesIO
from typing import Any

from pydicom import Dataset
from pydicom.datadict import tag_for_keyword
from pydicom.filereader import read_partial

from napari_ssn.errors import ImageError
from napari_ssn.io.dicom import alike, planes, traits
from napari_ssn.io.dicom.damage import UNPACKS, check_inflates, inflated, is_endless, reading
from napari_ssn.io.dicom.members import Member
from napari_ssn.io.dicom.modalities import shown_modality
from napari_ssn.io.dicom.planes import Plane
from napari_ssn.io.known import MANUFACTURER

# Headers of one slice are shorter; those of many frames are not, and then more is read.
_HEADS = (1 << 16, 1 << 22)
_TAGS = [
    *planes.KEYWORDS,
    *traits.KEYWORDS,
    *traits.PRIVATE,
    *alike.KEYWORDS,
    "InstanceNumber",
    "Manufacturer",
    "SOPInstanceUID",
    "SamplesPerPixel",
    "SeriesInstanceUID",
    "SeriesNumber",
    "SpecificCharacterSet",
]
# Modalities whose pixels are no image of the patient.
_NO_IMAGE = {"SEG", "RTDOSE"}
#: A parametric map says how likely something is at pixels of the patient, and what else there is of
#: them; a structure set is contours.
PARAMETRIC_MAP, STRUCTURE_SET = "1.2.840.10008.5.1.4.1.1.30", "1.2.840.10008.5.1.4.1.1.481.3"
_OVERLAYS = {PARAMETRIC_MAP, STRUCTURE_SET}
# CT and MR, and both enhanced.
_IMAGES = {f"1.2.840.10008.5.1.4.1.1.{kind}" for kind in ("2", "2.1", "4", "4.1")}
_DICOMDIR = "1.2.840.10008.1.3.10"
_PIXELS = {0x7FE00008, 0x7FE00009, 0x7FE00010}
_SERIES = 0x0020000E
# A data set is in the order of its tags; more tags out of order than this are no data set.
_MOST_DISORDER = 100
# Elements beside each other that no image has; each takes pydicom some ten microseconds.
_MOST_ELEMENTS = 100_000
# What a header may take up beside pixels, bytes.
_ROOM = 1 << 26
# And what is read of a file to come to its pixels; headers of ten thousands of frames are shorter.
_LONGEST = 1 << 27
# Where a series without a number comes.
LAST = 1 << 31
DAMAGED = "A DICOM file is damaged or cut off: copy or export it again, or take it out."
_NO_PIXELS = (
    "A DICOM file of an image holds no pixels: it is a header alone, or ends before them. Export "
    "it again, or take it out."
)
_MOSAIC = (
    "The images are mosaics, many slices tiled in one picture as Siemens and United Imaging store "
    "them, which are not read: convert them with dcm2niix, or export them as enhanced DICOM."
)


@dataclass(frozen=True)
class Instance:
    """A DICOM file: the part of its header that tells what it is.

    Attributes:
        member: the file.
        uid, series: of the instance and of its series.
        number: of the series; large where there is none.
        instance_number: within the series; None where there is none.
        modality: as CT; "DICOM" where it is none that is known.
        is_image: whether it has pixels of the patient.
        is_overlay: whether it says what such pixels belong to, or how likely: a segmentation, a
            parametric map, contours.
        is_own: whether it was written here.
        is_index: whether it lists other files, a DICOMDIR.
        colour: whether its pixels have colours.
        size: columns and rows.
        kind: UID of its class.
        planes: its slices; empty if it does not say where they lie.
        shared: what must be the same in all images of a series, see `alike`.
        problem: why it cannot be read, one sentence; None where nothing is known of that.
    """

    member: Member
    uid: str
    series: str
    number: int
    modality: str
    is_image: bool
    is_overlay: bool
    is_index: bool
    colour: bool
    planes: tuple[Plane, ...]
    size: tuple[int, int] = (0, 0)
    kind: str = ""
    instance_number: int | None = None
    shared: alike.Shared = field(default=(), repr=False)
    problem: str | None = None
    is_own: bool = False

    @property
    def most_bytes(self) -> int:
        """More than its file needs uncompressed, with whatever else is in it."""
        return _ROOM + 4 * self.size[0] * self.size[1] * max(1, len(self.planes))

    def whole(self) -> bytes:
        """Content of the file; ImageError if it unpacks to far more than its pixels."""
        if self.member.packed and self.member.size > self.most_bytes:
            raise ImageError(UNPACKS)
        whole = self.member.whole()
        check_inflates(whole, self.most_bytes)
        return whole


def instance(member: Member) -> Instance | None:
    """Read the header of a file; None if it is no DICOM, ImageError if it is damaged."""
    if not member.is_dicom:
        return None
    header = _header(member)
    with reading(DAMAGED):
        return _described(member, header)


def damaged(member: Member, error: ImageError) -> Instance | None:
    """A file that `instance` refuses, if it says at least which series it is of."""
    series = ""
    with suppress(ImageError), reading(DAMAGED):
        head = inflated(member.read(_HEADS[0]), _HEADS[0])
        found = _partial(BytesIO(head), lambda tag: tag > _SERIES)
        series = str(found.get("SeriesInstanceUID") or "")
    if not series:
        return None
    return Instance(
        member, "", series, LAST, "DICOM", True, False, False, False, (), problem=str(error)
    )


def _header(member: Member) -> Dataset:
    """The elements that tell what a file is, reading as little as it takes."""
    for size in _HEADS:
        if size >= member.size:
            break
        stream = BytesIO(inflated(member.read(size), size))
        with suppress(ImageError), reading(DAMAGED):
            header = _parsed(stream)
            # Where it did not stop at the pixels it may have stopped in the middle.
            if stream.tell() < len(stream.getvalue()):
                return header
    # What comes before the pixels is no longer than that, however long the file is.
    longest = inflated(member.read(min(member.size, _LONGEST)), _ROOM)
    with reading(DAMAGED):
        return _parsed(BytesIO(longest))


def _parsed(stream: BytesIO) -> Dataset:
    return _partial(stream, lambda tag: tag in _PIXELS)


def _partial(stream: BytesIO, stop: Callable[[int], bool]) -> Dataset:
    """Elements of `_TAGS` up to a tag; ValueError for bytes that are no data set.

    pydicom goes through anything to its end, megabytes of zeros too, eight bytes at a time.
    """
    if is_endless(stream.getvalue()):
        raise ValueError("no data set")
    last, disorder, count = -1, 0, 0

    def ends(tag: int, vr: str | None, length: int) -> bool:
        nonlocal last, disorder, count
        disorder += tag <= last
        last, count = tag, count + 1
        if disorder > _MOST_DISORDER or count > _MOST_ELEMENTS:
            raise ValueError("no data set")
        return stop(tag)

    return read_partial(stream, ends, force=True, specific_tags=_wanted())


@cache
def _wanted() -> list[Any]:
    tags = [tag_for_keyword(one) if isinstance(one, str) else one for one in _TAGS]
    return [tag for tag in tags if tag is not None]


def _described(member: Member, header: Dataset) -> Instance:
    modality = str(header.get("Modality") or "")
    if header.get("SOPClassUID") in _IMAGES and not header.get("Rows"):
        raise ImageError(_NO_PIXELS)
    overlays = modality == "SEG" or header.get("SOPClassUID") in _OVERLAYS
    is_image = bool(header.get("Rows")) and modality not in _NO_IMAGE and not overlays
    number, own = header.get("SeriesNumber"), header.get("InstanceNumber")
    found = tuple(planes.planes(header) or ()) if is_image else ()
    return Instance(
        member=member,
        uid=str(header.get("SOPInstanceUID") or ""),
        series=str(header.get("SeriesInstanceUID") or ""),
        number=LAST if number is None else int(number),
        modality=shown_modality(modality),
        is_image=is_image,
        is_overlay=overlays,
        is_index=header.file_meta.get("MediaStorageSOPClassUID") == _DICOMDIR,
        colour=int(header.get("SamplesPerPixel") or 1) != 1,
        planes=found,
        size=(int(header.Columns), int(header.Rows)) if is_image else (0, 0),
        kind=str(header.get("SOPClassUID") or ""),
        instance_number=None if own is None else int(own),
        shared=alike.shared(header) if is_image else (),
        problem=_MOSAIC if is_image and traits.is_mosaic(header) else None,
        is_own=header.get("Manufacturer") == MANUFACTURER,
    )
