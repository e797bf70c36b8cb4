"""The results of a session: one for each image and place, of which one is on show."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psutil
from psygnal import Signal

from napari_ssn.prediction.choice import Choice
from napari_ssn.session.part import SessionPart, silence
from napari_ssn.session.records import Decoded
from napari_ssn.session.walk import Walk

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    # These modules import torch, which only the worker does.
    from napari_ssn.core.summaries.lesions import Lesions
    from napari_ssn.prediction.prediction import Prediction

# Of this computer's memory the part that results may fill.
_SHARE = 0.4


@dataclass(eq=False)
class Entry:
    """A result, and where somebody left it.

    Attributes:
        prediction: what was found, with the spread that it has now.
        seconds: that its run took; 0 where nobody knows.
        left: by each part of the session; None of one that nobody has left as yet.
        choice: the hypothesis that was on show then, or when its study was saved.
        lesions: as they were told apart by then.
        kept: hypotheses of its study, that become layers when it is shown for the first time.
        counts: (C,) voxels of the hypothesis that was on show then; None where not known.
    """

    prediction: Prediction
    seconds: float = 0.0
    left: tuple[Any, ...] | None = None
    choice: Choice = field(default_factory=Choice)
    lesions: Lesions | None = None
    kept: tuple[Decoded, ...] = ()
    counts: NDArray[np.int64] | None = None

    @property
    def place(self) -> tuple[object, ...]:
        """What a run must share to take the place of this."""
        found = self.prediction
        return found.source.token, found.centre, found.card.name, found.card.weights_sha256


class Results:
    """Keeps results, the last one shown at the end, and where each was left.

    Attributes:
        changed: signal: there are others, or another is on show.
        gone: signal: one made room, for a new run of the same place or for want of memory.
        current: the one on show; None without any.
        wanted: is to be shown as soon as its image is there.

    Args:
        walk: the hypothesis on show.
        parts: of the session besides, that are left and come back to.
    """

    changed = Signal()
    gone = Signal(object)  # a Prediction, whose module imports torch

    def __init__(self, walk: Walk, parts: Sequence[SessionPart]) -> None:
        self._walk, self._parts = walk, parts
        self._entries: list[Entry] = []
        self.current: Entry | None = None
        self.wanted: Entry | None = None

    @property
    def entries(self) -> tuple[Entry, ...]:
        """All of them, in the order in which they were found."""
        return tuple(self._entries)

    def of(self, token: int) -> Entry | None:
        """The one of an image that is wanted or on show, else the newest; None without any."""
        those = [one for one in self._entries if one.prediction.source.token == token]
        for preferred in (self.wanted, self.current):
            if preferred in those:
                return preferred
        return those[-1] if those else None

    def leave(self) -> None:
        """Remember how far somebody has come in the one on show."""
        entry, walk = self.current, self._walk
        if entry is not None:
            entry.left = tuple(part.leave() for part in self._parts)
            entry.choice, entry.lesions, entry.counts = walk.choice, walk.lesions, walk.counts

    def resume(self, entry: Entry) -> None:
        """Take up where one was left."""
        self.current = entry
        if entry.left is None:
            self._walk.stand(entry.choice, entry.lesions)
        else:
            for part, left in zip(self._parts, entry.left, strict=True):
                part.resume(left)
        self.changed.emit()

    def add(self, entry: Entry, show: bool = True) -> None:
        """Take another, in the place of a former run of the same image, place and model."""
        before = [one for one in self._entries if one.place == entry.place]
        at = self._entries.index(before[0]) if before else len(self._entries)
        self._entries = [one for one in self._entries if one not in before]
        self._entries.insert(at, entry)
        if show or self.current in before:
            # What is gone is on show no more, though nobody has taken another yet.
            self.current = entry if show else None
        for one in before:
            self.gone.emit(one.prediction)
        self.changed.emit()

    def swap(self, prediction: Prediction) -> None:
        """The one on show has another spread."""
        if self.current is not None:
            self.current.prediction = prediction

    def make_room(self) -> int:
        """Drop those that were found first while all take too much memory; returns how many."""
        room, dropped = _SHARE * psutil.virtual_memory().total, 0
        for one in self.entries:
            if sum(each.prediction.nbytes for each in self._entries) <= room:
                break
            if one is not self.current:
                self.drop(one)
                dropped += 1
        return dropped

    def drop(self, entry: Entry) -> None:
        """Let go of one that is not on show."""
        self._entries.remove(entry)
        self.gone.emit(entry.prediction)
        self.changed.emit()

    def close(self) -> None:
        """Let go of all, and of who listens."""
        self._entries.clear()
        self.current = self.wanted = None
        silence(self)
