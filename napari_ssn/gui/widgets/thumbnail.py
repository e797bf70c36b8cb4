"""A slice of a scan with its day below, as wide as there is room."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QImage, QPixmap
from qtpy.QtWidgets import QLabel, QSizePolicy

from napari_ssn.gui.widgets.parts import Block, text
from napari_ssn.text.follow import NOT_IN_SCAN

#: Pixels of a picture's side, at least.
SIDE = 128


class Thumbnail(Block):
    """A slice of a scan and when that was taken; empty where the scan ends before.

    Attributes:
        side: pixels of its picture's side.
        picture, caption: labels that show both.
    """

    def __init__(self, name: str) -> None:
        super().__init__(spacing=2)
        self._name = name
        self.picture, self.caption = QLabel(), text("", "muted")
        # Narrower, the dock has the pictures narrower, too: it is not kept wide by them.
        self.picture.setMinimumWidth(SIDE)
        self.picture.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.set_side(SIDE)
        self.picture.setWordWrap(True)
        self.picture.setAccessibleName(name)
        self.picture.setToolTip(f"{name}: the slice with the middle outline")
        self.below(self.picture, self.caption)
        for one in (self.picture, self.caption):
            one.setAlignment(Qt.AlignmentFlag.AlignCenter)

    def set_side(self, side: int) -> None:
        """Have room for pictures of so many pixels."""
        self.side = side
        self.picture.setFixedHeight(side)

    def show_pixels(self, pixels: Any, day: str) -> None:
        """Show a picture (h, w, 3), or that there is none, and a day as far as it is known."""
        self.caption.setText(f"{self._name} {day}".strip())
        if pixels is None:
            self.picture.setText(NOT_IN_SCAN)
            return
        height, width = pixels.shape[:2]
        image = QImage(pixels.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888)
        # The pixmap has pixels of its own; the bytes are gone after this line.
        self.picture.setPixmap(QPixmap.fromImage(image))
