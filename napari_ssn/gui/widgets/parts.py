"""Small pieces that every panel is made of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from qtpy.QtCore import QEvent, QObject, QSize, Qt
from qtpy.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLayout,
    QPushButton,
    QSizePolicy,
    QSpinBox,
    QStyle,
    QStyleOptionComboBox,
    QStylePainter,
    QVBoxLayout,
    QWidget,
)
from superqt import QElidingLabel
from superqt.utils import signals_blocked

from napari_ssn.gui.widgets.wheel import unturned
from napari_ssn.text.lines import kept_together

# Pixels that napari's style leaves around a label's text.
_INDENT = 12


class _Text(QLabel):
    """A label whose height follows from its width alone, and whose lines never begin with a unit.

    Qt's own guess of a wrapped text's least height assumes a narrow column, and the dock would
    scroll without need.
    """

    def __init__(self, words: str) -> None:
        super().__init__()
        self._words = ""
        self.setText(words)

    def setText(self, words: str) -> None:
        """Say something; numbers and their units stay on one line."""
        self._words = words
        super().setText(kept_together(words))

    def text(self) -> str:
        """What is said, with the spaces it was said with."""
        return self._words

    def minimumSizeHint(self) -> QSize:
        """One line, as wide as it likes."""
        hint = super().minimumSizeHint()
        if not self.wordWrap():
            return hint
        return QSize(0, self.fontMetrics().height())


class _Line(QElidingLabel):
    """A single line, cut off with dots where it is too long; all of it is what is read aloud."""

    def __init__(self, letters: int) -> None:
        super().__init__()
        self._letters = letters
        self.setEllipsesWidth(_INDENT)

    def setText(self, words: str) -> None:
        """Say something; a reader of the screen says all of it."""
        super().setText(words)
        self.setAccessibleName(words)

    def sizeHint(self) -> QSize:
        """As wide as its letters, where their number is given."""
        hint, metrics = super().sizeHint(), self.fontMetrics()
        if self._letters:
            # As Qt elides it: beside what the style leaves there is room for the dots.
            hint.setWidth(metrics.horizontalAdvance("o" * self._letters) + 2 * _INDENT)
        return hint

    def changeEvent(self, event: Any) -> None:
        """In another font other letters have room."""
        super().changeEvent(event)
        if event.type() in (QEvent.Type.FontChange, QEvent.Type.StyleChange):
            self.setText(self.text())


def line(role: str = "", letters: int = 0) -> QLabel:
    """A label of one line that may be narrower than its words, or has room for some letters."""
    made = _Line(letters)
    made.setTextFormat(Qt.TextFormat.PlainText)
    made.setProperty("role", role)
    across = QSizePolicy.Policy.Fixed if letters else QSizePolicy.Policy.Ignored
    made.setSizePolicy(across, QSizePolicy.Policy.Fixed)
    return made


def elided(widget: QWidget, words: str) -> str:
    """As much of a line as a widget has room for."""
    room = widget.width() - _INDENT
    return str(widget.fontMetrics().elidedText(words, Qt.TextElideMode.ElideRight, room))


def set_role(widget: QWidget, role: str) -> None:
    """Give a widget another look."""
    if widget.property("role") != role:
        widget.setProperty("role", role)
        widget.style().unpolish(widget)
        widget.style().polish(widget)


def text(words: str = "", role: str = "", wrap: bool = True) -> QLabel:
    """A label; wrapped text may be narrower than its longest line."""
    label = _Text(words)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(wrap)
    label.setProperty("role", role)
    if wrap:
        label.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
    return label


def say(label: QLabel, words: str, role: str | None = None) -> None:
    """Put words into a label, and hide it while there are none."""
    label.setText(words)
    label.setVisible(bool(words))
    if role is not None:
        set_role(label, role)


def hint(widget: QWidget, tip: str) -> None:
    """Give a widget another tooltip: Qt tells all that listen of one that is the same, too."""
    if widget.toolTip() != tip:
        widget.setToolTip(tip)


def button(words: str, tip: str = "", role: str = "", name: str = "") -> QPushButton:
    """A push button with a tooltip, and a name to be read aloud where its words are a sign."""
    made = QPushButton(words)
    made.setAccessibleName(name)
    made.setToolTip(tip)
    made.setProperty("role", role)
    # The keys of the window must not end in a button that was clicked last.
    made.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return made


def spin(low: int, high: int, value: int, tip: str) -> QSpinBox:
    """A small box for a whole number."""
    made = unturned(QSpinBox())
    made.setRange(low, high)
    made.setValue(value)
    made.setToolTip(tip)
    made.setAccessibleName(tip)
    made.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
    made.setAlignment(Qt.AlignmentFlag.AlignRight)
    # Between napari's − and + buttons there is room for the digits and no more.
    made.setFixedWidth(72 + 8 * max(0, len(str(high)) - 2))
    return made


class _Dots(QObject):
    """Paints a combo box whose entry is too long for it with dots, where Qt would cut it off."""

    def eventFilter(self, box: Any, event: Any) -> bool:
        """Paint it as Qt does, but for the words."""
        if event.type() != QEvent.Type.Paint:
            return False
        option = QStyleOptionComboBox()
        box.initStyleOption(option)
        edge = QStyle.SubControl.SC_ComboBoxEditField
        kind = QStyle.ComplexControl.CC_ComboBox
        room = box.style().subControlRect(kind, option, edge, box).width()
        elide = Qt.TextElideMode.ElideRight
        option.currentText = option.fontMetrics.elidedText(option.currentText, elide, room)
        painter = QStylePainter(box)
        painter.drawComplexControl(kind, option)
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)
        return True


def with_dots(box: QComboBox) -> QComboBox:
    """Let a combo box end an entry that is too long for it in dots."""
    box.installEventFilter(_Dots(box))
    return box


def combo(tip: str) -> QComboBox:
    """A combo box that may be narrower than its longest entry, which ends in dots there."""
    made = unturned(with_dots(QComboBox()))
    made.setToolTip(tip)
    made.setAccessibleName(tip)
    made.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
    # Letters typed after a choice are keys of the window, not a search in the list.
    made.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return made


def fill(box: QComboBox, entries: Iterable[tuple[str, Any]], at: int) -> None:
    """Let a combo box offer words, each with what it stands for, the chosen one; nobody is told."""
    with signals_blocked(box):
        box.clear()
        for words, data in entries:
            box.addItem(words, data)
        box.setCurrentIndex(at)


def row(items: Iterable[QWidget | int | tuple[QWidget, int]]) -> QHBoxLayout:
    """Widgets side by side; a number is a stretch, a pair a widget with its stretch."""
    layout = QHBoxLayout()
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(6)
    for item in items:
        if isinstance(item, int):
            layout.addStretch(item)
        elif isinstance(item, tuple):
            layout.addWidget(*item)
        else:
            layout.addWidget(item)
    return layout


def strip(items: Iterable[QWidget | int | tuple[QWidget, int]]) -> QWidget:
    """A `row` that can be shown and hidden as a whole."""
    made = QWidget()
    made.setLayout(row(items))
    return made


def rule() -> QFrame:
    """A thin line between two parts."""
    made = QFrame()
    made.setProperty("role", "rule")
    made.setFixedHeight(1)
    return made


def check(words: str, tip: str) -> QCheckBox:
    """A box to tick."""
    made = QCheckBox(words)
    made.setToolTip(tip)
    # The keys of the window must not end in a box that was ticked last.
    made.setFocusPolicy(Qt.FocusPolicy.TabFocus)
    return made


class Block(QWidget):
    """What stands below each other, as wide as there is room for.

    Args:
        spacing: pixels between two of them.
    """

    def __init__(self, spacing: int = 4) -> None:
        super().__init__()
        self.body = QVBoxLayout(self)
        self.body.setContentsMargins(0, 0, 0, 0)
        self.body.setSpacing(spacing)

    def below(self, *items: QWidget | QLayout | list[Any]) -> None:
        """Put more below; a list is a `row`."""
        for item in items:
            if isinstance(item, QWidget):
                self.body.addWidget(item)
            else:
                self.body.addLayout(row(item) if isinstance(item, list) else item)


class Section(Block):
    """A part of the dock with a title and a thin line above it.

    Args:
        title: in a line of its own; empty for none.
        ruled: whether there is a line above.
        beside: shown at the right of the title.
    """

    def __init__(self, title: str, ruled: bool = True, beside: Sequence[QWidget] = ()) -> None:
        super().__init__()
        if ruled:
            self.below(rule())
        if title:
            head = line("section")
            head.setText(title)
            self.below([(head, 1), *beside])


class Lines(Block):
    """Sentences below each other, a little apart."""

    def __init__(self) -> None:
        super().__init__(spacing=5)
        self._lines: list[QLabel] = []

    def say(self, lines: Sequence[str]) -> None:
        """Say others; nothing where there are none."""
        while len(self._lines) < len(lines):
            self._lines.append(text(""))
            self.below(self._lines[-1])
        for at, label in enumerate(self._lines):
            say(label, lines[at] if at < len(lines) else "")
        self.setVisible(bool(lines))

    def text(self) -> str:
        """All that is said, a line each."""
        return "\n".join(label.text() for label in self._lines if label.text())


def column(*panels: QWidget, margins: tuple[int, int, int, int] = (0, 0, 0, 0)) -> Block:
    """Panels below each other."""
    made = Block(spacing=6)
    made.body.setContentsMargins(*margins)
    made.below(*panels)
    return made
