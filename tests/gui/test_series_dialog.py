"""The list of series to choose from, driven as with the mouse."""

from __future__ import annotations

from typing import Any

import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDialogButtonBox

from napari_ssn.gui.widgets import series_dialog
from napari_ssn.gui.widgets.series_dialog import SeriesDialog
from napari_ssn.session import Several

ENTRIES = ((1, "CT 512 × 512 × 98", None), (2, "MR", None), (3, "CT", "1 slice is missing."))


@pytest.fixture
def dialog(qtbot: Any) -> SeriesDialog:
    made = SeriesDialog(Several(ENTRIES, None))
    qtbot.addWidget(made)
    made.show()
    return made


def click(qtbot: Any, dialog: SeriesDialog, row: int, keys: Any = None) -> None:
    place = dialog.list.visualItemRect(dialog.list.item(row)).center()
    keys = keys or Qt.KeyboardModifier.NoModifier
    qtbot.mouseClick(dialog.list.viewport(), Qt.MouseButton.LeftButton, keys, place)


def test_series_are_chosen(qtbot: Any, dialog: SeriesDialog) -> None:
    opens = dialog.buttons.button(QDialogButtonBox.StandardButton.Open)
    assert not opens.isEnabled() and dialog.chosen == []
    click(qtbot, dialog, 1)
    assert opens.isEnabled() and dialog.chosen == [2]
    click(qtbot, dialog, 0, Qt.KeyboardModifier.ControlModifier)
    assert dialog.chosen == [1, 2]
    with qtbot.waitSignal(dialog.accepted):
        opens.click()


def test_one_that_cannot_be_opened_cannot_be_chosen(qtbot: Any, dialog: SeriesDialog) -> None:
    click(qtbot, dialog, 2)
    assert dialog.chosen == []
    assert dialog.list.item(2).toolTip() == "1 slice is missing."


def test_a_double_click_opens(qtbot: Any, dialog: SeriesDialog) -> None:
    place = dialog.list.visualItemRect(dialog.list.item(0)).center()
    click(qtbot, dialog, 0)
    with qtbot.waitSignal(dialog.accepted):
        qtbot.mouseDClick(dialog.list.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert dialog.chosen == [1]


def test_cancelling_chooses_none(qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SeriesDialog, "exec", lambda self: self.list.selectAll() or 0)
    assert series_dialog.ask(Several(ENTRIES, None)) == []
    monkeypatch.setattr(SeriesDialog, "exec", lambda self: self.list.selectAll() or 1)
    assert series_dialog.ask(Several(ENTRIES, None)) == [1, 2]


def test_nobody_is_asked_without_a_window(qtbot: Any, dialog: SeriesDialog) -> None:
    assert series_dialog.can_ask()
    dialog.hide()
    assert not series_dialog.can_ask()


@pytest.mark.parametrize(("first", "chosen"), [(2, [2]), (3, []), (None, [])])
def test_one_is_chosen_to_begin_with(qtbot: Any, first: int | None, chosen: list[int]) -> None:
    made = SeriesDialog(Several(ENTRIES, first))
    qtbot.addWidget(made)
    assert made.chosen == chosen
    opens = made.buttons.button(QDialogButtonBox.StandardButton.Open)
    assert opens.isEnabled() == bool(chosen)
