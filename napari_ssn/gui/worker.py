"""Does the session's jobs in a thread, one at a time; the newest of a channel wins."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

from qtpy.QtCore import QCoreApplication, QObject, Qt, Signal

from napari_ssn.errors import Cancel, SSNError
from napari_ssn.session.runner import Job
from napari_ssn.text.problems import problem

_log = logging.getLogger(__name__)


@dataclass(eq=False)
class _Ticket:
    """One job handed in."""

    channel: str
    done: Callable[[Any], None]
    failed: Callable[[str], None]
    progress: Callable[..., None] | None
    dropped: threading.Event


class Worker(QObject):
    """The session's runner in the window.

    Jobs run in one thread; what they return is delivered on the thread of this object. A job
    whose channel got a newer one, or was cancelled, is asked to stop and never delivered.
    """

    # Across threads a Qt signal becomes an event of the receiver's own loop.
    _said = Signal(object, object, bool)

    def __init__(self) -> None:
        super().__init__()
        self._pool: ThreadPoolExecutor | None = ThreadPoolExecutor(1, "napari-ssn")
        self._newest: dict[str, _Ticket] = {}
        self._said.connect(self._hear, Qt.ConnectionType.QueuedConnection)
        application = QCoreApplication.instance()
        if application is not None:
            # What ends without the window being closed waits for this thread, and for nothing.
            application.aboutToQuit.connect(self._drop_all)

    def submit(
        self,
        channel: str,
        job: Job,
        done: Callable[[Any], None],
        failed: Callable[[str], None],
        progress: Callable[..., None] | None = None,
    ) -> None:
        """See `Runner.submit`."""
        if self._pool is None:
            return
        self.cancel(channel)
        ticket = _Ticket(channel, done, failed, progress, threading.Event())
        self._newest[channel] = ticket
        self._pool.submit(self._work, ticket, job)

    def cancel(self, channel: str) -> None:
        """See `Runner.cancel`."""
        ticket = self._newest.pop(channel, None)
        if ticket is not None:
            ticket.dropped.set()

    @property
    def idle(self) -> bool:
        """Whether nothing is under way, and nothing waits."""
        return not self._newest

    def close(self) -> None:
        """Drop every job; the thread ends when the one under way next looks up."""
        self._drop_all()
        if self._pool is not None:
            self._pool.shutdown(wait=False, cancel_futures=True)
            self._pool = None

    def _drop_all(self) -> None:
        for channel in list(self._newest):
            self.cancel(channel)

    def _work(self, ticket: _Ticket, job: Job) -> None:
        """In the thread."""
        if ticket.dropped.is_set():
            return

        def tell(*what: Any) -> None:
            if ticket.progress is not None:
                self._say(ticket, partial(ticket.progress, *what), last=False)

        try:
            cancel = Cancel(ticket.dropped.is_set)
            with cancel.heeded():
                value = job(tell, cancel)
        except SSNError as error:
            self._say(ticket, partial(ticket.failed, problem(error)))
        except Exception as error:  # noqa: BLE001
            # Nobody above this frame would ever hear of it: tell the user and the log. The
            # message may hold a path or a name, so that it and the traceback are for debugging.
            # Of a job that was dropped nobody waits to hear: where the program ends it can make
            # no threads any more.
            level = logging.DEBUG if ticket.dropped.is_set() else logging.ERROR
            _log.log(level, "A job of napari-ssn failed: %s", type(error).__name__)
            _log.debug("Traceback of the failed job", exc_info=True)
            self._say(ticket, partial(ticket.failed, problem(error)))
        else:
            self._say(ticket, partial(ticket.done, value))

    def _say(self, ticket: _Ticket, hear: Callable[[], None], last: bool = True) -> None:
        """In the thread: have something heard in the window's."""
        if not ticket.dropped.is_set():
            self._said.emit(ticket, hear, last)

    def _hear(self, ticket: _Ticket, hear: Callable[[], None], last: bool) -> None:
        if self._newest.get(ticket.channel) is not ticket:
            return
        if last:
            del self._newest[ticket.channel]
        hear()
