"""Regions of an image, and the overlapping tiles that cover one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np

from napari_ssn.errors import GeometryError
from napari_ssn.geometry.arrays import Singles

# Standard deviation of the weights of a tile, as a share of its size: at the edges they are
# 3e-4 of those in the middle, and no seam shows.
_FADE = 1 / 8


@dataclass(frozen=True)
class Window:
    """A region of an image, and how far it reaches beyond it.

    Attributes:
        inside: slices of the image.
        before, after: voxels by which the region overhangs the image at each axis' ends.
    """

    inside: tuple[slice, ...]
    before: tuple[int, ...]
    after: tuple[int, ...]


def check_centre(centre: Sequence[float], space: Sequence[int]) -> None:
    """GeometryError if a centre is no voxel of the image."""
    if len(centre) != len(space):
        raise GeometryError(
            f"The centre {tuple(centre)} has {len(centre)} numbers, the image {len(space)} axes."
        )
    # Written so that NaN is outside too.
    if not all(0 <= c < n for c, n in zip(centre, space, strict=True)):
        shown = ", ".join(f"{float(c):g}" for c in centre)
        raise GeometryError(
            f"The centre ({shown}) lies outside the image ({' × '.join(map(str, space))} voxels)."
        )


def window_around(centre: tuple[int, ...], size: tuple[int, ...], space: tuple[int, ...]) -> Window:
    """Region of a size whose voxel ``size // 2`` is the centre; GeometryError if that is off."""
    check_centre(centre, space)
    first = [int(c) - s // 2 for c, s in zip(centre, size, strict=True)]
    return window_at(tuple(first), size, space)


def window_at(first: tuple[int, ...], size: tuple[int, ...], space: tuple[int, ...]) -> Window:
    """Region of a size by its first voxel, which may lie before the image's."""
    every = list(zip(first, size, space, strict=True))
    return Window(
        tuple(slice(max(f, 0), min(f + s, n)) for f, s, n in every),
        tuple(max(-f, 0) for f, _, _ in every),
        tuple(max(f + s - n, 0) for f, s, n in every),
    )


@dataclass(frozen=True, eq=False)
class Tile:
    """One run of the network.

    Attributes:
        window: where it lies.
        weights: of its voxels, one vector per axis; their product over the axes is the share
            that this tile has in each voxel. The shares of all tiles add up to 1.
    """

    window: Window
    weights: tuple[Singles, ...]

    def meets(self, nodes: Sequence[range | None]) -> bool:
        """Whether it holds some of these voxels along each axis; None is all of them."""
        return all(
            r is None or (inside.start < r.stop and r.start < inside.stop)
            for inside, r in zip(self.window.inside, nodes, strict=True)
        )


def starts(n: int, size: int) -> list[int]:
    """First voxels of tiles that cover an axis, each half over the one before.

    The last ends where the axis does. A tile larger than the axis overhangs both ends alike.
    """
    if size >= n:
        return [-((size - n) // 2)]
    step = max(1, size // 2)
    return [*range(0, n - size, step), n - size]


def shares(n: int, size: int, first: Sequence[int]) -> list[Singles]:
    """Share of each tile along an axis in the voxels of its part inside the axis.

    Gaussians around the tiles' middles, divided by their sum at each voxel. A product of these
    over the axes is a partition of unity too, so nothing has to be divided in the end.
    """
    at = np.arange(n)
    raw = []
    for start in first:
        away = (at - start - (size - 1) / 2) / (_FADE * size)
        there = (at >= start) & (at < start + size)
        raw.append(np.where(there, np.exp(-np.square(away) / 2), 0.0))
    total = np.sum(raw, axis=0)
    return [
        (weight / total)[max(start, 0) : start + size].astype(np.float32)
        for weight, start in zip(raw, first, strict=True)
    ]


def layout(space: Sequence[int], size: Sequence[int], first: Sequence[int | None]) -> list[Tile]:
    """Tiles of a size that cover a grid.

    Args:
        space: of the grid.
        size: of a tile.
        first: along each axis the first voxel of the only tile there, or None.
    """
    along = []
    for n, s, f in zip(space, size, first, strict=True):
        begin = starts(n, s) if f is None else [f]
        along.append(list(zip(begin, shares(n, s, begin), strict=True)))
    return [
        Tile(
            window_at(tuple(start for start, _ in places), tuple(size), tuple(space)),
            tuple(weight for _, weight in places),
        )
        for places in product(*along)
    ]
