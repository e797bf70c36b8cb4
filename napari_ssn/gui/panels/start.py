"""The first screen: how to come by an image."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from qtpy.QtWidgets import QFileDialog, QMenu

from napari_ssn.gui.panels.opening import OpeningPanel
from napari_ssn.gui.widgets.parts import Block, button, text
from napari_ssn.samples import COUNT, sample, with_hash
from napari_ssn.session import Session
from napari_ssn.text.dock import DROP_HERE, OPEN_OR_TRY, WHAT_HAPPENS


class StartPanel(Block):
    """Open a scan, try a sample, or drop a folder; shown while there is no image.

    Attributes:
        ask_files, ask_folder: ask for what to open; an empty answer is none.

    Args:
        opening: opens everything.
        session: wants the image of a sidecar.
        more: further entries of *Open…*, and what each does.
    """

    def __init__(
        self,
        opening: OpeningPanel,
        session: Session,
        more: Mapping[str, Callable[[], None]],
    ) -> None:
        super().__init__()
        self._opening = opening
        self.ask_files: Callable[[], Sequence[str]] = self._files
        self.ask_folder: Callable[[], str] = self._folder
        self.open = button("Open…", "Files, or a folder with a DICOM series", "main")
        self.samples = button("Samples", "Lung nodules on which radiologists disagree", "main")
        self._open_menu, self._sample_menu = QMenu(self.open), QMenu(self.samples)
        self._open_menu.addAction("Files…", self._read_files)
        self._open_menu.addAction("Folder with a DICOM series…", self._read_folder)
        for words, act in more.items():
            self._open_menu.addAction(words, act)
        for number in range(1, COUNT + 1):
            self._sample_menu.addAction(sample(number).title, partial(self._try, number))
        self.open.setMenu(self._open_menu)
        self.samples.setMenu(self._sample_menu)
        session.sidecars.wanted.connect(self.find)
        self.below(text(OPEN_OR_TRY, "headline"))
        self.below([(self.open, 1), (self.samples, 1)])
        self.below(text(DROP_HERE, "muted"), text(WHAT_HAPPENS, "muted"))

    def _files(self) -> Sequence[str]:
        return list(QFileDialog.getOpenFileNames(self, "Open a scan")[0])

    def _folder(self) -> str:
        return str(QFileDialog.getExistingDirectory(self, "Folder with a DICOM series"))

    def _read_files(self) -> None:
        self.read(self.ask_files())

    def _read_folder(self) -> None:
        folder = self.ask_folder()
        self.read([folder] if folder else [])

    def _try(self, number: int) -> None:
        self._opening.open_sample(number)

    def read(self, paths: Sequence[str]) -> None:
        """Open files or folders, one after the other; the first that cannot be ends it, and why."""
        self._opening.open(paths)

    def find(self, image: Path | None, digest: str) -> None:
        """Open the image of a sidecar: where it was found, or the sample that it is."""
        if image is not None:
            self.read([str(image)])
        elif (number := with_hash(digest)) is not None:
            self._try(number)

    def take(self, event: Any) -> None:
        """Accept files that are dragged over the dock, and open those that are dropped on it."""
        urls = [url for url in event.mimeData().urls() if url.isLocalFile()]
        if urls:
            event.acceptProposedAction()
        if urls and event.type() == event.Type.Drop:
            self.read([url.toLocalFile() for url in urls])
