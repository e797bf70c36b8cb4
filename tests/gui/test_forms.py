"""A form is a typed model: its fields become controls, and what is set a model again."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from qtpy.QtWidgets import QVBoxLayout, QWidget

from napari_ssn.gui.widgets.forms import Form, lay_out
from napari_ssn.text.forms import asked


@dataclass(frozen=True)
class Visit:
    """As a later form may be: nothing of the window is said of it but this."""

    scanner: str = asked(
        "b", "Scanner", "Where it was", choices=(("First", "a"), ("Second", "b")), section="Place"
    )
    slices: int = asked(20, "Slices", "How many", min=10, max=30, step=5, section="Scan")
    spacing: float = asked(
        0.0, "Spacing", min=0, max=9, decimals=3, unset="–", suffix=" mm", section="Scan"
    )
    contrast: bool = asked(True, "Contrast agent", section="Scan")
    weight: float = asked(0.5, "Weight", max=1, step=0.01, widget_type="FloatSlider")
    kept: str = "not asked"


def test_each_control_shows_its_field_and_changes_it_alone(qtbot: Any) -> None:
    seen: list[Visit] = []
    form = Form(Visit(), seen.append)
    assert form.value == Visit() and [name for name, _ in form.items()] == [
        "scanner", "slices", "spacing", "contrast", "weight",
    ]  # fmt: skip
    form["scanner"].setCurrentIndex(0)
    form["slices"].stepUp()
    form["spacing"].setValue(0.125)
    form["contrast"].click()
    expected = [Visit("a")]
    for change in ({"slices": 25}, {"spacing": 0.125}, {"contrast": False}):
        expected.append(replace(expected[-1], **change))
    assert seen == expected and form.value == expected[-1]
    assert form["spacing"].text() == "0.125 mm" and form["slices"].maximum() == 30


def test_what_is_shown_by_the_program_is_told_to_nobody(qtbot: Any) -> None:
    seen: list[Visit] = []
    form = Form(Visit(), seen.append)
    other = Visit("a", 10, 1.5, False, 0.25, kept="still")
    form.show(other)
    form.offer("scanner", ("a", "c"), "c")
    assert not seen and form.value == replace(other, scanner="c")
    form["slices"].setValue(30)
    assert seen == [replace(other, scanner="c", slices=30)]
    # A number that nobody has entered is no number.
    form.show(Visit("c"))
    assert form["spacing"].text() == "–"


def test_controls_lie_in_their_sections_with_their_words(qtbot: Any) -> None:
    form, whole = Form(Visit(), lambda visit: None), QWidget()
    sections = lay_out((form,), QVBoxLayout(whole))
    qtbot.addWidget(whole)
    assert list(sections) == ["Place", "Scan", ""]
    for name, title in (("scanner", "Place"), ("spacing", "Scan"), ("weight", "")):
        assert sections[title].isAncestorOf(form[name])
    assert form["slices"].accessibleName() == "Slices" and form["slices"].toolTip() == "How many"
    assert form["contrast"].text() == form["contrast"].accessibleName() == "Contrast agent"
    assert form["weight"].accessibleName() == "Weight"
