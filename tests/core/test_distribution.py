"""The distribution against its dense, obvious twin."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.distributions import LowRankMultivariateNormal

from napari_ssn.core.distribution import LogitDistribution, draw_z


def random_dist(
    seed: int = 0,
    classes: int = 2,
    rank: int = 3,
    space: tuple[int, ...] = (5, 7),
    spread: float = 1,
) -> LogitDistribution:
    rng = np.random.default_rng(seed)
    return LogitDistribution(
        rng.normal(size=(classes, *space)) * spread,
        rng.normal(size=(rank, classes, *space)),
        rng.uniform(0.01, 0.5, size=(classes, *space)),
    )


def dense_label_map(dist: LogitDistribution, z: np.ndarray) -> np.ndarray:
    """argmax_c (μ + Σ_r z_r P_r), in double precision, by three nested sums."""
    logits = dist.mean.double().numpy().copy()
    for value, column in zip(z, dist.cov_factor.double().numpy(), strict=True):
        logits += float(np.float32(value)) * column
    return logits.argmax(0)


def column_by_column(dist: LogitDistribution, z: np.ndarray) -> np.ndarray:
    """The slow twin to the last bit: argmax of the logits that are summed in float32."""
    return dist.logits(z).numpy().argmax(0)


@pytest.mark.parametrize("classes", [2, 3, 4])
@pytest.mark.parametrize("space", [(5, 7), (3, 4, 5)])
def test_label_map_is_the_dense_argmax(classes: int, space: tuple[int, ...]) -> None:
    dist = random_dist(1, classes, space=space)
    for z in draw_z(20, dist.rank, seed=3):
        label_map = dist.label_map(z)
        assert label_map.dtype == np.uint8
        np.testing.assert_array_equal(label_map, dense_label_map(dist, z))


def test_the_factor_is_laid_out_rank_class_space() -> None:
    # Golden: column 1 pushes class 1 at voxel (0, 2) and nothing else.
    factor = torch.zeros(2, 2, 1, 3)
    factor[1, 1, 0, 2] = 4.0
    mean = torch.tensor([[[1.0, 1.0, 1.0]], [[0.0, 2.0, 0.0]]])
    dist = LogitDistribution(mean, factor, torch.zeros(2, 1, 3))
    assert dist.label_map(None).tolist() == [[0, 1, 0]]
    assert dist.label_map([9.0, 0.0]).tolist() == [[0, 1, 0]]
    assert dist.label_map([0.0, 1.0]).tolist() == [[0, 1, 1]]


def test_ties_go_to_the_lowest_label() -> None:
    dist = LogitDistribution(torch.zeros(3, 2, 2), torch.zeros(1, 3, 2, 2), torch.ones(3, 2, 2))
    assert dist.label_map(None).max() == 0


@pytest.mark.parametrize("classes", [2, 3])
def test_a_slice_decoded_alone_equals_the_slice_of_the_whole(classes: int) -> None:
    dist = random_dist(4, classes, rank=6, space=(6, 33, 17))
    z = draw_z(1, 6, 0)[0]
    whole = dist.label_map(z)
    for index in (
        (2,),
        (slice(None), 5),
        (slice(None), slice(None), 3),
        (slice(1, 4), 2, slice(3)),
    ):
        assert torch.equal(dist.logits(z, index), dist.logits(z)[(slice(None), *index)])
        np.testing.assert_array_equal(dist.label_map(z, index), whole[index])


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**16),
    classes=st.sampled_from([2, 4]),
    rank=st.integers(1, 12),
    scale=st.sampled_from([0.0, 1e-4, 1.0, 30.0]),
)
def test_many_label_maps_equal_one_by_one_bit_for_bit(
    seed: int, classes: int, rank: int, scale: float
) -> None:
    dist = random_dist(seed, classes, rank, space=(9, 11), spread=scale)
    z = draw_z(17, rank, seed) * np.array([[0.01], [1.0], [5.0]])[seed % 3]
    expected = np.stack([column_by_column(dist, v) for v in z])
    np.testing.assert_array_equal(dist.label_maps(z), expected)
    np.testing.assert_array_equal(np.stack([dist.label_map(v) for v in z]), expected)


@pytest.mark.parametrize("at_once", [50, 250, 1 << 18])
def test_of_several_labels_draws_are_decoded_and_counted_some_at_a_time(
    monkeypatch: pytest.MonkeyPatch, at_once: int
) -> None:
    monkeypatch.setattr("napari_ssn.core.dense._MANY", at_once)
    monkeypatch.setattr("napari_ssn.core.dense._LITTLE", 0)
    dist = random_dist(3, 4, 5, space=(9, 11))
    z = draw_z(17, 5, 0)
    expected = np.stack([column_by_column(dist, v) for v in z])
    np.testing.assert_array_equal(dist.label_maps(z), expected)
    counts = [np.bincount(one.ravel(), minlength=4) for one in expected]
    np.testing.assert_array_equal(dist.label_counts(z), counts)
    np.testing.assert_array_equal(dist.label_counts(z[:3]), counts[:3])


def test_margins_within_rounding_are_settled_as_label_map_settles_them() -> None:
    # Every margin is a sum that cancels: a matrix product alone gets many of these signs wrong.
    rng = np.random.default_rng(0)
    factor = rng.normal(size=(8, 2, 64, 64)).astype(np.float32) * 100
    z = draw_z(1, 8, 5)[0]
    shift = np.tensordot(z.astype(np.float32), factor, 1)
    dist = LogitDistribution(-shift, factor, np.full((2, 64, 64), 0.1))
    stacked = np.stack([z, z])
    slow = column_by_column(dist, z)
    np.testing.assert_array_equal(dist.label_maps(stacked)[1], slow)
    np.testing.assert_array_equal(dist.label_map(z), slow)
    np.testing.assert_array_equal(dist.label_map(z, (slice(None), 7)), slow[:, 7])
    margin, columns = dist.margin()
    product = torch.as_tensor(z, dtype=torch.float32) @ columns.reshape(8, -1) + margin.flatten()
    assert ((product > 0).numpy() != slow.reshape(-1).astype(bool)).any()


def test_the_same_seed_gives_the_same_maps_and_another_seed_others() -> None:
    dist = random_dist(2, space=(20, 20))
    for noise in (False, True):
        first = dist.sample(5, seed=7, pixel_noise=noise)
        np.testing.assert_array_equal(first, dist.sample(5, seed=7, pixel_noise=noise))
        assert (first != dist.sample(5, seed=8, pixel_noise=noise)).any()
    # Without pixel noise, draw i does not depend on how many are drawn after it.
    np.testing.assert_array_equal(dist.sample(5, seed=7), dist.sample(9, seed=7)[:5])
    np.testing.assert_array_equal(
        dist.sample(5, seed=7)[3], dist.label_map(draw_z(5, dist.rank, 7)[3])
    )


@pytest.mark.parametrize("classes", [2, 3])
def test_sampled_label_frequencies_are_those_of_torch_and_of_probabilities(classes: int) -> None:
    dist = random_dist(3, classes, rank=2, space=(4, 5))
    n = 20_000
    reference = LowRankMultivariateNormal(
        dist.mean.reshape(-1), dist.cov_factor.reshape(2, -1).T, dist.cov_diag.reshape(-1)
    )
    torch.manual_seed(0)
    logits = reference.sample((n,)).reshape(n, classes, 4, 5)
    theirs = torch.nn.functional.one_hot(logits.argmax(1), classes).float().mean(0)
    ours = np.eye(classes)[dist.sample(n, seed=1, pixel_noise=True)].mean(0)
    exact = np.moveaxis(dist.probabilities(), 0, -1)
    # Five standard errors of a share over 20,000 draws.
    tolerance = 5 * 0.5 / np.sqrt(n)
    assert np.abs(ours - exact).max() < tolerance
    assert np.abs(theirs.numpy() - exact).max() < tolerance


def test_pixel_noise_is_correlated_as_the_covariance_says() -> None:
    # Two voxels with the same factor and tiny D flip together; with D alone they do not.
    mean = torch.zeros(2, 1, 2)
    factor = torch.zeros(1, 2, 1, 2)
    factor[0, 1] = 1.0
    together = LogitDistribution(mean, factor, torch.full((2, 1, 2), 1e-6))
    maps = together.sample(400, pixel_noise=True)
    assert (maps[:, 0, 0] == maps[:, 0, 1]).mean() > 0.98
    apart = LogitDistribution(mean, 0 * factor, torch.ones(2, 1, 2))
    maps = apart.sample(2000, pixel_noise=True)
    assert abs((maps[:, 0, 0] == maps[:, 0, 1]).mean() - 0.5) < 0.06


def test_probabilities_of_a_hand_computed_voxel() -> None:
    # d = 1, a = (2 − 0, 0 − 1) → ‖a‖² = 5, D₀ + D₁ = 4 → Φ(1/3) = 0.630559
    dist = LogitDistribution(
        torch.tensor([[[0.0]], [[1.0]]]),
        torch.tensor([[[[0.0]], [[2.0]]], [[[1.0]], [[0.0]]]]),
        torch.tensor([[[1.0]], [[3.0]]]),
    )
    np.testing.assert_allclose(dist.probabilities()[:, 0, 0], [1 - 0.630559, 0.630559], atol=1e-6)


@pytest.mark.parametrize("classes", [3, 4])
def test_probabilities_of_several_classes_need_few_points(classes: int) -> None:
    dist = random_dist(8, classes, rank=5, space=(6, 6))
    np.testing.assert_allclose(dist.probabilities(128), dist.probabilities(1 << 15), atol=2e-3)
    np.testing.assert_allclose(dist.probabilities().sum(0), 1, atol=1e-6)


def test_three_equal_independent_classes_have_a_third_each() -> None:
    dist = LogitDistribution(torch.zeros(3, 1, 1), torch.zeros(1, 3, 1, 1), torch.ones(3, 1, 1))
    np.testing.assert_allclose(dist.probabilities().ravel(), 1 / 3, atol=1e-3)


def test_probabilities_without_variance_are_certain() -> None:
    mean = torch.tensor([[[0.0, 0.0, 1.0]], [[1.0, 0.0, 0.0]]])
    dist = LogitDistribution(mean, torch.zeros(1, 2, 1, 3), torch.zeros(2, 1, 3))
    assert dist.probabilities()[1].tolist() == [[1.0, 0.0, 0.0]]


@pytest.mark.parametrize("classes", [2, 3, 4])
@pytest.mark.parametrize("scale", [1.0, 1e3, 1e6])
def test_probabilities_where_the_noise_is_nothing_beside_the_factor(
    classes: int, scale: float
) -> None:
    plain = random_dist(3, classes, rank=1, space=(6, 6))
    dist = LogitDistribution(plain.mean * scale, plain.cov_factor * scale, plain.cov_diag * 0)
    exact = np.moveaxis(np.eye(classes)[dist.sample(20_000, seed=1)].mean(0), -1, 0)
    assert np.abs(dist.probabilities() - exact).max() < 0.02


def test_gauge_invariance() -> None:
    """A constant added to all classes of a voxel's logits changes no label."""
    dist = random_dist(6, classes=3)
    rng = np.random.default_rng(1)
    moved = LogitDistribution(
        dist.mean + torch.as_tensor(rng.integers(-3, 3, size=(1, 5, 7))),
        dist.cov_factor + torch.as_tensor(rng.integers(-3, 3, size=(3, 1, 5, 7))),
        dist.cov_diag,
    )
    z = draw_z(50, 3, 0)
    np.testing.assert_array_equal(dist.label_maps(z), moved.label_maps(z))


def test_a_region_is_placed_back_into_its_image() -> None:
    affine = np.array([[0, -0.7, 0, 3], [-0.7, 0, 0, 4], [0, 0, 2.5, 5], [0, 0, 0, 1.0]])
    whole = np.eye(4)
    whole[:3, :3] = affine[:3, :3]
    dist = LogitDistribution(
        torch.tensor([[[0.0, 0.0]], [[1.0, -1.0]]]),
        torch.zeros(1, 2, 1, 2),
        torch.zeros(2, 1, 2),
        affine,
        start=(2, 1),
        image_space=(4, 5),
    )
    placed = dist.placed(dist.label_map())
    assert placed.shape == (4, 5) and placed.sum() == 1 and placed[2, 1] == 1
    # The first voxel of the region lies where that voxel of the image lies.
    np.testing.assert_allclose(
        dist.image_affine() @ [2, 1, 0, 1], dist.affine @ [0, 0, 0, 1], atol=1e-12
    )


def test_what_does_not_fit_is_named() -> None:
    good = {"mean": np.zeros((2, 3, 3)), "cov_factor": np.zeros((1, 2, 3, 3))}
    diag = np.ones((2, 3, 3))
    with pytest.raises(ValueError, match=r"cov_diag: expected \(2, 3, 3\), got \(2, 3\)"):
        LogitDistribution(**good, cov_diag=diag[:, 0])
    with pytest.raises(ValueError, match="cov_factor: expected"):
        LogitDistribution(good["mean"], np.zeros((1, 3, 3, 3)), diag)
    with pytest.raises(ValueError, match="mean: expected finite"):
        LogitDistribution(np.full((2, 3, 3), np.nan), good["cov_factor"], diag)
    with pytest.raises(ValueError, match="negative"):
        LogitDistribution(**good, cov_diag=-diag)
    with pytest.raises(ValueError, match="lie inside"):
        LogitDistribution(**good, cov_diag=diag, start=(1, 0), image_space=(3, 3))
    dist = LogitDistribution(**good, cov_diag=diag)
    with pytest.raises(ValueError, match=r"z: expected shape \(1,\), got \(2,\)"):
        dist.label_map([0, 1])
    with pytest.raises(ValueError, match="z: expected finite"):
        dist.label_map([np.nan])


def test_arrays_and_tensors_are_both_taken() -> None:
    from_arrays = random_dist(0)
    from_tensors = LogitDistribution(from_arrays.mean, from_arrays.cov_factor, from_arrays.cov_diag)
    assert from_arrays.mean.dtype == torch.float32
    swapped = from_arrays.mean.numpy().astype(">f8")
    other = LogitDistribution(swapped, from_arrays.cov_factor, from_arrays.cov_diag)
    assert torch.equal(other.mean, from_arrays.mean)
    # Arrays have no one truth value: equality is identity, and asking does not raise.
    assert other == other and other != from_arrays
    np.testing.assert_array_equal(from_arrays.label_map(), from_tensors.label_map())
