"""While the slider is held the dock asks the window for room only where it needs another."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent, QObject
from qtpy.QtWidgets import QApplication, QLabel, QVBoxLayout, QWidget

from napari_ssn.gui.widgets.page import Page


class Asked(QObject):
    """Counts how often a widget is asked to lay out anew."""

    count = 0

    def eventFilter(self, watched: Any, event: Any) -> bool:
        """Count."""
        self.count += event.type() == QEvent.Type.LayoutRequest
        return False


def test_words_that_need_no_other_room_do_not_lay_the_window_out_anew(qtbot: Any) -> None:
    inner, outer = QWidget(), QWidget()
    line, other = QLabel("1.05 mL"), QLabel("")
    other.hide()
    for one in (line, other):
        (inner.layout() or QVBoxLayout(inner)).addWidget(one)
    line.setFixedWidth(100)
    page = Page(inner, 80)
    QVBoxLayout(outer).addWidget(page)
    qtbot.addWidget(outer)
    with qtbot.waitExposed(outer):
        outer.show()
    for _ in range(5):
        QApplication.processEvents()
    page.hurry = lambda: True
    asked = Asked()
    outer.installEventFilter(asked)
    for number in range(6, 16):
        line.setText(f"1.{number:02d} mL")
        for _ in range(3):
            QApplication.processEvents()
    assert asked.count == 0
    # Wider than the dock was: it is asked for.
    other.setFixedWidth(600)
    other.show()
    qtbot.waitUntil(lambda: asked.count > 0)
    qtbot.waitUntil(lambda: page.minimumSizeHint().width() > 600)
