"""What many hypotheses say together: ranges of the sizes, and the cards."""

from __future__ import annotations

from collections.abc import Callable

from psygnal import Signal

from napari_ssn.session import jobs
from napari_ssn.session.across import Across
from napari_ssn.session.cards import Cards, cards_job
from napari_ssn.session.records import Point, Presence, Question, Ranges, Result
from napari_ssn.session.runner import Runner
from napari_ssn.session.walk import Walk


class Summary:
    """Keeps ranges and cards in step with the result and with what is given of it.

    Attributes:
        changed: signal: ranges or cards are there, or are being made anew.
        ranges: None while they are counted.
        cards: None before the first; while others are dealt, those of the former points.
        across: diameters of the hypothesis on show.
        revealed: whether somebody asked to see the outlines of what does not look like anything.

    Args:
        runner: does the long part.
        walk: says what was pointed at.
        count: hypotheses behind a range.
        most: cards.
        failed: is told, in one sentence, when something fails.
    """

    changed = Signal()

    def __init__(
        self, runner: Runner, walk: Walk, count: int, most: int, failed: Callable[[str], None]
    ) -> None:
        self.ranges: Ranges | None = None
        self.cards: Cards | None = None
        self._runner, self._walk, self._failed = runner, walk, failed
        self._count = count
        self._result: Result | None = None
        self._points: tuple[Point, ...] = ()
        self._only: tuple[Question, ...] = ()
        self._most = most
        self.across = Across(runner, walk, failed)
        self.revealed = False
        walk.moved.connect(self._follow)

    def begin(self, result: Result) -> None:
        """Nothing is known of a new result; `make` begins to find out."""
        self._result, self._points, self._only = result, (), ()
        self.ranges = self.cards = None
        self.revealed = False
        self.across.begin(result)

    def renew(self, result: Result) -> None:
        """The same run with another spread: of the same points, everything is found out anew."""
        self._result = result
        self.ranges = self.cards = None
        self.across.begin(result)

    def make(self) -> None:
        """Count the ranges and deal the cards."""
        self._count_ranges()
        self._deal()

    def set_count(self, count: int) -> None:
        """State ranges of another number of hypotheses."""
        if count != self._count:
            self._count = count
            self._count_ranges()

    def set_most(self, most: int) -> None:
        """Deal so many cards at most."""
        if most != self._most:
            self._most = most
            if self._result is not None:
                self._deal()

    @property
    def dealt(self) -> bool:
        """Whether the cards are those of the points and conditions that there are now."""
        cards = self.cards
        if cards is None:
            return False
        return set(cards.points) == set(self._points) and set(cards.only) == set(self._only)

    @property
    def presence(self) -> Presence | None:
        """Whether a reader outlines anything, as far as is known; None without a result.

        Known at once of the model's own answer; draws that are empty by their z are taken off when
        the ranges are counted.
        """
        result = self._result
        if result is None:
            return None
        if self.ranges is not None:
            return self.ranges.presence
        given = result.given
        share = given.presence(self._points, self._only)
        return Presence(share, given.apart, result.labels[1:])

    @property
    def hidden(self) -> bool:
        """Whether outlines and sizes are to be shown on request only, and nobody has asked."""
        presence = self.presence
        return presence is not None and presence.unlikely and not self.revealed

    def reveal(self) -> None:
        """Show outlines and sizes of this result although it does not look like anything."""
        if not self.revealed:
            self.revealed = True
            self.changed.emit()

    def _follow(self) -> None:
        points, only = self._walk.choice.points, self._walk.choice.only
        if self._result is not None and (points, only) != (self._points, self._only):
            self._points, self._only = points, only
            self.make()
            self.changed.emit()

    def _count_ranges(self) -> None:
        result, points, only, count = self._result, self._points, self._only, self._count
        if result is None:
            return
        self.ranges = None
        self._runner.submit(
            "range",
            lambda progress, cancelled: jobs.range_job(result, points, only, count, cancelled),
            self._ranged,
            self._failed,
        )

    def _ranged(self, ranges: Ranges) -> None:
        if self._result is not None and ranges.run == self._result.run:
            self.ranges = ranges
            self.changed.emit()

    def _deal(self) -> None:
        result, points, only, most = self._result, self._points, self._only, self._most
        assert result is not None
        self._runner.submit(
            "cards",
            lambda progress, cancelled: cards_job(result, points, cancelled, only, most),
            self._dealt,
            self._failed,
        )

    def _dealt(self, cards: Cards) -> None:
        if self._result is not None and cards.run == self._result.run:
            self.cards = cards
            self.changed.emit()

    def close(self) -> None:
        """Let go of the result and of who listens."""
        self._result = self.ranges = self.cards = None
        self.across.close()
        self.changed.disconnect()
