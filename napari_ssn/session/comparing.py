"""The hypothesis on show against another one, kept up to date."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_ssn import prediction
from napari_ssn.errors import Cancel
from napari_ssn.prediction.choice import Choice
from napari_ssn.session.derived import Derived
from napari_ssn.session.part import SessionPart
from napari_ssn.session.runner import Runner

if TYPE_CHECKING:
    # These modules import torch, which only the worker does.
    from napari_ssn.prediction.comparison import Comparison
    from napari_ssn.prediction.prediction import Prediction
    from napari_ssn.session.walk import Walk

    Pair = tuple[Prediction, Choice, Choice]


class Comparing(SessionPart):
    """Keeps a comparison up to date while the user walks on.

    Attributes:
        changed: signal: another comparison, or none any more.
        other: what the hypothesis on show is compared with; None while nothing is.

    Args:
        runner: measures.
        walk: says what is on show.
        failed: is told, in one sentence, when measuring fails.
    """

    changed = Signal()

    def __init__(self, runner: Runner, walk: Walk, failed: Callable[[str], None]) -> None:
        self.other: Choice | None = None
        self._found: Derived[Pair, Comparison] = Derived(runner, "compare", self._compare, failed)
        self._found.changed.connect(self.changed.emit)
        self._walk = walk
        walk.moved.connect(self._measure)

    @property
    def found(self) -> Comparison | None:
        """The last comparison; of the hypothesis that was on show when it was made."""
        return self._found.value

    def begin(self, result: Prediction) -> None:
        """A new result: nothing of it is compared yet."""
        super().begin(result)
        self.compare_with(None)

    def compare_with(self, other: Choice | None) -> None:
        """Compare what is on show with another hypothesis from now on, or with none."""
        self.other = other
        self._found.forget()
        self._measure()
        self.changed.emit()

    def _measure(self) -> None:
        if self._result is not None and self.other is not None:
            self._found.want((self._result, self._walk.choice, self.other))

    def _compare(self, pair: Pair, cancel: Cancel) -> Comparison:
        return prediction.comparison.compare(*pair, self._walk.lesions)
