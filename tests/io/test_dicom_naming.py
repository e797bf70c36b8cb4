"""A series is called by known words and its day, whatever else somebody wrote into its header."""

from __future__ import annotations

import pytest
from pydicom import DataElement, Dataset
from pydicom.config import IGNORE
from pydicom.datadict import dictionary_VR

from napari_ssn.io.dicom.naming import series_name, series_words


def name_of(**elements: str | float) -> str:
    header = Dataset()
    for keyword, value in elements.items():
        # Headers hold what their rules forbid, too.
        header.add(DataElement(keyword, dictionary_VR(keyword), value, validation_mode=IGNORE))
    return series_name("CT", (512, 512, 36), header)


@pytest.mark.parametrize(
    ("description", "words"),
    [
        ("Thorax Lung 1.0 I70f 3", "CT thorax lung · 512 × 512 × 36"),
        ("THORAX^PORTAL_VENOUS (Adult)", "CT thorax portal venous · 512 × 512 × 36"),
        ("t1_mprage_sag_p2_iso, Doe J. 1951", "CT T1 MPRAGE · 512 × 512 × 36"),
        ("Miller, follow-up; asked by Dr. Who", "CT follow-up · 512 × 512 × 36"),
        ("4711 Smith", "CT 512 × 512 × 36"),
        ("", "CT 512 × 512 × 36"),
        ("\x1b[31mlung\nlung liver spleen head neck", "CT lung liver spleen head · 512 × 512 × 36"),
    ],
)
def test_only_known_words_of_a_description_are_shown(description: str, words: str) -> None:
    assert name_of(SeriesDescription=description) == words


def test_who_is_called_as_a_part_of_the_body_is_not_named() -> None:
    said = {"SeriesDescription": "Chest Head lung", "ReferringPhysicianName": "Hand^Otto"}
    assert name_of(PatientName="HEAD^Edith^Lung", **said) == "CT chest · 512 × 512 × 36"
    assert name_of(SeriesDescription="hand", ReferringPhysicianName="Hand^Otto") == (
        "CT 512 × 512 × 36"
    )


def test_the_day_is_one_of_a_calendar_and_not_that_of_a_birth() -> None:
    assert name_of(StudyDate="20200102") == "CT · 2020-01-02 · 512 × 512 × 36"
    assert name_of(StudyDate="20200102", AcquisitionDate="20191231").split(" · ")[1] == "2019-12-31"
    assert name_of(StudyDate="20200102", SeriesDate="20200231").split(" · ")[1] == "2020-01-02"
    for wrong in ("19510703", "20201301", "2020", "DOE"):
        assert name_of(StudyDate=wrong) == "CT 512 × 512 × 36"
    assert name_of(StudyDate="19820703", PatientBirthDate="19820703") == "CT 512 × 512 × 36"


def test_a_sequence_is_said_as_the_header_tells_it() -> None:
    header = {"Modality": "MR", "AcquisitionContrast": "FLUID_ATTENUATED"}
    assert name_of(**header, SeriesDescription="flair head") == ("CT FLAIR head · 512 × 512 × 36")


def test_the_report_names_a_series_by_its_number_and_known_words() -> None:
    header = Dataset()
    assert series_words(header) == ""
    header.SeriesNumber = 3
    assert series_words(header) == "3"
    header.SeriesDescription, header.StudyDate = "Thorax lung of JANE DOE", "20200102"
    assert series_words(header) == "3 · thorax lung"
