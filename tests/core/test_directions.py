"""Directions chosen by what they do to the label map."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from napari_ssn.core.directions import label_gram, principal_directions
from napari_ssn.core.distribution import LogitDistribution

# Rows go posterior, columns go left, 1 mm: an axial picture as it is usually shown.
PICTURE = np.array([[0, -1.0, 0, 0], [-1.0, 0, 0, 0], [0, 0, 1.0, 0], [0, 0, 0, 1.0]])


def random_dist(seed: int, classes: int = 2, rank: int = 4) -> LogitDistribution:
    rng = np.random.default_rng(seed)
    return LogitDistribution(
        rng.normal(size=(classes, 8, 9)) * 2,
        rng.normal(size=(rank, classes, 8, 9)),
        rng.uniform(0.01, 0.3, size=(classes, 8, 9)),
    )


def slow_gram(dist: LogitDistribution) -> np.ndarray:
    """Voxel by voxel, from the formula."""
    gram = np.zeros((dist.rank, dist.rank))
    mean = dist.mean.double().numpy()
    factor = dist.cov_factor.double().numpy()
    diag = dist.cov_diag.double().numpy()
    for v in np.ndindex(dist.space):
        first, second = np.argsort(-mean[(slice(None), *v)])[:2]
        d = mean[(first, *v)] - mean[(second, *v)]
        a = factor[(slice(None), first, *v)] - factor[(slice(None), second, *v)]
        s = math.sqrt(a @ a + diag[(first, *v)] + diag[(second, *v)])
        weight = (math.exp(-0.5 * (d / s) ** 2) / math.sqrt(2 * math.pi) / s) ** 2
        gram += weight * np.outer(a, a)
    return gram


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_gram_matrix_equals_the_voxelwise_formula(classes: int) -> None:
    dist = random_dist(classes, classes)
    expected = slow_gram(dist)
    # Margins are float32: what nearly cancels is as exact as the matrix is, not as itself.
    atol = 1e-6 * float(np.abs(expected).max())
    np.testing.assert_allclose(label_gram(dist), expected, rtol=2e-5, atol=atol)


def test_basis_is_a_rotation_that_diagonalises_the_gram_matrix() -> None:
    dist = random_dist(0)
    found = principal_directions(dist)
    np.testing.assert_allclose(found.basis.T @ found.basis, np.eye(4), atol=1e-12)
    spectrum = found.basis.T @ label_gram(dist) @ found.basis
    off = spectrum - np.diag(np.diag(spectrum))
    assert np.abs(off).max() < 1e-9 * spectrum.max()
    assert (np.diff(found.share) <= 1e-6).all() and found.share.sum() == pytest.approx(1)
    np.testing.assert_allclose(np.diag(spectrum) / np.trace(spectrum), found.share, atol=1e-12)


def test_gauge_invariance() -> None:
    dist = random_dist(1, classes=3)
    rng = np.random.default_rng(2)
    moved = LogitDistribution(
        dist.mean + torch.as_tensor(rng.normal(size=(1, 8, 9)).astype(np.float32)),
        dist.cov_factor + torch.as_tensor(rng.normal(size=(4, 1, 8, 9)).astype(np.float32)),
        dist.cov_diag,
    )
    np.testing.assert_allclose(label_gram(moved), label_gram(dist), rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(
        principal_directions(moved).basis, principal_directions(dist).basis, atol=1e-3
    )


def test_rotating_z_rotates_the_directions_with_it() -> None:
    dist = random_dist(3)
    turn, _ = np.linalg.qr(np.random.default_rng(0).normal(size=(4, 4)))
    turned = LogitDistribution(
        dist.mean,
        torch.einsum("rs,scyx->rcyx", torch.as_tensor(turn, dtype=torch.float32), dist.cov_factor),
        dist.cov_diag,
    )
    np.testing.assert_allclose(
        turn.T @ principal_directions(turned).basis, principal_directions(dist).basis, atol=1e-4
    )


def disc(radius: float = 6.0, size: int = 25) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    y, x = np.mgrid[:size, :size] - size // 2
    return radius - np.hypot(y, x), y.astype(float), x.astype(float)


def build(margin: np.ndarray, columns: list[np.ndarray]) -> LogitDistribution:
    zero = np.zeros_like(margin)
    return LogitDistribution(
        np.stack([zero, margin]),
        np.stack([np.stack([zero, c]) for c in columns]),
        np.full((2, *margin.shape), 0.01),
        PICTURE,
    )


def test_size_is_found_signed_and_measured() -> None:
    # No voxel's distance from the middle is 4.1, 5.1, 7.1 or 8.1: rounding decides nothing.
    margin, _, _ = disc(radius=6.1)
    # A strong factor where no label ever changes must not lead.
    far = np.where(margin > 4, 3.0, 0.0)
    found = principal_directions(build(margin, [far, -np.ones_like(margin)]))
    np.testing.assert_allclose(np.abs(found.basis[:, 0]), [0, 1], atol=0.01)
    assert found.basis[1, 0] < 0  # the factor is −1 everywhere: growing means −z
    effect = found.effects[0]
    assert effect.kind == "size" and effect.label == 1 and effect.side == (0, 0, 0)
    # At ±2σ the radius is 4.1 and 8.1; each voxel is 0.001 mL.
    assert effect.low_ml == pytest.approx((margin - 2 > 0).sum() / 1000)
    assert effect.high_ml == pytest.approx((margin + 2 > 0).sum() / 1000)
    assert effect.ml_per_sigma == pytest.approx(
        ((margin + 1 > 0).sum() - (margin - 1 > 0).sum()) / 2000
    )


def test_one_edge_is_named_by_its_side() -> None:
    margin, y, _ = disc()
    found = principal_directions(build(margin, [np.clip(y, 0, None) / 4]))
    effect = found.effects[0]
    assert effect.kind == "edge"
    # Rows below the middle lie posterior: (right, anterior, superior) = (0, −1, 0).
    np.testing.assert_allclose(effect.side, (0, -1, 0), atol=0.05)
    assert effect.low_ml < effect.high_ml


def test_growth_on_one_side_and_loss_on_the_other_is_a_shift() -> None:
    margin, _, x = disc()
    effect = principal_directions(build(margin, [x / 4])).effects[0]
    assert effect.kind == "shift"
    # The direction of the shift is either way; +x of the picture is the patient's left.
    assert abs(effect.side[0]) > 0.95


def test_presence_and_nothing() -> None:
    margin, _, _ = disc(radius=1.5)
    effect = principal_directions(build(margin, [np.ones_like(margin)])).effects[0]
    assert effect.kind == "presence" and effect.low_ml == 0 < effect.high_ml
    still = principal_directions(build(np.full((5, 5), -50.0), [np.ones((5, 5))]))
    assert still.effects[0].kind == "none"
    assert still.share.tolist() in ([0.0], [1.0])


def test_without_any_foreground_growth_the_largest_component_is_positive() -> None:
    # Antisymmetric: as much grows as shrinks, so growth does not decide the sign.
    margin, _, x = disc()
    found = principal_directions(build(margin, [-x, 0 * x]))
    assert found.basis[np.abs(found.basis[:, 0]).argmax(), 0] > 0


def test_multi_class_growth_counts_foreground_against_background_only() -> None:
    # Voxel 0: background against class 1; voxel 1: class 1 against class 2.
    mean = np.array([[[0.0, -9.0]], [[0.5, 0.4]], [[-9.0, 0.0]]])
    factor = np.zeros((1, 3, 1, 2))
    factor[0, 1, 0, 0] = -1.0
    factor[0, 2, 0, 1] = 1.0
    found = principal_directions(LogitDistribution(mean, factor, np.full((3, 1, 2), 0.01)))
    assert found.basis.tolist() == [[-1.0]]


def test_walking_starts_at_the_anchor() -> None:
    found = principal_directions(random_dist(5))
    anchor = np.array([1.0, 2.0, 3.0, 4.0])
    np.testing.assert_allclose(found.z(1, 2.0, anchor), anchor + 2 * found.basis[:, 1])
    np.testing.assert_allclose(found.z(0, -1.0), -found.basis[:, 0])
