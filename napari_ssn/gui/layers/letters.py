"""Letters at the four edges of the canvas, all in one: of each text napari compiles a program."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari._vispy.overlays.base import ViewerOverlayMixin
from napari._vispy.utils.text import get_text_metrics
from napari._vispy.utils.visual import overlay_to_visual
from napari._vispy.visuals.text import Text
from napari.components.overlays import CanvasOverlay
from numpy.typing import NDArray

from napari_ssn.gui.layers.plates import Plated


class LettersOverlay(CanvasOverlay):
    """What is at the middle of each edge of the canvas.

    Attributes:
        words: at the left, right, upper and lower edge; empty for nothing.
        font_size: in points.
        position: napari arranges what is in one place of the canvas, and this is in four.
    """

    words: tuple[str, str, str, str] = ("", "", "", "")
    font_size: float = 14.0
    position: Any = None


class VispyLetters(ViewerOverlayMixin, Plated):
    """Draws a `LettersOverlay`."""

    overlay: LettersOverlay

    def __init__(self, *, font_info: Any, **kwargs: Any) -> None:
        # Of each word its middle, and its width and height.
        self._middles = self._sizes = np.zeros((0, 2))
        text = Text(pos=(0, 0), font_info=font_info, anchor_x="center", anchor_y="center")
        super().__init__(node=text, font_info=font_info, **kwargs)
        self._events = (
            self.overlay.events.words,
            self.overlay.events.font_size,
            self.viewer.canvas.events.size,
            # On another theme they have the colour of that.
            self.viewer.canvas.events.background_color,
        )
        for event in self._events:
            event.connect(self._on_position_change)
        self.reset()

    def _should_be_visible(self) -> bool:
        return bool(self.overlay.visible and any(self.overlay.words))

    def _spans(self) -> NDArray[np.float64]:
        half = self._sizes / 2
        return np.stack([self._middles - half, self._middles + half], axis=1)

    def _on_position_change(self, event: Any = None) -> None:
        self._lay_out()
        super()._on_position_change(event)

    def _lay_out(self) -> None:
        text, there = self.node, [bool(words) for words in self.overlay.words]
        if not any(there):
            return
        shown = [words for words in self.overlay.words if words]
        text.text, text.font_size = shown, self.overlay.font_size
        metrics, ratio = get_text_metrics(text), text._vispy_dpi_ratio
        wide = [metrics.horizontalAdvance(words) for words in shown]
        self._sizes = np.array([[one, metrics.height()] for one in wide]) * ratio
        high, across = self.viewer.canvas.size
        pad = np.array(self.viewer.canvas.overlay_tiling.padding)
        # From each edge to the middle of what stands there.
        edges = np.array([[0, high / 2], [across, high / 2], [across / 2, 0], [across / 2, high]])
        inwards = np.array([[1, 0], [-1, 0], [0, 1], [0, -1]])
        self._middles = edges[there] + inwards[there] * (pad + self._sizes / 2)
        text.pos = self._middles
        text.color = self._get_fgcolor()
        self.node.update()

    def close(self) -> None:
        """See `VispyCanvasOverlay`."""
        for event in self._events:
            event.disconnect(self._on_position_change)
        super().close()


overlay_to_visual[LettersOverlay] = VispyLetters
