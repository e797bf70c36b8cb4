"""Words on the canvas, printed by Qt into one picture of all of them.

vispy draws each letter from a map of distances, which every canvas finds anew for each letter, and
looks up sixteen of them for each pixel in each frame: without a graphics card a legend took as long
as the image under it.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil
from typing import Any

import numpy as np
from numpy.typing import NDArray
from qtpy.QtCore import QPointF, Qt
from qtpy.QtGui import QFont, QFontMetricsF, QImage, QPainter
from vispy.gloo import Texture2D
from vispy.scene.visuals import create_visual_node

from napari_ssn.gui.layers.sheets import TRIANGLES, Triangles, corners_of

# What napari makes of a point, in pixels: twice the 96 to an inch that screens have, by the 72 of
# print, so that ours are as large as napari's own words.
_POINT = (96 / 72) ** 2
# Pixels on either side of a word, for what reaches out of its letters' places.
_MARGIN = 1
# Of the picture on either side, in pixels: as many as every graphics card has, and no screen.
_MOST = 1 << 13
_VERTEX = """
varying vec2 v_place;

void main() {
    v_place = $place;
    gl_Position = $transform(vec4($corner, 0.0, 1.0));
}
"""
_FRAGMENT = """
varying vec2 v_place;

void main() {
    gl_FragColor = vec4($tone.rgb, $tone.a * texture2D($ink, v_place).r);
}
"""


class PrintedVisual(Triangles):
    """Words of one size and colour, each in a place of its own.

    Args:
        face: of the letters.
    """

    def __init__(self, face: str) -> None:
        self._face, self._points = face, 0.0
        self._words: tuple[str, ...] = ()
        self._corners = np.zeros((0, 2))
        # Pixels of the screen for one of the canvas, as it was printed last; none: anew.
        self._ratio: float | None = None
        self._ink = Texture2D(np.zeros((1, 1, 1), np.uint8), interpolation="nearest")
        super().__init__(_VERTEX, _FRAGMENT, depth=False)
        self.shared_program.frag["ink"] = self._ink
        self.shared_program.frag["tone"] = (1.0, 1.0, 1.0, 1.0)
        self.freeze()

    def set_words(self, words: Sequence[str], points: float) -> NDArray[np.float64]:
        """Print others.

        Args:
            words: none of them empty; each in one line, whatever it has within.
            points: size of the letters, as napari has it.

        Returns:
            (n, 2) width and height of each, in pixels of the canvas.
        """
        lines = tuple(" ".join(one.splitlines()) for one in words)
        if (lines, points) != (self._words, self._points):
            self._words, self._points, self._ratio = lines, points, None
            self.update()
        return self._sizes(1.0)

    def place(self, corners: NDArray[np.floating], tone: NDArray[np.floating]) -> None:
        """Lay them somewhere.

        Args:
            corners: (n, 2) upper left of each, columns first, in pixels of the canvas.
            tone: (4,) colour of all.
        """
        if not np.array_equal(self._corners, corners):
            self._corners, self._ratio = np.array(corners, float), None
        self.shared_program.frag["tone"] = tuple(float(one) for one in tone)
        self.update()

    def _font(self, ratio: float) -> QFont:
        font = QFont(self._face)
        # Never larger than what was said of them, times the ratio: they would leave their ground.
        font.setPixelSize(max(1, int(max(1, round(self._points * _POINT)) * ratio)))
        return font

    def _sizes(self, ratio: float) -> NDArray[np.float64]:
        """Width and height of each, in pixels of the screen, (n, 2)."""
        metrics = QFontMetricsF(self._font(ratio))
        wide = [ceil(metrics.horizontalAdvance(one)) for one in self._words]
        return np.array([[one, ceil(metrics.height())] for one in wide], float).reshape(-1, 2)

    def _spans(self) -> NDArray[np.float64]:
        """Upper left and lower right corner of each, (n, 2, 2)."""
        sizes = self._sizes(1.0)
        margin = np.array([_MARGIN, 0.0])
        return np.stack([self._corners - margin, self._corners + sizes + margin], axis=1)

    def _print(self, ratio: float) -> None:
        """Each word below the other, in pixels of the screen; what is far off it is left out."""
        spans = self._spans()
        # Letters of another size are not as wide as the ratio says: fonts round some of them.
        needed = self._sizes(ratio) + np.array([2 * _MARGIN * ratio, 0])
        sizes = np.ceil(np.maximum((spans[:, 1] - spans[:, 0]) * ratio, needed)).astype(int)
        sizes = np.minimum(sizes, _MOST)
        tops = np.concatenate([[0], np.cumsum(sizes[:, 1])])
        fit = int((tops[1:] <= _MOST).sum())
        spans, sizes, tops = spans[:fit], sizes[:fit], tops[: fit + 1]
        wide, high = int(sizes[:, 0].max()), int(tops[-1])
        image = QImage(wide, high, QImage.Format.Format_Grayscale8)
        image.fill(Qt.GlobalColor.black)
        painter, font = QPainter(image), self._font(ratio)
        painter.setFont(font)
        painter.setPen(Qt.GlobalColor.white)
        above = QFontMetricsF(font).ascent()
        for word, top in zip(self._words, tops[:-1].tolist(), strict=False):
            painter.drawText(QPointF(_MARGIN * ratio, top + above), word)
        painter.end()
        bits = image.constBits()
        if hasattr(bits, "setsize"):
            bits.setsize(image.sizeInBytes())
        ink = np.frombuffer(bits, np.uint8).reshape(high, image.bytesPerLine())[:, :wide]
        # A copy: Qt takes the picture back before it is uploaded.
        self._ink.set_data(ink[..., None].copy())
        # Where in the picture each is, and where on the canvas: pixel for pixel.
        begin = np.stack([np.zeros(len(sizes)), tops[:-1]], axis=1)
        inside = np.stack([begin, begin + sizes], axis=1) / (wide, high)
        first = np.round(spans[:, 0] * ratio)
        outside = np.stack([first, first + sizes], axis=1) / ratio
        corner, place = (
            corners_of(spans)[:, TRIANGLES].reshape(-1, 2).astype(np.float32)
            for spans in (outside, inside)
        )
        self._upload(corner=corner, place=place)
        self._ratio = ratio

    def _prepare_draw(self, view: Any) -> bool:
        if not self._words or len(self._corners) != len(self._words):
            return False
        ratio = float(view.transforms.pixel_scale)
        if self._ratio != ratio:
            self._print(ratio)
        return True


Printed = create_visual_node(PrintedVisual)
