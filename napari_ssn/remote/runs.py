"""What a server was asked: one run at a time, the others in a queue, each known to its asker alone.

A run is called by what its asker made up, which nobody can guess: who knows it may see the result,
end it, or ask again when the line was cut. Nobody can list runs, and nothing of them is ever
written to a disk. Whoever does not ask after a run for as long as a lease lasts has lost it.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import math
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Self

import torch

from napari_ssn.core.distribution import LogitDistribution
from napari_ssn.core.packed.distribution import compact
from napari_ssn.documents.remote import State
from napari_ssn.errors import Cancel, Cancelled, ModelError, SSNError
from napari_ssn.network.forward import full
from napari_ssn.network.inference import Inference, Watch
from napari_ssn.network.models import Model
from napari_ssn.remote.messages import answered, begun, outlined, question_of
from napari_ssn.text.server import FAILED_THERE

#: Seconds that a run is kept for nobody.
LEASE = 60.0
#: Runs that wait, run or were not fetched yet.
MOST_RUNS = 64

_LOG = logging.getLogger("napari_ssn.remote")
# Than a model's region may a piece be that somebody asks for.
_LARGER = 8
# Sentences of one run that are kept.
_SENTENCES = 20


class BusyError(SSNError):
    """There is no room for another run now."""


class UnknownRunError(SSNError):
    """There is no such run, or none any more."""


class OtherRunError(SSNError):
    """A run is called so already, and it is another one."""


@dataclass(eq=False)
class _Run:
    """One of them; written to with the lock of `Runs` alone."""

    digest: bytes
    question: bytes
    renewed: float
    state: State = field(default_factory=lambda: State(state="waiting"))
    stopped: bool = False
    result: bytes = b""
    glimpse: bytes = b""
    outline: bytes = b""
    # What makes the rest of the result, the bytes that this takes, and the rest once it is made.
    later: Callable[[], bytes] | None = None
    weight: int = 0
    rest: bytes = b""
    making: bool = False
    fetched: bool = False

    @property
    def nbytes(self) -> int:
        parts = (self.question, self.result, self.glimpse, self.outline, self.rest)
        return sum(map(len, parts)) + self.weight


class Runs:
    """Runs of some models, in the order in which they came.

    Args:
        models: by `messages.key_of`.
        most_bytes: that a question may take, as it came and unpacked.
        room: bytes that questions and results may take together, as they are sent; the last
            result may go beyond it.
        lease: seconds after which a run is dropped that nobody asked after.
    """

    def __init__(
        self, models: Mapping[str, Model], most_bytes: int, room: int, lease: float = LEASE
    ) -> None:
        self.models, self.most_bytes, self.lease = dict(models), most_bytes, lease
        self._room, self._reserved = room, 0
        self._runs: dict[str, _Run] = {}
        self._queue: list[_Run] = []
        self._lock, self._making = threading.Condition(), threading.Lock()
        self._closed = self._busy = False
        thread = partial(threading.Thread, name="napari-ssn-serve", daemon=True)
        self._threads = [thread(target=work) for work in (self._work, self._sweep)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *what: object) -> None:
        with self._lock:
            self._closed = True
            for run in self._runs.values():
                run.stopped = True
            self._runs.clear()
            self._queue.clear()
            self._lock.notify_all()
        for thread in self._threads:
            thread.join()

    def reserve(self, nbytes: int) -> None:
        """Keep room for a question that is about to come; BusyError if there is none."""
        with self._lock:
            if self._let_go(partial(self._full, nbytes)):
                raise BusyError("The server has too much to do: try again later.")
            self._reserved += nbytes

    def _full(self, nbytes: int) -> bool:
        held = sum(run.nbytes for run in self._runs.values()) + self._reserved
        return held + nbytes > self._room or len(self._runs) >= MOST_RUNS

    def _let_go(self, full: Callable[[], bool]) -> bool:
        """Whether it is full, also without the rests of the oldest results that were fetched."""
        while full():
            name = next((name for name, run in self._runs.items() if run.fetched), None)
            if name is None:
                return True
            del self._runs[name]
        return False

    def release(self, nbytes: int) -> None:
        """Give back what was reserved, once the question is there or will not come."""
        with self._lock:
            self._reserved -= nbytes

    def put(self, name: str, question: bytes) -> State:
        """Queue a question; one that is there already goes on.

        Raises:
            OtherRunError: something else was asked by that name.
            BusyError: so many runs are kept.
        """
        digest = hashlib.sha256(question).digest()
        with self._lock:
            known = self._runs.get(name)
            if known is None:
                if len(self._runs) >= MOST_RUNS:
                    raise BusyError("The server has too much to do: try again later.")
                known = self._runs[name] = _Run(digest, question, time.monotonic())
                self._queue.append(known)
                self._lock.notify_all()
            elif not hmac.compare_digest(known.digest, digest):
                raise OtherRunError("A run of that name is there, and it is another one.")
            return self._told(known)

    def state(self, name: str) -> State:
        """How far a run is; UnknownRunError where there is none."""
        with self._lock:
            return self._told(self._known(name))

    def renew(self, name: str) -> None:
        """Keep a run that somebody is busy with."""
        with self._lock:
            if name in self._runs:
                self._runs[name].renewed = time.monotonic()

    def result(self, name: str) -> bytes:
        """The answer of a run that is done; UnknownRunError where there is none."""
        with self._lock:
            run = self._known(name)
            if run.state.state != "done":
                raise UnknownRunError("That run has no result yet.")
            return run.result

    def fetched(self, name: str) -> None:
        """Say that somebody has the result of a run: for its rest alone nobody has to wait."""
        with self._lock:
            if name in self._runs:
                self._runs[name].fetched = True

    def rest(self, name: str) -> bytes:
        """What the answer of a run left for later; UnknownRunError where there is nothing."""
        with self._lock:
            run = self._known(name)
            if not run.rest and run.later is None:
                raise UnknownRunError("That run has nothing beside its result.")
            run.making = True
        try:
            # One at a time: each takes as much memory again.
            with self._making:
                if run.later is not None:
                    rest = run.later()
                    with self._lock:
                        run.rest, run.later, run.weight = rest, None, 0
                return run.rest
        finally:
            with self._lock:
                run.making, run.renewed = False, time.monotonic()

    def outline(self, name: str) -> bytes:
        """The mean's label map of a run that is done, of a model that is recentred by it.

        UnknownRunError where there is none.
        """
        with self._lock:
            run = self._known(name)
            if not run.outline:
                raise UnknownRunError("That run has no outline.")
            return run.outline

    def glimpse(self, name: str) -> bytes:
        """The answer in the plane that was looked at; UnknownRunError where there is none."""
        with self._lock:
            run = self._known(name)
            if not run.glimpse:
                raise UnknownRunError("That run has nothing to look at yet.")
            return run.glimpse

    def drop(self, name: str) -> None:
        """Stop a run and forget it, if there is one."""
        with self._lock:
            run = self._runs.pop(name, None)
            if run is not None:
                self._stop(run)

    def _known(self, name: str) -> _Run:
        run = self._runs.get(name)
        if run is None:
            raise UnknownRunError("The server knows no such run, or no longer.")
        run.renewed = time.monotonic()
        return run

    def _told(self, run: _Run) -> State:
        run.renewed = time.monotonic()
        place = self._queue.index(run) + self._busy if run in self._queue else 0
        return run.state.model_copy(update={"place": place})

    def _roomy(self) -> bool:
        """Whether there is room for another result: those that nobody fetches are dropped soon."""
        return not self._let_go(
            lambda: sum(run.nbytes - len(run.question) for run in self._runs.values()) >= self._room
        )

    def _stop(self, run: _Run) -> None:
        run.stopped = True
        self._lock.notify_all()
        if run in self._queue:
            self._queue.remove(run)

    def _sweep(self) -> None:
        """Drop what nobody asks after, until it is closed."""
        pause, looked = min(1.0, self.lease / 4), time.monotonic()
        with self._lock:
            while not self._closed:
                now = time.monotonic()
                if (slept := now - looked - pause) > self.lease / 4:
                    # This computer was suspended or frozen: nobody could ask meanwhile.
                    for run in self._runs.values():
                        run.renewed = min(now, run.renewed + slept)
                looked, since = now, now - self.lease
                for name, run in [*self._runs.items()]:
                    if run.renewed < since and not run.making:
                        self._stop(self._runs.pop(name))
                self._lock.wait(pause)

    def _work(self) -> None:
        """Do one run after the other, until it is closed."""
        while True:
            with self._lock:
                while not (self._closed or (self._queue and self._roomy())):
                    self._lock.wait()
                if self._closed:
                    return
                run, self._busy = self._queue.pop(0), True
                self._update(run, state="running")
            self._do(run)
            with self._lock:
                self._busy = False

    def _do(self, run: _Run) -> None:
        try:
            made = self._answered(run)
        except Cancelled:
            # Whoever stopped it has forgotten it too.
            return
        except SSNError as error:
            self._failed(run, type(error).__name__, str(error))
        except MemoryError:
            self._failed(run, "DeviceError", str(full(torch.device("cpu"))))
        except Exception:  # noqa: BLE001
            # Other runs go on, whatever this one met.
            _LOG.exception("A run failed.")
            self._failed(run, "ServerError", FAILED_THERE)
        else:
            with self._lock:
                run.result, run.outline, run.later, run.weight = made
                run.question, run.renewed = b"", time.monotonic()
                self._update(run, state="done")

    def _failed(self, run: _Run, kind: str, words: str) -> None:
        with self._lock:
            run.question, run.renewed = b"", time.monotonic()
            self._update(run, state="failed", kind=kind, words=words[:2000])

    def _answered(self, run: _Run) -> tuple[bytes, bytes, Callable[[], bytes] | None, int]:
        key, question = question_of(run.question, self.most_bytes)
        model = self.models.get(key)
        if model is None:
            raise ModelError("The server does not have that model.")
        if math.prod(question.tile or ()) > _LARGER * math.prod(model.card.region):
            # Nobody knows what a network needs for them.
            raise ModelError("The server does not look at pieces as large as that.")

        def progress(done: int, total: int) -> None:
            with self._lock:
                self._update(run, done=done, total=total)

        def say(words: str) -> None:
            with self._lock:
                if len(run.state.said) < _SENTENCES:
                    self._update(run, said=(*run.state.said, words[:2000]))

        def preview(slab: LogitDistribution) -> None:
            glimpse = answered(Inference(slab, model.device, tuple(model.card.region), None))
            with self._lock:
                run.glimpse = glimpse
                self._update(run, glimpse=True)

        cancel = Cancel(lambda: run.stopped)
        found = model.answer(question, Watch(None, preview, progress, cancel, say))
        outline = outlined(found) if model.card.recentred else b""
        kept = compact(found.dist, cancel)
        result, later = begun(replace(found, dist=kept))
        return result, outline, later, kept.nbytes if later is not None else 0

    @staticmethod
    def _update(run: _Run, **facts: object) -> None:
        run.state = run.state.model_copy(update=facts)
