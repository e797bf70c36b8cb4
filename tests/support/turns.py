"""Seconds of the processor that turns of the window's event loop take in its own thread.

What else the machine does leaves them as they are. Python's search for cycles does not count: it
comes when it comes, to whoever makes the next object.
"""

from __future__ import annotations

import gc
import threading
import time
from collections.abc import Callable

from qtpy.QtCore import QEventLoop, QTimer
from qtpy.QtWidgets import QApplication


class _Searches:
    """Seconds that searches for cycles have taken in this thread."""

    def __init__(self) -> None:
        self._thread, self._begun, self.seconds = threading.get_ident(), 0.0, 0.0

    def __call__(self, phase: str, info: dict[str, int]) -> None:
        if threading.get_ident() != self._thread:
            return
        if phase == "start":
            self._begun = time.thread_time()
        else:
            self.seconds += time.thread_time() - self._begun


class Turns:
    """Seconds of each turn."""

    def __init__(self) -> None:
        self.taken: list[float] = []

    def until(
        self, start: Callable[[], object], done: Callable[[], bool], calm_s: float = 0.0
    ) -> float:
        """Begin something, let the window live until it is done, and say how long it all took.

        As the window's own loop does it, it sleeps while nothing happens.

        Args:
            start: begins it.
            done: whether it is done.
            calm_s: for so long it has to be.
        """
        end, loop, clock = time.monotonic() + 120, QEventLoop(), QTimer()
        clock.start(100)
        waiting = QEventLoop.ProcessEventsFlag.WaitForMoreEvents
        self._take(start)
        since = None
        while since is None or time.monotonic() < since + calm_s:
            assert time.monotonic() < end, "it takes too long"
            self._take(lambda: loop.processEvents(waiting))
            since = (since or time.monotonic()) if done() else None
        self._take(QApplication.processEvents)
        return sum(self.taken)

    def _take(self, do: Callable[[], object]) -> None:
        searches = _Searches()
        gc.callbacks.append(searches)
        before = time.thread_time()
        try:
            do()
        finally:
            took = time.thread_time() - before
            gc.callbacks.remove(searches)
        self.taken.append(took - searches.seconds)

    @property
    def longest(self) -> float:
        """Of one turn."""
        return max(self.taken)
