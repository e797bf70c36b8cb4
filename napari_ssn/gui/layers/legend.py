"""What each line on the canvas is: a legend that stands on it, in the lines' colours."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari._vispy.overlays.base import ViewerOverlayMixin
from napari._vispy.utils.visual import overlay_to_visual
from napari.components.overlays import CanvasOverlay
from numpy.typing import NDArray
from vispy.color import Color
from vispy.scene.visuals import Compound

from napari_ssn.gui.layers.plates import Plated
from napari_ssn.gui.layers.printed import Printed
from napari_ssn.gui.layers.sheets import Sheets
from napari_ssn.gui.layers.strokes import HALO

# Pixels of the screen: of a sign, and between it and its words.
_SIGN, _GAP = 22.0, 8.0
# Of a halo on either side of a sign.
_EDGE = 1
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


class VispyLegend(ViewerOverlayMixin, Plated):
    """Draws a `LegendOverlay`."""

    overlay: LegendOverlay

    def __init__(self, *, font_info: Any, **kwargs: Any) -> None:
        self._text = Printed(font_info.face)
        # All in one: each kind of line would have a program of its own compiled.
        self._signs = Sheets()
        node = Compound([self._text, self._signs])
        super().__init__(node=node, font_info=font_info, **kwargs)
        told = self.overlay.events
        self._listening.to(self._on_position_change, told.rows, told.font_size)
        self.reset()

    def _on_position_change(self, event: Any = None) -> None:
        rows = self.overlay.rows
        if rows:
            self._lay_out(rows)
        super()._on_position_change(event)

    def _spans(self) -> NDArray[np.float64]:
        # There is nothing above the first row.
        return np.array([[[0.0, _DOWN], [self.x_size, max(_DOWN, self.y_size)]]])

    def _lay_out(self, rows: tuple[tuple[str, str, float], ...]) -> None:
        sizes = self._text.set_words([words for words, _, _ in rows], self.overlay.font_size)
        width, each = sizes.max(axis=0)
        tops = _DOWN + each * np.arange(len(rows))
        middles = tops + each / 2
        left = np.full(len(rows), _SIGN + _GAP)
        self._text.place(np.stack([left, tops], axis=1), self._get_fgcolor())
        self._signs.visible = any(tone for _, tone, _ in rows)
        if self._signs.visible:
            self._signs.set_data(*_signs_of(rows, middles))
        self.x_size, self.y_size = _SIGN + _GAP + width, _DOWN + each * len(rows)
        self.node.update()


def _signs_of(
    rows: tuple[tuple[str, str, float], ...], middles: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lines as on the picture, each between the edges of its halo, seen on a light canvas too.

    Args:
        rows: as a `LegendOverlay` has them; one of words alone has no colour and no sign.
        middles: where each is, down the canvas.

    Returns:
        corners of rectangles, (n, 4, 2), columns first, at whole pixels; and their colours, (n, 4).
    """
    corners, tones = [], []
    for (_, tone, width), middle in zip(rows, middles.tolist(), strict=True):
        if not tone:
            continue
        top = round(middle - width / 2)
        ends = (top - _EDGE, top, top + round(width), top + round(width) + _EDGE)
        for above, below, colour in zip(
            ends[:-1], ends[1:], (HALO, tuple(Color(tone).rgba), HALO), strict=True
        ):
            corners.append([[0, above], [_SIGN, above], [_SIGN, below], [0, below]])
            tones.append(colour)
    return np.array(corners, float), np.array(tones, float)


overlay_to_visual[LegendOverlay] = VispyLegend
