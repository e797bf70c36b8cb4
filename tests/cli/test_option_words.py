"""Options that cannot be, refused at once and in our own words."""

from __future__ import annotations

import sys

import pytest

from napari_ssn.cli.app import main


@pytest.mark.parametrize(
    ("command", "option", "value", "words"),
    [
        ("segment", "--format", "seg-nrrd", "'seg-nrrd' is not one of 'nifti'"),
        ("segment", "--samples", "x", "should be a whole number"),
        ("segment", "--samples", "-1", "should be at least 0"),
        # The names of so many files filled 20 GB before the first was written.
        ("segment", "--samples", "100000000", "should be at most 10000"),
        ("cohort", "--samples", "100000000", "should be at most 10000"),
        ("segment", "--seed", "-1", "should be at least 0"),
        ("segment", "--depth", "x", "should be a number"),
        ("pacs find", "--port", "x", ""),
    ],
)
def test_an_option_that_cannot_be_is_said_in_our_words(
    command: str,
    option: str,
    value: str,
    words: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    argv = ["napari-ssn", *command.split(), "x", option, value, "--out", "x"]
    monkeypatch.setattr(sys, "argv", argv)
    monkeypatch.setenv("COLUMNS", "300")
    with pytest.raises(SystemExit) as ended:
        main()
    err = " ".join(capsys.readouterr().err.replace("│", " ").split())
    assert ended.value.code == 2
    assert words in err and "Value error" not in err and "Input should" not in err
