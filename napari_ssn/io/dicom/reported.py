"""Structured reports that are fetched: which segmentations they are about."""

from __future__ import annotations

from collections.abc import Iterator

from pydicom import Dataset

from napari_ssn.io.dicom.damage import data_set, reading
from napari_ssn.io.dicom.header import instance
from napari_ssn.io.dicom.members import received

_DAMAGED = "The DICOM structured report is damaged or cut off: fetch it again."
# Segmentation storage, and that of label maps.
_SEGMENTATIONS = {f"1.2.840.10008.5.1.4.1.1.66.{kind}" for kind in (4, 7)}


def segmentations_of(whole: bytes) -> set[tuple[str, str, str]]:
    """UIDs of study, series and instance of each segmentation that a report is about.

    None of any other file, and of a report that is about none; ImageError of a damaged one.
    """
    found = instance(received(whole))
    if found is None or found.modality != "SR":
        return set()
    file = data_set(whole, _DAMAGED)
    with reading(_DAMAGED):
        return set(_evidence(file))


def uid_of(whole: bytes) -> str:
    """UID of an instance; empty where the file is no DICOM."""
    found = instance(received(whole))
    return "" if found is None else found.uid


def _evidence(file: Dataset) -> Iterator[tuple[str, str, str]]:
    for study in file.get("CurrentRequestedProcedureEvidenceSequence") or ():
        for series in study.get("ReferencedSeriesSequence") or ():
            for one in series.get("ReferencedSOPSequence") or ():
                if str(one.ReferencedSOPClassUID) in _SEGMENTATIONS:
                    yield (
                        str(study.StudyInstanceUID),
                        str(series.SeriesInstanceUID),
                        str(one.ReferencedSOPInstanceUID),
                    )
