"""When and how a DICOM image was acquired, by its header."""

from __future__ import annotations

from contextlib import suppress
from copy import deepcopy
from datetime import date
from hashlib import sha256
from typing import Any

from pydicom.dataset import Dataset

from napari_ssn.errors import ExportError, ImageError
from napari_ssn.geometry.acquired import Acquired
from napari_ssn.io.dicom.damage import reading
from napari_ssn.io.dicom.declared import number
from napari_ssn.io.dicom.header import DAMAGED
from napari_ssn.io.dicom.modalities import each
from napari_ssn.io.dicom.naming import day_of
from napari_ssn.io.dicom.whose import complete

# Where an enhanced instance has what others have in front: group, then element.
_SHARED = {
    "ConvolutionKernel": "CTReconstructionSequence",
    "SliceThickness": "PixelMeasuresSequence",
}


def acquired_of(header: Dataset) -> Acquired:
    """Of a slice what `Acquired` has; what the header does not say, or not clearly, is open.

    Args:
        header: of any slice, or of an enhanced multi-frame instance.
    """
    day = day_of(header)
    text = "\\".join(str(word).strip() for word in each(_said(header, "ConvolutionKernel")))
    return Acquired(
        date.fromisoformat(day) if day else None,
        # Whether two are the same can be told by it, and nothing else: a header may hold anything.
        sha256(text.encode()).hexdigest() if text else None,
        _length(_said(header, "SliceThickness")),
        _whose(header),
        str(header.get("SeriesInstanceUID") or ""),
    )


def _whose(header: Dataset) -> tuple[str, str, str]:
    """See `Acquired.whose`; nothing where the header is not clear."""
    found = Dataset()
    with suppress(ImageError, ExportError), reading(DAMAGED):
        for keyword in ("PatientID", "PatientBirthDate", "PatientSex", "SpecificCharacterSet"):
            if keyword in header:
                found[keyword] = deepcopy(header[keyword])
        complete(found)
        said = (found.PatientID.strip().casefold(), found.PatientBirthDate, found.PatientSex)
        # Of sexes a patient's file may have another in another study, as O for one not told.
        number, born, sex = (one if one != "O" else "" for one in said)
        one, two, three = (
            sha256(text.encode()).hexdigest() if text else "" for text in (number, born, sex)
        )
        return one, two, three
    return "", "", ""


def _said(header: Dataset, keyword: str) -> Any:
    """Value of an element, or of that of all frames; None where it is not said."""
    with suppress(ImageError), reading(DAMAGED):
        if (found := header.get(keyword)) not in (None, ""):
            return found
        shared = (header.get("SharedFunctionalGroupsSequence") or [{}])[0]
        return (shared.get(_SHARED[keyword]) or [{}])[0].get(keyword)
    return None


def _length(value: Any) -> float | None:
    found = number(value)
    return found if found is not None and 0 < found < 1000 else None
