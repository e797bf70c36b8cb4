"""The application without a window: what is loaded, the result, the hypothesis on show."""

from __future__ import annotations

from pathlib import Path

from napari_ssn import prediction
from napari_ssn.io.formats import sidecar_path
from napari_ssn.prediction.source import Source
from napari_ssn.session.records import Chosen
from napari_ssn.session.stage import Stage
from napari_ssn.text.hindrances import CENTRE_CHANGED, CENTRE_OUTSIDE, IMAGE_CHANGED
from napari_ssn.text.results import STUDY_SUFFIX


class Session(Stage):
    """All that somebody can command, and what is the case.

    Every command returns at once; what takes long goes to the runner.
    """

    # ---- Image and region

    def set_image(self, source: Source | None) -> None:
        """Take another image, the same one changed, or none."""
        before = self.setup.model
        if self.setup.set_source(source):
            self.note = None
            if self.setup.model is not before:
                self.catalogue.warm_up()
            self._stop(IMAGE_CHANGED)
            entry = None if source is None else self.results.of(source.token)
            if entry is not None:
                self._bring(entry)
            self._meet()
        self.changed.emit()

    def set_around_point(self, around_point: bool) -> None:
        """Segment around a point, or the whole image."""
        self.setup.around_point = around_point
        self.note = None
        self.changed.emit()

    def place_centre(self, index: tuple[int, ...]) -> None:
        """Put the region's middle on a voxel of the source's grid."""
        if not self.setup.place_centre(index):
            self.tell(CENTRE_OUTSIDE, error=True)
            return
        self.note = None
        self._stop(CENTRE_CHANGED)
        self.changed.emit()

    def set_depth(self, depth_mm: float) -> None:
        """Let a 2D model look so far along a volume, to either side of the point."""
        self.setup.depth_mm = depth_mm
        self.changed.emit()

    def set_insist(self, insist: bool) -> None:
        """Take the image's values for Hounsfield units, whatever they seem to be."""
        self.setup.insist = insist
        self.note = None
        self.changed.emit()

    # ---- Running

    def choose_members(self, chosen: Chosen) -> None:
        """Take an ensemble in the place of a model; with nothing chosen, to choose its members."""
        self.setup.choose_members(chosen)
        self.note = None
        self.changed.emit()

    def cancel(self) -> None:
        """Stop the run; what was there before stays."""
        if self.busy:
            self._stop("Cancelled.")
            self.changed.emit()

    def open(self, path: Path) -> bool:
        """Open a study, or a sidecar as the session that it tells of; False for anything else."""
        name = path.name.lower()
        if name.endswith(STUDY_SUFFIX):
            self.studies.open(path)
            return True
        sidecar: Path | None = path if name.endswith(".json") else None
        # Whether there is any is seen before torch is imported to look into it.
        if sidecar is None and path.name and sidecar_path(path).is_file():
            sidecar = prediction.repeated.sidecar_of(path)
        if sidecar is not None:
            self.sidecars.open(sidecar)
        return sidecar is not None

    def aim(self, label: int) -> None:
        """From now on a click on the image asks whether a label reaches its voxel."""
        self.pointing.stop()
        self.asking.aim(label)

    def look(self) -> None:
        """Show the place that matters: the hypothesis on show, else the region's middle."""
        centre = self.setup.middle
        if self.result is not None and not self.stale:
            self.places.look_at_middle(self.result)
        elif centre is not None:
            self.places.look_at(centre)

    def show_card(self, index: int) -> None:
        """Show the hypothesis of a card; of a volume, on the slice that its thumbnail shows."""
        cards = self.cards
        if cards is not None and index < len(cards.cards):
            self.walk.show(cards.cards[index].choice)
            self.places.look_at(cards.voxel)
