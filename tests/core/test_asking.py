"""Suggested clicks, contours and outcomes, on cases whose answer is known."""

from __future__ import annotations

import math
from functools import cache
from typing import Any

import numpy as np
import pytest

from napari_ssn.core.distribution import LogitDistribution, draw_z
from napari_ssn.core.given.clicks import Click
from napari_ssn.core.given.conditioning import condition
from napari_ssn.core.given.outcomes import VolumeAtLeast, VolumeAtMost, ask
from napari_ssn.core.given.posterior import Posterior
from napari_ssn.core.given.residual import Residual
from napari_ssn.core.given.suggestion import suggest_click
from napari_ssn.core.measures import label_counts, volume_distribution
from napari_ssn.core.packed.distribution import PackedDistribution
from napari_ssn.core.summaries.contours import contours
from napari_ssn.errors import Cancelled, GeometryError
from tests.support.smooth import random_dist, smooth_dist


def test_the_suggested_voxel_settles_the_most_others() -> None:
    # Row 0 hangs on z₁ at growing thresholds; voxel (1, 0) is an even split of its own, on z₂.
    margin = np.array([[2.0, 1.0, 0.0, -1.0, -2.0], [0.0, -9.0, -9.0, -9.0, -9.0]])
    first = np.array([[1.0] * 5, [0.0] * 5])
    second = np.array([[0.0] * 5, [1.0, 0.0, 0.0, 0.0, 0.0]])
    dist = smooth_dist(margin, [first, second])
    found = suggest_click(dist, n=2000)
    assert found is not None and found.index == (0, 2)
    assert found.probability[1] == pytest.approx(0.5, abs=0.06)
    # The gain against the formula, voxel by voxel.
    maps = dist.label_maps(condition(dist, []).sample(2000)).reshape(2000, -1)
    p = maps.mean(0)
    before = (2 * p * (1 - p)).sum()
    after = 0.0
    for answer in (0, 1):
        part = maps[maps[:, 2] == answer]
        q = part.mean(0)
        after += len(part) / 2000 * (2 * q * (1 - q)).sum()
    assert found.gain == pytest.approx(1 - after / before, abs=1e-12)
    # Once it is known, one of its neighbours or the other split is next; it is not asked again.
    posterior = condition(dist, [Click((0, 2), 1)])
    again = suggest_click(dist, posterior)
    assert again is not None and again.index in ((0, 3), (0, 4), (1, 0))


@pytest.mark.parametrize("classes", [2, 4])
def test_a_suggestion_is_in_the_grid_of_the_image_and_not_a_clicked_voxel(classes: int) -> None:
    whole = random_dist(7, classes, space=(6, 6))
    dist = LogitDistribution(
        whole.mean, whole.cov_factor, whole.cov_diag, start=(10, 20), image_space=(30, 30)
    )
    clicks: list[Click] = []
    for _ in range(6):
        posterior = condition(dist, clicks, residual=Residual())
        found = suggest_click(dist, posterior)
        assert found is not None and found.index not in [c.index for c in clicks]
        assert 0 < found.gain <= 1 and found.probability.sum() == pytest.approx(1)
        clicks.append(Click(found.index, int(found.probability.argmax())))
    first, second = suggest_click(dist, seed=3), suggest_click(dist, seed=3)
    assert first is not None and second is not None and first.index == second.index


def test_where_nothing_is_in_doubt_nothing_is_suggested() -> None:
    assert suggest_click(smooth_dist(np.full((4, 4), -50.0), [np.ones((4, 4))])) is None


def test_contours_by_hand() -> None:
    maps = np.zeros((20, 1, 5), np.uint8)
    for column, count in enumerate((20, 19, 10, 1, 0)):
        maps[:count, 0, column] = 2
    found = contours(maps, 3)
    assert found.inner[2].tolist() == [[True, True, False, False, False]]
    assert found.median[2].tolist() == [[True, True, True, False, False]]
    assert found.outer[2].tolist() == [[True, True, True, True, False]]
    assert not found.outer[1].any() and found.inner[0].tolist() == [[False] * 3 + [True] * 2]
    with pytest.raises(ValueError, match="labels below 2, got 2"):
        contours(maps, 2)
    with pytest.raises(ValueError, match=r"non-empty \(N, \*S\), got shape \(0, 1, 5\)"):
        contours(maps[:0], 3)


def test_contours_hold_their_share_for_every_number_of_hypotheses() -> None:
    """Rounded products of a share and a number are off by one for some, such as 0.95 · 60."""
    for n in range(1, 251):
        # Column k is held by k of n hypotheses.
        maps = (np.arange(n)[:, None] < np.arange(n + 1)).astype(np.uint8)[:, None]
        found = contours(maps, 2)
        for shape, twentieths in ((found.inner, 19), (found.median, 10), (found.outer, 1)):
            expected = [20 * k >= twentieths * n for k in range(n + 1)]
            assert shape[1][0].tolist() == expected, (n, twentieths)


@pytest.mark.parametrize("cut", [0.0, 1.0, 3.0, 5.0])
def test_reaching_a_voxel_is_a_tail_of_the_normal(cut: float) -> None:
    # Voxel 0 is labelled where z₁ > cut.
    dist = smooth_dist(np.array([[-cut, 1.0]]), [np.ones((1, 2)), np.zeros((1, 2))])
    tail = 0.5 * math.erfc(cut / math.sqrt(2))
    found = ask(dist, Click((0, 0), 1))
    assert abs(found.probability - tail) < 5 * found.error
    assert 0 < found.error < 0.1 * tail
    assert found.rare == (tail < 1e-4)
    assert (found.z[:, 0] > cut).all() and found.weight.sum() == pytest.approx(1)
    mean = found.weight @ found.z[:, 0]
    hazard = math.exp(-0.5 * cut**2) / math.sqrt(2 * math.pi) / tail
    assert mean == pytest.approx(hazard, abs=5 / math.sqrt(found.effective))
    assert found.effective > 300


def test_a_volume_is_the_share_of_draws_that_have_it() -> None:
    y, x = np.mgrid[:16, :16] - 8.0
    margin = 4 - np.hypot(y, x)
    dist = smooth_dist(margin, [np.ones_like(margin), 0.1 * x])
    many = volume_distribution(dist, 200_000)[:, 1]
    # 0.001 mL a voxel; the last is reached by one draw in two thousand.
    for quantile in (0.1, 0.5, 0.95, 0.9995):
        volume = float(np.quantile(many, quantile))
        found = ask(dist, VolumeAtLeast(volume))
        expected = (many >= volume).mean()
        assert abs(found.probability - expected) < 5 * math.hypot(
            found.error, math.sqrt(expected / 200_000)
        )
        sizes = [dist.label_map(z).sum() / 1000 for z in found.z[:50]]
        assert min(sizes) >= volume - 1e-12


@pytest.mark.parametrize("residual", [None, Residual()])
def test_outcomes_given_clicks(residual: Residual | None) -> None:
    y, x = np.mgrid[:16, :16] - 8.0
    margin = 4 - np.hypot(y, x)
    dist = smooth_dist(margin, [np.ones_like(margin), 0.1 * x])
    posterior = condition(dist, [Click((8, 14), 1)], residual=residual)
    z = posterior.sample(3000, seed=9)
    maps = posterior.label_maps(z)
    for question, share in (
        (VolumeAtLeast(0.08), (maps.sum((1, 2)) >= 80).mean()),
        (Click((3, 8), 1), (maps[:, 3, 8] == 1).mean()),
    ):
        found = ask(dist, question, posterior)
        assert (
            abs(found.probability - share)
            < 5 * math.hypot(found.error, math.sqrt(share * (1 - share) / 3000)) + 1e-9
        )
    assert ask(dist, Click((8, 14), 1), posterior).probability == 1
    never = ask(dist, Click((8, 14), 0), posterior, n=1000)
    assert never.probability == 0 and never.rare and never.error == pytest.approx(1e-3)
    assert never.z.shape == (0, 2) and never.effective == 0


def test_questions_that_make_no_sense_are_refused() -> None:
    dist = random_dist()
    with pytest.raises(GeometryError, match="outside the image"):
        ask(dist, Click((9, 9), 1))
    with pytest.raises(ValueError, match="label: expected below 2, got 2"):
        ask(dist, VolumeAtLeast(1.0, label=2))
    with pytest.raises(ValueError, match="volume_ml: expected 0 or more, got -1"):
        VolumeAtLeast(-1.0)
    # No label map is as large as that: said as never seen, with what that is worth.
    found = ask(dist, VolumeAtLeast(1.0))
    assert found.probability == 0 and found.rare and found.error == pytest.approx(1 / 4000)
    assert ask(dist, VolumeAtLeast(0.0)).probability == pytest.approx(1, abs=1e-9)


def ball(classes: int = 2) -> LogitDistribution:
    """A disc that grows with z₁ and moves with z₂; a third label within it."""
    y, x = np.mgrid[:16, :16] - 8.0
    inside = 4 - np.hypot(y, x)
    grown, moved = np.ones_like(inside), 0.1 * x
    margins = [inside, 2 * inside - 2][: classes - 1]
    zero = np.zeros_like(inside)
    return LogitDistribution(
        np.stack([zero, *margins]),
        np.stack([np.stack([zero, *(c * k for k in range(1, classes))]) for c in (grown, moved)]),
        np.full((classes, 16, 16), 0.01),
    )


QUESTIONS = (
    [VolumeAtLeast(0.06)],
    [VolumeAtMost(0.03)],
    [VolumeAtMost(0.012)],
    [VolumeAtLeast(0.04), VolumeAtMost(0.045)],
    [VolumeAtLeast(0.06), Click((8, 3), 0)],
    [Click((8, 14), 1), Click((8, 2), 1)],
)


@cache
def drawn_of(
    packed: bool, clicked: bool
) -> tuple[LogitDistribution | PackedDistribution, Posterior | None, Any, Any]:
    """A disc, its posterior given a click, many draws of z and their label maps: once for all
    questions.
    """
    dense = ball()
    dist = PackedDistribution.of(dense) if packed else dense
    posterior = condition(dist, [Click((8, 13), 0)], 0.1, Residual()) if clicked else None
    many = 5_000 if clicked else 20_000
    z = draw_z(many, 2, 7) if posterior is None else posterior.draw(many, 7)
    maps = (dense if posterior is None else posterior).label_maps(z).reshape(many, 16, 16)
    for one in (z, maps):
        one.flags.writeable = False
    return dist, posterior, z, maps


@pytest.mark.parametrize("questions", QUESTIONS)
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("clicked", [False, True])
def test_the_draws_given_an_outcome_are_those_of_rejection(
    questions: list[VolumeAtLeast | VolumeAtMost | Click], packed: bool, clicked: bool
) -> None:
    dist, posterior, z, maps = drawn_of(packed, clicked)
    many = len(z)
    keep = np.ones(many, bool)
    for one in questions:
        if isinstance(one, Click):
            keep &= maps[(slice(None), *one.index)] == one.label
        else:
            sizes = (maps == 1).sum((1, 2)) / 1000
            at_least = isinstance(one, VolumeAtLeast)
            keep &= sizes >= one.volume_ml if at_least else sizes <= one.volume_ml
    share, kept = keep.mean(), z[keep]
    found = ask(dist, questions, posterior, seed=3)
    error = math.hypot(found.error, math.sqrt(share * (1 - share) / many))
    assert abs(found.probability - share) < 5 * error + 1e-9
    if len(kept) < 200:
        return
    assert found.effective > 15
    spread = 5 / math.sqrt(found.effective) + 5 / math.sqrt(len(kept))
    np.testing.assert_allclose(found.weight @ found.z, kept.mean(0), atol=spread)
    # Drawn again by weight they are the same distribution, and each of them satisfies it.
    drawn = found.draw(2000, seed=1)
    np.testing.assert_allclose(drawn.mean(0), kept.mean(0), atol=spread + 5 / math.sqrt(2000))
    assert {tuple(one) for one in drawn} <= {tuple(one) for one in found.z}
    np.testing.assert_array_equal(found.draw(5, seed=1), found.draw(5, seed=1))


@pytest.mark.parametrize("packed", [False, True])
def test_a_walk_starts_where_the_outcome_comes_true(packed: bool) -> None:
    # Labelled where z < −1 or z > 1: the mean of all that agree is 0, which does not.
    margin, factor = np.array([[-1.0, -1.0]]), np.array([[1.0, -1.0]])
    dense = smooth_dist(margin, [factor])
    dist = PackedDistribution.of(dense) if packed else dense
    found = ask(dist, VolumeAtLeast(0.001))
    assert found.probability == pytest.approx(2 * 0.1587, abs=5 * found.error)
    assert abs(found.weight @ found.z) < 0.2 < 1 < abs(found.centre[0]) < 1.02
    near = ask(dist, VolumeAtMost(0.0))
    np.testing.assert_allclose(near.centre, near.weight @ near.z)


def test_rare_outcomes_of_several_labels_are_found_by_importance() -> None:
    dist = ball(3)
    both = [VolumeAtLeast(0.1, 2), VolumeAtMost(0.09, 1)]
    z = draw_z(400_000, 2, 5)
    grown = (z[:, 0] > 1.5).nonzero()[0]
    counts = label_counts(dist, z[grown[:3000]])
    share = ((counts[:, 2] >= 100) & (counts[:, 1] <= 90)).mean() * (z[:, 0] > 1.5).mean()
    found = ask(dist, both)
    assert found.probability == pytest.approx(share, rel=0.25) and share < 0.05
    assert found.effective > 200


def test_asking_can_be_stopped() -> None:
    def stop() -> None:
        raise Cancelled("Stopped.")

    for question in (VolumeAtLeast(0.06), Click((8, 8), 1)):
        with pytest.raises(Cancelled):
            ask(ball(), question, between=stop)
    with pytest.raises(ValueError, match="at least one"):
        ask(ball(), [])
    with pytest.raises(ValueError, match="at least one draw"):
        ask(ball(), VolumeAtLeast(9.0)).draw(3)


@pytest.mark.parametrize("n", [1000, 4000])
def test_one_in_a_hundred_thousand_is_found_with_few_draws_too(n: int) -> None:
    # Voxel (0, 0) is labelled where z₁ > 4.3, in ten dimensions.
    columns = [np.ones((1, 1)), *(np.zeros((1, 1)) for _ in range(9))]
    dist = smooth_dist(np.array([[-4.3]]), columns)
    tail = 0.5 * math.erfc(4.3 / math.sqrt(2))
    found = ask(dist, Click((0, 0), 1), n=n)
    assert found.rare and found.probability == pytest.approx(tail, abs=5 * found.error)
    assert found.error < 0.25 * tail


def test_what_no_draw_comes_near_is_never_seen_and_bounded() -> None:
    # A single voxel shows no draw the way: larger by nothing, or all at once.
    dist = smooth_dist(np.array([[-30.0]]), [np.ones((1, 1)), np.zeros((1, 1))])
    found = ask(dist, VolumeAtLeast(0.001), n=500)
    assert not found.reliable and found.most == pytest.approx(0.0092, abs=1e-4)
    assert found.probability == 0 and found.rare and 3 * found.error == pytest.approx(0.006)
