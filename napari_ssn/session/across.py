"""Diameters of the hypothesis on show, measured while somebody looks at it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from napari_ssn.errors import Cancel
from napari_ssn.prediction.choice import Choice
from napari_ssn.session import jobs
from napari_ssn.session.derived import Derived
from napari_ssn.session.part import SessionPart
from napari_ssn.session.runner import Runner
from napari_ssn.session.walk import Walk

if TYPE_CHECKING:
    # These modules import torch, which only the worker does.
    from napari_ssn.core.summaries.lesions import Lesions
    from napari_ssn.geometry.diameters import Diameter
    from napari_ssn.prediction.prediction import Prediction

    Diameters = Derived[tuple[Prediction, Choice], tuple[Diameter, ...]]


class Across(SessionPart):
    """Keeps the diameters in step with the hypothesis on show; a slider that is held waits.

    Attributes:
        found: of each label but the background.

    Args:
        runner: measures.
        walk: says what is on show.
        failed: is told, in one sentence, when measuring fails.
    """

    def __init__(self, runner: Runner, walk: Walk, failed: Callable[[str], None]) -> None:
        self.found: Diameters = Derived(runner, "across", self._measured, failed)
        self._walk = walk
        self._lesions: Lesions | None = None
        walk.moved.connect(self._measure)

    def begin(self, result: Prediction) -> None:
        """A new result, or another spread of it: nothing of it is measured yet."""
        super().begin(result)
        self.found.forget()

    def leave(self) -> Any:
        """See `SessionPart`."""
        return self.found.leave()

    def resume(self, left: Any) -> None:
        """See `SessionPart`."""
        self.found.resume(left)

    @property
    def here(self) -> tuple[Diameter, ...] | None:
        """Of each label but the background; None while it is being measured."""
        known = self.found.key == (self._result, self._walk.choice)
        return self.found.value if known else None

    def _measure(self) -> None:
        if self._result is not None and not self._walk.held:
            self._lesions = self._walk.lesions
            self.found.want((self._result, self._walk.choice))

    def _measured(self, key: tuple[Prediction, Choice], cancel: Cancel) -> tuple[Diameter, ...]:
        return jobs.across_job(*key, self._lesions)
