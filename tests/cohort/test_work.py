"""Who does what, and what the death of a worker means."""

from __future__ import annotations

import math
import os
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import dask
import pytest
from distributed import Client, LocalCluster

from napari_ssn.cohort.crew import Check, Crew, Worker, check_scheduler, local_crew
from napari_ssn.cohort.work import DEATHS, Shift
from napari_ssn.errors import Cancel, Cancelled, DeviceError
from tests.support import crews
from tests.support.soon import within


@pytest.fixture(scope="module")
def crew() -> Iterator[Any]:
    """They begin as anybody's do."""
    with local_crew(2, 0) as made:
        yield made


@dataclass
class Ends:
    done: list[tuple[Any, Any]] = field(default_factory=list)
    deaths: Counter[Any] = field(default_factory=Counter)
    unforeseen: dict[Any, str] = field(default_factory=dict)

    def together(self) -> Any:
        return nullcontext()

    def ended(self, key: Any, outcome: Any) -> bool:
        self.done.append((key, outcome))
        return False

    def died(self, key: Any) -> bool:
        self.deaths[key] += 1
        return self.deaths[key] < DEATHS

    def failed(self, key: Any, kind: str) -> None:
        self.unforeseen[key] = kind


def shift(crew: Any, function: Any, ends: Ends, **more: Any) -> Shift[Any]:
    return Shift(crew, function, lambda key, worker: key, ends, **more)


def test_each_is_done_once(crew: Any) -> None:
    ends = Ends()
    shift(crew, crews.double, ends).run(range(20))
    assert sorted(ends.done) == [(key, 2 * key) for key in range(20)]


def test_who_is_there_is_asked_of_the_scheduler(crew: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A client asks by itself too, every two seconds, and keeps an answer without workers."""
    client = crew._client
    real = client.sync

    def sync(function: Any, *given: Any, **named: Any) -> Any:
        found = real(function, *given, **named)
        real(client._update_scheduler_info)
        return found

    monkeypatch.setattr(client, "sync", sync)
    assert len(crew.workers()) == 2


def test_a_scheduler_that_is_gone_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    how = {"processes": False, "protocol": "tcp", "dashboard_address": "127.0.0.1:0"}
    cluster = LocalCluster(n_workers=1, threads_per_worker=1, **how)
    check = Check(lambda: "", (), lambda words: None)
    # dask tries again for half a minute.
    monkeypatch.setitem(dask.config.config["distributed"]["comm"]["timeouts"], "connect", "1s")
    client = Client(cluster.scheduler_address, set_as_default=False, timeout=1)
    try:
        one = Crew(client, check=check)
        assert not check.problem(Crew(client))
        ends = Ends()
        threading.Timer(0.5, cluster.close).start()
        with within(20), pytest.raises(DeviceError, match="does not answer any more"):
            shift(one, crews.who, ends).run(range(10_000))
    finally:
        client.close()
        cluster.close()


class Mute:
    """A crew of one worker that never answers, and that is there for so many looks."""

    def __init__(self, looks: float = math.inf) -> None:
        self._looks = looks

    def workers(self) -> dict[str, Worker]:
        self._looks -= 1
        return {} if self._looks < 0 else {"tcp://here": Worker("tcp://here", 1, True)}

    def send(self, *what: Any) -> Any:
        return SimpleNamespace(done=lambda: False)


def test_a_worker_that_does_not_answer_holds_up_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    check, mute = Check(lambda: "", (), lambda words: None), cast(Any, Mute(3))
    with within(5):
        assert check.problem(mute) == ""
    began = time.monotonic()
    stopped = Cancel(lambda: time.monotonic() - began > 0.3)
    with within(5), pytest.raises(Cancelled):
        check.problem(cast(Any, Mute()), stopped)
    # One that others keep busy may answer later.
    monkeypatch.setattr("napari_ssn.cohort.crew._PATIENCE", 0.3)
    mute = cast(Any, Mute())
    with within(5):
        assert check.problem(mute) == "" and not check.fits(mute, "tcp://here")


def test_a_scheduler_that_does_not_answer_is_not_waited_for_by_who_stops() -> None:
    began = time.monotonic()
    with socket.create_server(("127.0.0.1", 0)) as silent:
        port = silent.getsockname()[1]
        stopped = Cancel(lambda: time.monotonic() - began > 0.3)
        with within(5), pytest.raises(Cancelled):
            check_scheduler(f"tcp://127.0.0.1:{port}", stopped)


def test_nobody_waits_for_what_is_written_of_the_one_before(crew: Any) -> None:
    busy = list[int]()

    class Slow(Ends):
        def ended(self, key: Any, outcome: Any) -> bool:
            busy.append(len(at_work._busy))
            return super().ended(key, outcome)

    ends, deadline = Slow(), time.monotonic() + 60
    # One may still be starting, of a test that killed it.
    while len(crew.workers()) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    at_work = shift(crew, crews.who, ends)
    at_work.run(range(30))
    # All have something to do again before anything is told, but for the last of them.
    assert busy[:28] == [2] * 28 and len(ends.done) == 30


def test_what_kills_its_worker_is_set_aside_and_takes_nobody_with_it(crew: Any) -> None:
    ends = Ends()
    shift(crew, crews.deadly, ends).run(range(12))
    assert ends.deaths == {3: DEATHS} and not ends.unforeseen
    assert sorted(ends.done) == [(key, 2 * key) for key in range(12) if key != 3]


def test_what_nobody_had_foreseen_is_of_one_scan(crew: Any) -> None:
    ends = Ends()
    shift(crew, crews.unforeseen, ends).run(range(6))
    assert ends.unforeseen == {3: "ZeroDivisionError"} and not ends.deaths
    assert {key for key, _ in ends.done} == {0, 1, 2, 4, 5}


def test_a_crowded_worker_begins_anew(crew: Any) -> None:
    ends, first = Ends(), list[int]()
    deadline = time.monotonic() + 60
    # One may still be starting, of a test that killed it.
    while len(before := set(crew.workers())) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)

    def crowded(pid: int) -> bool:
        first.append(pid)
        return len(first) == 1

    shift(crew, crews.who, ends, crowded=crowded).run(range(30))
    assert len(ends.done) == 30 and not ends.deaths
    pids = [pid for _, pid in ends.done]
    # It is the only one that had done anything, and it does nothing more.
    assert pids[0] not in pids[1:]
    assert len(set(crew.workers()) & before) == 1


def test_workers_that_are_killed_from_outside_lose_and_double_nothing(
    crew: Any, tmp_path: Path
) -> None:
    keys = [str(tmp_path / f"{number:02d}") for number in range(10)]
    ends, killed = Ends(), list[int]()

    def kill() -> None:
        seen = set[Path]()
        while len(killed) < 3:
            for note in set(tmp_path.glob("0[147].pid")) - seen:
                seen.add(note)
                time.sleep(0.05)  # until it is written
                os.kill(int(note.read_text()), signal.SIGKILL)
                killed.append(1)
            time.sleep(0.01)

    killer = threading.Thread(target=kill, daemon=True)
    killer.start()
    shift(crew, crews.pid_and_wait, ends).run(keys)
    killer.join(10)
    assert len(killed) == 3 and sum(ends.deaths.values()) == 3
    assert sorted(ends.done) == [(key, Path(key).name) for key in keys]


def test_a_worker_that_goes_when_its_time_is_over_is_not_a_death(crew: Any, tmp_path: Path) -> None:
    # As a job's worker does at the end of its hours: before, two such set the scan aside.
    keys = [str(tmp_path / f"{number:02d}") for number in range(4)]
    ends, gone = Ends(), list[str]()

    def retire() -> None:
        note = tmp_path / "01.pid"
        while len(gone) < DEATHS:
            time.sleep(0.05)
            if not note.exists():
                continue
            pids = crew._client.run(os.getpid)
            address = next((at for at, pid in pids.items() if str(pid) == note.read_text()), None)
            note.unlink()
            if address is not None:
                crew._client.retire_workers([address])
                gone.append(address)

    retiring = threading.Thread(target=retire, daemon=True)
    retiring.start()
    shift(crew, crews.pid_and_wait, ends).run(keys)
    retiring.join(60)
    assert len(gone) == DEATHS and not ends.deaths
    assert sorted(ends.done) == [(key, Path(key).name) for key in keys]


class Forgetful:
    """A crew of one worker whose results are without a value, for a while."""

    def __init__(self, statuses: Iterable[str]) -> None:
        self.statuses = iter(statuses)

    def workers(self) -> dict[str, Worker]:
        return {"one": Worker("one", 1, True)}

    def send(self, address: str, key: str, function: Any, argument: Any) -> Any:
        return Gone(next(self.statuses, "finished"), argument)


@dataclass
class Gone:
    status: str
    value: Any

    def add_done_callback(self, call: Any) -> None:
        call(self)

    def done(self) -> bool:
        return True

    def result(self, timeout: float) -> Any:
        return self.value


@pytest.mark.parametrize("status", ["lost", "cancelled"])
def test_a_result_that_was_lost_is_no_death_unless_it_is_always_lost(status: str) -> None:
    ends = Ends()
    shift(Forgetful([status] * 4), crews.double, ends).run([7])
    assert ends.done == [(7, 7)] and not ends.deaths
    ends = Ends()
    shift(Forgetful([status] * 100), crews.double, ends).run([7])
    assert ends.done == [] and ends.deaths == {7: DEATHS}


def test_it_is_stopped_between_two(crew: Any) -> None:
    ends = Ends()
    cancel = Cancel(lambda: len(ends.done) >= 4, "Enough.")
    with pytest.raises(Cancelled, match="Enough"):
        shift(crew, crews.double, ends, cancel=cancel).run(range(1000))
    assert 4 <= len(ends.done) < 20
    # The workers are there for whoever comes next.
    again = Ends()
    shift(crew, crews.double, again).run(range(4))
    assert len(again.done) == 4
