"""A page of the dock: it scrolls up and down, and is never narrower than what is on it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

from qtpy.QtCore import QEvent, QSize, Qt
from qtpy.QtWidgets import QLayout, QScrollArea, QWidget

# Of the screen's width; the picture needs the rest of it.
_SHARE = 0.55
_NEVER = Qt.ScrollBarPolicy.ScrollBarAlwaysOff
_NEEDED = Qt.ScrollBarPolicy.ScrollBarAsNeeded
_TAB = Qt.FocusPolicy.TabFocus


class Page(QScrollArea):
    """Shows a widget at its own width, which grows with the font.

    On a screen smaller than planned for it scrolls rather than cuts off; sideways there would be no
    end of scrolling, so that the dock becomes as wide as it has to be. Only where that were most of
    the screen, as with large letters on a laptop that is scaled by two, it scrolls sideways too.

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
        self.setHorizontalScrollBarPolicy(_NEVER)

    def widen(self, least: int) -> None:
        """Be so many pixels wide at least."""
        self._least = least
        self.fit()

    @property
    def most(self) -> int:
        """Pixels that the dock may take of the screen it is on."""
        return int(_SHARE * self.screen().availableGeometry().width())

    def _wanted(self) -> int:
        bar = self.verticalScrollBar()
        beside = bar.sizeHint().width() if bar.maximum() > 0 else 0
        return max(self._least, int(self.widget().minimumSizeHint().width()) + beside)

    def minimumSizeHint(self) -> QSize:
        """As high as Qt says, as wide as the widget, its scroll bar beside it."""
        return QSize(min(self._wanted(), self.most), super().minimumSizeHint().height())

    def fit(self) -> None:
        """Ask for as much room as there has to be, and scroll where there is less."""
        too_wide = self._wanted() > self.most
        self.setHorizontalScrollBarPolicy(_NEEDED if too_wide else _NEVER)
        self.updateGeometry()

    def focusNextPrevChild(self, onwards: bool) -> bool:
        """Tab goes as one reads, to what was made last too."""
        stops = [one for one in _read_in_order(self.widget()) if one.focusPolicy() & _TAB]
        for before, after in pairwise(stops):
            if before.nextInFocusChain() is not after:
                QWidget.setTabOrder(before, after)
        return bool(super().focusNextPrevChild(onwards))

    def eventFilter(self, watched: Any, event: Any) -> bool:
        """What is on it has another size: so has the page."""
        if watched is self.widget() and event.type() == QEvent.Type.LayoutRequest:
            self.fit()
        return bool(super().eventFilter(watched, event))


def _read_in_order(inside: QWidget | QLayout | None) -> Iterator[QWidget]:
    """Widgets that are laid out in another, from top to bottom and left to right."""
    layout: Any = inside.layout() if isinstance(inside, QWidget) else inside
    for at in range(0 if layout is None else layout.count()):
        item = layout.itemAt(at)
        if item.widget() is not None:
            yield item.widget()
        yield from _read_in_order(item.widget() or item.layout())
