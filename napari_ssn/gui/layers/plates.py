"""The ground under words on the canvas, whose shader stays as it is.

napari lays a rectangle of vispy under each, and a new function of its colours into that with every
change: of every overlay on the canvas a program is compiled and linked again whenever a layer or
an overlay comes.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from napari._vispy.overlays.base import VispyCanvasOverlay
from napari._vispy.utils.gl import BLENDING_MODES
from numpy.typing import NDArray

from napari_ssn.gui.layers.sheets import Sheets, corners_of
from napari_ssn.gui.listening import Listening

# Of napari's padding between overlays the part that a ground reaches out, as napari has it.
_PAD = 0.8
# How much of what is under a ground it covers where no colour is asked for, as napari has it.
_COVERS = 0.8


class Plated(VispyCanvasOverlay):
    """An overlay of the canvas with grounds of ours.

    Attributes:
        plate: all grounds; it has a parent while they are seen.
    """

    def __init__(self, **kwargs: Any) -> None:
        self.plate, self._listening = Sheets(), Listening()
        super().__init__(**kwargs)
        # On another theme words have the colour of that.
        self._listening.to(self._on_position_change, self.viewer.canvas.events.background_color)

    def _spans(self) -> NDArray[np.float64]:
        """Where words are: upper left and lower right corner of each, columns first, (n, 2, 2)."""
        return np.array([[[0.0, 0.0], [self.x_size, self.y_size]]])

    def _on_box_change(self) -> None:
        plate, overlay, spans = self.plate, self.overlay, self._spans()
        if not overlay.box or not self._should_be_visible() or not len(spans):
            plate.parent = None
            return
        colour = overlay.box_color
        if colour is None:
            colour = self.viewer.canvas.background_color
            colour[-1] *= _COVERS
        pad = np.array(self.viewer.canvas.overlay_tiling.padding) * _PAD / 2
        corners = corners_of(spans + np.array([-pad, pad]))
        plate.set_data(corners, np.tile(np.asarray(colour, np.float32), (len(corners), 1)))
        plate.transform = self.node.transform
        plate.order = self.node.order - 1
        plate.parent = self.node.parent

    def _on_blending_change(self) -> None:
        self.plate.set_gl_state(**BLENDING_MODES[self.overlay.blending])
        super()._on_blending_change()

    def close(self) -> None:
        """See `VispyCanvasOverlay`."""
        self._listening.stop()
        super().close()
        self.plate.parent = None
