"""Hypotheses that become layers of their own: samples that are added, and kept ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

from psygnal import Signal

from napari_ssn import prediction
from napari_ssn.prediction.choice import Choice, Point, Question
from napari_ssn.session import jobs
from napari_ssn.session.history import Deed
from napari_ssn.session.part import SessionPart
from napari_ssn.session.records import Decoded
from napari_ssn.session.runner import Runner
from napari_ssn.session.walk import Walk

if TYPE_CHECKING:
    # These modules import torch, which only the worker does.
    from napari_ssn.prediction.prediction import Prediction


# Of which hypotheses samples are added: by their seed, points and conditions.
_Of = tuple[int, tuple[Point, ...], tuple[Question, ...]]


class Laid(Protocol):
    """A layer as whoever made it knows it."""

    @property
    def kept(self) -> Choice | None:
        """The hypothesis that somebody kept in it; None of a sample."""
        ...


@dataclass(eq=False)
class _Batch:
    """Layers that are undone together: of which samples and how many, and those there are."""

    of: _Of | None
    count: int
    layers: list[Laid] = field(default_factory=list)


class Copies(SessionPart):
    """Decodes whole hypotheses, one after the other.

    Attributes:
        made: signal: a hypothesis was decoded to become a layer of its own.
        kept: hypotheses of the result that somebody kept, and whose layers are there.
        take: is asked to take layers away; each is named as it was when it was `laid`.
        bring: is asked to bring one back, as it was.

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
        self.take: Callable[[Sequence[Laid]], None] = lambda laid: None
        self.bring: Callable[[Laid], None] = lambda laid: None
        # What the layer that is being made is a part of, to be taken back together.
        self._batch: _Batch | None = None
        self._runner = runner
        self._walk = walk
        self._stale = stale
        self._changed = changed
        self._failed = failed
        self._queue: list[tuple[Choice, _Batch]] = []
        # What is to be kept and is no layer yet; the first is being decoded.
        self._keeping: list[Choice] = []
        # How many samples of a seed, given some points and conditions, are layers already.
        self._added: dict[_Of, int] = {}

    def begin(self, result: Prediction) -> None:
        """Copy from a new result; what was asked of the one before is dropped."""
        super().begin(result)
        self._batch = None
        self._queue.clear()
        self._keeping.clear()
        self._added.clear()
        self.kept.clear()
        self._runner.cancel("decode")
        self._runner.cancel("keep")

    def leave(self) -> Any:
        """See `SessionPart`."""
        return frozenset(self.kept), dict(self._added), self.keeping

    def resume(self, left: Any) -> None:
        """See `SessionPart`."""
        kept, added, keeping = left
        self.kept, self._added = set(kept), dict(added)
        for choice in keeping:
            self.keep_choice(choice)

    def add_samples(self, count: int, seed: int) -> None:
        """Decode samples to become layers, one after the other, from where the last ended."""
        if self._result is None or self._stale():
            return
        points, only = self._walk.choice.points, self._walk.choice.only
        members = self._walk.here.members
        if members:
            # Each is there, and there are no others.
            seed, points, only = 0, (), ()
        of = (seed, points, only)
        first = self._added.get(of, 0)
        idle = not self._queue
        if members:
            count = max(0, min(count, members - first))
            choices = [
                prediction.crowd.member_choice(self._result, i) for i in range(first, first + count)
            ]
        else:
            choices = [
                prediction.decode.sample_choice(self._result, i, seed, points, only)
                for i in range(first, first + count)
            ]
        self._added[of] = first + count
        batch = _Batch(of, count)
        self._queue += [(choice, batch) for choice in choices]
        if idle:
            self._decode_next()

    def keep(self) -> None:
        """Make a layer of the hypothesis on show, that stays when the slider moves on."""
        self.keep_choice(self._walk.choice)

    def keep_choice(self, choice: Choice) -> None:
        """Make a layer of a hypothesis, that stays whatever is on show.

        Of several that are kept in a row none is forgotten for the next.
        """
        if self._result is None or choice in self._keeping:
            return
        self._keeping.append(choice)
        if len(self._keeping) == 1:
            self._keep_next()

    @property
    def keeping(self) -> tuple[Choice, ...]:
        """Hypotheses that were kept, and whose layers are still being made."""
        return tuple(self._keeping)

    def put(self, decoded: Decoded) -> None:
        """Make a layer of a hypothesis that was kept at another time."""
        self.kept.add(decoded.choice)
        self._batch = None
        self.made.emit(decoded)

    def holds(self, choice: Choice) -> bool:
        """Whether a hypothesis that a walk begins at is kept, in a layer that is there or soon."""
        start = replace(choice.anchor, nothing=choice.nothing)
        return any(one.resting == start for one in (*self.kept, *self._keeping))

    def laid(self, layer: Laid) -> None:
        """A layer was made of what was `made`: undo takes it away, with those made with it."""
        batch = self._batch
        if batch is None:
            return
        batch.layers.append(layer)
        if len(batch.layers) == 1:
            self._walk.did(Deed(lambda: self._unmake(batch), lambda: self._remake(batch)))

    def let_go(self, layer: Laid) -> None:
        """Somebody took a layer away: undo brings it back."""
        one = _Batch(None, 0, [layer])
        self._drop(layer)
        self._walk.did(Deed(lambda: self._remake(one), lambda: self._unmake(one)))
        self._changed()

    def _drop(self, layer: Laid) -> None:
        if layer.kept is not None:
            self.kept.discard(layer.kept)

    def _unmake(self, batch: _Batch) -> None:
        """Take layers away; what is still to be decoded of them is not."""
        decoding = bool(self._queue) and self._queue[0][1] is batch
        self._queue = [one for one in self._queue if one[1] is not batch]
        if decoding:
            self._runner.cancel("decode")
            self._decode_next()
        if batch.of is not None:
            # The next to be added are these again.
            self._added[batch.of] = max(0, self._added.get(batch.of, 0) - batch.count)
            batch.count = len(batch.layers)
        for layer in batch.layers:
            self._drop(layer)
        self.take(batch.layers)
        self._changed()

    def _remake(self, batch: _Batch) -> None:
        if batch.of is not None:
            self._added[batch.of] = self._added.get(batch.of, 0) + batch.count
        for layer in batch.layers:
            if layer.kept is not None:
                self.kept.add(layer.kept)
            self.bring(layer)
        self._changed()

    def close(self) -> None:
        """Let go of the result and of who listens."""
        self._queue.clear()
        self._keeping.clear()
        self.take, self.bring = (lambda laid: None), (lambda laid: None)
        super().close()

    def _decode_next(self) -> None:
        if self._stale():
            # Layers of this result would land on another image.
            self._queue.clear()
        if self._queue and self._result is not None:
            self._decode(self._result, self._queue[0][0], kept=False)

    def _keep_next(self) -> None:
        if self._keeping and self._result is not None:
            self._decode(self._result, self._keeping[0], kept=True)

    def _decode(self, result: Prediction, choice: Choice, kept: bool) -> None:
        lesions = self._walk.lesions
        self._runner.submit(
            "keep" if kept else "decode",
            lambda progress, cancel: jobs.decode_job(result, choice, kept, lesions),
            self._decoded,
            self._keep_failed if kept else self._decode_failed,
        )

    def _keep_failed(self, text: str) -> None:
        self._keeping.pop(0)
        self._failed(text)
        self._keep_next()

    def _decode_failed(self, text: str) -> None:
        self._queue.clear()
        self._failed(text)

    def _decoded(self, decoded: Decoded) -> None:
        if decoded.kept:
            self._keeping.pop(0)
            self.kept.add(decoded.choice)
            self._batch = _Batch(None, 0)
        else:
            self._batch = self._queue.pop(0)[1]
        self.made.emit(decoded)
        self._batch = None
        if decoded.kept:
            self._keep_next()
        else:
            self._decode_next()
        if decoded.kept or not self._queue:
            # Of several samples the last one is told of: nothing else in the window says how many.
            self._changed()
