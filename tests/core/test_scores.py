"""Proper scores against arithmetic done by hand, and against models that are perfect."""

from __future__ import annotations

import numpy as np
import pytest

from napari_ssn.core import metrics
from napari_ssn.core.metrics import brier_parts, brier_scores, fair_crps, perfect_energy_distance


def test_crps_by_hand() -> None:
    # Against 3: distances 2, 0, 3, mean 5/3; pairs 2 + 5 + 3 = 10, over 3 · 2.
    assert fair_crps([1, 3, 6], [3]) == pytest.approx(5 / 3 - 10 / 6)
    # Against 0 too: distances 1, 3, 6, mean 10/3.
    assert fair_crps([6, 1, 3], [3, 0]) == pytest.approx((5 / 3 + 10 / 3) / 2 - 10 / 6)
    assert fair_crps([2, 2], [5]) == 3  # one size only: its distance


def test_crps_does_not_depend_on_the_number_of_draws_and_likes_the_truth_best() -> None:
    rng = np.random.default_rng(0)
    truth = rng.normal(10, 2, 4000)
    many = fair_crps(rng.normal(10, 2, 4000), truth)
    assert many == pytest.approx(2 / np.sqrt(np.pi), rel=0.03)  # E|X − Y| / 2
    few = np.mean([fair_crps(rng.normal(10, 2, 3), truth[:50]) for _ in range(4000)])
    assert few == pytest.approx(fair_crps(rng.normal(10, 2, 4000), truth[:50]), rel=0.03)
    for mean, deviation in ((10, 1), (10, 4), (11, 2)):
        assert fair_crps(rng.normal(mean, deviation, 4000), truth) > many


@pytest.mark.parametrize(
    ("draws", "observed", "field"),
    [([1.0], [1.0], "draws"), ([1.0, 2.0], [], "observed"), ([1.0, np.nan], [1.0], "draws")],
)
def test_crps_names_a_slip(draws: list[float], observed: list[float], field: str) -> None:
    with pytest.raises(ValueError, match=field):
        fair_crps(draws, observed)


def test_brier_by_hand() -> None:
    # p = 0.8 and three of four say yes: 0.75 · 0.04 + 0.25 · 0.64.
    np.testing.assert_allclose(brier_scores([0.8, 0.5], [0.75, 1.0]), [0.19, 0.25])
    found = brier_parts([0.2, 0.2, 0.8, 0.8], [0.0, 0.5, 0.5, 1.0], bins=2)
    # Scores 0.04, 0.34, 0.34, 0.04. Bins: p 0.2 against 0.25, 0.8 against 0.75; base rate 1/2.
    assert found.score == pytest.approx(0.19) and found.base_rate == pytest.approx(0.25)
    assert found.reliability == pytest.approx(0.05**2)
    assert found.resolution == pytest.approx(0.25**2)
    assert found.within == pytest.approx(0)
    hidden = brier_parts([0.1, 0.3, 0.7, 0.9], [0.0, 0.5, 0.5, 1.0], bins=2)
    total = hidden.reliability - hidden.resolution + hidden.base_rate + hidden.within
    assert hidden.score == pytest.approx(total) and hidden.within != pytest.approx(0)


def test_a_perfect_presence_has_a_gap_and_no_unreliability() -> None:
    # Four readers each say yes with the very probability that the model states.
    rng = np.random.default_rng(1)
    p = rng.beta(1, 1, 20_000)
    share = rng.binomial(4, p) / 4
    assert np.abs(p - share).mean() > 0.15
    found = brier_parts(p, share)
    assert found.reliability < 2e-4 and found.score == pytest.approx(1 / 6, abs=0.005)
    assert brier_parts(p**2, share).score > found.score
    assert brier_parts(np.full_like(p, share.mean()), share).score == pytest.approx(found.base_rate)


@pytest.mark.parametrize(
    ("p", "f", "field"),
    [([1.2], [0.5], "probability"), ([0.5], [0.5, 0.5], "share|frequency"), ([[0.5]], [0.5], "p")],
)
def test_brier_names_a_slip(p: object, f: object, field: str) -> None:
    with pytest.raises(ValueError, match=field):
        brier_parts(p, f)  # type: ignore[arg-type]


def test_what_a_perfect_model_gets() -> None:
    assert perfect_energy_distance(0.5224, 4, 100) == pytest.approx(0.1358, abs=1e-4)
    # Readers and samples of one distribution over maps: strips of a random length.
    rng = np.random.default_rng(2)
    maps = (np.arange(12) < np.arange(13)[:, None]).astype(np.uint8)
    found, unbiased = [], []
    for _ in range(3000):
        readers, samples = maps[rng.integers(0, 13, 4)], maps[rng.integers(0, 13, 10)]
        distances = metrics.SetDistances.between(samples, readers, 2)
        found.append(distances.energy_distance())
        unbiased.append(distances.energy_distance(unbiased=True))
    # Two independent readers are this far apart, alike ones included.
    expected = perfect_energy_distance(1 - metrics.pairwise_iou(maps, maps, 2).mean(), 4, 10)
    assert np.mean(found) == pytest.approx(expected, abs=0.008) and expected > 0.15
    assert np.mean(unbiased) == pytest.approx(0, abs=0.01)
    for bad in ((0.5, 0, 1), (0.5, 1, 0), (1.5, 1, 1)):
        with pytest.raises(ValueError, match="expected"):
            perfect_energy_distance(*bad)
