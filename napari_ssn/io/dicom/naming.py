"""What a series is called on the screen: by known words, its sequence and its day, never a name.

A description is free text, in which people write whatever they like, names too. Only words that
are known to be none are taken from it, and not even these where somebody is called so.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from pydicom import Dataset

from napari_ssn.errors import ImageError
from napari_ssn.io.dicom.damage import reading
from napari_ssn.io.dicom.declared import declared_of
from napari_ssn.io.dicom.header import DAMAGED

# Parts of the body, directions, phases, reconstructions and sequences, in English and in what
# scanners write by themselves; each as it is shown.
_KNOWN = (
    "abdomen abdominal adrenal ankle aorta arm brain breast cardiac cervical chest colon coronary",
    "elbow face femur foot hand head heart hip kidney kidneys knee leg liver lumbar lung lungs",
    "mediastinum neck orbit pancreas pelvis pituitary prostate rectum renal sacrum shoulder sinus",
    "skull spine spleen temporal thigh thoracic thorax thyroid uterus wrist",
    "axial coronal sagittal oblique localizer scout topogram",
    "arterial venous portal delayed late early native plain contrast post pre without enhanced",
    "dynamic phase inspiration expiration breathhold follow-up baseline",
    "card conditioned contours drawing edited hypotheses label-map mean measurements nothing",
    "probabilities report segmentation slider",
    "bone soft tissue standard sharp smooth thin thick slices lowdose diagnostic",
    "dixon diffusion perfusion spectroscopy subtraction water fat magnitude",
    "ADC ASL B0 B1000 B50 B800 CE CISS DCE DSC DWI EPI FFE FLAIR FLASH FS FSE GRE HASTE IR KM LAVA",
    "MIP MPR MPRAGE MRA PD SE SPACE SPAIR SPGR STIR SWI T1 T1C T1CE T1W T2 T2W TFE TIRM TOF",
    "TRUFI TSE VIBE",
)
_SHOWN = {word.upper(): word for line in _KNOWN for word in line.split()}
# Which draw or member of an ensemble a segmentation is of: a number names nobody.
_NUMBERED = re.compile(r"(CARD|MEMBER|SAMPLE|SLIDER)-[1-9]\d{0,5}")
# Whoever a header names.
_PEOPLE = (
    "PatientName",
    "OtherPatientNames",
    "ReferringPhysicianName",
    "RequestingPhysician",
    "PerformingPhysicianName",
    "PhysiciansOfRecord",
    "NameOfPhysiciansReadingStudy",
    "OperatorsName",
)
# More of them would not fit a box that is as wide as the dock.
_MOST = 4


def series_name(modality: str, size: Sequence[int], header: Dataset) -> str:
    """``CT thorax lung · 2020-01-02 · 512 × 512 × 36``; ``MR 256 × 256 × 20`` if that is all.

    Args:
        modality: as it may be shown.
        size: columns, rows, slices.
        header: of any of its images.
    """
    across = " × ".join(map(str, size))
    declared = declared_of(header)
    sequence = [declared.weighting] if declared.weighting else []
    words = [*sequence, *known_words(header)]
    kind, day = " ".join([modality, *list(dict.fromkeys(words))[:_MOST]]), day_of(header)
    if not words and not day:
        return f"{modality} {across}"
    return " · ".join(part for part in (kind, day, across) if part)


def series_words(header: Dataset) -> str:
    """``3 · thorax lung``: number of the series and what is known of its words; perhaps empty."""
    number = _said(header, "SeriesNumber")
    parts = (number if re.fullmatch(r"\d{1,6}", number) else "", few_words(header))
    return " · ".join(filter(None, parts))


def few_words(header: Dataset, keyword: str = "SeriesDescription") -> str:
    """The first of the words of a description that are known to name nobody."""
    return " ".join(list(dict.fromkeys(known_words(header, keyword)))[:_MOST])


def known_words(header: Dataset, keyword: str = "SeriesDescription") -> list[str]:
    """Words of a description that are known to name nobody, in their order."""
    words = re.findall(r"[^\W_]+(?:-[^\W_]+)*", _said(header, keyword).upper())
    names = " ".join(_said(header, keyword) for keyword in _PEOPLE)
    people = set(re.findall(r"[^\W_]+", names.upper()))
    return [_shown(word) for word in words if _shown(word) and word not in people]


def _shown(word: str) -> str:
    """A word as it is shown; empty for one that may name somebody."""
    return word.lower() if _NUMBERED.fullmatch(word) else _SHOWN.get(word, "")


def _said(header: Dataset, keyword: str) -> str:
    """Text of an element; empty where there is none, or nothing that could be read."""
    with suppress(ImageError), reading(DAMAGED):
        return str(header.get(keyword) or "").strip()
    return ""


def day_of(header: Dataset) -> str:
    """The day an image was taken on; empty where the header says none, or something else."""
    for keyword in ("AcquisitionDate", "SeriesDate", "StudyDate"):
        said = _said(header, keyword)
        if re.fullmatch(r"(19[7-9]|2\d\d)\d{5}", said) and said != _said(
            header, "PatientBirthDate"
        ):
            try:
                return datetime.strptime(said, "%Y%m%d").date().isoformat()
            except ValueError:
                # No day of any month.
                continue
    return ""
