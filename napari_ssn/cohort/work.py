"""Who does which scan, and what it means when a worker dies.

A worker has one scan at a time. So the scan that it had is the one that it died of, or was killed
with; no other is blamed, and after two deaths that scan is set aside. Nothing is to blame where a
worker had said that it would go, as at the end of its time in a queue, where its result was lost
after it was found, or where the scheduler forgot what it was asked.
"""

from __future__ import annotations

import queue
import time
from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from distributed import Future, KilledWorker
from distributed.comm.core import CommClosedError

from napari_ssn.cohort.crew import Crew, Worker
from napari_ssn.errors import NEVER, Cancel, DeviceError

Key = TypeVar("Key", bound=Hashable)
_Told = TypeVar("_Told", bound=Hashable, contravariant=True)

#: Workers that may die of a scan before it is set aside.
DEATHS = 2
# How often a scan may be without a result though nothing is to blame. One that has its worker die
# each time when it is done would be tried for ever.
_SPARED = 5
# Seconds between two looks at which workers are there.
_LOOK = 1.0
# Seconds without any worker after which nobody waits any longer.
_PATIENCE = 120.0
# Seconds that a result may take from its worker to here.
_FETCH = 60.0


class Ends(Protocol[_Told]):
    """Who is told what became of each."""

    def ended(self, key: _Told, outcome: Any) -> bool:
        """It came to an end; whether it is to be tried again."""

    def died(self, key: _Told) -> bool:
        """A worker died of it; whether it is to be tried again."""

    def failed(self, key: _Told, kind: str) -> None:
        """It raised what nobody had foreseen, of a kind."""


@dataclass
class _Busy(Generic[Key]):
    """What a worker is at."""

    key: Key
    address: str
    future: Future[Any]


@dataclass
class Shift(Generic[Key]):
    """Has many things done, each by one worker.

    Args:
        crew: of workers.
        function: that a worker calls, with what `asked` makes of a key.
        asked: argument of a key, given the worker.
        ends: is told of each.
        crowded: whether the worker of an outcome is to begin anew.
        cancel: looked at between any two; what is under way then is given up.
    """

    crew: Crew
    function: Callable[[Any], Any]
    asked: Callable[[Key, Worker], Any]
    ends: Ends[Key]
    crowded: Callable[[Any], bool] = lambda outcome: False
    cancel: Cancel = NEVER
    _busy: dict[str, _Busy[Key]] = field(default_factory=dict)
    _ready: queue.SimpleQueue[str] = field(default_factory=queue.SimpleQueue)
    _sent: int = 0
    _spared: Counter[Key] = field(default_factory=Counter)

    def run(self, keys: Iterable[Key]) -> None:
        """Until all are done.

        Raises:
            Cancelled: somebody stopped it.
            DeviceError: there have been no workers for two minutes.
        """
        waiting = deque(keys)
        workers = self.crew.workers()
        looked = alone = time.monotonic()
        try:
            while waiting or self._busy:
                self.cancel.check()
                for address, worker in workers.items():
                    if waiting and worker.open and address not in self._busy:
                        self._send(waiting.popleft(), worker)
                for key in self._collect(workers):
                    # After all others: whatever it is that kills workers holds up nobody.
                    waiting.append(key)
                now = time.monotonic()
                if now - looked > _LOOK or not workers:
                    workers, looked = self.crew.workers(), now
                    waiting.extend(self._lost(workers))
                alone = now if workers else alone
                if now - alone > _PATIENCE:
                    raise DeviceError("No worker is there any more: nothing else can be done.")
        finally:
            for one in self._busy.values():
                one.future.cancel(force=True)
            self._busy.clear()

    def _send(self, key: Key, worker: Worker) -> None:
        self._sent += 1
        future = self.crew.send(
            worker.address, f"scan-{key}-{self._sent}", self.function, self.asked(key, worker)
        )
        self._busy[worker.address] = _Busy(key, worker.address, future)
        address = worker.address
        future.add_done_callback(lambda _: self._ready.put(address))

    def _collect(self, workers: dict[str, Worker]) -> list[Key]:
        """Take in what has come to an end by now; keys that are to be tried again."""
        again = list[Key]()
        try:
            address = self._ready.get(timeout=_LOOK / 2)
        except queue.Empty:
            return again
        while True:
            one = self._busy.get(address)
            if one is not None and one.future.done():
                del self._busy[address]
                again += self._end(one, workers)
            try:
                address = self._ready.get_nowait()
            except queue.Empty:
                return again

    def _end(self, one: _Busy[Key], workers: dict[str, Worker]) -> list[Key]:
        """Take in what has come to an end: its key if it is to be tried again."""
        status = one.future.status
        if status == "finished":
            try:
                outcome = one.future.result(timeout=_FETCH)
            except (CommClosedError, KilledWorker, TimeoutError, OSError):
                # It was done, and its worker died with the row.
                return self._without(one, workers, blamed=False)
            if self.crowded(outcome):
                workers.pop(one.address, None)
                self.crew.restart(one.address)
            return [one.key] if self.ends.ended(one.key, outcome) else []
        error = one.future.exception() if status == "error" else None
        if error is None or isinstance(error, KilledWorker):
            return self._without(one, workers, blamed=error is not None)
        self.ends.failed(one.key, type(error).__name__)
        return []

    def _lost(self, workers: dict[str, Worker]) -> list[Key]:
        """Of workers that are not there any more what they were at, to be tried again."""
        again = list[Key]()
        for address in [one for one in self._busy if one not in workers]:
            one = self._busy[address]
            if one.future.done():
                # It waits to be collected.
                self._ready.put(address)
                continue
            del self._busy[address]
            one.future.cancel(force=True)
            again += self._without(one, workers, blamed=not self.crew.retired(address))
        return again

    def _without(self, one: _Busy[Key], workers: dict[str, Worker], *, blamed: bool) -> list[Key]:
        """There is no result, and no worker; the key if it is to be tried again."""
        workers.pop(one.address, None)
        if not blamed:
            self._spared[one.key] += 1
            if self._spared[one.key] <= _SPARED:
                return [one.key]
        return [one.key] if self.ends.died(one.key) else []
