"""Which series of images a folder, a zip or a file belongs to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING

from napari_ssn.core.errors import GeometryError, ImageError
from napari_ssn.io.dicom.damage import check_inflates, reading
from napari_ssn.io.dicom.members import Member
from napari_ssn.io.dicom.planes import KEYWORDS, Plane, planes
from napari_ssn.io.dicom.stack import Stack, stack

if TYPE_CHECKING:
    from pydicom import Dataset

# Headers of one slice are shorter; those of many frames are not, and then more is read.
_HEADS = (1 << 16, 1 << 22)
_TAGS = [
    *KEYWORDS,
    "InstanceNumber",
    "Modality",
    "PatientID",
    "SOPClassUID",
    "SOPInstanceUID",
    "SamplesPerPixel",
    "SeriesInstanceUID",
    "SeriesNumber",
    "StudyInstanceUID",
]
# Modalities whose pixels are no image of the patient.
_NO_IMAGE = {"SEG", "RTDOSE"}
# CT and MR, and both enhanced.
_IMAGES = {f"1.2.840.10008.5.1.4.1.1.{kind}" for kind in ("2", "2.1", "4", "4.1")}
_DICOMDIR = "1.2.840.10008.1.3.10"
# Where a series without a number comes.
_LAST = 1 << 31
_DAMAGED = "A DICOM file is damaged or cut off: copy or export it again, or take it out."


@dataclass(frozen=True)
class Instance:
    """A DICOM file: the part of its header that tells what it is.

    Attributes:
        member: the file.
        uid, series: of the instance and of its series.
        number: of the series; large where there is none.
        modality: as CT.
        is_image: whether it has pixels of the patient.
        is_segmentation: whether it says what such pixels belong to.
        is_index: whether it lists other files, a DICOMDIR.
        colour: whether its pixels have colours.
        patient: number of whom it shows; printed nowhere.
        study: its UID.
        planes: its slices; empty if it does not say where they lie.
    """

    member: Member
    uid: str
    series: str
    number: int
    modality: str
    is_image: bool
    is_segmentation: bool
    is_index: bool
    colour: bool
    planes: tuple[Plane, ...]
    patient: str = field(default="", repr=False)
    study: str = ""


@dataclass(frozen=True, eq=False)
class Series:
    """Instances that are one image.

    Attributes:
        instances: in no order; one of many frames, or one per slice.
        modality: as CT.
        stack: their grid; None if they make none.
        problem: why they make none.
        note: what is to be doubted of it nevertheless, in sentences.
    """

    instances: tuple[Instance, ...]
    modality: str
    stack: Stack | None
    problem: GeometryError | ImageError | None
    note: str | None = None

    @property
    def planes(self) -> list[Plane]:
        """All slices, in the order of the instances."""
        return [plane for instance in self.instances for plane in instance.planes]


def instance(member: Member) -> Instance | None:
    """Read the header of a file; None if it is no DICOM, ImageError if it is damaged."""
    if not member.is_dicom:
        return None
    header = _header(member)
    with reading(_DAMAGED):
        return _described(member, header)


@dataclass(frozen=True, eq=False)
class Study:
    """What a folder, a zip or the neighbours of a file hold.

    Attributes:
        series: of images, by their numbers.
        segmentations: DICOM segmentations.
        missing: what there is instead of images; empty where there are some.
    """

    series: list[Series]
    segmentations: list[Member]
    missing: str = ""


def find_study(files: Sequence[Member], like: Instance | None = None) -> Study:
    """Series of images and segmentations among files.

    Args:
        files: that may be DICOM or not.
        like: the only series wanted is the one that this instance belongs to.

    Raises:
        ImageError: a file is damaged.
    """
    read = [(member, instance(member)) for member in files]
    found = [one for _, one in read if one is not None]
    note = _left_out(sum(member.named for member, one in read if one is None))
    images = [one for one in found if one.is_image]
    segmentations = [one.member for one in found if one.is_segmentation and like is None]
    if not images or (like is not None and not like.is_image):
        return Study([], segmentations, _no_images(found if like is None else [like]))
    groups: dict[tuple[str, str], list[Instance]] = {}
    for one in _distinct(images):
        # An instance of many frames is an image by itself.
        many = one.uid if len(one.planes) > 1 else ""
        groups.setdefault((one.series, many), []).append(one)
    if like is not None:
        mark = (like.series, like.uid)
        mine = [g for g in groups.values() if any((one.series, one.uid) == mark for one in g)]
        return Study([_series(group, note) for group in mine], [])
    made = [_series(group, note) for group in groups.values()]
    # Pictures that lie nowhere, as of a dose report, are beside the point where others do.
    placed = [one for one in made if one.planes]
    return Study(sorted(placed or made, key=_rank), segmentations)


def _rank(series: Series) -> tuple[int, str, str]:
    first = series.instances[0]
    return first.number, first.series, first.uid


def _header(member: Member) -> Dataset:
    """The elements that tell what a file is, reading as little as it takes."""
    for size in _HEADS:
        if size >= member.size:
            break
        head = member.read(size)
        check_inflates(head)
        stream = BytesIO(head)
        with suppress(ImageError), reading(_DAMAGED):
            header = _parsed(stream)
            # Where it did not stop at the pixels it may have stopped in the middle.
            if stream.tell() < size:
                return header
    whole = member.whole()
    check_inflates(whole)
    with reading(_DAMAGED):
        return _parsed(BytesIO(whole))


def _parsed(stream: BytesIO) -> Dataset:
    from pydicom import dcmread

    return dcmread(stream, stop_before_pixels=True, specific_tags=list(_TAGS))


def _described(member: Member, header: Dataset) -> Instance:
    modality = str(header.get("Modality") or "")
    if header.get("SOPClassUID") in _IMAGES and not header.get("Rows"):
        # It ends before it comes to its pixels.
        raise ImageError(_DAMAGED)
    is_image = bool(header.get("Rows")) and modality not in _NO_IMAGE
    number = header.get("SeriesNumber")
    return Instance(
        member=member,
        uid=str(header.get("SOPInstanceUID") or ""),
        series=str(header.get("SeriesInstanceUID") or ""),
        number=_LAST if number is None else int(number),
        modality=modality,
        is_image=is_image,
        is_segmentation=modality == "SEG",
        is_index=header.file_meta.get("MediaStorageSOPClassUID") == _DICOMDIR,
        colour=int(header.get("SamplesPerPixel") or 1) != 1,
        planes=tuple(planes(header) or ()) if is_image else (),
        patient=str(header.get("PatientID") or ""),
        study=str(header.get("StudyInstanceUID") or ""),
    )


def _distinct(images: Sequence[Instance]) -> Iterator[Instance]:
    """Instances without copies: files of one instance that lie at one place."""
    seen = set()
    for one in images:
        mark = (one.series, one.uid, one.planes)
        if not one.uid or mark not in seen:
            yield one
        seen.add(mark)


def _left_out(count: int) -> str | None:
    """What is said where files are named as DICOM and are none: slices may be among them."""
    if count == 0:
        return None
    files, are, were = ("file", "is", "was") if count == 1 else ("files", "are", "were")
    return (
        f"{count} {files} named as DICOM {are} none and {were} left out: look whether the image "
        "ends too early."
    )


def _series(instances: Sequence[Instance], note: str | None) -> Series:
    made: Stack | None = None
    problem: GeometryError | ImageError | None = None
    try:
        made = _stacked(instances)
    except (GeometryError, ImageError) as error:
        problem = error
    notes = [one for one in (note, made.note if made is not None else None) if one]
    return Series(tuple(instances), instances[0].modality, made, problem, " ".join(notes) or None)


def _stacked(instances: Sequence[Instance]) -> Stack:
    if len({one.patient for one in instances}) > 1:
        raise ImageError("The images of the series belong to different patients.")
    if len({one.study for one in instances}) > 1:
        raise ImageError("The images of the series belong to different studies.")
    if any(one.colour for one in instances):
        raise ImageError("The images have colours, not grey values: they are not read.")
    lost = sum(not one.planes for one in instances)
    if lost == len(instances):
        raise GeometryError(
            "The images do not say where in the patient they lie, as X-ray pictures and "
            "screenshots do not: no volume can be made of them."
        )
    if lost:
        raise GeometryError(
            f"{lost} of {len(instances)} images of the series do not say where in the patient "
            "they lie."
        )
    made = stack([plane for one in instances for plane in one.planes])
    uids = [one.uid for one in instances if one.uid]
    if len(set(uids)) < len(uids):
        raise ImageError(
            "Different images of the series have the same number (SOP Instance UID), so that no "
            "result could say which it was made of."
        )
    return made


def _no_images(found: Sequence[Instance]) -> str:
    """Why there is nothing to open: ``… there are only 2 SR and 1 SEG.``."""
    others = Counter(one.modality or "file without images" for one in found if not one.is_index)
    if not found:
        return "No DICOM file is in it: choose the folder, the zip or a file of a series."
    if not others:
        return "There is an index of DICOM files (DICOMDIR) only: the images are missing."
    words = ", ".join(f"{count} {what}" for what, count in others.most_common())
    return f"No images are in it: of DICOM there is only {words}."
