"""Autosave: a folder that is brought up to the session every few seconds, and outlives a crash."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import platformdirs

from napari_ssn import prediction
from napari_ssn.errors import Cancel, SSNError
from napari_ssn.io.files import make_folder
from napari_ssn.io.locks import hold
from napari_ssn.io.study import holds_study, remove_study_folder
from napari_ssn.prediction.held import Whole
from napari_ssn.text.problems import problem
from napari_ssn.text.results import not_saved_line

if TYPE_CHECKING:
    from napari_ssn.prediction.stored import Pieces


def kept_folder() -> Path | None:
    """Folder of what is kept of all sessions of a person; None where none are to be."""
    return Path(platformdirs.user_state_dir("napari-ssn", appauthor=False)) / "sessions"


#: Seconds between two looks at whether anything is to be saved: less than may be lost.
EVERY_S = 5.0
# Folders of earlier sessions that are kept.
_MOST = 3
# Names of a folder until one is held: the first will do, but for a race with another process.
_TRIES = 4


@dataclass(frozen=True)
class Offer:
    """An earlier session that can be gone on with.

    Attributes:
        folder: of its study.
        results: how many it holds.
        saved: when it was, as its document says.
        problem: why it cannot be gone on with, one sentence; empty if it can.
    """

    folder: Path
    results: int = 0
    saved: str = ""
    problem: str = ""


class Keeping:
    """Saves a session in a folder of its own, in a thread of its own.

    Attributes:
        folder: of this session.

    Args:
        base: folder of the folders of all sessions; None where nothing is to be kept.
        whole: all that there is to keep now.
        tell: is told once, in one sentence, when it cannot be saved.
    """

    def __init__(
        self, base: Path | None, whole: Callable[[], Whole], tell: Callable[[str, bool], None]
    ) -> None:
        self._base, self._whole, self._tell = base, whole, tell
        self.folder = (base or Path()) / secrets.token_hex(8)
        self._pool = ThreadPoolExecutor(1, "napari-ssn-keep")
        self._let_go: Callable[[], None] | None = None
        self._saved = Whole()
        self._job: Future[None] | None = None
        self._pieces: Pieces | None = None
        self._told = self._failed = False
        self._closing = threading.Event()

    def tick(self) -> None:
        """Save what has changed, unless the former is still being saved."""
        if self._job is not None:
            if not self._job.done():
                return
            job, self._job = self._job, None
            error = job.exception()
            # Nothing that changes later may follow: what could not be saved is tried again.
            self._failed = error is not None
            if error is not None and not self._told:
                self._told = True
                self._tell(not_saved_line(problem(error)), True)
        whole = self._whole()
        if not self._differs(whole):
            return
        self._saved = whole
        self._job = self._pool.submit(self._save, whole)

    def finish(self) -> None:
        """Save for the last time, and wait until that is done."""
        for _ in range(2):
            if self._job is not None:
                # What went wrong is told by the tick.
                self._job.exception()
            self.tick()

    def close(self) -> None:
        """Save for the last time, and let go; the system waits until that is done."""
        self._closing.set()
        whole = self._whole()
        jobs: list[Callable[[], object]] = [self._release]
        if self._differs(whole):
            jobs.insert(0, partial(self._save, whole))
        for job in jobs:
            try:
                self._pool.submit(job)
            except RuntimeError:
                # Python itself is ending, and has waited for the thread that saves: there is none.
                job()
        self._pool.shutdown(wait=False)

    def _differs(self, whole: Whole) -> bool:
        """Whether something is to be saved; an empty session leaves no trace."""
        if self._base is None or (whole.empty and self._saved.empty):
            return False
        return self._failed or whole != self._saved

    def take_over(self, offer: Offer) -> bool:
        """Go on in the folder of an earlier session; False if another program has it by now."""
        let_go = hold(offer.folder)
        if let_go is None:
            return False
        self._pool.submit(self._move, offer.folder, let_go).result()
        return True

    def discard(self, offer: Offer) -> None:
        """Let an earlier session go for good."""
        let_go = hold(offer.folder)
        if let_go is not None:
            remove_study_folder(offer.folder)
            let_go()

    def _save(self, whole: Whole) -> None:
        """In the thread."""
        if self._let_go is None and self._base is not None:
            # Beside it lie others of the same person alone.
            make_folder(self._base)
            with suppress(OSError):
                self._base.chmod(0o700)
            self._let_go = self._held_folder()
        if self._pieces is None:
            self._pieces = prediction.stored.Pieces()
        # Who leaves does not wait for what is on its way from a server.
        with Cancel(self._closing.is_set).heeded():
            prediction.studies.save_in_folder(self.folder, whole, self._pieces)

    def _held_folder(self) -> Callable[[], None] | None:
        """Hold the folder, which no other may take away: one that looks for what was left behind
        may have found it before anything was in it, and is given another then.
        """
        for _ in range(_TRIES):
            make_folder(self.folder)
            let_go = hold(self.folder)
            if let_go is not None:
                # Held before it was taken away, a folder is none any more.
                if self.folder.is_dir():
                    return let_go
                let_go()
            self.folder = self.folder.with_name(secrets.token_hex(8))
        # As where the system has no locks.
        make_folder(self.folder)
        return None

    def _move(self, folder: Path, let_go: Callable[[], None]) -> None:
        own, self.folder = self.folder, folder
        if self._let_go is not None:
            remove_study_folder(own)
            self._let_go()
        self._let_go = let_go

    def _release(self) -> None:
        if self._let_go is not None:
            self._let_go()
            self._let_go = None


def offers(base: Path | None) -> tuple[Offer, ...]:
    """Earlier sessions that nobody has open, the newest first; all but a few are taken away.

    Those that cannot be read come last, and stay: a newer napari-ssn, or more memory, may read
    them, and a person can let them go.
    """
    held = {}
    if base is None:
        return ()
    try:
        folders = [one for one in base.iterdir() if one.is_dir() and not one.is_symlink()]
    except OSError:
        return ()
    for folder in folders:
        let_go = hold(folder)
        if let_go is not None:
            held[folder] = let_go
    found: list[Offer] = []
    unread: list[Offer] = []
    for folder in sorted(held):
        # Nobody waits for torch where there is nothing to read; a kill may leave such a folder.
        if not holds_study(folder):
            continue
        try:
            read = prediction.studies.read(folder, pixels=False)
        except SSNError as error:
            unread.append(Offer(folder, problem=str(error)))
            continue
        if read.waiting:
            found.append(Offer(folder, len(read.waiting), read.saved))
    newest = sorted(found, key=lambda one: (one.saved, one.folder), reverse=True)[:_MOST]
    out = (*newest, *unread)
    wanted = {one.folder for one in out}
    for folder, let_go in held.items():
        if folder not in wanted:
            remove_study_folder(folder)
        let_go()
    return out
