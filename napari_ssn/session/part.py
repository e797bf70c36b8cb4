"""What the parts of a session have in common: a result comes on show, is left, and come back to."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_ssn.errors import Cancel
from napari_ssn.session.derived import Derived
from napari_ssn.session.runner import Runner

if TYPE_CHECKING:
    # This module imports torch, which only the worker does.
    from napari_ssn.prediction.prediction import Prediction


class SessionPart:
    """Knows something of the result on show. What a part does not say is as here."""

    _result: Prediction | None = None

    def begin(self, result: Prediction) -> None:
        """Another result is there, of which nothing is known."""
        self._result = result
        for one in self._derived:
            one.forget()

    def renew(self, result: Prediction) -> None:
        """It is the same run with another spread: to most parts that is another result."""
        self.begin(result)

    def leave(self) -> Any:
        """All that there is to come back to, of the result on show."""
        return None

    def resume(self, left: Any) -> None:
        """Come back to what was left of a result that has just begun; nobody is told."""

    def close(self) -> None:
        """Let go of the result, of what follows from it, and of who listens."""
        self._result = None
        for one in self._derived:
            one.close()
        silence(self)

    @property
    def _derived(self) -> list[Derived[Any, Any]]:
        """What follows from the result, and is found out while somebody waits."""
        return [one for one in vars(self).values() if isinstance(one, Derived)]


class Busy(SessionPart):
    """A part that does one thing at a time, which takes a while.

    Attributes:
        changed: signal: it has begun or ended, or something came of it.
        busy: whether something is under way.
    """

    changed = Signal()
    busy = False
    _channel: str
    _runner: Runner
    _tell: Callable[[str, bool], None]

    def begin(self, result: Prediction) -> None:
        """A new result: what is under way is of another one."""
        super().begin(result)
        self._runner.cancel(self._channel)
        self.busy = False

    def _start(self, find: Callable[[Cancel], Any], done: Callable[[Any], None]) -> None:
        def ended(found: Any) -> None:
            self.busy = False
            done(found)
            self.changed.emit()

        self.busy = True
        self._tell("", False)
        self.changed.emit()
        self._runner.submit(
            self._channel, lambda progress, cancel: find(cancel), ended, self._failed
        )

    def _failed(self, text: str) -> None:
        self.busy = False
        self._tell(text, True)
        self.changed.emit()


def silence(part: object) -> None:
    """Let go of who listens to any signal of a part."""
    for kind in type(part).__mro__:
        for name, one in vars(kind).items():
            if isinstance(one, Signal):
                getattr(part, name).disconnect()
