"""What a server still has of a result: kept there for whoever has the beginning, fetched once."""

from __future__ import annotations

import logging
import math
import threading
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial

import torch

from napari_ssn.core.decodable import Decodable
from napari_ssn.documents.remote import State
from napari_ssn.errors import Cancel, Cancelled, DataError, ServerError, SSNError
from napari_ssn.network.forward import full
from napari_ssn.remote.elsewhere import Elsewhere
from napari_ssn.remote.line import ForgottenError, Talk
from napari_ssn.remote.messages import rest_of
from napari_ssn.remote.trying import tried
from napari_ssn.remote.wire import Arrays
from napari_ssn.text.server import FAILED_HERE

# Seconds that a window waits for what is on its way, and that it has other things wait.
_MOMENT, _WHILE = 0.2, 10.0
# Between two looks at whether somebody has stopped.
_LOOK = 0.1
# Of a lease, how long nothing is said at most.
_OFTEN = 0.25
_LOG = logging.getLogger("napari_ssn.remote")


class Rest:
    """Gets the rest of a result, see `core.begun.awaiting.Rest`.

    A thread of its own keeps the run on the server, and lets go of it when the rest has come or
    nobody can ask for it any more.

    Args:
        server: that has it.
        path: of the run.
        most: bytes that it may take.
        lease: seconds after which the server forgets what nobody asks after.
        patience: seconds for which a line that broke off is tried again.
        at_once: whether it is fetched, and put together, before anybody needs it, as in a window:
            the main thread never waits for it, and others only for a while.
    """

    def __init__(
        self,
        server: Elsewhere,
        path: str,
        most: int,
        lease: float,
        patience: float,
        at_once: bool = False,
    ) -> None:
        self._at_once, self._shared = at_once, _Shared(wanted=at_once)
        # Without this one, so that it ends with it.
        work = (self._shared, server, path, most, lease, patience, at_once)
        self._thread = threading.Thread(
            target=_attend, args=work, name="napari-ssn-rest", daemon=True
        )
        self._thread.start()
        weakref.finalize(self, self._shared.stop)

    def is_of(self, dist: Decodable) -> None:
        """Say what it is the rest of, which is put together with it if it is fetched at once."""
        with self._shared.changed:
            self._shared.join = weakref.WeakMethod(dist.complete)
            self._shared.changed.notify_all()

    def __call__(self) -> Arrays:
        """The numbers.

        Raises:
            ServerError: they cannot be had, or not yet.
            Cancelled: by whom this thread heeds, see `Cancel.heeded`.
        """
        shared, thread = self._shared, threading.current_thread()
        cancel, end = Cancel.here(), math.inf
        if self._at_once:
            bound = _MOMENT if thread is threading.main_thread() else _WHILE
            end = time.monotonic() + bound
        joining = not self._at_once or thread is self._thread
        with shared.changed:
            if shared.error is not None and not shared.gone:
                shared.error = None
            shared.wanted = True
            shared.changed.notify_all()
            while not (ended := shared.ended(joining)) and (left := end - time.monotonic()) > 0:
                cancel.check()
                shared.changed.wait(min(left, _LOOK))
            if ended and shared.arrays is not None:
                return shared.arrays
            error = shared.error
        if not ended:
            raise ServerError(
                "The server is still sending what lies far from the outline: try again soon."
            )
        raise ServerError(
            f"What lies far from the outline is still on the server and cannot be had. {error}"
        )


@dataclass(eq=False)
class _Shared:
    """Between a `Rest` and its thread; with the lock of ``changed`` alone."""

    wanted: bool
    changed: threading.Condition = field(default_factory=threading.Condition)
    stopped: bool = False
    arrays: Arrays | None = None
    error: ServerError | None = None
    gone: bool = False
    # What puts together what the arrays are the rest of, and whether that was done or has failed.
    join: weakref.WeakMethod[Callable[[], Decodable]] | None = None
    joined: bool = False

    def ended(self, joining: bool) -> bool:
        """Whether it came, or failed; with the lock. Who puts it together waits for no more."""
        came = self.arrays is not None and (joining or self.joined)
        return came or self.error is not None

    def stop(self) -> None:
        with self.changed:
            self.stopped = True
            self.changed.notify_all()

    def told(self, arrays: Arrays | None, error: ServerError | None, gone: bool) -> None:
        with self.changed:
            self.arrays, self.error, self.gone = arrays, error, gone
            self.changed.notify_all()


def _attend(
    shared: _Shared,
    server: Elsewhere,
    path: str,
    most: int,
    lease: float,
    patience: float,
    at_once: bool,
) -> None:
    _keep(shared, server, path, most, lease, patience)
    if at_once and shared.arrays is not None:
        _join(shared)


def _join(shared: _Shared) -> None:
    """Put together what the rest has come for, of which nobody in the window has to wait then."""
    with shared.changed:
        shared.changed.wait_for(lambda: shared.stopped or shared.join is not None)
        complete = None if shared.join is None else shared.join()
    try:
        if complete is not None:
            complete()
    except (SSNError, MemoryError):
        # Whoever needs it meets it again, and is told.
        pass
    except Exception:  # noqa: BLE001
        _LOG.exception("A result was not put together.")
    with shared.changed:
        shared.joined = True
        shared.changed.notify_all()


def _keep(
    shared: _Shared, server: Elsewhere, path: str, most: int, lease: float, patience: float
) -> None:
    """Keep a run until its rest is fetched, or nobody can want it."""
    cancel = Cancel(lambda: shared.stopped)

    def busy() -> bool:
        return shared.wanted and shared.error is None

    while True:
        with shared.changed:
            shared.changed.wait_for(lambda: shared.stopped or busy(), _OFTEN * lease)
            fetching = busy()
            if shared.stopped:
                break
        arrays, error = None, None
        try:
            # Each time anew: the file with the token may be another one by now.
            with Talk(server, cancel) as talk:
                if fetching:
                    message = tried(partial(talk.content, f"{path}/rest", most), patience, cancel)
                    arrays = rest_of(message, most)
                else:
                    talk.said(path, State)
        except Cancelled:
            break
        except ServerError as failed:
            error = failed
        except DataError as damaged:
            error = ServerError(str(damaged))
        except MemoryError:
            error = ServerError(str(full(torch.device("cpu"))))
        except Exception:  # noqa: BLE001
            # Somebody waits, and would for ever.
            _LOG.exception("The rest of a result was not fetched.")
            error = ServerError(FAILED_HERE)
        gone = isinstance(error, ForgottenError)
        if fetching or gone:
            shared.told(arrays, error, gone)
        if gone or arrays is not None:
            break
    with suppress(ServerError), Talk(server) as talk:
        talk.drop(path)
