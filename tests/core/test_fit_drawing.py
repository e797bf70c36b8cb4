"""A drawing as evidence, against the slow way and against what can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize
from scipy.stats import norm

from napari_ssn.core.distribution import LogitDistribution, draw_z
from napari_ssn.core.given.drawing import LENGTH_MM, REACH, SLIP, TOLERANCE, alike, fit_drawing
from napari_ssn.core.packed.distribution import PackedDistribution
from tests.support.smooth import random_dist, smooth_dist

SPACE = (9, 12)


def slowly(dist: LogitDistribution, drawn: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Nearest z and the unlikely voxels, voxel by voxel, by a general optimiser."""
    mean, factor = dist.mean.double().numpy(), dist.cov_factor.double().numpy()
    unlikely, asked = np.zeros(dist.space, bool), []
    for place in np.ndindex(*dist.space):
        own = drawn[place]
        margins = []
        for k in range(dist.classes):
            if k == own:
                continue
            row = factor[(slice(None), own, *place)] - factor[(slice(None), k, *place)]
            margin = mean[(own, *place)] - mean[(k, *place)]
            margins.append((margin / np.linalg.norm(row), row / np.linalg.norm(row)))
        unlikely[place] = any(norm.cdf(at) <= 1e-3 for at, _ in margins)
        if not unlikely[place]:
            asked += [(at, row) for at, row in margins if norm.cdf(-at) > 1e-3]
    neighbours = 0.0
    for a in range(-dist.space[0] + 1, dist.space[0]):
        for b in range(-dist.space[1] + 1, dist.space[1]):
            r = np.sqrt(3) * np.hypot(a, b) / LENGTH_MM
            neighbours += (1 + r) * np.exp(-r)

    offsets, rows = np.array([at for at, _ in asked]), np.stack([row for _, row in asked])

    def value(z: np.ndarray, slip: float) -> float:
        right = 1 / (1 + np.exp(-(offsets + rows @ z) / TOLERANCE))
        return 0.5 * z @ z - np.log(slip + (1 - 2 * slip) * right).sum() / neighbours

    z = np.zeros(dist.rank)
    for slip in (0.0, SLIP):
        options = {"xatol": 1e-9, "fatol": 1e-13, "maxiter": 20000}
        z = optimize.minimize(value, z, (slip,), "Nelder-Mead", options=options).x
    return z, unlikely


@pytest.mark.parametrize("classes", [2, 3])
def test_it_is_what_the_slow_way_finds(classes: int) -> None:
    loose = random_dist(3, classes, rank=2, space=SPACE)
    dist = LogitDistribution(5 * loose.mean, loose.cov_factor, loose.cov_diag)
    drawn = dist.label_map([1.2, -0.7])
    drawn[2:4, 3:6] = 1
    fit = fit_drawing(dist, drawn)
    z, unlikely = slowly(dist, drawn)
    np.testing.assert_allclose(fit.z, z, atol=1e-5)
    np.testing.assert_array_equal(fit.unlikely, unlikely)
    assert unlikely.any() and not unlikely.all()


def test_a_packed_distribution_says_the_same() -> None:
    dist = random_dist(5, 3, rank=3, space=SPACE)
    packed = PackedDistribution.of(dist)
    drawn = dist.label_map([0.5, 1.0, -1.0])
    fit, dense = fit_drawing(packed, drawn), fit_drawing(packed.dense(), drawn)
    np.testing.assert_allclose(fit.z, dense.z, atol=1e-9)
    np.testing.assert_array_equal(fit.unlikely, dense.unlikely)
    assert fit.percentile == pytest.approx(dense.percentile) and fit.directions == dense.directions


def ramp() -> LogitDistribution:
    """A border that z moves along the columns: column c is inside where z > (c − 20) / 5."""
    column = np.broadcast_to(np.arange(40.0), (30, 40))
    return smooth_dist((20 - column) / 5, [np.ones((30, 40)), np.zeros((30, 40))])


@pytest.mark.parametrize("sigma", [-1.3, 0.5, 2.1])
def test_a_drawing_that_the_model_has_is_found(sigma: float) -> None:
    dist = ramp()
    drawn = dist.label_map([sigma, 0.0])
    fit = fit_drawing(dist, drawn)
    np.testing.assert_array_equal(dist.label_map(fit.z), drawn)
    assert fit.z[1] == 0 and not fit.unlikely.any() and fit.directions == 1
    # Of the one direction that it tells of: so many hypotheses lie nearer to the mean.
    assert fit.percentile == pytest.approx(2 * norm.cdf(abs(sigma)) - 1, abs=0.06)


def test_the_percentile_is_that_among_the_models_own_hypotheses() -> None:
    dist = ramp()
    found = [fit_drawing(dist, dist.label_map(z)).percentile for z in draw_z(60, 2, 1)]
    # Uniform between 0 and 1, of 60.
    assert np.mean(found) == pytest.approx(0.5, abs=0.12)
    assert np.std(found) == pytest.approx(12**-0.5, abs=0.08)


def test_what_lies_beyond_reach_does_not_drag_the_rest_along() -> None:
    dist = ramp()
    drawn = dist.label_map([1.1, 0.0])
    plain = fit_drawing(dist, drawn)
    spur = drawn.copy()
    spur[5:9, 25:] = 1
    fit = fit_drawing(dist, spur)
    np.testing.assert_array_equal(dist.label_map(fit.z), drawn)
    assert np.abs(fit.z - plain.z).max() < 0.2
    # Columns from 20 + 5 · 3.09 on.
    wanted = np.zeros(spur.shape, bool)
    wanted[5:9, int(np.ceil(20 + 5 * REACH)) :] = True
    np.testing.assert_array_equal(fit.unlikely, wanted)


def test_a_drawing_larger_than_any_hypothesis_has_the_largest_within_reach() -> None:
    fit = fit_drawing(ramp(), np.ones((30, 40), np.uint8))
    assert 2.5 < fit.z[0] < 4 and fit.percentile is not None and fit.percentile > 0.98
    assert fit.unlikely[:, 36:].all() and not fit.unlikely[:, :35].any()


def test_where_nothing_moves_a_drawing_says_nothing() -> None:
    dist = ramp().spread(0.0)
    fit = fit_drawing(dist, np.zeros((30, 40), np.uint8))
    assert fit.z.tolist() == [0, 0] and fit.percentile is None and fit.directions == 0
    assert fit.unlikely.sum() == (dist.label_map() > 0).sum()
    np.testing.assert_array_equal(fit.cov, np.eye(2))


def test_neighbours_count_as_one_by_their_distance_in_mm() -> None:
    near, far = ramp(), ramp()
    far = smooth_dist(np.zeros((30, 40)), [np.ones((30, 40))], np.diag([50.0, 50, 50, 1]))
    assert alike(far, LENGTH_MM) == pytest.approx(1, abs=1e-9)
    # The integral of (1 + √3 r) exp(−√3 r) over a plane is 2π · 3 · ℓ² / 3.
    assert alike(near, LENGTH_MM) == pytest.approx(2 * np.pi * LENGTH_MM**2, rel=0.02)


@pytest.mark.parametrize(
    ("drawn", "options", "words"),
    [
        (np.zeros((4, 4), np.uint8), {}, "expected shape"),
        (np.full(SPACE, 2, np.uint8), {}, "labels below 2, got 2"),
        (np.zeros(SPACE, np.uint8), {"tolerance": 0.0}, "tolerance: expected a positive"),
        (np.zeros(SPACE, np.uint8), {"length_mm": np.inf}, "length_mm: expected a positive"),
    ],
)
def test_what_is_no_drawing_is_refused(drawn, options, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        fit_drawing(random_dist(space=SPACE), drawn, **options)
