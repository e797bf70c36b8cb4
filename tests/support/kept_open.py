"""One dock that several tests of a module use one after the other, each as the one before found it.

Opening a dock and running takes longer than most of what is then looked at.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from napari.utils._proxies import PublicOnlyProxy

from tests.support.docks import undisturbed_by_others
from tests.support.windows import SharedWindow


class KeptOpen:
    """Opens the dock when it is first wanted, and again after a test that could not leave it.

    Args:
        window: that it is opened in; nobody else may use that meanwhile.
        shown: whether it is on the screen.
    """

    def __init__(self, window: SharedWindow, shown: bool) -> None:
        self._window, self._shown = window, shown
        self._patch = pytest.MonkeyPatch()
        self._open: tuple[Any, Any] | None = None

    def lend(self, begin: Callable[[Any], Any]) -> tuple[Any, Any]:
        """Viewer and dock.

        Args:
            begin: opens a dock in a viewer, does with it what all tests need, and returns it.
        """
        if self._open is None:
            undisturbed_by_others(self._patch)
            viewer = PublicOnlyProxy(self._window.lend(shown=self._shown))
            self._open = viewer, begin(viewer)
        return self._open

    def close(self, well: bool = True) -> None:
        """Close the dock, if it is open.

        Args:
            well: whether the window is to be used again; not after a test that failed.
        """
        if self._open is None:
            return
        self._open = None
        try:
            if well:
                self._window.take_back()
        except BaseException:
            well = False
            raise
        finally:
            if not well:
                self._window.close()
            self._patch.undo()
