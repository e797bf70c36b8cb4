"""A result as one of two scans of a lesion: what is said of it, seen of it, and where it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from napari_ssn.errors import NEVER, Cancel
from napari_ssn.geometry.arrays import Floats, Labels, Pixels, Singles
from napari_ssn.geometry.intensity import seems_ct
from napari_ssn.io.content import Label as Named
from napari_ssn.prediction.choice import Choice, Conditions, Points
from napari_ssn.prediction.decode import hypothesis_of
from napari_ssn.prediction.lengths import Lengths, measure_lengths
from napari_ssn.prediction.lesions import middle_of
from napari_ssn.prediction.prediction import Prediction
from napari_ssn.prediction.ranges import Ranges, count_ranges
from napari_ssn.prediction.scan import Scan, scan_of
from napari_ssn.prediction.source import Source
from napari_ssn.prediction.wish import SIDE
from napari_ssn.text.pictures import drawn, grey_canvas, grey_ends, label_lines

Voxel = tuple[int, ...]
#: What two places are linked by: one that somebody set, a region's middle, a point, an outline's.
Link = Literal["set", "region", "point", "outline", "image"]

# Millimetres to either side of a place that are kept of a scan, and that are shown of it at least
# and around what is outlined.
_KEPT, _LEAST, _MARGIN = 60.0, 15.0, 8.0


@dataclass(frozen=True, eq=False)
class View:
    """A piece of a scan around a place, as the window turns it.

    Attributes:
        image: (Z, Y, X) intensities; of a slice Z is 1.
        labels: (Z, Y, X) of the middle hypothesis.
        spacing: of its axes in mm, in voxels where that is unknown.
        place: index in it of what is in the middle of pictures.
        reach: mm to either side of that within which something is outlined.
        names: labels but the background, with their colours.
        affine: 4×4 of it, index to mm.
        counted: whether a value means the same in every image, as Hounsfield units do.
    """

    image: Singles
    labels: Labels
    spacing: tuple[float, float, float]
    place: tuple[int, int, int]
    reach: float
    names: tuple[Named, ...]
    affine: Floats = field(default_factory=lambda: np.eye(4))
    counted: bool = False


@dataclass(frozen=True, eq=False)
class Followed:
    """A result as one of two scans.

    Attributes:
        scan: what is said of it.
        view: what is seen of it.
        place: voxel of its image that lies on that of the other scan.
        link: what that is.
    """

    scan: Scan
    view: View
    place: Voxel
    link: Link


def follow(
    prediction: Prediction,
    points: Points,
    only: Conditions,
    count: int,
    place: Voxel | None = None,
    ranges: Ranges | None = None,
    lengths: Lengths | None = None,
    cancel: Cancel = NEVER,
) -> Followed:
    """Find out what a comparison needs of a result.

    Args:
        prediction: the result.
        points, only: that its hypotheses are given.
        count: hypotheses behind the range.
        place: that somebody has set.
        ranges, lengths: of these, where they are known.
        cancel: looked at on the way.
    """
    if ranges is None:
        ranges = count_ranges(prediction, points, only, count, cancel)
    if lengths is None:
        lengths = measure_lengths(prediction, points, only, cancel)
    label_map = hypothesis_of(prediction, Choice(points=points, only=only), None).label_map
    inside = [point.index for point in points if point.label > 0]
    where, link = place_in(prediction.moved_to or prediction.centre, inside, label_map)
    if place is not None:
        where, link = place, "set"
    scan = scan_of(prediction, points, only, ranges, lengths)
    labels = prediction.card.labels[1:]
    return Followed(scan, view_of(prediction.source, label_map, where, labels), where, link)


def place_in(
    centre: Voxel | None, inside: Sequence[Voxel], label_map: Labels
) -> tuple[Voxel, Link]:
    """The best guess at a place that two scans have in common.

    Args:
        centre: of the region that was looked at; None for the whole image.
        inside: voxels that somebody has said to belong to the lesion.
        label_map: of the middle hypothesis.
    """
    if centre is not None:
        return centre, "region"
    if inside:
        return inside[0], "point"
    if (middle := middle_of(label_map)) is not None:
        return middle, "outline"
    return tuple(size // 2 for size in label_map.shape), "image"


def view_of(source: Source, label_map: Labels, place: Voxel, names: Sequence[Named]) -> View:
    """A piece of an image around a voxel, with a label map and the names of its labels."""
    turn = source.turn
    image = turn.apply(source.load().data[0])
    affine = turn.affine(source.affine, source.space)
    labels = turn.apply(label_map)
    at = turn.index_to_display(place, source.space)
    lengths = source.spacing_mm or (1.0,) * len(source.space)
    spacing = tuple(lengths[axis] for axis in turn.order)
    if image.ndim == 2:
        image, labels, at, spacing = image[None], labels[None], (0, *at), (1.0, *spacing)
    box = []
    for middle, step, size in zip(at, spacing, image.shape, strict=True):
        half = int(np.ceil(_KEPT / step))
        box.append(slice(max(0, middle - half), min(size, middle + half + 1)))
    part = tuple(box)
    piece = np.ascontiguousarray(labels[part])
    inner = (at[0] - part[0].start, at[1] - part[1].start, at[2] - part[2].start)
    z, y, x = spacing
    ct, modality = source.ct, source.declared.modality
    # Of a file that says nothing its values tell.
    silent = ct is None and modality is None
    counted = bool(ct) or modality == "CT" or (silent and seems_ct(image[part]))
    if len(source.space) == 3:
        affine = affine.copy()
        affine[:3, 3] += affine[:3, :3] @ [one.start for one in part]
    return View(
        np.ascontiguousarray(image[part], np.float32),
        piece,
        (z, y, x),
        inner,
        reach_of(piece, inner, (z, y, x)),
        tuple(names),
        affine,
        counted,
    )


def reach_of(labels: Labels, place: tuple[int, ...], spacing: tuple[float, ...]) -> float:
    """Mm from a place, along rows or columns, to the farthest label of (Z, Y, X)."""
    reach = 0.0
    for axis in (1, 2):
        there = np.flatnonzero(labels.any(tuple(k for k in range(3) if k != axis)))
        if len(there):
            ends = (place[axis] - int(there[0]), int(there[-1]) - place[axis])
            reach = max(reach, max(ends) * spacing[axis])
    return reach


def pictures(
    views: Sequence[View], offset_mm: float = 0.0, side: int = SIDE
) -> list[Pixels | None]:
    """The same slice of some scans, as large in all of them; None of one that ends before.

    Args:
        views: of each scan.
        offset_mm: of the slice from that through the scan's place.
        side: pixels of a picture's side.
    """
    half = min(_KEPT, max(_LEAST, max(one.reach for one in views) + _MARGIN))
    planes = [_plane(one, offset_mm, half) for one in views]
    # Where a grey means the same in all it is the same grey in all.
    together = all(one.counted for one in views)
    values = [one[0].ravel() for one in planes if one is not None]
    ends = grey_ends(np.concatenate(values)) if together and values else None
    return [
        None if plane is None else _picture(*plane, one.names, ends, side)
        for one, plane in zip(views, planes, strict=True)
    ]


def ends_of(views: Sequence[View]) -> tuple[float, float]:
    """Offsets in mm of the first and the last slice that any of some scans has."""
    low = min(-one.place[0] * one.spacing[0] for one in views)
    high = max((len(one.image) - 1 - one.place[0]) * one.spacing[0] for one in views)
    return low, high


def _plane(view: View, offset_mm: float, half: float) -> tuple[Singles, Labels] | None:
    """A slice of a view and its labels, so many mm to all sides; None where it ends before."""
    at = view.place[0] + round(offset_mm / view.spacing[0])
    if not 0 <= at < len(view.image):
        return None
    # What lies beyond the image is black.
    pads, box = [], []
    for axis in (1, 2):
        wide = max(1, round(half / view.spacing[axis]))
        low, high = view.place[axis] - wide, view.place[axis] + wide + 1
        size = view.image.shape[axis]
        pads.append((max(0, -low), max(0, high - size)))
        box.append(slice(max(0, low), min(size, high)))
    rows, columns = box
    plane = view.image[at, rows, columns]
    image = np.pad(plane, pads, constant_values=float(plane.min()))
    return image, np.pad(view.labels[at, rows, columns], pads)


def _picture(
    image: Singles,
    labels: Labels,
    names: Sequence[Named],
    ends: tuple[float, float] | None,
    side: int,
) -> Pixels:
    # A line of the width that cards have.
    lines = label_lines(labels, names, 3.0 * side / SIDE)
    return drawn(grey_canvas(image, (side, side), ends), [lines])


def shifted(one: Source, here: Voxel, other: Source, there: Voxel, voxel: Voxel) -> Voxel | None:
    """Where a voxel of one image lies in another by a shift; None where that has no such voxel.

    ``A₂⁻¹ (A₁ voxel − A₁ here + A₂ there)``, rounded, with the affines A of both.

    Args:
        one, other: the images.
        here, there: a voxel of each that lie on one another.
        voxel: of the first.
    """
    moved = one.affine[:3, :3] @ (_three(voxel) - _three(here))
    found = np.linalg.solve(other.affine[:3, :3], moved) + _three(there)
    index = tuple(int(value) for value in np.rint(found))[: len(other.space)]
    inside = all(0 <= at < size for at, size in zip(index, other.space, strict=True))
    return index if inside else None


def _three(voxel: Voxel) -> Floats:
    return np.array((*voxel, 0.0)[:3], np.float64)
