"""Presence given clicks against rejection: draw readers, keep those who agree, count."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest

from napari_ssn.core.distribution import LogitDistribution, draw_z
from napari_ssn.core.given.clicks import Click
from napari_ssn.core.given.conditioning import condition
from napari_ssn.core.given.gate import log_absent, log_with_slips, updated_presence
from napari_ssn.core.given.residual import Residual
from napari_ssn.core.packed.distribution import PackedDistribution

SPACE = (5, 7)
MANY = 200_000


def some(presence: float, classes: int = 2, seed: int = 0) -> LogitDistribution:
    rng = np.random.default_rng(seed)
    return LogitDistribution(
        rng.normal(size=(classes, *SPACE)),
        rng.normal(size=(3, classes, *SPACE)),
        np.full((classes, *SPACE), 0.01),
        presence=presence,
    )


def clicks_of(dist: LogitDistribution, count: int, seed: int) -> list[Click]:
    """Random voxels with the labels of one draw, so that some z agrees."""
    rng = np.random.default_rng(seed)
    shown = dist.given_presence().sample(1, seed + 100)[0]
    places = rng.choice(shown.size, count, replace=False)
    return [Click(tuple(map(int, np.unravel_index(p, SPACE))), int(shown.flat[p])) for p in places]


def rejected(dist: LogitDistribution, clicks: list[Click], slip: float) -> tuple[float, int]:
    """Of the readers who would have clicked like this the share who outline something."""
    z, present = draw_z(MANY, dist.rank, 11), dist.present(MANY, 11)
    rng, keep = np.random.default_rng(5), np.ones(MANY, bool)
    for click in clicks:
        at = (slice(None), *click.index)
        mean, factor = dist.mean[at].double(), dist.cov_factor[(slice(None), *at)].double()
        labels = (mean.numpy() + z @ factor.numpy()).argmax(1) * present
        slipped = rng.random(MANY) < slip
        keep &= (labels == click.label) != slipped
    return float(present[keep].mean()), int(keep.sum())


@pytest.mark.parametrize("slip", [0.0, 0.05, 0.2])
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("count", [1, 2, 3])
def test_presence_is_that_of_rejection(slip: float, classes: int, count: int) -> None:
    for seed in range(4):
        dist = some(0.7, classes, seed)
        clicks = clicks_of(dist, count, seed)
        share, n = rejected(dist, clicks, slip)
        found = condition(dist, clicks, slip=slip).presence
        assert n > 1000
        assert found == pytest.approx(share, abs=5 * math.sqrt(0.25 / n) + 0.015)


def test_clicks_on_the_background_alone_lower_it() -> None:
    # Half of the hypotheses hold the voxel: p' = p/2 / (p/2 + 1 − p), by hand.
    mean, factor = np.zeros((2, 1, 1)), np.zeros((1, 2, 1, 1))
    factor[0, 1] = 1.0
    dist = LogitDistribution(mean, factor, np.full((2, 1, 1), 0.01), presence=0.8)
    click = [Click((0, 0), 0)]
    assert condition(dist, click).presence == pytest.approx(0.4 / 0.6, abs=1e-6)
    with_slip = condition(dist, click, slip=0.1).presence
    assert with_slip == pytest.approx(0.8 * 0.5 / (0.8 * 0.5 + 0.2 * 0.9), abs=1e-6)
    on = condition(dist, [Click((0, 0), 1)], slip=0.1).presence
    assert on == pytest.approx(0.8 * 0.5 / (0.8 * 0.5 + 0.2 * 0.1), abs=1e-6)


def test_one_click_on_an_object_is_certain_unless_it_may_slip() -> None:
    dist = some(0.1)
    click = clicks_of(dist, 20, 0)
    on = [one for one in click if one.label][:1]
    assert condition(dist, on).presence == 1.0
    assert dist.presence < condition(dist, on, slip=0.03).presence < 1
    assert condition(dist, []).presence == condition(dist, [], slip=0.03).presence == 0.1
    assert condition(some(1.0), on, slip=0.03).presence == 1.0
    assert condition(dist, on).present(50).all()
    flags = condition(dist, [], slip=0.03).present(5000, 2)
    np.testing.assert_array_equal(flags, dist.present(5000, 2))


def test_what_the_model_cannot_explain_does_not_speak_against_presence() -> None:
    # The voxel is background in every hypothesis: that somebody says otherwise is a slip or news
    # of the model's limits, but it makes nothing there no likelier.
    mean, factor = np.zeros((2, 1, 2)), np.zeros((1, 2, 1, 2))
    mean[1, 0], factor[0, 1, 0] = (-50.0, 1.0), (0.1, 1.0)
    dist = LogitDistribution(mean, factor, np.full((2, 1, 2), 0.01), presence=0.6)
    for residual in (None, Residual(length_mm=1.0)):
        told = condition(dist, [Click((0, 0), 1)], 0.1, residual, slip=0.03)
        assert told.presence == pytest.approx(0.6, abs=1e-6)
    many = [Click((0, 0), 1)] * 3
    assert condition(dist, many, slip=0.03).presence == pytest.approx(0.6, abs=1e-6)


def test_packed_and_tempered_know_the_same() -> None:
    dist = some(0.5, 3)
    clicks = clicks_of(dist, 3, 1)
    dense = condition(PackedDistribution.of(dist).dense(), clicks, slip=0.1).presence
    assert condition(PackedDistribution.of(dist), clicks, slip=0.1).presence == dense


def test_all_sets_of_slips_are_the_sum_over_who_slipped() -> None:
    # Three independent margins that hold with chances of their own.
    chance, slip = (0.9, 0.3, 0.05), 0.1
    slow = 0.0
    for slipped in product((False, True), repeat=3):
        term = 1.0
        for one, bad in zip(chance, slipped, strict=True):
            term *= slip * (1 - one) if bad else (1 - slip) * one
        slow += term

    def log_evidence(kept: tuple[int, ...]) -> float:
        return sum(math.log(chance[i]) for i in kept)

    assert math.exp(log_with_slips(3, log_evidence, slip)) == pytest.approx(slow, rel=1e-12)
    # Of many clicks it is bounded from below, and near where none is a slip.
    rough = math.exp(log_with_slips(9, lambda kept: math.log(0.5), 0.01))
    assert rough == pytest.approx(0.5 * 0.99**9, rel=1e-9)


def test_numbers_far_out() -> None:
    assert updated_presence(1.0, -5000.0, 0.0) == 1.0
    assert 0 < updated_presence(0.5, -5000.0, 0.0) < 1e-300
    assert updated_presence(1e-9, -1e4, log_absent([0, 1], 0.0)) == 1.0
    assert log_absent([0, 0], 0.0) == 0.0
    for slip in (-0.1, 0.5, float("nan")):
        with pytest.raises(ValueError, match="slip: expected from 0"):
            condition(some(0.5), [], slip=slip)
