"""Correct by pointing: say of single voxels what they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.viewer import Viewer
from qtpy.QtWidgets import QGridLayout, QPushButton, QSizePolicy

from napari_ssn.gui.layers.clicks import Clicks
from napari_ssn.gui.layers.scene import Scene
from napari_ssn.gui.panels.fitting import FitRow
from napari_ssn.gui.widgets.parts import Section, button, line, set_role
from napari_ssn.session import Session
from napari_ssn.text.dock import CLICK_OR_ESCAPE
from napari_ssn.text.sizes import capital, cut
from napari_ssn.text.steering import DIAMOND, point_tip, points_tip

if TYPE_CHECKING:
    # These modules import torch, which only the worker does.
    from napari_ssn.prediction.prediction import Prediction

# Buttons beside each other, fewer where a label's name is longer than so many letters, and the
# letters of a button that has half of the dock.
_ACROSS, _SHORT, _LONG = 3, 10, 14


class PointPanel(Section):
    """A button for every label, and one line of how well the model explains the points."""

    def __init__(self, viewer: Viewer, scene: Scene, session: Session) -> None:
        self.suggest = button("Suggest", "Show where one point would settle most", "small")
        self.clear = button("Clear", "Take all points away (undo brings them back)", "small")
        self.fitting = FitRow(viewer, scene, session)
        beside = (self.fitting.draw, self.fitting.fit, self.suggest)
        super().__init__("Correct", beside=beside)
        self._session = session
        self.clicks = Clicks(viewer, scene, session)
        self.buttons: list[QPushButton] = []
        self._grid = QGridLayout()
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(6)
        self.meter = line("muted")
        self.below(self._grid, [(self.meter, 1), self.clear], self.fitting)
        self.suggest.clicked.connect(session.pointing.suggest)
        self.clear.clicked.connect(session.pointing.clear)
        session.found.connect(self._found)
        session.changed.connect(self.refresh)
        session.pointing.changed.connect(self.refresh)
        self.refresh()

    def _found(self, result: Prediction) -> None:
        """A button for each label of the model, the background last."""
        for old in self.buttons:
            self._grid.removeWidget(old)
            old.deleteLater()
        names = result.labels[1:]
        if len(names) == 1:
            words = [f"+  belongs to {cut(names[0], _LONG)}", "−  does not"]
            tips = [f"then click on what belongs to {names[0]}", "then click on what does not"]
        else:
            words = [*(f"+  {cut(name, _LONG)}" for name in names), "−  none"]
            tips = [*(f"then click on {name}" for name in names), "then click on what is neither"]
        across = _ACROSS if max(map(len, names)) <= _SHORT else 2
        self.buttons = []
        for at, (name, tip) in enumerate(zip(words, tips, strict=True)):
            made = button(name, point_tip(capital(tip)))
            made.setCheckable(True)
            if len(names) > 1:
                # A long name must not widen the dock.
                made.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
            label = (at + 1) % (len(names) + 1)
            made.clicked.connect(lambda on, label=label: self._pressed(on, label))
            self._grid.addWidget(made, at // across, at % across)
            self.buttons.append(made)
        self.refresh()

    def _pressed(self, on: bool, label: int) -> None:
        if on:
            self._session.pointing.start(label)
        else:
            self._session.pointing.stop()
        self.refresh()

    def refresh(self) -> None:
        """Show what is pointed with, and what came of it."""
        session, pointing = self._session, self._session.pointing
        self.setVisible(session.result is not None)
        self.setEnabled(pointing.usable)
        for at, one in enumerate(self.buttons):
            one.setChecked(pointing.label == (at + 1) % len(self.buttons))
        # There is no room for what does nothing yet.
        self.clear.setVisible(bool(pointing.points))
        self.clear.setEnabled(bool(pointing.points))
        words, unexplained = self._words()
        self.meter.setText(words)
        self.meter.setVisible(bool(words))
        self.meter.setToolTip(points_tip(len(pointing.points), unexplained))
        set_role(self.meter, "warn" if unexplained else "muted")

    def _words(self) -> tuple[str, bool]:
        pointing = self._session.pointing
        if pointing.suggested is not None:
            return DIAMOND, False
        if pointing.points:
            return pointing.words
        if pointing.label is not None:
            return CLICK_OR_ESCAPE, False
        # The buttons say in their tips what they are for; there is no room for more.
        return "", False

    def shut(self, event: Any = None) -> None:
        """Let go of the viewer."""
        self.clicks.close()
        self.fitting.shut()
