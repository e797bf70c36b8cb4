"""Whom napari's readers ask which of several images to open: whoever sits before the window."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from napari_ssn.io.asking import Ask, Several


def asker() -> Ask | None:
    """What asks them; None without a window."""
    try:
        from napari_ssn.gui.widgets import series_dialog
    except ImportError:
        # napari can be used without a window.
        return None
    if not series_dialog.can_ask():
        return None

    def ask(what: Several) -> Sequence[int]:
        return series_dialog.ask(what)

    return ask
