"""When and how an image was acquired, by headers of every kind; nothing of it is in its words."""

from __future__ import annotations

import warnings
from dataclasses import replace
from datetime import date
from hashlib import sha256

import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from napari_ssn.geometry.acquired import UNACQUIRED, acquired_by
from napari_ssn.io.dicom.acquired import acquired_of
from napari_ssn.io.dicom.series import DicomSeries


def header(**elements: object) -> Dataset:
    made = Dataset()
    for keyword, value in elements.items():
        setattr(made, keyword, value)
    return made


def test_day_kernel_and_thickness_of_a_slice() -> None:
    made = header(StudyDate="20250301", ConvolutionKernel=["Br40f", "3"], SliceThickness="2.5")
    found = acquired_by(DicomSeries((made,)))
    assert (found.day, found.thickness_mm) == (date(2025, 3, 1), 2.5)
    # Of free text that may hold anything there is but what two can be compared by.
    assert found.kernel == sha256(b"Br40f\\3").hexdigest() and "2025" not in repr(found)


def test_of_many_frames_what_is_so_in_all() -> None:
    shared = header(
        CTReconstructionSequence=Sequence([header(ConvolutionKernel="B60f")]),
        PixelMeasuresSequence=Sequence([header(SliceThickness="1.25")]),
    )
    made = header(AcquisitionDate="20240229", SharedFunctionalGroupsSequence=Sequence([shared]))
    found = acquired_of(made)
    assert (found.day, found.thickness_mm) == (date(2024, 2, 29), 1.25)
    assert found.kernel == sha256(b"B60f").hexdigest()


@pytest.mark.parametrize(
    "elements",
    [
        {},
        {"StudyDate": "", "SliceThickness": None, "ConvolutionKernel": ""},
        {"StudyDate": "20250230", "SliceThickness": "0"},
        {"SharedFunctionalGroupsSequence": Sequence([])},
        # A birth date is none of an image.
        {"StudyDate": "19800101", "PatientBirthDate": "19800101"},
    ],
)
def test_what_is_not_said_is_open(elements: dict[str, object]) -> None:
    found = replace(acquired_of(header(**elements)), whose=UNACQUIRED.whose)
    assert found == UNACQUIRED == acquired_by("no series")


@pytest.mark.parametrize(
    ("one", "two", "others"),
    [
        ({"PatientID": "4711"}, {"PatientID": "4712"}, True),
        ({"PatientID": "4711 "}, {"PatientID": "4711"}, False),
        ({"PatientID": "4711"}, {}, False),
        ({"PatientID": "X", "PatientSex": "F"}, {"PatientID": "X", "PatientSex": "M"}, True),
        ({"PatientID": "X", "PatientSex": "F"}, {"PatientID": "X", "PatientSex": "O"}, False),
        ({"PatientBirthDate": "19500101"}, {"PatientBirthDate": "19510101"}, True),
        ({"PatientBirthDate": "1950.01.01"}, {"PatientBirthDate": "19500101"}, False),
        ({"PatientBirthDate": "ANON"}, {"PatientBirthDate": "19510101"}, False),
        ({"PatientID": "a\\b"}, {"PatientID": "4711"}, False),
    ],
)
def test_whether_two_are_of_one_patient(
    one: dict[str, object], two: dict[str, object], others: bool
) -> None:
    """By what both state; nothing that names anybody is kept."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        first, second = header(**one), header(**two)
    found = acquired_of(first), acquired_of(second)
    assert found[0].of_another(found[1]) == found[1].of_another(found[0]) == others
    assert "4711" not in repr(found[0]) + str(vars(found[0]))
