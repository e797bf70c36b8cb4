"""Opens files and folders: they are read by a worker, and the window lives on meanwhile."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_ssn.errors import Cancel
from napari_ssn.io.asking import Ask, Several
from napari_ssn.io.steps import Step as StepTold
from napari_ssn.later import door
from napari_ssn.session.part import silence
from napari_ssn.session.query import Query
from napari_ssn.session.records import Step
from napari_ssn.session.runner import Runner
from napari_ssn.text.image import progress_line

if TYPE_CHECKING:
    from napari_ssn.io.layers import LayerData

# What reads images is not imported before there is one to be read.
_io = door("napari_ssn.io")
#: Makes layers: is given who is to choose one of several, and whom to tell how far it is.
Read = Callable[[Ask, StepTold], "list[LayerData] | None"]
# Seconds between two words on how far it is: more often nobody reads them.
_PAUSE = 0.2


class Opening:
    """What is to be opened, one after the other; the first that cannot be ends it.

    Attributes:
        changed: signal: something is being read, how far it is, or nothing is any more.
        opened: signal: where something lay, or what it is called, and the next of its layers.
        foreign: signal: nothing here reads what lies there.
        asked: signal: somebody has to choose one of several images.
        busy: whether something is being read.

    Args:
        runner: reads; nobody else's, so that nothing waits for a slow disk.
        tell: is told, in one sentence, why something cannot be opened.
    """

    changed = Signal()
    opened = Signal(object, list)
    foreign = Signal(object)
    asked = Signal(Query)

    def __init__(self, runner: Runner, tell: Callable[[str, bool], None]) -> None:
        self._runner, self._tell = runner, tell
        self._left: list[tuple[Path | str, Read]] = []
        # DICOM instances that were opened together: files of one series are one image.
        self._together: set[str] = set()
        #: Files or slices that were read, of how many; 0 where that is not known.
        self.step = (0, 0)
        self.busy = False

    @property
    def words(self) -> str:
        """How far it is; empty while nothing is read."""
        return progress_line("Reading", *self.step) if self.busy else ""

    def open(self, paths: Sequence[Path]) -> None:
        """Open files or folders, after those that are being opened."""
        if paths and not self.busy:
            self._together = set()
        together = self._together

        def reader(path: Path) -> Read:
            return lambda ask, step: _io("opening").layers_at(path, ask, together, step)

        self._begin([(path, reader(path)) for path in paths])

    def make(self, name: str, made: Callable[[], list[LayerData]]) -> None:
        """Open what lies in no file of the user's, after what is being opened."""
        self._begin([(name, lambda ask, step: made())])

    def _begin(self, wanted: Sequence[tuple[Path | str, Read]]) -> None:
        self._left += wanted
        if wanted and not self.busy:
            self._tell("", False)
            self._next()

    def stop(self) -> None:
        """Leave what is being read, and what was to be read after it."""
        self._runner.cancel("open")
        self._left.clear()
        self._end()

    def close(self) -> None:
        """Stop, and let go of who listens."""
        self._left.clear()
        self._runner.close()
        silence(self)

    def _next(self) -> None:
        if not self._left:
            self._end()
            return
        where, read = self._left.pop(0)
        self.busy, self.step = True, (0, 0)

        def job(progress: Callable[[Any], None], cancel: Cancel) -> Any:
            # The first step is told at once: how many there are is news.
            told = -math.inf

            def step(done: int, total: int) -> None:
                nonlocal told
                cancel.check()
                if time.monotonic() - told > _PAUSE:
                    told = time.monotonic()
                    progress(Step("loading", done, total))

            def ask(what: Several) -> Sequence[int]:
                query = Query(what)
                progress(query)
                return query.wait(cancel)

            return read(ask, step)

        self.changed.emit()
        self._runner.submit("open", job, partial(self._came, where), self._failed, self._told)

    def _told(self, news: Any) -> None:
        if isinstance(news, Query):
            self.asked.emit(news)
        else:
            self.step = (news.done, news.total)
            self.changed.emit()

    def _came(self, where: Path | str, layers: list[LayerData] | None) -> None:
        """One layer, or that there is none; another turn of the window has the next."""
        rest = [] if layers is None else layers[1:]
        try:
            if layers is None:
                self.foreign.emit(where)
            elif layers:
                self.opened.emit(where, layers[:1])
        finally:
            if rest:
                come = partial(self._came, where)
                self._runner.submit("open", lambda progress, cancel: rest, come, self._failed)
            else:
                self._next()

    def _failed(self, words: str) -> None:
        self._left.clear()
        self._end()
        self._tell(words, True)

    def _end(self) -> None:
        self.busy = False
        self.changed.emit()
