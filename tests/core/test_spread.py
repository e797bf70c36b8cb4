"""Another spread against its formula, dense and packed."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_ssn.core.directions.principal import plain_gram, principal_directions
from napari_ssn.core.distribution import LogitDistribution, draw_z
from napari_ssn.core.given.clicks import Click
from napari_ssn.core.given.conditioning import condition
from napari_ssn.core.measures import volume_distribution
from napari_ssn.core.packed.distribution import PackedDistribution
from napari_ssn.core.spread import Spread, spread_out
from napari_ssn.errors import Cancel, Cancelled

AFFINE = np.diag([1.0, 0.5, 2.0, 1.0])


def some(classes: int, seed: int = 0) -> LogitDistribution:
    rng = np.random.default_rng(seed)
    return LogitDistribution(
        3 * rng.normal(size=(classes, 5, 6, 7)),
        rng.normal(size=(4, classes, 5, 6, 7)),
        rng.uniform(0.01, 0.5, size=(classes, 5, 6, 7)),
        AFFINE,
        (1, 0, 2),
        (7, 8, 9),
    )


def slow_logits(dist: LogitDistribution, z: np.ndarray, factors: list[float]) -> np.ndarray:
    """Voxel by voxel and class by class."""
    mean, factor = dist.mean.double().numpy(), dist.cov_factor.double().numpy()
    out = np.empty(mean.shape)
    for v in np.ndindex(dist.space):
        deviation = factor[(slice(None), slice(None), *v)].T @ z  # (C,)
        deviation = deviation - deviation.mean()
        for c, s in enumerate(factors):
            out[(c, *v)] = mean[(c, *v)] + s * deviation[c]
    return out


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(("classes", "per_label"), [(2, (0.5, 2.0)), (4, (1.0, 0.0, 2.5, 1.5))])
def test_label_maps_are_those_of_the_formula(
    classes: int, per_label: tuple[float, ...], packed: bool
) -> None:
    dense = some(classes)
    dist = PackedDistribution.of(dense, torch.float32) if packed else dense
    spread = dist.spread(1.25, per_label)
    assert type(spread) is type(dist)
    assert spread.start == dist.start and spread.image_space == dist.image_space
    np.testing.assert_array_equal(spread.label_map(), dist.label_map())
    for z in draw_z(20, 4, 3):
        logits = slow_logits(dense, z, [1.25 * s for s in per_label])
        found = spread.label_map(z)
        # Where two classes tie to within float32 either may win.
        top = np.sort(logits, axis=0)
        sure = top[-1] - top[-2] > 1e-4
        assert sure.mean() > 0.99
        np.testing.assert_array_equal(found[sure], logits.argmax(0)[sure])


@pytest.mark.parametrize("per_label", [(), (0.3, 1.0, 2.0)])
def test_a_packed_one_equals_its_dense_twin_bit_for_bit(per_label: tuple[float, ...]) -> None:
    spread = PackedDistribution.of(some(3)).spread(1.7, per_label)
    twin = spread.dense()
    for z in 2 * draw_z(30, 4, 1):
        np.testing.assert_array_equal(spread.label_map(z), twin.label_map(z))
    np.testing.assert_allclose(spread.probabilities(), twin.probabilities(), atol=1e-5)


@pytest.mark.parametrize("packed", [False, True])
def test_the_spread_of_the_noise_is_that_of_its_label(packed: bool) -> None:
    dense = some(3)
    dist = PackedDistribution.of(dense, torch.float32) if packed else dense
    spread = dist.spread(2.0, (1.0, 0.0, 0.5))
    diag = (spread.dense() if packed else spread).cov_diag
    expected = dense.cov_diag * torch.tensor([4.0, 0.0, 1.0]).reshape(3, 1, 1, 1)
    torch.testing.assert_close(diag, expected, rtol=1e-5, atol=1e-7)


def test_an_equal_spread_is_a_scaling_of_z() -> None:
    for dist in (some(4), PackedDistribution.of(some(4), torch.float32)):
        wide = dist.spread(1.5)
        for z in draw_z(10, 4, 0):
            assert (wide.label_map(z) != dist.label_map(1.5 * z)).mean() < 0.01
        plain = principal_directions(wide, "plain")
        np.testing.assert_allclose(plain_gram(wide), 2.25 * plain_gram(dist), rtol=1e-4, atol=1e-3)
        turned = np.abs(plain.basis.T @ principal_directions(dist, "plain").basis)
        np.testing.assert_allclose(turned, np.eye(4), atol=1e-3)


def test_what_all_logits_share_does_not_matter() -> None:
    dist = some(3)
    shift = torch.randn(4, 1, 5, 6, 7, generator=torch.Generator().manual_seed(0))
    moved = LogitDistribution(dist.mean, dist.cov_factor + shift, dist.cov_diag, AFFINE)
    factors = (0.5, 1.0, 2.0)
    for z in draw_z(5, 4, 0):
        ours, theirs = dist.spread(1, factors), moved.spread(1, factors)
        assert (ours.label_map(z) != theirs.label_map(z)).mean() < 0.01


def test_of_two_labels_the_mean_of_the_factors_counts() -> None:
    dist = some(2)
    for z in draw_z(5, 4, 0):
        one, two = dist.spread(1.0, (0.5, 2.5)), dist.spread(1.5)
        assert (one.label_map(z) != two.label_map(z)).mean() < 0.01


def test_volumes_vary_more_the_wider_and_not_at_all_without_spread() -> None:
    dist = some(2)
    deviations = [volume_distribution(dist.spread(t), 200)[:, 1].std() for t in (0.0, 0.5, 1.0)]
    assert deviations[0] == 0 < deviations[1] < deviations[2]
    assert dist.spread(1.0) is dist and dist.spread(0.5, (2.0, 2.0)) is dist


def test_a_label_without_spread_is_moved_by_the_others_alone() -> None:
    # Margins of label 2 over background with nothing but label 2's own factor.
    mean = np.zeros((3, 1, 4))
    mean[1] = -50
    factor = np.zeros((1, 3, 1, 4))
    factor[0, 2] = 3.0
    factor[0, :2] = -1.5
    dist = LogitDistribution(mean, factor, np.full((3, 1, 4), 0.01))
    still = dist.spread(1.0, (0.0, 0.0, 0.0))
    assert (still.label_map([3.0]) == still.label_map()).all()
    assert (dist.spread(1.0, (0.0, 1.0, 1.0)).label_map([3.0]) == 2).all()


def test_a_wider_spread_explains_a_click_that_lies_far() -> None:
    dist = LogitDistribution(
        np.array([[[0.0]], [[-3.0]]]), np.array([[[[0.0]], [[1.0]]]]), np.full((2, 1, 1), 0.01)
    )
    click = Click((0, 0), 1)
    alone, wide = condition(dist, [click]), condition(dist.spread(3.0), [click])
    assert alone.evidence == pytest.approx(0.00135, rel=0.02)
    assert wide.evidence == pytest.approx(0.1587, rel=0.02)


@pytest.mark.parametrize("factor", [-0.1, np.nan, np.inf])
def test_bad_factors_are_refused(factor: float) -> None:
    with pytest.raises(ValueError, match="overall: expected 0 or more"):
        some(2).spread(factor)
    with pytest.raises(ValueError, match="per_label: expected 0 or more"):
        some(2).spread(1.0, (1.0, factor))
    with pytest.raises(ValueError, match="per_label: expected 2 factors, got 3"):
        some(2).spread(1.0, (1.0, 1.0, 1.0))


def test_packing_anew_can_be_cancelled() -> None:
    with pytest.raises(Cancelled):
        spread_out(PackedDistribution.of(some(2)), Spread(2.0), Cancel(lambda: True))


def test_whether_it_is_the_models_own() -> None:
    assert not Spread().changed and not Spread(1.0, (1.0, 1.0)).changed
    assert Spread(0.5).changed and Spread(1.0, (1.0, 2.0)).changed
