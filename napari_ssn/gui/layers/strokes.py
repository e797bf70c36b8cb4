"""Lines in the viewer's scene that are as wide on the screen whatever the zoom, each with a halo.

napari's own layers of shapes and vectors have widths in the world's units, cost a triangulation at
every change and stand in the list of layers. An overlay of the scene follows pan, zoom and grid
mode, is in every screenshot, and a new set of lines costs one upload.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from napari._vispy.overlays.base import ViewerOverlayMixin, VispySceneOverlay
from napari._vispy.utils.visual import overlay_to_visual
from napari.components.overlays import SceneOverlay
from napari.layers.base._base_constants import Blending
from numpy.typing import NDArray
from vispy.color import Color
from vispy.scene.visuals import Compound, Line

from napari_ssn.gui.layers.redrawing import put
from napari_ssn.gui.layers.sheets import Sheets

#: Widths in pixels of the screen: of a line among others, and of the one that is meant.
THIN, BOLD = 1.6, 3.2
#: The halo's, more than the line's, and its colour: seen on bright tissue, as the line is on dark.
MORE, HALO = 2.4, (0.0, 0.0, 0.0, 0.75)
#: How much of the picture a band covers.
SHEER = 0.4


@dataclass(frozen=True, eq=False)
class Stroke:
    """Lines of one colour and width.

    Attributes:
        lines: of each its points, (n, 2), along the two axes that are shown; (n, axes) on the
            source's grid while they are planned.
        colour: as napari takes it.
        width: pixels of the screen, `THIN` or `BOLD`.
        words: of the legend; empty for none.
    """

    lines: Sequence[NDArray[np.float64]]
    colour: str
    width: float = THIN
    words: str = ""


@dataclass(frozen=True, eq=False)
class Band:
    """What is filled between two lines.

    Attributes:
        corners: of rectangles, (n, 4, 2), along the two axes that are shown; (n, 4, axes) on the
            source's grid while they are planned.
        colour: as napari takes it; it is drawn sheer.
    """

    corners: NDArray[np.float64]
    colour: str


class StrokesOverlay(SceneOverlay):
    """Lines over all layers.

    Attributes:
        strokes: drawn in this order, the thin ones first.
        bands: under them.
    """

    strokes: tuple[Any, ...] = ()
    bands: tuple[Any, ...] = ()
    blending: Blending = Blending.TRANSLUCENT_NO_DEPTH


class VispyStrokes(ViewerOverlayMixin, VispySceneOverlay):
    """Draws a `StrokesOverlay`: bands, over them all halos, and over those all lines."""

    overlay: StrokesOverlay

    def __init__(self, **kwargs: Any) -> None:
        widths = (THIN, BOLD)
        self._halos = [Line(width=width + MORE, color=HALO, antialias=True) for width in widths]
        self._lines = [Line(width=width, antialias=True) for width in widths]
        self._bands = Sheets()
        super().__init__(node=Compound([self._bands, *self._halos, *self._lines]), **kwargs)
        self.overlay.events.strokes.connect(self._on_strokes_change)
        self.overlay.events.bands.connect(self._on_bands_change)
        self.reset()

    def _on_strokes_change(self, event: Any = None) -> None:
        # One word to the canvas, not one of each part.
        with self.node.events.update.blocker():
            self._set_strokes()
        self.node.update()

    def _set_strokes(self) -> None:
        for width, halo, line in zip((THIN, BOLD), self._halos, self._lines, strict=True):
            strokes = [one for one in self.overlay.strokes if one.width == width and one.lines]
            for each in (halo, line):
                put(each, visible=bool(strokes))
            if not strokes:
                continue
            pieces = [piece for one in strokes for piece in one.lines]
            lengths = [len(piece) for piece in pieces]
            # The screen has columns first.
            points = np.concatenate(pieces)[:, ::-1].astype(np.float32)
            joined = np.ones(len(points), np.bool_)
            joined[np.cumsum(lengths) - 1] = False
            tones = np.array([_rgba(one.colour) for one in strokes], dtype=np.float32)
            counts = [sum(len(piece) for piece in one.lines) for one in strokes]
            halo.set_data(points, connect=joined)
            line.set_data(points, color=np.repeat(tones, counts, axis=0), connect=joined)

    def _on_bands_change(self, event: Any = None) -> None:
        with self.node.events.update.blocker():
            self._set_bands()
        self.node.update()

    def _set_bands(self) -> None:
        bands = [one for one in self.overlay.bands if len(one.corners)]
        put(self._bands, visible=bool(bands))
        if bands:
            corners = np.concatenate([one.corners for one in bands])
            tones = [(*_rgba(one.colour)[:3], SHEER) for one in bands]
            counts = [len(one.corners) for one in bands]
            self._bands.set_data(corners[..., ::-1], np.repeat(np.array(tones), counts, axis=0))

    def reset(self) -> None:
        """See `VispyBaseOverlay`."""
        super().reset()
        self._on_strokes_change()
        self._on_bands_change()

    def close(self) -> None:
        """See `VispyBaseOverlay`."""
        self.overlay.events.strokes.disconnect(self._on_strokes_change)
        self.overlay.events.bands.disconnect(self._on_bands_change)
        super().close()


@lru_cache
def _rgba(colour: str) -> tuple[float, ...]:
    """A colour as vispy has it, which reads its name at every call."""
    return tuple(Color(colour).rgba.tolist())


overlay_to_visual[StrokesOverlay] = VispyStrokes
