"""Two planes of an image side by side, as a dock of their own."""

from __future__ import annotations

from typing import Any

from psygnal import Signal
from qtpy.QtCore import QEvent
from qtpy.QtWidgets import QHBoxLayout, QWidget

from napari_ssn.gui.widgets.slice_view import SliceView


class Pair(QWidget):
    """Two planes side by side.

    Attributes:
        hidden: signal: nobody sees them any more.
    """

    hidden = Signal()

    def __init__(self) -> None:
        super().__init__()
        self.views = tuple(SliceView(f"{which} of the other planes") for which in ("First", "Last"))
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(2)
        for view in self.views:
            layout.addWidget(view)
        self._docked = False

    def event(self, event: Any) -> bool:
        """Notice being taken out of the window, which is how napari closes a dock."""
        if event.type() == QEvent.Type.ParentChange:
            if self.parent() is not None:
                self._docked = True
            elif self._docked:
                self.hidden.emit()
        return bool(super().event(event))

    def hideEvent(self, event: Any) -> None:
        """Closed, and not only out of sight with its window."""
        super().hideEvent(event)
        if not event.spontaneous():
            self.hidden.emit()
