"""Runs of what is chosen, and which result is on show: a new one, one of before, or a file's."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from napari_ssn import prediction
from napari_ssn.core.spread import Spread
from napari_ssn.session import jobs
from napari_ssn.session.parts import Parts
from napari_ssn.session.records import Chosen, Note, Request, Settings
from napari_ssn.session.results import Entry
from napari_ssn.session.runner import Runner
from napari_ssn.session.running import Job
from napari_ssn.session.sidecars import Again
from napari_ssn.text.hindrances import LOOK_AFTER_RUN, MADE_ROOM

if TYPE_CHECKING:
    # This module imports torch, which only the worker does.
    from napari_ssn.prediction.prediction import Prediction


class Stage(Parts):
    """Runs, and brings results on show, with the place that each is of."""

    def __init__(
        self, runner: Runner, settings: Settings | None = None, model_folders: tuple[Path, ...] = ()
    ) -> None:
        super().__init__(runner, settings, model_folders)
        self.members.again.connect(self._run_members)
        self.sidecars.repeated.connect(self._repeated)
        self.studies.found.connect(self._brought)
        self.follow.beside.went.connect(self._go_across)

    # ---- Running

    def run(self) -> None:
        """Segment the image as is chosen; a run under way is dropped."""
        setup = self.setup
        if setup.obstacle is not None:
            self._failed(setup.obstacle)
            return
        if setup.ensemble is not None:
            self._run_members(setup.ensemble, frozenset())
            return
        assert setup.source is not None and setup.model is not None
        request = Request(
            setup.source,
            setup.model.folder,
            self.settings,
            setup.middle,
            setup.depth_mm,
            self.looking(),
            self.walk.choice.basis,
            setup.insist,
        )
        self.members.run(None)
        self._begin(
            lambda number, progress, cancel: jobs.run_job(
                self.catalogue.store, request, number, progress, cancel
            )
        )

    def _run_members(self, chosen: Chosen, left_out: frozenset[int]) -> None:
        """Read the members of an ensemble, but for those of some numbers."""
        setup, device = self.setup, self.settings.device
        source, basis = setup.source, self.walk.choice.basis
        assert source is not None
        # Of the whole image, whatever place a result that was looked at since is of.
        setup.around_point = False
        self.members.run(chosen, left_out)
        self._begin(
            lambda number, progress, cancel: jobs.ensemble_job(
                source, chosen, left_out, basis, device, number, progress, cancel
            )
        )

    def _begin(self, job: Job) -> None:
        self.note = None
        self.running.begin(job, self.ran)
        self.changed.emit()

    def _stop(self, why: str) -> None:
        """Stop the run under way, if any, and say why, in one sentence; nobody is called."""
        if self.busy:
            self.running.stop()
            self.note = Note(why)

    # ---- On show

    def show_result(self, entry: Entry) -> None:
        """Show a former result as it was left, and its image if that is open."""
        if self.activity is not None:
            self._failed(LOOK_AFTER_RUN)
            return
        source, token = self.setup.source, entry.prediction.source.token
        self.results.wanted = entry
        if source is None or source.token != token:
            # Which tells of the image, and so brings the result.
            self.turn_to(token)
        self._bring(entry)
        self.results.wanted = self.note = None
        self.changed.emit()

    def set_spread(self, spread: Spread) -> None:
        """Draw all hypotheses with another spread; a new run begins with the model's own."""
        result, points = self.result, self.walk.choice.points
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

    def ran(self, result: Prediction, took: float) -> None:
        """A run has ended: its result, and the seconds that it took."""
        basis = self.walk.choice.basis
        entry = Entry(result, took)
        self.members.ran(result)
        self._take(entry, lambda: self.results.add(entry))
        # Chosen while the run lasted.
        self.walk.turn(basis)
        if self.results.make_room():
            self.note = Note(MADE_ROOM)
        self.changed.emit()

    def _repeated(self, again: Again, took: float) -> None:
        """What a sidecar tells of was found again."""
        made, others = again
        entry = Entry(made.prediction, took, None, made.choice, made.lesions, others)
        self.members.run(None)

        def listed() -> None:
            self.results.add(entry)
            self.walk.stand(made.choice, made.lesions)

        self._take(entry, listed)
        self.setup.look_at(made.prediction.centre)
        self.tell(made.words)

    def _brought(self, entry: Entry) -> None:
        """A study has brought a result, which is shown if it is of the image that is open."""
        if self.activity is None and self._open(entry):
            self._bring(entry)
        self.changed.emit()

    def _go_across(self, entry: Entry, place: tuple[int, ...]) -> None:
        """Show a place of one of two scans that are compared."""
        self.show_result(entry)
        self.places.look_at(place, True)

    def _bring(self, entry: Entry) -> None:
        """Show a listed result, and its place if its image is the one that is open."""
        if entry is not self.results.current:
            self._take(entry, lambda: self.results.resume(entry))
        if self._open(entry):
            self.setup.look_at(entry.prediction.centre)

    def _open(self, entry: Entry) -> bool:
        source = self.setup.source
        return source is not None and source.token == entry.prediction.source.token

    def _take(self, entry: Entry, listed: Callable[[], None]) -> None:
        """Show a result, which ``listed`` makes the current one of the list."""
        self.results.leave()
        result = self.result = entry.prediction
        self.seconds = entry.seconds
        self._runner.cancel("spread")
        for part in self._parts:
            part.begin(result)
        listed()
        self.found.emit(result)
        kept, entry.kept = entry.kept, ()
        for decoded in kept:
            self.copies.put(decoded)
        self._find_out()

    def _renew(self, result: Prediction) -> None:
        """The same run with another spread takes its place; where one stands stays."""
        self.result = result
        self.results.swap(result)
        for part in self._parts:
            part.renew(result)
        self._find_out()
        self.changed.emit()

    def _find_out(self) -> None:
        self.walk.announce()
        self.summary.make()
        self.overviews.make()
