"""Words on a change."""

from __future__ import annotations

import pytest

from napari_ssn.text.change import _signed


@pytest.mark.parametrize(
    ("value", "digits", "words"),
    [
        (0.004, None, "0.00"),
        (-0.004, None, "0.00"),
        (-0.04, 1, "0.0"),
        (-0.006, None, "−0.01"),
        (0.25, None, "+0.25"),
        (-12.34, None, "−12.3"),
    ],
)
def test_what_rounds_to_nothing_has_no_sign(value: float, digits: int | None, words: str) -> None:
    assert _signed(value, digits) == words
