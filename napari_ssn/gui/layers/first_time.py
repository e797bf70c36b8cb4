"""What is drawn on the canvas for the first time waits for a turn of the window."""

from __future__ import annotations

from collections.abc import Callable

from qtpy.compat import isalive
from qtpy.QtCore import QTimer


class FirstTime:
    """Keeps a turn of the window short: napari makes its visuals when they are first shown.

    That takes as long as the layer does that they lie on, which is seen meanwhile.

    Args:
        draw: is called in the next turn.
    """

    def __init__(self, draw: Callable[[], None]) -> None:
        self._draw, self._over = draw, False
        self._turn = QTimer()
        self._turn.setSingleShot(True)
        self._turn.timeout.connect(self._come)

    def over(self) -> bool:
        """Whether it was drawn before; if not it will be."""
        if not self._over:
            self._turn.start(0)
        return self._over

    def _come(self) -> None:
        self._over = True
        self._draw()

    def close(self) -> None:
        """Draw nothing any more."""
        # At the end of the program Qt may have been faster.
        if isalive(self._turn):
            self._turn.stop()
