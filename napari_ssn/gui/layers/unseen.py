"""A layer of which nothing is seen is not drawn: napari has a canvas go through all its pixels."""

from __future__ import annotations

from typing import Any

from napari.layers import Labels
from napari.viewer import Viewer

from napari_ssn.gui.layers.redrawing import put

# After each of them napari draws a layer whose eye is open, whatever its opacity.
_DRAWN_ANEW = ("opacity", "visible", "set_data")


class Unseen:
    """Leaves layers out of the picture while their opacity is 0. Main thread only.

    Args:
        viewer: that they are in.
    """

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer

    def watch(self, layer: Labels) -> None:
        """Do so with a layer, which has just come into the viewer, from now on."""
        for name in _DRAWN_ANEW:
            # One that comes back has another visual, which hears of it first.
            getattr(layer.events, name).disconnect(self._draw)
            getattr(layer.events, name).connect(self._draw)
        self._decide(layer)

    def _draw(self, event: Any) -> None:
        self._decide(event.source)

    def _decide(self, layer: Labels) -> None:
        visual = self._viewer.window._qt_viewer.canvas.layer_to_visual.get(layer)
        if visual is not None:
            seen = layer.visible and layer.opacity > 0 and not layer._slice.empty
            put(visual.node, visible=seen)
