"""Clicks against brute force: the share and the moments of the prior's draws that agree."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from napari_ssn.core.distribution import LogitDistribution, draw_z
from napari_ssn.core.given.clicks import Click
from napari_ssn.core.given.conditioning import condition
from napari_ssn.core.given.residual import Residual
from napari_ssn.errors import GeometryError
from tests.support.smooth import SPACE, random_dist, same, smooth_dist


def agreeing(dist: LogitDistribution, clicks: list[Click], n: int = 400_000) -> np.ndarray:
    """The prior's draws whose label map has every clicked label: rejection, the obvious way."""
    z = draw_z(n, dist.rank, seed=11)
    keep = np.ones(n, bool)
    for click in clicks:
        at = (slice(None), *click.index)
        logits = (
            dist.mean[at].double().numpy()
            + z @ dist.cov_factor[(slice(None), *at)].double().numpy()
        )
        keep &= logits.argmax(1) == click.label
    return z[keep]


def clicks_of(dist: LogitDistribution, count: int, seed: int) -> list[Click]:
    """Random voxels with the labels of one draw, so that some z agrees."""
    rng = np.random.default_rng(seed)
    shown = dist.label_map(draw_z(1, dist.rank, seed + 100)[0])
    places = rng.choice(shown.size, count, replace=False)
    return [
        Click(tuple(map(int, np.unravel_index(p, dist.space))), int(shown.flat[p])) for p in places
    ]


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("count", [1, 2, 3])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_moments_and_evidence_are_those_of_rejection(classes: int, count: int, seed: int) -> None:
    dist = random_dist(seed, classes)
    clicks = clicks_of(dist, count, seed)
    kept = agreeing(dist, clicks)
    posterior = condition(dist, clicks)
    share, n = len(kept) / 400_000, len(kept)
    assert posterior.settled and n > 2000
    # Expectation propagation is an approximation: its own error on top of the draws'.
    error = 5 * math.sqrt(share / 400_000)
    assert posterior.evidence == pytest.approx(share, abs=error + 0.1 * share)
    np.testing.assert_allclose(posterior.mean, kept.mean(0), atol=5 / math.sqrt(n) + 0.03)
    np.testing.assert_allclose(posterior.cov, np.cov(kept.T), atol=8 / math.sqrt(n) + 0.05)
    # The estimate by draws and the draws themselves are exact: nothing but their own error.
    value, spread = posterior.estimate_evidence(40_000)
    assert abs(value - share) < 5 * math.hypot(spread, math.sqrt(share / 400_000))
    drawn = posterior.sample(4000, seed=3)
    np.testing.assert_allclose(drawn.mean(0), kept.mean(0), atol=5 / math.sqrt(4000))
    np.testing.assert_allclose(np.cov(drawn.T), np.cov(kept.T), atol=8 / math.sqrt(4000))
    for click in clicks:
        labels = [dist.label_map(z)[click.index] for z in drawn[:200]]
        assert labels == [click.label] * 200


def test_one_click_is_the_skew_normal_in_closed_form() -> None:
    # m = 1 − 2 z₁ must be negative: z₁ > 1/2, a normal cut off at one half.
    dist = smooth_dist(np.array([[1.0]]), [np.array([[-2.0]]), np.array([[0.0]])])
    posterior = condition(dist, [Click((0, 0), 0)])
    tail = 0.5 * math.erfc(0.5 / math.sqrt(2))
    hazard = math.exp(-0.125) / math.sqrt(2 * math.pi) / tail
    assert posterior.evidence == pytest.approx(tail, rel=1e-5)
    np.testing.assert_allclose(posterior.mean, [hazard, 0], atol=1e-5)
    np.testing.assert_allclose(posterior.cov, [[1 - hazard * (hazard - 0.5), 0], [0, 1]], atol=1e-5)


def test_no_click_is_the_prior() -> None:
    dist = random_dist()
    for residual in (None, Residual()):
        posterior = condition(dist, [], residual=residual)
        assert posterior.evidence == 1 and posterior.share == 1
        np.testing.assert_array_equal(posterior.mean, 0)
        np.testing.assert_array_equal(posterior.cov, np.eye(3))
        z = draw_z(5, 3, 0)
        np.testing.assert_array_equal(posterior.label_maps(z), dist.label_maps(z))
        drawn = posterior.sample(4000)
        np.testing.assert_allclose(drawn.mean(0), 0, atol=0.08)
        np.testing.assert_allclose(np.cov(drawn.T), np.eye(3), atol=0.12)


@pytest.mark.parametrize("residual", [None, Residual()])
@pytest.mark.parametrize("tolerance", [0.0, 0.3])
def test_a_set_of_clicks_has_no_order_and_no_memory(
    residual: Residual | None, tolerance: float
) -> None:
    dist = random_dist(3, classes=3)
    clicks = clicks_of(dist, 4, 3)
    first = condition(dist, clicks, tolerance, residual)
    same(first, condition(dist, clicks[::-1], tolerance, residual))
    same(first, condition(dist, [*clicks, clicks[1]], tolerance, residual))
    # One more, and taken back.
    condition(dist, [*clicks, Click((0, 0), 1)], tolerance, residual).label_map()
    same(first, condition(dist, clicks, tolerance, residual))


@pytest.mark.parametrize("residual", [None, Residual()])
def test_gauge_invariance(residual: Residual | None) -> None:
    dist = random_dist(4, classes=3)
    rng = np.random.default_rng(0)
    # Whole numbers, so that float32 rounds nothing.
    dist = LogitDistribution(
        (dist.mean * 64).round() / 64, (dist.cov_factor * 64).round() / 64, dist.cov_diag
    )
    moved = LogitDistribution(
        dist.mean + torch.as_tensor(rng.integers(-3, 3, size=(1, *SPACE))),
        dist.cov_factor + torch.as_tensor(rng.integers(-3, 3, size=(3, 1, *SPACE))),
        dist.cov_diag,
    )
    clicks = clicks_of(dist, 3, 4)
    a, b = condition(dist, clicks, 0.1, residual), condition(moved, clicks, 0.1, residual)
    np.testing.assert_allclose(a.mean, b.mean, atol=1e-9)
    np.testing.assert_allclose(a.cov, b.cov, atol=1e-9)
    assert a.log_evidence == pytest.approx(b.log_evidence, abs=1e-9)
    np.testing.assert_array_equal(a.label_map(), b.label_map())


@pytest.mark.parametrize("residual", [None, Residual()])
@pytest.mark.parametrize("tolerance", [0.0, 0.2])
def test_contradictions_and_impossible_clicks_do_no_harm(
    residual: Residual | None, tolerance: float
) -> None:
    dist = smooth_dist(
        np.array([[0.2, 0.2, -30.0, -5.0]]), [np.array([[1.0, 1.0, 0.1, 0.0]]), np.zeros((1, 4))]
    )
    for clicks, alone in (
        ([Click((0, 0), 1), Click((0, 0), 0)], 0.15),  # the same voxel, both ways
        ([Click((0, 0), 1), Click((0, 1), 0)], 0.15),  # two voxels that go together
        ([Click((0, 2), 1)], 1e-20),  # 300 standard deviations away
        ([Click((0, 3), 1)], 0.0),  # no z moves it at all
    ):
        posterior = condition(dist, clicks, tolerance, residual)
        assert math.isfinite(posterior.log_evidence) and posterior.settled
        assert math.exp(posterior.log_evidence_alone) <= (
            alone if tolerance else 1e-3 * bool(alone)
        )
        assert np.isfinite(posterior.mean).all() and np.linalg.eigvalsh(posterior.cov).min() > 0
        assert np.isfinite(posterior.sample(50)).all()
        assert posterior.label_map().shape == (1, 4)


def test_tolerance_lets_contradicting_clicks_compromise() -> None:
    dist = smooth_dist(np.zeros((1, 2)), [np.array([[1.0, -1.0]])])
    clicks = [Click((0, 0), 1), Click((0, 1), 1)]
    hard, soft = condition(dist, clicks), condition(dist, clicks, tolerance=1.0)
    assert hard.evidence < 1e-3 < 0.1 < soft.evidence
    # P(both) = ∫ N(z) Φ(z) Φ(−z) = 1/6, by symmetry of three normals' order.
    assert soft.evidence == pytest.approx(1 / 6, rel=0.02)
    assert hard.cov[0, 0] < 1e-5 and soft.cov[0, 0] > 0.3
    np.testing.assert_allclose([hard.mean[0], soft.mean[0]], 0, atol=1e-3)


@pytest.mark.parametrize("residual", [None, Residual()])
def test_a_thousand_clicks(residual: Residual | None) -> None:
    y, x = np.mgrid[:40, :40] - 20.0
    margin = 8 - np.hypot(y, x)
    dist = smooth_dist(margin, [np.ones_like(margin), x / 10, y / 10])
    shown = dist.label_map([1.0, 0.5, -0.5])
    clicks = [Click(index, int(shown[index])) for index in np.ndindex(25, 40)]
    posterior = condition(dist, clicks, 0.05, residual)
    assert posterior.settled and len(posterior.clicks) == 1000
    assert math.isfinite(posterior.log_evidence)
    if residual is None:
        np.testing.assert_allclose(posterior.mean, [1.0, 0.5, -0.5], atol=0.6)
    assert (posterior.label_map()[:25] == shown[:25]).mean() > 0.99


def test_a_voxel_outside_is_refused_in_one_sentence() -> None:
    dist = LogitDistribution(
        np.zeros((2, 2, 3)), np.ones((1, 2, 2, 3)), np.ones((2, 2, 3)),
        start=(4, 1), image_space=(8, 8),
    )  # fmt: skip
    for index, words in (
        ((8, 0), r"point \(8, 0\) lies outside the image of 8 × 8"),
        ((-1, 2), r"point \(-1, 2\) lies outside the image"),
        ((4, 0), r"point \(4, 0\) lies outside the region"),
        ((4, 1, 0), "one index for each of the 2 axes, not 3"),
    ):
        with pytest.raises(GeometryError, match=words):
            condition(dist, [Click(index, 1)])
    with pytest.raises(ValueError, match="label: expected below 2, got 2"):
        condition(dist, [Click((4, 1), 2)])
    with pytest.raises(ValueError, match="label: expected 0 or more"):
        Click((0, 0), -1)
    with pytest.raises(TypeError, match="float"):
        Click((0, 1.5), 1)
    with pytest.raises(ValueError, match="tolerance: expected 0 or more"):
        condition(dist, [], tolerance=-1)


def test_clicks_are_in_the_grid_of_the_image() -> None:
    whole = random_dist(5, space=(9, 8))
    cut = LogitDistribution(
        whole.mean[:, 3:7, 2:8], whole.cov_factor[:, :, 3:7, 2:8], whole.cov_diag[:, 3:7, 2:8],
        start=(3, 2), image_space=(9, 8),
    )  # fmt: skip
    clicks = [Click((4, 5), 1), Click((6, 7), 0)]
    a, b = condition(whole, clicks), condition(cut, clicks)
    np.testing.assert_array_equal(a.mean, b.mean)
    assert b.clicks == tuple(clicks)
    hypothesis = b.hypothesis()
    assert hypothesis.label_map.shape == (9, 8)
    assert [hypothesis.label_map[c.index] for c in clicks] == [1, 0]


def test_what_only_an_endless_z_could_follow_is_refused() -> None:
    """No hypothesis is made that lies farther out than a sidecar is taken back from."""
    still = smooth_dist(np.full(SPACE, -60.0), [np.full(SPACE, 1e-5)])
    with pytest.raises(GeometryError, match="can hardly move"):
        condition(still, [Click((2, 3), 1)], 0.1)
    # What the model cannot follow a residual does, as in the window.
    assert np.abs(condition(still, [Click((2, 3), 1)], 0.1, Residual()).mean).max() < 10
    moving = smooth_dist(np.full(SPACE, -20.0), [np.full(SPACE, 1e-4)])
    assert 1e5 < np.abs(condition(moving, [Click((2, 3), 1)], 0.1).mean).max() < 5e5
