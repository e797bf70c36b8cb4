"""What parts of the window hear of the viewer, until they let go of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any


class Listening:
    """Connects functions to events and signals, and takes all of that back at once."""

    def __init__(self) -> None:
        self._heard: list[tuple[Any, Callable[..., Any]]] = []

    def to(self, then: Callable[..., Any], *events: Any) -> None:
        """Call a function after any of some events from now on."""
        for event in events:
            event.connect(then)
            self._heard.append((event, then))

    def stop(self) -> None:
        """Hear of none of them any more."""
        for event, then in self._heard:
            event.disconnect(then)
        self._heard.clear()
