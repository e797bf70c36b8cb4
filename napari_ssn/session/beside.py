"""Two scans beside each other: which of their places lie on one another, and what is seen there."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from napari_ssn import prediction
from napari_ssn.session.results import Entry, Results
from napari_ssn.session.sides import Side
from napari_ssn.text.follow import linked_by

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    # This module imports torch, which only the worker does.
    from napari_ssn.prediction.followed import View

_OUTSIDE = "That place lies outside the other scan."
_OFF = "The middle of the picture is not on the scan: bring the place you mean there."


class _Tell(Protocol):
    def __call__(self, words: str, error: bool = False) -> None: ...


class Beside:
    """Links two scans by a shift: a place of one lies on a place of the other.

    Args:
        sides: the two scans.
        results: says which result is on show.
        show: shows a result.
        look: shows a voxel of it.
        placed: is called when another place was set.
        tell: is told, in one sentence, what went wrong; an empty one for nothing any more.
    """

    def __init__(
        self,
        sides: tuple[Side, Side],
        results: Results,
        show: Callable[[Entry], None],
        look: Callable[[tuple[int, ...], bool], None],
        placed: Callable[[], None],
        tell: _Tell,
    ) -> None:
        self._sides, self._results = sides, results
        self._show, self._look = show, look
        self._placed, self._tell = placed, tell
        # Places that somebody has set, by results.
        self._set: dict[tuple[object, ...], tuple[int, ...]] = {}

    def place_of(self, entry: Entry) -> tuple[int, ...] | None:
        """The voxel that was set for a result; None if none was."""
        return self._set.get(entry.place)

    @property
    def on_show(self) -> int | None:
        """Which of the two is on show; None for neither."""
        current = self._results.current
        found = [k for k, side in enumerate(self._sides) if side.entry is current]
        return found[0] if current is not None and found else None

    @property
    def linked(self) -> str:
        """What the two are linked by; empty where there is nothing to see of one."""
        one, two = (side.seen for side in self._sides)
        return "" if one is None or two is None else linked_by(one.link, two.link)

    @property
    def reach_mm(self) -> tuple[float, float]:
        """How far one can go from the places that lie on one another, along the slices."""
        ends: tuple[float, float] = prediction.followed.ends_of(self.views)
        return ends

    def pictures(self, offset_mm: float) -> tuple[NDArray[np.uint8] | None, ...]:
        """The same slice of both; None of one that ends before, none where one is not seen."""
        views = self.views
        return tuple(prediction.followed.pictures(views, offset_mm)) if views else ()

    @property
    def views(self) -> list[View]:
        """Both as they are seen; none where one is not."""
        seen = [side.seen.view for side in self._sides if side.seen is not None]
        return seen if len(seen) == len(self._sides) else []

    def link(self, voxel: tuple[int, ...] | None) -> None:
        """A voxel of the one on show lies on the place of the other from now on."""
        which = self.on_show
        entry = None if which is None else self._sides[which].entry
        if entry is None:
            return
        if voxel is None:
            self._tell(_OFF, True)
            return
        self._set[entry.place] = voxel
        self._tell("")
        self._placed()

    def go_across(self, voxel: tuple[int, ...] | None) -> None:
        """Show the place of a voxel of the one on show in the other scan."""
        which = self.on_show
        if which is None or not self.views:
            return
        if voxel is None:
            self._tell(_OFF, True)
            return
        here, there = self._sides[which], self._sides[1 - which]
        assert here.entry and here.seen and there.entry and there.seen
        place = prediction.followed.shifted(
            here.entry.prediction.source,
            here.seen.place,
            there.entry.prediction.source,
            there.seen.place,
            voxel,
        )
        if place is None:
            self._tell(_OUTSIDE, True)
            return
        self._tell("")
        self._show(there.entry)
        self._look(place, True)
