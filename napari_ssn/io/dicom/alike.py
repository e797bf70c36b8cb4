"""What must be the same in all images of a series, and is compared."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from pydicom.tag import Tag

from napari_ssn.errors import ImageError

if TYPE_CHECKING:
    from pydicom import Dataset

    from napari_ssn.io.dicom.planes import Plane

#: Of an image, in the order of `KEYWORDS`.
Shared = tuple[str, ...]

# Elements of which differences are refused, in the order of `_REFUSALS`.
_REFUSED = (
    "PatientID",
    "PatientName",
    "PatientBirthDate",
    "PatientSex",
    "StudyInstanceUID",
    "Modality",
    "Manufacturer",
    "ManufacturerModelName",
    "DeviceSerialNumber",
    "PhotometricInterpretation",
    "RescaleType",
    "Units",
    # One number of two hospitals is of two people.
    "IssuerOfPatientID",
)
# And those of which a difference is told.
_TOLD = {
    "PatientPosition": "position of the patient",
    "BodyPartExamined": "part of the body",
    "Laterality": "side of the body",
    "ContrastBolusAgent": "contrast agent",
    "SliceThickness": "slice thickness",
    "GantryDetectorTilt": "tilt of the gantry",
    "TemporalPositionIdentifier": "time point",
    "StudyDate": "date of the study",
    "StationName": "station",
    "RescaleIntercept": "how stored values become HU",
    "PatientAge": "age of the patient",
    "InstitutionName": "institution",
    "SoftwareVersions": "software of the scanner",
    "ProtocolName": "protocol",
    "StudyID": "number of the study",
    "AccessionNumber": "accession number",
    "SeriesNumber": "number of the series",
    "SeriesDate": "date of the series",
    "SeriesDescription": "description of the series",
    "LossyImageCompression": "lossy compression",
}
# What is refused where images say different things, and told where some do not say it.
_UNSAID = {
    "PatientName": "name of the patient",
    "PatientBirthDate": "birth date of the patient",
    "PatientSex": "sex of the patient",
    "Modality": "modality",
    "Manufacturer": "maker of the scanner",
    "ManufacturerModelName": "model of the scanner",
    "DeviceSerialNumber": "serial number of the scanner",
    "RescaleType": "unit",
    "Units": "unit",
    "IssuerOfPatientID": "issuer of the patient's number",
}
# Numbers, which may be written in several ways.
_NUMBERS = ("SliceThickness", "GantryDetectorTilt", "TemporalPositionIdentifier")
#: Elements of a header that `shared` reads.
KEYWORDS = (*_REFUSED, *_TOLD)
_TAGS = {keyword: Tag(keyword) for keyword in KEYWORDS}
_PATIENTS = "The images of the series belong to different patients."
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
# Why images that differ are refused, and whether saying nothing is something else than any value.
_REFUSALS = (
    (_PATIENTS, True),
    (_PATIENTS, False),
    (_PATIENTS, False),
    (_PATIENTS, False),
    ("The images of the series belong to different studies.", True),
    ("The images of the series come from devices of different kinds (modalities).", False),
    (_SCANNERS, False),
    (_SCANNERS, False),
    (_SCANNERS, False),
    (_SHADES, True),
    (_UNITS, False),
    (_UNITS, False),
    (_PATIENTS, False),
)


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
    # What is told and not refused comes last.
    for values, (sentence, strict) in zip(zip(*images, strict=True), _REFUSALS, strict=False):
        if len(set(values) if strict else {*values} - {""}) > 1:
            raise ImageError(sentence)


def differing(images: Sequence[Shared]) -> list[str]:
    """Names of what images of one series have not in common, although it is not refused."""
    names = [_UNSAID.get(keyword) for keyword in _REFUSED] + list(_TOLD.values())
    found = zip(zip(*images, strict=True), names, strict=True)
    return list(dict.fromkeys(name for values, name in found if name and len(set(values)) > 1))


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
