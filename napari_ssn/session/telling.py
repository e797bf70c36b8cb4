"""The last thing worth telling somebody, in one sentence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

Beside = Literal["run", "export"]


@dataclass(frozen=True)
class Note:
    """The last thing worth telling: one sentence, whether something went wrong, and where."""

    text: str
    error: bool = False
    #: Beside which button it is said.
    at: Beside = "run"


class Teller:
    """Keeps the last thing worth telling.

    Attributes:
        note: None where there is nothing to tell.

    Args:
        changed: is called when there is another.
    """

    def __init__(self, changed: Callable[[], None]) -> None:
        self.note: Note | None = None
        self._changed = changed
        # What was on show when somebody last moved.
        self._left: object = None

    def tell(self, text: str, error: bool = False, at: Beside = "run") -> None:
        """Say something beside one of the buttons, in one sentence, or nothing any more."""
        self.note = Note(text, error, at) if text else None
        self._changed()

    def failed(self, text: str) -> None:
        """Say beside the run's button what went wrong, in one sentence."""
        self.tell(text, error=True)

    def moved(self, choice: object, activity: str | None) -> None:
        """Who shows another hypothesis has read what went wrong before.

        Args:
            choice: that is on show now.
            activity: what is under way, about which a note may still be.
        """
        before, self._left = self._left, choice
        if before != choice and self.note is not None and self.note.error and not activity:
            self.tell("")
