"""What a server still has of a result: kept there for whoever has the beginning, fetched once."""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass, field

from napari_ssn.documents.remote import State
from napari_ssn.errors import Cancel, Cancelled, DataError, ServerError
from napari_ssn.remote.elsewhere import Elsewhere
from napari_ssn.remote.line import AwayError, ForgottenError, Talk
from napari_ssn.remote.messages import rest_of
from napari_ssn.remote.wire import Arrays

# Seconds that a window waits for what is on its way.
_MOMENT = 0.2
# Of a lease, how long nothing is said at most.
_OFTEN = 0.25
_FAILED = "This computer failed at it: its log has the reason."
_LOG = logging.getLogger("napari_ssn.remote")
# Between two attempts over a line that broke off.
_LOOK = 0.5


class Rest:
    """Gets the rest of a result, see `core.begun.packed.Begun.rest`.

    A thread of its own keeps the run on the server, and lets go of it when the rest has come or
    nobody can ask for it any more.

    Args:
        server: that has it.
        path: of the run.
        most: bytes that it may take.
        lease: seconds after which the server forgets what nobody asks after.
        patience: seconds for which a line that broke off is tried again.
        at_once: whether it is fetched before anybody needs it; the main thread, which is the
            window's then, never waits for it.
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
        work = (self._shared, server, path, most, lease, patience)
        threading.Thread(target=_attend, args=work, name="napari-ssn-rest", daemon=True).start()
        weakref.finalize(self, self._shared.stop)

    def __call__(self) -> Arrays:
        """The numbers.

        Raises:
            ServerError: they cannot be had, or not yet.
        """
        shared = self._shared
        in_window = self._at_once and threading.current_thread() is threading.main_thread()
        with shared.changed:
            if shared.error is not None and not shared.gone:
                shared.error = None
            shared.wanted = True
            shared.changed.notify_all()
            ended = shared.changed.wait_for(
                lambda: shared.arrays is not None or shared.error is not None,
                _MOMENT if in_window else None,
            )
            if shared.arrays is not None:
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

    def stop(self) -> None:
        with self.changed:
            self.stopped = True
            self.changed.notify_all()

    def told(self, arrays: Arrays | None, error: ServerError | None, gone: bool) -> None:
        with self.changed:
            self.arrays, self.error, self.gone = arrays, error, gone
            self.changed.notify_all()


def _attend(
    shared: _Shared, server: Elsewhere, path: str, most: int, lease: float, patience: float
) -> None:
    """Keep a run until its rest is fetched, or nobody can want it; whoever waits is always told."""
    try:
        with Talk(server, Cancel(lambda: shared.stopped)) as talk:
            try:
                _kept(shared, talk, path, most, lease, patience)
            finally:
                talk.drop(path)
    except Cancelled:
        return
    except ServerError as error:
        shared.told(None, error, gone=True)
    except Exception:  # noqa: BLE001
        _LOG.exception("The rest of a result was not fetched.")
        shared.told(None, ServerError(_FAILED), gone=True)


def _kept(shared: _Shared, talk: Talk, path: str, most: int, lease: float, patience: float) -> None:
    def busy() -> bool:
        return shared.stopped or (shared.wanted and shared.error is None)

    while True:
        with shared.changed:
            wanted = shared.changed.wait_for(busy, _OFTEN * lease)
            if shared.stopped:
                return
        arrays, error = None, None
        try:
            if wanted:
                message = _tried(lambda: talk.content(f"{path}/rest", most), talk, patience)
                arrays = rest_of(message, most)
            else:
                talk.said(path, State)
        except DataError as damaged:
            error = ServerError(str(damaged))
        except ServerError as failed:
            error = failed if wanted or isinstance(failed, ForgottenError) else None
        gone = isinstance(error, ForgottenError)
        if wanted or gone:
            shared.told(arrays, error, gone)
        if gone or arrays is not None:
            return


def _tried(fetch: Callable[[], bytes], talk: Talk, patience: float) -> bytes:
    """What comes over a line, which is tried again while there is patience."""
    end = time.monotonic() + patience
    while True:
        try:
            return fetch()
        except AwayError:
            if time.monotonic() > end:
                raise
        time.sleep(_LOOK)
        talk.cancel.check()
