"""Sidecars that are opened as the sessions that they tell of."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_ssn import prediction
from napari_ssn.prediction.source import Source
from napari_ssn.session import jobs
from napari_ssn.session.catalogue import Catalogue
from napari_ssn.session.part import silence
from napari_ssn.session.records import Decoded
from napari_ssn.session.runner import Runner
from napari_ssn.session.running import Running
from napari_ssn.session.setup import Setup
from napari_ssn.text.hindrances import OPEN_AFTER_RUN
from napari_ssn.text.results import no_model_line, sidecar_line

if TYPE_CHECKING:
    # These modules import torch, which only the worker does.
    from napari_ssn.prediction.repeated import Found, Repeated


#: A sidecar's session, and its other hypotheses as layers.
Again = tuple["Repeated", tuple[Decoded, ...]]


class Sidecars:
    """Has the run of a sidecar made again, as soon as its image and its model are there.

    Attributes:
        changed: signal: one waits, or none does any more.
        wanted: signal: the image of one is not open; where it lies, or None, and its hash.
        repeated: signal: its run was made again; what came of it, and the seconds that it took.
        waiting: the one whose image or model is not there, or whose run is under way; one alone.
        looking: whether one is read, and its image looked for.

    Args:
        runner: reads it, and looks for its image.
        setup: knows the image and the models.
        catalogue: has them loaded.
        running: makes its run again.
        tell: is told what a person should know, in one sentence, and whether it is an error.
    """

    changed = Signal()
    wanted = Signal(object, str)
    repeated = Signal(tuple, float)

    def __init__(
        self,
        runner: Runner,
        setup: Callable[[], Setup],
        catalogue: Catalogue,
        running: Running,
        tell: Callable[[str, bool], None],
    ) -> None:
        self.waiting: Found | None = None
        self.looking = False
        self._runner, self._setup, self._catalogue = runner, setup, catalogue
        self._running, self._tell = running, tell

    @property
    def words(self) -> str:
        """What waits, and for what; empty for nothing."""
        if self.waiting is None or self._running.stage is not None:
            return ""
        record, source = self.waiting.record, self._setup().source
        if source is not None and prediction.repeated.may_be_its(source, record):
            # What stands in the way then was said.
            return ""
        return sidecar_line(record.grid.shape, record.run.frame)

    def open(self, path: Path) -> None:
        """Open one: its run is made again, once its image and its model are there."""
        if self._running.stage is not None:
            self._tell(OPEN_AFTER_RUN, True)
            return
        source = self._setup().source
        self.looking = True
        self.changed.emit()
        self._runner.submit(
            "sidecar",
            lambda progress, cancel: prediction.repeated.find(path, source, cancel),
            partial(self._found, path, source),
            self._failed,
        )

    def meet(self) -> None:
        """An image, or models, are there: make the run again if they are those that it takes."""
        setup, found = self._setup(), self.waiting
        if found is None or setup.source is None or setup.survey is None:
            return
        record, source = found.record, setup.source
        if self._running.stage is not None or not prediction.repeated.may_be_its(source, record):
            return
        weights = record.model.weights_sha256
        entry = next((m for m in setup.survey.models if m.card.weights_sha256 == weights), None)
        if entry is None:
            self._tell(no_model_line(record.model.name, record.model.version), True)
            return
        setup.pick_model(entry)
        store, folder = self._catalogue.store, entry.folder
        self._running.begin(
            lambda number, progress, cancel: jobs.repeat_job(
                store, folder, record, source, number, progress, cancel
            ),
            self._made,
        )

    def discard(self) -> None:
        """Let go of what waits, or is looked for."""
        self._runner.cancel("sidecar")
        self.waiting, self.looking = None, False
        self.changed.emit()

    def _found(self, path: Path, source: Source | None, found: Found) -> None:
        if self._setup().source is not source and self._running.stage is None:
            # Another image was opened while its own was looked for: it may be that.
            self.open(path)
            return
        self.waiting, self.looking = found, False
        self.changed.emit()
        if found.here:
            self.meet()
        else:
            self.wanted.emit(found.image, found.record.run.image_sha256)
            # Words and buttons follow, whether it was opened or not.
            self.changed.emit()

    def _made(self, again: Any, took: float) -> None:
        self.waiting = None
        self.changed.emit()
        self.repeated.emit(again, took)

    def _failed(self, text: str) -> None:
        self.looking = False
        self.changed.emit()
        self._tell(text, True)

    def close(self) -> None:
        """Let go of everything and of who listens."""
        self.waiting = None
        silence(self)
