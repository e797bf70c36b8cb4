"""A slider whose middle is marked."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import Qt
from qtpy.QtGui import QPainter
from qtpy.QtWidgets import QSlider, QStyle

from napari_ssn.gui.widgets.wheel import unturned


class MarkedSlider(QSlider):
    """A slider with a mark at zero, which napari's style does not draw."""

    def __init__(self) -> None:
        super().__init__(Qt.Orientation.Horizontal)
        self.setMinimumHeight(26)
        unturned(self)

    def paintEvent(self, event: Any) -> None:
        """Draw the mark, then the slider over it."""
        painter = QPainter(self)
        painter.setPen(self.palette().color(self.foregroundRole()))
        handle = self.style().pixelMetric(QStyle.PixelMetric.PM_SliderLength)
        ends, room = (self.minimum(), self.maximum()), self.width() - handle
        middle = handle // 2 + QStyle.sliderPositionFromValue(*ends, 0, room)
        if ends[0] == -ends[1]:
            middle = self.width() // 2
        painter.drawLine(middle, 1, middle, self.height() - 2)
        painter.end()
        super().paintEvent(event)
