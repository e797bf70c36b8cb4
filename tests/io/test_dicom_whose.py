"""Whom what is written is of, where a source says it in a way of its own."""

from __future__ import annotations

import warnings
from pathlib import Path

import pydicom
import pytest

import napari_ssn as ssn
from napari_ssn.errors import ExportError
from tests.support.dicoms import SECRETS
from tests.support.segmentations import AFFINES, card, complaints, maps, series

AFFINE = AFFINES["oblique"]
NAMES = {
    "japanese": (["", "ISO 2022 IR 87"], "Yamada^Tarou=山田^太郎=やまだ^たろう"),
    "korean": (["", "ISO 2022 IR 149"], "Hong^Gildong=洪^吉洞=홍^길동"),
    "one set that could be more": ("ISO 2022 IR 100", "Müller^Änne"),
    "spelt as elsewhere": ("ISO-8859-1", "Müller^Änne"),
    "greek": ("ISO_IR 126", "Διονυσιος"),
    "chinese": ("GB18030", "Wang^XiaoDong=王^小东"),
    "all letters": ("ISO_IR 192", "Müller^Änne=山田^太郎"),
    "spelt wrongly, and not needed": ("UTF8", "DOE^JANE"),
}


def written(folder: Path, **said: object) -> tuple[pydicom.Dataset, list[str]]:
    """A segmentation of a series whose headers say so, and what dicom3tools finds in it."""

    def change(k: int, dataset: pydicom.Dataset) -> None:
        for keyword, value in said.items():
            setattr(dataset, keyword, value)

    with warnings.catch_warnings():
        # pydicom says of what it is told to write that it is none of its kind.
        warnings.simplefilter("ignore")
        source = series(folder, AFFINE, change=change)
    path = folder / "out.dcm"
    ssn.write(maps(1, AFFINE)[0], path, model=card(), source=source)
    return pydicom.dcmread(path), complaints(path)


@pytest.mark.parametrize("letters", NAMES)
def test_names_in_any_letters_are_kept(tmp_path: Path, letters: str) -> None:
    """Of several sets of letters (ISO 2022) highdicom writes none."""
    letter_set, name = NAMES[letters]
    found, problems = written(tmp_path, SpecificCharacterSet=letter_set, PatientName=name)
    assert str(found.PatientName) == name
    assert problems == []


def test_letters_that_no_set_is_named_of(tmp_path: Path) -> None:
    def change(k: int, dataset: pydicom.Dataset) -> None:
        dataset.pop("SpecificCharacterSet", None)
        dataset.PatientName = pydicom.valuerep.PersonName("Müller".encode())

    source = series(tmp_path, AFFINE, change=change)
    path = tmp_path / "out.dcm"
    ssn.write(maps(1, AFFINE)[0], path, model=card(), source=source)
    assert str(pydicom.dcmread(path).PatientName) == "Müller" and complaints(path) == []


@pytest.mark.parametrize(
    ("keyword", "said", "kept"),
    [
        ("StudyDate", "2001.02.03", "20010203"),
        ("StudyDate", "2001-02-03", "20010203"),
        ("StudyDate", "20010203", "20010203"),
        ("StudyDate", "20010231", ""),
        ("StudyDate", "ANON", ""),
        ("PatientBirthDate", "00000000", ""),
        ("PatientBirthDate", "1950", ""),
        ("StudyTime", "12:30:11.5", "123011.5"),
        ("StudyTime", "1230", "1230"),
        ("StudyTime", "2530", ""),
        ("StudyTime", "ANON", ""),
        ("PatientSex", "female", ""),
        ("ReferringPhysicianName", "A^B\\C^D", ""),
    ],
)
def test_what_dicom_has_no_form_for_is_left_empty(
    tmp_path: Path, keyword: str, said: str, kept: str
) -> None:
    """As anonymised headers have it: a result of them can be written nevertheless."""
    found, problems = written(tmp_path, **{keyword: said})
    assert str(found.get(keyword)) == kept
    assert problems == []


@pytest.mark.parametrize("keyword", ["PatientID", "PatientName"])
def test_of_two_patients_at_once_nothing_is_written(tmp_path: Path, keyword: str) -> None:
    with pytest.raises(ExportError, match="more than one patient's") as caught:
        written(tmp_path, **{keyword: "4711\\DOE"})
    assert not any(secret in str(caught.value) for secret in SECRETS)


def test_what_is_lacking_is_named(tmp_path: Path) -> None:
    source = series(tmp_path, AFFINE, change=lambda k, dataset: dataset.pop("FrameOfReferenceUID"))
    with pytest.raises(ExportError, match="lack the frame of reference"):
        ssn.write(maps(1, AFFINE)[0], tmp_path / "out.dcm", model=card(), source=source)
