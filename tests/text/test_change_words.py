"""Words on a change."""

from __future__ import annotations

import numpy as np
import pytest

from napari_ssn.core.change import Change, Lengthening
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
        "100 % · if nothing had changed: 0 %"
    )
    assert line in tell(known, "nodule", 0.25, (4, 4)).below


def test_of_a_lesion_that_is_seldom_in_both_scans_that_is_what_is_told_first() -> None:
    """It vanished: growth is then told of the few pairs in which it did not."""
    sizes = np.array([1.0, 2.0])
    told = tell(Change(sizes, sizes / 4, outlined=(0.9, 0.01)), "nodule", 0.25, (4, 4))
    seen = (
        "Outlined after and not before: <1 % · before and not after: 89 % · in both, and of "
        "these is the growth: 1 %"
    )
    assert told.headline == seen and seen not in told.below and told.lines[0] == seen
    assert any(line.startswith("Growth of 25 % or more: ") for line in told.below)
    # Each is said once.
    assert sorted((told.headline, *told.below, *told.cautions)) == sorted(told.lines)
    likely = tell(Change(sizes, 2 * sizes, outlined=(0.9, 0.8)), "nodule", 0.25, (4, 4), ("so",))
    assert likely.headline.startswith("Growth of 25 % or more: ")
    assert likely.lines[0].startswith("Nodule before")
    assert "in both, and of these is the growth: 72 %" in " ".join(likely.below)
    assert likely.cautions == ("Caution: so.",) and likely.cautions[0] not in likely.below
    assert tell(Change(sizes, sizes), "nodule", 0.25, (4, 4)).seen == ""
    # Nothing at all after: there is no ratio, and no growth.
    gone = tell(Change(sizes, np.empty(0), outlined=(1.0, 0.0)), "nodule", 0.25, (4, 4))
    assert gone.headline.startswith("Outlined after and not before: 0 %")
    assert gone.below[-1] == "In one of the scans nothing is outlined: there is no ratio."


def test_both_diameters_are_told() -> None:
    sizes = np.array([1.0, 2.0])
    longest, across = (Lengthening(mm * sizes, 1.5 * mm * sizes) for mm in (10.0, 7.0))
    lines = tell(Change(sizes, sizes), "nodule", 0.25, (4, 4), (), longest, across, 2.0).below
    assert lines[-3].startswith("Longest diameter 10.0 mm (10.0–20.0) before, 15.0 mm ")
    assert lines[-1] == (
        "Across it 7.0 mm (7.0–14.0) before, 10.5 mm (10.5–21.0) after: 1.50 times as long · "
        "+3.5 mm (−3.5 to +14.0)"
    )


def test_before_and_after_have_the_same_decimals() -> None:
    """The difference is told to a tenth: what it is of has to be, too."""
    before, after = np.linspace(4.8, 9.4, 101), np.linspace(6.2, 11.1, 101)
    one, two = tell(Change(before, after), "nodule", 0.25, (4, 4)).sizes
    assert one == "Nodule before: 7.1 mL · readers' range 5.0–9.2 mL (90 %)"
    assert two == "Nodule after: 8.7 mL · readers' range 6.4–10.9 mL (90 %)"
    # Of what is far larger one decimal more than it has by itself.
    small = tell(Change(before / 1000, 10 * before), "nodule", 0.25, (4, 4)).sizes
    assert "0.007 mL" in small[0] and "71.0 mL · readers' range 50.3–91.7 mL" in small[1]
    # Nothing before is no reason to be any finer.
    told = tell(Change(np.empty(0), after, outlined=(0.0, 1.0)), "nodule", 0.25, (4, 4))
    assert told.sizes[1].startswith("Nodule after: 9 mL · readers' range 6–11 mL")


def test_each_range_is_said_to_be_what_it_is() -> None:
    """Of one expert, and of a scan whose point made its range the model's own."""
    sizes = np.linspace(4.8, 9.4, 101)
    one, two = tell(Change(sizes, sizes), "head", 0.25, (1, 0)).sizes
    assert one == "Head before: 7.1 mL · adjusted range 5.0–9.2 mL (90 %)"
    assert two == "Head after: 7.1 mL · model range 5.0–9.2 mL (90 %)"
