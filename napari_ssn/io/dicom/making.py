"""What all DICOM that is written here has in common: whose it is, what made it, how it ends."""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

from pydicom import dcmread
from pydicom.dataset import Dataset
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code as Concept
from pydicom.uid import generate_uid

from napari_ssn._version import __version__
from napari_ssn.documents.card import Code
from napari_ssn.documents.ran import Written
from napari_ssn.errors import ExportError
from napari_ssn.io.content import Content, Label, Model
from napari_ssn.io.dicom.damage import quiet
from napari_ssn.io.dicom.series import DicomSeries, short
from napari_ssn.io.dicom.whose import WHOSE, forget
from napari_ssn.io.known import MANUFACTURER

#: What is said of the file to whoever is about to pass it on.
NAMES_THE_PATIENT = "names the patient"
#: The scheme of codes for what the standard has none for.
SCHEME = "99NAPARISSN"

# Where a word of a keyword of DICOM begins.
_CAPITAL = re.compile("(?<=[a-z])(?=[A-Z])")
# What the window calls a kind of hypothesis where a sidecar has another word.
_SHOWN_AS = {"walk": "slider", "representative": "card"}
_UIDS = "names no patient, but the UIDs of study, series and slices"
_ONE_FRAME = (
    "The slices of the source series name different frames of reference; this names that of the "
    "first one."
)
_UNUSABLE = (
    "The headers of this DICOM series lack what DICOM files made of it have to repeat: "
    "export as NIfTI, or the series once more from where it comes from."
)
_NOTICE = "Research use only - not a medical device"
_UNLIKE = f"{_NOTICE}; unlike training data"


def about_file(series: DicomSeries) -> str:
    """What a file of a series holds that somebody who passes it on should know."""
    first = NAMES_THE_PATIENT if series.named else _UIDS
    if len(series.frames_of_reference) > 1:
        return f"{first}, and the frame of reference of the first slice alone"
    return first


@contextmanager
def refused() -> Iterator[None]:
    """ExportError for whatever goes wrong inside, and no word of the libraries'."""
    with quiet():
        try:
            yield
        except (AttributeError, KeyError, IndexError, TypeError, ValueError):
            raise ExportError(_UNUSABLE) from None


def notice(unlike: bool) -> str:
    """That it is for research, and whether the image is unlike the training data."""
    return _UNLIKE if unlike else _NOTICE


def made_by(model: str, number: int, what: str) -> dict[str, Any]:
    """What a new series of one instance says of itself and of what made it.

    Args:
        model: name of the one that it is of.
        number: of the series, behind those of whatever a scanner or a workstation has made.
        what: it holds, in a word that `naming` knows: in a list it is told from the others by it.
    """
    return {
        "series_instance_uid": generate_uid(prefix=None),
        "series_number": number,
        "sop_instance_uid": generate_uid(prefix=None),
        "instance_number": 1,
        "manufacturer": MANUFACTURER,
        "manufacturer_model_name": "napari-ssn",
        "software_versions": __version__,
        "device_serial_number": "none",
        "series_description": short(f"SSN {what} (research use only) {model}"),
    }


def of_which(what: str, content: Content) -> str:
    """``segmentation sample-3``: what a file holds and of which hypothesis, for `made_by`.

    A study may hold several of one image, and a list shows nothing else of them. What nobody has
    written a record of is of no known one.
    """
    if content.record is None or content.record.hypotheses:
        return what
    choice = content.record.choice
    number = choice.sample if choice.kind == "sample" else choice.member
    which = _SHOWN_AS.get(choice.kind, choice.kind)
    return f"{what} {which}" if number is None else f"{what} {which}-{number}"


def whom(header: Dataset) -> dict[str, Any]:
    """Of whom and of which study a header of `source.sources` is, as highdicom asks for it."""
    keywords = (*WHOSE, "SpecificCharacterSet")
    # PatientID is patient_id there.
    return {_CAPITAL.sub("_", one).lower(): header.get(one) for one in keywords}


def written(made: Dataset, series: DicomSeries) -> bytes:
    """Bytes of a file, without what nobody has to know: scanner, hospital, and if so whom it is of.

    Args:
        made: of one series.
        series: that it belongs to.
    """
    if len(series.frames_of_reference) > 1 and "PerFrameFunctionalGroupsSequence" in made:
        made.ImageComments = _ONE_FRAME
    if "ContributingEquipmentSequence" in made:
        del made.ContributingEquipmentSequence
    if not series.named:
        forget(made)
    out = BytesIO()
    made.save_as(out, enforce_file_format=True)
    return out.getvalue()


def identity(whole: bytes, refers_to: bytes | None = None) -> Written:
    """What a sidecar says of the DICOM file beside it.

    Args:
        whole: content of the file.
        refers_to: content of the segmentation that it refers to, if it does.
    """
    about = _uids(whole)
    return Written(
        sop_class_uid=str(about.SOPClassUID),
        sop_instance_uid=str(about.SOPInstanceUID),
        refers_to=None if refers_to is None else str(_uids(refers_to).SOPInstanceUID),
    )


def _uids(whole: bytes) -> Dataset:
    return dcmread(BytesIO(whole), specific_tags=["SOPClassUID", "SOPInstanceUID"])


def concept(code: Code) -> Concept:
    """A term as the libraries have it."""
    return Concept(code.value, code.scheme, code.meaning)


def kind_of(label: Label) -> tuple[Concept, Concept, Concept | None]:
    """Category, type and region of what a label is; tissue where nobody has coded it."""
    terms = label.terms
    if terms is None:
        return codes.SCT.Tissue, codes.SCT.Tissue, None
    region = None if terms.region is None else concept(terms.region)
    return concept(terms.category), concept(terms.type), region


def uid_of(model: Model) -> str:
    """UID of a model as a device that observes: the same whenever it is the same one."""
    name = f"napari-ssn {model.name} {model.version} {model.weights_sha256}"
    return f"2.25.{uuid.uuid5(uuid.NAMESPACE_OID, name).int}"
