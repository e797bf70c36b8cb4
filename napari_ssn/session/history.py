"""The way back: steps that can be taken back, and made again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from napari_ssn.prediction.choice import Choice

#: Steps that undo can take back, and redo make again.
UNDO_STEPS = 10


@dataclass(frozen=True, eq=False)
class Deed:
    """A step that leads to no other hypothesis: a layer that came or went, a member left out.

    Attributes:
        undo, redo: take it back, and do it again; each is called when the other, or the deed
            itself, was the last to be done.
    """

    undo: Callable[[], None]
    redo: Callable[[], None]


class History:
    """Where somebody stood before the present step, and after steps that were taken back."""

    def __init__(self) -> None:
        self._before: list[Choice | Deed] = []
        self._after: list[Choice | Deed] = []

    @property
    def can_undo(self) -> bool:
        """Whether there is a step to go back."""
        return bool(self._before)

    @property
    def can_redo(self) -> bool:
        """Whether a step that was taken back can be made again."""
        return bool(self._after)

    def step(self, here: Choice, same_gesture: bool = False) -> None:
        """Somebody goes on from here; within one gesture only its beginning is come back to."""
        if not same_gesture:
            self._before = [*self._before, here][-UNDO_STEPS:]
        self._after.clear()

    def did(self, deed: Deed) -> None:
        """Somebody has done something, and stands where they stood."""
        self._before = [*self._before, deed][-UNDO_STEPS:]
        self._after.clear()

    def undid(self, deed: Deed) -> None:
        """Somebody has taken something back before this history began."""
        self._after.append(deed)

    def undo(self, here: Choice) -> Choice | None:
        """Take a step back: where one stood before it; None where one stands there already."""
        step = self._before.pop() if self._before else None
        if isinstance(step, Deed):
            self._after.append(step)
            step.undo()
            return None
        if step is not None:
            self._after.append(here)
        return step

    def redo(self, here: Choice) -> Choice | None:
        """Make a step again: where one stood after it; None where one stands there already."""
        step = self._after.pop() if self._after else None
        if isinstance(step, Deed):
            self._before.append(step)
            step.redo()
            return None
        if step is not None:
            self._before.append(here)
        return step

    def keep(self, wanted: Callable[[Choice], bool]) -> None:
        """Keep only some of the places, and all deeds."""

        def stays(step: Choice | Deed) -> bool:
            return isinstance(step, Deed) or wanted(step)

        self._before = list(filter(stays, self._before))
        self._after = list(filter(stays, self._after))

    def change(self, changed: Callable[[Choice], Choice]) -> None:
        """Have others in the place of all places."""

        def anew(step: Choice | Deed) -> Choice | Deed:
            return step if isinstance(step, Deed) else changed(step)

        self._before = list(map(anew, self._before))
        self._after = list(map(anew, self._after))

    def clear(self) -> None:
        """Forget all steps."""
        self._before.clear()
        self._after.clear()

    def leave(self) -> Any:
        """See `SessionPart`."""
        return tuple(self._before), tuple(self._after)

    def resume(self, left: Any) -> None:
        """See `SessionPart`."""
        self._before, self._after = map(list, left)
