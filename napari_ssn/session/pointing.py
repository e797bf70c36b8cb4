"""Correcting by pointing: somebody gives single voxels a label, and every hypothesis follows."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from napari_ssn.core import given
from napari_ssn.errors import DataError, GeometryError, ServerError
from napari_ssn.prediction.choice import Point
from napari_ssn.session.places import Places
from napari_ssn.session.steering import Means, Steering
from napari_ssn.text.steering import ALL_AGREE, LATER_POINT, POINT_THERE, most_points, points_line

if TYPE_CHECKING:
    from napari_ssn.core.given.suggestion import Suggestion
    from napari_ssn.prediction.prediction import Prediction

#: Points at most: what that many cannot settle is quicker painted.
MOST = 100


class Pointing(Steering):
    """Places points, takes them away, and says how well the model explains them.

    The points themselves are part of the walk's choice, so that undo and redo, a kept hypothesis
    and a sidecar know them.

    Attributes:
        changed: signal: other points, another label to point with, or another suggestion.
        label: that the next points get; None while clicks are not points.
        suggested: voxel that is worth pointing at next; None until somebody asks.

    Args:
        means: of steering.
        places: moves the view to a suggestion.
    """

    def __init__(self, means: Means, places: Places) -> None:
        super().__init__(means)
        self.suggested: tuple[int, ...] | None = None
        self._places = places
        self._seen: tuple[Point, ...] = ()

    def begin(self, result: Prediction) -> None:
        """A new result: nobody has pointed at anything in it."""
        super().begin(result)
        self._seen = ()
        self._forget()
        self.changed.emit()

    def renew(self, result: Prediction) -> None:
        """The same run with another spread: the points stay, what they tell does not."""
        self._result = result
        self._forget()
        self.changed.emit()

    @property
    def points(self) -> tuple[Point, ...]:
        """Those that the hypothesis on show is given."""
        return self._walk.choice.points

    @property
    def log_evidence(self) -> float:
        """Natural logarithm of how likely the model alone, uncorrected, finds the points."""
        if self._result is None or not self.points:
            return 0.0
        return self._result.given.posterior(self.points).log_evidence_alone

    @property
    def words(self) -> tuple[str, bool]:
        """How many points there are and how well the model explains them; whether it cannot."""
        return points_line(len(self.points), self.log_evidence)

    # ---- Commands

    def start(self, label: int) -> None:
        """From now on a click gives a voxel this label."""
        if self.usable and self._result is not None:
            if not 0 <= label < self._result.dist.classes:
                raise ValueError(f"label: expected that of a label, got {label}")
            self.label = label
            self.changed.emit()

    def add(self, index: tuple[int, ...], label: int | None = None) -> None:
        """Give a voxel of the source's grid a label, by default the one pointed with.

        Of two labels for one voxel the later counts.
        """
        label = self.label if label is None else label
        result = None if label is None else self._ready()
        if result is None or label is None:
            return
        point, before = Point(tuple(index), label), self.points
        if point in before:
            self._tell(POINT_THERE, False)
            return
        kept = tuple(one for one in before if one.index != point.index)
        if len(kept) >= MOST:
            self._tell(most_points(MOST), True)
            return
        try:
            # What a point acts on beyond the model may lie anywhere around it.
            result.dist.complete()
            result.given.posterior((*kept, point))
        except (GeometryError, ServerError, DataError) as error:
            self._tell(str(error), True)
            return
        self._tell(LATER_POINT if len(kept) < len(before) else "", False)
        self._walk.set_points((*kept, point))

    def remove(self, points: Collection[Point]) -> None:
        """Take some points away; what was before them is exactly restored."""
        kept = tuple(point for point in self.points if point not in points)
        if kept != self.points:
            self._walk.set_points(kept)

    def clear(self) -> None:
        """Take all points away, in one step."""
        self.remove(self.points)

    def suggest(self) -> None:
        """Look for the voxel whose label would settle most, and show it."""
        result, points = self._result, self.points
        if result is None or not self.usable:
            return

        def find() -> Suggestion | None:
            return given.suggestion.suggest_click(result.dist, result.given.posterior(points))

        def done(suggestion: Suggestion | None) -> None:
            # Meanwhile another image may be on show, which has no such voxel.
            if self._result is result and self.usable:
                self._found(suggestion)

        self._runner.submit("suggest", lambda progress, cancel: find(), done, self._failed)

    # ---- What follows

    def _found(self, suggestion: Suggestion | None) -> None:
        if suggestion is None:
            self._tell(ALL_AGREE, False)
            return
        self.suggested = suggestion.index
        self._places.look_at(suggestion.index)
        self.changed.emit()

    def _follow(self) -> None:
        if self.points != self._seen:
            self._seen = self.points
            self._forget()
            self.changed.emit()

    def _forget(self) -> None:
        self._runner.cancel("suggest")
        self.suggested = None
