"""The few hypotheses that stand for all, as cards: a click shows one, its star keeps it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from qtpy.QtCore import QEvent, QRectF, QSize, Qt, Signal
from qtpy.QtGui import QColor, QFont, QFontInfo, QFontMetrics, QImage, QPainter, QPen, QPixmap
from qtpy.QtWidgets import QAbstractButton, QHBoxLayout, QSizePolicy, QWidget

from napari_ssn.gui.widgets.parts import Section, button, row, say, text
from napari_ssn.prediction.choice import Choice
from napari_ssn.prediction.wish import MOST, SIDE
from napari_ssn.session import Session
from napari_ssn.text.dock import CLICK_TO_COMPARE, KEPT_ALREADY
from napari_ssn.text.sizes import sizes_line
from napari_ssn.text.steering import comparison_line

if TYPE_CHECKING:
    # These modules import torch, which only the worker does.
    from napari_ssn.prediction.cards import Card

# Pixels between cards, around a thumbnail, and of each of the two lines under it at least.
_GAP, _EDGE, _LINE = 6, 3, 15
_STAR = 18


class CardButton(QAbstractButton):
    """A thumbnail with its share and its size; checked while it is on show."""

    kept = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.setCheckable(True)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        # The keys of the window must not end in a card that was clicked last.
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self._picture = QPixmap()
        self._lines = ("", "")
        self._compared = self._starred = False
        self.accent, self.muted = QColor("#f2b24a"), QColor("#a9b0b8")

    def set_card(self, card: Card, lines: tuple[str, str], tip: str, words: Sequence[str]) -> None:
        """Show a card.

        Args:
            card: whose picture it is.
            lines: below it, as short as there is room for.
            tip: where the pointer rests.
            words: the lines in full, for who does not see it.
        """
        picture = card.picture
        image = QImage(picture.tobytes(), SIDE, SIDE, 3 * SIDE, QImage.Format.Format_RGB888)
        # The pixmap has pixels of its own; the bytes are gone after this line.
        self._picture = QPixmap.fromImage(image)
        self._lines = lines
        self.setToolTip(tip)
        self.setAccessibleName(f"Hypothesis: {', '.join(words)}")
        self.update()

    def mark(self, compared: bool, starred: bool) -> None:
        """Mark it as the one that another is compared with, and as one that is kept in a layer."""
        if (compared, starred) != (self._compared, self._starred):
            self._compared, self._starred = compared, starred
            self.update()

    def sizeHint(self) -> QSize:
        """Half of the thumbnail's own pixels, and two lines."""
        side = SIDE // 2 + 2 * _EDGE
        return QSize(side, side + 2 * self._line() + 2)

    def _line(self) -> int:
        """Height of a line under the thumbnail."""
        return max(_LINE, int(QFontMetrics(self.font()).height()))

    def minimumSizeHint(self) -> QSize:
        """As `sizeHint`, but narrower where a scroll bar takes its room."""
        return QSize(SIDE // 3, self.sizeHint().height())

    def _place(self) -> QRectF:
        """Of the thumbnail."""
        side = min(SIDE // 2, self.width() - 2 * _EDGE)
        return QRectF((self.width() - side) / 2, _EDGE, side, side)

    def _star(self) -> QRectF:
        place = self._place()
        return QRectF(place.right() - _STAR, place.top(), _STAR, _STAR)

    def changeEvent(self, event: Any) -> None:
        """Its lines are as high as letters are now."""
        if event.type() == QEvent.Type.FontChange:
            self.updateGeometry()
        super().changeEvent(event)

    def mouseReleaseEvent(self, event: Any) -> None:
        """A click on the star keeps the hypothesis; anywhere else shows it."""
        inside = self._star().contains(event.position())
        if inside and event.button() == Qt.MouseButton.LeftButton and self.isEnabled():
            self.setDown(False)
            self.kept.emit()
            return
        super().mouseReleaseEvent(event)

    def paintEvent(self, event: Any) -> None:
        """Draw thumbnail, frame, star and lines."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        place = self._place()
        painter.setOpacity(1.0 if self.isEnabled() else 0.45)
        painter.drawPixmap(place, self._picture, QRectF(self._picture.rect()))
        if self.isChecked() or self._compared or self.underMouse():
            pen = QPen(self.accent if self.isChecked() else self.muted, 2)
            if self._compared and not self.isChecked():
                pen = QPen(self.palette().color(self.foregroundRole()), 2, Qt.PenStyle.DotLine)
            painter.setPen(pen)
            painter.drawRoundedRect(place.adjusted(-1.5, -1.5, 1.5, 1.5), 3, 3)
        # Always there, or nobody would look for it; faint until the pointer comes.
        pointed = self.underMouse() and self.isEnabled()
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(0, 0, 0, 150 if pointed else 90))
        painter.drawEllipse(self._star())
        full = pointed or self._starred
        white = QColor(255, 255, 255, 255 if full else 190)
        painter.setPen(self.accent if self._starred else white)
        painter.drawText(self._star(), Qt.AlignmentFlag.AlignCenter, "★" if full else "☆")
        high = self._line()
        for number, words in enumerate(self._lines):
            font = QFont(self.font())
            font.setBold(number == 0)
            # Five cards are narrower than their words; all of them get smaller ones then.
            metrics = QFontMetrics(font)
            wide = max(metrics.horizontalAdvance(words), metrics.horizontalAdvance("88 ±8 %"))
            if wide > self.width():
                font.setPixelSize(max(8, QFontInfo(font).pixelSize() * self.width() // wide))
            painter.setFont(font)
            colour = self.palette().color(self.foregroundRole()) if number == 0 else self.muted
            painter.setPen(colour)
            top = place.bottom() + _EDGE + number * high
            line = QRectF(0, top, self.width(), high)
            painter.drawText(line, Qt.AlignmentFlag.AlignCenter, words)
        painter.end()


class CardsPanel(Section):
    """Up to five cards beside each other, the likeliest first.

    Args:
        session: whose cards they are.
        beside: shown beside the title.
    """

    def __init__(self, session: Session, beside: Sequence[QWidget] = ()) -> None:
        self.compare = button(
            "Compare", "Then click the card to compare with what is on show", "small"
        )
        self.compare.setCheckable(True)
        super().__init__("Hypotheses", beside=(*beside, self.compare))
        self._session = session
        self.empty = text("", "muted")
        self.buttons = [CardButton() for _ in range(MOST)]
        self._row: QHBoxLayout = row([*((button, 1) for button in self.buttons), 0])
        self._row.setSpacing(_GAP)
        self.difference = text("", "muted")
        self.below(self.empty, self._row, self.difference)
        for index, card in enumerate(self.buttons):
            card.hide()
            card.clicked.connect(lambda _=False, i=index: self._picked(i))
            card.kept.connect(lambda i=index: self._kept(i))
        self.compare.toggled.connect(self._comparing)
        session.comparing.changed.connect(self.follow)
        self._dealt: Any = None
        session.found.connect(self._found)
        session.changed.connect(self.refresh)
        session.walk.moved.connect(self.follow)
        self.refresh()

    def _found(self, result: Any) -> None:
        self.compare.setChecked(False)

    def _picked(self, index: int) -> None:
        cards = self._session.cards
        if cards is not None:
            if self._waits():
                self._session.comparing.compare_with(cards.cards[index].choice)
            else:
                self._session.show_card(index)
        # A click on the one on show leaves it on show.
        self.follow()

    def compared(self, choice: Choice) -> bool:
        """Take a hypothesis that is listed elsewhere for the one to compare with, if one is due."""
        if not self._waits():
            return False
        self._session.comparing.compare_with(choice)
        return True

    def _waits(self) -> bool:
        """Whether the next click names the card to compare with."""
        return self.compare.isChecked() and self._session.comparing.other is None

    def _comparing(self, on: bool) -> None:
        if not on:
            self._session.comparing.compare_with(None)
        self.follow()

    def _kept(self, index: int) -> None:
        cards, session = self._session.cards, self._session
        if cards is None:
            return
        choice = cards.cards[index].choice
        if session.copies.holds(choice):
            session.tell(KEPT_ALREADY)
        else:
            session.copies.keep_choice(choice)

    def restyle(self, accent: str, muted: str) -> None:
        """Take the colours of another theme."""
        for card in self.buttons:
            card.accent, card.muted = QColor(accent), QColor(muted)
            card.update()

    def refresh(self) -> None:
        """Show the cards of the result; greyed when the image has changed."""
        session, cards = self._session, self._session.cards
        self.setVisible(session.result is not None)
        # Cards of former points wait, greyed, for those that take their place.
        self.setEnabled(not session.stale and (cards is None or session.summary.dealt))
        say(self.empty, "Comparing hypotheses…" if cards is None else "")
        if cards is not self._dealt:
            self._dealt = cards
            there = () if cards is None else cards.cards
            for index, button in enumerate(self.buttons):
                button.setVisible(index < len(there))
            if cards is not None and session.result is not None:
                result = session.result
                measure, names = result.measure, result.labels[1:]
                for card, button in zip(there, self.buttons, strict=False):
                    size = sizes_line(names, measure, card.counts, card.across)
                    tip = cards.tip(card, size)
                    words = cards.lines(measure, card)
                    button.set_card(card, cards.short(measure, card), tip, words)
        self.follow()

    def follow(self) -> None:
        """Mark the card that is on show and the one it is compared with."""
        cards, choice = self._session.cards, self._session.walk.choice
        other = self._session.comparing.other
        if other is None and self._session.cards is None:
            self.compare.setChecked(False)
        for index, card in enumerate(self.buttons):
            one = cards.cards[index].choice if cards and index < len(cards.cards) else None
            card.setChecked(one is not None and one == choice.resting)
            starred = one is not None and self._session.copies.holds(one)
            card.mark(one is not None and one == other, starred)
        say(self.difference, self._words())

    def _words(self) -> str:
        result, comparing = self._session.result, self._session.comparing
        if result is None or not self.compare.isChecked():
            return ""
        if comparing.other is None:
            return CLICK_TO_COMPARE
        found = comparing.found
        if found is None or found.shown != self._session.walk.choice:
            return "Comparing…"
        unit = "mm" if result.source.spacing_mm is not None else "px"
        return comparison_line(result.labels[1:], found.dice, found.apart, unit)
