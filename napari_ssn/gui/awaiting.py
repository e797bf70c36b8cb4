"""What waits to be read beside the window until there is somebody to read it."""

from __future__ import annotations

import sys
import threading
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from qtpy.QtCore import QCoreApplication, QObject, Qt, QThread, Signal

# That reads, and takes half a second to import: in a thread.
_READING = "napari_ssn.gui.reading"


def window_lives() -> bool:
    """Whether this is the window's thread, while its loop of events runs."""
    app, thread = QCoreApplication.instance(), QThread.currentThread()
    return app is not None and thread == app.thread() and thread.loopLevel() > 0


class Waiting(QObject):
    """What was asked for, in the order in which it was. Main thread only."""

    _imported = Signal()

    def __init__(self) -> None:
        super().__init__()
        self._asked: list[tuple[Any, list[str]]] = []
        self._busy = False
        self._imported.connect(self._go, Qt.ConnectionType.QueuedConnection)

    def add(self, viewer: Any, paths: Sequence[str]) -> None:
        """Have files or folders read for a viewer, at once or when what reads is imported."""
        self._asked.append((viewer, list(paths)))
        if self._busy:
            return
        if _READING in sys.modules:
            self._go()
        else:
            self._busy = True
            threading.Thread(target=self._import, daemon=True).start()

    def _import(self) -> None:
        """In the thread."""
        try:
            import_module(_READING)
        finally:
            self._imported.emit()

    def _go(self) -> None:
        self._busy = False
        asked, self._asked = self._asked, []
        for viewer, paths in asked:
            import_module(_READING).read(viewer, paths)


#: Of all windows.
waiting = Waiting()
