"""Which of several images to open: DICOM series, or levels of an OME-Zarr."""

from __future__ import annotations

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

from napari_ssn.session import Several
from napari_ssn.text.archive import there_are


class SeriesDialog(QDialog):
    """A list of images without a word about the patient; several can be chosen.

    Args:
        what: there is to choose from.
        parent: the window in front.
    """

    def __init__(self, what: Several, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle(f"Choose: {what.kind}")
        self.list = QListWidget()
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        for number, words, problem in what.entries:
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
        layout.addWidget(QLabel(there_are(len(what.entries), what.kind)))
        layout.addWidget(self.list)
        self.remark = QLabel(what.remark)
        self.remark.setWordWrap(True)
        self.remark.setVisible(bool(what.remark))
        layout.addWidget(self.remark)
        layout.addWidget(self.buttons)
        self.buttons.accepted.connect(self.accept)
        self.buttons.rejected.connect(self.reject)
        self.list.itemSelectionChanged.connect(self._refresh)
        self.list.itemDoubleClicked.connect(self.accept)
        self.resize(420, 300)
        usable = [number for number, _, problem in what.entries if problem is None]
        if what.first in usable:
            self.list.setCurrentRow([number for number, *_ in what.entries].index(what.first))
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


def ask(what: Several) -> list[int]:
    """Numbers of those that the user chooses; none if he cancels."""
    dialog = SeriesDialog(what, QApplication.activeWindow())
    try:
        return dialog.chosen if dialog.exec() else []
    finally:
        dialog.deleteLater()
