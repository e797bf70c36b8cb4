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

    def step(self, here: Choice | Deed, same_gesture: bool = False) -> None:
        """Somebody goes on from here, or has done something and stands where they stood.

        Args:
            here: where they stood, or what was done.
            same_gesture: whether it goes with the step before; its beginning is come back to.
        """
        if not same_gesture:
            self._before = [*self._before, here][-UNDO_STEPS:]
        self._after.clear()

    def undid(self, deed: Deed) -> None:
        """Somebody has taken something back before this history began."""
        self._after.append(deed)

    def undo(self, here: Choice) -> Choice | None:
        """Take a step back: where one stood before it; None where one stands there already."""
        return _turned(self._before, self._after, here, lambda deed: deed.undo())

    def redo(self, here: Choice) -> Choice | None:
        """Make a step again: where one stood after it; None where one stands there already."""
        return _turned(self._after, self._before, here, lambda deed: deed.redo())

    def change(self, changed: Callable[[Choice], Choice | None]) -> None:
        """Have others in the place of all places; None where one is come back to no more."""
        for steps in (self._before, self._after):
            anew = (step if isinstance(step, Deed) else changed(step) for step in steps)
            steps[:] = [step for step in anew if step is not None]

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


def _turned(
    steps: list[Choice | Deed],
    others: list[Choice | Deed],
    here: Choice,
    do: Callable[[Deed], None],
) -> Choice | None:
    """Take the last of some steps, and remember the way back among others."""
    if not steps:
        return None
    step = steps.pop()
    if isinstance(step, Deed):
        others.append(step)
        do(step)
        return None
    others.append(here)
    return step
