"""Asking by outcome: how likely something is, and going on where it is so."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, NamedTuple

from napari_ssn import prediction
from napari_ssn.core import given
from napari_ssn.errors import Cancel, GeometryError
from napari_ssn.prediction.choice import Point, Question
from napari_ssn.session.derived import Derived
from napari_ssn.session.steering import Means, Steering
from napari_ssn.text.asking import ASK_AGAIN, SO_ALREADY, answer_line

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_ssn.prediction.answer import Answer
    from napari_ssn.prediction.prediction import Prediction


class _Asked(NamedTuple):
    """A question, and what is so in the hypotheses that it is put to."""

    result: Prediction
    points: tuple[Point, ...]
    only: tuple[Question, ...]
    question: Question


def _find(asked: _Asked, cancel: Cancel) -> Answer:
    return prediction.answer.find_answer(*asked, cancel)


class Asking(Steering):
    """Puts questions to the hypotheses, and keeps to those that answer with yes.

    The conditions are part of the walk's choice, so that undo and redo, a kept hypothesis and a
    sidecar know them. A point that is placed or taken away ends them: they were asked of other
    hypotheses.

    Attributes:
        changed: signal: another answer, another voxel asked about, or other conditions.
        label: that the next click asks about; None while clicks ask nothing.
    """

    def __init__(self, means: Means) -> None:
        super().__init__(means)
        self._answer: Derived[_Asked, Answer] = Derived(means.runner, "ask", _find, self._failed)
        self._answer.changed.connect(self.changed.emit)
        self._seen: tuple[tuple[Point, ...], tuple[Question, ...]] = ((), ())

    def begin(self, result: Prediction) -> None:
        """A new result: nobody has asked anything of it."""
        super().begin(result)
        self._seen = ((), ())
        self.changed.emit()

    @property
    def question(self) -> Question | None:
        """That is being answered; None while none is."""
        asked = self._answer.wanted
        return asked.question if asked is not None and self._answer.waiting else None

    @property
    def answer(self) -> Answer | None:
        """To the last question; None before the first, and once it is about others."""
        return self._answer.current

    @property
    def only(self) -> tuple[Question, ...]:
        """What is so in all hypotheses that are gone on with."""
        return self._walk.choice.only

    @property
    def words(self) -> tuple[str, bool]:
        """The answer in one line, and whether it is one that cannot be gone on with."""
        answer = self.answer
        if answer is None:
            return ("Asking…", False) if self.question is not None else ("", False)
        return answer_line(
            answer.probability,
            answer.error,
            answer.rare,
            answer.usable,
            answer.reliable,
            answer.most,
        )

    @property
    def effective(self) -> float:
        """How many independent hypotheses those that are gone on with are worth."""
        if self._result is None or not self.only:
            return math.inf
        return self._result.given.outcome(self._walk.choice.points, self.only).effective

    @property
    def broken(self) -> tuple[Question, ...]:
        """Conditions that do not hold where the slider stands; sizes as far as they are known."""
        return tuple(one for one in self.only if not self._holds(one))

    # ---- Commands

    def ask(self, question: Question) -> None:
        """Find out how likely something is, given all that was said so far."""
        result = self._ready()
        if result is None:
            return
        if question in self.only:
            self._tell(SO_ALREADY, False)
            return
        if question.kind == "reaches":
            try:
                given.clicks.local_index(result.dist, question.index)
            except GeometryError as error:
                self._tell(str(error), True)
                return
        self._answer.want(_Asked(result, *self._seen, question))
        self._tell("", False)
        self.changed.emit()

    def go_on(self) -> None:
        """Keep to the hypotheses in which the answer to the last question is yes."""
        answer = self.answer
        if answer is not None and answer.usable and self.usable:
            self._walk.set_only((*self.only, answer.question))

    def remove(self, question: Question) -> None:
        """Take one of the conditions away."""
        kept = tuple(one for one in self.only if one != question)
        if kept == self.only:
            return
        if not kept:
            self._walk.set_only(())
            return
        result, points = self._result, self._walk.choice.points
        assert result is not None

        # What is left may be known no longer, and finding out takes a while.
        self._runner.submit(
            "ask",
            lambda progress, cancel: result.given.outcome(points, kept, cancel),
            lambda found: self._walk.set_only(kept),
            self._failed,
        )

    def aim(self, label: int) -> None:
        """From now on a click asks whether a label reaches its voxel."""
        if self.usable:
            self.label = label
            self.changed.emit()

    def drop(self) -> None:
        """Ask nothing any more; a question that is being answered is dropped."""
        self.label = None
        self._answer.forget()
        self.changed.emit()

    def ask_at(self, index: tuple[int, ...]) -> None:
        """Ask whether the label aimed with reaches a voxel of the source's grid, and stop."""
        label = self.label
        if label is not None:
            self.stop()
            self.ask(Question("reaches", label, index=index))

    # ---- What follows

    def _failed(self, text: str) -> None:
        self._answer.forget()
        super()._failed(text)
        self.changed.emit()

    def _holds(self, question: Question) -> bool:
        if question.kind == "reaches":
            return self._label_at(question.index) == question.label
        counts: NDArray[np.int64] | None = self._walk.counts
        if counts is None:
            return True
        size = int(counts[question.label])
        # As `Outcome` counts: a size that is exactly so many voxels is reached.
        if question.kind == "at least":
            return size >= math.ceil(question.voxels - 1e-9)
        return size <= question.voxels + 1e-9

    def _label_at(self, index: tuple[int, ...]) -> int | None:
        assert self._result is not None
        local = given.clicks.local_index(self._result.dist, index)
        found = self._walk.label_map(tuple(slice(i, i + 1) for i in local))
        return None if found is None else int(found.flat[0])

    def _follow(self) -> None:
        choice = self._walk.choice
        if (choice.points, choice.only) == self._seen:
            return
        points, only = self._seen
        self._seen = choice.points, choice.only
        self._answer.forget()
        if only and choice.points != points and not choice.only:
            self._tell(ASK_AGAIN, False)
        self.changed.emit()
