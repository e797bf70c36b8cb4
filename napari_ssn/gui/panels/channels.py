"""A row for each further channel that the model reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from napari.layers import Image
from qtpy.QtWidgets import QComboBox, QLabel, QVBoxLayout, QWidget

from napari_ssn.gui.widgets.parts import combo, line, row

#: Letters that there is room for before image, model and channels.
NAME = 5


class ChannelRows(QWidget):
    """Combos that name the layer of the second channel and those behind it.

    Args:
        picked: is told the channel, from 1 for the second, and the layer that somebody chose.
    """

    def __init__(self, picked: Callable[[int, Image], None]) -> None:
        super().__init__()
        self._picked = picked
        self.names: list[QLabel] = []
        self.boxes: list[QComboBox] = []
        self._rows: list[QWidget] = []
        self._body = QVBoxLayout(self)
        self._body.setContentsMargins(0, 0, 0, 0)
        self._body.setSpacing(4)
        self.hide()

    def show_rows(
        self, names: Sequence[str], images: Sequence[Image], chosen: Sequence[Image | None]
    ) -> None:
        """Show a row for each name, with the images to choose from and the one that is chosen."""
        while len(self.boxes) > len(names):
            self.boxes.pop()
            self.names.pop()
            gone = self._rows.pop()
            gone.hide()
            gone.deleteLater()
        while len(self.boxes) < len(names):
            self._add_row()
        for name, label, box, layer in zip(names, self.names, self.boxes, chosen, strict=True):
            label.setText(name)
            label.setToolTip(f"Channel {name} of the model")
            box.setToolTip(f"The image that the model reads as {name}")
            box.blockSignals(True)
            box.clear()
            for one in images:
                box.addItem(one.name, one)
            box.setCurrentIndex(-1 if layer is None else box.findData(layer))
            box.blockSignals(False)
        self.setVisible(bool(names))

    def _add_row(self) -> None:
        label, box = line("section", NAME), combo("")
        box.setPlaceholderText("choose an image")
        number = len(self.boxes) + 1
        box.currentIndexChanged.connect(lambda at: self._chosen(number, at))
        self.names.append(label)
        self.boxes.append(box)
        whole = QWidget()
        whole.setLayout(row([label, (box, 1)]))
        self._rows.append(whole)
        self._body.addWidget(whole)

    def _chosen(self, number: int, at: int) -> None:
        if at >= 0:
            self._picked(number, self.boxes[number - 1].itemData(at))
