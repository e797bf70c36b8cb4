"""A thin cross around a place, as large on the screen whatever the zoom, that hides nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Points
from napari.viewer import Viewer
from numpy.typing import NDArray

from napari_ssn.gui.layers.colours import MIDDLE
from napari_ssn.gui.layers.redrawing import put
from napari_ssn.gui.layers.strokes import THIN, Stroke, StrokesOverlay
from napari_ssn.gui.layers.world import in_layer, in_viewer
from napari_ssn.gui.listening import Listening

NAME = "napari_ssn_place"
#: Pixels of the screen from the place to where its arms begin, and to where they end.
GAP, REACH = 7.0, 18.0


class Reticle:
    """Draws it around the one point of a layer, in the slice that holds the point.

    The layer stands in the list, and its eye hides the cross; napari's own markers cover what they
    mark, and are not drawn.

    Args:
        viewer: of the layer.
        layer: of one point.
    """

    def __init__(self, viewer: Viewer, layer: Points) -> None:
        self._viewer, self._layer = viewer, layer
        layer.opacity = 0.0
        self.strokes = StrokesOverlay()
        viewer.scene.overlays[NAME] = self.strokes
        self._listening, dims = Listening(), viewer.dims.events
        self._listening.to(self.follow, dims.point, dims.order, dims.ndisplay)
        self._listening.to(self.follow, viewer.scene.camera.events.zoom, layer.events.visible)
        self.follow()

    def follow(self, event: Any = None) -> None:
        """Slice, plane or zoom are others, or the layer was shown or hidden."""
        lines = self._lines() if self._layer.visible else ()
        self.strokes.strokes = (Stroke(lines, MIDDLE, THIN),) if lines else ()
        put(self.strokes, visible=bool(lines))

    def close(self, tidy: bool = True) -> None:
        """Take it away.

        Args:
            tidy: whether there still is a window to take it from.
        """
        self._listening.stop()
        if tidy:
            self._viewer.scene.overlays.pop(NAME)

    def _lines(self) -> tuple[NDArray[np.float64], ...]:
        viewer, layer, dims = self._viewer, self._layer, self._viewer.dims
        first = dims.ndim - layer.ndim
        if dims.ndisplay != 2 or first < 0 or any(axis < first for axis in dims.displayed):
            return ()
        point = np.asarray(layer.data[0], dtype=np.float64)
        here = np.asarray(layer.world_to_data(in_layer(viewer, layer, dims.point)))
        across = [axis - first for axis in dims.not_displayed if axis >= first]
        if np.any(np.abs(point - here)[across] > 0.5 + 1e-6):
            return ()
        world = np.array(in_viewer(viewer, layer, layer.data_to_world(point)))
        middle = world[[axis - first for axis in dims.displayed]]
        ways = np.array([[1.0, 0.0], [-1.0, 0.0], [0.0, 1.0], [0.0, -1.0]])
        reach = np.array([GAP, REACH])[:, None] / viewer.scene.camera.zoom
        return tuple(middle + reach * way for way in ways)
