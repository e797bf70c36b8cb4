"""Words on a change."""

from __future__ import annotations

import numpy as np
import pytest

from napari_ssn.core.change import Change
from napari_ssn.text.change import _signed, growth_lines, tell


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


def test_what_two_readers_of_one_scan_have_in_common_is_told_where_it_is_known() -> None:
    sizes = np.array([1.0, 2.0])
    assert len(list(growth_lines(Change(sizes, 3 * sizes), 0.25))) == 1
    # With everything in common each is three times as large, and without a change none has grown.
    known = Change(sizes, 3 * sizes, shared=1.0)
    _, line = growth_lines(known, 0.25)
    assert line == (
        "If they differ no more than two readers of one scan: 3.00–3.00 times as large (90 %) · "
        "100 % · without any change: 0 %"
    )
    assert line in tell(known, "nodule", 0.25, 4).below
