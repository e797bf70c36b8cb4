"""What a segmentation has to say about the series that it belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from napari_ssn.documents.ran import DicomInput, coded
from napari_ssn.errors import ImageError
from napari_ssn.geometry.acquired import Acquired
from napari_ssn.geometry.declared import Declared
from napari_ssn.io.dicom.declared import declared_of
from napari_ssn.later import door

if TYPE_CHECKING:
    from pydicom import Dataset


# pydicom is optional, and this module is imported without it.
_later = door("napari_ssn.io.dicom")

# What a segmentation repeats of its source, and no more: what the standard requires.
_REPEATED = (
    "the patient's name, number, birth date and sex, the study's date, time, number, accession "
    "number and referring physician, and the UIDs of the study, the series, the slices and their "
    "frame of reference"
)


@dataclass(frozen=True, eq=False)
class DicomSeries:
    """Headers of a DICOM series, kept in memory: they name the patient and are shown nowhere.

    A volume read from DICOM has the axes (column, row, slice), its slices in the order in which
    they follow one another along the normal.

    Attributes:
        headers: without pixel data; one per slice of the volume, in its order, or a single one
            of an enhanced multi-frame instance.
        frames: of a multi-frame instance, which of its frames, from 1, each slice of the volume
            is; None for one instance per slice.
        named: whether a segmentation of it names the patient, as the standard demands of one
            that goes back to the archive.
    """

    headers: tuple[Dataset, ...]
    frames: tuple[int, ...] | None = None
    named: bool = True

    def unnamed(self) -> DicomSeries:
        """The same, for segmentations that name nobody."""
        return replace(self, named=False)

    @property
    def series_uid(self) -> str:
        """SeriesInstanceUID of the first header."""
        return str(self.headers[0].SeriesInstanceUID)

    @property
    def slice_uids(self) -> list[str]:
        """SOPInstanceUIDs of the headers, in their order."""
        return [str(header.SOPInstanceUID) for header in self.headers]

    @property
    def frames_of_reference(self) -> frozenset[str]:
        """UIDs of the frames of reference that the headers name: one, as it should be, or more."""
        named = (header.get("FrameOfReferenceUID") for header in self.headers)
        return frozenset(str(uid) for uid in named if uid)

    @property
    def declared(self) -> Declared:
        """What the first header says that the image is of."""
        return declared_of(self.headers[0])

    @property
    def acquired(self) -> Acquired:
        """When and how it was acquired, by its first header."""
        found: Acquired = _later("acquired").acquired_of(self.headers[0])
        return found

    @property
    def words(self) -> str:
        """What may be said of it to tell it from others, see `naming.series_words`."""
        return str(_later("naming").series_words(self.headers[0]))

    def whose(self, named: bool) -> list[str]:
        """Of whom and where it is, see `segments.whose`."""
        found: list[str] = _later("segments").whose(self.headers[0], named)
        return found

    def __repr__(self) -> str:
        # No header is printed by accident: they name the patient.
        return f"DicomSeries({len(self.frames or self.headers)} slices)"


def short(text: str) -> str:
    """As much as a DICOM text of this kind holds: 64 characters without a backslash."""
    return text.replace("\\", " ")[:64]


def told_of(series: DicomSeries) -> str:
    """What is said of DICOM segmentations of a series that were written, one or two sentences."""
    if series.named:
        return (
            "The DICOM files name the patient as their source does. They repeat "
            f"{_REPEATED}; nothing else."
        )
    return (
        "The DICOM files name nobody, and no date but that of the export; the UIDs of the study, "
        "the series and the slices still lead whoever has these to them."
    )


def input_of(source: object, image_sha256: str) -> DicomInput | None:
    """What a sidecar says of an image's source; None where that is no DICOM series.

    Args:
        source: of the volume.
        image_sha256: the image's hash, which the codes of UIDs depend on.
    """
    if not isinstance(source, DicomSeries):
        return None
    acquired = source.acquired
    return DicomInput(
        series_hmac=coded(source.series_uid, image_sha256),
        slices_hmac=[coded(uid, image_sha256) for uid in source.slice_uids],
        slice_thickness_mm=acquired.thickness_mm,
        kernel_sha256=acquired.kernel,
    )


def check_one_patient(sources: Sequence[object]) -> None:
    """ImageError if some of the sources of images are series of different patients."""
    if len(_named(sources, "PatientID")) > 1:
        raise ImageError(
            "The images are of different patients, by their headers: they are not put together."
        )


def apart(sources: Sequence[object]) -> str | None:
    """What makes it doubtful that series belong together, one sentence; None for nothing."""
    if len(_named(sources, "StudyInstanceUID")) > 1:
        return "The series are of different studies: look whether they lie on each other."
    if len(_named(sources, "FrameOfReferenceUID")) > 1:
        return "The series name different frames of reference: look whether they lie on each other."
    return None


def _named(sources: Sequence[object], keyword: str) -> set[str]:
    """What the headers of several series say; nothing of those that do not."""
    headers = (one.headers[0] for one in sources if isinstance(one, DicomSeries))
    return {str(said) for header in headers if (said := header.get(keyword))}
