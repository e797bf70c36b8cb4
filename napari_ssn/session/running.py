"""One run at a time: its number, how far it is, and how long it has taken."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

from psygnal import Signal

from napari_ssn.errors import Cancel
from napari_ssn.session.jobs import Progress
from napari_ssn.session.part import silence
from napari_ssn.session.records import News, Preview, Remark, Stage
from napari_ssn.session.runner import Runner

Job = Callable[[int, Progress, Cancel], Any]
#: Is given what a job made, and the seconds that it took.
Ended = Callable[[Any, float], None]


class Running:
    """Begins runs and stops them; a newer one takes the place of one under way.

    Attributes:
        changed: signal: a run is farther than it was.
        previewed: signal: it has the first labels of the plane that was looked at.
        remarked: signal: it has something to say, in one sentence.
        stage: of the run under way; None without one.
        progress: steps done, and in all; 0 and 0 where nobody knows.

    Args:
        runner: does them.
        failed: is told, in one sentence, why a run came to nothing.
    """

    changed = Signal()
    previewed = Signal(Preview)
    remarked = Signal(str)

    def __init__(self, runner: Runner, failed: Callable[[str], None]) -> None:
        self.stage: Stage | None = None
        self.progress: tuple[int, int] = (0, 0)
        self._runner, self._on_failure = runner, failed
        self._numbers = 0
        self._began = 0.0

    @property
    def elapsed(self) -> float:
        """Seconds since the run began; 0 without one."""
        return 0.0 if self.stage is None else time.perf_counter() - self._began

    def number(self, count: int = 1) -> int:
        """Numbers for so many results, which no other has; the first of them."""
        self._numbers += count
        return self._numbers - count + 1

    def begin(self, job: Job, ended: Ended) -> None:
        """Begin a run, which gets the next number.

        Args:
            job: makes a prediction.
            ended: is given what the job made, and the seconds that it took.
        """
        number = self.number()
        self.stage, self.progress = "loading", (0, 0)
        self._began = time.perf_counter()
        self._runner.submit(
            "run",
            lambda progress, cancel: job(number, progress, cancel),
            partial(self._ended, ended),
            self._failed,
            self._told,
        )

    def stop(self) -> None:
        """Drop the run under way."""
        self._runner.cancel("run")
        self.stage = None

    def close(self) -> None:
        """Let go of who listens."""
        self.stage = None
        silence(self)

    def _told(self, news: News) -> None:
        if isinstance(news, Preview):
            self.previewed.emit(news)
        elif isinstance(news, Remark):
            self.remarked.emit(news.text)
        else:
            self.stage, self.progress = news.stage, (news.done, news.total)
            self.changed.emit()

    def _ended(self, ended: Ended, made: Any) -> None:
        took, self.stage = self.elapsed, None
        ended(made, took)

    def _failed(self, words: str) -> None:
        self.stage = None
        self._on_failure(words)
