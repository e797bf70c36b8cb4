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
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

from distributed import Future, KilledWorker
from distributed.client import FutureCancelledError
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
# Seconds that a result may take from its worker to here, and how many are fetched at once.
_FETCH, _FETCHERS = 60.0, 16


class Ends(Protocol[_Told]):
    """Who is told what became of each."""

    def together(self) -> AbstractContextManager[object]:
        """Around all that is told at once."""

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


@dataclass(frozen=True)
class _Done:
    """It has a result."""

    outcome: Any


@dataclass(frozen=True)
class _Failed:
    """It raised what nobody had foreseen, of a kind."""

    kind: str


@dataclass(frozen=True)
class _Lost:
    """Its worker is gone without a result; whether it is to blame."""

    blamed: bool


_Fate: TypeAlias = _Done | _Failed | _Lost


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
            DeviceError: there have been no workers for two minutes, and nobody else starts any.
        """
        waiting = deque(keys)
        workers = self.crew.workers()
        looked = alone = time.monotonic()
        with ThreadPoolExecutor(_FETCHERS) as fetchers:
            try:
                while waiting or self._busy:
                    self.cancel.check()
                    self._hand_out(waiting, workers)
                    ended = self._collected(workers, fetchers)
                    try:
                        # Nobody waits for what is written of the one before.
                        self._hand_out(waiting, workers)
                    finally:
                        # After all others: whatever it is that kills workers holds up nobody.
                        waiting.extend(self._told(ended))
                    now = time.monotonic()
                    if now - looked > _LOOK or not workers:
                        workers, looked = self.crew.workers(), now
                        waiting.extend(self._told(self._lost(workers)))
                    alone = now if workers or self.crew.awaited else alone
                    if now - alone > _PATIENCE:
                        raise DeviceError("No worker is there any more: nothing else can be done.")
            finally:
                for one in self._busy.values():
                    one.future.cancel(force=True)
                self._busy.clear()

    def _hand_out(self, waiting: deque[Key], workers: dict[str, Worker]) -> None:
        """Send each worker that has none a scan."""
        for address, worker in workers.items():
            if waiting and worker.open and address not in self._busy:
                self._send(waiting.popleft(), worker)

    def _send(self, key: Key, worker: Worker) -> None:
        self._sent += 1
        future = self.crew.send(
            worker.address, f"scan-{key}-{self._sent}", self.function, self.asked(key, worker)
        )
        self._busy[worker.address] = _Busy(key, worker.address, future)
        address = worker.address
        future.add_done_callback(lambda _: self._ready.put(address))

    def _collected(
        self, workers: dict[str, Worker], fetchers: ThreadPoolExecutor
    ) -> list[tuple[Key, _Fate]]:
        """What has come to an end by now, and how; who is to begin anew does."""
        found = dict[str, None]()
        try:
            found[self._ready.get(timeout=_LOOK / 2)] = None
            while True:
                found[self._ready.get_nowait()] = None
        except queue.Empty:
            pass
        here = [self._busy.get(address) for address in found]
        ended = [one for one in here if one is not None and one.future.done()]
        for one in ended:
            del self._busy[one.address]
        # A row takes as long from its worker as a hundred do.
        fates = list(fetchers.map(_fate, [one.future for one in ended]))
        for one, fate in zip(ended, fates, strict=True):
            crowded = isinstance(fate, _Done) and self.crowded(fate.outcome)
            if crowded or isinstance(fate, _Lost):
                workers.pop(one.address, None)
            if crowded:
                self.crew.restart(one.address)
        return [(one.key, fate) for one, fate in zip(ended, fates, strict=True)]

    def _told(self, ended: list[tuple[Key, _Fate]]) -> list[Key]:
        """Tell what became of each; those that are to be tried again."""
        if not ended:
            return []
        with self.ends.together():
            return [key for key, fate in ended if self._again(key, fate)]

    def _again(self, key: Key, fate: _Fate) -> bool:
        if isinstance(fate, _Done):
            return self.ends.ended(key, fate.outcome)
        if isinstance(fate, _Failed):
            self.ends.failed(key, fate.kind)
            return False
        if not fate.blamed:
            self._spared[key] += 1
            if self._spared[key] <= _SPARED:
                return True
        return self.ends.died(key)

    def _lost(self, workers: dict[str, Worker]) -> list[tuple[Key, _Fate]]:
        """Of workers that are not there any more what they were at."""
        lost = list[tuple[Key, _Fate]]()
        for address in [one for one in self._busy if one not in workers]:
            one = self._busy[address]
            if one.future.done():
                # It waits to be collected.
                self._ready.put(address)
                continue
            del self._busy[address]
            one.future.cancel(force=True)
            lost.append((one.key, _Lost(blamed=not self.crew.retired(address))))
        return lost


def _fate(future: Future[Any]) -> _Fate:
    """What became of what a worker was asked for, which has come to an end."""
    if future.status == "finished":
        try:
            return _Done(future.result(timeout=_FETCH))
        except (CommClosedError, FutureCancelledError, KilledWorker, TimeoutError, OSError):
            # It was done, and its worker died with the row, or the line to the scheduler is cut.
            return _Lost(blamed=False)
    error = future.exception() if future.status == "error" else None
    if error is None or isinstance(error, KilledWorker):
        return _Lost(blamed=error is not None)
    return _Failed(type(error).__name__)
