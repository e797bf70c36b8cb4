"""What napari's own menu and a drop on the picture open is read beside the window.

napari calls its readers in the window's thread, which stands still meanwhile. Where it is the
window that asks, nobody waits for the layers that a reader returns: they come when they are read,
with a word on how far that is, and Cancel. Whoever calls ``viewer.open`` has them at once.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any

Reader = Callable[[str | Sequence[str]], list[Any]]

#: What a reader returns to napari that has no layer for it, or not yet.
NOTHING: list[tuple[None]] = [(None,)]
# Where a window opens what its menu and a drop name, and nothing else does.
_WINDOW, _OPEN = "napari._qt.qt_viewer", "_qt_open"


def lazy(module: str) -> Reader:
    """``read_layers`` of a module, which is imported when it is called."""

    def read(path: str | Sequence[str]) -> list[Any]:
        found: list[Any] = import_module(module).read_layers(path)
        return found

    return read


def in_window(read: Reader) -> Reader:
    """A reader that reads beside the window if that is what asks."""

    def asked(path: str | Sequence[str]) -> list[Any]:
        viewer = asking_viewer()
        if viewer is not None:
            beside = import_module("napari_ssn.gui.awaiting")
            if beside.window_lives():
                beside.waiting.add(viewer, [path] if isinstance(path, str) else path)
                return list(NOTHING)
        return read(path)

    return asked


def asking_viewer() -> Any:
    """Viewer of the window whose menu or drop this is; None where somebody waits for layers.

    napari does not tell its readers, so that its method is looked for among those that called.
    """
    if _WINDOW not in sys.modules:
        # There is no window; nor need there be a Qt.
        return None
    frame = sys._getframe(1)
    while frame is not None:
        if frame.f_code.co_name == _OPEN and frame.f_globals.get("__name__") == _WINDOW:
            inside = frame.f_locals
            # Who wants a stack, or another kind of layer, or another look of it, gets that.
            special = inside.get("stack") or inside.get("layer_type") or inside.get("kwargs")
            return None if special else inside["self"].viewer
        if frame.f_back is None:
            break
        frame = frame.f_back
    return None
