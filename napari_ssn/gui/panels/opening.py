"""How far an image that is being read is, and its layers once it was."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari.errors import MultipleReaderError, NoAvailableReaderError, ReaderPluginError
from napari.layers import Layer
from napari.layers._source import layer_source
from napari.plugins._npe2 import get_readers
from napari.viewer import Viewer
from qtpy.QtWidgets import QProgressBar

from napari_ssn.gui import units
from napari_ssn.gui.layers.adding import add_beside
from napari_ssn.gui.widgets.parts import Block, button, say, text
from napari_ssn.gui.widgets.series_dialog import ask
from napari_ssn.gui.worker import Worker
from napari_ssn.samples import layers as sample_layers
from napari_ssn.samples import sample
from napari_ssn.session import Session, Several
from napari_ssn.session.opening import Opening
from napari_ssn.text.problems import SEVERAL_READERS, UNREADABLE

if TYPE_CHECKING:
    from napari_ssn.io.layers import LayerData
    from napari_ssn.session.query import Query

_PLUGIN = "napari-ssn"


class OpeningPanel(Block):
    """Shown while something is read: a line, a bar, and a button that leaves it.

    What nothing here reads is handed to napari, whose readers work in the window's own thread.

    Attributes:
        opening: reads.
        choose: asks which of several images to open; none is an answer.

    Args:
        viewer: gets the layers.
        session: tells what cannot be opened.
    """

    def __init__(self, viewer: Viewer, session: Session) -> None:
        super().__init__()
        self._viewer, self._session = viewer, session
        self.choose: Callable[[Several], Sequence[int]] = ask
        self._worker = Worker()
        self.opening = Opening(self._worker, session.tell)
        self.status = text("", "muted")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self.bar.setFixedHeight(4)
        self.stop = button("Cancel", "Leave what is being read", "small")
        self.below([(self.status, 1), self.stop], self.bar)
        self.stop.clicked.connect(self.opening.stop)
        self.opening.changed.connect(self.refresh)
        self.opening.opened.connect(self._came)
        self.opening.foreign.connect(self._hand_over)
        self.opening.asked.connect(self._ask)
        self.refresh()

    def prepare(self) -> None:
        """Have at hand what the first layer would wait for, if nobody has yet."""
        if units.ready():
            return
        self._worker.submit(
            "units", lambda progress, cancel: units.known(), units.take, self._session.tell
        )

    def open(self, paths: Sequence[str]) -> None:
        """Open files or folders, studies and sidecars among them."""
        self.opening.open([one for one in map(Path, paths) if not self._session.open(one)])

    def open_sample(self, number: int) -> None:
        """Open a sample of this plugin."""
        self.opening.make(sample(number).name, partial(_sample, number))

    def refresh(self) -> None:
        """Show whether something is read, and how far it is."""
        done, total = self.opening.step
        say(self.status, self.opening.words)
        # Zero in all makes the bar swing.
        self.bar.setRange(0, total)
        self.bar.setValue(done)
        self.setVisible(self.opening.busy)

    def _came(self, where: Path | str, layers: Sequence[Any]) -> None:
        for one in layers:
            layer = one if isinstance(one, Layer) else made(where, one)
            # Beside the picture is what is set of the image, not of outlines hidden on it.
            if layer.visible:
                self._viewer.add_layer(layer)
            else:
                add_beside(self._viewer, layer)

    def _hand_over(self, path: Path) -> None:
        there = len(self._viewer.layers)
        try:
            self._open_by_others(path)
        except MultipleReaderError:
            self._session.tell(SEVERAL_READERS, error=True)
        except (ReaderPluginError, NoAvailableReaderError, OSError, ValueError):
            self._session.tell(UNREADABLE, error=True)
        else:
            if len(self._viewer.layers) == there:
                self._session.tell(UNREADABLE, error=True)

    def _open_by_others(self, path: Path) -> None:
        try:
            self._viewer.open(str(path), plugin=None)
        except MultipleReaderError:
            # This one has looked into it already.
            others = [one for one in get_readers(str(path)) if one != _PLUGIN]
            if len(others) != 1:
                raise
            self._viewer.open(str(path), plugin=others[0])

    def _ask(self, query: Query) -> None:
        query.answer(self.choose(query.what))


def _sample(number: int) -> list[Any]:
    """Layers of a sample, in the worker, which loads what makes outlines of shapes the first time.

    They are left to be made in the window while units are still being read.
    """
    found = sample_layers(number)
    return [made(sample(number).name, one) for one in found] if units.ready() else [*found]


def made(where: Path | str, layer: LayerData) -> Layer:
    """A layer that knows where it is from: what it was opened from is not to be written over."""
    source: dict[str, Any] = {"sample": (_PLUGIN, where)}
    if isinstance(where, Path):
        # Without the reader, see `forget_reader`.
        source = {"path": str(where)}
    with layer_source(**source):
        return Layer.create(*layer)
