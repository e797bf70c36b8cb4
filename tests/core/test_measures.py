"""Counting voxels over hypotheses, and ranges."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_ssn.core import dense
from napari_ssn.core.counts import count_labels
from napari_ssn.core.distribution import LogitDistribution, draw_z
from napari_ssn.core.hypotheses import Hypothesis
from napari_ssn.core.measures import (
    central_range,
    label_counts,
    volume_distribution,
)
from napari_ssn.geometry.affine import Affine


def random_dist(classes: int, space: tuple[int, ...], affine: np.ndarray) -> LogitDistribution:
    rng = np.random.default_rng(classes)
    return LogitDistribution(
        rng.normal(size=(classes, *space)),
        rng.normal(size=(4, classes, *space)),
        np.full((classes, *space), 0.1),
        affine,
    )


def oblique(spacing: tuple[float, float, float]) -> np.ndarray:
    turn = np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1.0]])
    affine = np.eye(4)
    affine[:3, :3] = turn @ np.diag(spacing)
    affine[:3, 3] = [10, -20, 30]
    return affine


def test_voxel_volume_is_the_determinant_in_millilitres() -> None:
    # 0.7 × 0.8 × 2.5 mm = 1.4 mm³ = 0.0014 mL, however the grid is turned or mirrored.
    assert Affine(oblique((0.7, 0.8, 2.5))).voxel_ml == pytest.approx(0.0014, rel=1e-12)
    assert Affine(oblique((-0.7, 0.8, 2.5))).voxel_ml == pytest.approx(0.0014, rel=1e-12)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("n", [0, 1, 600])
@pytest.mark.parametrize("little", [0, 1 << 20])
def test_counts_equal_counting_every_label_map(
    classes: int, n: int, little: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dense, "_LITTLE", little)
    dist = random_dist(classes, (13, 9), np.eye(4))
    z = draw_z(n, 4, 0)
    expected = [count_labels(dist.label_map(v), classes) for v in z]
    np.testing.assert_array_equal(label_counts(dist, z), np.array(expected).reshape(n, classes))


def test_volumes_are_counts_times_the_voxel() -> None:
    dist = random_dist(2, (6, 5, 4), oblique((0.7, 0.8, 2.5)))
    volumes = volume_distribution(dist, n=50, seed=3)
    assert volumes.shape == (50, 2)
    slow = np.array([(m == 1).sum() * 0.0014 for m in dist.sample(50, seed=3)])
    np.testing.assert_allclose(volumes[:, 1], slow, rtol=1e-12)
    np.testing.assert_allclose(volumes.sum(1), 120 * 0.0014, rtol=1e-12)


def test_range_by_hand() -> None:
    values = np.arange(101.0)  # quantile q of 0…100 is 100 q
    found = central_range(values, level=0.9)
    assert (found.low, found.median, found.high, found.calibrated) == (
        pytest.approx(5),
        50,
        pytest.approx(95),
        False,
    )
    narrow = central_range(values, level=0.9, factors=(0.5, 0.2), readers=4)
    assert (narrow.low, narrow.high) == (pytest.approx(27.5), pytest.approx(59))
    assert narrow.calibrated
    assert central_range(values, factors=(3.0, 1.0), readers=4).low == 0
    with pytest.raises(ValueError, match="values"):
        central_range([])


def test_a_hypothesis_knows_its_volume_and_its_place() -> None:
    affine = oblique((2.0, 3.0, 5.0))
    dist = LogitDistribution(
        torch.tensor([[[0.0, 0.0]], [[1.0, -1.0]]]),
        torch.ones(1, 2, 1, 2) * torch.tensor([[[[0.0]], [[2.0]]]]),
        torch.zeros(2, 1, 2),
        affine,
        start=(1, 1),
        image_space=(3, 4),
    )
    mean, grown = Hypothesis.from_z(dist), Hypothesis.from_z(dist, [1.0])
    assert mean.label_map.shape == (3, 4)
    assert mean.volume_ml == pytest.approx(0.030)  # one voxel of 2 × 3 × 5 mm
    assert grown.volume_ml == pytest.approx(0.060)
    assert grown.volumes_ml.tolist() == pytest.approx([0.300, 0.060])
    assert grown.counts.tolist() == [10, 2]
    np.testing.assert_allclose(mean.affine, dist.image_affine())
    with pytest.raises(ValueError, match="labels below 2"):
        Hypothesis(np.full((2, 2), 2, np.uint8), np.eye(4), None)
    with pytest.raises(TypeError, match="uint8"):
        Hypothesis(np.zeros((2, 2), np.int64), np.eye(4), None)  # type: ignore[arg-type]


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("radius", [0.0, 0.7, 3.0])
def test_no_z_within_the_radius_changes_another_voxel(classes: int, radius: float) -> None:
    plain = random_dist(classes, (12, 11, 5), np.eye(4))
    dist = LogitDistribution(5 * plain.mean, plain.cov_factor, plain.cov_diag)
    can = dist.changeable(radius).numpy()
    z = np.random.default_rng(0).standard_normal((400, dist.rank))
    z *= radius / np.linalg.norm(z, axis=1, keepdims=True)
    changed = (dist.label_maps(z) != dist.label_map()).any(0)
    assert not (changed & ~can).any() and not can.all()
    # The bound is sharp: ρ = min_c (μ_c* − μ_c) / ‖P_c* − P_c‖, written out voxel by voxel.
    mean, factor = dist.mean.double().numpy(), dist.cov_factor.double().numpy()
    for voxel in np.ndindex(can.shape):
        m, p = mean[(slice(None), *voxel)], factor[(slice(None), slice(None), *voxel)]
        best = int(m.argmax())
        rho = min(
            (m[best] - m[c]) / np.linalg.norm(p[:, best] - p[:, c])
            for c in range(classes)
            if c != best
        )
        assert can[voxel] == (rho <= radius)
    if can.any():
        part = dist.at(dist.changeable(radius))
        np.testing.assert_array_equal(part.label_map(z[0])[:, 0], dist.label_map(z[0])[can])
