"""Pictures of many hypotheses, made when somebody wants to see them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_ssn import prediction
from napari_ssn.errors import Cancel
from napari_ssn.prediction.wish import KINDS, SEED, Kind, Wish
from napari_ssn.session.derived import Derived
from napari_ssn.session.part import SessionPart
from napari_ssn.session.runner import Runner
from napari_ssn.text.overview import shares

if TYPE_CHECKING:
    # These modules import torch, which only the worker does.
    from napari_ssn.prediction.overview import Overview
    from napari_ssn.prediction.prediction import Prediction
    from napari_ssn.session.walk import Walk

    Wished = tuple[Prediction, Wish]


class Overviews(SessionPart):
    """Makes the pictures that somebody wants to see, and keeps them in step with the points.

    Attributes:
        changed: signal: a picture was made, or another is wanted, or none.
        wanted: kinds that are to be shown; they stay wanted from run to run.
        label: whose; None for all but the background together.

    Args:
        runner: makes them.
        walk: says what was pointed at, and which draws are stepped through.
        failed: is told, in one sentence, when one cannot be made.
    """

    changed = Signal()

    def __init__(self, runner: Runner, walk: Walk, failed: Callable[[str], None]) -> None:
        self.wanted: frozenset[Kind] = frozenset()
        self.label: int | None = None
        self._walk, self._failed = walk, failed
        self._labels: tuple[str, ...] = ()
        self._found: dict[Kind, Derived[Wished, Overview]] = {
            kind: Derived(runner, kind, _made, partial(self._not_made, kind)) for kind in KINDS
        }
        for one in self._found.values():
            one.changed.connect(self.changed.emit)
        walk.moved.connect(self._follow)

    def begin(self, result: Prediction) -> None:
        """Nothing is known of a new result; `make` begins to find out."""
        if result.labels != self._labels:
            # Of another model the same number is another label.
            self._labels, self.label = result.labels, None
        super().begin(result)

    def leave(self) -> Any:
        """See `SessionPart`."""
        return self.label, {kind: found.leave() for kind, found in self._found.items()}

    def resume(self, left: Any) -> None:
        """See `SessionPart`."""
        self.label, known = left
        for kind in self.wanted:
            self._found[kind].resume(known[kind])

    def make(self) -> None:
        """Make what is wanted and not there."""
        for kind, found in self._found.items():
            wish = self._wish(kind)
            if wish is not None and self._result is not None:
                found.want((self._result, wish))

    def show(self, kind: Kind, on: bool) -> None:
        """Show a picture from now on, or no longer."""
        if on == (kind in self.wanted):
            return
        self.wanted = self.wanted | {kind} if on else self.wanted - {kind}
        if not on:
            self._found[kind].forget()
        self.make()
        self.changed.emit()

    def set_label(self, label: int | None) -> None:
        """Make pictures of another label, or of all together."""
        if label != self.label:
            self.label = label
            self.make()
            self.changed.emit()

    def of(self, kind: Kind) -> Overview | None:
        """The picture of a kind; while another is being made, the former one."""
        return self._found[kind].value

    @property
    def shares(self) -> tuple[str, str, str]:
        """What is said of the outer, median and inner line."""
        found = self.of("contours")
        return shares("" if found is None else found.noun)

    def current(self, kind: Kind) -> bool:
        """Whether the picture of a kind is about what is asked for now."""
        return self._found[kind].current is not None

    def _wish(self, kind: Kind) -> Wish | None:
        result = self._result
        if result is None or kind not in self.wanted:
            return None
        # A boxplot names draws by their numbers: those that one steps through.
        seed = self._walk.choice.seed if kind == "boxplot" else SEED
        choice = self._walk.choice
        return Wish(kind, result.run, self.label, choice.points, choice.only, seed)

    def _follow(self) -> None:
        if self._result is None or self._walk.run != self._result.run:
            return
        before = [one.wanted for one in self._found.values()]
        self.make()
        if before != [one.wanted for one in self._found.values()]:
            self.changed.emit()

    def _not_made(self, kind: Kind, text: str) -> None:
        # Not wanted any more, or it would be greyed for good.
        self.wanted = self.wanted - {kind}
        self._found[kind].forget()
        self.changed.emit()
        self._failed(text)

    @property
    def _derived(self) -> list[Derived[Any, Any]]:
        return [*self._found.values()]


def _made(wished: Wished, cancel: Cancel) -> Overview:
    return prediction.overview.make_overview(*wished, cancel)
