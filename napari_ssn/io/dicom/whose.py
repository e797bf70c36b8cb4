"""Whom a file is of and of which study: as its source says it, where DICOM allows it to be said."""

from __future__ import annotations

import re
from datetime import datetime

from pydicom import Dataset
from pydicom.multival import MultiValue

from napari_ssn.errors import ExportError

#: What names or describes the patient and the study, of type 2: a file must have it, with the value
#: that its source has.
WHOSE = (
    "PatientID",
    "PatientName",
    "PatientBirthDate",
    "PatientSex",
    "AccessionNumber",
    "StudyID",
    "StudyDate",
    "StudyTime",
    "ReferringPhysicianName",
)
_SEXES = {"", "M", "F", "O"}
_DATES, _TIMES = ("PatientBirthDate", "StudyDate"), ("StudyTime",)
# Without these nobody knows to whom, and to what, a file belongs.
_NEEDED = {
    "StudyInstanceUID": "the study's UID",
    "SeriesInstanceUID": "the series' UID",
    "SOPClassUID": "the kind of its images (SOP Class UID)",
    "SOPInstanceUID": "the UIDs of its images",
    "FrameOfReferenceUID": "the frame of reference (Frame of Reference UID)",
}
# Where these are several there is no telling which is meant.
_ONE = {"PatientID": "patient's number", "PatientName": "patient's name"}
# Letters of one kind, which stand for themselves: what highdicom writes as it is.
_PLAIN = re.compile(r"ISO_IR (100|101|109|110|144|127|126|138|148|203|13|166|192)|GB18030|GBK")
_UTF_8 = "ISO_IR 192"


def check_complete(header: Dataset) -> None:
    """ExportError, which names it, if a header lacks what nothing can be made of it without."""
    lacking = [words for keyword, words in _NEEDED.items() if not header.get(keyword)]
    if lacking:
        raise ExportError(
            f"The headers of this DICOM series lack {' and '.join(lacking)}, which DICOM files "
            "made of it have to repeat: export as NIfTI, or the series once more from where it "
            "comes from."
        ) from None


def complete(header: Dataset) -> None:
    """Fill in what must be there and may be empty, and leave empty what DICOM has no form for.

    Dates and times in the form of ACR-NEMA or of ISO 8601 get that of DICOM. Letters that are put
    together of several sets (ISO 2022), or of one that is spelt wrongly, are written in UTF-8.

    Raises:
        ExportError: there are several names or numbers of a patient.
    """
    for keyword in WHOSE:
        text = _text(header, keyword)
        if keyword in _DATES:
            text = _date(text)
        elif keyword in _TIMES:
            text = _time(text)
        elif keyword == "PatientSex":
            text = text if text in _SEXES else ""
        setattr(header, keyword, text)
    said = header.get("SpecificCharacterSet")
    plain = isinstance(said, str) and _PLAIN.fullmatch(said) is not None
    ascii_alone = all(str(header.get(keyword)).isascii() for keyword in WHOSE)
    if plain or (not said and ascii_alone):
        return
    header.SpecificCharacterSet = _UTF_8


def forget(made: Dataset) -> None:
    """Take out of a file whom it is of; its UIDs still lead to the series."""
    for keyword in WHOSE:
        setattr(made, keyword, "")
    made.PatientIdentityRemoved = "YES"
    made.DeidentificationMethod = "napari-ssn: names, numbers and dates left empty; UIDs kept"


def _text(header: Dataset, keyword: str) -> str:
    value = header.get(keyword)
    if value is None:
        return ""
    if isinstance(value, MultiValue):
        if len(value) > 1 and keyword in _ONE:
            raise ExportError(
                f"The headers of this DICOM series state more than one {_ONE[keyword]}, so that "
                "DICOM files made of it would be of nobody in particular: export as NIfTI."
            ) from None
        value = value[0] if len(value) == 1 else ""
    text = str(value)
    if not header.get("SpecificCharacterSet") and not text.isascii():
        # Nothing says which letters these bytes are. What reads as UTF-8 hardly ever is anything
        # else; pydicom has read it as Latin letters.
        try:
            return text.encode("latin-1").decode("utf-8")
        except UnicodeError:
            return text
    return text


def _date(text: str) -> str:
    """As DICOM writes a day; empty where it is none."""
    found = re.fullmatch(r"(\d{4})([.-]?)(\d\d)\2(\d\d)", text.strip())
    if found is None:
        return ""
    day = "".join(found.group(1, 3, 4))
    try:
        datetime.strptime(day, "%Y%m%d")
    except ValueError:
        return ""
    return day


def _time(text: str) -> str:
    """As DICOM writes a time of the day; empty where it is none."""
    pattern = r"([01]\d|2[0-3])(?::?([0-5]\d)(?::?([0-5]\d|60)(\.\d{1,6})?)?)?"
    found = re.fullmatch(pattern, text.strip())
    return "" if found is None else "".join(part or "" for part in found.groups())
