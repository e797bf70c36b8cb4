"""The worker: one job at a time, the newest wins, the main thread hears of it."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from napari_ssn.errors import NEVER, Cancel, ImageError
from napari_ssn.gui.worker import Worker


@pytest.fixture
def worker(qapp: Any) -> Iterator[Worker]:
    made = Worker()
    yield made
    made.close()


def test_what_waits_in_a_job_stops_for_its_cancel(worker: Worker, qtbot: Any) -> None:
    heard, stopped, began = list[Any](), threading.Event(), threading.Event()

    def job(progress: Any, cancel: Cancel) -> None:
        began.set()
        try:
            while True:
                # Of what is waited for somewhere below, where nobody handed it on.
                time.sleep(0.01)
                Cancel.here().check()
        finally:
            stopped.set()

    worker.submit("run", job, heard.append, heard.append)
    assert began.wait(5) and not stopped.wait(0.1)
    worker.cancel("run")
    assert stopped.wait(5)
    worker.submit("next", lambda progress, cancel: Cancel.here() is cancel, heard.append, print)
    qtbot.waitUntil(lambda: heard == [True], timeout=5000)
    assert Cancel.here() is NEVER


def test_results_and_progress_arrive_on_the_main_thread(worker: Worker, qtbot: Any) -> None:
    heard: list[Any] = []

    def job(progress: Any, cancel: Any) -> str:
        progress("running", 1, 2)
        return threading.current_thread().name

    def told(*what: Any) -> None:
        heard.append((what, threading.current_thread()))

    worker.submit("run", job, told, told, told)
    qtbot.waitUntil(lambda: len(heard) == 2, timeout=5000)
    assert heard[0][0] == ("running", 1, 2)
    assert heard[1][0][0].startswith("napari-ssn")
    assert {thread for _, thread in heard} == {threading.main_thread()}


def test_the_newest_of_a_channel_wins(worker: Worker, qtbot: Any) -> None:
    heard: list[Any] = []
    started, stopped = threading.Event(), threading.Event()

    def first(progress: Any, cancel: Any) -> str:
        started.set()
        while not cancel.asked():
            stopped.wait(0.005)
        stopped.set()
        return "old"

    def never(progress: Any, cancel: Any) -> str:
        raise AssertionError("a job that was replaced before it began must not begin")

    worker.submit("curve", first, heard.append, heard.append)
    started.wait(5)
    assert not worker.idle
    worker.submit("curve", never, heard.append, heard.append)
    worker.submit("curve", lambda progress, cancel: "new", heard.append, heard.append)
    worker.submit("other", lambda progress, cancel: "else", heard.append, heard.append)
    qtbot.waitUntil(lambda: len(heard) == 2, timeout=5000)
    assert heard == ["new", "else"] and stopped.is_set() and worker.idle


def test_a_result_that_was_on_its_way_is_dropped(worker: Worker, qtbot: Any) -> None:
    heard: list[Any] = []
    ended = threading.Event()

    def job(progress: Any, cancel: Any) -> str:
        progress("running", 1, 1)
        return "late"

    worker.submit("run", job, heard.append, heard.append, lambda *what: heard.append(what))
    worker.submit("end", lambda progress, cancel: ended.set(), lambda value: None, heard.append)
    # The job has ended, and its result waits in the event loop, which has not turned since.
    assert ended.wait(5)
    worker.cancel("run")
    qtbot.wait(50)
    assert heard == []


def test_errors_become_one_sentence(worker: Worker, qtbot: Any) -> None:
    heard: list[str] = []

    def user(progress: Any, cancel: Any) -> None:
        raise ImageError("The image is empty.")

    def slip(progress: Any, cancel: Any) -> None:
        raise ZeroDivisionError("/secret/patient")

    for channel, job in (("a", user), ("b", slip)):
        worker.submit(channel, job, heard.append, heard.append)
    qtbot.waitUntil(lambda: len(heard) == 2, timeout=5000)
    assert heard[0] == "The image is empty." and "unexpected" in heard[1]
    assert "patient" not in heard[1]


def test_nothing_is_done_after_closing(worker: Worker, qtbot: Any) -> None:
    worker.close()
    worker.submit("run", lambda progress, cancel: 1, pytest.fail, pytest.fail)
    worker.close()
    qtbot.wait(20)


def test_of_a_job_that_was_dropped_no_failure_is_told(
    worker: Worker, caplog: pytest.LogCaptureFixture
) -> None:
    started, dropped, ended = threading.Event(), threading.Event(), threading.Event()

    def job(progress: Any, cancel: Any) -> None:
        started.set()
        dropped.wait(5)
        raise RuntimeError("cannot schedule new futures after interpreter shutdown")

    heard: list[Any] = []
    worker.submit("run", job, heard.append, heard.append)
    worker.submit("next", lambda progress, cancel: ended.set(), heard.append, heard.append)
    assert started.wait(5)
    worker.cancel("run")
    dropped.set()
    assert ended.wait(5)
    assert not [one for one in caplog.records if one.levelno >= logging.WARNING]


_QUITS = """
import sys, threading
from concurrent.futures import ThreadPoolExecutor
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication
from napari_ssn.gui.worker import Worker

app, worker = QApplication(sys.argv), Worker()
left, started = threading.Event(), threading.Event()

def counted(progress, cancel):
    started.set()
    left.wait(10)
    # The interpreter is about to end by now, and no thread can be made any more.
    threading.main_thread().join(0.5)
    with ThreadPoolExecutor(1) as pool:
        return list(pool.map(abs, range(4)))

for channel in ("ranges", "counts", "cards"):
    worker.submit(channel, counted, print, print)
QTimer.singleShot(0, lambda: (started.wait(10), app.quit()))
app.exec()
left.set()
"""


def test_a_program_that_quits_while_jobs_wait_ends_without_failures() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _QUITS], capture_output=True, text=True, timeout=120, check=True
    )
    assert "failed" not in ended.stderr and "RuntimeError" not in ended.stderr
    assert ended.stdout == ""
