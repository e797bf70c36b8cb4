"""Calibration, effective rank and the bootstrap against arithmetic done by hand."""

from __future__ import annotations

import numpy as np
import pytest

from napari_ssn.core import metrics, statistics
from napari_ssn.core.statistics import (
    bootstrap_interval,
    bootstrap_weights,
    calibration_error,
    calibration_sums,
    coverage,
    effective_rank,
    exact_interval,
    expected_calibration_error,
    share_interval,
)


def test_metrics_offers_the_same_functions() -> None:
    assert metrics.coverage is statistics.coverage
    assert set(metrics.__all__) <= set(dir(metrics))


# --- coverage --------------------------------------------------------------------------------


def test_coverage_includes_the_ends() -> None:
    # 2, 3 and 4 of 1 … 5
    assert coverage([1, 2, 3, 4, 5], 2, 4) == pytest.approx(3 / 5)
    assert coverage([1.0], 1.0, 1.0) == 1


def test_coverage_of_raters_by_the_interval_of_their_case() -> None:
    # Case 1, [1, 2]: both raters; case 2, [4, 5]: 4 alone.
    assert coverage([[1, 2], [3, 4]], [[1], [4]], [[2], [5]]) == pytest.approx(3 / 4)


@pytest.mark.parametrize(
    ("values", "low", "high", "message"),
    [
        ([], 0, 1, r"values: expected not empty, actual shape \(0,\)"),
        ([np.nan], 0, 1, "values: expected finite values, actual nan"),
        ([1, 2], [0, np.inf], 3, "low: expected finite values, actual inf"),
        ([1, 2], [0, 3], [1, 2], "low: expected at most high, actual 3.0 above 2.0"),
        # Both would otherwise broadcast to 2 × 2.
        ([1, 2], [[0], [1]], 3, r"low: .* shape of values, \(2,\), actual \(2, 1\)"),
        ([[1], [2]], 0, [3, 4], r"high: .* shape of values, \(2, 1\), actual \(2,\)"),
    ],
)
def test_coverage_names_a_slip(values: object, low: object, high: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        coverage(values, low, high)  # type: ignore[arg-type]


# --- calibration error -----------------------------------------------------------------------

P, F = [0.1, 0.2, 0.9, 1.0], [0.0, 0.5, 1.0, 0.5]


def test_expected_calibration_error() -> None:
    # Two bins: |0.15 − 0.25| · 2/4 + |0.95 − 0.75| · 2/4
    assert expected_calibration_error(P, F, bins=2) == pytest.approx(0.15)
    # One bin: |0.55 − 0.5|
    assert expected_calibration_error(P, F, bins=1) == pytest.approx(0.05)


def test_bins_are_weighted_by_their_count() -> None:
    # Three voxels at 0.25 with frequency 0, one at 0.75 with frequency 1: both gaps 0.25;
    # moving the frequency of the one to 0.75 leaves 0.25 · 3/4.
    p = [0.25, 0.25, 0.25, 0.75]
    assert expected_calibration_error(p, [0, 0, 0, 1], bins=2) == pytest.approx(0.25)
    assert expected_calibration_error(p, [0, 0, 0, 0.75], bins=2) == pytest.approx(0.1875)


def test_an_edge_belongs_to_the_bin_above_it() -> None:
    # 0.4 alone below, 0.5 alone above: (|0.4 − 0| + |0.5 − 1|)/2; together it would be 0.05
    assert expected_calibration_error([0.5, 0.4], [1, 0], bins=2) == pytest.approx(0.45)


def test_a_calibrated_forecast_has_no_error() -> None:
    assert expected_calibration_error([0.5, 0.5, 0, 1], [0, 1, 0, 1]) == 0


def test_calibration_sums_of_parts_add_up() -> None:
    sums = calibration_sums(P, F, bins=2)
    # Per bin: count, sum of p, sum of f.
    np.testing.assert_allclose(sums, [[2.0, 2.0], [0.3, 1.9], [0.5, 1.5]])
    parts = calibration_sums(P[:1], F[:1], bins=2) + calibration_sums(P[1:], F[1:], bins=2)
    np.testing.assert_allclose(parts, sums)
    # A leading axis: resamples. 0.15 as above, and the same for doubled counts.
    np.testing.assert_allclose(calibration_error([sums, 2 * sums]), [0.15, 0.15])


def test_calibration_takes_whole_maps() -> None:
    p, f = np.reshape(P, (2, 2)), np.reshape(F, (2, 2))
    assert expected_calibration_error(p, f, bins=2) == pytest.approx(0.15)


@pytest.mark.parametrize(
    ("probability", "frequency", "bins", "message"),
    [
        ([0.5], [0.5, 0.5], 10, r"frequency: expected shape \(1,\), actual \(2,\)"),
        ([0.5, 1.5], [0, 0], 10, r"probability: expected values in \[0, 1\], actual 0.5 to 1.5"),
        ([0.5], [-1], 10, r"frequency: expected values in \[0, 1\], actual -1.0 to -1.0"),
        ([0.5], [0.5], 0, "bins: expected at least 1, actual 0"),
        ([], [], 10, "probability: expected not empty"),
    ],
)
def test_calibration_names_a_slip(
    probability: list[float], frequency: list[float], bins: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        expected_calibration_error(probability, frequency, bins)


def test_calibration_error_names_a_slip() -> None:
    with pytest.raises(ValueError, match=r"sums: expected shape \(..., 3, bins\), actual \(2, 3"):
        calibration_error(np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"sums: expected a positive count, actual 0\.0"):
        calibration_error(np.zeros((3, 4)))


# --- effective rank --------------------------------------------------------------------------


def test_effective_rank() -> None:
    assert effective_rank([4, 0, 0]) == 1
    assert effective_rank([2, 2, 2]) == pytest.approx(3)
    # 4² / (9 + 1)
    assert effective_rank([1, 3]) == pytest.approx(1.6)
    # In any unit, even where the squares are below the smallest float.
    assert effective_rank([1e-200, 3e-200]) == pytest.approx(1.6)
    assert effective_rank([1, -1e-17]) == pytest.approx(1)


@pytest.mark.parametrize(
    ("spectrum", "message"),
    [
        ([0, 0], "spectrum: expected a positive value, actual largest 0.0"),
        ([1, -0.5], "spectrum: expected no negative value, actual -0.5"),
        ([1, np.nan], "spectrum: expected finite values, actual nan"),
        ([[1, 2]], r"spectrum: expected 1 dimension\(s\), not empty, actual shape \(1, 2\)"),
        ([], r"spectrum: expected .* actual shape \(0,\)"),
    ],
)
def test_effective_rank_names_a_slip(spectrum: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        effective_rank(spectrum)  # type: ignore[arg-type]


# --- bootstrap -------------------------------------------------------------------------------


def test_bootstrap_over_two_patients() -> None:
    # Patient a has slices 1 and 2, b has 6; the mean of the slices is 3. Two draws of a patient:
    # aa 6/4, ab and ba 9/3, bb 12/2, with probability 1/4, 1/2, 1/4.
    values, groups = [1, 6, 2], ["a", "b", "a"]
    assert bootstrap_interval(values, groups) == pytest.approx((3, 1.5, 6))
    assert bootstrap_interval(values, groups, level=0.4) == pytest.approx((3, 3, 3))


def test_bootstrap_equals_drawing_the_slices_themselves() -> None:
    rng = np.random.default_rng(5)
    groups = rng.integers(0, 6, 40)
    values = rng.normal(size=40)
    names = np.unique(groups)
    means = []
    for drawn in bootstrap_weights(len(names), n=200, seed=7):
        slices = [values[groups == g] for g in np.repeat(names, drawn)]
        means.append(np.concatenate(slices).mean())
    mean, low, high = bootstrap_interval(values, groups, level=0.9, n=200, seed=7)
    assert mean == pytest.approx(values.mean())
    assert (low, high) == pytest.approx(tuple(np.quantile(means, [0.05, 0.95])))


def test_more_slices_of_the_same_patients_do_not_narrow_the_interval() -> None:
    values, groups = [0.1, 0.4, 0.5, 0.9], [1, 2, 3, 4]
    once = bootstrap_interval(values, groups)
    assert bootstrap_interval(values * 10, groups * 10) == pytest.approx(once)
    # Were each slice its own patient, the interval would be about √10 times narrower.
    apart = bootstrap_interval(values * 10, range(40))
    assert apart.high - apart.low < 0.5 * (once.high - once.low)


def test_bootstrap_of_one_patient_is_a_point() -> None:
    assert bootstrap_interval([1, 2], [3, 3]) == (1.5, 1.5, 1.5)


def test_bootstrap_is_settled_by_its_seed() -> None:
    values, groups = np.random.default_rng(0).normal(size=30), np.arange(30)
    assert bootstrap_interval(values, groups) == bootstrap_interval(values, groups)
    assert bootstrap_interval(values, groups) != bootstrap_interval(values, groups, seed=1)


def test_bootstrap_weights_draw_each_group_once_on_average() -> None:
    weights = bootstrap_weights(5, n=4000)
    assert weights.shape == (4000, 5)
    assert (weights.sum(axis=1) == 5).all()
    # Standard error of a mean weight: √(5 · 1/5 · 4/5 / 4000) = 0.014
    np.testing.assert_allclose(weights.mean(axis=0), 1, atol=0.07)


def test_bootstrap_weights_serve_a_pooled_error() -> None:
    # Two patients of one voxel each, one bin: gaps +0.5 and −0.5 cancel when both are drawn.
    sums = np.stack([calibration_sums([0.5], [0.0], 1), calibration_sums([0.5], [1.0], 1)])
    weights = np.array([[1, 1], [2, 0]])
    pooled = calibration_error(np.einsum("ng,gkb->nkb", weights, sums))
    np.testing.assert_allclose(pooled, [0, 0.5])


@pytest.mark.parametrize(
    ("values", "groups", "level", "n", "message"),
    [
        ([1, 2], [1], 0.95, 10, r"groups: expected shape \(2,\), actual \(1,\)"),
        ([1, np.nan], [1, 2], 0.95, 10, "values: expected finite values, actual nan"),
        ([], [], 0.95, 10, "values: expected .* not empty"),
        ([1, 2], [1, 2], 95, 10, "level: expected between 0 and 1, actual 95"),
        ([1, 2], [1, 2], 0.95, 0, "n: expected at least 1, actual 0"),
    ],
)
def test_bootstrap_names_a_slip(
    values: list[float], groups: list[int], level: float, n: int, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        bootstrap_interval(values, groups, level=level, n=n)


# --- exact intervals -------------------------------------------------------------------------


def test_exact_interval_by_hand() -> None:
    # Of n in n the lower end is (α/2)^(1/n); 3 of 10 is in every textbook.
    assert exact_interval(35, 35) == (1, pytest.approx(0.025 ** (1 / 35)), 1)
    assert exact_interval(0, 1) == (0, 0, pytest.approx(0.975))
    assert exact_interval(3, 10) == (
        0.3,
        pytest.approx(0.0667, abs=1e-4),
        pytest.approx(0.6525, abs=1e-4),
    )
    for k, n, level in ((-1, 3, 0.9), (4, 3, 0.9), (0, 0, 0.9), (1, 2, 1.0)):
        with pytest.raises(ValueError, match="expected"):
            exact_interval(k, n, level)


def test_a_share_that_is_all_one_has_an_interval_with_a_width() -> None:
    groups = np.arange(70) // 2
    found = share_interval(np.ones(70), groups)
    assert found == exact_interval(35, 35) and found.low < 0.91
    assert share_interval(np.zeros(70), groups) == exact_interval(0, 35)
    mixed = np.linspace(0, 1, 70)
    assert share_interval(mixed, groups) == bootstrap_interval(mixed, groups)
    # One patient alone says little of others.
    assert share_interval([1.0, 0.0], [0, 0]) == exact_interval(0.5, 1)
    assert share_interval([1.0, 1.0], [0, 0]).low == pytest.approx(0.025)
    with pytest.raises(ValueError, match="within"):
        share_interval([1.5], [0])


def test_a_share_of_few_is_exact_and_of_patients() -> None:
    # Each case a patient: 3 of 10 is in every textbook. A bootstrap of 1 in 100 begins at 0,
    # where there was one.
    assert share_interval([1.0] * 3 + [0.0] * 7, range(10)) == pytest.approx(exact_interval(3, 10))
    rare = np.zeros(100)
    rare[0] = 1
    assert bootstrap_interval(rare, range(100)).low == 0
    assert share_interval(rare, range(100)).low == pytest.approx(1 - 0.975**0.01)
    # Two cases of each patient that are alike are worth one, two that know nothing of each other
    # two, and of opposite ones no more than that.
    alike = np.repeat([1.0] * 3 + [0.0] * 7, 2)
    assert share_interval(alike, np.arange(20) // 2) == pytest.approx(exact_interval(3, 10))
    apart = np.tile([1.0, 0.0], 10)
    assert share_interval(apart, np.arange(20) // 2) == pytest.approx(exact_interval(10, 20))


def test_exact_intervals_of_clustered_shares_hold_what_they_say() -> None:
    random = np.random.default_rng(0)
    groups = np.repeat(np.arange(40), 3)
    held = {share_interval: 0, bootstrap_interval: 0}
    for _ in range(400):
        rate = random.beta(0.05 * 4, 0.95 * 4, 40)  # cases of a patient are alike
        x = (random.random(120) < rate[groups]).astype(float)
        for of in held:
            low, high = of(x, groups, n=200)[1:]
            held[of] += low <= 0.05 <= high
    assert held[share_interval] / 400 >= 0.93 and held[share_interval] > held[bootstrap_interval]
