"""How a command that goes on until it is told to stop is told so."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

#: A shell has its background jobs ignore the first; the second is what `kill` and systemd send.
ENDING = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def ended_by(stop: Callable[[], None]) -> Iterator[None]:
    """Ctrl+C, or being told to end in another way, is a call; a second time it ends at once."""
    before = {one: signal.getsignal(one) for one in ENDING}

    def told(number: int, frame: FrameType | None) -> None:
        for one in ENDING:
            signal.signal(one, at_once)
        stop()

    def at_once(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    for one in ENDING:
        signal.signal(one, told)
    try:
        yield
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)


@contextmanager
def interrupted() -> Iterator[None]:
    """Leave at Ctrl+C, or at being told to end in another way, without a word of it."""

    def stop() -> None:
        raise KeyboardInterrupt

    try:
        with ended_by(stop):
            yield
    except KeyboardInterrupt:
        return
