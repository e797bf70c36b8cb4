"""What each line on the canvas is: a legend that stands on it, in the lines' colours."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari._vispy.overlays.base import ViewerOverlayMixin, VispyCanvasOverlay
from napari._vispy.utils.visual import overlay_to_visual
from napari._vispy.visuals.text import Text
from napari.components.overlays import CanvasOverlay
from vispy.color import Color
from vispy.scene.visuals import Compound, Line

from napari_ssn.gui.layers.strokes import BOLD, HALO, MORE, THIN

# Pixels of the screen: of a sign, and between it and its words.
_SIGN, _GAP = 22.0, 8.0
# Below the letter of the side at the upper edge, which a narrow canvas has no other room for.
_DOWN = 34.0


class LegendOverlay(CanvasOverlay):
    """Lines and their words, one below the other.

    Attributes:
        rows: of each line its words, colour (empty for words alone) and width.
        font_size: in points.
    """

    rows: tuple[tuple[str, str, float], ...] = ()
    font_size: float = 8.0


class VispyLegend(ViewerOverlayMixin, VispyCanvasOverlay):
    """Draws a `LegendOverlay`."""

    overlay: LegendOverlay

    def __init__(self, *, font_info: Any, **kwargs: Any) -> None:
        self._text = Text(pos=(0, 0), font_info=font_info, anchor_x="left", anchor_y="center")
        # As on the picture, each with its halo: seen on a light canvas, too.
        self._signs = {
            width: (Line(width=width + MORE, antialias=True), Line(width=width, antialias=True))
            for width in (THIN, BOLD)
        }
        node = Compound([self._text, *(one for pair in self._signs.values() for one in pair)])
        super().__init__(node=node, font_info=font_info, **kwargs)
        self.overlay.events.rows.connect(self._on_position_change)
        self.overlay.events.font_size.connect(self._on_position_change)
        # On another theme its words have the colour of that.
        self.viewer.canvas.events.background_color.connect(self._on_position_change)
        self.reset()

    def _on_position_change(self, event: Any = None) -> None:
        rows = self.overlay.rows
        if rows:
            self._lay_out(rows)
        super()._on_position_change(event)

    def _on_box_change(self) -> None:
        super()._on_box_change()
        if self.box.parent is not None and self.y_size > _DOWN:
            # There is nothing above the first row.
            self.box.height -= _DOWN
            self.box.center = self.x_size / 2, _DOWN + (self.y_size - _DOWN) / 2

    def _lay_out(self, rows: tuple[tuple[str, str, float], ...]) -> None:
        text = self._text
        text.text = [words for words, _, _ in rows]
        text.font_size = self.overlay.font_size
        width, height = text.get_width_height()
        each = height / len(rows)
        middles = _DOWN + each * (np.arange(len(rows)) + 0.5)
        # Without its bounds a text that grew is cut off.
        text.pos = np.stack([np.full(len(rows), _SIGN + _GAP), middles], axis=1)
        text.color = self._get_fgcolor()
        for thickness, (halo, sign) in self._signs.items():
            # A row of words alone has no colour.
            here = [k for k, row in enumerate(rows) if row[2] == thickness and row[1]]
            halo.visible = sign.visible = bool(here)
            if here:
                ends = np.array([[x, middles[k]] for k in here for x in (0.0, _SIGN)])
                tones = np.array([Color(rows[k][1]).rgba for k in here], dtype=np.float32)
                halo.set_data(ends, color=HALO, connect="segments")
                sign.set_data(ends, color=np.repeat(tones, 2, axis=0), connect="segments")
        self.x_size, self.y_size = _SIGN + _GAP + width, _DOWN + height
        self.node.update()

    def close(self) -> None:
        """See `VispyCanvasOverlay`."""
        self.overlay.events.rows.disconnect(self._on_position_change)
        self.overlay.events.font_size.disconnect(self._on_position_change)
        self.viewer.canvas.events.background_color.disconnect(self._on_position_change)
        super().close()


overlay_to_visual[LegendOverlay] = VispyLegend
