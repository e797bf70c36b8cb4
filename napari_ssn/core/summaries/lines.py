"""Bands of one slice and a line over them; numpy alone, because it is drawn."""

from __future__ import annotations

import numpy as np

from napari_ssn.geometry.arrays import Mask, Pixels

Plane = Pixels

#: Value of a voxel that the median hypothesis of a boxplot holds, beside that of the bands.
MEDIAN_BIT = 4


def boxplot_lines(values: Plane, width: int = 1) -> Plane:
    """Bands of a boxplot, 1 whole and 2 box, and over them the median's border, 3.

    Args:
        values: (Y, X), band plus `MEDIAN_BIT` where the median hypothesis has the label.
        width: of the border, in voxels.
    """
    out = values % MEDIAN_BIT
    out[_border(values >= MEDIAN_BIT, width)] = 3
    return out


def _border(mask: Mask, width: int) -> Mask:
    """Voxels of a mask within ``width`` steps along rows and columns of what is outside it.

    What lies beyond the edge of the picture is not outside.
    """
    inside = mask
    for _ in range(width):
        wide = np.pad(inside, 1, constant_values=True)
        inside = inside & wide[:-2, 1:-1] & wide[2:, 1:-1] & wide[1:-1, :-2] & wide[1:-1, 2:]
    return mask & ~inside
