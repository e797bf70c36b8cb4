"""A page of the dock: it scrolls up and down, and is never narrower than what is on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

from qtpy.QtCore import QEvent, QPoint, QSize, Qt, QTimer
from qtpy.QtWidgets import QLayout, QScrollArea, QWidget

# Of the screen's width; the picture needs the rest of it.
_SHARE = 0.55
_NEVER = Qt.ScrollBarPolicy.ScrollBarAlwaysOff
_NEEDED = Qt.ScrollBarPolicy.ScrollBarAsNeeded
_FOOT_CHANGES = (QEvent.Type.LayoutRequest, QEvent.Type.ShowToParent, QEvent.Type.HideToParent)
_TAB = Qt.FocusPolicy.TabFocus
_DRAWN = (QEvent.Type.Resize, QEvent.Type.Paint)
# Milliseconds until what was drawn is looked at.
_SOON = 60
# Pixels of a row that may be missing, and that are left empty at most so that no row is cut.
_TOUCH, _EMPTY = 1, 120


class Page(QScrollArea):
    """Shows a widget at its own width, which grows with the font.

    On a screen smaller than planned for it scrolls rather than cuts off; sideways there would be no
    end of scrolling, so that the dock becomes as wide as it has to be. Only where that were most of
    the screen, as with large letters on a laptop that is scaled by two, it scrolls sideways too.

    Until somebody scrolls, its lower edge lies between two rows: a button of which half is seen
    looks as if something covered it.

    Args:
        inner: what is on it.
        least: pixels that it is wide at least.
        foot: what stays below it, however it is scrolled.
    """

    def __init__(self, inner: QWidget, least: int, foot: QWidget | None = None) -> None:
        super().__init__()
        self._least, self.foot = least, foot
        self._asked: QSize | None = None
        # Pixels above the foot that are left empty; found once what is on the page is laid out.
        self._empty = 0
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.timeout.connect(self._end_between_rows)
        #: Whether something on it follows a finger.
        self.hurry: Callable[[], bool] = lambda: False
        if foot is not None:
            foot.setParent(self)
            foot.installEventFilter(self)
        self.setWidget(inner)
        self.setWidgetResizable(True)
        self.setFrameShape(QScrollArea.Shape.NoFrame)
        self.setHorizontalScrollBarPolicy(_NEVER)
        self.verticalScrollBar().valueChanged.connect(self._scrolled)

    def _scrolled(self, value: int) -> None:
        if value == 0:
            self._rest.start(0)

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
        below = 0 if self.foot is None else int(self.foot.minimumSizeHint().width())
        return max(self._least, int(self.widget().minimumSizeHint().width()) + beside, below)

    def minimumSizeHint(self) -> QSize:
        """As high as Qt says, as wide as the widget, its scroll bar beside it."""
        return QSize(min(self._wanted(), self.most), super().minimumSizeHint().height())

    def sizeHint(self) -> QSize:
        """No wider than it has to be, however long a line on it is: the picture needs the room."""
        return QSize(self.minimumSizeHint().width(), super().sizeHint().height())

    def fit(self) -> None:
        """Ask for as much room as there has to be, and scroll where there is less."""
        policy = _NEEDED if self._wanted() > self.most else _NEVER
        if self.horizontalScrollBarPolicy() != policy:
            self.setHorizontalScrollBarPolicy(policy)
        # Every word that changes asks for room. In a hurry, where it is the same as before, the
        # window is not asked to lay out and paint itself anew: that takes as long as a frame.
        # (Qt keeps what `sizeHint` once said: it is not asked before its time.)
        asked = self.minimumSizeHint()
        if asked != self._asked or not self.hurry():
            self._asked = asked
            self.updateGeometry()
            self._rest.start(0)
        self._stand()

    def _foot_height(self) -> int:
        """As high as its words need at this width."""
        foot = self.foot
        if foot is None or foot.isHidden():
            return 0
        high = foot.heightForWidth(self.viewport().width())
        return int(foot.sizeHint().height() if high < 0 else high)

    def _stand(self) -> None:
        """Lay the foot along the lower edge."""
        high = self._foot_height()
        if self.viewportMargins().bottom() != high + self._empty:
            self.setViewportMargins(0, 0, 0, high + self._empty)
        if self.foot is not None:
            # The scroll bar reaches down beside it.
            self.foot.setGeometry(0, self.height() - high, self.viewport().width(), high)

    def _end_between_rows(self) -> None:
        """Leave empty what would show a part of a row, as long as nobody has scrolled."""
        if self.verticalScrollBar().value() > 0:
            return
        margin = self.viewportMargins().bottom()
        edge = room = self.viewport().height() + margin - self._foot_height()
        if self.widget().height() > room:
            rows = [_span_in(self.widget(), one) for one in _leaves(self.widget())]
            # Beside what is cut stands what is higher.
            while cut := [top for top, end in rows if top + _TOUCH < edge < end - _TOUCH]:
                edge = min(cut)
        empty = room - edge
        self._empty = empty if edge > 0 and empty <= _EMPTY else 0
        self._stand()

    def focusNextPrevChild(self, onwards: bool) -> bool:
        """Tab goes as one reads, to what was made last too."""
        inside = [*_read_in_order(self.widget()), *_read_in_order(self.foot)]
        stops = [one for one in inside if one.focusPolicy() & _TAB]
        for before, after in pairwise(stops):
            if before.nextInFocusChain() is not after:
                QWidget.setTabOrder(before, after)
        return bool(super().focusNextPrevChild(onwards))

    def eventFilter(self, watched: Any, event: Any) -> bool:
        """What is on it has another size: so has the page."""
        changes = _FOOT_CHANGES if watched is self.foot else (QEvent.Type.LayoutRequest,)
        if watched in (self.widget(), self.foot) and event.type() in changes:
            self.fit()
        elif (
            watched is self.widget()
            and event.type() in _DRAWN
            and not self._rest.isActive()
            and not self.hurry()
        ):
            # Whatever has moved on it is drawn anew.
            self._rest.start(_SOON)
        return bool(super().eventFilter(watched, event))


def reveal(widget: QWidget) -> None:
    """Scroll the page that a widget is on until it is seen, if it is not."""
    page = widget.parentWidget()
    while page is not None and not isinstance(page, QScrollArea):
        page = page.parentWidget()
    if page is not None:
        page.ensureWidgetVisible(widget, 0, 0)


def _span_in(page: QWidget, one: QWidget) -> tuple[int, int]:
    """From where to where, down a page, a widget reaches."""
    top = int(one.mapTo(page, QPoint(0, 0)).y())
    return top, top + one.height()


def _leaves(page: QWidget) -> Iterator[QWidget]:
    """What is seen on a page, and holds nothing that is laid out in it."""
    return (one for one in _read_in_order(page) if one.layout() is None and one.isVisibleTo(page))


def _read_in_order(inside: QWidget | QLayout | None) -> Iterator[QWidget]:
    """Widgets that are laid out in another, from top to bottom and left to right."""
    layout: Any = inside.layout() if isinstance(inside, QWidget) else inside
    for at in range(0 if layout is None else layout.count()):
        item = layout.itemAt(at)
        if item.widget() is not None:
            yield item.widget()
        yield from _read_in_order(item.widget() or item.layout())
