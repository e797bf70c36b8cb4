"""A page of the dock: it scrolls up and down, and is never narrower than what is on it."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent, QSize, Qt
from qtpy.QtWidgets import QScrollArea, QWidget


class Page(QScrollArea):
    """Shows a widget at its own width, which grows with the font.

    On a screen smaller than planned for it scrolls rather than cuts off; sideways there would be no
    end of scrolling, so that the dock becomes as wide as it has to be.

    Args:
        inner: what is on it.
        least: pixels that it is wide at least.
    """

    def __init__(self, inner: QWidget, least: int) -> None:
        super().__init__()
        self._least = least
        self.setWidget(inner)
        self.setWidgetResizable(True)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)

    def minimumSizeHint(self) -> QSize:
        """As high as Qt says, as wide as the widget, its scroll bar beside it."""
        bar = self.verticalScrollBar()
        beside = bar.sizeHint().width() if bar.maximum() > 0 else 0
        width = self.widget().minimumSizeHint().width() + beside
        return QSize(max(self._least, width), super().minimumSizeHint().height())

    def eventFilter(self, watched: Any, event: Any) -> bool:
        """What is on it has another size: so has the page."""
        if watched is self.widget() and event.type() == QEvent.Type.LayoutRequest:
            self.updateGeometry()
        return bool(super().eventFilter(watched, event))
