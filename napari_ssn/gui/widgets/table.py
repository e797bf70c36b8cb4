"""A small table: a few low rows, one of which may be chosen."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QSizePolicy,
    QTableWidget,
    QTableWidgetItem,
)

_HEIGHT = 20


class Table(QTableWidget):
    """Rows of words, the first column of names and the others of numbers.

    Args:
        columns: heading and tip of each.
        wide: column that takes the room that is left.
        most: rows that are seen at once; further ones are scrolled to.
    """

    def __init__(self, columns: Sequence[tuple[str, str]], wide: int, most: int) -> None:
        super().__init__(0, len(columns))
        self._most = most
        for column, (words, tip) in enumerate(columns):
            item = QTableWidgetItem(words)
            item.setToolTip(tip)
            item.setTextAlignment(_side(column))
            self.setHorizontalHeaderItem(column, item)
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(wide, QHeaderView.ResizeMode.Stretch)
        header.setFixedHeight(_HEIGHT)
        header.setSectionsClickable(False)
        self.verticalHeader().hide()
        self.verticalHeader().setMinimumSectionSize(_HEIGHT)
        self.verticalHeader().setDefaultSectionSize(_HEIGHT)
        self.setShowGrid(False)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        # Letters typed after a click are keys of the window, not a search in the list.
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def put(self, row: int, column: int, words: str) -> QTableWidgetItem:
        """Put words into a cell that is made anew."""
        item = QTableWidgetItem(words)
        item.setTextAlignment(_side(column))
        self.setItem(row, column, item)
        return item

    def set_rows(self, count: int) -> None:
        """Have so many rows, and be as high as those that are seen at once."""
        self.setRowCount(count)
        self.setFixedHeight(_HEIGHT * (min(count, self._most) + 1) + 2 * self.frameWidth())


def _side(column: int) -> Qt.AlignmentFlag:
    """Numbers stand below each other by their last digits."""
    side = Qt.AlignmentFlag.AlignLeft if column == 0 else Qt.AlignmentFlag.AlignRight
    return side | Qt.AlignmentFlag.AlignVCenter
