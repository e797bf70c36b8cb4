"""Two scans beside each other: which of their places lie on one another, and what is seen there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_ssn import prediction
from napari_ssn.errors import Cancel
from napari_ssn.session.derived import Derived
from napari_ssn.session.part import silence
from napari_ssn.session.results import Entry, Results
from napari_ssn.session.runner import Runner
from napari_ssn.session.sides import Side
from napari_ssn.text.follow import LAYING, NOT_ON_SCAN, OUTSIDE_OTHER, laid_by, linked_by

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    # These modules import torch, which only the worker does.
    from napari_ssn.io.registration import Motion
    from napari_ssn.prediction.followed import Followed, View
    from napari_ssn.prediction.registered import Laid


@dataclass(frozen=True)
class _Pair:
    """What is laid on each other."""

    one: Followed
    two: Followed


class Beside:
    """Links two scans by a shift, as a place of one lies on a place of the other.

    Or by a rigid registration around these places, where somebody wants that.

    Attributes:
        went: signal: a place of a result is to be shown.
        wanted: whether they are to be laid on each other by a registration.

    Args:
        runner: lays them on each other.
        sides: the two scans.
        results: says which result is on show.
        placed: is called when another place was set.
        tell: is told, in one sentence, what went wrong; an empty one for nothing any more.
    """

    went = Signal(Entry, tuple)

    def __init__(
        self,
        runner: Runner,
        sides: tuple[Side, Side],
        results: Results,
        placed: Callable[[], None],
        tell: Callable[[str, bool], None],
    ) -> None:
        self._sides, self._results = sides, results
        self._placed, self._tell = placed, tell
        # Places that somebody has set, by results.
        self._set: dict[tuple[object, ...], tuple[int, ...]] = {}
        self.wanted = False
        # How images lie on each other around places: points that are added change nothing of that.
        self._motions: dict[tuple[object, ...], Motion] = {}
        self._laid: Derived[_Pair, Laid] = Derived(runner, "follow-lay", self._lay, self._unlaid)
        self._laid.changed.connect(lambda: tell("", False))
        for side in sides:
            side.found.changed.connect(self.keep_up)

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
        pair, laid = self._pair, self._on_each_other
        if pair is None:
            return ""
        if laid is not None:
            return laid_by(laid.motion.degrees, laid.motion.alike)
        return LAYING if self.wanted else linked_by(pair.one.link, pair.two.link)

    @property
    def reach_mm(self) -> tuple[float, float]:
        """How far one can go from the places that lie on one another, along the slices."""
        return prediction.followed.ends_of(self.views)

    def pictures(self, offset_mm: float, side: int) -> tuple[NDArray[np.uint8] | None, ...]:
        """The same slice of both, of so many pixels; None of one that ends before.

        None at all where one is not seen.
        """
        views = self.views
        return tuple(prediction.followed.pictures(views, offset_mm, side)) if views else ()

    @property
    def views(self) -> list[View]:
        """Both as they are seen; none where one is not."""
        pair, laid = self._pair, self._on_each_other
        if pair is None:
            return []
        return [pair.one.view, pair.two.view if laid is None else laid.view]

    @property
    def _pair(self) -> _Pair | None:
        one, two = (side.seen for side in self._sides)
        return None if one is None or two is None else _Pair(one, two)

    @property
    def _on_each_other(self) -> Laid | None:
        """The later scan on the earlier one; None where they are linked by a shift."""
        return self._laid.value if self.wanted and self._laid.key == self._pair else None

    def lay(self, wanted: bool) -> None:
        """Lay them on each other by a registration, or link them by a shift."""
        self.wanted = wanted
        self._laid.forget()
        self._tell("", False)
        self.keep_up()

    def keep_up(self) -> None:
        """Lay those on each other that are seen now, where that is wanted."""
        if self.wanted and (pair := self._pair) is not None:
            self._laid.want(pair)

    def _lay(self, pair: _Pair, cancel: Cancel) -> Laid:
        views, scans = (pair.one.view, pair.two.view), (pair.one.scan, pair.two.scan)
        key = (*(one.image_sha256 for one in scans), pair.one.place, pair.two.place)
        motion = self._motions.get(key)
        if motion is None:
            motion = prediction.registered.motion_between(views, cancel)
            self._motions[key] = motion
        view = prediction.registered.laid_on(*views, motion)
        return prediction.registered.Laid(motion, view)

    def _unlaid(self, words: str) -> None:
        self.wanted = False
        self._tell(words, True)

    def close(self) -> None:
        """Let go of everything."""
        self._laid.close()
        silence(self)

    def link(self, voxel: tuple[int, ...] | None) -> None:
        """A voxel of the one on show lies on the place of the other from now on."""
        which = self.on_show
        entry = None if which is None else self._sides[which].entry
        if entry is None:
            return
        if voxel is None:
            self._tell(NOT_ON_SCAN, True)
            return
        self._set[entry.place] = voxel
        self._tell("", False)
        self._placed()

    def go_across(self, voxel: tuple[int, ...] | None) -> None:
        """Show the place of a voxel of the one on show in the other scan."""
        which = self.on_show
        if which is None or not self.views:
            return
        if voxel is None:
            self._tell(NOT_ON_SCAN, True)
            return
        here, there = self._sides[which], self._sides[1 - which]
        assert here.entry and here.seen and there.entry and there.seen
        sources = here.entry.prediction.source, there.entry.prediction.source
        if (laid := self._on_each_other) is not None:
            later = which > 0
            place = prediction.registered.carried(laid.motion, later, *sources, voxel)
        else:
            place = prediction.followed.shifted(
                sources[0], here.seen.place, sources[1], there.seen.place, voxel
            )
        if place is None:
            self._tell(OUTSIDE_OTHER, True)
            return
        self._tell("", False)
        self.went.emit(there.entry, place)
