"""Outcomes that come true in several places, against their exact probabilities."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from napari_ssn.core.distribution import LogitDistribution
from napari_ssn.core.given.clicks import Click
from napari_ssn.core.given.conditioning import condition
from napari_ssn.core.given.outcomes import (
    VolumeAtLeast,
    VolumeAtMost,
    ask,
)
from tests.support.smooth import smooth_dist

#: A voxel for every place where an axis passes it, on the way up or, with −1, on the way down.
Axis = list[tuple[int, float]]


def passes(axes: list[Axis], rank: int) -> LogitDistribution:
    """Voxels in a row, each labelled where ``sign · z > place`` on its axis."""
    voxels = [(k, sign, place) for k, axis in enumerate(axes) for sign, place in axis]
    columns = [
        np.array([[float(sign) if k == r else 0.0 for k, sign, _ in voxels]]) for r in range(rank)
    ]
    return smooth_dist(np.array([[-place for _, _, place in voxels]]), columns)


def exactly(axes: list[Axis], size: int) -> float:
    """P(at least so many voxels): axes are independent, and between two places nothing changes."""
    law = np.ones(1)
    for axis in axes:
        edges = sorted({sign * place for sign, place in axis})
        bounds = [-math.inf, *edges, math.inf]
        one = np.zeros(len(axis) + 1)
        for low, high in pairwise(bounds):
            inside = low + 1e-9 if high == math.inf else high - 1e-9
            count = sum(sign * inside > place for sign, place in axis)
            # Of the nearer tail, so that nothing is lost beside 1.
            at, to = (low, high) if low > 0 else (-high, -low)
            one[count] += 0.5 * (math.erfc(at / math.sqrt(2)) - math.erfc(to / math.sqrt(2)))
        law = np.convolve(law, one)
    return float(law[size:].sum())


def both_ends(up: float, down: float) -> list[Axis]:
    steps = np.linspace(0.125, 1, 8)
    return [[(1, s * up) for s in steps] + [(-1, s * down) for s in steps]]


WHERE: dict[str, tuple[list[Axis], int]] = {
    "at both ends": (both_ends(3.95, 3.95), 8),
    "at both ends, one of them farther": (both_ends(3.7, 4.1), 8),
    "at one end, and never at the other": (both_ends(3.9, 9.0), 8),
    "along two axes": (2 * [[(1, 0.3 + 0.3 * k) for k in range(14)]], 14),
}


@pytest.mark.parametrize("where", list(WHERE))
def test_what_is_rare_in_several_places_is_found_in_all(where: str) -> None:
    axes, size = WHERE[where]
    true = exactly(axes, size)
    assert 1e-5 < true < 2e-3
    dist, off = passes(axes, rank=6), []
    for seed, n in enumerate((1000, 4000, 4000)):
        found = ask(dist, VolumeAtLeast(size / 1000), n=n, seed=seed)
        assert found.reliable and found.most > true and 0 < found.error < 0.3 * true
        off.append((found.probability - true) / found.error)
    assert np.abs(off).max() < 3.5 and abs(np.mean(off)) < 2


STEPS = [s / 8 for s in range(1, 9)]
CORNERS: Axis = [(sign, 2.0 * s) for s in STEPS for sign in (1, -1)]
#: Places to which no search from the origin leads, or so many that some are missed.
HIDDEN: dict[str, tuple[list[Axis], int]] = {
    "all at once at one end": ([[(1, 4.0)]], 1),
    "all at once at both ends": ([[(1, 3.95), (-1, 3.95)]], 1),
    "all at once at both ends, one of them farther": ([[(1, 3.7), (-1, 4.1)]], 1),
    "in four corners": (2 * [[(sign, 2.6 * s) for s in STEPS for sign in (1, -1)]], 16),
    "in eight corners": (3 * [CORNERS], 24),
}


@pytest.mark.parametrize("n", [1000, 4000])
@pytest.mark.parametrize("where", list(HIDDEN))
def test_what_no_search_leads_to_is_found_or_not_stated(where: str, n: int) -> None:
    axes, size = HIDDEN[where]
    true, off = exactly(axes, size), []
    assert 1e-5 < true < 2e-4
    dist = passes(axes, rank=10)
    for seed in range(8):
        found = ask(dist, VolumeAtLeast(size / 1000), n=n, seed=seed)
        assert found.most > true
        if found.reliable:
            off.append((found.probability - true) / found.error)
    # A place that is missed is missing in the number, and shows in no error.
    assert not off or (np.abs(off).max() < 6 and abs(np.mean(off)) < 2)
    assert len(off) >= (0 if n == 1000 else 5)


def test_hypotheses_given_a_rare_outcome_are_of_both_ends() -> None:
    axes, size = WHERE["at both ends"]
    found = ask(passes(axes, rank=3), VolumeAtLeast(size / 1000), seed=2)
    assert exactly(axes, size) == pytest.approx(7.8e-5, rel=0.01)
    upper = found.z[:, 0] > 0
    assert found.weight[upper].sum() == pytest.approx(0.5, abs=0.1)
    # A walk starts where it comes true, though their mean is where it does not.
    assert abs(found.weight @ found.z[:, 0]) < 1 < 3.9 < abs(found.centre[0])


def test_few_draws_are_no_number() -> None:
    dist = smooth_dist(np.array([[-2.0]]), [np.ones((1, 1))])
    assert not ask(dist, Click((0, 0), 1), n=20).reliable
    enough = ask(dist, Click((0, 0), 1), n=1000)
    assert enough.reliable and enough.most > 0.5 * math.erfc(2 / math.sqrt(2))
    # Given clicks the draws are as they come: ten of a thousand are few, a hundred are not.
    given = condition(smooth_dist(np.array([[-2.3, 9.0]]), [np.array([[1.0, 0.0]])]), [])
    tail = 0.5 * math.erfc(2.3 / math.sqrt(2))
    few, many = (ask(given.dist, Click((0, 0), 1), given, n=n) for n in (1000, 9000))
    assert not few.reliable and many.reliable
    assert few.most > tail and many.most == pytest.approx(tail, rel=0.35)


def test_what_is_so_where_nothing_is_outlined_needs_no_draws() -> None:
    # Half of the readers outline nothing, which is at most nothing; of the others one in a million.
    dist = smooth_dist(np.array([[4.75]]), [np.ones((1, 1))])
    half = LogitDistribution(dist.mean, dist.cov_factor, dist.cov_diag, presence=0.5)
    found = ask(half, VolumeAtMost(0.0), n=200)
    assert found.reliable and found.probability == pytest.approx(0.5, abs=1e-5)
    assert found.probability < found.most == pytest.approx(0.511, abs=2e-3)


@pytest.mark.parametrize("rank", [1, 2, 6])
@pytest.mark.parametrize("first", [1.0, 2.0])
def test_an_outcome_at_both_ends_where_nothing_else_varies(rank: int, first: float) -> None:
    # Between the ends no voxel moves at all, so that a search there has nothing to go by.
    steps = np.linspace(first, 3.9, 6)
    axis: Axis = [(sign, float(place)) for place in steps for sign in (1, -1)]
    true, off = exactly([axis], 6), []
    for seed in range(12):
        found = ask(passes([axis], rank), VolumeAtLeast(0.006), seed=seed)
        assert found.most > true
        if found.reliable:
            off.append((found.probability - true) / found.error)
    assert len(off) >= 6 and np.abs(off).max() < 6 and abs(np.mean(off)) < 2
