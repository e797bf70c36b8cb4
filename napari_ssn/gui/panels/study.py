"""Save and open a study, and go on with what an earlier session left."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from napari.layers import Layer
from napari.viewer import Viewer
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QMenu, QWidget

from napari_ssn.gui.panels.output import may_replace
from napari_ssn.gui.widgets.dialogs import Ask, ask_for_existing, ask_for_file, is_meant
from napari_ssn.gui.widgets.parts import Section, button, row, say, text
from napari_ssn.session import Session
from napari_ssn.session.keeping import EVERY_S, Keeping, Offer, offers
from napari_ssn.session.runner import Runner
from napari_ssn.text import results as said

_PATTERN = f"Study (*{said.STUDY_SUFFIX})"
_WHAT = "Study or exported result"
_EXISTING = f"{_WHAT} (*{said.STUDY_SUFFIX} *.json)"
#: Entry of the menu that opens images, and what it says.
OPEN = f"{_WHAT}…"
OPEN_TIP = "Go on where a study was saved, or a result exported (its .json)"
_IMAGES_TIP = "Their values go into the file; without, it opens on them alone"
_TIP = "All results, with points and what was kept, in one file; no names, and no image"


class OfferPanel(Section):
    """What an earlier session left, if any: to go on with, or to be let go.

    Attributes:
        confirm: asks whether it may be let go for good.

    Args:
        session: goes on with it.
        keeping: has its folder.
        base: folder of the folders of all sessions; None where none are kept.
        runner: looks for it.
    """

    def __init__(
        self, session: Session, keeping: Keeping, base: Path | None, runner: Runner
    ) -> None:
        super().__init__("")
        self._session, self._keeping, self._base, self._runner = session, keeping, base, runner
        self.offers: tuple[Offer, ...] = ()
        self.confirm: Callable[[QWidget], bool] = partial(
            is_meant, title="Discard", words=said.DISCARD
        )
        self.what = text("", "muted")
        self.resume = button("Resume", "Bring its results back, each onto its image", "small")
        self.drop = button("Discard", "Delete what was kept of that session", "small")
        self.waits = text("", "warn")
        self.looks = text(said.LOOKING, "muted")
        self.leave = button("Cancel", "Do not look for the image of the exported result", "small")
        self.below(self.what, [1, self.resume, self.drop])
        self.below(self.waits, [(self.looks, 1), self.leave])
        self.leave.clicked.connect(session.sidecars.discard)
        self.resume.clicked.connect(self.go_on)
        self.drop.clicked.connect(self.discard)
        for waiting in (session.studies, session.sidecars):
            waiting.changed.connect(self.refresh)
        session.changed.connect(self._say_waiting)
        self.refresh()

    def look(self) -> None:
        """Look for earlier sessions that nobody has open."""
        base = self._base
        self._runner.submit(
            "offers",
            lambda progress, cancel: offers(base),
            self._offered,
            partial(self._session.tell, error=True),
        )

    def go_on(self) -> None:
        """Go on with the newest of them."""
        offer, self.offers = self.offers[0], self.offers[1:]
        if self._keeping.take_over(offer):
            self._session.studies.open(offer.folder)
        self.refresh()

    def discard(self) -> None:
        """Let the newest of them go for good, if that is meant: the button is beside the other."""
        if not self.confirm(self):
            return
        offer, self.offers = self.offers[0], self.offers[1:]
        self._keeping.discard(offer)
        self.refresh()

    def _offered(self, found: tuple[Offer, ...]) -> None:
        self.offers = found
        self.refresh()

    def refresh(self) -> None:
        """Say what there is, and what waits for its image."""
        newest = self.offers[0] if self.offers else None
        words = ""
        if newest is not None and newest.problem:
            words = said.unread_line(newest.problem)
        elif newest is not None:
            words = said.offer_line(newest.results, newest.saved)
        say(self.what, words)
        self.resume.setVisible(newest is not None and not newest.problem)
        self.drop.setVisible(newest is not None)
        self._say_waiting()

    def _say_waiting(self) -> None:
        waiting = (self._session.studies, self._session.sidecars)
        waits = "\n".join(one.words for one in waiting if one.words)
        say(self.waits, waits)
        looking = self._session.sidecars.looking
        for one in (self.looks, self.leave):
            one.setVisible(looking)
        self.setVisible(bool(waits or looking or not self.what.isHidden()))


class StudyPanel(QWidget):
    """A menu that saves everything in one file, and opens it again.

    Args:
        viewer: gets the images that a study holds.
        session: whose results they are.
        keeping: saves by itself, every few seconds.
    """

    def __init__(self, viewer: Viewer, session: Session, keeping: Keeping) -> None:
        super().__init__()
        self._viewer, self._session, self._keeping = viewer, session, keeping
        self.ask: Ask = partial(ask_for_file, title="Save study")
        self.ask_which: Callable[[QWidget], str] = partial(
            ask_for_existing, title="Open study", pattern=_EXISTING
        )
        self.confirm = may_replace
        self.button = button("Study", "Save or open all results in one file", "small")
        self._menu = QMenu(self.button)
        self._menu.setToolTipsVisible(True)
        self.save = self._menu.addAction("Save study…", partial(self.save_study, False))
        self.save_all = self._menu.addAction(
            "Save study with its images…", partial(self.save_study, True)
        )
        self.open = self._menu.addAction("Open study…", self.open_study)
        for action, tip in (
            (self.save, _TIP),
            (self.save_all, _IMAGES_TIP),
            (self.open, OPEN_TIP),
        ):
            action.setToolTip(tip)
        self.button.setMenu(self._menu)
        self.setLayout(row([self.button]))
        session.changed.connect(self.refresh)
        session.studies.pictured.connect(self._pictured)
        self._clock = QTimer(self)
        self._clock.setInterval(round(1000 * EVERY_S))
        self._clock.timeout.connect(keeping.tick)
        self._clock.start()
        self.refresh()

    def save_study(self, pixels: bool) -> None:
        """Ask for a place and save there, with the images or without."""
        answer = self.ask(self, said.study_name(), _PATTERN)
        if not answer:
            return
        path, own = Path(answer), True
        if not path.name.lower().endswith(said.STUDY_SUFFIX):
            # Of the name with its suffix the dialog has not asked.
            path = path.with_name(path.name + said.STUDY_SUFFIX)
            own = path.is_file() and self.confirm(self, path.name)
            if path.is_file() and not own:
                return
        self._session.studies.save(path, pixels, own)

    def open_study(self) -> None:
        """Ask for a study and open it."""
        answer = self.ask_which(self)
        if answer and not self._session.open(Path(answer)):
            # Whatever it is called: what is wrong with it is said.
            self._session.studies.open(Path(answer))

    def _pictured(self, layers: tuple[Any, ...]) -> None:
        for layer in layers:
            self._viewer.add_layer(Layer.create(*layer))

    def refresh(self) -> None:
        """Show whether there is anything to save."""
        there = bool(self._session.results.entries or self._session.studies.waiting)
        for action in (self.save, self.save_all):
            action.setEnabled(there and self._session.activity is None)

    def shut(self, alive: bool) -> None:
        """Save for the last time; the clock of a window that is gone has stopped by itself."""
        if alive:
            self._clock.stop()
        self._keeping.close()
