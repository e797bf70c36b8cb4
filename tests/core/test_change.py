"""The change between two scans: against loops over pairs, and against what is known of it."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from scipy import stats

import napari_ssn as ssn
from napari_ssn.core.change import Change, Lengthening, change, change_of


def sizes(seed: int, spread: float = 0.3, n: int = 1000) -> np.ndarray:
    return np.exp(np.random.default_rng(seed).normal(0, spread, n))


def test_every_pair_counts_once() -> None:
    before, after = sizes(0, n=7), sizes(1, n=5) * 1.4
    found = Change(before, after, days=100)
    pairs = list(itertools.product(before, after))
    ratios = sorted(two / one for one, two in pairs)
    for q in (0.05, 0.5, 0.95):
        at = max(0, math.ceil(q * len(ratios)) - 1)
        assert found.ratio.quantile(q) == ratios[at]
    assert found.difference_ml.quantile(0) == min(two - one for one, two in pairs)
    assert found.probability(0.25) == np.mean([two >= 1.25 * one for one, two in pairs])
    assert found.probability(-0.1) == np.mean([two <= 0.9 * one for one, two in pairs])
    middle = ratios[math.ceil(len(ratios) / 2) - 1]
    assert found.without_change() == np.mean([ratio / middle >= 1.25 for ratio in ratios])
    fast = [ratio > 1 and math.log(2) * 100 / math.log(ratio) < 400 for ratio in ratios]
    assert found.doubled_within(400) == np.mean(fast)
    assert found.rate.median == pytest.approx(math.log(middle) / 100)


@pytest.mark.parametrize(("spread", "wanted"), [(0.3, 0.30), (0.5, 0.38)])
def test_two_scans_without_change_seem_to_grow(spread: float, wanted: float) -> None:
    """Of normal ln V, ln V₂/V₁ has √2 of their deviation: P(growth ≥ 25 %) is known."""
    found = change_of(sizes(0, spread), sizes(1, spread))
    # Twice the largest difference between a thousand draws and their distribution.
    assert found.without_change(0.25) == pytest.approx(wanted, abs=0.02)
    grown = change_of(sizes(0, spread), 2 * sizes(1, spread))
    assert grown.without_change(0.25) == pytest.approx(found.without_change(0.25), abs=1e-9)
    known = stats.norm.cdf(math.log(2 / 1.25) / (math.sqrt(2) * spread))
    assert grown.probability(0.25) == pytest.approx(known, abs=0.02)


@pytest.mark.parametrize("shared", [0.0, 0.3, 0.6, 0.9])
def test_two_readers_of_one_scan_have_in_common_what_is_said(shared: float) -> None:
    """Of normal ln V that correlate, ln V₂/V₁ has √(2 (1 − ρ)) of their deviation."""
    at = stats.norm.ppf((np.arange(4000) + 0.5) / 4000)
    before, after = np.exp(0.4 * at), 1.5 * np.exp(0.4 * at)
    found = Change(before, after, shared=shared)
    deviation = 0.4 * math.sqrt(2 * (1 - shared))
    for q in (0.05, 0.5, 0.95):
        known = math.log(1.5) + deviation * stats.norm.ppf(q)
        assert math.log(found.as_readers.quantile(q)) == pytest.approx(known, abs=0.01)
    known = stats.norm.sf(math.log(1.25 / 1.5) / deviation)
    assert found.probability(as_readers=True) == pytest.approx(known, abs=0.01)
    known = stats.norm.sf(math.log(1.25) / deviation)
    assert found.without_change(as_readers=True) == pytest.approx(known, abs=0.01)


def test_readers_with_nothing_or_all_in_common_are_the_two_extremes() -> None:
    before, after = sizes(0), 1.3 * sizes(1, 0.5)
    independent, alike = (Change(before, after, shared=shared) for shared in (0.0, 1.0))
    for q in (0.05, 0.25, 0.5, 0.75, 0.95):
        wanted = independent.ratio.quantile(q)
        assert independent.as_readers.quantile(q) == pytest.approx(wanted, rel=0.02)
        assert alike.as_readers.quantile(q) == pytest.approx(alike.alike.quantile(q), rel=0.02)
    assert math.isnan(Change(before, np.zeros(0), shared=0.5).as_readers.median)
    for wrong in (-0.1, 1.1, math.nan):
        with pytest.raises(ValueError, match="shared: expected 0 to 1"):
            Change(before, after, shared=wrong)


@pytest.mark.parametrize("factor", [1.0, 1.1, 1.25, 1.5, 2.0])
def test_a_known_factor_is_found(factor: float) -> None:
    found = change_of(sizes(0), factor * sizes(1))
    assert found.ratio.median == pytest.approx(factor, rel=0.05)
    assert found.ratio.quantile(0.05) < factor < found.ratio.quantile(0.95)
    alike = found.alike
    width = alike.quantile(0.95) / alike.quantile(0.05)
    assert alike.median == pytest.approx(factor, rel=0.05) and width < 1.3


def test_what_appears_or_vanishes_has_no_ratio() -> None:
    before, after = np.array([0.0, 0.0, 1.0, 1.0]), np.array([0.0, 2.0, 2.0, 2.0])
    found = change_of(before, after, outlined=(0.8, 1.0))
    assert found.outlined == (0.4, 0.75)
    assert found.appeared == pytest.approx(0.6 * 0.75)
    assert found.vanished == pytest.approx(0.4 * 0.25)
    assert found.ratio.quantile(0) == found.ratio.quantile(1) == 2
    nothing = change_of(np.zeros(4), after)
    assert math.isnan(nothing.ratio.median) and math.isnan(nothing.probability())
    assert math.isnan(nothing.without_change()) and nothing.appeared == 0.75


def test_no_change_has_no_doubling_time() -> None:
    found = Change(np.ones(3), np.ones(3), days=30)
    assert found.doubling_days.median == math.inf and found.doubled_within() == 0
    assert found.probability(0) == 1 and found.probability(0.25) == 0
    shrunk = Change(np.ones(1), np.full(1, 0.5), days=30)
    assert shrunk.doubling_days.median == pytest.approx(-30)


def test_without_days_there_is_no_rate() -> None:
    # Nor where both were taken on one day.
    for found in (Change(np.ones(2), np.ones(2)), Change(np.ones(2), np.ones(2), days=0)):
        for ask in (lambda: found.rate, lambda: found.doubling_days, found.doubled_within):  # noqa: B023
            with pytest.raises(ValueError, match="days"):
                ask()


def test_labels_are_taken_together_or_alone() -> None:
    mean = torch.full((3, 2, 4), -1.0)
    mean[0], mean[1, 0, :2], mean[2, 1, :1] = 0.0, 1.0, 1.0
    factor = torch.zeros(1, 3, 2, 4)
    before = ssn.LogitDistribution(mean, factor, torch.zeros_like(mean))
    larger = mean.clone()
    larger[2, 1, :3] = 1.0
    after = ssn.LogitDistribution(larger, factor, torch.zeros_like(mean))
    assert change(before, after, n=5).ratio.median == pytest.approx(5 / 3)
    assert change(before, after, n=5, label=1).ratio.median == 1
    assert change(before, after, n=5, label=2).ratio.median == 3
    with pytest.raises(ValueError, match="label"):
        change(before, after, label=3)


def test_presence_is_how_likely_it_is_there() -> None:
    mean = torch.zeros(2, 4, 4)
    mean[1, 1:3, 1:3] = 1
    mean[1, 0] = -1
    factor, zeros = torch.zeros(1, 2, 4, 4), torch.zeros_like(mean)
    before = ssn.LogitDistribution(mean, factor, zeros, presence=0.25)
    after = ssn.LogitDistribution(mean, factor, zeros)
    found = change(before, after, n=2000)
    assert found.outlined[0] == pytest.approx(0.25, abs=0.03) and found.outlined[1] == 1
    assert found.appeared == pytest.approx(0.75, abs=0.03)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"before": np.zeros(2)}, "above 0"),
        ({"before": np.ones((2, 2))}, "expected"),
        ({"before": np.ones(5001)}, "5000"),
        ({"before": np.array([np.nan])}, "above 0"),
        ({"outlined": (1.2, 1.0)}, "probabilities"),
        ({"days": -1.0}, "days"),
    ],
)
def test_what_cannot_be_is_said(arguments, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Change(**{"before": np.ones(2), "after": np.ones(2), **arguments})


def test_diameters_are_paired_as_sizes_are() -> None:
    before, after = 20 * sizes(0, 0.1, n=7), 24 * sizes(1, 0.1, n=5)
    found = Lengthening(before, after)
    pairs = list(itertools.product(before, after))
    apart = sorted(two - one for one, two in pairs)
    ratios = sorted(two / one for one, two in pairs)
    middle = math.ceil(len(pairs) / 2) - 1
    assert found.difference_mm.median == apart[middle] and found.ratio.median == ratios[middle]
    assert found.probability(2.0) == np.mean([value >= 2 for value in apart])
    same = [two / ratios[middle] - one >= 2 for one, two in pairs]
    assert found.without_change(2.0) == np.mean(same) < found.probability(2.0)
    assert [one.quantile(1) for one in found.lengths_mm] == [before.max(), after.max()]
    nothing = Lengthening(np.array([]), after)
    assert math.isnan(nothing.probability()) and math.isnan(nothing.without_change())
    with pytest.raises(ValueError, match="above 0"):
        Lengthening(np.zeros(2), after)


def test_what_is_known_of_either_scan_given_clicks_is_compared() -> None:
    mean, factor = torch.zeros(2, 4, 5), torch.zeros(1, 2, 4, 5)
    mean[1], factor[0, 1] = torch.tensor([-3.0, 1, 2, -1, -3]), 1
    dist = ssn.LogitDistribution(mean, factor, torch.zeros_like(mean), presence=0.8)
    # The fourth column belongs, and with it all that is left of it but the first.
    given = ssn.condition(dist, [ssn.Click((0, 3))])
    alone, after, before = change(dist, dist), change(dist, given), change(given, dist)
    assert after.after.min() == pytest.approx(0.012) and alone.after.min() < 0.012
    assert after.outlined == pytest.approx((0.8, given.presence), abs=0.05)
    assert after.probability() > alone.probability() > before.probability()
    assert after.ratio.median == pytest.approx(1 / before.ratio.median)
    sizes = ssn.volume_distribution(given, n=50, seed=3)
    there = given.present(50, seed=3)
    assert (sizes[~there, 1] == 0).all() and (sizes[there, 1] > 0.0119).all()
    assert sizes.sum(1) == pytest.approx(0.020)
    with pytest.raises(ValueError, match="expected 2 labels, got 3"):
        change(
            given,
            ssn.LogitDistribution(
                torch.zeros(3, 4, 5), torch.zeros(1, 3, 4, 5), torch.zeros(3, 4, 5)
            ),
        )
