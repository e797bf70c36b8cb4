"""Borders of hypotheses as lines that cross voxels: of one, and of what shares of many hold."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import ndtri

from napari_ssn.core.summaries.contours import INNER, MEDIAN, OUTER
from napari_ssn.core.summaries.lesions import Lesions
from napari_ssn.errors import DataError, ServerError
from napari_ssn.geometry.arrays import Floats, Ints, Labels, Where
from napari_ssn.geometry.contours import (
    Points,
    beside_border,
    between,
    field_of,
    isolines,
    outline,
)
from napari_ssn.prediction.decode import Position
from napari_ssn.prediction.overview import Overview
from napari_ssn.prediction.prediction import Prediction

#: A plane of an image: its index along the axis across, None along those it extends over.
Plane = tuple[int | None, ...]

#: Shares of the hypotheses whose lines are drawn, from the outermost: percent.
LEVELS = (OUTER, MEDIAN, INNER)


def part_of(prediction: Prediction, plane: Plane) -> Where | None:
    """Where a plane of the image cuts the region that was segmented; None where it passes by."""
    start, space = prediction.dist.start, prediction.dist.space
    part: list[slice | int] = []
    for at, first, size in zip(plane, start, space, strict=True):
        if at is not None and not first <= at < first + size:
            return None
        part.append(slice(None) if at is None else at - first)
    return tuple(part)


def corner_of(prediction: Prediction, plane: Plane) -> tuple[int, ...]:
    """First voxel of the region along the axes that a plane extends over."""
    return tuple(s for s, at in zip(prediction.dist.start, plane, strict=True) if at is None)


def border_field(
    prediction: Prediction,
    position: Position,
    lesions: Lesions | None,
    labels: Labels,
    plane: Plane,
    corner: Sequence[int],
    label: int | None = None,
) -> Floats:
    """Numbers in a plane that are 0 on the border of a label in one hypothesis, (Y, X).

    Between voxels it runs where the margin ``η_c − max_k≠c η_k`` is 0, ``η = μ + P z`` taken to
    change evenly on the way; of all labels but the background together ``max_c>0 η_c − η_0``. Each
    voxel of the label is inside and no other, also where somebody has painted, or a point acts
    beyond the model: there the margin says less of the way, and the label map all of the sides.

    Args:
        prediction: that it is a hypothesis of.
        position: where it stands.
        lesions: told apart as ``position.own`` numbers them; None where no lesion stands alone.
        labels: (Y, X), its label map in a part of the plane.
        plane: of the image's grid.
        corner: first voxel of ``labels`` along the two axes of the plane.
        label: whose border; None for all but the background together.
    """
    inside = labels > 0 if label is None else labels == label
    beside = beside_border(inside)
    size = np.ones(len(beside[0]))
    if position.z is not None and len(size):
        # Indices in the region along every axis, (axes, n).
        along = iter(beside_at + first for beside_at, first in zip(beside, corner, strict=True))
        index = np.stack([next(along) if at is None else np.full(len(size), at) for at in plane])
        index -= np.array(prediction.dist.start)[:, None]
        known = np.all((index >= 0) & (index < np.array(prediction.dist.space)[:, None]), axis=0)
        if known.any():
            voxels = np.ravel_multi_index(tuple(index[:, known]), prediction.dist.space)
            try:
                size[known] = np.abs(_margins(prediction, position, lesions, voxels, label))
                # What was painted beyond the region has a border, too.
                if not known.all():
                    size[~known] = np.median(size[known])
            except (ServerError, DataError):
                # What was painted far from any border of the model: halfway between voxels until
                # the model's numbers there have come.
                size[:] = 1
    return field_of(inside, beside, size)


def lines_of(field: Floats, plane: Plane, corner: Sequence[int]) -> list[Points]:
    """Border in a plane, of a `border_field`.

    Returns:
        of each line its points, (n, axes) of the image's grid; see `isolines`.
    """
    return [_placed(line, plane, corner) for line in isolines(field)]


def band_of(one: Floats, other: Floats, plane: Plane, corner: Sequence[int]) -> Points:
    """What lies between the borders of two `border_field`.

    Returns:
        corners of rectangles, (n, 4, axes) of the image's grid; see `between`.
    """
    return _placed(between(one, other), plane, corner)


def _margins(
    prediction: Prediction,
    position: Position,
    lesions: Lesions | None,
    voxels: Ints,
    label: int | None,
) -> Floats:
    """By how much a label, or any but the background, leads over the best of all others, (n,)."""
    mean, factor = prediction.dist.logits_at(voxels)
    assert position.z is not None
    rank = prediction.dist.rank
    logits = mean + np.tensordot(position.z[:rank], factor, 1)
    if position.own:
        assert lesions is not None
        here = lesions.parts.reshape(-1)[voxels]
        for number, z in position.own.items():
            alone = here == number
            logits[:, alone] = mean[:, alone] + np.tensordot(z[:rank], factor[:, :, alone], 1)
    own = logits[1:].max(0) if label is None else logits[label]
    others = logits[0] if label is None else np.delete(logits, label, axis=0).max(0)
    return np.asarray(own - others)


def share_lines(
    prediction: Prediction, overview: Overview, plane: Plane
) -> tuple[list[Points], ...]:
    """Lines in a plane around what at least 5, 50 and 95 % of the hypotheses hold.

    Between voxels they run where the normal score of the share is that of the level,
    ``Φ⁻¹((n + ½) / (N + 1))`` of n among N hypotheses: where a margin changes evenly on the way
    its score does, and its share does not. Each has the voxels of `contours` inside, no other.

    Args:
        prediction: whose hypotheses they are.
        overview: of contours.
        plane: of the image's grid.

    Returns:
        for each level, from the outermost, its lines as `lines_of` has them.
    """
    part = part_of(prediction, plane)
    if overview.tally is None or overview.draws is None:
        raise ValueError(f"overview: expected contours, got {overview.wish.kind}")
    if part is None:
        return ([],) * len(LEVELS)
    times, draws = overview.tally[part], overview.draws
    found = []
    for level in LEVELS:
        least = math.ceil(level * draws / 100)
        inside = times >= least
        beside = beside_border(inside)
        score = ndtri((times[beside] + 0.5) / (draws + 1)) - ndtri(least / (draws + 1))
        field = field_of(inside, beside, score)
        found.append(lines_of(field, plane, corner_of(prediction, plane)))
    return tuple(found)


def vote_lines(votes: Labels, levels: Sequence[int], plane: Plane) -> tuple[list[Points], ...]:
    """Lines in a plane around what at least so many people outlined, halfway between voxels.

    Args:
        votes: (C − 1, *S) how many of them give a voxel each label, on the image's grid.
        levels: how many it is, from the outermost line.
        plane: of the image's grid.

    Returns:
        for each level its lines, of all labels, as `lines_of` has them.
    """
    part = tuple(slice(None) if at is None else at for at in plane)
    corner = (0,) * sum(at is None for at in plane)
    return tuple(
        [_placed(line, plane, corner) for one in votes for line in outline(one[part] >= least)]
        for least in levels
    )


def _placed(points: Points, plane: Plane, corner: Sequence[int]) -> Points:
    """Points of a part of a plane, (…, 2), on the image's grid, (…, axes)."""
    along = iter(np.moveaxis(points + np.asarray(corner, dtype=np.float64), -1, 0))
    full = np.full(points.shape[:-1], 1.0)
    return np.stack([next(along) if at is None else full * at for at in plane], axis=-1)
