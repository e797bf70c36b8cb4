"""The workers of a cohort: a cluster of this computer made for it, or one that is there already."""

from __future__ import annotations

import asyncio
import logging
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import dask.config
import psutil
from distributed import Client, Future, KilledWorker, Nanny, Scheduler, SpecCluster
from distributed.client import FutureCancelledError
from distributed.comm.addressing import parse_address
from distributed.comm.core import connect
from distributed.core import Status
from distributed.security import Security

from napari_ssn.errors import NEVER, Cancel, DeviceError
from napari_ssn.text.cohort import left_aside, not_running

# Memory that a worker takes with a model and an image of 512³ in it, at least.
_EACH_BYTES = 3 << 30
# Seconds until a scheduler that does not answer is given up.
_PATIENCE = 30
# Between two looks at whether something has come, or somebody has stopped.
_LOOK = 0.1
# Seconds that a worker may be missing: dask starts one anew within some.
_MISSING = 40.0
_CONFIG = {
    # A scan is handed to one worker and no other, so that it is known what a worker died of: the
    # scheduler need not try for itself.
    "distributed.scheduler.allowed-failures": 0,
    # Rows are small: there is nothing to spill, and a worker that pauses would let its scan wait.
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    # dask has workers give back each free page at once; a network that runs again and again would
    # spend its time in getting them anew.
    "distributed.nanny.pre-spawn-environ": {
        "OMP_NUM_THREADS": 1,
        "MKL_NUM_THREADS": 1,
        "OPENBLAS_NUM_THREADS": 1,
        "MALLOC_TRIM_THRESHOLD_": 16 << 30,
        "MALLOC_MMAP_THRESHOLD_": 8 << 30,
    },
}


@dataclass(frozen=True)
class Worker:
    """A worker that is there.

    Attributes:
        address: that a scan is sent to.
        threads: of the CPU that it has.
        open: whether it takes a scan: one that closes, or waits for memory, does not.
    """

    address: str
    threads: int
    open: bool


class Check:
    """Whether workers that somebody else starts can be used: each is asked when it appears.

    Args:
        function: that a worker calls, with the arguments; why it can do nothing, empty if it can.
        say: is told of a worker that is left aside.
    """

    def __init__(
        self, function: Callable[..., str], arguments: tuple[Any, ...], say: Callable[[str], None]
    ) -> None:
        self._function, self._arguments, self._say = function, arguments, say
        self._asked: dict[str, Future[Any]] = {}
        self._fit: dict[str, bool] = {}

    def fits(self, crew: Crew, address: str) -> bool:
        """Whether one may get scans; not while it has not answered."""
        if address not in self._fit:
            if address not in self._asked:
                self._asked[address] = self._ask(crew, address)
            if not self._asked[address].done():
                return False
            why = self._why(self._asked.pop(address))
            if why is None:
                return False
            self._fit[address] = not why
            if why:
                self._say(left_aside(why))
        return self._fit[address]

    def problem(self, crew: Crew, cancel: Cancel = NEVER) -> str:
        """Why one of those that are there cannot be used; waits for their answers, for a while.

        One that others keep busy, or that goes meanwhile, is asked on like those that come later.
        """
        asked = {one: self._ask(crew, one) for one in crew.workers()}
        end = time.monotonic() + _PATIENCE
        while asked and time.monotonic() < end:
            for address in [one for one, future in asked.items() if future.done()]:
                why = self._why(asked.pop(address))
                if why:
                    return why
                if why is not None:
                    self._fit[address] = True
            if asked:
                cancel.check()
                time.sleep(_LOOK)
                there = crew.workers()
                asked = {one: future for one, future in asked.items() if one in there}
        self._asked.update(asked)
        return ""

    def _ask(self, crew: Crew, address: str) -> Future[Any]:
        return crew.send(address, f"check-{address}", self._function, *self._arguments)

    def _why(self, asked: Future[Any]) -> str | None:
        """None where there is no answer: the worker has gone, or the line to it."""
        try:
            error = asked.exception()
            if error is None and asked.status == "finished":
                return str(asked.result(timeout=_PATIENCE))
        except (OSError, TimeoutError, FutureCancelledError):
            return None
        gone = error is None or isinstance(error, KilledWorker)
        return None if gone else not_running(type(error).__name__)


class Crew:
    """Hands scans to workers, and knows which are there.

    Args:
        client: connected to the scheduler.
        gpu: whether scans are for workers with a GPU alone.
        dashboard: address of dask's page; empty where there is none.
        keep: is told the names of the workers that are there, and starts those that are missing.
        check: of workers that somebody else starts, who may yet come where there are none.
    """

    def __init__(
        self,
        client: Client,
        gpu: bool = False,
        dashboard: str = "",
        keep: Callable[[set[str]], None] = lambda names: None,
        check: Check | None = None,
    ) -> None:
        self._client, self._gpu, self.dashboard, self._keep = client, gpu, dashboard, keep
        self._check = check

    @property
    def awaited(self) -> bool:
        """Whether workers may come however long there are none, as from a queue."""
        return self._check is not None

    def workers(self) -> dict[str, Worker]:
        """Those that are there now, by their addresses; DeviceError if nobody can say."""
        told = self._told()
        self._keep({str(one["name"]) for one in told.values()})
        return {
            address: Worker(address, int(one["nthreads"]), one["status"] == "running")
            for address, one in told.items()
            if (one["resources"].get("GPU") or not self._gpu)
            and (self._check is None or self._check.fits(self, address))
        }

    def _told(self) -> dict[str, Any]:
        # Of the scheduler itself: what a client keeps of its last answer is overwritten every two
        # seconds by one that names no workers, and all that they were at would count as lost.
        for pause in (1.0, 0.0):
            try:
                if (scheduler := self._client.scheduler) is not None:
                    how = {"n_workers": -1, "callback_timeout": _PATIENCE}
                    return dict(self._client.sync(scheduler.identity, **how)["workers"])
            except OSError:
                pass
            time.sleep(pause)
        raise DeviceError(
            "The scheduler does not answer any more. What is done so far is kept: the same command "
            "goes on."
        )

    def send(self, address: str, key: str, function: Any, *arguments: Any) -> Future[Any]:
        """Have a worker, and no other, do something."""
        return self._client.submit(
            function,
            *arguments,
            key=key,
            workers=[address],
            allow_other_workers=False,
            pure=False,
            retries=0,
            resources={"GPU": 1} if self._gpu else None,
        )

    def retired(self, address: str) -> bool:
        """Whether a worker that is not there any more had said that it would go."""
        told = [event for _, event in self._client.get_events(address)]
        gone = [event for event in told if event.get("action") == "remove-worker"]
        return bool(gone) and bool(gone[-1].get("expected"))

    def restart(self, address: str) -> None:
        """Have a worker begin anew, with a memory that nothing is left in."""
        self._client.restart_workers([address], timeout=_PATIENCE, raise_for_error=False)


@contextmanager
def local_crew(count: int | None, gpus: int) -> Iterator[Crew]:
    """Workers on this computer, each a process of its own, gone when the ``with`` ends.

    Args:
        count: of them; if left out one for each GPU, else as many as processors and memory allow.
        gpus: of this computer that scans are for; 0 for its CPUs.
    """
    cores = _cores()
    if count is None:
        fit = int(psutil.virtual_memory().available // _EACH_BYTES)
        count = gpus or max(1, min(cores, fit))
    # Whoever may connect may run what they like: nobody but this process may.
    security = Security.temporary()
    with dask.config.set(_CONFIG):
        common = {"security": security, "host": "127.0.0.1", "protocol": "tls://"}
        page = {"dashboard": True, "dashboard_address": "127.0.0.1:0"}
        each = {
            **common,
            "nthreads": max(1, cores // count),
            # Of all that there is: a large scan is tried once more when the others are at rest.
            "memory_limit": psutil.virtual_memory().total,
            "preload": ["napari_ssn.cohort.preload"],
            # Its words would name a scan's files, and on a terminal they break the progress bar.
            "silence_logs": logging.CRITICAL,
        }
        scheduler = {"cls": Scheduler, "options": common | page}
        cluster = SpecCluster({}, scheduler, security=security, silence_logs=logging.CRITICAL)
        try:
            with Client(cluster, security=security, set_as_default=False) as client:
                specs = [
                    {"cls": Nanny, "options": each | _of(number, gpus)} for number in range(count)
                ]
                staff = _Staff(cluster, specs)
                crew = Crew(client, bool(gpus), cluster.dashboard_link, staff.keep)
                with suppress(TimeoutError):
                    client.wait_for_workers(count, timeout=_PATIENCE)
                yield crew
        finally:
            # A worker that was killed while it started cannot be closed in order; it ends with
            # this process.
            with suppress(RuntimeError, AssertionError, TimeoutError):
                cluster.close()


class _Staff:
    """Keeps workers of a cluster at their number, whatever becomes of them.

    dask starts a worker anew that has died; one that dies while it is started it gives up.

    Args:
        cluster: without workers.
        specs: of each of them, as dask has it.
    """

    def __init__(self, cluster: SpecCluster, specs: Sequence[Mapping[str, Any]]) -> None:
        self._cluster, self._specs = cluster, specs
        self._names, self._seen = [""] * len(specs), [0.0] * len(specs)
        self._started = 0
        self._start(range(len(specs)))

    def keep(self, names: set[str]) -> None:
        """Start those that were given up, or are missing for longer than a start takes."""
        now = time.monotonic()
        for number, name in enumerate(self._names):
            nanny = self._cluster.workers.get(name)
            if name in names:
                self._seen[number] = now
            elif nanny is not None and nanny.status in (Status.failed, Status.closed):
                self._seen[number] = -_MISSING
        if missing := [k for k, at in enumerate(self._seen) if now - at > _MISSING]:
            self._start(missing)

    def _start(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            self._cluster.worker_spec.pop(self._names[number], None)
            self._names[number] = f"{number}-{self._started}"
            self._seen[number] = time.monotonic()
            self._started += 1
            self._cluster.worker_spec[self._names[number]] = self._specs[number]
        self._cluster.scale(len(self._specs))


def _of(number: int, gpus: int) -> dict[str, Any]:
    """What a worker has to itself: one GPU, and it sees no other."""
    if not gpus:
        return {}
    return {"resources": {"GPU": 1}, "env": {"CUDA_VISIBLE_DEVICES": str(number % gpus)}}


def _cores() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def check_scheduler(address: str, cancel: Cancel = NEVER) -> None:
    """DeviceError if no scheduler answers at an address; nothing is left of the attempt."""
    try:
        parse_address(address, strict=True)
        arguments = Security().get_connection_args("client")
        if address.startswith("tls") and not arguments.get("ssl_context"):
            raise DeviceError(
                "For an address with tls dask's configuration has to name certificates: "
                "distributed.comm.tls."
            )

        async def knock() -> None:
            coming = asyncio.ensure_future(connect(address, timeout=_PATIENCE, **arguments))
            while not coming.done():
                cancel.check()
                await asyncio.wait([coming], timeout=_LOOK)
            await (await coming).close()

        asyncio.run(knock())
    except ValueError:
        raise DeviceError(
            "That is no address of a scheduler of dask: it is said as tcp://host:8786 when the "
            "scheduler starts."
        ) from None
    except (OSError, TimeoutError):
        raise DeviceError("No scheduler of dask answers at that address.") from None


@contextmanager
def distant_crew(address: str, gpu: bool, check: Check, cancel: Cancel = NEVER) -> Iterator[Crew]:
    """Workers of a scheduler that is there; they stay when the ``with`` ends.

    DeviceError if it does not answer, or one of those that are there cannot be used.
    """
    check_scheduler(address, cancel)
    with Client(address, timeout=_PATIENCE, set_as_default=False) as client:
        has_page = client.scheduler_info(n_workers=0)["services"].get("dashboard")
        if why := check.problem(Crew(client, gpu), cancel):
            raise DeviceError(f"These workers cannot be used: {why}.")
        yield Crew(client, gpu, client.dashboard_link if has_page else "", check=check)
