"""Which result is on show: a new one, one of before, or one that a file tells of."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from napari_ssn.session.members import MemberList
from napari_ssn.session.results import Entry, Results
from napari_ssn.session.setup import Setup
from napari_ssn.session.sidecars import Again
from napari_ssn.session.stage import Stage
from napari_ssn.session.telling import Note, Teller
from napari_ssn.session.walk import Walk
from napari_ssn.text.hindrances import LOOK_AFTER_RUN, MADE_ROOM

if TYPE_CHECKING:
    # This module imports torch, which only the worker does.
    from napari_ssn.prediction.prediction import Prediction


class Showing:
    """Brings results on show, and the place that each is of.

    Args:
        stage: where all that is known of a result begins with it.
        results: of all images and places.
        walk: where a result stands.
        members: of an ensemble.
        setup: what is chosen, asked whenever a result comes.
        teller: is told what to know of a result.
        changed: is called when another result is on show.
        busy: is asked whether nothing may come on show at the moment.
        turn_to: is asked to take the image of a token, and whether it could.
    """

    def __init__(
        self,
        stage: Stage,
        results: Results,
        walk: Walk,
        members: MemberList,
        setup: Callable[[], Setup],
        teller: Teller,
        changed: Callable[[], None],
        busy: Callable[[], bool],
        turn_to: Callable[[int], bool],
    ) -> None:
        self._stage, self._results, self._walk, self._members = stage, results, walk, members
        self._setup, self._teller, self._changed = setup, teller, changed
        self._busy, self._turn_to = busy, turn_to

    def show(self, entry: Entry) -> None:
        """Show a former result as it was left, and its image if that is open."""
        if self._busy():
            self._teller.failed(LOOK_AFTER_RUN)
            return
        source, token = self._setup().source, entry.prediction.source.token
        self._results.wanted = entry
        if source is None or source.token != token:
            # Which tells of the image, and so brings the result.
            self._turn_to(token)
        self.bring(entry)
        self._results.wanted = self._teller.note = None
        self._changed()

    def bring(self, entry: Entry) -> None:
        """Show a listed result, and its place if its image is the one that is open."""
        if entry is not self._results.current:
            self._stage.take(entry, lambda: self._results.resume(entry))
        if self._open(entry):
            self._setup().look_at(entry.prediction.centre)

    def ran(self, result: Prediction, took: float) -> None:
        """A run has ended: its result, and the seconds that it took."""
        basis = self._walk.choice.basis
        entry = Entry(result, took)
        self._members.ran(result)
        self._stage.take(entry, lambda: self._results.add(entry))
        # Chosen while the run lasted.
        self._walk.turn(basis)
        if self._results.make_room():
            self._teller.note = Note(MADE_ROOM)
        self._changed()

    def repeated(self, again: Again, took: float) -> None:
        """What a sidecar tells of was found again."""
        made, others = again
        entry = Entry(made.prediction, took, None, made.choice, made.lesions, others)
        self._members.run(None)

        def listed() -> None:
            self._results.add(entry)
            self._walk.stand(made.choice, made.lesions)

        self._stage.take(entry, listed)
        self._setup().look_at(made.prediction.centre)
        self._teller.tell(made.words)

    def brought(self, entry: Entry) -> None:
        """A study has brought a result, which is shown if it is of the image that is open."""
        if not self._busy() and self._open(entry):
            self.bring(entry)
        self._changed()

    def _open(self, entry: Entry) -> bool:
        source = self._setup().source
        return source is not None and source.token == entry.prediction.source.token
