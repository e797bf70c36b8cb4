"""What many hypotheses say together: ranges of the sizes, and the cards."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

from psygnal import Signal

from napari_ssn import prediction
from napari_ssn.errors import Cancel
from napari_ssn.prediction.choice import Choice, Point, Question
from napari_ssn.session.derived import Derived
from napari_ssn.session.part import SessionPart
from napari_ssn.session.records import Settings
from napari_ssn.session.runner import Runner
from napari_ssn.session.walk import Walk
from napari_ssn.text.presence import Presence

if TYPE_CHECKING:
    # These modules import torch, which only the worker does.
    from napari_ssn.core.summaries.lesions import Lesions
    from napari_ssn.geometry.diameters import Diameter
    from napari_ssn.prediction.cards import Cards
    from napari_ssn.prediction.lengths import Lengths
    from napari_ssn.prediction.prediction import Prediction
    from napari_ssn.prediction.ranges import Ranges


class _Given(NamedTuple):
    """Of which hypotheses something is said, and of how many."""

    result: Prediction
    points: tuple[Point, ...]
    only: tuple[Question, ...]
    number: int


def _ranges(given: _Given, cancel: Cancel) -> Ranges:
    return prediction.ranges.count_ranges(*given, cancel)


def _cards(given: _Given, cancel: Cancel) -> Cards:
    return prediction.cards.deal_cards(*given, cancel)


def _lengths(given: _Given, cancel: Cancel) -> Lengths:
    return prediction.lengths.measure_lengths(given.result, given.points, given.only, cancel)


class Summary(SessionPart):
    """Keeps ranges and cards in step with the result and with what is given of it.

    Attributes:
        changed: signal: ranges or cards are there, or are being made anew.
        across: diameters of each label but the background in a hypothesis; see `diameters`.
        revealed: whether somebody asked to see the outlines of what does not look like anything.

    Args:
        runner: does the long part.
        walk: says what was pointed at.
        settings: how many hypotheses are behind a range, and cards at most.
        failed: is told, in one sentence, when something fails.
    """

    changed = Signal()

    def __init__(
        self, runner: Runner, walk: Walk, settings: Settings, failed: Callable[[str], None]
    ) -> None:
        self._walk, self._settings = walk, settings
        self._ranges: Derived[_Given, Ranges] = Derived(runner, "range", _ranges, failed)
        self._cards: Derived[_Given, Cards] = Derived(runner, "cards", _cards, failed)
        self._lengths: Derived[_Given, Lengths] = Derived(runner, "lengths", _lengths, failed)
        self._long = False
        self._lengths.changed.connect(self.changed.emit)
        self._ranges.changed.connect(self.changed.emit)
        self._cards.changed.connect(self.changed.emit)
        self._cards.changed.connect(self._measure)
        self._points: tuple[Point, ...] = ()
        self._only: tuple[Question, ...] = ()
        self.across: Derived[tuple[Prediction, Choice], tuple[Diameter, ...]] = Derived(
            runner, "across", self._measured, failed
        )
        self._lesions: Lesions | None = None
        self.revealed = False
        walk.moved.connect(self._measure_across)
        walk.moved.connect(self._follow)

    def begin(self, result: Prediction) -> None:
        """Nothing is known of a new result; `make` begins to find out."""
        self._points, self._only, self.revealed = (), (), False
        super().begin(result)

    def renew(self, result: Prediction) -> None:
        """The same run with another spread: of the same points, everything is found out anew."""
        super().begin(result)

    def leave(self) -> Any:
        """See `SessionPart`."""
        known = self._ranges.leave(), self._cards.leave(), self.across.leave()
        return self._points, self._only, self.revealed, known

    def resume(self, left: Any) -> None:
        """See `SessionPart`."""
        self._points, self._only, self.revealed, (ranges, cards, across) = left
        self._ranges.resume(ranges)
        self._cards.resume(cards)
        self.across.resume(across)

    def make(self) -> None:
        """Count the ranges and deal the cards, where they are not known."""
        if self._result is not None:
            given = (self._result, self._points, self._only)
            self._ranges.want(_Given(*given, self._settings.hypotheses))
            self._cards.want(_Given(*given, self._settings.cards))
            self._measure()

    def show_lengths(self) -> None:
        """Find out the ranges of diameters too, once all else is known that is sooner found out."""
        self._long = True
        self._measure()

    def _measure(self) -> None:
        if self._long and self._result is not None and self._cards.current is not None:
            self._lengths.want(self._now)

    @property
    def _now(self) -> _Given:
        assert self._result is not None
        return _Given(self._result, self._points, self._only, 0)

    def configure(self, settings: Settings) -> None:
        """State ranges of another number of hypotheses, and deal so many cards at most."""
        self._settings = settings
        self.make()

    @property
    def ranges(self) -> Ranges | None:
        """Of the sizes; None while they are counted."""
        return self._ranges.current

    @property
    def lengths(self) -> Lengths | None:
        """Ranges of the diameters; None while they are measured, and if nobody asked for them."""
        known = self._result is not None and self._lengths.key == self._now
        return self._lengths.value if known else None

    @property
    def diameters(self) -> tuple[Diameter, ...] | None:
        """Of each label but the background on show; None while they are being measured."""
        known = self.across.key == (self._result, self._walk.choice)
        return self.across.value if known else None

    @property
    def cards(self) -> Cards | None:
        """None before the first; while others are dealt, those of the former points."""
        return self._cards.value

    @property
    def dealt(self) -> bool:
        """Whether the cards are those of the points and conditions that there are now."""
        return self._cards.current is not None

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
        # Of an ensemble's members, who are no readers.
        free = result.members is not None and not (self._points or self._only)
        of = len(result.members) if free and result.members is not None else 0
        return Presence(share, given.apart, result.labels[1:], members=of, noun=result.noun)

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

    def _measure_across(self) -> None:
        """A slider that is held waits."""
        if self._result is not None and not self._walk.held:
            self._lesions = self._walk.lesions
            self.across.want((self._result, self._walk.choice))

    def _measured(self, key: tuple[Prediction, Choice], cancel: Cancel) -> tuple[Diameter, ...]:
        shown = prediction.decode.hypothesis_of(*key, self._lesions)
        return prediction.decode.across_in(key[0], shown.label_map)
