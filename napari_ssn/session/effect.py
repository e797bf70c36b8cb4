"""What a direction would do, before anybody walks it: where the border would run."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_ssn.prediction.choice import Choice
from napari_ssn.session.part import SessionPart
from napari_ssn.session.walk import Walk

if TYPE_CHECKING:
    from napari_ssn.prediction.prediction import Prediction

# Standard deviations either way, as far as the effects in the names of directions go, and parts of
# it: at an end there may be nothing left to have a border.
_STEPS = (0.5, 1.0, 2.0)


class Effect(SessionPart):
    """Hypotheses on the way along a direction, while somebody asks.

    Attributes:
        changed: signal: another direction is to be seen, or none.
        direction: index of the one to be seen; None for none.

    Args:
        walk: says where the directions start from.
    """

    changed = Signal()

    def __init__(self, walk: Walk) -> None:
        self.direction: int | None = None
        self._walk = walk

    def begin(self, result: Prediction) -> None:
        """A new result: nobody has asked about it yet."""
        self.hide()

    def renew(self, result: Prediction) -> None:
        """Somebody looks on, at where the border would run now."""

    def show(self, direction: int) -> None:
        """Show what walking a direction changes."""
        if direction != self.direction and self._walk.run is not None:
            self.direction = direction
            self.changed.emit()

    def hide(self) -> None:
        """Show it no longer."""
        if self.direction is not None:
            self.direction = None
            self.changed.emit()

    @property
    def ways(self) -> tuple[tuple[Choice, ...], tuple[Choice, ...]]:
        """From ½ to 2 σ down the direction, and up it; empty if none is to be seen."""
        if self.direction is None:
            return (), ()
        choice = self._walk.choice
        start = replace(choice.anchor, basis=choice.basis, direction=self.direction)
        low, high = self._walk.here.ends(self.direction)
        down = tuple(replace(start, sigma=max(low, -step)) for step in _STEPS)
        return down, tuple(replace(start, sigma=min(high, step)) for step in _STEPS)
