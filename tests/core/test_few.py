"""Of an ensemble of few the members stand for all hypotheses, in Python as in the window."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

import napari_ssn as ssn
from napari_ssn.core.few import few_of
from napari_ssn.errors import DataError

SPACE = (24, 20)
AFFINE = np.diag([2.0, 1.0, 3.0, 1.0])
VOXEL_ML = 0.006
AWAY = np.hypot(*(np.indices(SPACE) - np.array([12, 10])[:, None, None]))


def seen(radius: float) -> NDArray[np.float64]:
    """A network's probabilities of a disc; of radius 0 it sees nothing."""
    inside = 1 / (1 + np.exp(AWAY - radius)) if radius else np.full(SPACE, 0.01)
    return np.stack([1 - inside, inside])


def of(*radii: float) -> ssn.LogitDistribution:
    return ssn.ensemble((seen(one) for one in radii), AFFINE)


def maps(*radii: float) -> NDArray[np.uint8]:
    return np.stack([(seen(one)[1] > 0.5).astype(np.uint8) for one in radii])


RADII = (4.3, 4.3, 8.2, 4.3, 8.2)


def test_cards_are_members_with_their_share_and_no_error() -> None:
    found = ssn.representatives(of(*RADII), k=4)
    assert [one.probability for one in found] == [0.6, 0.4]
    assert [one.probability_error for one in found] == [0, 0]
    np.testing.assert_array_equal([one.label_map for one in found], maps(4.3, 8.2))


def test_a_card_is_the_members_own_map_even_where_columns_were_left_out() -> None:
    radii = (3.3, 5.2, 6.4, 8.1)
    dist = ssn.ensemble([seen(one) for one in radii], AFFINE, rank=1)
    own = {one.tobytes() for one in maps(*radii)}
    found = ssn.representatives(dist, k=4)
    assert len(found) == 4 and {one.label_map.tobytes() for one in found} == own
    assert [one.probability for one in found] == [0.25] * 4


def test_who_outlines_nothing_counts_for_that() -> None:
    dist = of(4.3, 0, 4.3, 8.2)
    found = ssn.representatives(dist, k=4)
    assert sorted((one.probability, bool(one.label_map.any())) for one in found) == [
        (0.25, False), (0.25, True), (0.5, True),
    ]  # fmt: skip
    sizes = maps(4.3, 0, 4.3, 8.2).reshape(4, -1).sum(1)
    np.testing.assert_allclose(ssn.volume_distribution(dist)[:, 1], sizes * VOXEL_ML)
    np.testing.assert_array_equal(dist.probabilities()[1], maps(4.3, 0, 4.3, 8.2).mean(0, "f4"))
    # Given that anything is outlined they are three.
    there = dist.given_presence()
    assert sorted(one.probability for one in ssn.representatives(there)) == [1 / 3, 2 / 3]
    assert ssn.volume_distribution(there)[:, 1].tolist() == [
        pytest.approx(one * VOXEL_ML) for one in sizes[[0, 2, 3]]
    ]
    np.testing.assert_allclose(there.probability(1), maps(4.3, 4.3, 8.2).mean(0), rtol=1e-6)


def test_volumes_and_probabilities_are_the_members() -> None:
    dist = of(*RADII)
    counts = maps(*RADII).reshape(5, -1).sum(1)
    found = ssn.volume_distribution(dist, n=1000)
    np.testing.assert_allclose(found[:, 1], counts * VOXEL_ML)
    np.testing.assert_allclose(found.sum(1), np.prod(SPACE) * VOXEL_ML)
    votes = maps(*RADII).mean(0, dtype=np.float32)
    np.testing.assert_array_equal(dist.probabilities(), [1 - votes, votes])
    np.testing.assert_array_equal(dist.probability(), votes)
    np.testing.assert_array_equal(ssn.ProbabilityMap.of(dist).values[0], votes)


def test_given_clicks_they_are_the_members_that_agree() -> None:
    dist = of(3.3, 5.2, 6.4, 8.1, 0)
    click = ssn.Click((12, 16), 1)
    given = ssn.condition(dist, [click])
    own = maps(3.3, 5.2, 6.4, 8.1, 0)
    agreeing = own[:, 12, 16] == 1
    assert agreeing.tolist() == [False, False, True, True, False]
    sizes = own[agreeing].reshape(2, -1).sum(1) * VOXEL_ML
    np.testing.assert_allclose(ssn.volume_distribution(given)[:, 1], sizes)
    assert [one.probability for one in ssn.representatives(given)] == [0.5, 0.5]
    # What nobody outlined is drawn: here a corner that all leave out.
    corner = ssn.condition(dist, [ssn.Click((12, 19), 1)])
    assert few_of(corner) is None and len(ssn.volume_distribution(corner, n=30)) == 30


def test_of_many_and_of_a_model_hypotheses_are_drawn() -> None:
    radii = np.linspace(4, 8, 20)
    many = of(*radii)
    alone = ssn.LogitDistribution(many.mean, many.cov_factor, many.cov_diag, AFFINE)
    assert few_of(many) is None and few_of(alone) is None and few_of(of(*radii[1:])) is not None
    for function in (ssn.volume_distribution, lambda one: one.probabilities()):
        np.testing.assert_array_equal(function(many), function(alone))
    drawn, ours = (ssn.representatives(one, k=3, n=50) for one in (alone, many))
    assert [one.probability for one in drawn] == [one.probability for one in ours]


def test_with_another_spread_each_outlines_what_lies_where_it_stands() -> None:
    dist = of(*RADII)
    wider = dist.spread(1.5)
    own = dist.label_map(np.array(dist.members.z[0]) * 1.5)
    assert own.sum() < maps(4.3).sum()
    sizes = ssn.volume_distribution(wider)[:, 1] / VOXEL_ML
    assert sizes[0] == pytest.approx(own.sum()) and len(sizes) == 5


def test_two_scans_are_not_compared() -> None:
    ones = np.ones((2, *SPACE))
    plain = ssn.LogitDistribution(0 * ones, ones[None], ones)
    for one, other in ((of(*RADII), plain), (plain, of(*RADII))):
        with pytest.raises(DataError, match="One of them is of an ensemble"):
            ssn.change(one, other)
