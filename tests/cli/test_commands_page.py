"""The page on the commands says what they are."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from napari_ssn.io.known import WRITTEN

ROOT = Path(__file__).parents[2]


def test_the_page_is_up_to_date() -> None:
    # docs/ is no package.
    spec = importlib.util.spec_from_file_location("docs_commands", ROOT / "docs" / "commands.py")
    assert spec is not None and spec.loader is not None
    commands = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(commands)
    text = (ROOT / commands.PAGE).read_text(encoding="utf-8")
    assert text == commands.page(), "make commands"
    words = ["nifti", "nii", "seg.nrrd", "dicom-seg", "dicom-sr", "rtstruct", "dicom-pm"]
    words += ["dicom-fractional", "dicom-labelmap", "dicom-sc"]
    assert words == [one.word for one in WRITTEN]
    formats = r"\|".join(words)
    assert f"| `--format {formats}` |" in text
