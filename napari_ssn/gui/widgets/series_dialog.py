"""Which of several images to open: DICOM series, or levels of an OME-Zarr."""

from __future__ import annotations

from collections.abc import Sequence

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractItemView,
    QApplication,
    QDialog,
    QDialogButtonBox,
    QLabel,
    QListWidget,
    QListWidgetItem,
    QVBoxLayout,
    QWidget,
)

#: A series: its number, words for it, and why it cannot be opened.
Entry = tuple[int, str, str | None]

_SERIES = "DICOM series"


class SeriesDialog(QDialog):
    """A list of series without a word about the patient; several can be chosen.

    Args:
        entries: the series.
        first: number of the one that is chosen to begin with.
        kind: what they are, as ``DICOM series``.
        parent: the window in front.
    """

    def __init__(
        self,
        entries: Sequence[Entry],
        first: int | None = None,
        parent: QWidget | None = None,
        kind: str = _SERIES,
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(f"Choose: {kind}")
        self.list = QListWidget()
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        for number, words, problem in entries:
            item = QListWidgetItem(f"{number}   {words}")
            item.setData(Qt.ItemDataRole.UserRole, number)
            if problem is not None:
                item.setFlags(Qt.ItemFlag.NoItemFlags)
                item.setToolTip(problem)
            self.list.addItem(item)
        self.buttons = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Open | QDialogButtonBox.StandardButton.Cancel
        )
        layout = QVBoxLayout(self)
        layout.addWidget(QLabel(f"There are {len(entries)} {kind}. Open:"))
        layout.addWidget(self.list)
        layout.addWidget(self.buttons)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        self.list.itemSelectionChanged.connect(self._refresh)
        self.list.itemDoubleClicked.connect(self.accept)
        self.resize(420, 300)
        numbers = [number for number, _, problem in entries if problem is None]
        if first in numbers:
            self.list.setCurrentRow([number for number, *_ in entries].index(first))
        self._refresh()

    @property
    def chosen(self) -> list[int]:
        """Numbers of the series chosen."""
        return sorted(item.data(Qt.ItemDataRole.UserRole) for item in self.list.selectedItems())

    def _refresh(self) -> None:
        opens = self.buttons.button(QDialogButtonBox.StandardButton.Open)
        opens.setEnabled(bool(self.list.selectedItems()))


def can_ask() -> bool:
    """Whether there is a window in front of somebody."""
    app = QApplication.instance()
    return app is not None and any(widget.isVisible() for widget in app.topLevelWidgets())


def ask(entries: Sequence[Entry], first: int | None = None, kind: str = _SERIES) -> list[int]:
    """Numbers of the series that the user chooses; none if he cancels."""
    dialog = SeriesDialog(entries, first, QApplication.activeWindow(), kind)
    try:
        return dialog.chosen if dialog.exec() else []
    finally:
        dialog.deleteLater()
