"""No line that a person reads begins with a unit, however narrow the column is."""

from __future__ import annotations

import re

import pytest

from napari_ssn.text.lines import kept_together
from napari_ssn.text.presence import Presence
from napari_ssn.text.sizes import Measure, range_line

FLAT, DEEP = Measure("plane", 0.5, True), Measure("volume", 2.0, False)
UNKNOWN = Measure("unknown", 1.0, False)


@pytest.mark.parametrize(
    ("said", "pieces"),
    [
        ("of 90 % of 1,000 hypotheses", ["of", "90 %", "of", "1,000", "hypotheses"]),
        ("(2 %).", ["(2 %)."]),
        ("1.9 mL · 15 × 12 mm", ["1.9 mL", "·", "15 × 12 mm"]),
        ("Nodule … mL, 0–2.1 mL", ["Nodule", "… mL,", "0–2.1 mL"]),
        ("23 ± 2 % or 34 ±2 %", ["23 ± 2 %", "or", "34 ±2 %"]),
        ("Nodule ≥ 172 mm² here", ["Nodule", "≥ 172 mm²", "here"]),
        ("512 × 512 × 36 · 1.0 mm", ["512 × 512 × 36", "·", "1.0 mm"]),
        ("at −1,024 HU, in 3 min 05 s", ["at", "−1,024 HU,", "in", "3 min", "05 s"]),
        ("2 mmol and 3 seconds", ["2", "mmol", "and", "3", "seconds"]),
        ("352 voxels, 2.5 GB", ["352 voxels,", "2.5 GB"]),
    ],
)
def test_a_number_stays_with_its_unit(said: str, pieces: list[str]) -> None:
    joined = kept_together(said)
    assert joined.replace("\u00a0", " ") == said
    assert [one.replace("\u00a0", " ") for one in joined.split(" ")] == pieces
    assert kept_together(joined) == joined


@pytest.mark.parametrize("measure", [FLAT, DEEP, UNKNOWN])
@pytest.mark.parametrize("readers", [0, 1, 4])
def test_no_way_of_saying_a_size_lets_its_unit_go(measure: Measure, readers: int) -> None:
    said = range_line(measure, 700, 1500, 0.9, 1000, readers=readers, patients=9, absent=0.1)
    said = f"{said}. {Presence(0.86, True, ('nodule',)).line}. {measure.amount_here(1234.0)}"
    units = re.findall(r"(?<=[\d…]) \S*(?:%|mL|mm²|px|voxels)", kept_together(said))
    assert "\u00a0" in kept_together(said) and not units


def test_a_label_of_the_dock_breaks_at_no_unit(qtbot) -> None:
    from qtpy.QtCore import QPointF
    from qtpy.QtGui import QTextLayout
    from qtpy.QtWidgets import QLabel

    from napari_ssn.gui.widgets.parts import say, text

    label = text("")
    qtbot.addWidget(label)
    said = "Nodule 1.9 mL · 15 × 12 mm; about 14 % would outline nothing at 23 ± 2 %."
    say(label, said)
    # What is said is what was asked to be said; what is drawn breaks elsewhere.
    assert label.text() == said
    drawn = QLabel.text(label)
    begins: set[str] = set()
    for width in range(70, 400, 7):
        layout = QTextLayout(drawn, label.font())
        layout.beginLayout()
        while (line := layout.createLine()).isValid():
            line.setLineWidth(width)
            line.setPosition(QPointF(0, 0))
            begins.add(drawn[line.textStart() :].replace("\u00a0", " ").split(" ")[0])
        layout.endLayout()
    assert {"Nodule", "1.9", "15", "14"} <= begins
    assert not begins & {"mL", "mm;", "×", "%", "±", "%."}


def test_a_page_breaks_at_no_unit() -> None:
    from napari_ssn.text.report import Report, Size, to_html

    said = "1.9 mL · 15 × 12 mm"
    report = Report(
        title="t", purpose=said, shown=said, sizes=[Size("nodule", "#102030", said, said)],
        pictures=[], pictured=said, given=[said], facts=[("Image", said)], limits=[said],
        codes=[], presence=said, unlikely=True, doubt=said,
    )  # fmt: skip
    page = to_html(report).decode()
    words = re.sub(r"<style>.*?</style>|<[^>]*>", "", page, flags=re.S)
    assert words.count("1.9\u00a0mL · 15\u00a0×\u00a012\u00a0mm") == 10
    assert "mL · 15 ×" not in words and " mm" not in words
