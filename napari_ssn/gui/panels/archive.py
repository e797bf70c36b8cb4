"""Archives (PACS): a window to open a series from one, and a row to send results there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from napari.layers import Layer
from napari.viewer import Viewer
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QDialog,
    QListWidget,
    QListWidgetItem,
    QMenu,
    QProgressBar,
    QVBoxLayout,
    QWidget,
)
from superqt.utils import signals_blocked

from napari_ssn.gui.widgets.forms import Form
from napari_ssn.gui.widgets.page import Page
from napari_ssn.gui.widgets.parts import Block, button, row, say, text
from napari_ssn.gui.worker import Worker
from napari_ssn.session import Session
from napari_ssn.session.archive import Archive
from napari_ssn.text.archive import SECRETS, TRUSTED, series_line, study_line
from napari_ssn.text.forms import asked
from napari_ssn.text.image import progress_line

# Of the screen's height: a window has a frame.
_SHARE = 0.9
_LOGINS = (("By a token", "token"), ("By user and password", "password"), ("Without", "none"))


@dataclass(frozen=True)
class NewServer:
    """An archive that is added to the list."""

    name: str = asked("", "Name", "To call it by")
    address: str = asked("", "Address", "Of its DICOMweb, as https://pacs.example.org/dicom-web")
    login: str = asked("token", "Login", "How it knows who asks", choices=_LOGINS)
    certificates: str = asked(
        "", "Certificates", "File of the authority that is your hospital's own; empty for none"
    )


@dataclass(frozen=True)
class Conditions:
    """What is looked for in an archive."""

    server: str = asked("", "Archive", "Which of those in the list", choices=(("–", ""),))
    since: str = asked("", "From day", "As 2025-03-01; empty for any")
    until: str = asked("", "To day", "As 2025-03-01; empty for any")
    modality: str = asked("", "Modality", "That some series has, as CT or MR; empty for any")
    patient: str = asked("", "Patient number", "Finds, and is not shown; empty for any")
    names: bool = asked(False, "Say whom the studies are of")


class ArchiveDialog(QDialog):
    """Finds studies and series in an archive, and opens one.

    Args:
        archive: does all of it.
        parent: the dock.
    """

    def __init__(self, archive: Archive, parent: QWidget) -> None:
        super().__init__(parent)
        self.setWindowTitle("Open from PACS")
        self._archive = archive
        self.form: Form[Conditions] = Form(Conditions(), lambda _: None)
        self.adding: Form[NewServer] = Form(NewServer(), lambda _: None)
        for form, name, words in (
            (self.adding, "address", "https://pacs.example.org/dicom-web"),
            (self.adding, "certificates", TRUSTED),
            (self.form, "since", "2025-03-01"),
            (self.form, "until", "2025-09-30"),
            (self.form, "modality", "CT"),
        ):
            form[name].setPlaceholderText(words)
        self.more = button("Add…", "Another archive for the list", "small")
        self.back = button("Back", "Add none")
        self.add = button("Add to the list", "Keep name and address, and nothing else", "main")
        self.find = button("Find", "Look for studies", "main")
        self.studies, self.series = QListWidget(), QListWidget()
        for box, name in ((self.studies, "Studies"), (self.series, "Series of the study")):
            box.setAccessibleName(name)
        self.open = button("Open", "Fetch the series and show it", "main")
        self.stop = button("Stop", "Leave it")
        self.bar, self.status = QProgressBar(), text()
        self.bar.setTextVisible(False)
        # One of them is seen: an archive is added, or asked.
        self.fresh = Block()
        self.fresh.below(
            text("Add an archive", "headline"), *(one for _, one in self.adding.rows())
        )
        self.fresh.below(text(SECRETS, "muted"), [1, self.back, self.add])
        self.fresh.body.addStretch(1)
        self.search = Block()
        first, *rows, last = (one for _, one in self.form.rows())
        first.addWidget(self.more)
        last.addWidget(self.find)
        self.search.below(first, *rows, last)
        for title, box, share in (("Studies", self.studies, 3), ("Series", self.series, 2)):
            self.search.below(text(title, "section", wrap=False))
            self.search.body.addWidget(box, share)
        pages = Block()
        pages.below(self.fresh, self.search)
        layout = QVBoxLayout(self)
        # With large letters on a small screen it scrolls; what ends it is always there.
        layout.addWidget(Page(pages, 0), 1)
        layout.addWidget(self.status)
        layout.addLayout(row([(self.bar, 1), self.stop, 1, self.open]))
        room = self.screen().availableSize()
        self.resize(min(520, room.width()), min(620, int(_SHARE * room.height())))
        self._listed: tuple[Any, ...] = ()
        self._wants_more = False
        self.more.clicked.connect(self._more)
        self.back.clicked.connect(self._more)
        self.add.clicked.connect(self._add)
        self.find.clicked.connect(self._find)
        self.stop.clicked.connect(archive.stop)
        self.open.clicked.connect(self._open)
        self.studies.currentItemChanged.connect(self._choose)
        self.series.currentItemChanged.connect(self.refresh)
        self.series.itemDoubleClicked.connect(self._open)
        archive.changed.connect(self.refresh)
        archive.opened.connect(self._came)
        self.refresh()

    def _more(self) -> None:
        self._wants_more = not self._wants_more
        self.refresh()

    def _add(self) -> None:
        new, before = self.adding.value, self._archive.servers
        self._archive.add(new.name, new.address, new.login, new.certificates)
        if self._archive.servers != before:
            self._wants_more = False
            self.adding.show(NewServer())
        self.refresh()

    def _find(self) -> None:
        self._archive.find(**asdict(self.form.value))

    def _choose(self) -> None:
        item = self.studies.currentItem()
        if item is not None:
            self._archive.choose(self.form.value.server, item.data(Qt.ItemDataRole.UserRole))

    def _open(self) -> None:
        item = self.series.currentItem()
        if item is not None:
            self._archive.open(self.form.value.server, item.data(Qt.ItemDataRole.UserRole))

    def _came(self, layers: Any) -> None:
        self.hide()

    def refresh(self) -> None:
        """Show the list, what was found, and what is under way."""
        archive = self._archive
        names = [one.name for one in archive.servers]
        if self._listed != (names,):
            chosen = self.form.value.server
            new = names[-1:] if len(names) > 1 and chosen else names[:1]
            offered = [(name, name) for name in names] or [("–", "")]
            value = chosen if chosen in names and not self._listed else (new or [""])[0]
            self.form.offer("server", offered, value)
            self._listed = (names,)
        busy = bool(archive.doing)
        adding = self._wants_more or not names
        self.fresh.setVisible(adding)
        self.search.setVisible(not adding)
        self.back.setVisible(bool(names))
        self.open.setVisible(not adding)
        _fill(self.studies, [(one.uid, study_line(one)) for one in archive.studies])
        _fill(self.series, [(one.uid, series_line(one)) for one in archive.series])
        self.find.setEnabled(bool(names) and not busy)
        self.studies.setEnabled(not busy)
        self.open.setEnabled(self.series.currentItem() is not None and not busy)
        _show_progress(self.bar, self.stop, archive)
        words = f"{archive.doing} …" if busy else archive.words
        say(self.status, words, "error" if archive.failed else "muted")


class SendPanel(Block):
    """Sends the DICOM files that were just written, and again what did not arrive.

    Args:
        archive: does all of it.
        listing: opens the window in which an archive can be added.
    """

    def __init__(self, archive: Archive, listing: Any) -> None:
        super().__init__()
        self._archive, self._listing = archive, listing
        self.status = text()
        self.send = button("Send…", "Send the DICOM files that were just written to an archive")
        self.stop = button("Stop", "What has not gone stays here")
        self.bar = QProgressBar()
        self.bar.setTextVisible(False)
        self._menu = QMenu(self.send)
        self.below(self.status, [(self.bar, 1), self.stop, self.send])
        self.send.clicked.connect(self.press)
        self.stop.clicked.connect(archive.stop)
        archive.changed.connect(self.refresh)
        self.refresh()

    def press(self) -> None:
        """Send to the only archive, or ask to which of them; without any, ask for one."""
        self._archive.look()
        names = [one.name for one in self._archive.servers]
        if not names:
            self._listing()
        elif len(names) == 1:
            self._archive.send(names[0])
        else:
            self._menu.clear()
            for name in names:
                self._menu.addAction(name, partial(self._archive.send, name))
            self._menu.popup(self.send.mapToGlobal(self.send.rect().bottomLeft()))

    def refresh(self) -> None:
        """Show whether there is anything to send, and what became of it."""
        archive, sending = self._archive, self._archive.doing == "Sending"
        self.setVisible(bool(archive.to_send) or sending)
        self.send.setText("Send again…" if archive.left else "Send…")
        self.send.setVisible(not sending)
        self.send.setEnabled(not archive.doing)
        _show_progress(self.bar, self.stop, archive if sending else None)
        words, failed = archive.told, archive.left
        if sending:
            words, failed = progress_line("Sending", *archive.step), False
        elif not words and archive.sending_failed:
            words, failed = archive.words, True
        say(self.status, words, "error" if failed else "")


class ArchiveRooms:
    """All of it: the archive with a thread of its own, the window, the row, and a button.

    Args:
        viewer: gets the images.
        session: whose results are sent.
        dock: parent of the window.

    Attributes:
        send: the row.
        button: opens the window, where an archive is in the list.
    """

    def __init__(self, viewer: Viewer, session: Session, dock: QWidget) -> None:
        self._viewer, self._session, self._dock = viewer, session, dock
        self.archive = Archive(Worker(), lambda: session.files.exported)
        self.dialog: ArchiveDialog | None = None
        self.send = SendPanel(self.archive, self.open)
        tip = "Open a series from an archive (PACS)"
        self.button = button("↓", tip, "small", name="Open from PACS")
        self.button.clicked.connect(self.open)
        self.archive.opened.connect(self._came)
        self.archive.changed.connect(self._refresh)
        session.changed.connect(self.send.refresh)
        # Before it has its place it would be a window of its own: the dock looks when it is up.
        self.button.hide()

    def open(self) -> None:
        """Show the window."""
        self.archive.look()
        if self.dialog is None:
            self.dialog = ArchiveDialog(self.archive, self._dock)
        self.dialog.show()
        self.dialog.raise_()

    def _came(self, layers: Sequence[Any]) -> None:
        for layer in layers:
            self._viewer.add_layer(Layer.create(*layer))

    def _refresh(self) -> None:
        self.button.setVisible(bool(self.archive.servers))

    def close(self) -> None:
        """Stop, and close the window."""
        self.archive.close()
        if self.dialog is not None:
            self.dialog.close()


def _fill(box: QListWidget, entries: Sequence[tuple[str, str]]) -> None:
    """Let a list show entries, each with its UID; one that shows them already stays."""
    there = [box.item(at).text() for at in range(box.count())]
    uids = [box.item(at).data(Qt.ItemDataRole.UserRole) for at in range(box.count())]
    if list(zip(uids, there, strict=True)) == list(entries):
        return
    with signals_blocked(box):
        box.clear()
        for uid, words in entries:
            item = QListWidgetItem(words)
            item.setData(Qt.ItemDataRole.UserRole, uid)
            box.addItem(item)
        box.setCurrentItem(None)


def _show_progress(bar: QProgressBar, stop: QWidget, archive: Archive | None) -> None:
    """A bar and a button while something is under way."""
    busy = archive is not None and bool(archive.doing)
    bar.setVisible(busy)
    stop.setVisible(busy)
    if archive is not None and busy:
        done, count = archive.step
        bar.setRange(0, count)
        bar.setValue(done)
