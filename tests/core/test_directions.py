"""Directions chosen by what they do to the label map."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from napari_ssn.core.directions.principal import label_gram, plain_gram, principal_directions
from napari_ssn.core.distribution import LogitDistribution
from napari_ssn.core.packed.distribution import PackedDistribution

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


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_plain_gram_matrix_projects_out_what_classes_share(classes: int) -> None:
    dist = random_dist(classes, classes)
    factor = dist.cov_factor.double().numpy().reshape(dist.rank, classes, -1)
    project = np.eye(classes) - 1 / classes
    free = np.stack([project @ factor[:, :, v].T for v in range(factor.shape[2])])  # (V, C, R)
    expected = sum(block.T @ block for block in free)
    np.testing.assert_allclose(plain_gram(dist), expected, rtol=1e-6, atol=1e-5)
    packed = PackedDistribution.of(dist, torch.float32)
    np.testing.assert_allclose(plain_gram(packed), expected, rtol=1e-5, atol=1e-4)


def test_plain_components_are_led_by_what_varies_most_and_label_weighted_ones_are_not() -> None:
    margin, _, _ = disc(radius=6.1)
    far = np.where(margin > 4, 3.0, 0.0)
    dist = build(margin, [far, -np.ones_like(margin) / 4])
    plain = principal_directions(dist, "plain")
    assert plain.kind == "plain" and abs(plain.basis[0, 0]) > 0.9
    np.testing.assert_allclose(plain.basis.T @ plain.basis, np.eye(2), atol=1e-12)
    energies = np.einsum("rk,rs,sk->k", plain.basis, plain_gram(dist), plain.basis)
    np.testing.assert_allclose(plain.share, energies / energies.sum(), rtol=1e-9)
    assert abs(principal_directions(dist).basis[0, 0]) < 0.1


def test_varimax_gives_two_lesions_a_direction_each() -> None:
    y, x = np.mgrid[:40, :40].astype(float)
    left, right = 5.3 - np.hypot(y - 20, x - 9), 5.3 - np.hypot(y - 20, x - 30)
    here = (x < 20).astype(float)
    # The model moves both together, or one against the other: neither says which.
    dist = build(np.maximum(left, right), [np.ones_like(x), 0.97 * (2 * here - 1)])
    plainly = principal_directions(dist)
    assert (np.abs(plainly.basis) > 0.99).sum() == 2
    found = principal_directions(dist, "varimax")
    assert found.kind == "varimax"
    np.testing.assert_allclose(found.basis.T @ found.basis, np.eye(2), atol=1e-12)
    assert found.share.sum() == pytest.approx(1) and np.diff(found.share)[0] <= 1e-6
    for k in range(2):
        changed = dist.label_map(found.z(k, 1.5)) != dist.label_map(found.z(k, -1.5))
        sides = sorted([changed[:, :20].sum(), changed[:, 20:].sum()])
        assert sides[0] == 0 < sides[1]
        assert found.effects[k].ml_per_sigma > 0


@pytest.mark.parametrize("kind", ["label-weighted", "plain", "varimax"])
@pytest.mark.parametrize("classes", [2, 4])
def test_packed_and_dense_find_the_same_directions(kind: str, classes: int) -> None:
    packed = PackedDistribution.of(random_dist(classes + 10, classes))
    ours, theirs = principal_directions(packed, kind), principal_directions(packed.dense(), kind)
    np.testing.assert_allclose(ours.share, theirs.share, atol=1e-5)
    np.testing.assert_allclose(np.abs(np.diag(ours.basis.T @ theirs.basis)), 1, atol=1e-4)
    assert [e.kind for e in ours.effects] == [e.kind for e in theirs.effects]


def test_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="label-weighted, plain, varimax, got 'equamax'"):
        principal_directions(random_dist(0), "equamax")  # type: ignore[arg-type]


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


def test_extent_is_how_far_the_boundary_moves() -> None:
    margin, _, _ = disc(radius=10.1, size=61)
    # Two of the margin's units per sigma, each a millimetre.
    effect = principal_directions(build(margin, [2 * np.ones_like(margin)])).effects[0]
    assert effect.mm_per_sigma == pytest.approx(2.0, rel=0.06)
    assert principal_directions(build(margin, [np.zeros_like(margin)])).effects[0].mm_per_sigma == 0


@pytest.mark.parametrize("form", ["ball", "disc", "shell"])
@pytest.mark.parametrize("half", [False, True])
def test_half_a_border_that_moves_is_an_edge_and_all_of_it_is_size(form: str, half: bool) -> None:
    z, y, x = np.mgrid[:25, :25, :25] - 12.0
    r = np.sqrt(x * x + y * y + z * z)
    margin = {
        "ball": 6.05 - r,
        "shell": np.minimum(7.05 - r, r - 3.05),
        "disc": np.where(z == 0, 6.05 - np.hypot(y, x), -9.0),
    }[form]
    # Of the shell only the outer border moves.
    moves = (r > 5.05) if form == "shell" else np.ones(r.shape, bool)
    column = 1.3 * (moves & ((x > 0) | (not half)))
    zero = np.zeros_like(margin)
    dist = LogitDistribution(
        np.stack([zero, margin]),
        np.stack([zero, column])[None],
        np.full((2, *margin.shape), 0.01),
        np.eye(4),
    )
    effect = principal_directions(dist).effects[0]
    assert effect.kind == ("edge" if half else "size")
    if half:
        np.testing.assert_allclose(effect.side, [0, 0, 1], atol=0.05)


@pytest.mark.parametrize("form", ["disc", "ring", "ball", "shell", "flat"])
@pytest.mark.parametrize("far", [1 / 16, 1 / 8, 1 / 5])
def test_how_far_a_border_moves_says_nothing_of_where(form: str, far: float) -> None:
    """Half of both borders, out and in, and two thirds of the width: an edge, and size."""
    axes = 2 if form in ("disc", "ring") else 3
    at = np.indices((39,) * axes) - 19.0
    if form == "flat":
        at[0] /= 0.6
    r = np.sqrt(np.square(at).sum(0))
    margin = np.minimum(10.05 - r, r - 5.05) if form in ("ring", "shell") else 10.05 - r
    if form == "flat":
        at[0] *= 0.6
    across = at[0] / np.maximum(np.sqrt(np.square(at).sum(0)), 1e-9)
    for least, kind in ((0.0, "edge"), (-1 / 3, "size")):
        column = 10 * far * (across > least)
        zero = np.zeros_like(margin)
        dist = LogitDistribution(
            np.stack([zero, margin]),
            np.stack([zero, column])[None],
            np.full((2, *margin.shape), 0.01),
            np.diag([1.0, 1.0, 1.0, 1.0]),
        )
        effect = principal_directions(dist).effects[0]
        assert effect.kind == kind, (least, effect)
        if kind == "edge":
            np.testing.assert_allclose(np.abs(effect.side), [1, 0, 0], atol=0.05)


def three(rows: list[np.ndarray], columns: list[np.ndarray]) -> LogitDistribution:
    """Background and two labels of a strip."""
    shape = (3, *rows[0].shape)
    return LogitDistribution(
        np.stack([np.zeros_like(rows[0]), *rows]), np.stack(columns), np.full(shape, 0.01), PICTURE
    )


def test_a_direction_that_moves_two_labels_says_so() -> None:
    y, x = np.mgrid[:30, :60].astype(float)
    one, two = 6.1 - np.hypot(y - 15, x - 15), 5.1 - np.hypot(y - 15, x - 45)
    same = np.stack([np.zeros_like(x), np.ones_like(x), np.ones_like(x)])
    effect = principal_directions(three([one, two], [same])).effects[0]
    assert (effect.kind, effect.label) == ("size", 1)
    (other,) = effect.others
    assert (other.kind, other.label, other.others) == ("size", 2, ())
    assert effect.ml_per_sigma > 0 and other.ml_per_sigma > 0
    assert other.mm_per_sigma == pytest.approx(1.0, rel=0.1)
    # A second label that hardly changes does not matter.
    weak = np.stack([np.zeros_like(x), np.ones_like(x), 0.1 * np.ones_like(x)])
    assert principal_directions(three([one, two], [weak])).effects[0].others == ()


def test_what_one_label_gains_from_another_is_their_border() -> None:
    y, x = np.mgrid[:20, :40].astype(float)
    inside = np.where(np.abs(y - 10) < 6, 30.0, -30.0)
    step = (x - 19.6) / 2
    column = np.stack([0 * x, -np.ones_like(x) / 2, np.ones_like(x) / 2])
    effect = principal_directions(three([inside - step, inside + step], [column])).effects[0]
    assert effect.kind == "border" and len(effect.others) == 1
    assert {effect.label, effect.others[0].label} == {1, 2}
    assert effect.ml_per_sigma == pytest.approx(-effect.others[0].ml_per_sigma)


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
