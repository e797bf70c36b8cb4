"""Samples as layers, and files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from qtpy.QtCore import Qt, QUrl
from qtpy.QtGui import QDesktopServices
from qtpy.QtWidgets import QComboBox, QFileDialog, QWidget

from napari_ssn.gui.later import Later
from napari_ssn.gui.parts import Section, button, line, row, say, spin
from napari_ssn.session import Session

#: Asks for a file: parent, proposed name, filter; the path, or an empty string.
Ask = Callable[[QWidget, str, str], str]

_FORMATS = ((".nii.gz", "NIfTI, compressed"), (".nii", "NIfTI, not compressed"))
_MOST = 50
_WHAT = "The file holds the label map, the JSON beside it how it came about."


class SamplePanel(Section):
    """Steps through the samples, and makes layers of some."""

    def __init__(self, session: Session, to_add: int) -> None:
        super().__init__("")
        self._session = session
        self.previous = button("◀", "Previous hypothesis (Q)")
        self.next = button("▶", "Next hypothesis (W)")
        self.here = line()
        self.here.setAlignment(Qt.AlignmentFlag.AlignCenter)
        for arrow in (self.previous, self.next):
            arrow.setFixedWidth(34)
        self.count = spin(1, _MOST, to_add, "How many samples to add as layers")
        self.seed = spin(0, 9999, 0, "The same seed draws the same samples")
        self.add = button("Add samples", "Add them to the layer list, one after the other")
        self.keep = button("Keep", "Keep this hypothesis as a layer of its own (K)")
        self.body.addLayout(row([self.previous, (self.here, 1), self.next, self.keep]))
        self.seed.setPrefix("seed ")
        self.seed.setFixedWidth(112)
        self.body.addLayout(row([self.count, self.seed, (self.add, 1)]))
        self.previous.clicked.connect(self.step_back)
        self.next.clicked.connect(self.step_on)
        self.add.clicked.connect(self.add_samples)
        self.keep.clicked.connect(session.copies.keep)
        self.seed.valueChanged.connect(session.walk.set_seed)
        session.changed.connect(self.refresh)
        self._later = Later(self, self.follow, lambda: session.walk.held)
        session.walk.moved.connect(self._later.ask)
        self.refresh()

    def step_back(self) -> None:
        """Show the previous hypothesis."""
        self._session.walk.step(-1)

    def step_on(self) -> None:
        """Show the next hypothesis."""
        self._session.walk.step(1)

    def add_samples(self) -> None:
        """Add as many samples as layers as the box says, after those that are there."""
        self._session.copies.add_samples(self.count.value(), self.seed.value())

    def refresh(self) -> None:
        """Show whether there is anything to draw from."""
        self.setEnabled(self._session.result is not None and not self._session.stale)
        self.follow()

    def follow(self) -> None:
        """Show which hypothesis is on show."""
        choice, total = self._session.walk.choice, self._session.settings.samples
        words = "Mean" if choice.sample is None else f"Sample {choice.sample + 1}"
        if choice.sample is not None and choice.sample < total:
            # A card may show one beyond those that the arrows step through.
            words += f" of {total}"
        if choice.sigma:
            words += f", moved {choice.sigma:+.2f} σ".replace("-", "−")
        if choice.own:
            words += f", {len(choice.own)} alone"
        self.here.setText(words)
        self.here.setToolTip(words)


class ExportPanel(Section):
    """Writes the hypothesis on show, and says what it will write and what it wrote."""

    def __init__(self, session: Session) -> None:
        super().__init__("")
        self._session = session
        self.ask: Ask = ask_for_file
        self.what = line("muted")
        self.format = QComboBox()
        for suffix, words in _FORMATS:
            self.format.addItem(suffix)
            self.format.setItemData(self.format.count() - 1, words, Qt.ItemDataRole.ToolTipRole)
        self.format.setToolTip("Format of the file")
        self.format.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.write = button("Export chosen…", "Write this hypothesis and a record of its origin")
        self.folder = button("Folder", "Open the folder of the last export")
        self.body.addWidget(self.what)
        self.body.addLayout(row([self.format, (self.write, 1), self.folder]))
        self.write.clicked.connect(self.export)
        self.folder.clicked.connect(self.show_folder)
        session.changed.connect(self.refresh)
        self._later = Later(self, self.follow, lambda: session.walk.held)
        session.walk.moved.connect(self._later.ask)
        self.refresh()

    def export(self) -> None:
        """Ask for a place and write there."""
        suffix = self.format.currentText()
        answer = self.ask(self, f"hypothesis{suffix}", f"NIfTI (*{suffix})")
        if answer:
            path = with_suffix(answer, suffix)
            # Only the very name that was asked about may be replaced.
            self._session.export(path, overwrite=str(path) == answer)

    def show_folder(self) -> None:
        """Open the folder of the last export in the system's file manager."""
        exported = self._session.exported
        if exported is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(exported.folder)))

    def refresh(self) -> None:
        """Show whether there is anything to write, and a folder to show."""
        session = self._session
        self.setEnabled(session.result is not None)
        self.write.setEnabled(session.activity is None)
        self.folder.setVisible(session.exported is not None)
        self.follow()

    def follow(self) -> None:
        """Say what would be written."""
        result, counts = self._session.result, self._session.walk.counts
        if result is None:
            say(self.what, "Exports the hypothesis on show.")
            self.what.setToolTip(_WHAT)
            return
        what = "the greyed, earlier result" if self._session.stale else "what is on show"
        words = f"Exports {what}: {self._session.walk.choice.title}"
        if counts is not None and len(counts) == 2:
            words += f", {result.source.measure.amount(int(counts[1]))}"
        say(self.what, f"{words}.")
        self.what.setToolTip(f"{words}. {_WHAT}")


def with_suffix(name: str, suffix: str) -> Path:
    """Path of a file that ends in the format's suffix."""
    path = Path(name)
    if path.name.lower().endswith((".nii.gz", ".nii")):
        return path
    return path.with_name(path.name + suffix)


def ask_for_file(parent: QWidget, name: str, pattern: str) -> str:
    """Ask for a place to write; the dialog itself asks before replacing."""
    return str(QFileDialog.getSaveFileName(parent, "Export hypothesis", name, pattern)[0])
