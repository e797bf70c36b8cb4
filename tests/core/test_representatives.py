"""The few hypotheses that stand for all of them."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from scipy.optimize import linear_sum_assignment

from napari_ssn.core.distribution import LogitDistribution, draw_z
from napari_ssn.core.metrics import pairwise_iou
from napari_ssn.core.summaries.drawn import Drawn
from napari_ssn.core.summaries.representatives import (
    _differing,
    _Groups,
    _kinds,
    k_medoids,
    representatives,
)


def three_outcomes() -> LogitDistribution:
    """One latent: below −0.5 nothing, above 0.5 a large square, between them a small one."""
    margin, factor = np.full((12, 12), -100.0), np.zeros((12, 12))
    margin[4:8, 4:8], factor[4:8, 4:8] = 0.5, 1.0
    ring = np.ones((10, 10), bool)
    ring[3:7, 3:7] = False
    margin[1:11, 1:11][ring], factor[1:11, 1:11][ring] = -0.5, 1.0
    zero = np.zeros_like(margin)
    return LogitDistribution(
        np.stack([zero, margin]), np.stack([zero, factor])[None], np.full((2, 12, 12), 0.01)
    )


def test_each_outcome_is_found_with_its_probability() -> None:
    found = representatives(three_outcomes(), k=3, n=2000, seed=1)
    shares = {int(h.label_map.sum()): h for h in found}
    # Φ(0.5) = 0.6915: nothing 0.3085, small 0.3829, large 0.3085.
    assert set(shares) == {0, 16, 100}
    for size, chance in ((0, 0.3085), (16, 0.3829), (100, 0.3085)):
        h = shares[size]
        assert h.probability is not None and h.probability_error is not None
        assert h.probability == pytest.approx(chance, abs=5 * h.probability_error)
        # Of outcomes that are few and apart, clustering anew finds the same ones.
        assert h.probability_error == pytest.approx((chance * (1 - chance) / 2000) ** 0.5, rel=0.4)
        assert h.z is not None
        np.testing.assert_array_equal(three_outcomes().label_map(h.z), h.label_map)
    assert sum(h.probability or 0 for h in found) == pytest.approx(1)
    assert found[0].probability == max(h.probability for h in found)  # type: ignore[type-var]


def test_fewer_outcomes_than_asked_for() -> None:
    assert len(representatives(three_outcomes(), k=5, n=300)) == 3
    still = LogitDistribution(np.zeros((2, 3, 3)), np.zeros((1, 2, 3, 3)), np.ones((2, 3, 3)))
    (only,) = representatives(still)
    assert only.probability == 1 and only.probability_error == 0


def test_nothing_there_is_kept_even_when_it_is_rare() -> None:
    dist = three_outcomes()
    margin, factor = dist.margin()
    rare = LogitDistribution(
        np.stack([0 * margin, margin + 1.5 * (factor[0] > 0)]), dist.cov_factor, dist.cov_diag
    )
    # z < −2 leaves nothing: 2.3 %, below the share of the other two.
    found = representatives(rare, k=2, n=2000)
    assert sorted(int(h.label_map.sum()) for h in found)[0] == 0
    assert len(found) == 2


def spots(places: list[tuple[int, int]]) -> LogitDistribution:
    """One latent for each spot of a voxel: it is there where that is positive."""
    margin, factor = np.full((12, 12), -100.0), np.zeros((len(places), 12, 12))
    for k, place in enumerate(places):
        margin[place], factor[k][place] = -0.5, 1.0
    zero = np.zeros_like(margin)
    return LogitDistribution(
        np.stack([zero, margin]),
        np.stack([0 * factor, factor], 1),
        np.full((2, 12, 12), 0.01),
    )


def test_what_overlaps_no_medoid_is_not_nothing() -> None:
    # Nothing with a chance of Φ(0.5)⁶ = 0.109; 64 outcomes, most of which overlap no medoid.
    dist = spots([(1, 1), (1, 6), (1, 10), (6, 1), (6, 6), (10, 10)])
    found = representatives(dist, k=3, n=2000, seed=3)
    (nothing,) = (h for h in found if not h.label_map.any())
    empty = np.mean([not m.any() for m in dist.sample(2000, 3)])
    assert nothing.probability == pytest.approx(empty) and empty < 0.13
    # A single hypothesis stands for what is there.
    (only,) = representatives(dist, k=1, n=400, seed=3)
    assert only.label_map.any() and only.probability == 1


def test_what_overlaps_none_counts_for_the_nearest_in_size() -> None:
    apart = 1 - np.eye(4)
    groups = _Groups(apart, np.array([0, 10, 100, 80]), np.array([1.0, 3, 4, 2]), nothing=0)
    np.testing.assert_allclose(groups.shares([0, 1, 2]), [0.1, 0.3, 0.6])
    split = groups.split(0, 1)
    assert split.weight.tolist() == [0, 3, 4, 2, 1] and split.distance[4].tolist() == [
        0,
        1,
        1,
        1,
        0,
    ]


def disc_of_any_size() -> LogitDistribution:
    y, x = np.mgrid[:40, :40] - 19.5
    margin = 8 - np.hypot(y, x)
    factor = np.stack([np.full_like(margin, 3.0), 0.15 * x])
    return LogitDistribution(
        np.stack([0 * margin, margin]),
        np.stack([0 * factor, factor], 1),
        np.full((2, 40, 40), 0.01),
    )


def test_the_error_of_a_share_is_what_drawing_again_gives() -> None:
    dist = disc_of_any_size()
    first = representatives(dist, k=4, n=300, seed=0)
    ours = np.stack([h.label_map for h in first])
    shares = []
    for seed in range(1, 25):
        again = representatives(dist, k=4, n=300, seed=seed)
        theirs = np.stack([h.label_map for h in again])
        row, column = linear_sum_assignment(1 - pairwise_iou(ours, theirs, 2))
        by_place = np.zeros(4)
        by_place[row] = [again[j].probability for j in column]
        shares.append(by_place)
    true = np.median(np.std(shares, axis=0))
    stated = np.median([h.probability_error for h in first])
    counted = np.median([(h.probability * (1 - h.probability) / 300) ** 0.5 for h in first])
    assert 0.7 * true < stated < 1.5 * true
    assert counted < 0.7 * true  # as if the medoids were given


def cost(distance: np.ndarray, weight: np.ndarray, medoids: list[int]) -> float:
    return float(weight @ distance[:, medoids].min(axis=1))


@pytest.mark.parametrize("seed", range(8))
def test_no_swap_improves_and_clear_groups_are_found(seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(14, 2)) + rng.choice([0, 30, 60], size=(14, 1))
    distance = np.linalg.norm(points[:, None] - points[None], axis=2)
    weight = rng.integers(1, 5, 14).astype(float)
    for fixed in ([], [3]):
        medoids = k_medoids(distance, weight, 3, fixed)
        assert len(set(medoids)) == 3 and set(fixed) <= set(medoids)
        reached = cost(distance, weight, medoids)
        for slot in range(len(fixed), 3):
            for other in set(range(14)) - set(medoids):
                swapped = [*medoids[:slot], other, *medoids[slot + 1 :]]
                assert cost(distance, weight, swapped) >= reached - 1e-9
    best = min(cost(distance, weight, list(c)) for c in combinations(range(14), 3))
    assert cost(distance, weight, k_medoids(distance, weight, 3, [])) <= 1.1 * best


def test_what_does_not_fit_is_named() -> None:
    with pytest.raises(ValueError, match="k, n"):
        representatives(three_outcomes(), k=0)


def test_draws_are_told_apart_by_a_hash_as_by_sorting_them() -> None:
    rng = np.random.default_rng(0)
    flat = rng.integers(0, 2, (60, 4)).astype(np.uint8)
    first, place = _kinds(flat)
    maps, inverse = np.unique(flat, axis=0, return_inverse=True)
    assert len(first) == len(maps) < 60
    np.testing.assert_array_equal(flat[first][place], flat)
    np.testing.assert_array_equal(flat[first][place], maps[inverse.ravel()])
    assert all((flat[:at] != flat[at]).any(1).all() for at in first)
    # Voxels with one label everywhere are counted and not compared.
    wide = np.concatenate([flat, np.tile(np.array([0, 1, 1], np.uint8), (60, 1))], 1)
    narrow, common = _differing(Drawn(wide, np.array([10, 14]), 2), lambda: None)
    np.testing.assert_array_equal(narrow, flat)
    assert common.tolist() == [6, 9]


def test_nothing_outlined_has_the_share_of_the_readers_who_do_so() -> None:
    dist = three_outcomes().with_presence(0.7)
    z = draw_z(2000, 1, 1)
    e = float((z < -0.5).mean())
    found = {int(h.label_map.sum()): h for h in representatives(dist, k=3, z=z)}
    assert found[0].z is None and found[0].probability == pytest.approx(1 - 0.7 * (1 - e))
    assert found[0].probability_error == pytest.approx(0.7 * (e * (1 - e) / 2000) ** 0.5)
    whole = {int(h.label_map.sum()): h for h in representatives(three_outcomes(), k=3, z=z)}
    for size in (16, 100):
        assert found[size].probability == pytest.approx(0.7 * (whole[size].probability or 0))
        np.testing.assert_array_equal(found[size].label_map, whole[size].label_map)
    assert sum(h.probability or 0 for h in found.values()) == pytest.approx(1)
    # Told that something is there, as by a point on it: what is left is empty by its z.
    told = representatives(dist, k=3, z=z, presence=1.0)
    assert [h.probability for h in told if h.z is None] == [e]


def test_hardly_ever_nothing_is_no_card() -> None:
    dist = three_outcomes().with_presence(0.995)
    outlined = draw_z(500, 1, 1)
    outlined = outlined[outlined[:, 0] > -0.5]
    found = representatives(dist, k=3, z=outlined)
    assert all(h.label_map.any() for h in found)
    assert sum(h.probability or 0 for h in found) == pytest.approx(1)


@pytest.mark.parametrize("presence", [1.0, 0.9])
def test_what_overlaps_no_medoid_is_outlined_all_the_same(presence: float) -> None:
    # Three blobs that never come together: nothing and two of them are shown, and what the
    # third is in goes to one of these, not to "nothing".
    margin, columns = np.full((1, 9), -100.0), np.zeros((3, 1, 9))
    for k, part in enumerate((slice(0, 2), slice(3, 5), slice(6, 9))):
        margin[0, part], columns[k, 0, part] = 0.0, 1.0
    zero = np.zeros_like(margin)
    dist = LogitDistribution(
        np.stack([zero, margin]),
        np.stack([np.stack([zero, c]) for c in columns]),
        np.full((2, 1, 9), 0.01),
        presence=presence,
    )
    z = np.full((100, 3), -1.0)
    z[:40, 0], z[40:70, 1], z[70:80, 2] = 1.0, 1.0, 1.0  # 20 have nothing
    found = representatives(dist, k=3, z=z)
    shares = {"".join(map(str, h.label_map[0])): h.probability for h in found}
    # The third is as far from either as can be: it goes to the first of the two.
    expected = {
        "000000000": 1 - presence * 0.8,
        "110000000": presence * 0.5,
        "000110000": presence * 0.3,
    }
    assert shares == pytest.approx(expected)


def test_one_card_is_of_the_likelier() -> None:
    z = draw_z(400, 1, 0)
    dist = three_outcomes()
    (only,) = representatives(dist.with_presence(0.9), k=1, z=z)
    assert only.label_map.any() and only.probability == pytest.approx(0.9 * (z > -0.5).mean())
    (only,) = representatives(dist.with_presence(0.3), k=1, z=z)
    assert not only.label_map.any() and only.z is None
