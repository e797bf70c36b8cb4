"""Split conformal prediction by patient, against hand-counted places and exact averages."""

from __future__ import annotations

import math

import numpy as np
import pytest

from napari_ssn.core.summaries.conformal import (
    conformal_factors,
    conformal_quantile,
    patient_weights,
)


def test_every_patient_weighs_the_same() -> None:
    found = patient_weights(["a", "b", "a", "c", "a"])
    np.testing.assert_allclose(found, [1 / 12, 1 / 4, 1 / 12, 1 / 4, 1 / 12])
    with pytest.raises(ValueError, match="patients"):
        patient_weights([])


@pytest.mark.parametrize("level", [0.5, 0.8, 0.9, 0.95, 0.99])
def test_the_place_is_exact_for_every_number_of_patients(level: float) -> None:
    numerator = round(100 * level)
    for n in range(1, 251):
        scores = np.random.default_rng(n).permutation(n).astype(float)
        place = -(-numerator * (n + 1) // 100)  # ⌈level (n + 1)⌉ in whole numbers
        found = conformal_quantile(scores, np.full(n, 1 / (n + 1)), level)
        assert found == (place - 1 if place <= n else math.inf), n


def test_the_quantile_by_hand_and_what_it_refuses() -> None:
    # Weights 1/12 (three times), 1/4, 1/4: up to 2 they sum to 1/2, up to 5 to 3/4.
    scores, weights = [1.0, 2.0, 1.5, 5.0, 0.5], patient_weights(["a", "b", "a", "c", "a"])
    assert conformal_quantile(scores, weights, 0.5) == 2
    assert conformal_quantile(scores, weights, 0.51) == 5
    assert conformal_quantile(scores, weights, 0.76) == math.inf
    assert conformal_quantile([1.0, math.inf], [0.4, 0.4], 0.5) == math.inf
    for bad in (([1.0], [0.5, 0.5], 0.9), ([math.nan], [0.5], 0.9), ([1.0], [1.1], 0.9)):
        with pytest.raises(ValueError, match="expected"):
            conformal_quantile(*bad)


def patients_like_ours(seed: int, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Patients of 1 to 60 outlines; those of many are alike among themselves."""
    rng = np.random.default_rng(seed)
    many = rng.choice([1, 1, 2, 3, 60], count)
    offset = rng.normal(0, 1, count) * np.where(many > 20, 0.3, 1)
    patients = np.repeat(np.arange(count), many)
    return patients, 100 * np.exp(offset[patients] + 0.3 * rng.normal(size=len(patients)))


@pytest.mark.parametrize("count", [30, 130])
def test_a_new_patient_is_held_on_average(count: int) -> None:
    # Leave each patient out: the average over them is no estimate, it must reach the level.
    shares, pooled = [], []
    for seed in range(3):
        patients, sizes = patients_like_ours(seed, count)
        for one in range(count):
            out = patients == one
            learnt = sizes[~out]
            ends = [np.full(len(learnt), end) for end in (60.0, 100.0, 200.0)]
            below, above = conformal_factors(learnt[:, None], *ends, patients[~out])
            held = (sizes[out] >= 100 - 40 * below) & (sizes[out] <= 100 + 100 * above)
            shares.append(held.mean())
            below, above = conformal_factors(learnt[:, None], *ends, np.arange(len(learnt)))
            held = (sizes[out] >= 100 - 40 * below) & (sizes[out] <= 100 + 100 * above)
            pooled.append(held.mean())
    assert 0.9 <= np.mean(shares) < 0.95
    # As if every outline were a patient of its own.
    assert np.mean(pooled) < 0.8


def test_both_sides_by_hand() -> None:
    # 119 patients of one outline each, and 50–100–200 as every range. Scores below are i / 100
    # for i = 1 … 60 and 59 zeros, above j / 10 for j = 1 … 59 and 60 zeros.
    below, above = 100 - 5.0 * np.arange(1, 61) / 10, 100 + 100 * np.arange(1, 60) / 10
    sizes = np.concatenate([below, above])[:, None]
    ends = [np.full(119, end) for end in (50.0, 100.0, 200.0)]
    # First: the 0.95 · 120 = 114th is i = 55. Five lie below it, so that 6/120 = 0.05 is spent.
    # Second: again the 114th, j = 54.
    first, second = conformal_factors(sizes, *ends, np.arange(119))
    assert first == pytest.approx(0.55) and second == pytest.approx(5.4)
    held = (sizes >= 100 - first * 50 - 1e-9) & (sizes <= 100 + second * 100 + 1e-9)
    assert held.sum() == 109  # of 120 with the one to come


def test_the_second_side_has_what_the_first_left_by_hand() -> None:
    """``(count + 1)/(n + 1)`` of those beyond the first is spent, and not α/2 or a share of n."""
    # 119 patients; below, 20 and 100 zeros less one: the 114th score is 0.5, and none lies beyond.
    # So 1/120 is spent, and 1 − (0.1 − 1/120) of 120 places is the 109th: above, 59 of them.
    sizes = np.concatenate([np.full(60, 75.0), 100 + 10.0 * np.arange(1, 60)])[:, None]
    ends = [np.full(119, end) for end in (50.0, 100.0, 200.0)]
    first, second = conformal_factors(sizes, *ends, np.arange(119))
    assert first == pytest.approx(0.5)
    assert second == pytest.approx((109 - 60) / 10)
    # α/2 for either side would be the 114th, the share of n the 108th of 119.
    assert second not in (pytest.approx((114 - 60) / 10), pytest.approx((108 - 60) / 10))
    # 100 patients: four of 101 places beyond the first, 5/101 spent: 0.9495 · 101 is the 96th.
    below, above = 100 - 0.5 * np.arange(1, 51), 100 + 1.0 * np.arange(1, 51)
    sizes = np.concatenate([below, above])[:, None]
    first, second = conformal_factors(sizes, *(end[:100] for end in ends), np.arange(100))
    assert first == pytest.approx(0.46) and (sizes < 100 - 50 * first - 1e-9).sum() == 4
    assert second == pytest.approx(0.46) and (sizes > 100 + 100 * second + 1e-9).sum() == 4


def test_empty_readings_and_missing_readers_do_not_count() -> None:
    sizes = np.array([[110.0, 0.0, math.nan]] * 30)
    ends = [np.full(30, end) for end in (80.0, 100.0, 120.0)]
    assert conformal_factors(sizes, *ends, np.arange(30)) == (pytest.approx(0.5),) * 2
    sizes[:4, 0] = 1000  # 26 of 31 places up to 0.5 are less than 0.9
    assert conformal_factors(sizes, *ends, np.arange(30))[0] == pytest.approx(45)
    ends[0][:] = ends[1][:] = ends[2][:] = math.nan
    assert conformal_factors(sizes, *ends, np.arange(30)) == (math.inf, math.inf)
    # A range that ends at its median holds nothing beyond it, whatever the factor.
    ends = [np.full(30, end) for end in (80.0, 100.0, 100.0)]
    assert conformal_factors(sizes, *ends, np.arange(30)) == (math.inf, math.inf)
    # Too few patients for the level.
    assert conformal_factors([[1.0]] * 8, [0.0] * 8, [1.0] * 8, [2.0] * 8, range(8))[0] == math.inf


def test_slips_are_named() -> None:
    good = ([[1.0]], [0.0], [1.0], [2.0], ["a"])
    for place, bad, name in (
        (0, [1.0], "patients"),
        (1, [0.0, 0.0], "low"),
        (3, [0.5], "median"),
        (0, [[0.0]], "sizes"),
    ):
        arguments = list(good)
        arguments[place] = bad
        with pytest.raises(ValueError, match=name):
            conformal_factors(*arguments)
    with pytest.raises(ValueError, match="level"):
        conformal_factors(*good, level=1.0)
