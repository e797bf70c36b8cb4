"""The dock: puts the panels together and takes everything apart again when it is closed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from napari.settings import get_settings
from napari.viewer import Viewer
from qtpy.compat import isalive
from qtpy.QtCore import QEvent, QTimer
from qtpy.QtWidgets import QTabWidget, QVBoxLayout, QWidget

from napari_ssn.gui.keys import Keys
from napari_ssn.gui.layers.lines import LineArt
from napari_ssn.gui.layers.overlays import Overlays
from napari_ssn.gui.layers.picture import Picture
from napari_ssn.gui.layers.scene import Scene
from napari_ssn.gui.layers.sides import Sides
from napari_ssn.gui.layers.solid import Solid
from napari_ssn.gui.layers.upright import Upright
from napari_ssn.gui.memory import recall, remember
from napari_ssn.gui.panels.archive import ArchiveRooms
from napari_ssn.gui.panels.cards import CardsPanel
from napari_ssn.gui.panels.follow import FollowPanel
from napari_ssn.gui.panels.image import Header, ImagePanel
from napari_ssn.gui.panels.lesions import LesionPanel
from napari_ssn.gui.panels.members import MemberPanel
from napari_ssn.gui.panels.opening import OpeningPanel
from napari_ssn.gui.panels.outcome import OutcomePanel
from napari_ssn.gui.panels.output import ExportPanel
from napari_ssn.gui.panels.overview import OverviewPanel
from napari_ssn.gui.panels.points import PointPanel
from napari_ssn.gui.panels.presence import PresencePanel
from napari_ssn.gui.panels.readers import ReadersPanel
from napari_ssn.gui.panels.results import ResultsPanel
from napari_ssn.gui.panels.run import RegionPanel, RunPanel
from napari_ssn.gui.panels.samples import SamplePanel
from napari_ssn.gui.panels.settings import SettingsPanel
from napari_ssn.gui.panels.start import StartPanel
from napari_ssn.gui.panels.study import OPEN, OfferPanel, StudyPanel
from napari_ssn.gui.panels.view import ViewPanel
from napari_ssn.gui.panels.walk import ResultPanel, SliderPanel
from napari_ssn.gui.preferences import preferences
from napari_ssn.gui.widgets.fold import Fold
from napari_ssn.gui.widgets.page import Page
from napari_ssn.gui.widgets.parts import column
from napari_ssn.gui.widgets.steady import SteadyView
from napari_ssn.gui.widgets.style import colours_of, style_of
from napari_ssn.gui.worker import Worker
from napari_ssn.session import Session
from napari_ssn.session.keeping import Keeping, kept_folder

# About 320, and room for the scroll bar.
_WIDTH = 334
# Pixels around what is on a tab.
_AROUND = (8, 8, 8, 8)


class SSNDock(QWidget):
    """Stochastic segmentation in a dock of napari.

    Args:
        napari_viewer: given by napari.
        model_folders: models to offer before the installed ones.
    """

    def __init__(self, napari_viewer: Viewer, model_folders: tuple[Path, ...] = ()) -> None:
        super().__init__()
        settings, to_add = preferences()
        self.setObjectName("napari-ssn")
        self.setAcceptDrops(True)
        # napari hands a plugin a proxy, which asks at every look whether that is its business.
        napari_viewer = getattr(napari_viewer, "__wrapped__", napari_viewer)
        self._viewer = napari_viewer
        self._docked = self._closed = self._seen = False
        self.worker = Worker()
        self.session = Session(self.worker, settings, model_folders)
        self.picture = Picture(napari_viewer, self.session)
        self.scene = Scene(napari_viewer, self.session, self.picture)
        self.lines = LineArt(napari_viewer, self.scene, self.session)
        self.solid = Solid(napari_viewer, self.scene, self.session)
        self.session.overviews.show("contours", True)
        self.header = Header(self.session)
        self.archives = ArchiveRooms(napari_viewer, self.session, self)
        self.opening = OpeningPanel(napari_viewer, self.session)
        base = kept_folder()
        self.keeping = Keeping(base, self.session.studies.whole, self.session.tell)
        self.study = StudyPanel(napari_viewer, self.session, self.keeping)
        more = {"From PACS…": self.archives.open, OPEN: self.study.open_study}
        self.start = StartPanel(self.opening, self.session, more)
        self.overlays = Overlays(napari_viewer, self.scene, self.session)
        self.image = ImagePanel(napari_viewer, self.picture, self.session, self.archives.button)
        self.upright = Upright(napari_viewer, self.picture, self.session)
        self.sides = Sides(napari_viewer, self.picture, self.session)
        self.steady = SteadyView(napari_viewer, self.picture)
        self.view = ViewPanel(napari_viewer, self.picture, self.scene, self.session)
        self.region = RegionPanel(self.picture, self.session)
        self.fold = Fold(self.session, (self.image, self.region), self.study)
        self.run = RunPanel(self.session)
        self.results = ResultsPanel(self.session, self.picture, self.scene)
        self.presence = PresencePanel(self.session)
        self.result = ResultPanel(self.session)
        self.outcomes = OutcomePanel(self.session)
        self.cards = CardsPanel(self.session, (self.outcomes.toggle,))
        self.overview = OverviewPanel(self.session)
        self.members = MemberPanel(self.session, self.cards.compared)
        self.lesions = LesionPanel(self.session)
        self.slider = SliderPanel(self.session)
        self.points = PointPanel(napari_viewer, self.scene, self.session)
        self.samples = SamplePanel(self.session, to_add)
        self.export = ExportPanel(self.session, self.picture, self.scene)
        self.offer = OfferPanel(self.session, self.keeping, base, self.worker)
        self.settings = SettingsPanel(self.scene, self.session)
        drawings = self.points.fitting.drawings
        self.follow = FollowPanel(napari_viewer, self.picture, self.scene, self.session)
        self.readers = ReadersPanel(napari_viewer, self.scene, self.session, drawings)
        self._remembered = recall(self.picture.image)
        if self._remembered is not None:
            self.picture.restore(self._remembered)
        self._lay_out()
        self.keys = Keys(
            {
                "Q": self._if_seen(self.samples.step_back),
                "W": self._if_seen(self.samples.step_on),
                ",": self._if_seen(lambda: self.session.walk.nudge(-0.1)),
                ".": self._if_seen(lambda: self.session.walk.nudge(0.1)),
                "S": self.scene.toggle,
                "A": lambda: self._fade(-0.1),
                "D": lambda: self._fade(0.1),
                "K": self._if_seen(self.session.copies.keep),
                "Control-Z": lambda: self._steps.undo(),
                "Control-Shift-Z": lambda: self._steps.redo(),
                "Control-Enter": self.run.press,
            }
        )
        self.keys.bind(napari_viewer)
        self.session.changed.connect(self._bind_layers)
        self.session.changed.connect(self._show_what_counts)
        self.session.overviews.changed.connect(self._bind_layers)
        napari_viewer.events.theme.connect(self._restyle)
        get_settings().appearance.events.font_size.connect(self._restyle)
        self._restyle()
        self._show_what_counts()
        # A window that closes destroys its docks without a word; by then a method of ours would
        # no longer be called, a function is. It keeps us alive, until `shut` takes it back.
        self._gone = lambda gone=None: self.shut()
        self.destroyed.connect(self._gone)
        # After the window is up: finding models imports torch, in the worker.
        QTimer.singleShot(0, self._start)

    def _lay_out(self) -> None:
        # Outlines and sizes, which wait where there does not seem to be anything.
        self.details = column(
            self.result,
            self.cards,
            self.outcomes,
            self.overview,
            self.lesions,
            self.slider,
            # Under the slider: cards stand for them above, and a list is long.
            self.members,
            self.points,
            self.samples,
        )
        main = column(
            self.offer,
            self.opening,
            self.start,
            self.fold,
            self.view,
            self.run,
            self.results,
            self.presence,
            self.details,
            margins=(8, 4, 8, 4),
        )
        main.body.addStretch(1)
        # Where all this leads to stays in sight.
        self.foot = column(self.export, self.archives.send, margins=(8, 0, 8, 4))
        self._two = column(self.follow, margins=_AROUND)
        pages = (
            (main, "Segment"),
            (self._two, "Follow-up"),
            (column(self.readers, margins=_AROUND), "Readers"),
            (column(self.settings, margins=_AROUND), "Settings"),
        )
        tabs = QTabWidget()
        for page, title in pages:
            shown = Page(page, _WIDTH, self.foot if page is main else None)
            shown.hurry = lambda: self.session.walk.held
            tabs.addTab(shown, title)
        self.tabs = tabs
        tabs.currentChanged.connect(self._turn)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        # It stays where it is, whatever is scrolled.
        head = QVBoxLayout()
        # Napari's title reaches some pixels down into the dock.
        head.setContentsMargins(8, 6, 8, 0)
        head.addWidget(self.header)
        outer.addLayout(head)
        outer.addWidget(tabs)

    def _turn(self, at: int) -> None:
        """Two scans are compared while somebody looks at them."""
        self.session.follow.attend(self.tabs.widget(at).widget() is self._two)

    def _restyle(self, event: Any = None) -> None:
        theme = str(self._viewer.theme)
        # For a style sheet Qt goes through hundreds of widgets whenever they get another parent.
        if self._seen:
            self.setStyleSheet(style_of(theme, get_settings().appearance.font_size))
        self._widen()
        palette = colours_of(theme)
        self.cards.restyle(palette["warn"], palette["muted"])

    def _widen(self) -> None:
        """Every tab is seen, none by arrows alone."""
        across = max(_WIDTH, self.tabs.tabBar().sizeHint().width())
        for page in map(self.tabs.widget, range(self.tabs.count())):
            page.widen(across)

    def _show_what_counts(self) -> None:
        """Without an image the first thing is to open one; a result of one that is gone stays."""
        there = self.picture.image is not None
        known = there or self.session.result is not None
        self.start.setVisible(not there)
        self.fold.setVisible(known)
        self.view.setVisible(there)
        for part in (self.details, self.foot):
            part.setVisible(known and not self.session.summary.hidden)

    def _if_seen(self, do: Callable[[], Any]) -> Callable[[], None]:
        """What a key does, unless the outlines it would change are not shown."""

        def act() -> None:
            if not self.session.summary.hidden:
                do()

        return act

    def _bind_layers(self) -> None:
        self.keys.bind_all([*self.scene.own_layers(), *self.overlays.own_layers()])

    def _start(self) -> None:
        if not self._closed:
            self.opening.prepare()
            self.offer.look()
            self.archives.archive.look()
            before = self._remembered
            if before is None:
                self.session.catalogue.look()
            else:
                self.session.catalogue.look(before.model, before.folders)

    @property
    def _steps(self) -> Any:
        """Whose steps are taken back: of a layer that somebody paints on, else of the walk."""
        painted = self.scene.copies.painting
        return self.session.walk if painted is None else painted

    def _fade(self, by: float) -> None:
        bare = self.scene.look.lines and self._viewer.dims.ndisplay == 2
        (self.lines if bare else self.scene).fade(by)

    def event(self, event: QEvent) -> bool:
        """Notice being taken out of the window, which is how napari closes a dock."""
        if event.type() == QEvent.Type.ParentChange:
            if self.parent() is not None:
                self._docked = True
            elif self._docked:
                self.shut()
                self.deleteLater()
        return bool(super().event(event))

    def dragEnterEvent(self, event: Any) -> None:
        """Files may be dropped anywhere on the dock."""
        self.start.take(event)

    #: And are opened then.
    dropEvent = dragEnterEvent

    def showEvent(self, event: Any) -> None:
        """Only within napari's window its letters are known."""
        if not self._seen:
            self._seen = True
            self._restyle()
        super().showEvent(event)
        self._widen()

    def closeEvent(self, event: Any) -> None:
        """Stop what is running."""
        self.shut()
        super().closeEvent(event)

    def shut(self) -> None:
        """Cancel what is running and let go of the viewer; the layers stay."""
        if self._closed:
            return
        self._closed = True
        alive = isalive(self)
        if self.picture.image is not None:
            setup, folders = self.session.setup, self.session.catalogue.folders
            remember(self.picture.image, self.picture.remembered(setup.picked, folders))
        if alive:
            self.destroyed.disconnect(self._gone)
        self._viewer.events.theme.disconnect(self._restyle)
        get_settings().appearance.events.font_size.disconnect(self._restyle)
        self.image.disconnect_viewer()
        self.view.disconnect_viewer(alive)
        self.upright.close()
        self.steady.close()
        self.sides.close(tidy=alive)
        # While there is something to be saved.
        self.study.shut(alive)
        self.archives.close()
        self.opening.opening.close()
        self.keys.release()
        self.points.shut()
        self.readers.shut()
        # The scene first: the layer that stays is decoded one last time.
        self.overlays.close()
        self.lines.close(tidy=alive)
        self.solid.close(tidy=alive)
        self.scene.close()
        # Of a window that is gone nothing can be taken away.
        self.picture.close(tidy=alive)
        self.session.close()
