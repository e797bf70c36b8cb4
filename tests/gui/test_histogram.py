"""A slider's frame repaints of the histogram what the marker left and reached, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from qtpy.QtGui import QImage, QRegion

from napari_ssn.core.measures import Range
from napari_ssn.core.summaries.histogram import Histogram
from napari_ssn.gui.widgets.histogram import SizeHistogram
from napari_ssn.text.sizes import Measure

ML = Measure("volume", 1.0, flat=False)


@pytest.mark.parametrize(("before", "after"), [(5, 7), (5, 55), (58, 0), (None, 30), (30, None)])
def test_what_is_painted_anew_is_as_all_painted_anew(
    qtbot: Any, before: float | None, after: float | None
) -> None:
    asked = QRegion()

    # Not put in its place: PySide6 asks a class once whether it paints.
    class Noted(SizeHistogram):
        def paintEvent(self, event: Any) -> None:
            nonlocal asked
            asked = asked.united(event.region())
            super().paintEvent(event)

    bars = Noted("#ff0000")
    qtbot.addWidget(bars)
    bars.resize(300, 30)
    counts = tuple((7 * i) % 11 for i in range(60))
    bars.show_sizes(Histogram(0, 1, counts), Range(25, 20, 39, 0.9), ML)
    bars.mark(before)
    # With a window of its own, Qt asks for what is to be painted anew.
    with qtbot.waitExposed(bars):
        bars.show()
    # The screen's own wish for all of it may still be on its way.
    qtbot.wait(100)
    image = bars.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
    asked = QRegion()
    bars.mark(after)
    qtbot.waitUntil(lambda: not asked.isEmpty(), timeout=20_000)
    region = QRegion(asked)
    moved = [bars.place(one) for one in (before, after) if one is not None]
    assert region.boundingRect().width() <= max(moved) - min(moved) + 14
    # That part, painted over the picture of before, and all of it.
    bars.render(image, region.boundingRect().topLeft(), region)
    assert image == bars.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
