"""What the parts of a session have in common: a result comes on show, is left, and come back to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_ssn.session.derived import Derived

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


def silence(part: object) -> None:
    """Let go of who listens to any signal of a part."""
    for kind in type(part).__mro__:
        for name, one in vars(kind).items():
            if isinstance(one, Signal):
                getattr(part, name).disconnect()
