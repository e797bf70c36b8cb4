"""The results of all images and lesions, to go from one to another."""

from __future__ import annotations

from qtpy.QtWidgets import QSizePolicy

from napari_ssn.gui.layers.picture import Picture
from napari_ssn.gui.layers.scene import Scene
from napari_ssn.gui.panels.shown import entry_words
from napari_ssn.gui.widgets.later import Later
from napari_ssn.gui.widgets.parts import Section, combo, text
from napari_ssn.session import Session


class ResultsPanel(Section):
    """A list of results, as soon as there are two; each is shown as it was left.

    Args:
        session: whose they are.
        picture: knows their images.
        scene: knows where they lie in these.
    """

    def __init__(self, session: Session, picture: Picture, scene: Scene) -> None:
        super().__init__("")
        self._session, self._picture, self._scene = session, picture, scene
        self.box = combo("Results of all images and lesions; each is shown as you left it")
        self.box.setAccessibleName("Results")
        self.title = text("Results", "section", wrap=False)
        self.title.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Preferred)
        self.below([self.title, (self.box, 1)])
        self.box.activated.connect(self._picked)
        session.results.changed.connect(self.refresh)
        session.changed.connect(self.refresh)
        self._later = Later(self, self.refresh, lambda: session.walk.held)
        session.walk.moved.connect(self._later.ask)
        self.refresh()

    def _picked(self, index: int) -> None:
        entries = self._session.results.entries
        if index < len(entries):
            self._session.show_result(entries[index])
        self.refresh()

    def refresh(self) -> None:
        """List what there is, and mark the one on show."""
        results = self._session.results
        session, picture, scene = self._session, self._picture, self._scene
        lines = [entry_words(one, session, picture, scene) for one in results.entries]
        self.setVisible(len(lines) > 1)
        if lines != [self.box.itemText(at) for at in range(self.box.count())]:
            self.box.clear()
            self.box.addItems(lines)
        if results.current is not None:
            self.box.setCurrentIndex(results.entries.index(results.current))
        self.box.setEnabled(self._session.activity is None)
