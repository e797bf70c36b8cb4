"""Contour boxplots: by hand, and against the definition written out."""

from __future__ import annotations

import math
from itertools import combinations

import numpy as np
import pytest

from napari_ssn.core.decodable import Decodable
from napari_ssn.core.distribution import LogitDistribution, draw_z
from napari_ssn.core.given.posterior import Posterior
from napari_ssn.core.given.residual import Residual
from napari_ssn.core.summaries.boxplot import FENCE, boxplot
from napari_ssn.errors import Cancelled
from tests.support.packed import both, distributions


def line(length: int) -> LogitDistribution:
    """Voxel v of a line belongs to the label where z > v."""
    zero, thresholds = np.zeros((1, length)), np.arange(length, dtype=float)[None]
    return LogitDistribution(
        np.stack([thresholds, zero]), np.stack([zero, zero + 1])[None], np.ones((2, 1, length))
    )


def test_nested_sets_by_hand() -> None:
    # Of sizes 1, 2, 3, 4 and 20. Between two others: none, 1·3, 2·2, 3·1 and none of 6 pairs.
    z = np.array([1, 2, 3, 4, 20])[:, None] - 0.5
    found = boxplot(line(24), z)
    np.testing.assert_allclose(found.depth, np.array([0, 3, 4, 3, 0]) / 6)
    assert (found.tolerance, found.median) == (0, 2)
    assert found.inside[0].nonzero()[0].tolist() == [0, 1, 2]
    # The deeper half are 2, 3 and 4 long.
    assert found.box[0].nonzero()[0].tolist() == [2, 3]
    # From the median 2, 1, 0, 1 and 17 away: quartiles 1 and 2, and the fence at 3.5.
    assert found.outliers == (4,)
    assert found.whole[0].nonzero()[0].tolist() == [1, 2, 3]
    # The background of the same: the same boxes.
    other = boxplot(line(24), z, label=0)
    np.testing.assert_array_equal(other.depth, found.depth)
    np.testing.assert_array_equal(other.box, found.box)
    np.testing.assert_array_equal(other.inside, ~found.inside)


def test_nearly_between_counts_where_nothing_is_between() -> None:
    # Three discs of one voxel of their own each and nine in common: none is between.
    margin = np.full((1, 12), 5.0)
    factor = np.zeros((3, 1, 12))
    margin[0, 9:] = -0.5
    factor[[0, 1, 2], 0, [9, 10, 11]] = 1
    zero = np.zeros((1, 12))
    dist = LogitDistribution(
        np.stack([zero, margin]),
        np.stack([np.stack([zero, row]) for row in factor]),
        np.ones((2, 1, 12)),
    )
    found = boxplot(dist, np.eye(3))
    assert found.tolerance == pytest.approx(0.1)
    np.testing.assert_array_equal(found.depth, [1, 1, 1])
    # Equally deep: the first, and the others are 2 voxels away.
    assert found.median == 0 and found.outliers == ()
    assert found.box[0].nonzero()[0].tolist() == [9, 10]
    assert found.whole[0].nonzero()[0].tolist() == [9, 10, 11]


def test_the_few_that_differ_from_a_large_majority_are_named() -> None:
    z = np.full((9, 1), 2.5)
    z[[4, 6], 0] = 8.5, 5.5
    found = boxplot(line(9), z)
    assert found.outliers == (4, 6) and not found.box.any() and not found.whole.any()


def test_where_nothing_differs() -> None:
    found = boxplot(line(3), np.full((4, 1), 1.5))
    np.testing.assert_array_equal(found.depth, 1.0)
    assert found.inside[0].tolist() == [True, True, False] and not found.whole.any()


def slowly(sets: np.ndarray) -> tuple[np.ndarray, float, int, set[int], np.ndarray, np.ndarray]:
    """The definition, one triple after the other; sets (N, *S) bool."""
    n = len(sets)
    mismatch: list[list[float]] = []
    for i in range(n):
        row = []
        for j, k in combinations([m for m in range(n) if m != i], 2):
            low, high = sets[j] & sets[k], sets[j] | sets[k]
            missing = (low & ~sets[i]).sum() / low.sum() if low.any() else 0.0
            beyond = (sets[i] & ~high).sum() / sets[i].sum() if sets[i].any() else 0.0
            row.append(max(missing, beyond))
        mismatch.append(row)
    table = np.array(mismatch)
    tolerance = min(t for t in table.reshape(-1) if (table <= t).mean() >= 1 / 6)
    depth = (table <= tolerance).mean(1)
    order = sorted(range(n), key=lambda i: (-depth[i], table[i].mean(), i))
    half = sets[order[: math.ceil(n / 2)]]
    some, every = half.any(0), half.all(0)
    box = some & ~every
    far = np.array([(one != sets[order[0]]).sum() for one in sets])
    low, high = np.quantile(far, [0.25, 0.75])
    outliers = {i for i in range(n) if far[i] > high + FENCE * (high - low)}
    rest = sets[[i for i in range(n) if i not in outliers]]
    return depth, tolerance, order[0], outliers, box, rest.any(0) & ~rest.all(0)


@pytest.mark.parametrize("classes", [2, 3])
def test_it_is_the_definition(classes: int) -> None:
    packed, dense = distributions(classes)
    draws = draw_z(13, dense.rank, 3)
    # One farther away than the others, so that there is something to name.
    draws[4] *= 5
    draws /= 5
    cases: list[tuple[Decodable | Posterior, np.ndarray]] = [(packed, draws), (dense, draws)]
    cases += [(given, given.sample(11, 5)) for given in both(classes, Residual(length_mm=1.0))]
    named = 0
    for dist, z in cases:
        maps = dist.label_maps(z)
        for label in (None, *range(1, classes)):
            sets = maps > 0 if label is None else maps == label
            found = boxplot(dist, z, label)
            depth, tolerance, median, outliers, box, whole = slowly(sets)
            np.testing.assert_allclose(found.depth, depth)
            assert found.tolerance == pytest.approx(tolerance)
            assert found.median == median and set(found.outliers) == outliers
            np.testing.assert_array_equal(found.inside, sets[median])
            np.testing.assert_array_equal(found.box, box)
            np.testing.assert_array_equal(found.whole, whole)
            named += len(outliers)
    assert named


def test_too_few_and_cancelling() -> None:
    with pytest.raises(ValueError, match="at least 3 draws, got 2"):
        boxplot(line(3), np.zeros((2, 1)))

    def stop() -> None:
        raise Cancelled("The run was cancelled.")

    with pytest.raises(Cancelled):
        boxplot(line(3), np.arange(4.0)[:, None], between=stop)
