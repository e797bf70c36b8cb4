"""A tag, the version and the changelog have to say the same before anything is uploaded."""

from __future__ import annotations

import re
import runpy
from pathlib import Path

import pytest

from napari_ssn import __version__

ROOT = Path(__file__).parents[2]
notes = runpy.run_path(str(ROOT / ".ci" / "release_notes.py"))["notes"]
CHANGES = "# Changes\n\n## 0.2.0 – 2027-01-31\n\n* New.\n\n## 0.1.0 – unreleased\n\n* Old.\n"


def test_the_notes_are_the_section_of_the_version() -> None:
    assert notes("v0.2.0", "0.2.0", CHANGES) == "* New.\n"


@pytest.mark.parametrize(
    ("tag", "version", "words"),
    [
        ("v0.2.1", "0.2.0", "The tag is v0.2.1, and napari_ssn/_version.py says 0.2.0."),
        ("0.2.0", "0.2.0", "The tag is 0.2.0"),
        ("v0.1.0", "0.1.0", "no date for 0.1.0"),
        ("v0.3.0", "0.3.0", "no section for 0.3.0"),
        # A point is no "any character".
        ("v0x2.0", "0x2.0", "no section for 0x2.0"),
    ],
)
def test_what_does_not_fit_is_one_sentence(tag: str, version: str, words: str) -> None:
    with pytest.raises(ValueError, match=re.escape(words)):
        notes(tag, version, CHANGES)


def test_the_version_of_today_has_a_section() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    heading = rf"^(## {re.escape(__version__)}) – .*"
    dated = re.sub(heading, r"\1 – 2027-01-31", changelog, flags=re.MULTILINE)
    assert "* " in notes(f"v{__version__}", __version__, dated)
