"""Texts of others without what a terminal or a window would obey."""

from __future__ import annotations

import re

# What moves a cursor, colours a terminal, turns a line around, or is half a character that nothing
# can write. Lines and tabs may be in a text, and what joins letters of a script.
_CONTROL = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]|\r(?!\n)"
)


def without_controls(text: str) -> str:
    """A text as it may be shown and written: spaces in place of control characters."""
    return _CONTROL.sub(" ", text)
