"""Words on what an archive has, and on what became of files."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_ssn.io.dicom.web.find import FoundSeries, FoundStudy
from napari_ssn.io.dicom.web.send import Outcome, Sent
from napari_ssn.text.archive import found_line, sent_line, series_line, study_line


def sent(kind: str, outcome: Outcome, reason: str = "") -> Sent:
    return Sent(Path("a.dcm"), kind, outcome, reason)


SEG, SR = sent("SEG", Outcome.stored), sent("SR", Outcome.stored)
AWAY = "clinic does not answer: look at the network."


@pytest.mark.parametrize(
    ("of", "words"),
    [
        ([SEG], "SEG is in clinic."),
        ([SR, SEG], "SR and SEG are in clinic."),
        ([SEG, SR, SEG], "2 SEG and SR are in clinic."),
        ([sent("SR", Outcome.there)], "SR is in clinic. It was there already."),
        ([SR, sent("SEG", Outcome.refused, "Full.")], "SR is in clinic. SEG: refused. Full."),
        (
            [sent("SR", Outcome.unsent, AWAY), *[sent("", Outcome.unsent, AWAY)] * 2],
            f"SR and 2 other files: not sent. {AWAY}",
        ),
        ([sent("", Outcome.unsent, AWAY)], f"1 file: not sent. {AWAY}"),
        (
            [sent("SR", Outcome.unsure, "Broke off."), sent("", Outcome.unsent, AWAY)],
            f"SR and 1 other file: not known to be there, not sent. Broke off. {AWAY}",
        ),
    ],
)
def test_what_became_of_files(of: list[Sent], words: str) -> None:
    assert sent_line("clinic", of) == words


def test_what_is_there() -> None:
    study = FoundStudy("1.2", "2020-01-02", ("CT", "SEG"), "thorax", 2, 134)
    assert study_line(study) == "2020-01-02 · CT, SEG · thorax · 2 series, 134 images"
    assert study_line(FoundStudy("1.2", "", (), "", None, None)) == "no date"
    assert series_line(FoundSeries("1.3", 3, "CT", "lung", 1)) == "3 · CT · lung · 1 image"
    assert series_line(FoundSeries("1.3", None, "MR", "", None)) == "MR"
    assert found_line(0, False).startswith("Nothing was found")
    assert found_line(1, False) == "1 study." and found_line(2, False) == "2 studies."
    assert found_line(200, True).startswith("The first 200 studies")
