"""What is segmented, and with which model."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from napari.layers import Image
from napari.viewer import Viewer
from qtpy.QtWidgets import QFileDialog, QInputDialog, QLabel, QPushButton
from superqt.utils import signals_blocked

from napari_ssn.gui.layers.adding import forget_reader, just_added, list_events
from napari_ssn.gui.layers.picture import Picture
from napari_ssn.gui.layers.results import is_ours
from napari_ssn.gui.listening import Listening
from napari_ssn.gui.panels.channels import NAME, ChannelRows
from napari_ssn.gui.panels.ensemble import EnsembleRows
from napari_ssn.gui.widgets.parts import (
    Block,
    button,
    check,
    combo,
    fill,
    line,
    say,
    set_role,
    spin,
    strip,
    text,
)
from napari_ssn.gui.widgets.voxel_size import VoxelSize
from napari_ssn.session import Chosen, Session
from napari_ssn.text.dock import LOOKING_FOR_MODELS, NO_IMAGE, ON_PROCESSOR
from napari_ssn.text.image import FITS, geometry, origin, place
from napari_ssn.text.problems import RESEARCH_ONLY

_OTHER, _ENSEMBLE, _IMAGE = "Other folder…", "Ensemble…", "Image"
_ENSEMBLE_TIP = "Maps of other networks, or several people's outlines, in the place of a model"


class Header(Block):
    """What this is not, and where it computes."""

    def __init__(self, session: Session) -> None:
        super().__init__()
        self._session = session
        self.notice = text(RESEARCH_ONLY, "notice")
        self.badge = QLabel()
        self.below([(self.notice, 1), self.badge])
        session.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Show the session's device."""
        survey = self._session.setup.survey
        self.badge.setVisible(survey is not None)
        if survey is not None:
            short = survey.device.replace("NVIDIA ", "").replace("GeForce ", "")
            tip = survey.device
            if survey.elsewhere:
                tip = f"{survey.device}, of the server that the settings name"
                # One that cannot be reached has no device, and is a "Server" already.
                short = short if short == "Server" else f"Server · {short}"
            elif survey.device == "CPU":
                tip = ON_PROCESSOR
            self.badge.setText(short)
            set_role(self.badge, "badge-cpu" if survey.device == "CPU" else "badge-gpu")
            self.badge.setToolTip(tip)


class ImagePanel(Block):
    """Image layer and model, each with one line about it.

    Attributes:
        ask_name: asks for a name, given that which there is; an empty answer is none.

    Args:
        viewer, picture, session: of the dock.
        from_archive: opens an image from an archive, beside the others.
    """

    def __init__(
        self, viewer: Viewer, picture: Picture, session: Session, from_archive: QPushButton
    ) -> None:
        super().__init__()
        self._viewer, self._picture, self._session = viewer, picture, session
        self.ask_name: Callable[[str], str] = self._ask_name
        self.layers = combo("The image to segment")
        self.alias = button("✎", "Give the image a name of your own", "small", name="Rename")
        self.channels = ChannelRows(self._picked_channel)
        self.geometry = text("", "muted")
        self.place = text("", "muted")
        self.note = text("", "warn")
        self.voxel_size = VoxelSize(picture.set_voxel_size)
        self.frame = spin(1, 1, 1, "Which frame of the time series is segmented")
        self.frames = text("", "muted", wrap=False)
        name = line("section", NAME)
        name.setText("Frame")
        self.time = strip([name, self.frame, self.frames, 1])
        self.frame.setKeyboardTracking(False)
        self.frame.valueChanged.connect(lambda frame: picture.choose_frame(frame - 1))
        self.models = combo("The model that segments it")
        self.models.setPlaceholderText("None is installed")
        self.members = EnsembleRows(viewer, picture, session)
        self.purpose = line("muted")
        self.origin = line("muted")
        self.fit = text("", "warn")
        self.insist = check(
            "They are in HU: run all the same",
            "Sizes and ranges of an image in other units may mean nothing",
        )
        # Of a model of several channels the first has the image's place, and the channel's name.
        self.title = line("section", NAME)
        self.title.setText(_IMAGE)
        model = line("section", NAME)
        model.setText("Model")
        self.below([self.title, (self.layers, 1), self.alias, from_archive], self.channels)
        self.below(self.geometry, self.place, self.note, self.voxel_size, self.time)
        self.below([model, (self.models, 1)], self.members)
        self.below(self.purpose, self.origin, self.fit, self.insist)
        self.insist.toggled.connect(session.set_insist)
        self.alias.clicked.connect(self._rename)
        self.layers.currentIndexChanged.connect(self._picked_layer)
        self.models.activated.connect(self._picked_model)
        self._listening = Listening()
        self._listening.to(self._list_layers, *list_events(viewer))
        session.changed.connect(self.refresh)
        picture.choose = self._choose
        self._listed: tuple[Path, ...] | None = None
        self._list_layers()
        self.refresh()

    def _list_layers(self, event: Any = None) -> None:
        # A probability map is an image to napari, and none that could be segmented.
        images = [
            getattr(one, "__wrapped__", one)
            for one in self._viewer.layers
            if isinstance(one, Image) and not is_ours(one)
        ]
        for one in self._viewer.layers:
            forget_reader(one)
        channels, chosen = self._picture.channels, self.layers.currentData()
        opened = just_added(event)
        if opened in images and not channels.picked:
            # It covers the others: a run on one of them would draw its outline over this one.
            chosen = opened
        if images:
            # Of several the topmost that is seen: an outline would be drawn over that one.
            seen = [one for one in images if one.visible] or images
            chosen = channels.arrange(images, chosen if chosen in images else seen[-1])
        at = images.index(chosen) if images else -1
        fill(self.layers, ((one.name, one) for one in images), at)
        for one in (self.layers, self.alias):
            one.setEnabled(bool(images))
        self._take()

    def _ask_name(self, name: str) -> str:
        return str(QInputDialog.getText(self, "Name", "Name of this image:", text=name)[0])

    def _rename(self) -> None:
        layer = self.layers.currentData()
        name = self.ask_name(layer.name).strip()
        if name:
            layer.name = name

    def _picked_layer(self) -> None:
        self._picture.channels.pick(None)
        self._take()

    def _choose(self, layer: Image) -> None:
        self.layers.setCurrentIndex(self.layers.findData(layer))

    def _picked_channel(self, channel: int, layer: Image) -> None:
        self._picture.channels.pick(channel, layer)
        self._take()

    def _take(self) -> None:
        """Segment what the combos name."""
        layer, channels = self.layers.currentData(), self._picture.channels
        images = [self.layers.itemData(at) for at in range(self.layers.count())]
        self.channels.show_rows(channels.names[1:], images, channels.layers)
        self.title.setText(channels.names[0] if channels.names else _IMAGE)
        self.title.setToolTip(f"Channel {channels.names[0]} of the model" if channels.names else "")
        if layer is not self._picture.image:
            self.voxel_size.forget()
        self._picture.set_image(layer)
        self._picture.join_again()

    def _picked_model(self, index: int) -> None:
        folder = self.models.itemData(index)
        if folder == _ENSEMBLE:
            if self._session.setup.ensemble is None:
                self._session.choose_members(Chosen())
            return
        if folder is not None:
            self._session.catalogue.choose(folder)
            return
        self._show_chosen_model()
        picked = QFileDialog.getExistingDirectory(self, "Folder of a model (with model.json)")
        if picked:
            self._session.catalogue.add_folder(Path(picked))

    def refresh(self) -> None:
        """Show the session's image and model."""
        ensemble = self._session.setup.ensemble is not None
        chosen = None if ensemble else self._session.setup.model
        if self._picture.channels.rename(() if chosen is None else chosen.card.channels):
            self._list_layers()
        self._show_image()
        survey = self._session.setup.survey
        folders = tuple(m.folder for m in survey.models) if survey is not None else None
        if folders != self._listed or not self.models.count():
            self._listed = folders
            self._list_models()
        self._show_chosen_model()
        self.members.refresh()
        card = None if chosen is None else chosen.card
        say(self.purpose, card.purpose if card is not None else "")
        if ensemble:
            self.models.setToolTip(_ENSEMBLE_TIP)
        say(self.origin, "" if card is None else origin(card.licence, card.training.data))
        if card is not None:
            self.purpose.setToolTip(card.purpose)
            self.origin.setToolTip(card.training.data)
            self.models.setToolTip("\n".join([card.title, *card.limits]))
        setup = self._session.setup
        misfit = setup.obstacle if setup.misfit else None
        caution = setup.caution or ""
        fits = not caution and setup.fits
        say(
            self.fit,
            misfit or caution or (FITS if fits else setup.unclaimed or ""),
            "error" if misfit else "muted" if fits else "warn",
        )
        self.insist.setVisible(setup.may_insist)
        with signals_blocked(self.insist):
            self.insist.setChecked(setup.insist)

    def _show_image(self) -> None:
        source, picture = self._session.setup.source, self._picture
        shown, frames = picture.geometry(), picture.frames
        self.time.setVisible(frames is not None and shown is not None)
        if frames is not None:
            self.frames.setText(f"of {frames}")
            self.frame.setFixedWidth(64 + 8 * len(str(frames)))
            with signals_blocked(self.frame):
                self.frame.setRange(1, frames)
                self.frame.setValue(self._picture.frame + 1)
        if source is None:
            say(self.geometry, NO_IMAGE)
        elif shown is None:
            say(self.geometry, "")
        else:
            size, spacing, plane = shown
            words = geometry(size, spacing, source.extent, plane, source.thickness_mm)
            say(self.geometry, words)
        display = self._picture.display
        words = ""
        if display is not None:
            words = place(display.tilt_degrees, display.moved, display.oriented)
        say(self.place, words)
        say(self.note, self._picture.note)
        unknown = shown is not None and source is not None and source.extent == "unknown"
        self.voxel_size.setVisible(unknown)
        if source is not None and unknown:
            self.voxel_size.show_axes(len(source.space))

    def _list_models(self) -> None:
        survey = self._session.setup.survey
        self.models.clear()
        if survey is None:
            self.models.addItem(LOOKING_FOR_MODELS)
        else:
            for entry in survey.models:
                self.models.addItem(entry.card.title, entry.folder)
            self.models.addItem(_ENSEMBLE, _ENSEMBLE)
            self.models.addItem(_OTHER)
        self.models.setEnabled(survey is not None)

    def _show_chosen_model(self) -> None:
        setup, model = self._session.setup, self._session.setup.model
        at = self.models.findData(model.folder) if model is not None else -1
        if setup.ensemble is not None:
            at = self.models.findData(_ENSEMBLE)
        if self._session.setup.survey is not None:
            self.models.setCurrentIndex(at)

    def disconnect_viewer(self) -> None:
        """Let go of the viewer."""
        self._listening.stop()
