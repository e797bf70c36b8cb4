"""Letters at the four edges of the canvas."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari._vispy.overlays.base import ViewerOverlayMixin
from napari._vispy.utils.visual import overlay_to_visual
from napari.components.overlays import CanvasOverlay
from numpy.typing import NDArray

from napari_ssn.gui.layers.plates import Plated
from napari_ssn.gui.layers.printed import Printed


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
        super().__init__(node=Printed(font_info.face), font_info=font_info, **kwargs)
        told, size = self.overlay.events, self.viewer.canvas.events.size
        self._listening.to(self._on_position_change, told.words, told.font_size, size)
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
        there = [bool(words) for words in self.overlay.words]
        if not any(there):
            return
        shown = [words for words in self.overlay.words if words]
        self._sizes = self.node.set_words(shown, self.overlay.font_size)
        high, across = self.viewer.canvas.size
        pad = np.array(self.viewer.canvas.overlay_tiling.padding)
        # From each edge to the middle of what stands there.
        edges = np.array([[0, high / 2], [across, high / 2], [across / 2, 0], [across / 2, high]])
        inwards = np.array([[1, 0], [-1, 0], [0, 1], [0, -1]])
        self._middles = edges[there] + inwards[there] * (pad + self._sizes / 2)
        self.node.place(self._middles - self._sizes / 2, self._get_fgcolor())


overlay_to_visual[LettersOverlay] = VispyLetters
