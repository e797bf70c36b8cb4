"""Outlines drawn over a grey image, as an array of colours.

Lines are smooth and have a shadow under them, which keeps bright lines apart from bright tissue.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

if TYPE_CHECKING:
    from napari_ssn.io.content import Label

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Line:
    """The border of a region, to be drawn.

    Attributes:
        mask: (Y, X) bool.
        colour: ``#rrggbb``.
        width: in pixels of the picture.
        inside: pixels from the border to the middle of the line, into the region.
        opacity: 0 … 1.
    """

    mask: NDArray[np.bool_]
    colour: str
    width: float
    inside: float = 0.0
    opacity: float = 1.0


def view_around(
    marked: NDArray[np.bool_], spacing: tuple[float, float], least: int, margin: int
) -> tuple[slice, slice]:
    """A part of a plane around what is marked, as nearly square in mm as the plane allows.

    Args:
        marked: (Y, X).
        spacing: distance of rows and of columns.
        least: pixels that are shown along each axis if there are as many.
        margin: pixels around what is marked.
    """
    middles, sizes = [], []
    for axis in range(2):
        there = np.flatnonzero(marked.any(1 - axis))
        first, last = (there[0], there[-1] + 1) if len(there) else (marked.shape[axis] // 2,) * 2
        middles.append(int(first + last) // 2)
        sizes.append(max(least, int(last - first) + 2 * margin) * spacing[axis])
    found = []
    for middle, step, whole in zip(middles, spacing, marked.shape, strict=True):
        size = min(whole, max(1, round(max(sizes) / step)))
        start = min(max(0, middle - size // 2), whole - size)
        found.append(slice(start, start + size))
    return found[0], found[1]


def fitting(shape: tuple[int, ...], spacing: tuple[float, float], side: int) -> tuple[int, int]:
    """Height and width in which a plane is drawn true to its spacing, the longer one ``side``."""
    size = np.multiply(shape, spacing)
    height, width = np.maximum(1, np.rint(side * size / size.max())).astype(int).tolist()
    return height, width


def label_lines(
    label_map: NDArray[np.uint8], labels: Sequence[Label], width: float, opacity: float = 1.0
) -> list[Line]:
    """The border of every label of a label map (Y, X), in its colour."""
    # Where two labels touch, each line lies on its own side. A thin line on the border itself
    # would be a pale one over two pixels.
    inside = width / 2 if len(labels) > 1 or width <= 1 else 0.0
    return [
        Line(label_map == value, label.colour, width, inside, opacity)
        for value, label in enumerate(labels, start=1)
    ]


def grey_ends(values: NDArray[np.float32]) -> tuple[float, float]:
    """Values that are black and white: the 0.5th and the 99.5th percentile."""
    low, high = np.percentile(values.astype(np.float64), [0.5, 99.5])
    return float(low), float(high)


def grey_canvas(
    image: NDArray[np.float32], size: tuple[int, int], ends: tuple[float, float] | None = None
) -> Floats:
    """A plane (Y, X) enlarged to a size (h, w), as colours (h, w, 3) in 0 … 255.

    Args:
        image: the plane.
        size: of the picture.
        ends: values that are black and white; its own `grey_ends` if left out.
    """
    values = image.astype(np.float64)
    low, high = grey_ends(image) if ends is None else ends
    bright = 255 * ((values - low) / (high - low)).clip(0, 1) if high > low else 0 * values
    small = Image.fromarray(np.rint(bright).astype(np.uint8))
    large = np.asarray(small.resize(size[::-1], Image.Resampling.BILINEAR), np.float64)
    return np.repeat(large[..., None], 3, axis=-1)


def drawn(grey: Floats, layers: Sequence[Sequence[Line]]) -> NDArray[np.uint8]:
    """The image with layers of lines over it, (h, w, 3)."""
    canvas = grey.copy()
    for lines in layers:
        _draw(canvas, [line for line in lines if line.mask.any()])
    return np.rint(canvas).astype(np.uint8)


def png_of(pixels: NDArray[np.uint8]) -> bytes:
    """A picture (h, w, 3) as a file."""
    out = BytesIO()
    # Optimised it would be a tenth smaller, and take ten times as long.
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def _draw(canvas: Floats, lines: Sequence[Line]) -> None:
    """Draw lines over a canvas (h, w, 3) in place."""
    height, width = canvas.shape[:2]
    distances = [_border_distance(line.mask, (width, height)) for line in lines]
    # A shadow under all of them keeps bright lines apart from bright tissue.
    shadow = np.zeros((height, width))
    for line, distance in zip(lines, distances, strict=True):
        shadow = np.maximum(shadow, 0.6 * line.opacity * _ink(distance, line, line.width + 2))
    canvas *= 1 - shadow[..., None]
    for line, distance in zip(lines, distances, strict=True):
        colour = np.array([int(line.colour[i : i + 2], 16) for i in (1, 3, 5)], np.float64)
        ink = line.opacity * _ink(distance, line, line.width)
        canvas += ink[..., None] * (colour - canvas)


def _border_distance(mask: NDArray[np.bool_], size: tuple[int, int]) -> Floats:
    """Distance in pixels of the picture from a region's border, positive inside.

    The border runs along the edges of voxels, and along the image's own edge.
    """
    large = Image.fromarray(mask.astype(np.uint8)).resize(size, Image.Resampling.NEAREST)
    padded = np.pad(np.asarray(large) > 0, 1)
    inside = ndimage.distance_transform_edt(padded)
    outside = ndimage.distance_transform_edt(~padded)
    # A pixel beside the border has its middle half a pixel away from it.
    signed = np.where(padded, inside - 0.5, 0.5 - outside)
    return np.asarray(signed[1:-1, 1:-1], np.float64)


def _ink(distance: Floats, line: Line, width: float) -> Floats:
    """Share of each pixel that a line covers, so that its edge is smooth."""
    return ((width + 1) / 2 - np.abs(distance - line.inside)).clip(0, min(1.0, width))
