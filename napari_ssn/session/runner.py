"""How the session has its long jobs done, without knowing of threads."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import Any, Protocol

from napari_ssn.errors import Cancel
from napari_ssn.session.jobs import Progress

Job = Callable[[Progress, Cancel], Any]

_numbers = count(1)


def own(channel: str) -> str:
    """A channel for one job alone, as of a file: whatever comes next, that one is written too.

    Examples:
        >>> own("export") == own("export")
        False
    """
    return f"{channel} {next(_numbers)}"


class Runner(Protocol):
    """Does jobs, one at a time; of one channel the newest wins.

    ``done``, ``failed`` and ``progress`` are called on the main thread, and only while no newer
    job of the channel was submitted and the channel was not cancelled.
    """

    def submit(
        self,
        channel: str,
        job: Job,
        done: Callable[[Any], None],
        failed: Callable[[str], None],
        progress: Progress | None = None,
    ) -> None:
        """Do a job; ``failed`` gets one sentence for a person."""
        ...

    def cancel(self, channel: str) -> None:
        """Drop the channel's job: it is asked to stop, and what it returns is ignored."""
        ...

    def close(self) -> None:
        """Drop everything, for good."""
        ...
