"""Points in the viewer: a click becomes one, and deleting one takes it back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Points
from napari.viewer import Viewer

from napari_ssn.gui.keys import Keys
from napari_ssn.gui.layers import results as layers
from napari_ssn.gui.layers.adding import add_beside
from napari_ssn.gui.layers.marker_sizes import MarkerSizes
from napari_ssn.gui.layers.scene import Scene
from napari_ssn.prediction.choice import Point
from napari_ssn.session import Session
from napari_ssn.text.hindrances import NO_DEPTH, OTHER_FRAME, OUTSIDE_IMAGE

if TYPE_CHECKING:
    # These modules import torch, which only the worker does.
    from napari_ssn.prediction.prediction import Prediction

CLICKS = "SSN · clicks"


class Clicks:
    """Keeps the layer of points in step with the session. Main thread only.

    The layer holds the points in their order and, last, the suggestion if there is one.
    """

    def __init__(self, viewer: Viewer, scene: Scene, session: Session) -> None:
        self._viewer, self._scene, self._session = viewer, scene, session
        self._layer: Points | None = None
        self._sizes: MarkerSizes | None = None
        # What the layer shows, while somebody may delete from it.
        self._shown: tuple[Point, ...] = ()
        self._hint: tuple[int, ...] | None = None
        self._keys: Keys | None = None
        self._drawing = False
        session.found.connect(self._found)
        session.pointing.changed.connect(self.refresh)
        session.asking.changed.connect(self.refresh)
        viewer.layers.events.removed.connect(self._removed)

    def refresh(self) -> None:
        """Take clicks or leave them, and draw the points."""
        session = self._session
        self._listen(session.pointing.label is not None or session.asking.label is not None)
        self._draw()

    def close(self) -> None:
        """Let go of the viewer; the layer stays."""
        self._listen(False)
        self._viewer.layers.events.removed.disconnect(self._removed)
        if self._layer is not None:
            self._layer.events.data.disconnect(self._edited)
            self._layer = self._sizes = None

    # ---- From the viewer

    def _listen(self, on: bool) -> None:
        callbacks = self._viewer.mouse_drag_callbacks
        if on == (self._keys is not None):
            return
        if not on:
            assert self._keys is not None
            callbacks.remove(self._on_click)
            self._keys.release()
            self._keys = None
            return
        callbacks.append(self._on_click)
        # Only for now: in a layer that is edited Escape has another meaning.
        self._keys = Keys({"Escape": self._stop})
        self._keys.bind(self._viewer)
        self._keys.bind_all(self._viewer.layers)
        for layer in self._viewer.layers.selection:
            # A click is a point of ours now, and nothing else.
            layer.mode = "pan_zoom"

    def _stop(self) -> None:
        self._session.pointing.stop()
        self._session.asking.stop()

    def _on_click(self, viewer: Any, event: Any) -> Any:
        if event.button != 1 or self._scene.picture.centre.waiting:
            return
        yield
        moved = False
        while event.type == "mouse_move":
            moved = True
            yield
        if not moved:
            # A drag moves the picture and means no voxel.
            self._point_at(tuple(event.position))

    def _point_at(self, position: tuple[float, ...]) -> None:
        session, result = self._session, self._session.result
        if result is None:
            return
        if self._viewer.dims.ndisplay == 3:
            session.tell(NO_DEPTH, error=True)
        elif self._scene.elsewhen:
            session.tell(OTHER_FRAME, error=True)
        else:
            voxel = self._scene.picture.voxel_at(position)
            if voxel is None:
                session.tell(OUTSIDE_IMAGE, error=True)
            elif session.asking.label is not None:
                session.asking.ask_at(voxel)
            else:
                session.pointing.add(voxel)

    def _edited(self, event: Any) -> None:
        """Somebody deleted points, or did to them what is not for hands."""
        if self._drawing or event.action not in ("removed", "added", "changed"):
            return
        assert self._layer is not None
        there = {tuple(row) for row in np.round(self._layer.data).astype(int).tolist()}
        gone = {p for p in self._shown if self._place(p.index) not in there}
        if event.action == "removed" and gone:
            self._session.pointing.remove(gone)
        self._shown = ()
        self._draw()

    def _removed(self, event: Any) -> None:
        if getattr(event.value, "__wrapped__", event.value) is self._layer:
            self._layer = self._sizes = None
            self._shown, self._hint = (), None
            self._session.pointing.clear()

    # ---- Into the viewer

    def _found(self, result: Prediction) -> None:
        """Another image may have another shape and place: a fresh layer is simplest."""
        layer, self._layer, self._sizes = self._layer, None, None
        self._shown, self._hint = (), None
        if layer is not None:
            self._viewer.layers.remove(layer)

    def _place(self, index: tuple[int, ...]) -> tuple[int, ...]:
        return self._scene.here.index(index)

    def _draw(self) -> None:
        pointing, result = self._session.pointing, self._session.result
        points, hint = pointing.points, pointing.suggested
        if result is None or (points, hint) == (self._shown, self._hint):
            return
        if self._layer is None:
            if not points and hint is None:
                return
            self._layer = self._made()
        layer, self._drawing = self._layer, True
        self._shown, self._hint = points, hint
        places = [self._place(p.index) for p in points]
        labels = result.card.labels
        colours = [labels[p.label].colour if p.label else "#202020" for p in points]
        symbols = ["disc" if p.label else "square" for p in points]
        if hint is not None:
            places, colours = [*places, self._place(hint)], [*colours, "#ffffff00"]
            symbols.append("diamond")
        layer.selected_data = set()
        layer.data = np.array(places, float).reshape(-1, layer.ndim)
        if places:
            layer.symbol, layer.face_color = symbols, colours
            # A question, and no answer like the points: another shape and another colour.
            layer.border_color = ["#ffffff"] * len(points) + ["#f0e442"] * (hint is not None)
            layer.border_width = [0.09] * len(points) + [0.2] * (hint is not None)
        if self._sizes is not None:
            self._sizes.follow()
        self._drawing = False

    def _made(self) -> Points:
        """An empty layer above all others, the same layer as before selected."""
        layer = layers.clicks_layer(CLICKS, self._scene.here.transform, self._scene.here.axes)
        layer.events.data.connect(self._edited)
        add_beside(self._viewer, layer)
        self._sizes = MarkerSizes(self._viewer, layer, layers.CLICK_PIXELS)
        if self._keys is not None:
            self._keys.bind(layer)
        return layer
