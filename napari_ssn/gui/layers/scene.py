"""What of a result lies in the viewer: the layer on show and what it is compared with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from napari.layers import Labels, Layer
from napari.viewer import Viewer
from psygnal import Signal

from napari_ssn.gui.layers import results as layers
from napari_ssn.gui.layers.adding import add_beside
from napari_ssn.gui.layers.compared import Compared
from napari_ssn.gui.layers.copies import CopyLayers
from napari_ssn.gui.layers.first_outlines import FirstOutlines
from napari_ssn.gui.layers.follower import Follower
from napari_ssn.gui.layers.frame import ResultFrame
from napari_ssn.gui.layers.look import Look
from napari_ssn.gui.layers.picture import Picture
from napari_ssn.gui.layers.unseen import Unseen
from napari_ssn.prediction.choice import Choice
from napari_ssn.prediction.held import Drawn
from napari_ssn.session import Decoded, Preview, Session
from napari_ssn.text.dock import OUTLINE_DELETED, samples_gone

if TYPE_CHECKING:
    # These modules import torch, which only the worker does.
    from napari_ssn.prediction.prediction import Prediction

_FAINT = 0.5


class Scene:
    """Keeps the layers of a result in step with the session. Main thread only.

    Attributes:
        picture: the image that they lie on.
        look: how hypotheses are drawn.
        frame: where the present result lies; None without one.
        veiled: whether somebody wants to see the picture without any line for now.
        copies: layers of samples and of kept hypotheses.
        redrawn: signal: they are drawn in another way.
    """

    redrawn = Signal()

    def __init__(self, viewer: Viewer, session: Session, picture: Picture) -> None:
        self._viewer = viewer
        self._session = session
        self.picture = picture
        self.frame: ResultFrame | None = None
        # Of every result, by the numbers of their runs.
        self._frames: dict[int, ResultFrame] = {}
        self.veiled = False
        self._unseen = Unseen(viewer)
        self._compared = Compared(viewer, session, self._add)
        self.look = Look()
        self.copies = CopyLayers(viewer, self._add, self._mark)
        self._follower = Follower(
            viewer, session, lambda: self.grey, self._add, self.copies.edit_next, self._eye
        )
        self._first = FirstOutlines(viewer, picture, self._draw)
        session.previewed.connect(self._previewed)
        session.found.connect(self._found)
        session.results.gone.connect(self._gone)
        session.studies.drawn = self.drawn
        session.walk.moved.connect(self._follower.follow)
        session.copies.made.connect(self._made)
        session.copies.take, session.copies.bring = self._take, self._bring
        session.changed.connect(self._changed)
        session.comparing.changed.connect(self._compare)
        viewer.layers.events.removed.connect(self._removed)
        viewer.dims.events.ndisplay.connect(self._turned)
        viewer.dims.events.current_step.connect(self._stepped)

    @property
    def here(self) -> ResultFrame:
        """Where the present result lies, of which there is one."""
        assert self.frame is not None
        return self.frame

    @property
    def grey(self) -> bool:
        """Whether the result is about another image, place or frame than what is looked at."""
        return self._session.stale or self.elsewhen

    def index_in(self, result: Prediction, voxel: tuple[int, ...]) -> tuple[int, ...] | None:
        """Where a voxel of any result lies in its layers; None of one that was never shown."""
        frame = self._frames.get(result.run)
        return None if frame is None else frame.index(voxel)

    def drawn(self, run: int) -> tuple[Drawn, ...]:
        """What was kept of a run, as it is drawn now, on the grid of its image."""
        frame = self._frames.get(run)
        return () if frame is None else self.copies.kept_of(run, frame.unshown)

    @property
    def walking(self) -> Labels | None:
        """The layer that follows the slider; None when there is none."""
        return self._follower.layer

    def still(self) -> Iterator[tuple[Labels, Choice, str]]:
        """Layers of hypotheses that do not follow it: what each is and its colour."""
        yield from self.copies.drawn()
        yield from self._compared.drawn()

    @property
    def elsewhen(self) -> bool:
        """Whether another frame is in front than the one that the result is about."""
        result = self._session.result
        if result is None or result.source.frame is None:
            return False
        front = self.picture.frame_in_front
        return front is not None and front != result.source.frame

    # ---- Results

    def _previewed(self, preview: Preview) -> None:
        """Show the first labels of a run; one outline at a time."""
        if self._first.show(preview) and self.walking is not None:
            self.walking.visible = False

    def _found(self, result: Prediction) -> None:
        self._first.drop()
        fresh = result.run not in self._frames
        if fresh:
            display = self.picture.display
            assert display is not None
            transform = self.picture.transform(len(display.shape))
            self._frames[result.run] = ResultFrame(display, transform)
        self.frame = self._frames[result.run]
        self.veiled = False
        self._retire_left()
        self.copies.edit_next(None)
        self.copies.show(result.run)
        self._follower.show(result, self.frame)
        if (
            self.frame.axes == 3
            and self._viewer.dims.ndisplay == 2
            and (self._session.looking() is None or not fresh)
        ):
            # The slice on show is of another image, elsewhere in the patient, or of another lesion.
            self._session.look()

    def _gone(self, result: Prediction) -> None:
        """A result is no more: what shows it makes room."""
        self._frames.pop(result.run, None)
        gone = self.copies.retire(result.run)
        if gone and self._session.note is None:
            self._session.tell(samples_gone(gone))

    def _retire_left(self) -> None:
        """What a dock that was closed has left on show makes room, and stays."""
        for layer in list(self._viewer.layers):
            if layer is self.walking:
                continue
            if layer.name == layers.HYPOTHESIS and layers.is_ours(layer):
                layer.visible = False
                layer.name = f"{layer.name} · earlier run"

    def _made(self, decoded: Decoded) -> None:
        made = self.copies.add(decoded, self.here.transform, self.here.place)
        self._session.copies.laid(made)
        self.redrawn.emit()

    def _take(self, copies: Sequence[Any]) -> None:
        self.copies.take(copies)
        self.redrawn.emit()

    def _bring(self, copy: Any) -> None:
        self.copies.bring(copy)
        self.redrawn.emit()

    def _compare(self) -> None:
        if self.frame is not None:
            self._compared.refresh(self.frame)
            self.redrawn.emit()

    def _removed(self, event: Any) -> None:
        layer = getattr(event.value, "__wrapped__", event.value)
        if self._follower.removed(layer):
            if self.picture.image in self._viewer.layers:
                self._session.tell(OUTLINE_DELETED)
        elif layer is self._compared.layer:
            self._compared.layer = None
        elif self._first.removed(layer):
            if self.walking is not None:
                self.walking.visible = True
        else:
            gone = self.copies.removed(layer)
            if gone is not None:
                self._session.copies.let_go(gone)
        self.redrawn.emit()

    def _add(self, layer: Labels) -> None:
        self._draw(layer)
        if layer in self._viewer.layers:
            self._viewer.layers.move(self._viewer.layers.index(layer), len(self._viewer.layers))
        else:
            self.lay(layer)
        self._unseen.watch(layer)

    def lay(self, layer: Layer, on_image: bool = False) -> None:
        """Add a layer under what moves; what the user had selected stays selected.

        Args:
            layer: the layer.
            on_image: whether it lies right on the image, under all outlines.
        """
        listed, place = self._viewer.layers, len(self._viewer.layers)
        if on_image and self.picture.image in listed:
            place = listed.index(self.picture.image) + 1
        elif self.walking in listed:
            place = listed.index(self.walking)
        add_beside(self._viewer, layer, place)

    def _changed(self) -> None:
        if not self._session.busy:
            self._first.drop()
        self._follower.refresh()

    def _stepped(self, event: Any = None) -> None:
        if self.picture.frames is not None:
            self._follower.refresh()

    # ---- How it is drawn

    def set_look(self, look: Look) -> None:
        """Draw every layer of ours that way."""
        self.look = look
        for layer in self._outlines():
            self._draw(layer)
        self.redrawn.emit()

    def _outlines(self) -> Iterator[Labels]:
        yield from self.own_layers()
        if self._compared.layer is not None:
            yield self._compared.layer

    def own_layers(self) -> list[Labels]:
        """The walking layer and every layer made of the present result."""
        walking = self.walking
        return [*([walking] if walking is not None else []), *self.copies.layers]

    def _turned(self, event: Any) -> None:
        self.set_look(self.look)

    def _draw(self, layer: Labels) -> None:
        flat = self._viewer.dims.ndisplay == 2
        if flat and self.look.lines and layer is not self._first.layer:
            # Lines lie between the voxels, which are left to be seen: those in doubt above all.
            layer.contour, layer.opacity = 0, 0.0
        else:
            self._mark(layer)

    def _mark(self, layer: Labels) -> None:
        """Draw the voxels of a layer, which no lines are drawn of."""
        flat = self._viewer.dims.ndisplay == 2
        # In 3D contours are not drawn, and napari would warn of them at every move.
        layer.contour = self.look.width if self.look.outline and flat else 0
        # Fainter, so that the one on show is told from those it is compared with.
        moving = layer is self.walking or layer is self._first.layer
        layer.opacity = self.look.opacity * (1.0 if moving else _FAINT)

    def toggle(self) -> None:
        """Show or hide all lines, and the layer that follows the slider."""
        if self._session.summary.hidden:
            self._session.summary.reveal()
        elif self.walking is None:
            self._follower.bring_back()
        else:
            self.veiled = not self.veiled and self.walking.visible
            self.walking.visible = not self.veiled
            self.redrawn.emit()

    def _eye(self, opened: bool) -> None:
        """Who opens the layer's eye wants to see lines again."""
        if opened:
            self.veiled = False
        self.redrawn.emit()

    def fade(self, by: float) -> None:
        """Change the opacity of the outline that follows the slider."""
        self._follower.fade(by)

    def close(self) -> None:
        """Let go of the viewer; the layers stay."""
        self._first.drop()
        for layer in self._outlines():
            self._mark(layer)
        self._viewer.layers.events.removed.disconnect(self._removed)
        self._viewer.dims.events.ndisplay.disconnect(self._turned)
        self._viewer.dims.events.current_step.disconnect(self._stepped)
        self._follower.close()
        self.redrawn.disconnect()
        self._compared.layer = None
        self.copies.close()
