"""What pointing, asking and drawing share: somebody says what is so, if nothing hinders."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_ssn.session.part import SessionPart
from napari_ssn.session.runner import Runner
from napari_ssn.session.walk import Walk

if TYPE_CHECKING:
    # This module imports torch, which only the worker does.
    from napari_ssn.prediction.prediction import Prediction


@dataclass(frozen=True)
class Means:
    """What steering takes.

    Attributes:
        runner: does what takes a while.
        walk: holds what was said, so that undo and redo, a kept hypothesis and a sidecar know it.
        hindered: says why nothing can be said at the moment, in one sentence; None if it can.
        tell: is told what a person should know, in one sentence, and whether it is an error.
    """

    runner: Runner
    walk: Walk
    hindered: Callable[[], str | None]
    tell: Callable[[str, bool], None]


class Steering(SessionPart):
    """A way to say what is so in the result on show.

    Attributes:
        changed: signal: something else was said, or came of it.
        label: that the next click on the image means; None while clicks mean nothing here.
    """

    changed = Signal()
    label: int | None = None

    def __init__(self, means: Means) -> None:
        self._runner, self._walk = means.runner, means.walk
        self._hindered, self._tell = means.hindered, means.tell
        self._walk.moved.connect(self._follow)

    def begin(self, result: Prediction) -> None:
        """A new result: nobody has said anything of it."""
        super().begin(result)
        self.label = None

    @property
    def usable(self) -> bool:
        """Whether anything can be said."""
        return self._result is not None and self._hindered() is None

    def stop(self) -> None:
        """Clicks mean nothing here any more."""
        if self.label is not None:
            self.label = None
            self.changed.emit()

    def refresh(self) -> None:
        """The session's state changed: whether anything can be said may have."""
        if not self.usable:
            self.stop()

    def _ready(self) -> Prediction | None:
        """The result, if something can be said of it; what stands in the way is told."""
        hindered = self._hindered()
        if self._result is None or hindered is None:
            return self._result
        self._tell(hindered, True)
        return None

    def _failed(self, text: str) -> None:
        self._tell(text, True)

    def _follow(self) -> None:
        """Where one stands is another place."""
