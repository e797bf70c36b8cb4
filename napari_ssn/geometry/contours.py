"""Borders in a plane as lines that cross voxels, from numbers whose sign says what lies inside."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from skimage.measure import find_contours

from napari_ssn.geometry.arrays import Floats, Mask
from napari_ssn.geometry.boxes import Box, box_of

Points = Floats

# What a line keeps from the centre of a voxel at least, as a share of the way to its neighbour:
# on the centre itself it would belong to neither.
_LEAST = 1e-4
# Parts of a voxel's side that what lies between two borders is made of, and how many such parts
# there are at most: of a large picture they are coarser.
_FINE, _PARTS = 4, 300_000


def beside_border(inside: Mask) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of the voxels beside a border: all that a line through there hangs on.

    A voxel is one of them if any of the up to four squares of 2 × 2 voxels that it is a corner of
    has corners inside and outside.

    Args:
        inside: (Y, X).
    """
    box = _around(inside)
    inside = inside[box]
    beside = np.zeros(inside.shape, np.bool_)
    if min(inside.shape) > 1:
        mixed = _mixed(inside)
        for up in (slice(None, -1), slice(1, None)):
            for left in (slice(None, -1), slice(1, None)):
                beside[up, left] |= mixed
    rows, columns = np.nonzero(beside)
    return rows + box[0].start, columns + box[1].start


def _around(inside: Mask) -> Box:
    """What holds a mask and its border: all else is looked at by nobody, whatever the plane."""
    return box_of(inside, margin=1) or (slice(0, 0), slice(0, 0))


def field_of(
    inside: Mask, beside: tuple[NDArray[np.intp], NDArray[np.intp]], size: NDArray[np.floating]
) -> Floats:
    """Numbers above 0 inside a mask and below 0 outside, as large as is said beside its border.

    The mask decides the sign and the numbers only how near to which voxel the border runs: what is
    drawn has the voxels of the mask inside, each and no other. Elsewhere the numbers are ±1, which
    no line depends on.

    Args:
        inside: (Y, X).
        beside: of `beside_border`.
        size: (n,) of these voxels, in any unit that runs evenly across a border; its sign does
            not matter.
    """
    field = np.where(inside, 1.0, -1.0)
    found = np.abs(np.asarray(size, dtype=np.float64))
    # Two numbers that are 0, or beyond all others, would leave the place of the line open.
    most = float(found.max(initial=0.0)) or 1.0
    field[beside] *= np.maximum(found, most * _LEAST**2)
    return field


def isolines(field: Floats, level: float = 0.0) -> list[Points]:
    """Lines on which a field in a plane has a level, by marching squares.

    Between two neighbours with values a and b the line runs at ``(level − a) / (b − a)`` of the
    way. Where it meets the edge of the plane it ends.

    Args:
        field: (Y, X) values at the centres of voxels.
        level: of the line.

    Returns:
        of each line its points, (n, 2) row and column, voxel centres at whole numbers; first and
        last are equal where it is closed.

    Source: Lorensen and Cline, SIGGRAPH 1987, in two dimensions; scikit-image's.
    """
    box = _around(field > level)
    corner = np.array([part.start for part in box], dtype=np.float64)
    if min(field[box].shape) < 2:
        return []
    return [line + corner for line in find_contours(field[box], level)]


def outline(mask: Mask) -> list[Points]:
    """Lines around a mask of which nothing more is known: halfway between its voxels and others."""
    beside = beside_border(mask)
    return isolines(field_of(mask, beside, np.ones(len(beside[0]))))


def between(one: Floats, other: Floats) -> Points:
    """What lies inside one of two borders and not inside the other, as rectangles.

    Between voxels the fields change evenly along rows and along columns, as `isolines` has it;
    the rectangles are a quarter of a voxel high, and no point is in two of them.

    Args:
        one, other: (Y, X), above 0 inside.

    Returns:
        corners of each, (n, 4, 2) row and column, in order around it.
    """
    box = _around((one > 0) | (other > 0))
    if min(one[box].shape) < 2:
        return np.empty((0, 4, 2))
    corner = np.array([part.start for part in box], dtype=np.float64)
    fine = max(1, min(_FINE, int(np.sqrt(_PARTS / one[box].size))))
    differ = _differ(one[box], other[box], fine)
    # Runs along the rows: where each begins and where it has ended, in turn.
    steps = np.zeros((len(differ), differ.shape[1] + 1), np.bool_)
    steps[:, :-1] = differ
    steps[:, 1:] ^= differ
    rows, columns = np.divmod(np.flatnonzero(steps), steps.shape[1])
    top, left, right = rows[::2], columns[::2], columns[1::2]
    around = np.array([[top, left], [top, right], [top + 1, right], [top + 1, left]])
    return np.moveaxis(around, 2, 0) / fine + corner


def _differ(one: Floats, other: Floats, parts: int) -> Mask:
    """Which parts of the squares between values are above 0 in one of two fields alone.

    Looked at are the squares that a border goes through, and of all others one corner.

    Args:
        one, other: (Y, X).
        parts: of each side of a square.

    Returns:
        ((Y − 1) · parts, (X − 1) · parts).
    """
    both = np.stack([one, other])
    inside = both > 0
    rows, columns = one.shape[0] - 1, one.shape[1] - 1
    found = np.empty((rows, parts, columns, parts), np.bool_)
    # What lies side by side in a square is written as one: (rows, parts, columns).
    beside = np.dtype((np.void, parts))
    wide = found.view(beside)[..., 0]
    either = np.repeat([[False], [True]], parts, axis=1).view(beside)[:, 0]
    wide[:] = either[(inside[0] != inside[1])[:-1, :-1].view(np.uint8)][:, None]
    at = np.nonzero(_mixed(inside).any(0))
    # Corners of each square, upper and lower, left and right: (2, n, 1) each.
    first = at[0] * one.shape[1] + at[1]
    flat = both.reshape(2, -1)
    near, far, below, beyond = (
        flat.take(first + step, 1)[:, :, None] for step in (0, 1, one.shape[1], one.shape[1] + 1)
    )
    share = (np.arange(parts) + 0.5) / parts
    left = (near * (1 - share) + below * share)[..., None]
    right = (far * (1 - share) + beyond * share)[..., None]
    above = left * (1 - share) + right * share > 0
    wide[at[0], :, at[1]] = (above[0] != above[1]).view(beside)[..., 0]
    return found.reshape(rows * parts, columns * parts)


def _mixed(inside: Mask) -> Mask:
    """Of each square of 2 × 2 whether its corners are on both sides, (…, Y − 1, X − 1)."""
    first = inside[..., :-1, :-1]
    found: Mask = first != inside[..., 1:, :-1]
    found |= first != inside[..., :-1, 1:]
    found |= first != inside[..., 1:, 1:]
    return found


def box_edges(
    start: Sequence[int], space: Sequence[int], whole: Sequence[int], plane: Sequence[int | None]
) -> list[Points]:
    """Edges of a box of voxels in a plane, one closed line.

    Args:
        start, space: first voxel of the box, and its shape.
        whole: shape of the image.
        plane: its index along the axis across, None along those it extends over.

    Returns:
        (5, axes), along the outer faces of the voxels; nothing where the plane passes the box by,
        and where the box is all there is of the plane.
    """
    shown = [axis for axis, at in enumerate(plane) if at is None]
    beside = any(
        at is not None and not 0 <= at - start[axis] < space[axis] for axis, at in enumerate(plane)
    )
    if beside or all(space[axis] == whole[axis] for axis in shown):
        return []
    corners = np.array([[0 if at is None else at for at in plane]] * 5, dtype=np.float64)
    for axis, far in zip(shown, ([0, 1, 1, 0, 0], [0, 0, 1, 1, 0]), strict=True):
        corners[:, axis] = start[axis] - 0.5 + np.array(far) * space[axis]
    return [corners]
