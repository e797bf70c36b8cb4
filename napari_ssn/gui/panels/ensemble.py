"""What an ensemble is made of: files, a folder, or layers, chosen in the place of a model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from napari.layers import Image, Labels
from napari.viewer import Viewer
from numpy.typing import NDArray
from qtpy.QtWidgets import QFileDialog

from napari_ssn.errors import DataError, SSNError
from napari_ssn.geometry.label_order import one_order, renumbered
from napari_ssn.gui.layers.drawing import label_names
from napari_ssn.gui.layers.picture import Picture
from napari_ssn.gui.widgets.parts import Block, button, say, text
from napari_ssn.session import Chosen, Session
from napari_ssn.session.members import MAP_PATTERNS
from napari_ssn.text import ensembles as said


class EnsembleRows(Block):
    """Three buttons to choose members with, and a line on those that are chosen."""

    def __init__(self, viewer: Viewer, picture: Picture, session: Session) -> None:
        super().__init__()
        self._viewer, self._picture, self._session = viewer, picture, session
        self.folder = button(
            "Folder…",
            "A folder with a folder or a file for each member, as nnU-Net's folds; or a model "
            "folder of nnU-Net v2 or a bundle of MONAI, whose networks are run",
        )
        self.files = button(
            "Files…",
            "One file for each member: .npz, NIfTI, NRRD, MetaImage or a DICOM segmentation; of a "
            "picture also a picture",
        )
        self.layers = button(
            "Layers",
            "The layers that are selected in the layer list: labels, or images of probabilities",
        )
        self.what = text("", "muted")
        self.below([(self.folder, 1), (self.files, 1), (self.layers, 1)], self.what)
        self.folder.clicked.connect(self.ask_for_folder)
        self.files.clicked.connect(self.ask_for_files)
        self.layers.clicked.connect(self.take_layers)

    def ask_for_folder(self) -> None:
        """Ask for a folder of members."""
        picked = QFileDialog.getExistingDirectory(self, "Folder of an ensemble's members")
        if picked:
            self.take((Path(picked),))

    def ask_for_files(self) -> None:
        """Ask for a file of each member."""
        maps = f"Maps ({' '.join(MAP_PATTERNS)})"
        picked, _ = QFileDialog.getOpenFileNames(self, "One file for each member", "", maps)
        if picked:
            self.take(tuple(map(Path, picked)))

    def take(self, paths: tuple[Path, ...]) -> None:
        """Take files or folders as members."""
        image = self._picture.image
        opened = None if image is None else image.source.path
        name = "" if image is None else image.name if opened is None else Path(opened).name
        self._session.choose_members(Chosen(paths=paths, image_name=name))

    def take_layers(self) -> None:
        """Take the layers that are selected, in the order of the layer list."""
        chosen, image = self._viewer.layers.selection, self._picture.image
        # What is segmented is often selected too, and is no member.
        layers = [
            one
            for one in self._viewer.layers
            if one in chosen
            and isinstance(one, Labels | Image)
            and getattr(one, "__wrapped__", one) is not image
        ]
        if len(layers) < 2:
            self._session.tell(said.SELECT_LAYERS, error=True)
            return
        if self._picture.display is None:
            self._session.tell(said.IMAGE_FIRST, error=True)
            return
        maps = []
        for layer in layers:
            try:
                maps.append(self._values_of(layer))
            except SSNError as error:
                self._session.tell(f"Layer “{layer.name}”: {error}", error=True)
                return
        named = [label_names(one) if isinstance(one, Labels) else {} for one in layers]
        moves, _ = one_order(named)
        maps = [renumbered(one, to) for one, to in zip(maps, moves, strict=True)]
        self._session.choose_members(
            Chosen(maps=tuple(maps), names=tuple(one.name for one in layers))
        )

    def _values_of(self, layer: Labels | Image) -> NDArray[Any]:
        """A layer as a member, on the image's grid: labels may be of a part of it."""
        if isinstance(layer, Labels):
            return _as_labels(self._picture.laid(layer))
        found = self._picture.on_grid(layer)
        if found is None:
            raise DataError(said.OTHER_GRID)
        return _as_fractions(found)

    def refresh(self) -> None:
        """Show what is chosen, where an ensemble is."""
        chosen = self._session.setup.ensemble
        self.setVisible(chosen is not None)
        if chosen is not None:
            folder = len(chosen.paths) == 1
            say(self.what, said.chosen_line(len(chosen.paths), len(chosen.maps), folder))


def _as_labels(values: NDArray[np.generic]) -> NDArray[np.uint8]:
    """Labels of a layer; DataError where one is below 0 or above 255."""
    if values.size and not 0 <= int(values.min()) <= int(values.max()) <= 255:
        raise DataError(said.NO_LABELS)
    # A copy: what is painted later is another member.
    return np.array(values, np.uint8, order="C")


def _as_fractions(values: NDArray[np.generic]) -> NDArray[np.float32]:
    """Probabilities of a layer; DataError where one is below 0 or above 1, or none a fraction."""
    if values.dtype.kind != "f" or not values.size:
        raise DataError(said.NO_FRACTIONS)
    found = np.array(values, np.float32, order="C")
    # NaN fails the comparison.
    if not 0 <= found.min() <= found.max() <= 1:
        raise DataError(said.NO_FRACTIONS)
    return found
