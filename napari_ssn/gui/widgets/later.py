"""Does something at most so often, and the last time for certain."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.QtCore import QObject, QTimer

# Milliseconds: numbers that change more often cannot be read.
_PAUSE = 50


class Later(QObject):
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
        super().__init__(parent)
        self._function, self._hurry = function, hurry
        self._asked = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(_PAUSE)
        self._timer.timeout.connect(self._over)

    def ask(self) -> None:
        """Call the function now, or when the pause is over."""
        if self._hurry():
            if self._timer.isActive():
                self._asked = True
                return
            self._timer.start()
        self._asked = False
        self._function()

    def _over(self) -> None:
        if self._asked:
            self.ask()
