"""The tab of several people's outlines: compared, placed among the hypotheses, made into one."""

from __future__ import annotations

from typing import Any

from napari.layers import Labels
from napari.viewer import Viewer
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QListWidget, QListWidgetItem
from superqt.utils import signals_blocked

from napari_ssn.documents.adjudicated import How
from napari_ssn.errors import SSNError
from napari_ssn.gui.layers import colours
from napari_ssn.gui.layers.adding import add_beside, list_events
from napari_ssn.gui.layers.drawing import PEOPLE_KEY, Drawings
from napari_ssn.gui.layers.scene import Scene
from napari_ssn.gui.listening import Listening
from napari_ssn.gui.panels.output import with_suffix
from napari_ssn.gui.widgets.dialogs import Ask, ask_for_file
from napari_ssn.gui.widgets.parts import Section, button, check, combo, fill, say, text
from napari_ssn.gui.widgets.table import Table
from napari_ssn.session import Session
from napari_ssn.session.reading import Made
from napari_ssn.text.readers import COLUMNS, NO_OUTLINES, RUN_FIRST, size_heading, ticked_line
from napari_ssn.text.sizes import capital

ADJUDICATED = "Outline of all"

_WAIT = "Comparing…"
_SUFFIX = ".nii.gz"
_NAME, _SIZE, _ROWS, _OPACITY, _LETTERS = 0, 1, 8, 0.5, 64
_SAVE_TIP = (
    "Write it as it stands in its layer, with what was painted on it, and a .json that names "
    "everybody's share"
)


class ReadersPanel(Section):
    """Whose outlines, what is said of them, and one that is made of all."""

    def __init__(self, viewer: Viewer, scene: Scene, session: Session, drawings: Drawings) -> None:
        tip = "On the picture: around what any, at least half and all of them outlined"
        self.drawn = check("Lines", tip)
        super().__init__("Several people's outlines", ruled=False, beside=(self.drawn,))
        self._viewer, self._scene, self._session = viewer, scene, session
        self._drawings = drawings
        self.ask: Ask = ask_for_file
        self.hint = text("", "muted")
        self.people = QListWidget()
        self.people.setToolTip("Labels layers on the image: tick those that are compared")
        self.compare = button("Compare", "Sizes, agreement, and where each lies in the model")
        self.label = combo("Which label the table is of")
        self.table = Table(COLUMNS, _NAME, _ROWS)
        # Names of layers often differ in what stands last.
        self.table.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.table.setWordWrap(False)
        self.summary = text("")
        self.details = button("All figures", "Each two of them, STAPLE, and each in the model")
        self.details.setCheckable(True)
        self.about = text("")
        self.how = combo("How one outline is made of all")
        self.make = button(
            "Make", "Show it as a layer of its own, to be corrected by painting on it"
        )
        self.save = button("Save…", _SAVE_TIP)
        self.below(self.hint, self.people, self.compare, self.label, self.table, self.summary)
        self.below([(self.how, 1), self.make, self.save], self.details, self.about)
        self.body.addStretch(1)
        self.compare.clicked.connect(self._compare)
        self.make.clicked.connect(self._make)
        self.save.clicked.connect(self._save)
        self.people.itemChanged.connect(self.refresh)
        self.drawn.toggled.connect(session.readers.draw)
        self.details.toggled.connect(self.refresh)
        self.label.currentIndexChanged.connect(self._fill)
        self._listening = Listening()
        self._listening.to(self._list, *list_events(viewer))
        session.changed.connect(self.refresh)
        session.readers.changed.connect(self._follow)
        self._shown: Any = None
        # That shows what was made last; None where somebody has taken it away.
        self._layer: Labels | None = None
        self._list()

    def _ticked(self) -> list[Labels]:
        items = [self.people.item(at) for at in range(self.people.count())]
        on = Qt.CheckState.Checked
        return [item.data(Qt.ItemDataRole.UserRole) for item in items if item.checkState() == on]

    def _list(self, event: Any = None) -> None:
        before = [self.people.item(at) for at in range(self.people.count())]
        off = [
            item.data(Qt.ItemDataRole.UserRole)
            for item in before
            if item.checkState() != Qt.CheckState.Checked
        ]
        with signals_blocked(self.people):
            self.people.clear()
            for layer in reversed(self._drawings.candidates):
                item = QListWidgetItem(layer.name)
                item.setData(Qt.ItemDataRole.UserRole, layer)
                ticked = layer not in off and not layer.name.startswith(ADJUDICATED)
                item.setCheckState(Qt.CheckState.Checked if ticked else Qt.CheckState.Unchecked)
                self.people.addItem(item)
        self.refresh()

    def _compare(self) -> None:
        chosen, values = self._ticked(), []
        for number, layer in enumerate(chosen, start=1):
            try:
                values.append(self._drawings.values_of(layer))
            except SSNError as error:
                self._session.tell(ticked_line(number, str(error)), error=True)
                return
        for layer in chosen:
            # The image is to be seen under them, and the lines of all.
            self._drawings.rest(layer)
        self._session.readers.compare(values, [_short(layer.name) for layer in chosen])

    def _make(self) -> None:
        how: How
        how, number = self.how.currentData()
        self._session.readers.make(how, number)

    def _save(self) -> None:
        answer = self.ask(self, f"outline{_SUFFIX}", f"NIfTI (*{_SUFFIX})")
        if not answer:
            return
        layer, painted = self._layer, None
        try:
            if layer is not None and layer in self._drawings.candidates:
                painted = self._drawings.values_of(layer)
        except SSNError as error:
            self._session.tell(str(error), error=True)
            return
        path = with_suffix(answer, _SUFFIX)
        # Of the very name that was given the dialog has asked.
        self._session.readers.export(path, str(path) == answer, painted)

    def _follow(self) -> None:
        made, found = self._session.readers.made, self._session.readers.found
        self.how.clear()
        if found is not None:
            for title, how in (("What most say", "majority"), ("STAPLE", "staple")):
                self.how.addItem(title, (how, 0))
            self.how.addItem("Between them all", ("blend", 0))
            for number, name in enumerate(found.readers.names):
                self.how.addItem(name, ("pick", number))
        if made is not None and found is not None:
            chosen = {"majority": 0, "staple": 1, "blend": 2}.get(made.how)
            picked = [k for k, share in enumerate(made.shares or ()) if share == 1]
            self.how.setCurrentIndex(3 + picked[0] if chosen is None else chosen)
        if made is not None and made is not self._shown:
            self._show(made)
        self._shown = made
        self._list_labels()
        self.refresh()

    def _list_labels(self) -> None:
        found, result = self._session.readers.found, self._session.result
        names = [] if found is None else [capital(one) for one in found.readers.labels[1:]]
        at = max(0, self.label.currentIndex())
        fill(self.label, ((one, None) for one in names), min(at, len(names) - 1))
        if result is not None:
            self.table.horizontalHeaderItem(_SIZE).setText(size_heading(result.measure.flat))
        self._fill()

    def _fill(self, at: int = 0) -> None:
        """A row for each person, of the label that is chosen."""
        found = self._session.readers.found
        rows = () if found is None else found.rows[self.label.currentIndex()]
        self.table.set_rows(len(rows))
        for number, one in enumerate(rows):
            for column, words in enumerate(
                (one.name, one.size, one.others, one.nearest, one.larger)
            ):
                self.table.put(number, column, words).setToolTip(one.tip)

    def _show(self, made: Made) -> None:
        result = self._session.result
        assert result is not None
        values = self._scene.here.shown(made.label_map).copy()
        # Whoever goes on from it, by *Fit*, goes on from everybody's share.
        layer = Labels(
            values, name=ADJUDICATED, metadata={PEOPLE_KEY: made}, **self._scene.here.transform
        )
        layer.colormap = colours.of(result)
        # The image is to be seen under what is corrected.
        layer.opacity = _OPACITY
        self._layer = layer
        add_beside(self._viewer, layer)

    def refresh(self) -> None:
        """Show what can be done, and what came of it."""
        session, room = self._session, self._session.readers
        enough = len(self._ticked()) > 1
        say(self.hint, RUN_FIRST if session.result is None else "" if enough else NO_OUTLINES)
        count = self.people.count()
        self.people.setVisible(count > 0)
        self.people.setFixedHeight(min(count, 7) * max(1, self.people.sizeHintForRow(0)) + 12)
        self.compare.setEnabled(session.result is not None and enough and not room.busy)
        found = room.found
        words = "" if found is None else "\n".join(found.summary)
        say(self.summary, _WAIT if room.busy and not words else words)
        say(self.about, "" if found is None else "\n".join(found.lines))
        self.about.setVisible(found is not None and self.details.isChecked())
        for widget in (self.table, self.details):
            widget.setVisible(found is not None)
        self.label.setVisible(found is not None and self.label.count() > 1)
        self.drawn.setVisible(found is not None)
        with signals_blocked(self.drawn):
            self.drawn.setChecked(room.drawn)
        free = found is not None and not room.busy
        self.how.setEnabled(free)
        self.make.setEnabled(free)
        self.save.setEnabled(free and room.made is not None)

    def shut(self) -> None:
        """Let go of the viewer."""
        self._listening.stop()


def _short(name: str) -> str:
    """A name in no more letters than a sidecar has; what stands last tells layers apart."""
    return name if len(name) <= _LETTERS else f"…{name[1 - _LETTERS :]}"
