"""Folders that one process at a time has, and lets go of however it ends."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from napari_ssn.errors import ExportError

# After how long a hidden folder is left behind, where there are no locks.
_OLD_SECONDS = 3600
# Locks that a process made of this one must not keep.
_HELD: set[int] = set()


def hold(folder: Path) -> Callable[[], None] | None:
    """Hold a folder for as long as this process lives, or until what is returned is called.

    None if another holds it. Where the system has no such locks, what is younger than an hour
    counts as another's.
    """
    try:
        lock = locked(folder, wait=False)
    except OSError:
        return None
    return lambda: unlock(lock)


@contextlib.contextmanager
def alone(folder: Path, taken: str | None = None) -> Iterator[None]:
    """Keep other processes that ask for the same out of a folder meanwhile.

    A process that ends, however, lets go of it. Where the system has no such locks nobody is kept
    out.

    Args:
        folder: that is there.
        taken: what is said, as an ExportError, where another process is in it; None waits.
    """
    try:
        lock = None if sys.platform == "win32" else locked(folder, wait=taken is None)
    except BlockingIOError:
        raise ExportError(taken or "") from None
    except OSError:
        lock = None
    try:
        yield
    finally:
        unlock(lock)


def locked(path: Path, wait: bool = True) -> int | None:
    """Lock a hidden folder for as long as this process lives; OSError if it is another's.

    Where the system has no such locks, what is younger than an hour counts as another's.
    """
    if sys.platform == "win32":
        if not wait and time.time() - path.stat().st_mtime < _OLD_SECONDS:
            raise BlockingIOError
        return None
    # Of other systems.
    import fcntl

    try:
        handle = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        if wait:
            return None
        raise
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        os.close(handle)
        raise
    except OSError:  # a file system without locks, as some network shares are
        if not wait and time.time() - path.stat().st_mtime < _OLD_SECONDS:
            os.close(handle)
            raise
    _HELD.add(handle)
    return handle


def unlock(lock: int | None) -> None:
    """Let go of what `locked` gave."""
    if lock is not None and lock in _HELD:
        _HELD.discard(lock)
        os.close(lock)


def _let_go() -> None:
    """A process that this one makes of itself must not hold a folder when this one is gone."""
    for lock in tuple(_HELD):
        unlock(lock)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_let_go)
