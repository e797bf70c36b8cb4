"""Rectangles on the canvas that change from frame to frame, whose shader stays as it is.

vispy's own mesh makes buffers anew with each set of triangles, and a function of their colours, so
that its program is compiled and linked in each frame.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from vispy.gloo import VertexBuffer
from vispy.scene.visuals import create_visual_node
from vispy.visuals import Visual

#: A rectangle is two triangles: which of its corners they have.
TRIANGLES = [0, 1, 2, 0, 2, 3]
_VERTEX = """
varying vec4 v_tone;

void main() {
    v_tone = $tone;
    gl_Position = $transform(vec4($corner, 0.0, 1.0));
}
"""
_FRAGMENT = """
varying vec4 v_tone;

void main() {
    gl_FragColor = v_tone;
}
"""


class Triangles(Visual):
    """Triangles of which a shader is told two things, in buffers that stay: none is compiled anew.

    Args:
        vertex, fragment: the shader.
        depth: whether what lies before them hides them.
    """

    def __init__(self, vertex: str, fragment: str, depth: bool) -> None:
        self._buffers = VertexBuffer(), VertexBuffer()
        super().__init__(vcode=vertex, fcode=fragment)
        self._draw_mode = "triangles"
        self.set_gl_state("translucent", depth_test=depth, cull_face=False)

    def _upload(self, **told: NDArray[np.float32]) -> None:
        for buffer, (name, values) in zip(self._buffers, told.items(), strict=True):
            buffer.set_data(values)
            self.shared_program.vert[name] = buffer

    @staticmethod
    def _prepare_transforms(view: Any) -> None:
        view.view_program.vert["transform"] = view.transforms.get_transform()


class SheetsVisual(Triangles):
    """Filled rectangles, each of one colour."""

    def __init__(self) -> None:
        self._corners: NDArray[np.float32] | None = None
        self._tones: NDArray[np.float32] | None = None
        self._changed = False
        super().__init__(_VERTEX, _FRAGMENT, depth=True)
        self.freeze()

    def set_data(self, corners: NDArray[np.floating], tones: NDArray[np.floating]) -> None:
        """Draw others.

        Args:
            corners: (n, 4, 2), columns first, in order around each; at least one.
            tones: (n, 4) their colours.
        """
        self._corners = corners[:, TRIANGLES].reshape(-1, 2).astype(np.float32)
        self._tones = np.repeat(tones.astype(np.float32), len(TRIANGLES), axis=0)
        self._changed = True
        self.update()

    def _prepare_draw(self, view: Any) -> bool:
        if self._corners is None or self._tones is None:
            return False
        if self._changed:
            self._upload(corner=self._corners, tone=self._tones)
            self._changed = False
        return True


def corners_of(spans: NDArray[np.floating]) -> NDArray[np.float64]:
    """All four corners of rectangles, (n, 4, 2), of which two are given, (n, 2, 2)."""
    (left, top), (right, bottom) = np.moveaxis(spans, 0, -1)
    found: NDArray[np.float64] = np.array(
        [[left, top], [right, top], [right, bottom], [left, bottom]]
    )
    return np.moveaxis(found, -1, 0)


Sheets = create_visual_node(SheetsVisual)
