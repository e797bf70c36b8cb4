"""Clicks on a packed distribution: the same as on the dense one that it stands for."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from napari_ssn.core.given.clicks import Click
from napari_ssn.core.given.conditioning import condition
from napari_ssn.core.given.residual import Residual
from napari_ssn.core.given.suggestion import suggest_click
from napari_ssn.core.metrics import pairwise_iou
from napari_ssn.core.summaries.representatives import representatives
from tests.support.packed import both, distributions

RESIDUALS = (None, Residual(length_mm=1.0))


def test_logits_at_any_voxels_in_any_order() -> None:
    packed, dense = distributions(3)
    voxels = np.array([250, 3, 77, 4])
    mean, factor = packed.logits_at(voxels)
    np.testing.assert_array_equal(mean, dense.mean.flatten(1)[:, voxels].double())
    np.testing.assert_array_equal(factor, dense.cov_factor.flatten(2)[:, :, voxels].double())
    for found, expected in zip((mean, factor), dense.logits_at(voxels), strict=True):
        np.testing.assert_array_equal(found, expected)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("residual", RESIDUALS)
def test_a_packed_posterior_is_that_of_the_dense_one(
    classes: int, residual: Residual | None
) -> None:
    packed, dense = both(classes, residual)
    np.testing.assert_array_equal(packed.mean, dense.mean)
    np.testing.assert_array_equal(packed.cov, dense.cov)
    assert packed.log_evidence == dense.log_evidence
    z = packed.sample(20)
    np.testing.assert_array_equal(z, dense.sample(20))
    np.testing.assert_array_equal(packed.label_maps(z), dense.label_maps(z))
    np.testing.assert_array_equal(packed.label_counts(z), dense.label_counts(z))
    where = (slice(1, 2), slice(0, 9), slice(2, 8))
    np.testing.assert_array_equal(packed.label_map(z[0], where), dense.label_map(z[0])[where])
    assert suggest_click(packed.dist, packed) is not None


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("residual", RESIDUALS)
def test_representatives_given_clicks(classes: int, residual: Residual | None) -> None:
    packed, dense = both(classes, residual)
    z = dense.sample(60, 4)
    found, expected = (representatives(given, 3, z=z) for given in (packed, dense))
    maps = dense.label_maps(z)
    assert len(found) == len(expected) == 3
    for one, two in zip(found, expected, strict=True):
        np.testing.assert_array_equal(one.z, two.z)
        assert one.probability == two.probability
        at = int(np.flatnonzero((z == one.z).all(1))[0])
        np.testing.assert_array_equal(one.label_map, dense.dist.placed(maps[at]))
    # Every draw stands with the medoid it is nearest to: as by hand from whole label maps.
    flat = maps.reshape(len(maps), -1)
    chosen = np.stack([dense.label_map(one.z).reshape(-1) for one in found])
    nearest = (1 - pairwise_iou(flat, chosen, classes)).argmin(1)
    shares = np.bincount(nearest, minlength=3) / len(z)
    np.testing.assert_allclose(shares, [one.probability for one in found], atol=0.04)


def test_choosing_can_be_given_up_between_blocks() -> None:
    packed, _ = distributions(2)
    for turn in range(3):
        calls = []

        def between(turn: int = turn, calls: list[int] = calls) -> None:
            calls.append(turn)
            if len(calls) > turn:
                raise InterruptedError

        with pytest.raises(InterruptedError):
            representatives(packed, between=between)
        # Blocks that wait in a thread ask too, and give up as well.
        assert len(calls) > turn


def test_edges_are_taken_from_the_region_alone() -> None:
    packed, _ = distributions(2)
    image = np.full((7, 12, 9), np.nan, np.float32)
    region = tuple(slice(s, s + n) for s, n in zip(packed.start, packed.space, strict=True))
    image[region] = np.random.default_rng(0).normal(size=packed.space)
    found, alone = Residual().within(packed, image), Residual().along(image[region])
    assert found.edge == alone.edge and np.isfinite(found.edge)
    assert found.image is not None and found.image.shape == image.shape
    np.testing.assert_array_equal(found.image[region], alone.image)
    assert condition(packed, [Click((2, 5, 3))], residual=found).settled
    assert torch.is_tensor(packed.changeable(1.0))
