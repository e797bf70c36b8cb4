"""What a direction would do, before anybody walks it: which voxels change, and how."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from psygnal import Signal

from napari_ssn.session.walk import Walk

if TYPE_CHECKING:
    from napari_ssn.prediction.prediction import Prediction

#: Values of the map: where walking either way adds something to the hypothesis on show, where it
#: takes something away, and where one label gives way to another.
ADDED, TAKEN, EXCHANGED = 1, 2, 3
# Standard deviations either way, as the effects in the names of directions.
_REACH = 2.0


class EffectMap:
    """Labels at −2 and +2 σ of a direction against those on show, while somebody asks.

    Of another direction than the one that is walked against those at its 0, where it begins.

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
        # What the map that is to be seen depends on.
        self._start: Any = None
        walk.moved.connect(self._follow)

    def begin(self, result: Prediction) -> None:
        """A new result: nobody has asked about it yet."""
        self.hide()

    def show(self, direction: int) -> None:
        """Show what walking a direction changes."""
        start = self._key()
        if (direction, start) != (self.direction, self._start) and self._walk.run is not None:
            self.direction, self._start = direction, start
            self.changed.emit()

    def hide(self) -> None:
        """Show it no longer."""
        if self.direction is not None:
            self.direction = None
            self.changed.emit()

    def labels(self, where: tuple[slice | int, ...]) -> NDArray[np.uint8] | None:
        """`ADDED`, `TAKEN`, `EXCHANGED` or 0 in a part of the region; None if none is shown."""
        if self.direction is None:
            return None
        walk, direction = self._walk, self.direction
        walked = direction == walk.choice.direction
        here = walk.label_map(where) if walked else walk.labels_at(direction, 0.0, where)
        low, high = (walk.labels_at(direction, t, where) for t in (-_REACH, _REACH))
        if here is None or low is None or high is None:
            return None
        return compared(here, low, high)

    def close(self) -> None:
        """Let go of who listens."""
        self.direction = None
        self.changed.disconnect()

    def _key(self) -> Any:
        return self._walk.choice, self._walk.directions

    def _follow(self) -> None:
        if self.direction is not None and self._key() != self._start:
            self._start = self._key()
            self.changed.emit()


def compared(
    here: NDArray[np.uint8], low: NDArray[np.uint8], high: NDArray[np.uint8]
) -> NDArray[np.uint8]:
    """How each voxel of a label map differs in either of two others of the same shape.

    Where one takes it away and the other gives it to another label, it is taken away.
    """
    out = np.zeros(here.shape, np.uint8)
    out[(here > 0) & ((low != here) | (high != here))] = EXCHANGED
    out[(here > 0) & ((low == 0) | (high == 0))] = TAKEN
    out[(here == 0) & ((low > 0) | (high > 0))] = ADDED
    return out
