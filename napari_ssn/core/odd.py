"""Label maps of one image that may be stored otherwise than the rest, or be of something else.

Nothing is changed: a person is told, and looks. Where nobody says how a file's axes run, or which
number is which label, this is the last place where a slip can be seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import permutations, product
from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from napari_ssn.geometry.arrays import Labels

# Labels are compared at so many voxels along each axis, or twice as many, at most.
_LOOKED_AT = 96
# Share of the smaller of two labels in both, from which on they lie at one place, and up to which
# they do not.
_SAME, _OTHER = 0.5, 0.2
# Voxels of a map, at most, that are looked for in the others along other axes.
_LOOKED_FOR = 4096


@dataclass(frozen=True)
class Odd:
    """Numbers, from 0, of maps that a person should look at.

    Attributes:
        disordered: whose labels lie where most have other labels. Label c of one lies where the
            first one's label d does if, matched so that they overlap most, at least half of the
            smaller of the two is in both, and at most a fifth of c and c; and if so the labels
            only change places.
        turned: that lie where the others do only along other axes, or backwards: of its voxels
            at most a fifth have the same label in another one, on average, and along some other
            order or direction of axes of the same lengths at least half.
        apart: that have no voxel in common with any other, though both outline something.
    """

    disordered: tuple[int, ...] = ()
    turned: tuple[int, ...] = ()
    apart: tuple[int, ...] = ()


class _Turn(NamedTuple):
    """A way to store a grid: its axes in another order, then some of them backwards."""

    order: tuple[int, ...]
    back: tuple[bool, ...]


def odd_ones(maps: Sequence[Labels], classes: int) -> Odd:
    """Which of several label maps (*S) of ``classes`` labels are odd, see `Odd`."""
    disordered = _disordered(maps, classes)
    outlined = [number for number, one in enumerate(maps) if one.any()]
    if len(outlined) < 2:
        return Odd(disordered)
    votes = np.zeros(maps[0].shape, np.uint16)
    for number in outlined:
        votes += maps[number] > 0
    turned, apart = [], []
    for number in outlined:
        others = [maps[k] for k in outlined if k != number]
        if number not in disordered and _lies_turned(maps[number], others):
            turned.append(number)
        elif not (votes[maps[number] > 0] > 1).any():
            apart.append(number)
    return Odd(disordered, tuple(turned), tuple(apart))


def _lies_turned(one: Labels, others: Sequence[Labels]) -> bool:
    """Whether a map has the labels of others only along other axes."""
    flat = np.flatnonzero(one)
    flat = flat[:: -(-len(flat) // _LOOKED_FOR)]
    labels, places = one.reshape(-1)[flat], np.array(np.unravel_index(flat, one.shape))

    def alike(turn: _Turn) -> float:
        there = places[list(turn.order)]
        for axis, back in enumerate(turn.back):
            if back:
                there[axis] = one.shape[axis] - 1 - there[axis]
        return float(np.mean([(other[tuple(there)] == labels).mean() for other in others]))

    first, *ways = _ways(one.shape)
    return alike(first) <= _OTHER and max(map(alike, ways)) >= _SAME


def _ways(shape: tuple[int, ...]) -> Iterator[_Turn]:
    """All ways to store a grid that leave its shape as it is; the first is as it is."""
    for order in permutations(range(len(shape))):
        if tuple(shape[axis] for axis in order) == shape:
            for back in product((False, True), repeat=len(shape)):
                yield _Turn(order, back)


def _disordered(maps: Sequence[Labels], classes: int) -> tuple[int, ...]:
    steps = tuple(slice(None, None, max(1, n // _LOOKED_AT)) for n in maps[0].shape)
    parts = [one[steps] for one in maps]
    order = [_matched(one, parts[0], classes) for one in parts]
    usual = max(order, key=order.count)
    return tuple(number for number, one in enumerate(order) if one != usual)


def _matched(one: Labels, other: Labels, classes: int) -> tuple[tuple[int, int], ...]:
    """Labels of one map that lie where another has other labels, each with that label."""
    if classes < 3:
        return ()
    pairs = one.astype(np.int64) * classes + other
    both = np.bincount(pairs.reshape(-1), minlength=classes**2).reshape(classes, classes)
    smaller = np.minimum(both.sum(1)[1:, None], both.sum(0)[None, 1:])
    shared = both[1:, 1:] / np.maximum(smaller, 1)
    labels, places = linear_sum_assignment(shared, maximize=True)
    moved = {
        int(c) + 1: int(d) + 1
        for c, d in zip(labels, places, strict=True)
        if c != d and shared[c, d] >= _SAME and shared[c, c] <= _OTHER
    }
    # A speck of one label inside another is no other order of labels.
    while lost := moved.keys() ^ set(moved.values()):
        moved = {c: d for c, d in moved.items() if not {c, d} & lost}
    return tuple(moved.items())
