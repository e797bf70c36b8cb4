"""What the application consists of, what is the case with it, and who tells whom."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from psygnal import Signal

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
from napari_ssn.session.part import SessionPart, silence
from napari_ssn.session.places import Places
from napari_ssn.session.pointing import Pointing
from napari_ssn.session.reading import ReadersRoom
from napari_ssn.session.records import Beside, Note, Plane, Preview, Settings, State
from napari_ssn.session.results import Results
from napari_ssn.session.runner import Runner
from napari_ssn.session.running import Running
from napari_ssn.session.setup import Setup
from napari_ssn.session.shells import Shells
from napari_ssn.session.sidecars import Sidecars
from napari_ssn.session.steering import Means
from napari_ssn.session.study import Studies
from napari_ssn.session.summary import Summary
from napari_ssn.session.walk import Walk
from napari_ssn.text.hindrances import IMAGE_CLOSED, POINT_AFTER_ANOTHER_RUN, POINT_AFTER_RUN
from napari_ssn.text.presence import Presence

if TYPE_CHECKING:
    # These modules import torch, which only the worker does.
    from napari_ssn.prediction.cards import Cards
    from napari_ssn.prediction.prediction import Prediction
    from napari_ssn.prediction.ranges import Ranges


class Parts:
    """Makes all parts, and connects them.

    Signals, all on the thread that commands:
        changed: anything may have changed, except by a move of the slider.
        previewed: the plane that was looked at when a run began has its first labels.
        found: a run has ended with a result, or a former one is on show again.

    Args:
        runner: does what takes long.
        settings: those of the application where left out.
        model_folders: are looked into for models, beside those of the package.
    """

    changed = Signal()
    previewed = Signal(Preview)
    found = Signal(object)  # a Prediction, whose module imports torch

    def __init__(
        self, runner: Runner, settings: Settings | None = None, model_folders: tuple[Path, ...] = ()
    ) -> None:
        self.settings = settings or Settings()
        #: The one on show; None before the first.
        self.result: Prediction | None = None
        #: That its run took.
        self.seconds = 0.0
        #: The last thing worth telling; None where there is nothing.
        self.note: Note | None = None
        self.setup = Setup()
        self.catalogue = Catalogue(
            runner, self.setup, lambda: self.settings, self._looked, model_folders
        )
        self.walk = Walk(runner, self.settings, self._failed)
        self.comparing = Comparing(runner, self.walk, self._failed)
        self.effect = Effect(self.walk)
        self.places = Places(runner, self.walk, self._failed)
        self.summary = Summary(runner, self.walk, self.settings, self._failed)
        self.summary.changed.connect(self._summarised)
        self.overviews = Overviews(runner, self.walk, self._failed)
        self.borders = Borders(self.walk, self.overviews)
        self.shells = Shells(runner, self.overviews, self._failed)
        means = Means(runner, self.walk, self._hindered, self.tell)
        self.pointing = Pointing(means, self.places)
        self.asking = Asking(means)
        self.fitting = Fitting(means)
        self.readers = ReadersRoom(runner, self.tell)
        self.changed.connect(self.pointing.refresh)
        self.changed.connect(self.asking.refresh)
        self.pointing.changed.connect(self._pointed)
        # What was on show when somebody last moved.
        self._left = self.walk.choice
        self.walk.moved.connect(self._moved)
        self.files = Files(
            runner, self.walk, self.summary, self._unwritable, self._writing, self._wrote
        )
        self.copies = Copies(runner, self.walk, lambda: self.stale, self.changed.emit, self._failed)
        self.members = MemberList(self.walk, self.tell)
        # All that know something of the result on show. While the others begin, lines are drawn of
        # the first, and are kept as the result's.
        first = (self.effect, self.walk, self.borders)
        known = [one for one in vars(self).values() if isinstance(one, SessionPart)]
        self._parts = (*first, *(one for one in known if one not in first))
        #: Of all images and places; those that are not on show wait as they were left.
        self.results = Results(self.walk, self._parts)
        self.follow = FollowUp(
            runner,
            self.walk,
            self.summary,
            self.results,
            lambda: self.settings.hypotheses,
        )
        self.running = Running(runner, self._failed)
        self.running.changed.connect(self.changed.emit)
        self.running.previewed.connect(self.previewed.emit)
        self.running.remarked.connect(self.tell)
        self.studies = Studies(
            runner,
            self.walk,
            self.results,
            lambda: self.copies.keeping,
            lambda: self.settings.kept,
            self._take_settings,
            self.running.number,
            self.tell,
        )
        self.studies.changed.connect(self._meet)
        self.sidecars = Sidecars(
            runner,
            lambda: self.setup,
            self.catalogue,
            self.running,
            self.tell,
        )
        self._exporting = False
        #: Is asked, when a run begins, which plane of the source's grid is being looked at.
        self.looking: Callable[[], Plane | None] = lambda: None
        #: Is asked to take the image of a token, and whether it could.
        self.turn_to: Callable[[int], bool] = lambda token: False
        #: Is asked whether the image of the result is open no more.
        self.closed: Callable[[], bool] = lambda: False
        self._runner = runner

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
            or self.setup.middle != self.result.centre
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
            return POINT_AFTER_RUN
        if self.stale:
            return POINT_AFTER_ANOTHER_RUN
        return None

    def _unwritable(self) -> str | None:
        """Why the result cannot be written, one sentence."""
        if self.result is not None and self.closed():
            return IMAGE_CLOSED
        return None

    def configure(self, settings: Settings) -> None:
        """Take new settings; what they touch is computed anew."""
        before, self.settings = self.settings, settings
        if (settings.device, settings.server) != (before.device, before.server):
            self.catalogue.look()
        if settings.seed != before.seed:
            self.walk.set_seed(settings.seed)
        self.walk.configure(settings)
        self.summary.configure(settings)
        self.changed.emit()

    def _meet(self) -> None:
        self.studies.meet(self.setup.source)
        self.sidecars.meet()

    def _looked(self, text: str, error: bool) -> None:
        """Other models are there, or another is chosen."""
        self.tell(text, error)
        self.sidecars.meet()

    def _take_settings(self, kept: tuple[int, int, float, int]) -> None:
        """Take what was set when a study was saved, as far as it may be set here."""
        self.configure(self.settings.within(*kept))

    def tell(self, text: str, error: bool = False, at: Beside = "run") -> None:
        """Say something beside one of the buttons, in one sentence, or nothing any more."""
        self.note = Note(text, error, at) if text else None
        self.changed.emit()

    def _failed(self, text: str) -> None:
        """Say beside the run's button what went wrong, in one sentence."""
        self.tell(text, error=True)

    def _moved(self) -> None:
        """Who shows another hypothesis has read what went wrong before."""
        before, self._left = self._left, self.walk.choice
        error = self.note is not None and self.note.error
        if before != self._left and error and self.activity is None:
            self.tell("")

    def _summarised(self) -> None:
        if self.result is not None and self.ranges is not None:
            self.places.tell_lesions_apart(self.result)
        self.changed.emit()

    def _pointed(self) -> None:
        if self.pointing.label is not None:
            # A click means one thing at a time.
            self.asking.stop()

    def _writing(self) -> None:
        self._exporting, self.note = True, None
        self.changed.emit()

    def _wrote(self, text: str, error: bool) -> None:
        self._exporting = False
        self.tell(text, error, "export")

    def close(self) -> None:
        """Stop everything and let go of it."""
        self._runner.close()
        self.result = None
        self._exporting = False
        self.setup = Setup()
        self.running.close()
        for part in reversed(self._parts):
            part.close()
        self.studies.close()
        self.sidecars.close()
        self.follow.close()
        self.results.close()
        silence(self)
