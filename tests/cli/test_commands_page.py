"""The page on the commands says what they are."""

from __future__ import annotations

import importlib.util
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_the_page_is_up_to_date() -> None:
    # docs/ is no package.
    spec = importlib.util.spec_from_file_location("docs_commands", ROOT / "docs" / "commands.py")
    assert spec is not None and spec.loader is not None
    commands = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(commands)
    text = (ROOT / commands.PAGE).read_text(encoding="utf-8")
    assert text == commands.page(), "make commands"
    formats = (
        r"nifti\|seg.nrrd\|dicom-seg\|dicom-sr\|rtstruct\|dicom-pm\|dicom-fractional\|"
        r"dicom-labelmap\|dicom-sc"
    )
    assert f"| `--format {formats}` |" in text
