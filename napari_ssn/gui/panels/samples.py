"""Samples: step through them, and make layers of some."""

from __future__ import annotations

from qtpy.QtCore import Qt

from napari_ssn.gui.panels.shown import shown_words
from napari_ssn.gui.widgets.later import Later
from napari_ssn.gui.widgets.parts import Section, button, line, spin
from napari_ssn.session import Session
from napari_ssn.text.sizes import capital

_MOST = 50


class SamplePanel(Section):
    """Steps through the samples, and makes layers of some."""

    def __init__(self, session: Session, to_add: int) -> None:
        super().__init__("")
        self._session = session
        self.previous = button("◀", "Previous hypothesis (Q)", "sign", name="Previous hypothesis")
        self.next = button("▶", "Next hypothesis (W)", "sign", name="Next hypothesis")
        self.here = line()
        self.here.setAlignment(Qt.AlignmentFlag.AlignCenter)
        self.count = spin(1, _MOST, to_add, "How many samples to add as layers")
        self.add = button("Add samples", "Add them to the layer list, one after the other")
        self.keep = button("Keep", "Keep this hypothesis as a layer of its own (K)")
        self.below([self.previous, (self.here, 1), self.next, self.keep])
        self.below([self.count, (self.add, 1)])
        self.previous.clicked.connect(self.step_back)
        self.next.clicked.connect(self.step_on)
        self.add.clicked.connect(self.add_samples)
        self.keep.clicked.connect(session.copies.keep)
        session.changed.connect(self.refresh)
        self._later = Later(self, self.follow, lambda: session.walk.held)
        session.walk.moved.connect(self._later.ask)
        self.refresh()

    def step_back(self) -> None:
        """Show the previous hypothesis."""
        self._session.walk.step(-1)

    def step_on(self) -> None:
        """Show the next hypothesis."""
        self._session.walk.step(1)

    def add_samples(self) -> None:
        """Add as many samples as layers as the box says, after those that are there."""
        self._session.copies.add_samples(self.count.value(), self._session.settings.seed)

    def refresh(self) -> None:
        """Show whether there is anything to draw from."""
        self.setEnabled(self._session.result is not None and not self._session.stale)
        # Nobody draws from a small ensemble: all that it is are its members.
        self.add.setText("Add members" if self._session.walk.here.members else "Add samples")
        self.follow()

    def follow(self) -> None:
        """Show which hypothesis is on show."""
        self.here.setText(shown_words(self._session))
        self.here.setToolTip(capital(self._session.walk.choice.title))
