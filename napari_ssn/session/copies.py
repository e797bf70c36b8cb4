"""Hypotheses that become layers of their own: samples that are added, and kept ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_ssn import prediction
from napari_ssn.prediction.choice import Choice, Point, Question
from napari_ssn.session import jobs
from napari_ssn.session.records import Decoded
from napari_ssn.session.runner import Runner
from napari_ssn.session.walk import Walk

if TYPE_CHECKING:
    # These modules import torch, which only the worker does.
    from napari_ssn.prediction.prediction import Prediction


class Copies:
    """Decodes whole hypotheses, one after the other.

    Attributes:
        made: signal: a hypothesis was decoded to become a layer of its own.
        kept: hypotheses of the result that somebody kept, and whose layers are there.

    Args:
        runner: decodes.
        walk: the hypothesis on show.
        stale: whether the result is about another image or place than the one now chosen.
        changed: is called when those who listen have taken what was made.
        failed: is told, in one sentence, when decoding fails.
    """

    made = Signal(Decoded)

    def __init__(
        self,
        runner: Runner,
        walk: Walk,
        stale: Callable[[], bool],
        changed: Callable[[], None],
        failed: Callable[[str], None],
    ) -> None:
        self.kept: set[Choice] = set()
        self._runner = runner
        self._walk = walk
        self._stale = stale
        self._changed = changed
        self._failed = failed
        self._result: Prediction | None = None
        self._queue: list[Choice] = []
        # How many samples of a seed, given some points and conditions, are layers already.
        self._added: dict[tuple[int, tuple[Point, ...], tuple[Question, ...]], int] = {}

    def begin(self, result: Prediction) -> None:
        """Copy from a new result; what was asked of the one before is dropped."""
        self._result = result
        self._queue.clear()
        self._added.clear()
        self.kept.clear()
        self._runner.cancel("decode")
        self._runner.cancel("keep")

    def leave(self) -> Any:
        """See `Leaving`."""
        return frozenset(self.kept), dict(self._added)

    def resume(self, left: Any) -> None:
        """See `Leaving`."""
        kept, added = left
        self.kept, self._added = set(kept), dict(added)

    def add_samples(self, count: int, seed: int) -> None:
        """Decode samples to become layers, one after the other, from where the last ended."""
        if self._result is None or self._stale():
            return
        points, only = self._walk.choice.points, self._walk.choice.only
        members = self._walk.here.members
        if members:
            # Each is there, and there are no others.
            seed, points, only = 0, (), ()
        first = self._added.get((seed, points, only), 0)
        self._added[seed, points, only] = first + count
        idle = not self._queue
        if members:
            count = max(0, min(count, members - first))
            self._added[seed, points, only] = first + count
            self._queue += [
                prediction.crowd.member_choice(self._result, i) for i in range(first, first + count)
            ]
        else:
            self._queue += [
                prediction.decode.sample_choice(self._result, i, seed, points, only)
                for i in range(first, first + count)
            ]
        if idle:
            self._decode_next()

    def keep(self) -> None:
        """Make a layer of the hypothesis on show, that stays when the slider moves on."""
        self.keep_choice(self._walk.choice)

    def keep_choice(self, choice: Choice) -> None:
        """Make a layer of a hypothesis, that stays whatever is on show."""
        if self._result is not None:
            self._decode(self._result, choice, kept=True)

    def put(self, decoded: Decoded) -> None:
        """Make a layer of a hypothesis that was kept at another time."""
        self.kept.add(decoded.choice)
        self.made.emit(decoded)

    def holds(self, choice: Choice) -> bool:
        """Whether there is a layer of a kept hypothesis that a walk begins at."""
        start = replace(choice.anchor, nothing=choice.nothing)
        return any(one.resting == start for one in self.kept)

    def let_go(self, choice: Choice) -> None:
        """Somebody took the layer of a kept hypothesis away."""
        self.kept.discard(choice)
        self._changed()

    def close(self) -> None:
        """Let go of the result and of who listens."""
        self._queue.clear()
        self._result = None
        self.made.disconnect()

    def _decode_next(self) -> None:
        if self._stale():
            # Layers of this result would land on another image.
            self._queue.clear()
        if self._queue and self._result is not None:
            self._decode(self._result, self._queue[0], kept=False)

    def _decode(self, result: Prediction, choice: Choice, kept: bool) -> None:
        lesions = self._walk.lesions
        self._runner.submit(
            "keep" if kept else "decode",
            lambda progress, cancel: jobs.decode_job(result, choice, kept, lesions),
            self._decoded,
            self._failed if kept else self._decode_failed,
        )

    def _decode_failed(self, text: str) -> None:
        self._queue.clear()
        self._failed(text)

    def _decoded(self, decoded: Decoded) -> None:
        if decoded.kept:
            self.kept.add(decoded.choice)
        self.made.emit(decoded)
        self._changed()
        if not decoded.kept:
            self._queue.pop(0)
            self._decode_next()
