"""A row for each further channel that the model reads."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from napari.layers import Image
from qtpy.QtWidgets import QComboBox, QLabel, QWidget

from napari_ssn.gui.widgets.parts import Block, combo, fill, line, strip

#: Letters that there is room for before image, model and channels.
NAME = 5


class ChannelRows(Block):
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
            at = -1 if layer is None else images.index(layer)
            fill(box, ((one.name, one) for one in images), at)
        self.setVisible(bool(names))

    def _add_row(self) -> None:
        label, box = line("section", NAME), combo("")
        box.setPlaceholderText("choose an image")
        number = len(self.boxes) + 1
        box.currentIndexChanged.connect(lambda at: self._chosen(number, at))
        self.names.append(label)
        self.boxes.append(box)
        self._rows.append(strip([label, (box, 1)]))
        self.below(self._rows[-1])

    def _chosen(self, number: int, at: int) -> None:
        if at >= 0:
            self._picked(number, self.boxes[number - 1].itemData(at))
