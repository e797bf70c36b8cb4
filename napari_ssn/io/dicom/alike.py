"""What must be the same in all images of a series, and is compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from pydicom import Dataset
from pydicom.tag import Tag

from napari_ssn.errors import ImageError

if TYPE_CHECKING:
    from napari_ssn.io.dicom.planes import Plane

#: Of an image, in the order of `KEYWORDS`.
Shared = tuple[str, ...]

_PATIENTS = "The images of the series belong to different patients."
_STUDIES = "The images of the series belong to different studies."
_DEVICES = "The images of the series come from devices of different kinds (modalities)."
_SCANNERS = "The images of the series come from different scanners."
_NO_SLOPE = (
    "The images say that their stored values are multiplied by 0 (Rescale Slope), so that nothing "
    "is left of them: export the series again."
)
_UNITS = "The values of the images of the series are of different units."
_SHADES = (
    "Some images of the series show small values bright (MONOCHROME1) and others dark: what their "
    "values mean is not known."
)


class _Common(NamedTuple):
    """What images of a series have in common, by what is said where they do not.

    A ``refusal``, of images that say different things; where it is ``strict``, also of some that
    say nothing. Else, and of what is not refused at all, the name of what is ``told``.
    """

    told: str = ""
    refusal: str = ""
    strict: bool = False


_COMMON = {
    "PatientID": _Common("", _PATIENTS, strict=True),
    "PatientName": _Common("name of the patient", _PATIENTS),
    "PatientBirthDate": _Common("birth date of the patient", _PATIENTS),
    "PatientSex": _Common("sex of the patient", _PATIENTS),
    "StudyInstanceUID": _Common("", _STUDIES, strict=True),
    "Modality": _Common("modality", _DEVICES),
    "Manufacturer": _Common("maker of the scanner", _SCANNERS),
    "ManufacturerModelName": _Common("model of the scanner", _SCANNERS),
    "DeviceSerialNumber": _Common("serial number of the scanner", _SCANNERS),
    "PhotometricInterpretation": _Common("", _SHADES, strict=True),
    "RescaleType": _Common("unit", _UNITS),
    "Units": _Common("unit", _UNITS),
    # One number of two hospitals is of two people.
    "IssuerOfPatientID": _Common("issuer of the patient's number", _PATIENTS),
    "PatientPosition": _Common("position of the patient"),
    "BodyPartExamined": _Common("part of the body"),
    "Laterality": _Common("side of the body"),
    "ContrastBolusAgent": _Common("contrast agent"),
    "SliceThickness": _Common("slice thickness"),
    "GantryDetectorTilt": _Common("tilt of the gantry"),
    "TemporalPositionIdentifier": _Common("time point"),
    "StudyDate": _Common("date of the study"),
    "StationName": _Common("station"),
    "RescaleIntercept": _Common("how stored values become HU"),
    "PatientAge": _Common("age of the patient"),
    "InstitutionName": _Common("institution"),
    "SoftwareVersions": _Common("software of the scanner"),
    "ProtocolName": _Common("protocol"),
    "StudyID": _Common("number of the study"),
    "AccessionNumber": _Common("accession number"),
    "SeriesNumber": _Common("number of the series"),
    "SeriesDate": _Common("date of the series"),
    "SeriesDescription": _Common("description of the series"),
    "LossyImageCompression": _Common("lossy compression"),
}
# Numbers, which may be written in several ways.
_NUMBERS = ("SliceThickness", "GantryDetectorTilt", "TemporalPositionIdentifier")
#: Elements of a header that `shared` reads.
KEYWORDS = tuple(_COMMON)
_TAGS = {keyword: Tag(keyword) for keyword in KEYWORDS}


def shared(header: Dataset) -> Shared:
    """What a header says of those elements."""
    values = dict.fromkeys(KEYWORDS, "")
    for keyword, tag in _TAGS.items():
        # By their tags: of hundreds of slices, looking keywords up would take as long as pixels.
        if tag in header:
            values[keyword] = " ".join(_plain(header[tag].value))
    if values["Modality"] == "CT" and header.get("RescaleSlope") is not None:
        # What a CT does not say to be something else is HU (PS3.3 C.8.2.1).
        values["RescaleType"] = values["RescaleType"] or "HU"
    for keyword in _NUMBERS:
        values[keyword] = _number(values[keyword])
    values["RescaleIntercept"] = _offset(header, values["Modality"])
    return tuple(values.values())


def _offset(header: Dataset, modality: str) -> str:
    """Slope and offset of a CT, which has the same in all slices; of PET each has its own."""
    slope, offset = header.get("RescaleSlope"), header.get("RescaleIntercept")
    if modality != "CT" or slope is None or offset is None:
        return ""
    return f"{float(slope):.9g} {float(offset):.9g}"


def _number(text: str) -> str:
    try:
        return f"{float(text):.6g}"
    except ValueError:
        return text


def _plain(value: object) -> list[str]:
    """Parts of a value, whatever case and separators it is written with."""
    if value is None:
        return []
    return str(value).replace("^", " ").upper().split()


def check(images: Sequence[Shared]) -> None:
    """ImageError if images of one series differ in what must be the same."""
    for values, one in zip(zip(*images, strict=True), _COMMON.values(), strict=True):
        if one.refusal and len(set(values) if one.strict else {*values} - {""}) > 1:
            raise ImageError(one.refusal)


def differing(images: Sequence[Shared]) -> list[str]:
    """Names of what images of one series have not in common, although it is not refused."""
    found = zip(zip(*images, strict=True), _COMMON.values(), strict=True)
    told = (one.told for values, one in found if one.told and len(set(values)) > 1)
    return list(dict.fromkeys(told))


def check_rescale(planes: Sequence[Plane], modality: str) -> None:
    """ImageError if slices do not all say how their values are rescaled, or say that all are one.

    Of PET a slice in which nothing was counted may have a slope of 0.
    """
    if modality != "PT" and any(plane.slope == 0 for plane in planes):
        raise ImageError(_NO_SLOPE)
    lost = sum(not plane.rescaled for plane in planes)
    if 0 < lost < len(planes):
        verb = "slices does" if lost == 1 else "slices do"
        raise ImageError(
            f"{lost} of {len(planes)} {verb} not say how stored numbers become values (Rescale "
            "Slope and Intercept), as the others do: the values would not be comparable."
        )
