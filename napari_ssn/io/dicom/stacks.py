"""Stacks of parallel slices in one series, told apart by their places and their numbers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from napari_ssn.geometry.arrays import Floats
from napari_ssn.io.dicom.gaps import Gaps, by_numbers
from napari_ssn.io.dicom.part import Home, Part, in_order
from napari_ssn.io.dicom.stack import MOST_ROUNDED, rounded_mm

# Slices that a stack beside another has at least.
_RUN = 3
# Steps that differ by a larger share are others.
_SAME_STEP = 0.1
# Stacks that lie side by side are so many mm apart at least, and farther than slices of a tilted
# one shift, by so many times.
_ASIDE_MM, _ASIDE = 1.0, 4.0


def by_place(homes: Sequence[Home]) -> list[Part] | None:
    """Stacks that lie one after the other, told apart by where alone they lie.

    With a gap between them of a whole number of steps they may be one with slices missing. Where
    the files do not tell which it is they are offered as pieces, and both is said; where they do
    not and a single slice would fill each gap, that is missing.
    """
    points, normal = _points(homes)
    order = np.argsort(points @ normal, kind="stable")
    runs = _runs(points, order)
    found = None if runs is None else _stacks(homes, runs)
    if runs is None or found is None:
        return None
    gaps = _gaps(points, runs)
    missing = gaps.missing
    if missing is None:
        return found
    numbers = [[_number(homes[i]) for i in run] for run in runs]
    stacks = by_numbers(numbers, missing)
    if stacks is False or (stacks is None and max(missing) < 2):
        return None
    what, doubt = "stack" if stacks else "piece", gaps.words(missing, bool(stacks))
    return in_order(found, what, doubt)


def interleaved(found: Sequence[Part]) -> bool:
    """Whether slices of one part lie between, or at the same places as, those of another."""
    normal = _points(found[0].homes)[1]
    spans = []
    for part in found:
        along = _points(part.homes)[0] @ normal
        spans.append((float(along.min()), float(along.max())))
    spans.sort()
    return any(a[1] >= b[0] for a, b in pairwise(spans))


def aside(homes: Sequence[Home]) -> list[Part] | None:
    """Stacks of which the places within their planes lie apart."""
    points, normal = _points(homes)
    flat = points - np.outer(points @ normal, normal)
    flat -= flat.mean(axis=0)
    # Along the line on which they lie farthest apart.
    along = flat @ np.linalg.svd(flat, full_matrices=False)[2][0]
    order = np.argsort(along, kind="stable")
    away = np.diff(along[order])
    small = away[away <= _ASIDE_MM]
    usual = float(small.max()) if small.size else 0.0
    cuts = np.flatnonzero(away > max(_ASIDE_MM, _ASIDE * usual)) + 1
    if not cuts.size:
        return None
    return _stacks(homes, [[int(i) for i in run] for run in np.split(order, cuts)])


def in_turn(homes: Sequence[Home]) -> list[Part] | None:
    """Stacks that are numbered one after the other, and of which one begins within another."""
    numbers = [_number(home) for home in homes]
    known = [one for one in numbers if one is not None]
    if len(set(known)) < len(homes):
        return None
    points, _ = _points(homes)
    runs = _runs(points, np.argsort(known, kind="stable"))
    found = None if runs is None else _stacks(homes, runs)
    return found if found and interleaved(found) else None


def _points(homes: Sequence[Home]) -> tuple[Floats, Floats]:
    """Where slices lie, (n, 3) mm, and the normal of the first."""
    first = homes[0][1]
    points = np.array([plane.position for _, plane in homes], np.float64)
    return points, np.cross(first.across, first.down)


def _runs(points: Floats, order: NDArray[np.intp]) -> list[list[int]] | None:
    """Slices one after the other in equal steps; None if they are one run, or one is short."""
    steps = np.diff(points[order], axis=0)
    rounded = float(np.linalg.norm(rounded_mm(points)))
    runs: list[list[int]] = [[int(order[0])]]
    for k, step in enumerate(steps):
        before = steps[k - 1] if k and len(runs[-1]) > 1 else None
        if before is not None and _differ(step, before, rounded):
            runs.append([])
        runs[-1].append(int(order[k + 1]))
    return runs if len(runs) > 1 and min(map(len, runs)) >= _RUN else None


def _differ(step: Floats, other: Floats, rounded: float) -> bool:
    length = float(np.linalg.norm(other))
    allowed = max(_SAME_STEP * length, min(rounded, MOST_ROUNDED * length))
    return float(np.linalg.norm(step - other)) > allowed + 1e-6


def _stacks(homes: Sequence[Home], runs: Sequence[Sequence[int]]) -> list[Part] | None:
    """A part of each run; None if one is no even grid."""
    found = [Part.of([homes[i] for i in run]) for run in runs]
    if min(map(len, runs)) < _RUN or any(part.stack is None for part in found):
        return None
    return in_order(found, "stack")


def _gaps(points: Floats, runs: Sequence[Sequence[int]]) -> Gaps:
    return Gaps(
        np.array([points[b[0]] - points[a[-1]] for a, b in pairwise(runs)]),
        np.array([(points[run[-1]] - points[run[0]]) / (len(run) - 1) for run in runs]),
        max(map(len, runs)),
        float(np.linalg.norm(rounded_mm(points))),
    )


def _number(home: Home) -> int | None:
    """Of the file that a slice is; None if it is one of many in it."""
    one, _ = home
    return one.instance_number if len(one.planes) == 1 else None
