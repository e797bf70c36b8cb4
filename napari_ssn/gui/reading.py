"""Reads what napari's own menu or a drop on the picture opens, while the window lives on."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from napari.utils.notifications import show_error
from napari.viewer import Viewer
from qtpy.QtWidgets import QProgressDialog

from napari_ssn.gui.panels.opening import OpeningPanel, made
from napari_ssn.gui.widgets.series_dialog import ask
from napari_ssn.gui.worker import Worker
from napari_ssn.session.opening import Opening
from napari_ssn.session.query import Query
from napari_ssn.text.problems import UNREADABLE

# Milliseconds after which it is worth a word.
_PATIENCE = 400


def read(viewer: Viewer, paths: Sequence[str]) -> None:
    """Read files or folders for a viewer: in its dock, which says how far it is, or without.

    What cannot be read is said there, in one sentence.
    """
    for widget in viewer.window.dock_widgets.values():
        panel = getattr(widget, "opening", None)
        if isinstance(panel, OpeningPanel):
            panel.open(paths)
            return
    window = viewer.window._qt_window
    there = (one for one in window.findChildren(Reading) if not one.over)
    reading = next(there, None) or Reading(viewer, window)
    reading.opening.open(list(map(Path, paths)))


class Reading(QProgressDialog):
    """How far it is, and Cancel; there until all is read.

    Attributes:
        opening: reads.
        over: whether all was read, or left, and it goes.

    Args:
        viewer: gets the layers.
        window: that it stands before.
    """

    def __init__(self, viewer: Viewer, window: Any) -> None:
        super().__init__(window)
        self._viewer, self.over = viewer, False
        self.opening = Opening(Worker(), self._tell)
        self.setWindowTitle("napari-ssn")
        self.setMinimumDuration(_PATIENCE)
        # It goes when nothing is read any more, and not when all files of the first were.
        self.setAutoClose(False)
        self.setAutoReset(False)
        self.canceled.connect(self.opening.stop)
        self.opening.changed.connect(self._refresh)
        self.opening.opened.connect(self._came)
        self.opening.foreign.connect(self._foreign)
        self.opening.asked.connect(self._ask)

    def _refresh(self) -> None:
        if not self.opening.busy:
            if not self.over:
                self.over = True
                self.hide()
                self.opening.close()
                self.deleteLater()
            return
        done, total = self.opening.step
        self.setLabelText(self.opening.words)
        self.setRange(0, total)
        self.setValue(done)

    def _came(self, where: Path | str, layers: Sequence[Any]) -> None:
        for layer in layers:
            self._viewer.add_layer(made(where, layer))

    def _foreign(self, path: Path) -> None:
        self._tell(UNREADABLE, True)

    def _ask(self, query: Query) -> None:
        query.answer(ask(query.what))

    def _tell(self, words: str, error: bool) -> None:
        if error:
            show_error(words)
