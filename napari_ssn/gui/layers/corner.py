"""Where a legend stands: in a corner where it covers no line, if there is one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from napari.viewer import Viewer
from numpy.typing import NDArray

#: Upper corners: the lower ones belong to the scale bar, and napari's status.
LEFT, RIGHT = "top_left", "top_right"
# Pixels around a legend, of a letter of 8 points and of a row, and of the sign before its words.
_PAD, _LETTER, _ROW, _SIGN = 10.0, 7.2, 18.0, 34.0
# Below the letter of the side at the upper edge.
_DOWN = 34.0
# Of the canvas's height, and rows that there always are.
_SHARE, _FEWEST = 1 / 3, 6


def on_canvas(viewer: Viewer, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points along the two axes on show, (n, 2), as pixels of the canvas from its upper left.

    Returns:
        (n, 2) of a pixel's row and column.
    """
    camera = viewer.scene.camera
    ways = [1.0 if one in ("down", "right") else -1.0 for one in camera.orientation2d]
    middle = np.asarray(camera.center[-2:])
    # Height and width.
    size = np.asarray(viewer.canvas.size, dtype=float)
    found: NDArray[np.float64] = size / 2 + (points - middle) * ways * camera.zoom
    return found


def rows_for(viewer: Viewer) -> int:
    """As many rows of a legend as leave the picture to be seen: a third of its height, or six."""
    return max(_FEWEST, int((viewer.canvas.size[0] * _SHARE - _DOWN) / _ROW))


def corner(
    viewer: Viewer, lines: Sequence[NDArray[np.float64]], words: Sequence[str], now: str
) -> str:
    """The corner for a legend of some rows: where it is now, unless that covers a line.

    Args:
        viewer: whose canvas it is.
        lines: of each its points, (n, 2), along the two axes on show.
        words: of the legend's rows.
        now: where it stands.
    """
    if not lines or not words:
        return now
    pixels = on_canvas(viewer, np.concatenate(lines))
    rows, columns = pixels[:, 0], pixels[:, 1]
    wide = _SIGN + _LETTER * max(map(len, words)) + 2 * _PAD
    above = rows < _DOWN + _ROW * len(words) + _PAD
    right = viewer.canvas.size[1] - wide
    covered = {LEFT: (above & (columns < wide)).sum(), RIGHT: (above & (columns > right)).sum()}
    other = RIGHT if now == LEFT else LEFT
    return other if covered[other] < covered[now] else now
