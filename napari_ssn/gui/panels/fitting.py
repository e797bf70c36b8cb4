"""Fit to my drawing: draw an outline, and go on from the hypothesis nearest to it."""

from __future__ import annotations

from typing import Any

from napari.viewer import Viewer

from napari_ssn.errors import SSNError
from napari_ssn.gui.layers.adding import just_added, list_events
from napari_ssn.gui.layers.drawing import Drawings
from napari_ssn.gui.layers.scene import Scene
from napari_ssn.gui.listening import Listening
from napari_ssn.gui.widgets.parts import Block, button, combo, fill, say, text
from napari_ssn.session import Session
from napari_ssn.text.drawing import LOOKING


class FitRow(Block):
    """Which drawing of several, what came of it; and buttons to draw and to fit, elsewhere."""

    def __init__(self, viewer: Viewer, scene: Scene, session: Session) -> None:
        super().__init__()
        self._viewer, self._session = viewer, session
        self.drawings = Drawings(viewer, scene, session)
        # They stand beside the words of the section: what can be fitted there is once it was used.
        self.draw = button(
            "Draw", "Paint the outline you have in mind in a layer of its own", "small"
        )
        self.fit = button(
            "Fit drawing",
            "Show the hypothesis nearest to what was drawn, and how far the model explains it; "
            "the slider goes on from there",
            "small",
        )
        self.layers = combo("Which drawing is meant")
        self.about = text("", "muted")
        self.below(self.layers, self.about)
        self.draw.clicked.connect(self._draw)
        self.fit.clicked.connect(self._fit)
        self._listening = Listening()
        self._listening.to(self._list, *list_events(viewer))
        # Told after the scene, which knows by then that the layer was kept.
        session.copies.made.connect(self._list)
        session.changed.connect(self.refresh)
        session.fitting.changed.connect(self.refresh)
        self._list()

    def _list(self, event: Any = None) -> None:
        found, chosen = self.drawings.candidates, self.layers.currentData()
        likeliest = (just_added(event), chosen, *found)
        at = next((found.index(one) for one in likeliest if one in found), -1)
        fill(self.layers, ((one.name, one) for one in found), at)
        self.refresh()

    def _draw(self) -> None:
        layer = self.layers.currentData()
        if layer is None or not layer.editable:
            self.drawings.begin()
        else:
            self.drawings.paint(layer)

    def _fit(self) -> None:
        layer = self.layers.currentData()
        try:
            values = self.drawings.values_of(layer)
        except SSNError as error:
            self._session.tell(str(error), error=True)
            return
        made, told = self.drawings.made_of(layer), self.drawings.told_of(layer)
        self._session.fitting.fit(values, made, told)
        self.drawings.rest(layer)

    def refresh(self) -> None:
        """Show what can be done, and what came of it."""
        fitting = self._session.fitting
        ready = fitting.usable and not fitting.busy
        self.draw.setEnabled(ready)
        self.fit.setEnabled(ready and self.layers.currentData() is not None)
        self.fit.setVisible(self.layers.count() > 0)
        self.layers.setVisible(self.layers.count() > 1)
        lines, rare = fitting.words
        words = LOOKING if fitting.busy else "\n".join(lines)
        self.setVisible(bool(words) or self.layers.count() > 1)
        say(self.about, words, "warn" if rare and not fitting.busy else "muted")

    def shut(self) -> None:
        """Let go of the viewer."""
        self._listening.stop()
        self.drawings.close()
