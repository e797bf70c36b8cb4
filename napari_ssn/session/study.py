"""Studies: what a session has found and chosen, saved, opened, and kept while one works."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from psygnal import Signal

from napari_ssn import prediction
from napari_ssn.prediction.choice import Choice
from napari_ssn.prediction.held import Drawn, Held, Waiting, Whole
from napari_ssn.prediction.source import Source
from napari_ssn.session import jobs
from napari_ssn.session.part import silence
from napari_ssn.session.records import Decoded
from napari_ssn.session.results import Entry, Results
from napari_ssn.session.runner import Runner, own
from napari_ssn.session.walk import Walk
from napari_ssn.text.results import NOTHING_IN_STUDY, NOTHING_TO_SAVE, saved_line, waiting_line

if TYPE_CHECKING:
    # These modules import torch, which only the worker does.
    from napari_ssn.io.layers import LayerData
    from napari_ssn.prediction.studies import Brought, Read


class Studies:
    """Saves and opens studies. A result whose image is not open waits until it is.

    Attributes:
        changed: signal: there are other results that wait.
        pictured: signal: a study holds images of its own; the layers to be opened.
        found: signal: results are of the image that is open; the one of them to be shown.
        waiting: results whose image is not open.
        drawn: is asked for what was kept of a run, as it is drawn now.

    Args:
        runner: reads and writes.
        walk: the hypothesis on show.
        results: of the session.
        keeping: gives what was kept of the one on show and is no layer yet.
        settings: of the session, as `Whole` has them.
        configure: takes those of a study that is opened.
        number: gives so many results numbers of runs; returns the first.
        tell: is told what a person should know, in one sentence, and whether it is an error.
    """

    changed = Signal()
    pictured = Signal(tuple)
    found = Signal(Entry)

    def __init__(
        self,
        runner: Runner,
        walk: Walk,
        results: Results,
        keeping: Callable[[], tuple[Choice, ...]],
        settings: Callable[[], tuple[int, int, float, int]],
        configure: Callable[[tuple[int, int, float, int]], None],
        number: Callable[[int], int],
        tell: Callable[[str, bool], None],
    ) -> None:
        self.waiting: tuple[Waiting, ...] = ()
        self.drawn: Callable[[int], tuple[Drawn, ...]] = lambda run: ()
        self._runner, self._walk, self._results = runner, walk, results
        self._keeping = keeping
        self._settings, self._configure = settings, configure
        self._number, self._tell = number, tell
        # That was on show when the study was saved.
        self._shown: Waiting | None = None

    def whole(self) -> Whole:
        """All that there is to keep now."""
        entries, current = self._results.entries, self._results.current
        held = []
        for entry in entries:
            here = entry is current
            choice = self._walk.choice if here else entry.choice
            lesions = self._walk.lesions if here else entry.lesions
            # What came from a study and was not looked at since is as it came.
            kept = (*(one.drawn for one in entry.kept), *self.drawn(entry.prediction.run))
            if here:
                # Somebody has kept them, though no layer shows it yet.
                kept += tuple(Drawn(one) for one in self._keeping())
            dist = (entry.prediction.origin or entry.prediction).dist
            held.append(Held(entry.prediction, choice, lesions, kept, dist.whole))
        shown = None if current is None else entries.index(current)
        return Whole(tuple(held), shown, self.waiting, self._settings())

    def save(self, path: Path, pixels: bool = False, overwrite: bool = False) -> None:
        """Save everything in one file.

        Args:
            path: of the file.
            pixels: whether the images go into it as well.
            overwrite: whether it may be replaced.
        """
        whole = self.whole()
        if whole.empty:
            self._tell(NOTHING_TO_SAVE, True)
            return
        self._runner.submit(
            own("study"),
            lambda progress, cancel: prediction.studies.save(
                path, whole, pixels, overwrite, cancel
            ),
            lambda lacking: self._tell(
                saved_line(len(whole.held) + len(whole.waiting), lacking), bool(lacking)
            ),
            self._failed,
        )

    def open(self, path: Path) -> None:
        """Open a study, in a file or a folder; its results wait for their images."""
        self._runner.submit(
            "study",
            lambda progress, cancel: jobs.read_study_job(path),
            self._read,
            self._failed,
        )

    def meet(self, source: Source | None) -> None:
        """An image is open: bring the results that wait for it."""
        if source is None or not self.waiting:
            return
        maybe = [one for one in self.waiting if prediction.studies.may_be_of(one.image, source)]
        if not maybe:
            return
        number = self._number(len(maybe))
        self._runner.submit(
            "meet",
            lambda progress, cancel: jobs.bring_job(maybe, source, number, cancel),
            self._brought,
            self._failed,
        )

    def discard(self) -> None:
        """Let go of what waits."""
        self.waiting, self._shown = (), None
        self.changed.emit()

    @property
    def words(self) -> str:
        """What waits, and for what; empty for nothing."""
        return waiting_line([tuple(one.image.space) for one in self.waiting])

    def _read(self, found: tuple[Read, tuple[LayerData, ...]]) -> None:
        read, pictures = found
        self.waiting = (*self.waiting, *read.waiting)
        self._shown = read.shown
        if read.settings is not None:
            self._configure(read.settings)
        if not read.waiting:
            self._tell(NOTHING_IN_STUDY, True)
        self.changed.emit()
        if pictures:
            self.pictured.emit(pictures)

    def _brought(self, found: tuple[Brought, tuple[tuple[Decoded, ...], ...]]) -> None:
        brought, kept = found
        if brought.problems:
            self._tell(brought.problems[0], True)
        came = [one for one, _ in brought.held]
        if not came:
            return
        self.waiting = tuple(one for one in self.waiting if one not in came)
        entries = [
            Entry(held.prediction, choice=held.choice, lesions=held.lesions, kept=layers)
            for (_, held), layers in zip(brought.held, kept, strict=True)
        ]
        for entry in entries:
            self._results.add(entry, show=False)
        # The one that was on show when the study was saved, if it is among them.
        shown = came.index(self._shown) if self._shown in came else -1
        self.changed.emit()
        self.found.emit(entries[shown])

    def _failed(self, text: str) -> None:
        self._tell(text, True)

    def close(self) -> None:
        """Let go of everything and of who listens."""
        self.waiting, self._shown = (), None
        silence(self)
