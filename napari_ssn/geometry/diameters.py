"""Longest diameters in one slice and what lies across them, as readers measure a lesion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.spatial import ConvexHull
from scipy.spatial.distance import pdist, squareform

from napari_ssn.geometry.affine import Affine
from napari_ssn.geometry.arrays import Floats, Labels, Mask
from napari_ssn.geometry.boxes import boxes_of
from napari_ssn.geometry.cutoff import Edge
from napari_ssn.geometry.orientation import closest_axes, direction_cosines

# Voxel sizes nearer than this are one size, and lengths nearer than this one length.
_SAME_SIZE, _SAME_LENGTH = 1e-3, 1e-9
# Points of an outline of which all pairs are looked at.
_FEW_POINTS = 200


@dataclass(frozen=True)
class Diameter:
    """The longest diameter of a label in any one slice, and the longest across it there.

    Attributes:
        longest, perpendicular: lengths in mm (in voxels, of an image whose voxel size is unknown);
            0 where the label is nowhere.
        slice_index: along the slice axis; None of a 2D image and where the label is nowhere.
        ends, across: the ends of the two, as voxel indices that need not be whole; empty where
            the label is nowhere.
        cut_off_by: edges that the label reaches, see `cutoff.cut_off_by`: it may be larger.
        apart: voxels of the label that are no part of the lesion that was pointed at, see
            `geometry.apart.apart_from`; 0 where nobody pointed at any.
    """

    longest: float = 0.0
    perpendicular: float = 0.0
    slice_index: int | None = None
    ends: tuple[tuple[float, ...], ...] = ()
    across: tuple[tuple[float, ...], ...] = ()
    cut_off_by: tuple[Edge, ...] = ()
    apart: int = 0

    @property
    def mean(self) -> float:
        """Mean of the two, which the Fleischner Society's recommendations go by for nodules."""
        return (self.longest + self.perpendicular) / 2


def slice_axis(space: Sequence[int], affine: Floats) -> int | None:
    """Axis of a grid along which its slices lie; None of a 2D image, which is one.

    Of a volume of one slice the axis of that one; else, where two of three voxel sizes are equal,
    as those of a scanner's pixels are, the third; else the axis nearest to head and feet.
    """
    if len(space) == 2:
        return None
    single = [axis for axis in range(3) if space[axis] == 1]
    if len(single) == 1:
        return single[0]
    sizes = Affine(affine).lengths
    others = [np.delete(sizes, axis) for axis in range(3)]
    alike = [axis for axis in range(3) if np.ptp(others[axis]) <= _SAME_SIZE * others[axis].max()]
    if len(alike) == 1:
        return alike[0]
    return closest_axes(direction_cosines(affine))[2]


def find_diameters(
    label_map: Labels, affine: Floats, classes: int, across: int | None
) -> tuple[Diameter, ...]:
    """Of each label but the background its `Diameter`.

    Args:
        label_map: (*S), two or three axes.
        affine: 4×4 of that grid, voxel index to mm.
        classes: number of labels C, background included.
        across: axis along which the slices lie; None of a 2D image.
    """
    plane = [axis for axis in range(label_map.ndim) if axis != across]
    # In mm from the edges of the plane: a sheared grid keeps its true distances.
    _, edges = np.linalg.qr(np.asarray(affine, dtype=np.float64)[:3, plane])
    found = []
    # A lesion is a small part of a scan: only where a label is its parts are looked for.
    for label, box in enumerate(boxes_of(label_map, classes), start=1):
        if box is None:
            found.append(Diameter())
            continue
        inside = label_map[box] == label
        stack = inside[None] if across is None else np.moveaxis(inside, across, 0)
        best, slab = _longest(stack, edges, [box[axis].start for axis in plane])
        assert best is not None
        longest, perpendicular, ends, other = best
        slab += 0 if across is None else box[across].start

        def placed(points: Floats, slab: int = slab) -> tuple[tuple[float, ...], ...]:
            rows = points if across is None else np.insert(points, across, slab, axis=1)
            return tuple(tuple(float(x) for x in row) for row in rows)

        index = None if across is None else slab
        found.append(Diameter(longest, perpendicular, index, placed(ends), placed(other)))
    return tuple(found)


_Best = tuple[float, float, Floats, Floats]


def _longest(stack: Mask, edges: Floats, first: Sequence[int]) -> tuple[_Best | None, int]:
    """The longest diameter in any slice of (slices, rows, columns), and in which.

    Its ends are counted from ``first``, row and column of the first voxel.
    """
    joined = np.zeros((3, 3, 3), np.bool_)
    joined[1] = True
    parts, _ = ndimage.label(stack, joined)
    boxes = [box for box in ndimage.find_objects(parts) if box is not None]
    # No part is longer than the diagonals of its box: the largest first, and few are looked at.
    most = _reach(
        [(box[1].stop - box[1].start, box[2].stop - box[2].start) for box in boxes], edges
    )
    best: _Best | None = None
    slab = 0
    for number in np.argsort(most, kind="stable")[::-1]:
        if best is not None and most[number] < best[0] * (1 - _SAME_LENGTH):
            break
        box = boxes[number]
        corner = np.array([first[0] + box[1].start, first[1] + box[2].start], dtype=np.float64)
        here = _measured(parts[box][0] == number + 1, edges, 0.0 if best is None else best[0])
        if here is None:
            continue
        longer = best is None or here[0] > best[0] * (1 + _SAME_LENGTH)
        as_long = best is not None and here[0] >= best[0] * (1 - _SAME_LENGTH)
        wider = best is not None and here[1] > best[1] * (1 + _SAME_LENGTH)
        even = best is not None and here[1] >= best[1] * (1 - _SAME_LENGTH)
        before = box[0].start < slab
        if longer or (as_long and (wider or (even and before))):
            best = (here[0], here[1], here[2] + corner, here[3] + corner)
            slab = box[0].start
    return best, slab


def _reach(boxes: Sequence[tuple[int, int]], edges: Floats) -> Floats:
    """The longer diagonal of each box of so many rows and columns, (n,)."""
    rows, columns = np.array(boxes, dtype=np.float64).T[:, None] * edges.T[..., None]
    return np.asarray(np.sqrt(np.square([rows + columns, rows - columns]).sum(1)).max(0))


def _measured(part: Mask, edges: Floats, least: float) -> _Best | None:
    """Of one part (rows, columns): both lengths, and the ends of each, (2, 2) indices.

    None of a part that is shorter than ``least``.
    """
    outline = _outline(part)
    around, short = outline @ edges.T, least * (1 - 2 * _SAME_LENGTH)
    # Of a small part this is known sooner than its hull.
    if least and len(outline) <= _FEW_POINTS and pdist(around).max() < short:
        return None
    hull = outline[ConvexHull(around).vertices]
    places = hull @ edges.T
    apart = squareform(pdist(places))
    longest = float(apart.max())
    if longest < short:
        return None
    best: _Best | None = None
    for i, j in np.argwhere(np.triu(apart >= longest * (1 - _SAME_LENGTH), 1)):
        across = _across(hull, places, int(i), int(j))
        length = float(np.linalg.norm(edges @ (across[1] - across[0])))
        if best is None or length > best[1] * (1 + _SAME_LENGTH):
            best = (longest, length, hull[[i, j]], across)
    assert best is not None
    return best


def _outline(part: Mask) -> Floats:
    """Midpoints of the outer edges of a part's voxels, those that can be on its hull, (n, 2)."""
    points = []
    for axis, on in enumerate((part, part.T)):
        lines = np.flatnonzero(on.any(1))
        first = on[lines].argmax(1) - 0.5
        last = on.shape[1] - on[lines, ::-1].argmax(1) - 0.5
        turn = 1 if axis == 0 else -1
        points += [np.stack([lines, edge][::turn], axis=1) for edge in (first, last)]
    return np.concatenate(points).astype(np.float64)


def _across(hull: Floats, places: Floats, i: int, j: int) -> Floats:
    """Ends of the longest chord of a convex polygon at a right angle to that from i to j.

    The chord's length is concave along the way and bends at the corners only, so that it is
    longest at one of them. No corner lies before i or after j, or the way to it were longer.
    """
    along = places[j] - places[i]
    along = along / np.linalg.norm(along)
    way = (places - places[i]) @ along
    one = [i, *_between(i, j, len(hull)), j]
    other = [j, *_between(j, i, len(hull)), i][::-1]
    stops = np.unique(way)
    ends = [
        np.stack([np.interp(stops, way[side], hull[side, axis]) for axis in (0, 1)], axis=1)
        for side in (one, other)
    ]
    heights = [
        np.interp(stops, way[side], (places[side] - places[i]) @ [-along[1], along[0]])
        for side in (one, other)
    ]
    widest = int(np.abs(heights[0] - heights[1]).argmax())
    return np.stack([ends[0][widest], ends[1][widest]])


def _between(i: int, j: int, count: int) -> list[int]:
    """Corners from i to j around a polygon, without these."""
    return [(i + step) % count for step in range(1, (j - i) % count)]
