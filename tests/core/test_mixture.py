"""Draws given clicks that may mean several things, against brute force."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from scipy import stats

from napari_ssn.core.counts import count_labels
from napari_ssn.core.given.clicks import Click, margins_of
from napari_ssn.core.given.conditioning import condition
from napari_ssn.core.given.mixture import explanations
from napari_ssn.core.given.residual import Residual
from napari_ssn.core.summaries.agreement import agreement
from napari_ssn.core.summaries.representatives import representatives
from tests.support.discs import dense_field, disc
from tests.support.smooth import random_dist, same, smooth_dist


def test_contradicting_clicks_do_not_pin_z() -> None:
    dist = smooth_dist(np.zeros((1, 2)), [np.array([[1.0, 1.0]])])
    clicks = [Click((0, 0), 1), Click((0, 1), 0)]
    pinned = condition(dist, clicks, tolerance=0.1).sample(400)
    free = condition(dist, clicks, tolerance=0.1, slip=0.01)
    z = free.sample(400)
    # One of the two is a slip: half of the draws above zero, half below, sd 1.
    assert pinned.std() < 0.15 and z.std() == pytest.approx(1, abs=0.1)
    assert (z > 0).mean() == pytest.approx(0.5, abs=0.02)
    # That the model rules a click out makes it no slip.
    sure = smooth_dist(np.full((1, 2), -30.0), [np.array([[1.0, 1.0]])])
    surprise = condition(sure, [Click((0, 0), 1)], 0.1, Residual(chance=0.5), slip=0.01)
    assert all(m[0, 0] == 1 for m in surprise.label_maps(surprise.draw(50)))
    assert sum(part.weight for part in free.parts) == pytest.approx(1)
    # Clicks that agree are followed by nearly every draw.
    agreed = condition(dist, [Click((0, 0), 1), Click((0, 1), 1)], slip=0.01).sample(400)
    assert (agreed > 0).mean() > 0.97


def test_the_outline_waits_for_no_other_explanation(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only draws need what else a point may mean; what shows first is the outline."""
    asked = []

    def counted(*what: Any) -> Any:
        asked.append(what)
        return explanations(*what)

    monkeypatch.setattr("napari_ssn.core.given.posterior.explanations", counted)
    dist = disc(10, spread=1.5)
    given = condition(dist, [Click((5, 8), 1)], 0.1, Residual(chance=0.5), slip=0.01)
    given.label_map()
    assert given.width == dist.rank + 1 + 1 and not asked
    drawn = given.draw(20)
    assert drawn.shape == (20, given.width) and len(asked) == 1
    given.label_maps(drawn)
    given.draw(5)
    assert 0 <= given.share <= 1
    assert len(asked) == 1


@pytest.mark.parametrize(
    ("labels", "chance", "slip"),
    [((1, 0), 0.3, 0.1), ((1, 1), 0.5, 0.0), ((1, 0), 1.0, 0.2), ((0, 0), 0.1, 0.01)],
)
def test_draws_are_those_of_rejection(labels: tuple[int, int], chance: float, slip: float) -> None:
    dist = disc(10, spread=1.5)
    residual = Residual(length_mm=3.0, amplitude=1.2, chance=chance)
    clicks = [Click((5, 8), labels[0]), Click((2, 4), labels[1])]
    posterior = condition(dist, clicks, 0.1, residual, slip=slip)
    # Of the prior: which model, z, ξ at both clicks and at a neighbour, and which click is a slip.
    rng = np.random.default_rng(1)
    n = 1_500_000
    neighbour = int(np.ravel_multi_index((4, 8), dist.space))
    covariance, mean, columns = dense_field(dist, residual)
    at = [int(np.ravel_multi_index(c.index, dist.space)) for c in clicks]
    within = covariance[np.ix_(at, at)]
    z = rng.normal(size=(n, dist.rank))
    local = rng.random(n) < chance
    xi = rng.normal(size=(n, 2)) @ np.linalg.cholesky(within).T * local[:, None]
    # The field lives at the clicks, and spreads from there by its kernel.
    beside = xi @ np.linalg.solve(within, covariance[at, neighbour])
    margin = mean[at] + z @ columns[:, at] + xi
    holds = margin * [1 if label else -1 for label in labels] > 0
    # Meant with 1 − 2 ε, left out with ε times the chance that it holds by itself.
    price = slip * holds.mean(0) / (1 - 2 * slip)
    slips = rng.random((n, 2)) < price / (1 + price)
    keep = (holds | slips).all(1)
    assert keep.sum() > 5000
    drawn = posterior.draw(4000, seed=2)
    assert drawn.shape == (4000, posterior.width) == (4000, dist.rank + 2 + 2)
    found = drawn[:, : dist.rank]
    np.testing.assert_allclose(found.mean(0), z[keep].mean(0), atol=0.08)
    np.testing.assert_allclose(np.cov(found.T), np.cov(z[keep].T), atol=0.12)
    weights = sum(part.weight for part in posterior.parts if part.local)
    assert weights == pytest.approx(local[keep].mean(), abs=0.05)
    np.testing.assert_allclose(drawn[:, -2:].mean(0), slips[keep].mean(0), atol=0.03)
    follow = [[m[c.index] == c.label for c in clicks] for m in posterior.label_maps(drawn)]
    np.testing.assert_allclose(np.mean(follow, 0), holds[keep].mean(0), atol=0.03)
    # Beside the click ξ is drawn too: as uncertain as it is, not a mean.
    labels_beside = posterior.labels_at(drawn, np.array([neighbour]))[:, 0]
    expected = mean[neighbour] + z @ columns[:, neighbour] + beside > 0
    assert labels_beside.mean() == pytest.approx(expected[keep].mean(), abs=0.03)


def test_the_residual_takes_what_the_model_cannot_explain() -> None:
    dist = disc()
    near, far = Click((12, 16), 1), Click((3, 3), 1)
    for chance in (0.1, 0.5):
        residual = Residual(chance=chance)
        shares = [condition(dist, [c], 0.1, residual, slip=1e-3).share for c in (near, far)]
        plain = [condition(dist, [c], 0.1, Residual(chance=1.0)).share for c in (near, far)]
        assert shares[0] > plain[0] + 0.2  # on the border the model itself may be meant
        assert shares[1] == pytest.approx(plain[1], abs=0.1)  # nine voxels away it cannot


def test_the_residual_is_drawn_and_is_not_its_mean() -> None:
    """By hand: m = μ + a·z + ξ of a click is a normal cut off at 0, and ξ given m a normal."""
    # As it is from Python if nothing is said of it. The model alone cannot explain this click.
    dist, residual = disc(), Residual(length_mm=3.0)
    at = (12, 21)
    posterior = condition(dist, [Click(at, 1)], residual=residual)
    drawn = posterior.draw(1500, seed=1)
    covariance, mean, columns = dense_field(dist, residual)
    voxel = int(np.ravel_multi_index(at, dist.space))
    mine = covariance[voxel, voxel]
    whole = mine + (columns[:, voxel] ** 2).sum()
    m = stats.truncnorm(-mean[voxel] / math.sqrt(whole), np.inf, mean[voxel], math.sqrt(whole))
    share, held = mine / whole, []
    for vector in drawn:
        near, logits = posterior.residual_at(vector)
        held.append(np.diff(logits[:, near == voxel], axis=0).item())
    xi, sd = share * (m.mean() - mean[voxel]), math.sqrt(share**2 * m.var() + mine * (1 - share))
    assert np.mean(held) == pytest.approx(xi, abs=0.05)
    assert np.std(held) == pytest.approx(sd, rel=0.08) and sd > 0.2
    # So with one and the same z borders differ near the click: ranges and cards hold that.
    one = np.concatenate([np.repeat(drawn[:1, : dist.rank], 200, 0), drawn[:200, dist.rank :]], 1)
    often = posterior.label_maps(one).mean(0)
    assert often[at] == 1 and ((often > 0.05) & (often < 0.95)).any()


@pytest.mark.parametrize("classes", [2, 3])
def test_every_way_to_decode_a_draw_gives_the_same_map(classes: int) -> None:
    dist = random_dist(2, classes, space=(6, 9, 8))
    clicks = [Click((2, 3, 4), 1), Click((5, 8, 7), 0)]
    posterior = condition(dist, clicks, 0.1, Residual(length_mm=0.8, chance=0.5), slip=0.02)
    drawn = posterior.draw(9, seed=1)
    maps = posterior.label_maps(drawn)
    for vector, expected in zip(drawn, maps, strict=True):
        one = posterior.hypothesis(vector)
        np.testing.assert_array_equal(one.label_map, expected)
        np.testing.assert_array_equal(one.drawn, vector)
        assert one.z is not None and one.z.shape == (dist.rank,)
        for where in ((2,), (slice(None), 3), (slice(1, 4), slice(2, 9), 4), (2, 3, 4)):
            np.testing.assert_array_equal(posterior.label_map(vector, where), expected[where])
    counts = [count_labels(m, classes) for m in maps]
    np.testing.assert_array_equal(posterior.label_counts(drawn), counts)
    share = agreement(posterior, drawn).share(1)
    np.testing.assert_allclose(share, (maps == 1).mean(0))
    flat = maps.reshape(9, -1)
    np.testing.assert_array_equal(posterior.labels_at(drawn, np.arange(flat.shape[1])), flat)
    for h in representatives(posterior, k=3, n=60):
        np.testing.assert_array_equal(posterior.label_map(h.drawn), h.label_map)
    with pytest.raises(ValueError, match="z: expected shape"):
        posterior.label_map(vector[:-1])
    with pytest.raises(ValueError, match="finite"):
        posterior.label_map(np.full(posterior.width, np.nan))


def test_a_draw_is_walked_from_with_what_it_holds() -> None:
    dist = disc()
    posterior = condition(dist, [Click((12, 18), 1)], 0.1, Residual(chance=0.5), slip=1e-3)
    vector = posterior.draw(30, seed=4)[7]
    first = posterior.label_map(vector)
    step = np.zeros_like(vector)
    step[0] = 1e-3
    # A thousandth of a deviation further nothing jumps, and far away the click still holds.
    assert (posterior.label_map(vector + step) != first).sum() <= 1
    for t in (-2000, 2000):
        assert posterior.label_map(vector + t * step)[12, 18] == 1


def test_what_was_before_is_what_it_was() -> None:
    dist = random_dist(3, classes=3)
    clicks = [Click((1, 1), 1), Click((3, 4), 0)]
    plain = condition(dist, clicks, 0.1, Residual(chance=1.0))
    assert plain.parts == () and plain.width == dist.rank
    np.testing.assert_array_equal(plain.draw(5, 1), plain.sample(5, 1))
    mixed = condition(dist, clicks, 0.1, Residual(chance=0.5), slip=1e-3)
    # The mean, its map and the evidence do not depend on what draws weigh.
    np.testing.assert_array_equal(mixed.label_map(), plain.label_map())
    assert mixed.log_evidence == plain.log_evidence
    np.testing.assert_array_equal(mixed.sample(5, 1), mixed.draw(5, 1)[:, : dist.rank])
    same(mixed, condition(dist, clicks[::-1], 0.1, Residual(chance=0.5), slip=1e-3))


def test_a_long_stroke_is_no_row_of_slips() -> None:
    dist = disc(40)
    stroke = [Click((8, x), 1) for x in range(6, 34)]
    margins = margins_of(dist, stroke)
    assert all(part.meant.all() for part in explanations(margins, None, 1.0, 0.01))
    drawn = condition(dist, stroke, 0.1, Residual(chance=0.5), slip=0.01).draw(10)
    assert np.isfinite(drawn).all()


@pytest.mark.parametrize("chance", [0.0, 1.5, np.nan])
def test_slips_are_named(chance: float) -> None:
    with pytest.raises(ValueError, match="chance"):
        Residual(chance=chance)
    with pytest.raises(ValueError, match="slip"):
        condition(random_dist(), [Click((0, 0), 1)], slip=0.5)
