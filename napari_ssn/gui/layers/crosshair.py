"""A crosshair on the picture, where other planes cross it."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.viewer import Viewer
from numpy.typing import NDArray

from napari_ssn.gui.layers.colours import REGION
from napari_ssn.gui.layers.redrawing import put
from napari_ssn.gui.layers.strokes import THIN, Stroke, StrokesOverlay

NAME = "napari_ssn_cross"
# Pixels of the screen from its middle, which it does not cover, to where its lines begin.
_GAP = 8.0
# It only says where, and must not be taken for an outline.
_FAINT = 0.45


class Crosshair:
    """Draws it at the viewer's point; with Shift that follows the mouse.

    Args:
        viewer: on whose picture it is.
    """

    def __init__(self, viewer: Viewer) -> None:
        self._viewer, self._strokes = viewer, StrokesOverlay(opacity=_FAINT)
        viewer.scene.overlays[NAME] = self._strokes
        viewer.mouse_move_callbacks.append(self._moved)

    def follow(self, wanted: bool) -> None:
        """The point, the plane or the zoom is another; ``wanted``: whether there is a volume."""
        lines = self._lines() if wanted and self._viewer.dims.ndisplay == 2 else ()
        self._strokes.strokes = (Stroke(lines, REGION, THIN),) if lines else ()
        put(self._strokes, visible=bool(lines))

    def _lines(self) -> tuple[NDArray[np.float64], ...]:
        viewer, (rows, columns) = self._viewer, self._viewer.dims.displayed
        (top, left), (bottom, right) = viewer.layers.extent.world[:, [rows, columns]]
        y, x = viewer.dims.point[rows], viewer.dims.point[columns]
        gap = _GAP / viewer.scene.camera.zoom
        ends = (
            [[y, left], [y, x - gap]],
            [[y, x + gap], [y, right]],
            [[top, x], [y - gap, x]],
            [[y + gap, x], [bottom, x]],
        )
        return tuple(np.array(one, np.float64) for one in ends)

    def _moved(self, viewer: Any, event: Any) -> None:
        dims = self._viewer.dims
        if "Shift" in event.modifiers and dims.ndisplay == 2:
            axes = list(dims.displayed)
            dims.set_point(axes, [event.position[axis] for axis in axes])

    def close(self, tidy: bool = True) -> None:
        """Take it away.

        Args:
            tidy: whether there still is a canvas to take it from.
        """
        self._viewer.mouse_move_callbacks.remove(self._moved)
        if tidy:
            self._viewer.scene.overlays.pop(NAME)
