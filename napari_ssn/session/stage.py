"""The result on show: all that is known of it begins with it, and waits while another is there."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Protocol

from napari_ssn import prediction
from napari_ssn.core.spread import Spread
from napari_ssn.session.copies import Copies
from napari_ssn.session.effect import Effect
from napari_ssn.session.overview import Overviews
from napari_ssn.session.places import Places
from napari_ssn.session.results import Entry, Results
from napari_ssn.session.runner import Runner
from napari_ssn.session.summary import Summary
from napari_ssn.session.walk import Walk

if TYPE_CHECKING:
    # This module imports torch, which only the worker does.
    from napari_ssn.prediction.prediction import Prediction


class Part(Protocol):
    """Knows something of the result on show."""

    def begin(self, result: Prediction) -> None:
        """Another result is there, of which nothing is known."""

    def renew(self, result: Prediction) -> None:
        """It is the same run with another spread: what hangs on that is not known any more."""


class Stage:
    """Brings results on show.

    Attributes:
        result: the one on show; None before the first.
        seconds: that it took.

    Args:
        runner: draws hypotheses with another spread.
        walk, summary, overviews: find out more once all parts know of a result.
        parts: all that know something of it, those first whom others ask while they begin.
        places: its lesions.
        copies: layers of kept hypotheses.
        effect: what somebody looks ahead at.
        results: of all images and places.
        found: is called with a result once it is known everywhere and listed.
        renewed: is called when it has another spread.
        failed: is told, in one sentence, why it has none.
    """

    def __init__(
        self,
        runner: Runner,
        walk: Walk,
        summary: Summary,
        overviews: Overviews,
        parts: Sequence[Part],
        places: Places,
        copies: Copies,
        effect: Effect,
        results: Results,
        found: Callable[[Prediction], None],
        renewed: Callable[[], None],
        failed: Callable[[str], None],
    ) -> None:
        self.result: Prediction | None = None
        self.seconds = 0.0
        self._runner, self._walk = runner, walk
        self._summary, self._overviews = summary, overviews
        self._parts = parts
        self._places, self._copies, self._effect = places, copies, effect
        self._results = results
        self._found, self._renewed, self._failed = found, renewed, failed

    def take(self, entry: Entry, listed: Callable[[], None]) -> None:
        """Show a result, which ``listed`` makes the current one of the list."""
        self._results.leave()
        result = self.result = entry.prediction
        self.seconds = entry.seconds
        for channel in ("spread", "directions"):
            self._runner.cancel(channel)
        self._effect.begin(result)
        for part in self._parts:
            part.begin(result)
        listed()
        self._found(result)
        kept, entry.kept = entry.kept, ()
        for decoded in kept:
            self._copies.put(decoded)
        self._find_out()

    def set_spread(self, spread: Spread) -> None:
        """Draw all hypotheses with another spread; a new run begins with the model's own."""
        result, points = self.result, self._walk.choice.points
        spread = spread if spread.changed else Spread()
        if result is None or spread == result.spread:
            self._runner.cancel("spread")
            return
        self._runner.submit(
            "spread",
            lambda progress, cancel: prediction.spreading.spread_anew(
                result, points, spread, cancel
            ),
            self._renew,
            self._failed,
        )

    def _renew(self, result: Prediction) -> None:
        """The same run with another spread takes its place; where one stands stays."""
        self.result = result
        self._results.swap(result)
        self._places.forget()
        for part in self._parts:
            part.renew(result)
        self._find_out()
        self._renewed()

    def _find_out(self) -> None:
        self._walk.announce()
        self._summary.make()
        self._overviews.make()
