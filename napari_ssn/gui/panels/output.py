"""Samples as layers, and files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, cast

from qtpy.QtCore import Qt, QUrl
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QComboBox, QWidget

from napari_ssn.gui.layers.picture import Picture
from napari_ssn.gui.layers.scene import Scene
from napari_ssn.gui.panels.shown import shown_words
from napari_ssn.gui.widgets.dialogs import Ask, ask_for_file, is_meant
from napari_ssn.gui.widgets.forms import Form
from napari_ssn.gui.widgets.later import Later
from napari_ssn.gui.widgets.parts import Section, button, line, say, text
from napari_ssn.prediction.shown import Part, formats_of
from napari_ssn.session import Note, Session
from napari_ssn.text import dock as said
from napari_ssn.text.forms import asked
from napari_ssn.text.hindrances import NOT_FROM_DICOM, STILL_COMPARING
from napari_ssn.text.results import breakable, file_name, shortened

_ARCHIVE = ".dcm"


class _Part(NamedTuple):
    """What can be exported: in the box, in the proposed file name, and what its tip says."""

    title: str
    name: str
    tip: str = ""


_PARTS = {
    "shown": _Part("On show", "hypothesis"),
    "cards": _Part("All cards", "hypotheses", "Every card's hypothesis, in one file"),
    "probability": _Part("Probability", "probability", "How likely each label is"),
    "report": _Part("Report", "report", "One page with pictures, ranges and limits, to print"),
    "volumes": _Part("Volumes", "volumes", "Sizes of all cards, and the ranges"),
}
_TITLES = {end: title for key in _PARTS for end, title in formats_of(key).items()}


@dataclass(frozen=True)
class Wish:
    """What is to be exported, and how."""

    part: str = asked(
        "shown",
        "What is exported",
        choices=tuple((part.title, key) for key, part in _PARTS.items()),
    )
    suffix: str = asked(
        ".nii.gz", "Format of the file", choices=tuple((one, one) for one in _TITLES)
    )
    unnamed: bool = asked(False, "Leave out whom it is of")


class ExportPanel(Section):
    """Writes hypotheses, probabilities, volumes and the report, and says what it wrote.

    Args:
        session: whose they are.
        picture: knows the image's name, and its file, which a result must not replace.
        scene: knows where in its layers a place is.
    """

    def __init__(self, session: Session, picture: Picture, scene: Scene) -> None:
        super().__init__("")
        self._session, self._picture, self._scene = session, picture, scene
        self.ask: Ask = ask_for_file
        self.confirm = may_replace
        self.what, self.told = line("muted"), text("")
        # What went well takes one line: the end of a name says how large it is.
        self.wrote = line()
        self.wrote.setElideMode(Qt.TextElideMode.ElideMiddle)
        # What was said last, and what it was said of.
        self._note: tuple[Any, ...] = ()
        self.folder = button("Show folder", "Open the folder of the last export", "small")
        self._form = Form(Wish(), self._asked)
        self.part, self.format, self.unnamed = (box for _, box in self._form.items())
        self.write = button("Export…", "Write it, and beside it a record of its origin")
        # The format that was chosen last among several.
        self._chosen, self._listed = ".nii.gz", ""
        self.below([(self.what, 1), (self.wrote, 1), (self.told, 1), self.folder])
        self.below([(self.part, 4), (self.format, 3), (self.write, 3)], self.unnamed)
        self.format.activated.connect(self._choose_format)
        self.write.clicked.connect(self.export)
        self.folder.clicked.connect(self.show_folder)
        session.changed.connect(self.refresh)
        self._later = Later(self, self.follow, lambda: session.walk.held)
        session.walk.moved.connect(self._later.ask)
        self._asked(self._form.value)
        self.refresh()

    def export(self) -> None:
        """Ask for a place and write there."""
        wish = self._form.value
        key, suffix = wish.part, wish.suffix
        words = _TITLES[suffix]
        answer = self.ask(self, f"{self._name(key)}{suffix}", f"{words} (*{suffix})")
        if not answer:
            return
        path = with_suffix(answer, suffix)
        # Of the very name that was given the dialog has asked; of one with a suffix, nobody.
        own = str(path) == answer
        if self._picture.is_file_of(path):
            words = said.WOULD_REPLACE_IMAGE
            self._session.tell(words, True, "export")
            return
        if not own and path.is_file():
            if not self.confirm(self, path.name):
                return
            own = True
        unnamed = suffix.endswith(_ARCHIVE) and wish.unnamed
        if key == "report":
            self._session.files.export_report(path, own, unnamed)
        elif key == "volumes":
            self._session.files.export_volumes(path, own)
        else:
            self._session.files.export(path, own, cast("Part", key), unnamed)

    def _name(self, key: str) -> str:
        """The name that is proposed, which tells image and hypothesis apart."""
        session, result = self._session, self._session.result
        assert result is not None
        what, amount = _PARTS[key].name, None
        if key == "shown":
            what, counts = shown_words(session), session.walk.counts
            if counts is not None:
                amount = result.measure.amount(int(counts[1:].sum()))
        place = None if result.centre is None else self._scene.index_in(result, result.centre)
        image = self._picture.public_name(result.source.token)
        return file_name(image, result.image_sha256, place, what, amount)

    def show_folder(self) -> None:
        """Open the folder of the last export in the system's file manager."""
        exported = self._session.files.exported
        if exported is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(exported.folder)))

    def _asked(self, wish: Wish) -> None:
        """Offer the formats of what was chosen, the one that was chosen last if it is one."""
        if wish.part != self._listed:
            self._listed, formats = wish.part, tuple(formats_of(wish.part))
            suffix = self._chosen if self._chosen in formats else formats[0]
            self._form.offer("suffix", formats, suffix)
            self.format.setEnabled(len(formats) > 1)
        self._grey()
        self.follow()

    def _choose_format(self) -> None:
        self._chosen = self._form.value.suffix
        self.follow()

    def refresh(self) -> None:
        """Show what there is to write, and a folder to show."""
        session = self._session
        self.setEnabled(session.result is not None)
        self.folder.setVisible(session.files.exported is not None)
        self._grey()
        self.follow()

    def _grey(self) -> None:
        """Grey what cannot be written, and say why in its tooltip."""
        session = self._session
        summed = session.summary.dealt and session.ranges is not None
        for index, (other, part) in enumerate(_PARTS.items()):
            late = {"cards": not session.summary.dealt, "report": not summed, "volumes": not summed}
            _offer(self.part, index, STILL_COMPARING if late.get(other, False) else "", part.tip)
        for index in range(self.format.count()):
            suffix, obstacle = self.format.itemText(index), ""
            if suffix.endswith(_ARCHIVE) and not session.files.from_dicom:
                obstacle = NOT_FROM_DICOM
            _offer(self.format, index, obstacle, _TITLES.get(suffix, ""))
            if obstacle and index == self.format.currentIndex():
                self.format.setCurrentIndex(0)
        # While new cards are dealt, what was chosen waits for them.
        chosen = self.part.model().item(self.part.currentIndex())
        free = session.activity is None and session.files.obstacle is None
        self.write.setEnabled(free and chosen.isEnabled())

    def follow(self) -> None:
        """Say what would be written."""
        wish, dicom = self._form.value, self._form.value.suffix.endswith(_ARCHIVE)
        told = self._session.files.told(wish.unnamed)
        note = self._said(wish)
        words = "" if note is None else note.text
        say(self.told, breakable(shortened(words)), "error" if note and note.error else "")
        plain = note is not None and not note.error and "(" not in words
        say(self.wrote, words if plain else "")
        self.told.setVisible(bool(words) and not plain)
        for label in (self.told, self.wrote):
            label.setToolTip(words)
        self.unnamed.setVisible(dicom)
        self.unnamed.setToolTip(told)
        self._describe(told if dicom else "")
        if note is not None:
            self.what.hide()

    def _describe(self, told: str) -> None:
        """What would be written now; a DICOM segmentation tells something of the patient."""
        if self._session.result is None:
            say(self.what, said.EXPORTS_SHOWN, "muted")
            self.what.setToolTip(said.JSON_BESIDE)
            return
        obstacle = self._session.files.obstacle
        if obstacle is not None:
            # Why nothing can be written is read in full, in as many lines as it takes.
            say(self.what, "")
            if not self.told.text():
                say(self.told, obstacle, "warn")
            return
        words = self._words()
        # Its end says how large it is, but for what is said of one slice.
        ends = Qt.TextElideMode.ElideRight, Qt.TextElideMode.ElideMiddle
        self.what.setElideMode(ends[not self._session.result.measure.here])
        say(self.what, f"{words}.", "muted")
        sidecar = "" if self._form.value.part in ("report", "volumes") else f". {said.JSON_BESIDE}"
        self.what.setToolTip(f"{words}{sidecar} {told}".strip())

    def _said(self, wish: Wish) -> Note | None:
        """What came of the last export, as long as nothing else is about to be exported."""
        note, now = self._session.note, (self._session.walk.choice, wish)
        if note is None or note.at != "export":
            return None
        if not self._note or self._note[0] is not note:
            self._note = (note, now)
        return note if self._note[1] == now else None

    def _words(self) -> str:
        session, part = self._session, self._form.value.part
        assert session.result is not None
        cards = len(session.cards.cards) if session.cards is not None else 0
        words = said.exports_line(part, cards, shown_words(session), session.stale)
        counts = session.walk.counts
        if part == "shown" and counts is not None and len(counts) == 2 and counts[1]:
            words += f", {session.result.measure.amount_here(int(counts[1]))}"
        return words


def _offer(box: QComboBox, index: int, obstacle: str, tip: str) -> None:
    """Let an entry be chosen, or grey it and say why."""
    box.model().item(index).setEnabled(not obstacle)
    box.setItemData(index, obstacle or tip, Qt.ItemDataRole.ToolTipRole)


def with_suffix(name: str, suffix: str) -> Path:
    """Path of a file that ends in its suffix; who typed that of another format gets that one."""
    path = Path(name)
    alike = (*formats_of("shown"), *formats_of("probability"))
    if path.name.lower().endswith(alike if suffix in alike else suffix):
        return path
    return path.with_name(path.name + suffix)


def may_replace(parent: QWidget, name: str) -> bool:
    """Ask whether a file may be replaced."""
    return is_meant(parent, "Export", said.may_replace_line(name))
