"""The members of an ensemble: what was chosen, what is left out, and what each outlined."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_ssn import prediction
from napari_ssn.io.formats import patterns
from napari_ssn.io.known import DICOM_SUFFIX
from napari_ssn.prediction.choice import Choice
from napari_ssn.session.history import UNDO_STEPS, Deed
from napari_ssn.session.part import SessionPart
from napari_ssn.session.records import Chosen
from napari_ssn.session.walk import Walk
from napari_ssn.text.ensembles import NOT_AT_HAND, TOO_FEW

if TYPE_CHECKING:
    from napari_ssn.core.members import Members
    from napari_ssn.prediction.prediction import Prediction

#: Of the names of files that a member may be, as a dialog asks for them.
MAP_PATTERNS = ("*.npz", *patterns(), f"*{DICOM_SUFFIX}")


@dataclass(frozen=True, eq=False)
class Row:
    """A member in the list of all that were chosen.

    Attributes:
        name: a fold's, or a number.
        counts: (C,) voxels of each label, its own; None where it was never read.
        at: which member of the result it is, from 0; None while it is left out.
    """

    name: str
    counts: NDArray[np.int64] | None
    at: int | None


_Sets = tuple[frozenset[int], ...]


class _From(NamedTuple):
    """What an ensemble was made from.

    Attributes:
        chosen: its members.
        left_out: those that were, by their numbers.
        before, after: that were left out in the runs that undo and redo go to, the next one last.
    """

    chosen: Chosen
    left_out: frozenset[int]
    before: _Sets = ()
    after: _Sets = ()


def _nothing() -> None:
    """The run that follows has steps of its own."""


class MemberList(SessionPart):
    """Lists the members of a result, and makes it anew without some of them.

    Attributes:
        changed: signal: other members, or another one is left out.
        again: signal: a run with those members, but without some numbers, is wanted.
        rows: one for each that was chosen; none where the result is a model's.

    Args:
        walk: shows one.
        tell: is told, in one sentence, what cannot be done.
    """

    changed = Signal()
    again = Signal(Chosen, frozenset)

    def __init__(self, walk: Walk, tell: Callable[[str, bool], None]) -> None:
        self.rows: tuple[Row, ...] = ()
        self._walk, self._tell = walk, tell
        # Of the run under way, and of the one that is about to begin the way back and on.
        self._running: _From | None = None
        self._steps: tuple[_Sets, _Sets] = ((), ())
        # Of every result of a run: one comes back to them.
        self._known: WeakKeyDictionary[Members, tuple[_From, tuple[Row, ...]]] = WeakKeyDictionary()
        self._shown: _From | None = None

    def run(self, chosen: Chosen | None, left_out: frozenset[int] = frozenset()) -> None:
        """A run begins, with those members or with a model."""
        self._running = None if chosen is None else _From(chosen, left_out, *self._steps)
        self._steps = ((), ())

    def ran(self, result: Prediction) -> None:
        """The run has ended with a result."""
        members, told, self._running = result.members, self._running, None
        if members is None or told is None:
            return
        known = self._shown is not None and self._shown.chosen is told.chosen
        before = dict(enumerate(self.rows)) if known else {}
        inside = iter(enumerate(zip(result.sources, members.counts, strict=True)))
        rows, names = [], told.chosen.names
        for number in range(len(members) + len(told.left_out)):
            if number in told.left_out:
                old = before.get(number, Row(str(number + 1), None, None))
                rows.append(Row(old.name, old.counts, None))
            else:
                at, ((_, name), counts) = next(inside)
                rows.append(Row(names[number] if names else name, counts, at))
        self._known[members] = (told, tuple(rows))

    def begin(self, result: Prediction) -> None:
        """List the members of a result."""
        self._result, members = result, result.members
        self._shown, self.rows = None, ()
        if members is not None and members in self._known:
            self._shown, self.rows = self._known[members]
        elif members is not None:
            # Of a study: its maps are not at hand.
            names = zip(result.sources, members.counts, strict=True)
            self.rows = tuple(Row(name, one, at) for at, ((_, name), one) in enumerate(names))
        if self._shown is not None:
            self._remember(self._shown)
        self.changed.emit()

    def _remember(self, shown: _From) -> None:
        """Let undo and redo lead to the runs before and after, with others left out."""
        chosen, here, before, after = shown
        back = Deed(lambda: self._go(chosen, before[-1], before[:-1], (*after, here)), _nothing)
        on = Deed(_nothing, lambda: self._go(chosen, after[-1], (*before, here), after[:-1]))
        if before:
            self._walk.did(back)
        if after:
            self._walk.history.undid(on)

    def _go(self, chosen: Chosen, left_out: frozenset[int], before: _Sets, after: _Sets) -> None:
        """Run again with others left out, from where undo and redo lead to more such runs."""
        self._steps = (before[-UNDO_STEPS:], after[-UNDO_STEPS:])
        self.again.emit(chosen, left_out)

    def renew(self, result: Prediction) -> None:
        """The same run with another spread has the same members."""
        self._result = result

    def choice(self, number: int) -> Choice | None:
        """What shows a member of the list; None while it is left out."""
        row = self.rows[number]
        if self._result is None or row.at is None:
            return None
        return prediction.crowd.member_choice(self._result, row.at)

    def show(self, number: int) -> None:
        """Show what a member outlined."""
        choice = self.choice(number)
        if choice is not None:
            self._walk.show(choice)

    def set_in(self, number: int, inside: bool) -> None:
        """Leave a member out, or take it in again: everything follows."""
        if self._shown is None:
            self._tell(NOT_AT_HAND, True)
            self.changed.emit()
            return
        chosen, left_out = self._shown.chosen, self._shown.left_out
        after = left_out - {number} if inside else left_out | {number}
        if len(self.rows) - len(after) < 2:
            self._tell(TOO_FEW, True)
            self.changed.emit()
        elif after != left_out:
            self._go(chosen, after, (*self._shown.before, left_out), ())

    def close(self) -> None:
        """Let go of the result and of who listens."""
        self.rows = ()
        self._running = self._shown = None
        self._known.clear()
        super().close()
