"""The local residual against the full Gaussian field it stands for."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from napari_ssn.core.counts import count_labels
from napari_ssn.core.distribution import LogitDistribution
from napari_ssn.core.given import residual as module
from napari_ssn.core.given.clicks import Click
from napari_ssn.core.given.conditioning import condition
from napari_ssn.core.given.residual import Residual
from tests.support.discs import dense_field, disc
from tests.support.helpers import oblique_affine
from tests.support.smooth import random_dist


@pytest.mark.parametrize("edges", [False, True])
@pytest.mark.parametrize("affine", [np.eye(4), oblique_affine()])
def test_joint_moments_are_those_of_the_full_field(edges: bool, affine: np.ndarray) -> None:
    dist = disc(10, affine, spread=1.5)
    residual = Residual(length_mm=3.0, amplitude=1.2)
    if edges:
        image = np.random.default_rng(0).normal(size=(10, 10)).astype(np.float32)
        residual = Residual(3.0, 1.2, image, edge=1.5)
    clicks = [Click((2, 3), 1), Click((7, 5), 0), Click((5, 5), 1)]
    posterior = condition(dist, clicks, residual=residual)
    covariance, mean, columns = dense_field(dist, residual)
    # The joint Gaussian of the clicked margins, drawn and rejected.
    at = [int(np.ravel_multi_index(c.index, dist.space)) for c in clicks]
    sign = np.array([1 if c.label else -1 for c in clicks])
    rng = np.random.default_rng(1)
    lower = np.linalg.cholesky(covariance[np.ix_(at, at)])
    z = rng.standard_normal((3_000_000, dist.rank), np.float32)
    xi = rng.standard_normal((len(z), 3), np.float32) @ lower.T.astype(np.float32)
    reach = columns[:, at].astype(np.float32)
    keep = ((mean[at] + z @ reach + xi) * sign > 0).all(1)
    share, n = keep.mean(), int(keep.sum())
    assert n > 300
    assert posterior.evidence == pytest.approx(
        share, abs=5 * math.sqrt(share / len(z)) + 0.1 * share
    )
    np.testing.assert_allclose(posterior.mean, z[keep].mean(0), atol=5 / math.sqrt(n) + 0.03)
    drawn = posterior.sample(2000, seed=5)
    np.testing.assert_allclose(drawn.mean(0), z[keep].mean(0), atol=5 / math.sqrt(min(n, 2000)))
    # The residual at z = 0, spread by the kernel over the whole grid.
    hold = (mean[at] + xi) * sign > 0
    given = xi[hold.all(1)]
    spread = covariance[:, at] @ np.linalg.solve(covariance[np.ix_(at, at)], given.mean(0))
    voxels, field = posterior.residual_at(np.zeros(dist.rank))
    error = 5 * np.sqrt(np.diag(covariance)[voxels].max() / len(given))
    np.testing.assert_allclose(field[1] - field[0], spread[voxels], atol=error + 0.02)
    far = np.setdiff1d(np.arange(mean.size), voxels)
    assert np.abs(spread[far]).max(initial=0) < 0.05


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("tolerance", [0.0, 0.2])
def test_a_click_always_takes_effect_where_it_was_made(classes: int, tolerance: float) -> None:
    dist = random_dist(1, classes, space=(9, 9))
    # A voxel that the model is sure of, and one it knows no variance of at all.
    mean, factor = dist.mean.clone(), dist.cov_factor.clone()
    mean[0, 4, 4] += 40
    factor[:, :, 2, 2] = 0
    mean[0, 2, 2] += 9
    dist = LogitDistribution(mean, factor, dist.cov_diag)
    for index in ((4, 4), (2, 2), (0, 8)):
        for label in range(classes):
            posterior = condition(dist, [Click(index, label)], tolerance, Residual())
            assert posterior.settled and math.isfinite(posterior.log_evidence)
            for labels in posterior.label_maps(posterior.sample(20)):
                assert labels[index] == label
            assert posterior.label_map()[index] == label


def test_the_model_takes_what_it_can_explain() -> None:
    dist = disc()
    always = Residual(chance=1.0)
    inside = condition(dist, [Click((12, 16), 1)], residual=always)  # on the boundary
    outside = condition(dist, [Click((3, 3), 1)], residual=always)  # nine voxels away
    assert 0.2 < inside.share < 0.5  # 1 / (1 + 1.5²) of a margin's variance is z's
    assert outside.evidence < inside.evidence
    assert inside.log_evidence_alone == condition(dist, [Click((12, 16), 1)]).log_evidence
    assert outside.log_evidence_alone < math.log(1e-3)
    weak = condition(dist, [Click((12, 16), 1)], residual=replace(always, amplitude=0.1))
    assert weak.share > 0.98


def test_far_from_clicks_the_map_is_the_models_own() -> None:
    dist = disc(40)
    posterior = condition(dist, [Click((20, 5), 1)], residual=Residual())
    z = posterior.sample(10)
    maps, plain = posterior.label_maps(z), dist.label_maps(z)
    y, x = np.mgrid[:40, :40]
    near = np.hypot(y - 20, x - 5) <= 10  # five lengths of 2 mm
    assert (maps[:, ~near] == plain[:, ~near]).all() and (maps[:, near] != plain[:, near]).any()
    voxels, field = posterior.residual_at()
    assert len(voxels) == near.sum() and field.shape == (2, near.sum())


@pytest.mark.parametrize("corner", [(0, 0, 0), (6, 8, 7), (3, 0, 7)])
def test_near_is_what_lies_within_five_lengths_of_a_click(corner: tuple[int, ...]) -> None:
    rng = np.random.default_rng(5)
    space = (7, 9, 8)
    dist = LogitDistribution(
        rng.normal(size=(2, *space)), rng.normal(size=(2, 2, *space)), np.ones((2, *space)),
        oblique_affine(),
    )  # fmt: skip
    clicks = [Click(corner, 1), Click((4, 4, 3), 0)]
    posterior = condition(dist, clicks, residual=Residual(length_mm=0.6))
    place = np.indices(space).reshape(3, -1).T @ dist.affine[:3, :3].T
    apart = [np.linalg.norm(place - dist.affine[:3, :3] @ c.index, axis=1) for c in clicks]
    expected = np.flatnonzero(np.min(apart, axis=0) <= 3.0)
    assert 2 < len(expected) < len(place)
    np.testing.assert_array_equal(posterior.near, expected)


@pytest.mark.parametrize("classes", [2, 3])
def test_every_way_to_decode_gives_the_same_map(classes: int) -> None:
    dist = random_dist(2, classes, space=(6, 9, 8))
    posterior = condition(
        dist, [Click((2, 3, 4), 1), Click((5, 8, 7), 0)], residual=Residual(length_mm=0.8)
    )
    z = posterior.sample(7)
    maps = posterior.label_maps(z)
    for vector, expected in zip(z, maps, strict=True):
        np.testing.assert_array_equal(posterior.label_map(vector), expected)
        for where in (
            (2,),
            (slice(None), 3),
            (slice(1, 4), slice(2, 9), 4),
            (slice(None), -1),
            (2, 3, 4),
        ):
            np.testing.assert_array_equal(posterior.label_map(vector, where), expected[where])
    counts = posterior.label_counts(z)
    np.testing.assert_array_equal(counts, [count_labels(m, classes) for m in maps])
    np.testing.assert_array_equal(
        posterior.label_map(), posterior.label_maps(posterior.mean[None])[0]
    )
    with pytest.raises(ValueError, match="slices of step 1"):
        posterior.label_map(None, (slice(None, None, 2),))


def test_edges_of_the_image_stop_it() -> None:
    dist = disc(24)
    image = np.zeros((24, 24), np.float32)
    image[:, 21:] = 100
    click = [Click((12, 18), 1)]
    residual = Residual().along(image)
    assert residual.image is not None and residual.image.max() > 99
    plain, stopped = (condition(dist, click, residual=r) for r in (Residual(), residual))
    assert stopped.label_map()[12, 18] == 1
    push = []
    for posterior in (plain, stopped):
        field = np.zeros(24 * 24)
        voxels, values = posterior.residual_at()
        field[voxels] = values[1] - values[0]
        push.append(field.reshape(24, 24)[12])
    # Three voxels from the click: towards the disc all the same, beyond the edge much less.
    assert push[1][15] == pytest.approx(push[0][15], rel=0.05)
    assert push[1][21] < 0.1 * push[0][21]
    flat = condition(dist, click, residual=Residual().along(np.zeros((24, 24), np.float32)))
    np.testing.assert_array_equal(flat.label_map(), plain.label_map())
    with pytest.raises(ValueError, match=r"expected an image of shape \(24, 24\), got \(5, 5\)"):
        condition(dist, click, residual=Residual().along(np.zeros((5, 5), np.float32)))


def test_a_long_stroke_is_held_by_its_anchors(monkeypatch: pytest.MonkeyPatch) -> None:
    dist = disc(40)
    stroke = [Click((8, x), 1) for x in range(4, 36)] + [Click((9, x), 1) for x in range(4, 36)]
    monkeypatch.setattr(module, "NUMBERS", 64)
    exact = condition(dist, stroke, residual=Residual())
    monkeypatch.setattr(module, "NUMBERS", 32)
    thinned = condition(dist, stroke, residual=Residual())
    assert thinned.settled
    np.testing.assert_allclose(thinned.mean, exact.mean, atol=0.3)
    labels = thinned.label_map()
    assert all(labels[c.index] == 1 for c in stroke)
    assert (labels != exact.label_map()).sum() < 0.15 * exact.label_map().sum()


def test_what_cannot_be_a_residual_is_refused() -> None:
    for name in ("length_mm", "amplitude", "edge"):
        with pytest.raises(ValueError, match=f"{name}: expected a positive number, got -1"):
            Residual(**{name: -1.0})
    with pytest.raises(ValueError, match="length_mm: expected a positive number, got nan"):
        Residual(length_mm=math.nan)
