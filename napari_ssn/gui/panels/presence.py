"""Whether there is anything to outline, said before any size."""

from __future__ import annotations

from napari_ssn.gui.widgets.parts import Block, button, say, set_role, text
from napari_ssn.session import Session
from napari_ssn.text.dock import RUN_AGAIN
from napari_ssn.text.sizes import capital

_WHAT = "How many readers would outline anything here, as the model has it"


class PresencePanel(Block):
    """One line on presence; where it is unlikely, outlines and sizes wait behind a button."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self.words = text("")
        self.words.setToolTip(_WHAT)
        self.show_all = button("Show outlines and sizes", "Show what it would be all the same")
        self.old = text("", "warn")
        self.below(self.words, self.show_all, self.old)
        self.show_all.clicked.connect(session.summary.reveal)
        session.changed.connect(self.refresh)
        session.walk.moved.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show what is known of presence."""
        session, presence = self._session, self._session.presence
        line = "" if presence is None else presence.line
        self.setVisible(bool(line))
        if presence is None or not line:
            return
        self.setEnabled(not session.stale)
        self.words.setText(f"{capital(line)}.")
        set_role(self.words, "headline" if presence.unlikely else "muted")
        hidden = session.summary.hidden
        self.show_all.setVisible(hidden)
        stale = hidden and session.stale
        say(self.old, RUN_AGAIN if stale else "")
