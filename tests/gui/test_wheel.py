"""Whoever scrolls the dock with the wheel changes nothing of the result on the way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from qtpy.QtCore import QPoint, QPointF, Qt
from qtpy.QtGui import QWheelEvent
from qtpy.QtWidgets import QApplication, QComboBox, QScrollBar, QSpinBox, QWidget

from napari_ssn.gui.widgets.wheel import TURNED, unturned
from tests.support.docks import run_and_wait


def turn(control: QWidget) -> None:
    """As the wheel does over its middle."""
    middle = control.rect().center()
    none = (Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase)
    where = (QPointF(middle), QPointF(control.mapToGlobal(middle)))
    event = QWheelEvent(*where, QPoint(0, 0), QPoint(0, -120), *none, False)
    QApplication.sendEvent(control, event)


def state(control: Any) -> Any:
    return control.currentIndex() if isinstance(control, QComboBox) else control.value()


def controls(dock: QWidget) -> Iterator[Any]:
    for one in dock.findChildren(QWidget):
        if isinstance(one, TURNED) and not isinstance(one, QScrollBar):
            yield one


def test_no_control_of_the_dock_is_turned(opened: Any, qtbot: Any) -> None:
    _, dock = opened
    run_and_wait(dock, qtbot)
    for tab in range(dock.tabs.count()):
        dock.tabs.setCurrentIndex(tab)
    dock.tabs.setCurrentIndex(0)
    found = [*controls(dock)]
    assert len(found) > 20 and {type(one) for one in found} >= {QComboBox, QSpinBox}
    for one in found:
        # What is greyed out now may be used another time.
        one.setEnabled(True)
        if isinstance(one, QComboBox):
            one.blockSignals(True)
            one.addItems(["one", "other"])
            one.setCurrentIndex(0)
        before = state(one)
        turn(one)
        turn(one)
        assert state(one) == before, one.accessibleName() or one.toolTip()


def test_one_that_was_come_to_by_keys_is(qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    box = unturned(QSpinBox())
    qtbot.addWidget(box)
    box.setRange(0, 9)
    box.setValue(5)
    turn(box)
    assert box.value() == 5
    monkeypatch.setattr(box, "hasFocus", lambda: True)
    turn(box)
    assert box.value() == 4
