"""The page as a picture: its font has few signs, and what it says is to be read all the same."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import napari_ssn
from napari_ssn.text.follow import laid_by
from napari_ssn.text.page import _plain

# Of lists in the window: on no page.
_ELSEWHERE = set("▲▼")


def test_every_sign_of_what_is_said_is_on_the_picture() -> None:
    signs = set()
    for path in (Path(napari_ssn.__file__).parent / "text").glob("*.py"):
        if path.stem == "page":
            # It names those that it replaces.
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                signs |= {one for one in node.value if not one.isascii()}
    assert len(signs) > 10
    assert not {one for one in signs - _ELSEWHERE if "?" in _plain(one)}


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        (laid_by(3.2, 0.87).partition(",")[0], "turned by 3.2°"),
        ("Größe ½ µL ≥ 25 %", "Grosse 1/2 uL >= 25 %"),
        ("Œdème « À » Łódź", 'OEdeme " A " Lodz'),
        ("山", "?"),
    ],
)
def test_what_the_font_has_not_is_written_in_letters(said: str, shown: str) -> None:
    assert _plain(said).endswith(shown)
