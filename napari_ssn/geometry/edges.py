"""Outlines along the edges of pixels, as what was marked by hand is drawn."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from napari_ssn.geometry.arrays import Floats

#: Starts and ends of straight edges, each (edges,), as places in a flat list of corners.
_Edges = tuple[NDArray[np.intp], NDArray[np.intp]]


def edges_of(masks: NDArray[np.generic]) -> tuple[list[int], list[Floats]]:
    """Borders of the regions and holes of masks along the edges of pixels.

    Args:
        masks: (masks, rows, columns), inside where it is not 0; pixel (r, c) covers r ± ½, c ± ½.

    Returns:
        for each loop the mask that it is of, from the first mask to the last; and the loops, each
        (points, 2), closed: the first point is repeated at the end, and there is a point only
        where the border turns.

    >>> of, (loop,) = edges_of(np.array([[[0, 0, 0]], [[0, 1, 1]]]))
    >>> of, loop.tolist()
    ([1], [[-0.5, 0.5], [-0.5, 2.5], [0.5, 2.5], [0.5, 0.5], [-0.5, 0.5]])
    """
    # A corner lies between each four pixels; those outside are of no region.
    inside = np.pad(np.asarray(masks, dtype=bool), ((0, 0), (1, 1), (1, 1))).view(np.int8)
    corners = (inside.shape[0], inside.shape[1] - 1, inside.shape[2] - 1)
    # They run with the region on their right, so that each ends where another begins.
    tops, bottoms = _runs(np.diff(inside, axis=1)[:, :, 1:-1], corners, turned=False)
    lefts, rights = _runs(np.diff(inside, axis=2)[:, 1:-1], corners, turned=True)
    following: dict[int, list[int]] = {}
    for starts, ends in (tops, rights, bottoms[::-1], lefts[::-1]):
        for one, other in zip(starts.tolist(), ends.tolist(), strict=True):
            following.setdefault(one, []).append(other)
    loops = list(_loops(following))
    if not loops:
        return [], []
    of, *where = np.unravel_index(np.concatenate([np.array(loop) for loop in loops]), corners)
    # Corner 0 lies half a pixel before pixel 0.
    points = np.stack(where, axis=1) - 0.5
    last = np.cumsum([len(loop) for loop in loops])
    return of[last - 1].tolist(), np.split(points, last[:-1])


def _runs(
    steps: NDArray[np.int8], corners: tuple[int, int, int], turned: bool
) -> tuple[_Edges, _Edges]:
    """Straight edges where regions begin, and those where they end, as far as they go.

    Args:
        steps: 1 where a region begins between two pixels, -1 where it ends.
        corners: how many there are along each axis.
        turned: whether edges run down the rows instead of along the columns.
    """
    along = np.swapaxes(steps, 1, 2) if turned else steps
    wide = np.pad(along, ((0, 0), (0, 0), (1, 1)))
    changes = wide[..., 1:] != wide[..., :-1]
    found = []
    for sign in (1, -1):
        here = wide == sign
        # In a line edges begin and end by turns: both come in the same order.
        starts = np.nonzero(changes & here[..., 1:])
        ends = np.nonzero(changes & here[..., :-1])
        places = [
            np.ravel_multi_index((one, at, line) if turned else (one, line, at), corners)
            for one, line, at in (starts, ends)
        ]
        found.append((places[0], places[1]))
    return found[0], found[1]


def _loops(following: dict[int, list[int]]) -> Iterator[list[int]]:
    """Closed loops of corners, each followed by those that an edge leads to from it."""
    while following:
        first = at = next(iter(following))
        loop = [first]
        while True:
            ends = following[at]
            begun, at = at, ends.pop()
            if not ends:
                del following[begun]
            loop.append(at)
            if at == first:
                break
        yield loop
