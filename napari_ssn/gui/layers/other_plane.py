"""A plane of an image layer that the viewer does not show, as it would show it."""

from __future__ import annotations

import numpy as np
from napari.layers import Image
from numpy.typing import NDArray


def plane_of(
    image: Image, frame: int | None, way: tuple[int, int, int], at: int
) -> NDArray[np.uint8] | None:
    """A plane as places in the table of colours; None of what is not in memory.

    Args:
        image: a volume, or several, the first axis.
        frame: which of several; None of a single one.
        way: axes of the volume that are stacked, run down, and run across.
        at: slice along the stacked axis.
    """
    stacked, down, across = way
    whole = image.data[0] if image.multiscale else image.data
    if not isinstance(whole, np.ndarray):
        return None
    volume = whole if frame is None else whole[frame]
    plane = np.asarray(np.take(volume, at, stacked), np.float32)
    if down > across:
        plane = plane.T
    low, high = image.contrast_limits
    scaled = np.nan_to_num((plane - low) * (255.0 / max(high - low, 1e-9)))
    return np.ascontiguousarray(np.clip(scaled, 0, 255).astype(np.uint8))


def table_of(image: Image) -> tuple[int, ...]:
    """The colours of an image's values between its limits, as Qt writes them."""
    shares = np.linspace(0, 1, 256) ** image.gamma
    tones = np.rint(255 * np.asarray(image.colormap.map(shares))).astype(int)
    return tuple(
        0xFF000000 | (int(red) << 16) | (int(green) << 8) | int(blue)
        for red, green, blue, *_ in tones
    )
