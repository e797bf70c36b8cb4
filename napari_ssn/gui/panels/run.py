"""Where to look, and Run."""

from __future__ import annotations

from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QProgressBar, QRadioButton
from superqt.utils import signals_blocked

from napari_ssn.gui.layers.picture import Picture
from napari_ssn.gui.widgets.page import reveal
from napari_ssn.gui.widgets.parts import Block, Section, button, line, say, spin, strip, text
from napari_ssn.session import Session
from napari_ssn.text.dock import CLICK_ON_LESION, NO_CENTRE, READY_CENTRED, done_line
from napari_ssn.text.problems import seconds


class RegionPanel(Section):
    """The whole image, or a region around one click."""

    def __init__(self, picture: Picture, session: Session) -> None:
        self.whole = QRadioButton("Whole image")
        self.around = QRadioButton("Around a point")
        super().__init__("")
        self._picture, self._session = picture, session
        self.place = button("Place centre", "Then click once on the lesion; drag still moves")
        self.place.setCheckable(True)
        self.where = line("muted")
        # Qt leaves their words a pixel too few beside a box with an edge.
        self.below([self.whole, (self.around, 1)], [(self.where, 1), self.place])
        self.depth = spin(0, 200, 15, "How far the model looks along the volume, slice by slice")
        self.depth.setPrefix("±")
        self.depth.setSuffix(" mm")
        self.depth.setKeyboardTracking(False)
        self.depth.setFixedWidth(118)
        self.along = strip([text("Slices to either side", "muted", wrap=False), 1, self.depth])
        self.below(self.along)
        # Of which image a click was asked for, as long as it has no centre.
        self._asked: int | None = None
        self.around.toggled.connect(self._session.set_around_point)
        self.place.toggled.connect(self._wait)
        self.depth.valueChanged.connect(lambda depth: session.set_depth(float(depth)))
        session.changed.connect(self.refresh)
        self.refresh()

    def _wait(self, waiting: bool) -> None:
        self._picture.centre.wait_for_click(waiting, self._clicked)
        self.refresh()

    def _clicked(self) -> None:
        self.place.setChecked(False)

    def refresh(self) -> None:
        """Show the session's region."""
        session = self._session
        usable = session.setup.source is not None and session.setup.source.problem is None
        self.whole.setEnabled(usable)
        # Members are of the whole image.
        self.around.setEnabled(usable and session.setup.ensemble is None)
        self.place.setVisible(session.setup.around_point)
        self.place.setEnabled(usable)
        if session.setup.around_point != self.around.isChecked() or not self.whole.isChecked():
            with signals_blocked(self.around):
                (self.around if session.setup.around_point else self.whole).setChecked(True)
        self._ask(usable)
        self.along.setVisible(session.setup.looks_along)
        with signals_blocked(self.depth):
            self.depth.setValue(round(session.setup.depth_mm))
        say(self.where, self._words() if usable else "")

    def _ask(self, usable: bool) -> None:
        """Wait for a click on the lesion by itself, once, where nothing can be run without."""
        setup = self._session.setup
        if setup.source is None or not (usable and setup.around_point):
            self._asked = None
            self.place.setChecked(False)
            return
        wanted = setup.source.token if setup.centre is None else None
        if wanted != self._asked:
            self._asked = wanted
            # Where a study or a sidecar has placed it nobody need click any more.
            self.place.setChecked(wanted is not None)

    def _words(self) -> str:
        session, waiting = self._session, self.place.isChecked()
        if waiting:
            return CLICK_ON_LESION
        if not session.setup.around_point:
            return ""
        at = self._picture.centre.in_words()
        return at or NO_CENTRE


class RunPanel(Block):
    """One button, a progress bar, and one line that says how things stand."""

    def __init__(self, session: Session) -> None:
        # The bar keeps its room while it is hidden: no more is wasted around it.
        super().__init__(spacing=1)
        self._session = session
        self.button = button("Run", "", "main")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(4)
        # Kept where it is while hidden, so that nothing jumps when a run begins.
        policy = self.bar.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.bar.setSizePolicy(policy)
        self.status = text("", "muted")
        # What is said of a result stands beside the button: below it every row counts.
        self.done = line("muted")
        self.below([(self.button, 2), (self.done, 3)], self.bar, self.status)
        self.button.clicked.connect(self.press)
        self._clock = QTimer(self)
        self._clock.setInterval(100)
        self._clock.timeout.connect(self._tell)
        # Whoever has placed the centre goes on here, on a small screen with large letters too; what
        # is said of it is laid out before.
        self._next = QTimer(self)
        self._next.setSingleShot(True)
        self._next.timeout.connect(self._show_next)
        self._centre = session.setup.centre
        session.changed.connect(self.refresh)
        self.refresh()

    def press(self) -> None:
        """Run, or cancel the run."""
        if self._session.busy:
            self._session.cancel()
        elif self._session.activity is None and self._session.setup.obstacle is None:
            self._session.run()

    def refresh(self) -> None:
        """Show the session's state."""
        session = self._session
        self.button.setText("Cancel" if session.busy else "Run")
        tip = "Stop the run; what was there before stays" if session.busy else "Segment the image"
        self.button.setToolTip(f"{tip} (Ctrl+Enter)")
        ready = session.setup.obstacle is None and session.activity != "exporting"
        self.button.setEnabled(session.busy or ready)
        if session.setup.centre != self._centre:
            self._centre = session.setup.centre
            if self._centre is not None:
                self._next.start(0)
        self.bar.setVisible(session.busy)
        done, total = session.running.progress
        # Zero in all makes the bar swing: how long loading takes is unknown.
        self.bar.setRange(0, total if total > 1 else 0)
        self.bar.setValue(done)
        if session.busy and not self._clock.isActive():
            self._clock.start()
        elif not session.busy:
            self._clock.stop()
        self._tell()

    def _show_next(self) -> None:
        # Where a result is on show one looks at that.
        if self._session.result is None or self._session.stale:
            reveal(self)

    def _tell(self) -> None:
        words, role = self._words()
        short = words if self._of_result else ""
        say(self.done, short)
        self.done.setToolTip(short)
        say(self.status, words or " ", role)
        self.status.setVisible(not short)

    @property
    def _of_result(self) -> bool:
        """Whether there is nothing to be said but how the result on show came about."""
        session = self._session
        told = session.note is not None and session.note.at == "run"
        idle = session.activity is None and not told and session.setup.obstacle is None
        return idle and session.result is not None and not session.stale

    def _words(self) -> tuple[str, str]:
        session = self._session
        # What is written is said where it was asked for.
        note = session.note if session.note is not None and session.note.at == "run" else None
        if session.activity == "loading":
            return f"Loading the model · {seconds(session.running.elapsed)}", "muted"
        if session.activity == "running":
            done, total = session.running.progress
            steps = f" {min(done + 1, total)} of {total}" if total > 1 else ""
            remark = f"{note.text} " if note is not None else ""
            return f"{remark}Running{steps} · {seconds(session.running.elapsed)}", "muted"
        if session.activity == "exporting":
            return "Exporting…", "muted"
        if note is not None:
            return note.text, "error" if note.error else "muted"
        if session.setup.obstacle is not None:
            return ("", "muted") if session.setup.misfit else (session.setup.obstacle, "muted")
        if session.result is not None and not session.stale:
            result = session.result
            took, depth = session.seconds, ""
            if result.depth_mm is not None:
                unit = "mm" if result.source.spacing_mm is not None else "slices"
                depth = f"{result.depth_mm:g} {unit}"
            return done_line(seconds(took) if took else "", result.device_title, depth), "muted"
        model = session.setup.model if session.setup.ensemble is None else None
        if model is not None and model.card.centred and not session.setup.around_point:
            return READY_CENTRED, "muted"
        return "Ready.", "muted"
