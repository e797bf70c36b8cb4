"""The way back: steps that can be taken back, and made again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari_ssn.prediction.choice import Choice

#: Steps that undo can take back, and redo make again.
UNDO_STEPS = 10


class History:
    """Where somebody stood before the present step, and after steps that were taken back."""

    def __init__(self) -> None:
        self._before: list[Choice] = []
        self._after: list[Choice] = []

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

    def undo(self, here: Choice) -> Choice | None:
        """Where one stood a step before, if there was one."""
        if not self._before:
            return None
        self._after.append(here)
        return self._before.pop()

    def redo(self, here: Choice) -> Choice | None:
        """Where one stood before a step was taken back, if one was."""
        if not self._after:
            return None
        self._before.append(here)
        return self._after.pop()

    def keep(self, wanted: Callable[[Choice], bool]) -> None:
        """Keep only some of the places."""
        self._before = list(filter(wanted, self._before))
        self._after = list(filter(wanted, self._after))

    def change(self, changed: Callable[[Choice], Choice]) -> None:
        """Have others in the place of all of them."""
        self._before = list(map(changed, self._before))
        self._after = list(map(changed, self._after))

    def clear(self) -> None:
        """Forget all steps."""
        self._before.clear()
        self._after.clear()

    def leave(self) -> Any:
        """See `Leaving`."""
        return tuple(self._before), tuple(self._after)

    def resume(self, left: Any) -> None:
        """See `Leaving`."""
        self._before, self._after = map(list, left)
