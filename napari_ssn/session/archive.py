"""Archives (PACS): finds and opens series there, and sends results; over a line of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psygnal import Signal

from napari_ssn.documents.servers import Server
from napari_ssn.errors import Cancel, SSNError
from napari_ssn.io.dicom import web
from napari_ssn.later import door
from napari_ssn.session.part import silence
from napari_ssn.session.records import Step
from napari_ssn.session.runner import Runner
from napari_ssn.text.archive import (
    LOOKING_FOR_SERIES,
    LOOKING_FOR_STUDIES,
    found_line,
    secret_line,
    sent_line,
)

if TYPE_CHECKING:
    from napari_ssn.io.dicom.web.connection import Connection
    from napari_ssn.io.dicom.web.find import FoundSeries, FoundStudy
    from napari_ssn.io.dicom.web.send import Sent
    from napari_ssn.prediction.shown import Exported
    from napari_ssn.session.jobs import Progress

# What reads DICOM is an extra, and takes a while to be imported.
_io = door("napari_ssn.io")
#: Of what is written these are what an archive keeps.
_SUFFIX = ".dcm"
_STOPPED = "Stopped."


class Archive:
    """What is asked of archives, one thing at a time; what is left over is sent again.

    Attributes:
        changed: signal: anything here may have changed.
        opened: signal: a series has come; the layers to be shown.
        servers: archives in the person's list.
        doing: what is under way, for a person; empty for nothing.
        step: images or files done, of how many; 0 where that is not known.
        words, failed: the last thing worth telling, and whether something went wrong.
        studies, series: what was found, and what the study that was chosen has.
        sent: files that were sent last, and what became of each.

    Args:
        runner: asks them; nobody else's, so that who waits for an archive keeps nobody waiting.
        exported: what was written last of the result on show; None for nothing.
    """

    changed = Signal()
    opened = Signal(tuple)

    def __init__(self, runner: Runner, exported: Callable[[], Exported | None]) -> None:
        self._runner, self._exported = runner, exported
        self.servers: tuple[Server, ...] = ()
        self.doing, self.words, self.failed = "", "", False
        self.step = (0, 0)
        self.studies: tuple[FoundStudy, ...] = ()
        self.series: tuple[FoundSeries, ...] = ()
        self.sent: tuple[Sent, ...] = ()
        self._study = self._sent_to = ""
        # What was sent, as it was written.
        self._of: Exported | None = None
        self._stop: Callable[[], None] = lambda: None

    # ---- The list

    def look(self) -> None:
        """Read the list of archives."""
        try:
            self.servers = web.servers.read_servers()
        except SSNError as error:
            self._say(str(error), True)
        self.changed.emit()

    def add(self, name: str, address: str, login: str, certificates: str = "") -> None:
        """Put an archive into the list; ``certificates`` is the file of an authority of its own."""
        file = Path(certificates.strip()).expanduser() if certificates.strip() else None
        try:
            server = web.servers.server_of(name, address, login, None, file)
            web.servers.add_server(server)
            known = login == "none" or web.servers.secret_of(server) is not None
        except SSNError as error:
            self._say(str(error), True)
        else:
            self._say("" if known else secret_line(server), False)
            self.look()
        self.changed.emit()

    # ---- Find and open

    def find(self, server: str, names: bool = False, **typed: str) -> None:
        """Find studies.

        Args:
            server: name of the archive.
            names: whether to be told whom they are of.
            typed: conditions as somebody typed them, see `Wanted`.
        """
        self.studies, self.series, self._study = (), (), ""

        def work(there: Connection, step: Callable[[int, int], None]) -> Any:
            wanted = web.wanted.Wanted(**typed).checked()
            return web.find.studies(there, wanted, names=names)

        self._ask(server, LOOKING_FOR_STUDIES, work, self._found)

    def choose(self, server: str, study: str) -> None:
        """Find the series of a study."""
        self.series, self._study = (), study
        self._ask(
            server,
            LOOKING_FOR_SERIES,
            lambda there, step: web.find.series(there, study),
            self._chosen,
        )

    def open(self, server: str, series: str) -> None:
        """Fetch a series of the study that was chosen, and tell whoever shows it."""
        study = self._study
        self._ask(
            server,
            "Fetching",
            lambda there, step: _io("series").open_series(there, study, series, step),
            self._came,
        )

    # ---- Send

    @property
    def to_send(self) -> tuple[Path, ...]:
        """Files that can be sent: those of the last export that are DICOM."""
        last = self._exported()
        if last is None:
            return ()
        return tuple(last.folder / name for name in last.files if name.endswith(_SUFFIX))

    @property
    def left(self) -> bool:
        """Whether something of the last export was sent and is not there."""
        return self._of is self._exported() and any(not one.done for one in self.sent)

    @property
    def sending_failed(self) -> bool:
        """Whether the last export was to be sent, and nothing of it could even be tried."""
        return self.failed and self._of is not None and self._of is self._exported()

    @property
    def told(self) -> str:
        """What became of the files of the last export; empty if they were not sent."""
        if self._of is None or self._of is not self._exported() or not self.sent:
            return ""
        return sent_line(self._sent_to, self.sent)

    def send(self, server: str) -> None:
        """Send what was exported last; what is there is not sent again."""
        paths = self.to_send
        if not paths:
            return
        self.sent, self._of, self._sent_to = (), self._exported(), server
        self._ask(
            server,
            "Sending",
            lambda there, step: tuple(web.send.send(there, paths, step)),
            self._went,
        )

    # ---- Whatever it is

    def stop(self) -> None:
        """Ask what is under way to stop; what was done until then is told."""
        self._stop()

    def close(self) -> None:
        """Stop, and let go of who listens."""
        self._stop()
        self._runner.close()
        silence(self)

    def _ask(
        self,
        server: str,
        doing: str,
        work: Callable[[Connection, Callable[[int, int], None]], Any],
        done: Callable[[Any], None],
    ) -> None:
        named = next((one for one in self.servers if one.name == server), None)
        if named is None or self.doing:
            return
        stopped = threading.Event()
        self._stop = stopped.set
        self.doing, self.step = doing, (0, 0)
        self._say("", False)

        def job(progress: Progress, cancel: Cancel) -> Any:
            asked = Cancel(lambda: stopped.is_set() or cancel.asked(), _STOPPED)
            with web.connection.Connection(named, cancel=asked) as there:
                return work(there, lambda k, count: progress(Step("running", k, count)))

        def ended(value: Any) -> None:
            self.doing = ""
            done(value)
            self.changed.emit()

        self._runner.submit("archive", job, ended, self._broke, self._stepped)
        self.changed.emit()

    def _stepped(self, step: Any) -> None:
        self.step = (step.done, step.total)
        self.changed.emit()

    def _broke(self, words: str) -> None:
        self.doing = ""
        self._say(words, True)
        self.changed.emit()

    def _found(self, found: tuple[Sequence[FoundStudy], bool]) -> None:
        self.studies = tuple(found[0])
        self._say(found_line(len(self.studies), found[1]), False)

    def _chosen(self, found: Sequence[FoundSeries]) -> None:
        self.series = tuple(found)

    def _came(self, layers: Sequence[Any]) -> None:
        self.opened.emit(tuple(layers))

    def _went(self, sent: tuple[Sent, ...]) -> None:
        self.sent = sent

    def _say(self, words: str, failed: bool) -> None:
        self.words, self.failed = words, failed
