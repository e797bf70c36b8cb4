"""Ask by outcome: how likely a size or a place is, and go on with the hypotheses that have it."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING

from qtpy.QtCore import Qt
from qtpy.QtWidgets import QDoubleSpinBox, QSizePolicy, QWidget
from superqt.utils import signals_blocked

from napari_ssn.gui.widgets.parts import Block, button, combo, line, row, set_role, text
from napari_ssn.gui.widgets.wheel import unturned
from napari_ssn.prediction.choice import Question
from napari_ssn.session import Session
from napari_ssn.text import asking as said
from napari_ssn.text.dock import CLICK_OR_ESCAPE
from napari_ssn.text.sizes import capital, cut

if TYPE_CHECKING:
    # These modules import torch, which only the worker does.
    from napari_ssn.prediction.prediction import Prediction

# Letters of a label's name beside the size that is asked about.
_LONG = 15
_KINDS = (("at least", "at least"), ("at most", "at most"), ("reaches", "reaches"))


class OutcomePanel(Block):
    """A question, behind a button that stands elsewhere; below it what was gone on with.

    Attributes:
        toggle: unfolds the question.
    """

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        # Whether the size in the box is a person's, or follows the result.
        self._typed = False
        self.toggle = button("Ask…", said.ASK_TIP, "small")
        self.toggle.setCheckable(True)
        self.label = combo("Label that is asked about")
        self.kind = combo("What is asked of it")
        for value, words in _KINDS:
            self.kind.addItem(words, value)
        self.size = unturned(QDoubleSpinBox())
        self.size.setAccessibleName("Size that is asked about")
        self.size.setRange(0, 1e9)
        self.size.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.size.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        self.size.setKeyboardTracking(False)
        self.size.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        self.ask = button("Ask", "Find out in how many hypotheses that is so")
        self.pick = button("Click a voxel", "Then click on the image; Escape ends")
        self.pick.setCheckable(True)
        self.answer = text("", "muted")
        self.keep = button("Only these", "Go on with the hypotheses in which it is so", "small")
        self._lay_out()
        self.toggle.toggled.connect(self._toggled)
        self.kind.activated.connect(self.refresh)
        self.size.valueChanged.connect(self._typing)
        self.ask.clicked.connect(self._ask)
        self.pick.clicked.connect(self._picking)
        self.keep.clicked.connect(session.asking.go_on)
        session.found.connect(self._found)
        session.changed.connect(self.refresh)
        session.asking.changed.connect(self.refresh)
        session.walk.moved.connect(self.follow)
        self.refresh()

    def _lay_out(self) -> None:
        self.asked = Block()
        self.asked.below(
            self.label,
            [(self.kind, 5), (self.size, 6), (self.pick, 6), self.ask],
            [(self.answer, 1), self.keep],
        )
        self.asked.hide()
        self._conditions = Block(spacing=2)
        self.below(self.asked, self._conditions)
        self._rows: list[tuple[Question, QWidget]] = []

    # ---- From the person

    def _toggled(self, on: bool) -> None:
        self.asked.setVisible(on)
        if not on:
            self._session.asking.drop()
        self.refresh()

    def _typing(self) -> None:
        self._typed = True

    def _picking(self, on: bool) -> None:
        if on:
            self._session.aim(self._label)
        else:
            self._session.asking.stop()
        self.refresh()

    def _ask(self) -> None:
        result = self._session.result
        if result is not None:
            each, _ = result.measure.scale
            voxels = self.size.value() / each
            self._session.asking.ask(Question(self.kind.currentData(), self._label, voxels))

    @property
    def _label(self) -> int:
        return max(0, int(self.label.currentIndex())) + 1

    # ---- To the person

    def _found(self, result: Prediction) -> None:
        """Offer the labels and the unit of another result."""
        self.label.clear()
        self.label.addItems([capital(name) for name in result.labels[1:]])
        each, unit = result.measure.scale
        # A step of about a voxel where these are large, and never finer than it is said.
        decimals = min(3, max(0, math.ceil(-math.log10(each)))) if unit == "mL" else 0
        self.size.setDecimals(decimals)
        self.size.setSingleStep(max(each, 10.0**-decimals))
        self.size.setSuffix(f" {unit}")
        self._typed = False

    def refresh(self) -> None:
        """Show the question, the answer and the conditions."""
        session, asking, result = self._session, self._session.asking, self._session.result
        self.setVisible(result is not None and (self.toggle.isChecked() or bool(asking.only)))
        self.setEnabled(asking.usable)
        if result is None:
            return
        self.label.setVisible(len(result.labels) > 2)
        reaches = self.kind.currentData() == "reaches"
        self.size.setVisible(not reaches)
        self.ask.setVisible(not reaches)
        self.pick.setVisible(reaches)
        self.pick.setChecked(asking.label is not None)
        if not self._typed and session.ranges is not None:
            each, _ = result.measure.scale
            with signals_blocked(self.size):
                self.size.setValue(session.ranges.ranges[self._label - 1].median * each)
        self._show_answer(result)
        self.follow()

    def _show_answer(self, result: Prediction) -> None:
        asking, answer = self._session.asking, self._session.asking.answer
        words, unusable = asking.words
        if asking.label is not None:
            words = CLICK_OR_ESCAPE
        if not words and self.kind.currentData() == "reaches":
            words = said.PRESS_AND_CLICK
        self.answer.setText(words or said.WHAT_IS_ANSWERED)
        set_role(self.answer, "warn" if unusable else "muted" if answer is None else "")
        told = ""
        if answer is not None:
            name = result.labels[answer.question.label]
            asked = said.question_line(result.measure, name, *answer.question.asked)
            tip = said.answer_tip(answer.rare, answer.usable, answer.effective, answer.reliable)
            told = f"{asked}. {tip}"
        self.answer.setToolTip(told)
        self.keep.setVisible(answer is not None and answer.usable)

    def follow(self) -> None:
        """Show the conditions, and which of them do not hold where the slider stands."""
        result, only = self._session.result, self._session.asking.only
        if result is None:
            return
        if [question for question, _ in self._rows] != list(only):
            self._list(only)
            self.setVisible(self.toggle.isChecked() or bool(only))
        if not only:
            return
        broken, effective = self._session.asking.broken, self._session.asking.effective
        for question, shown in self._rows:
            name = result.labels[question.label]
            measure, here = result.measure, question not in broken
            words = f"Only: {said.question_line(measure, cut(name, _LONG), *question.asked)}"
            shown.words.setText(words if here else f"{words} · not here")
            whole = f"Only: {said.question_line(measure, name, *question.asked)}"
            shown.words.setToolTip(f"{whole}. {said.condition_tip(effective, not here)}")
            set_role(shown.words, "warn" if question in broken else "")

    def _list(self, only: tuple[Question, ...]) -> None:
        for _, old in self._rows:
            self._conditions.body.removeWidget(old)
            old.deleteLater()
        self._rows = []
        for question in only:
            shown = _Condition()
            shown.gone.clicked.connect(partial(self._remove, question))
            self._conditions.below(shown)
            self._rows.append((question, shown))

    def _remove(self, question: Question, checked: bool = False) -> None:
        self._session.asking.remove(question)


class _Condition(QWidget):
    """What is so in all hypotheses that are left, with a button that takes it away."""

    def __init__(self) -> None:
        super().__init__()
        self.words = line()
        self.gone = button("×", "Go back to all hypotheses in which this need not be so", "small")
        self.gone.setAccessibleName("Remove the condition")
        self.setLayout(row([(self.words, 1), self.gone]))
