"""Waiting for what takes its time over a line, so that a person can stop at any moment."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable, Generator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import suppress
from typing import TypeVar

import requests

from napari_ssn.errors import NEVER, Cancel, Cancelled

# Between two looks at whether somebody has stopped.
_LOOK_SECONDS = 0.1

Value = TypeVar("Value")


class UnderWayError(Cancelled):
    """Somebody stopped while something was under way, which may have arrived nevertheless."""


def waited(
    cancel: Cancel,
    work: Callable[[], Value],
    late: Callable[[Value], None] = lambda _: None,
) -> Value:
    """What some work returns or raises; done in a thread that is left alone once somebody stops.

    Args:
        cancel: looked at while the work is done; of a job that nobody can stop it is done here.
        work: may be silent for a long time.
        late: called, in the thread, with what the work returned after that.

    Raises:
        UnderWayError: somebody stopped.
    """
    if cancel is NEVER:
        return work()
    found: list[Value] = []
    failed: list[BaseException] = []
    lock, done, left = threading.Lock(), threading.Event(), threading.Event()

    def run() -> None:
        try:
            value = work()
        except BaseException as error:  # noqa: BLE001
            # Raised again where it is waited for.
            failed.append(error)
        else:
            with lock:
                found.append(value)
                is_late = left.is_set()
            if is_late:
                late(value)
        done.set()

    threading.Thread(target=run, name="napari-ssn-archive", daemon=True).start()
    while not done.wait(_LOOK_SECONDS):
        try:
            cancel.check()
        except Cancelled as error:
            with lock:
                if found:
                    continue
                left.set()
            raise UnderWayError(*error.args) from None
    if failed:
        raise failed[0]
    return found[0]


def read_ahead(
    cancel: Cancel, read: Callable[[], Value | None], stop: Callable[[], None]
) -> Generator[Value, None, None]:
    """What a stream gives until it gives None, each read while the one before is worked on.

    Args:
        cancel: looked at while nothing comes, and before each.
        read: gives the next piece; may be silent for a long time. It is called in a thread.
        stop: called when nobody waits any more for what is being read: it makes that end early.

    Raises:
        UnderWayError: somebody stopped. Whatever ``read`` raises.
    """
    reader = ThreadPoolExecutor(1, "napari-ssn-archive")
    coming = reader.submit(read)
    try:
        while True:
            while not coming.done():
                try:
                    cancel.check()
                except Cancelled as error:
                    raise UnderWayError(*error.args) from None
                wait([coming], _LOOK_SECONDS)
            piece = coming.result()
            if piece is None:
                return
            cancel.check()
            coming = reader.submit(read)
            yield piece
    finally:
        if not coming.done():
            stop()
        reader.shutdown(wait=False, cancel_futures=True)


def hang_up(response: requests.Response) -> None:
    """End a line on which an answer is still coming, so that whoever reads it goes on."""
    # Closing it would wait for the reader. One that is closed already has no number any more.
    with suppress(OSError, ValueError, AttributeError):
        line = socket.socket(fileno=response.raw.fileno())
        try:
            line.shutdown(socket.SHUT_RDWR)
        finally:
            line.detach()
