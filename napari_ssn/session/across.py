"""Diameters of the hypothesis on show, measured while somebody looks at it."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_ssn.session.decoding import across_in, hypothesis_of
from napari_ssn.session.records import Choice, Result
from napari_ssn.session.runner import Runner
from napari_ssn.session.walk import Walk

if TYPE_CHECKING:
    from napari_ssn.core.diameters import Diameter
    from napari_ssn.core.lesions import Lesions


class Across:
    """Keeps the diameters in step with the hypothesis on show; a slider that is held waits.

    Attributes:
        changed: signal: they are known of another hypothesis.

    Args:
        runner: measures.
        walk: says what is on show.
        failed: is told, in one sentence, when measuring fails.
    """

    changed = Signal()

    def __init__(self, runner: Runner, walk: Walk, failed: Callable[[str], None]) -> None:
        self._runner, self._walk, self._failed = runner, walk, failed
        self._result: Result | None = None
        self._found: tuple[Choice, tuple[Diameter, ...]] | None = None
        self._asked: Choice | None = None
        walk.moved.connect(self._measure)

    def begin(self, result: Result) -> None:
        """A new result, or another spread of it: nothing of it is measured yet."""
        self._result, self._found, self._asked = result, None, None
        self._runner.cancel("across")

    @property
    def here(self) -> tuple[Diameter, ...] | None:
        """Of each label but the background; None while it is being measured."""
        if self._found is None or self._found[0] != self._walk.choice:
            return None
        return self._found[1]

    def close(self) -> None:
        """Let go of the result and of who listens."""
        self._result = self._found = self._asked = None
        self.changed.disconnect()

    def _measure(self) -> None:
        result, choice, lesions = self._result, self._walk.choice, self._walk.lesions
        if result is None or self._walk.held or choice == self._asked:
            return
        self._asked = choice
        self._runner.submit(
            "across",
            lambda progress, cancelled: across_job(result, choice, lesions),
            partial(self._measured, choice),
            self._failed,
        )

    def _measured(self, choice: Choice, found: tuple[Diameter, ...]) -> None:
        self._found = (choice, found)
        self.changed.emit()


def across_job(result: Result, choice: Choice, lesions: Lesions | None) -> tuple[Diameter, ...]:
    """Diameters of each label but the background in a hypothesis."""
    return across_in(result, hypothesis_of(result, choice, lesions).label_map)
