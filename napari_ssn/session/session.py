"""The application without a window: what is loaded, the result, the hypothesis on show."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from psygnal import Signal

from napari_ssn import prediction
from napari_ssn.core.spread import Spread
from napari_ssn.io.formats import sidecar_path
from napari_ssn.prediction.source import Source
from napari_ssn.session import jobs
from napari_ssn.session.asking import Asking
from napari_ssn.session.catalogue import Catalogue
from napari_ssn.session.comparing import Comparing
from napari_ssn.session.copies import Copies
from napari_ssn.session.effect import Effect
from napari_ssn.session.files import Files
from napari_ssn.session.fitting import Fitting
from napari_ssn.session.follow import FollowUp
from napari_ssn.session.lines import Borders
from napari_ssn.session.members import MemberList
from napari_ssn.session.overview import Overviews
from napari_ssn.session.places import Places
from napari_ssn.session.pointing import Pointing
from napari_ssn.session.reading import ReadersRoom
from napari_ssn.session.records import (
    Chosen,
    Plane,
    Preview,
    Request,
    Settings,
    State,
)
from napari_ssn.session.results import Entry, Results
from napari_ssn.session.runner import Runner
from napari_ssn.session.running import Job, Running
from napari_ssn.session.setup import Setup
from napari_ssn.session.sidecars import Again, Sidecars
from napari_ssn.session.stage import Stage
from napari_ssn.session.study import Studies
from napari_ssn.session.summary import Summary
from napari_ssn.session.walk import Walk
from napari_ssn.text.presence import Presence
from napari_ssn.text.results import STUDY_SUFFIX

if TYPE_CHECKING:
    # These modules import torch, which only the worker does.
    from napari_ssn.prediction.cards import Cards
    from napari_ssn.prediction.prediction import Prediction
    from napari_ssn.prediction.ranges import Ranges


@dataclass(frozen=True)
class Note:
    """The last thing worth telling: one sentence, whether something went wrong, and where."""

    text: str
    error: bool = False
    #: Beside which button it is said.
    at: Literal["run", "export"] = "run"


class Session:
    """State and commands. Every command returns at once; what takes long goes to the runner.

    Signals, all on the thread that commands:
        changed: anything may have changed, except by a move of the slider.
        previewed: the plane that was looked at when a run began has its first labels.
        found: a run has ended with a result, or a former one is on show again.
    """

    changed = Signal()
    previewed = Signal(Preview)
    found = Signal(object)  # a Prediction, whose module imports torch

    def __init__(
        self, runner: Runner, settings: Settings | None = None, model_folders: tuple[Path, ...] = ()
    ) -> None:
        self.settings = settings or Settings()
        self.setup = Setup()
        self.catalogue = Catalogue(
            runner, self.setup, lambda: self.settings.device, self._looked, model_folders
        )
        self.walk = Walk(runner, self.settings, self._failed)
        self.comparing = Comparing(runner, self.walk, self._failed)
        self.effect = Effect(self.walk)
        self.places = Places(runner, self.walk, self._failed)
        self.summary = Summary(
            runner, self.walk, self.settings.hypotheses, self.settings.cards, self._failed
        )
        self.summary.changed.connect(self._summarised)
        self.overviews = Overviews(runner, self.walk, self._failed)
        self.borders = Borders(self.walk, self.overviews)
        self.pointing = Pointing(runner, self.walk, self.places, self._hindered, self.tell)
        self.asking = Asking(runner, self.walk, self._hindered, self.tell)
        self.fitting = Fitting(runner, self.walk, self._hindered, self.tell)
        self.readers = ReadersRoom(runner, self.tell)
        self.changed.connect(self.pointing.refresh)
        self.changed.connect(self.asking.refresh)
        self.pointing.changed.connect(self._pointed)
        self.walk.moved.connect(self._moved_on)
        self.files = Files(
            runner, self.walk, self.summary, self._unwritable, self._writing, self._wrote
        )
        self.copies = Copies(runner, self.walk, lambda: self.stale, self.changed.emit, self._failed)
        self.members = MemberList(self.walk, self._run_members, self.tell)
        #: Of all images and places; those that are not on show wait as they were left.
        self.results = Results(
            self.walk,
            (
                self.summary,
                self.overviews,
                self.places,
                self.fitting,
                self.copies,
                self.files,
            ),
        )
        # All that know something of the result on show. Walk and borders first: while the others
        # begin, lines are drawn of these, and are kept as the result's.
        self._parts = (
            self.walk,
            self.borders,
            self.comparing,
            self.summary,
            self.overviews,
            self.pointing,
            self.fitting,
            self.readers,
            self.asking,
            self.copies,
            self.files,
            self.members,
        )
        self.stage = Stage(
            runner,
            self.walk,
            self.summary,
            self.overviews,
            self._parts,
            self.places,
            self.copies,
            self.effect,
            self.results,
            self.found.emit,
            self.changed.emit,
            self._failed,
        )
        self.follow = FollowUp(
            runner,
            self.walk,
            self.summary,
            self.results,
            lambda: self.settings.hypotheses,
            self.show_result,
            self.places.look_at,
        )
        self.running = Running(runner, self._ran, self._failed)
        self.running.changed.connect(self.changed.emit)
        self.running.previewed.connect(self.previewed.emit)
        self.running.remarked.connect(self.tell)
        self.studies = Studies(
            runner,
            self.walk,
            self.results,
            self._kept_settings,
            self._take_settings,
            self.running.number,
            self.tell,
        )
        self.studies.found.connect(self._brought)
        self.studies.changed.connect(self._meet)
        self.sidecars = Sidecars(
            runner, lambda: self.setup, self.catalogue, self.running, self._repeated, self.tell
        )
        self.note: Note | None = None
        # What was on show when somebody last moved.
        self._left = self.walk.choice
        self._exporting = False
        #: Is asked, when a run begins, which plane of the source's grid is being looked at.
        self.looking: Callable[[], Plane | None] = lambda: None
        #: Is asked to take the image of a token, and whether it could.
        self.turn_to: Callable[[int], bool] = lambda token: False
        #: Is asked whether the image of the result is open no more.
        self.closed: Callable[[], bool] = lambda: False
        self._runner = runner

    # ---- What is the case

    @property
    def result(self) -> Prediction | None:
        """The one on show; None before the first."""
        return self.stage.result

    @property
    def seconds(self) -> float:
        """That the run of the result on show took."""
        return self.stage.seconds

    @property
    def state(self) -> State:
        """One word for the whole, as interface and tests name it."""
        if self.activity is not None:
            return self.activity
        if self.note is not None and self.note.error:
            return "error"
        if self.result is not None:
            return "result"
        return "ready" if self.setup.source is not None else "no image"

    @property
    def activity(self) -> Literal["loading", "running", "exporting"] | None:
        """What takes a while and keeps other things from being begun; None for nothing."""
        return "exporting" if self._exporting else self.running.stage

    @property
    def busy(self) -> bool:
        """Whether a run is under way."""
        return self.running.stage is not None

    @property
    def stale(self) -> bool:
        """Whether the result is about another image or place than the one now chosen."""
        if self.result is None:
            return False
        source = self.setup.source
        return (
            source is None
            or source.token != self.result.source.token
            or self._centre() != self.result.centre
        )

    @property
    def ranges(self) -> Ranges | None:
        """Of the sizes; None while they are counted."""
        return self.summary.ranges

    @property
    def presence(self) -> Presence | None:
        """Whether a reader outlines anything here, and its words; None without a result."""
        return self.summary.presence

    @property
    def cards(self) -> Cards | None:
        """The few hypotheses that stand for all; None before the first are dealt."""
        return self.summary.cards

    def _hindered(self) -> str | None:
        """Why nobody can point into the result at the moment, one sentence."""
        if self.busy:
            return "Wait for the run to end before you point at anything."
        if self.stale:
            return "The result is of another image or place: run again before you point."
        return None

    def _unwritable(self) -> str | None:
        """Why the result cannot be written, one sentence."""
        if self.result is not None and self.closed():
            return "The result's image was closed: run again to export."
        return None

    def _centre(self) -> tuple[int, ...] | None:
        """Middle of the region that a run would look at; None for the whole image."""
        return self.setup.centre if self.setup.around_point else None

    # ---- Settings

    def configure(self, settings: Settings) -> None:
        """Take new settings; what they touch is computed anew."""
        before, self.settings = self.settings, settings
        if settings.device != before.device:
            self.catalogue.look()
        if settings.seed != before.seed:
            self.walk.set_seed(settings.seed)
        self.walk.configure(settings)
        self.summary.set_count(settings.hypotheses)
        self.summary.set_most(settings.cards)
        self.changed.emit()

    # ---- Image and region

    def set_image(self, source: Source | None) -> None:
        """Take another image, the same one changed, or none."""
        before = self.setup.model
        if self.setup.set_source(source):
            self.note = None
            if self.setup.model is not before:
                self.catalogue.warm_up()
            if self.busy:
                self.running.stop()
                self.note = Note("The image changed during the run, which was stopped.")
            entry = None if source is None else self.results.of(source.token)
            if entry is not None:
                self._bring(entry)
            self._meet()
        self.changed.emit()

    def set_around_point(self, around_point: bool) -> None:
        """Segment around a point, or the whole image."""
        self.setup.around_point = around_point
        self.note = None
        self.changed.emit()

    def place_centre(self, index: tuple[int, ...]) -> None:
        """Put the region's middle on a voxel of the source's grid."""
        if not self.setup.place_centre(index):
            self.tell("That point lies outside the image: click on the lesion.", error=True)
            return
        self.note = None
        if self.busy:
            self.running.stop()
            self.note = Note("The centre changed during the run, which was stopped.")
        self.changed.emit()

    def set_depth(self, depth_mm: float) -> None:
        """Let a 2D model look so far along a volume, to either side of the point."""
        self.setup.depth_mm = depth_mm
        self.changed.emit()

    def set_insist(self, insist: bool) -> None:
        """Take the image's values for Hounsfield units, whatever they seem to be."""
        self.setup.insist = insist
        self.note = None
        self.changed.emit()

    # ---- Running

    def run(self) -> None:
        """Segment the image; a run under way is dropped."""
        setup, obstacle = self.setup, self.setup.obstacle
        if obstacle is not None:
            self._failed(obstacle)
            return
        if setup.ensemble is not None:
            self._run_members(setup.ensemble)
            return
        assert setup.source is not None and setup.model is not None
        request = Request(
            setup.source,
            setup.model.folder,
            self.settings.device,
            self._centre(),
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

    def choose_members(self, chosen: Chosen) -> None:
        """Take an ensemble in the place of a model; with nothing chosen, to choose its members."""
        self.setup.choose_members(chosen)
        self.note = None
        self.changed.emit()

    def _run_members(self, chosen: Chosen, left_out: frozenset[int] = frozenset()) -> None:
        """Read the members of an ensemble, but for those of some numbers."""
        source, basis = self.setup.source, self.walk.choice.basis
        device = self.settings.device
        assert source is not None
        # Of the whole image, whatever place a result that was looked at since is of.
        self.setup.around_point = False
        self.members.run(chosen, left_out)
        self._begin(
            lambda number, progress, cancel: jobs.ensemble_job(
                source, chosen, left_out, basis, device, number, progress, cancel
            )
        )

    def _begin(self, job: Job) -> None:
        """Begin a run; one under way is dropped."""
        self.note = None
        self.running.begin(job)
        self.changed.emit()

    def cancel(self) -> None:
        """Stop the run; what was there before stays."""
        if self.busy:
            self.running.stop()
            self.note = Note("Cancelled.")
            self.changed.emit()

    def _ran(self, result: Prediction, took: float) -> None:
        basis = self.walk.choice.basis
        entry = Entry(result, took)
        self.members.ran(result)
        self.stage.take(entry, lambda: self.results.add(entry))
        # Chosen while the run lasted.
        self.walk.turn(basis)
        if self.results.make_room():
            self.note = Note("Memory is short: the result that was found first made room.")
        self.changed.emit()

    def show_result(self, entry: Entry) -> None:
        """Show a former result as it was left, and its image if that is open."""
        if self.activity is not None:
            self.tell("Wait for the run to end before you look at another result.", error=True)
            return
        source, token = self.setup.source, entry.prediction.source.token
        self.results.wanted = entry
        if source is None or source.token != token:
            # Which tells of the image, and so brings the result.
            self.turn_to(token)
        self._bring(entry)
        self.results.wanted = self.note = None
        self.changed.emit()

    def _bring(self, entry: Entry) -> None:
        if entry is not self.results.current:
            self.stage.take(entry, lambda: self.results.resume(entry))
        source = self.setup.source
        if source is not None and source.token == entry.prediction.source.token:
            self.setup.look_at(entry.prediction.centre)

    def _meet(self) -> None:
        self.studies.meet(self.setup.source)
        self.sidecars.meet()

    def _looked(self, text: str, error: bool) -> None:
        """Other models are there, or another is chosen."""
        self.tell(text, error)
        self.sidecars.meet()

    def open(self, path: Path) -> bool:
        """Open a study, or a sidecar as the session that it tells of; False for anything else."""
        name = path.name.lower()
        if name.endswith(STUDY_SUFFIX):
            self.studies.open(path)
            return True
        sidecar: Path | None = path if name.endswith(".json") else None
        # Whether there is any is seen before torch is imported to look into it.
        if sidecar is None and path.name and sidecar_path(path).is_file():
            sidecar = prediction.repeated.sidecar_of(path)
        if sidecar is not None:
            self.sidecars.open(sidecar)
        return sidecar is not None

    def _repeated(self, again: Again, took: float) -> None:
        made, others = again
        entry = Entry(made.prediction, took, None, made.choice, made.lesions, others)
        self.members.run(None)

        def listed() -> None:
            self.results.add(entry)
            self.walk.stand(made.choice, made.lesions)

        self.stage.take(entry, listed)
        self.setup.look_at(made.prediction.centre)
        self.tell(made.words)

    def _brought(self, entry: Entry) -> None:
        """Results of a study are of the image that is open."""
        source, token = self.setup.source, entry.prediction.source.token
        if self.activity is None and source is not None and source.token == token:
            self._bring(entry)
        self.changed.emit()

    def _kept_settings(self) -> tuple[int, int, float, int]:
        chosen = self.settings
        return chosen.hypotheses, chosen.samples, chosen.reach, chosen.cards

    def _take_settings(self, kept: tuple[int, int, float, int]) -> None:
        """Take what was set when a study was saved, as far as it may be set here."""
        self.configure(self.settings.within(*kept))

    def set_spread(self, spread: Spread) -> None:
        """Draw all hypotheses with another spread; a new run begins with the model's own."""
        self.stage.set_spread(spread)

    def tell(self, text: str, error: bool = False, at: Literal["run", "export"] = "run") -> None:
        """Say something beside one of the buttons, in one sentence, or nothing any more."""
        self.note = Note(text, error, at) if text else None
        self.changed.emit()

    def _failed(self, text: str) -> None:
        self.tell(text, error=True)

    def _summarised(self) -> None:
        if self.result is not None and self.ranges is not None:
            self.places.tell_lesions_apart(self.result)
        self.changed.emit()

    def _pointed(self) -> None:
        if self.pointing.label is not None:
            # A click means one thing at a time.
            self.asking.stop()

    def _moved_on(self) -> None:
        """Who shows another hypothesis has read what went wrong before."""
        before, self._left = self._left, self.walk.choice
        if self._left != before and self.note is not None and self.note.error and not self.activity:
            self.tell("")

    def aim(self, label: int) -> None:
        """From now on a click on the image asks whether a label reaches its voxel."""
        self.pointing.stop()
        self.asking.aim(label)

    def look(self) -> None:
        """Show the place that matters: the hypothesis on show, else the region's middle."""
        centre = self._centre()
        if self.result is not None and not self.stale:
            self.places.look_at_middle(self.result)
        elif centre is not None:
            self.places.look_at(centre)

    def show_card(self, index: int) -> None:
        """Show the hypothesis of a card; of a volume, on the slice that its thumbnail shows."""
        cards = self.cards
        if cards is not None and index < len(cards.cards):
            self.walk.show(cards.cards[index].choice)
            self.places.look_at(cards.voxel)

    def _writing(self) -> None:
        self._exporting, self.note = True, None
        self.changed.emit()

    def _wrote(self, text: str, error: bool) -> None:
        self._exporting = False
        self.tell(text, error, "export")

    def close(self) -> None:
        """Stop everything and let go of it."""
        self._runner.close()
        self.stage.result = None
        self._exporting = False
        self.setup = Setup()
        self.effect.close()
        self.running.close()
        for part in (
            *reversed(self._parts),
            self.places,
            self.studies,
            self.sidecars,
            self.follow,
            self.results,
        ):
            part.close()
        for signal in (self.changed, self.previewed, self.found):
            signal.disconnect()
