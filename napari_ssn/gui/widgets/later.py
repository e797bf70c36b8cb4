"""Does something at most so often, and the last time for certain."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QObject
from superqt.utils import QSignalThrottler

# Milliseconds: numbers that change more often cannot be read.
_PAUSE = 50


class Later(QSignalThrottler):
    """Keeps what is only read, not felt, from slowing what follows the finger.

    While there is a hurry the first request is met at once, those that come within the pause
    after it by one call at its end: what is seen is at most a pause old, and exact when all is
    still. Without a hurry every request is met at once.

    Args:
        parent: ends it with itself.
        function: to call.
        hurry: whether there is one.
    """

    def __init__(
        self, parent: QObject, function: Callable[[], None], hurry: Callable[[], bool]
    ) -> None:
        super().__init__(parent=parent)
        self._hurry = hurry
        self.setTimeout(_PAUSE)
        self.triggered.connect(function)

    def ask(self) -> None:
        """Call the function now, or when the pause is over."""
        if self._hurry():
            self.throttle()
        else:
            self.cancel()
            self.triggered.emit()
