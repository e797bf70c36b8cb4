"""Notices that the pointer rests on a control, and that it is gone."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QEvent, QObject, Signal
from qtpy.QtWidgets import QWidget
from superqt.utils import QSignalDebouncer

# Milliseconds until a pointer on its way to something else counts as one that rests.
_REST = 250
# After these nobody rests any more, whether or not a Leave is ever sent.
_ENDS = (
    QEvent.Type.Leave,
    QEvent.Type.Hide,
    QEvent.Type.MouseButtonPress,
    QEvent.Type.EnabledChange,
    QEvent.Type.WindowDeactivate,
)


class Hover(QObject):
    """Watches a widget; signals `rested` once for each stay of the pointer, then `left`.

    A press of a button ends the stay: what follows is no longer looking.
    """

    rested = Signal()
    left = Signal()

    def __init__(self, widget: QWidget) -> None:
        super().__init__(widget)
        self._resting = False
        self._stay = QSignalDebouncer(parent=self)
        self._stay.setTimeout(_REST)
        self._stay.triggered.connect(self._rest)
        widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: Any) -> bool:
        """See what happens to the widget; everything still happens to it."""
        kind = event.type()
        if kind == QEvent.Type.Enter:
            self._stay.throttle()
        elif kind in _ENDS:
            self._stay.cancel()
            if self._resting:
                self._resting = False
                self.left.emit()
        return False

    def engage(self) -> None:
        """It counts as a stay from now on: somebody goes through a list by its keys, say."""
        self._stay.cancel()
        self._resting = True

    def _rest(self) -> None:
        self.engage()
        self.rested.emit()
