"""Ensembles that keep the voxels in doubt alone, against all members at every voxel."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import napari_ssn as ssn
from napari_ssn.core import ensemble as ensembles
from napari_ssn.core.columns.columns import Columns
from napari_ssn.core.columns.packing import pack
from napari_ssn.core.columns.rows import Source
from napari_ssn.core.ensemble import HIGH, LOW, Taken, gathered
from napari_ssn.core.packed.distribution import PackedDistribution
from napari_ssn.core.signed import signed_distances
from napari_ssn.errors import NEVER, Cancel, Cancelled

SPACE = (23, 17, 29)
Floats = NDArray[np.float32]


def bodies(members: int, classes: int, seed: int = 0, soft: float = 1.0) -> list[Floats]:
    """Bodies within each other, (C, *S): most voxels are certain of one of them."""
    rng = np.random.default_rng(seed)
    away = np.sqrt(sum((g - n / 2) ** 2 for g, n in zip(np.indices(SPACE), SPACE, strict=True)))
    out = []
    for _ in range(members):
        logits = np.zeros((classes, *SPACE))
        for label in range(1, classes):
            radius = 11 * (1 - label / (classes + 1)) * rng.normal(1, 0.1)
            logits[label] = logits[label - 1] + np.clip(4 * soft * (radius - away), -9, 9)
        logits += rng.normal(scale=0.1, size=logits.shape)
        odds = np.exp(logits - logits.max(0))
        out.append((odds / odds.sum(0)).astype(np.float32))
    return out


def every_voxel(found: list[Floats], low: float = LOW) -> NDArray[np.float64]:
    """Centred logits of all members, (M, C, *S)."""
    logits = np.log(np.clip(np.stack(found).astype(np.float64), low, HIGH))
    return logits - logits.mean(1, keepdims=True)


@pytest.mark.parametrize("classes", [2, 4, 12])
@pytest.mark.parametrize("members", [2, 5])
def test_voxels_that_are_certain_have_the_numbers_of_their_label(
    classes: int, members: int
) -> None:
    found = bodies(members, classes)
    made = gathered(found)
    assert 0.02 < len(made.logits.voxels) / np.prod(SPACE) < 0.7
    dist, logits = made.dense(), every_voxel(found, min(LOW, 0.5 / classes))
    np.testing.assert_allclose(dist.mean, logits.mean(0), atol=2e-6)
    z, rank = dist.members.z, members - 1
    at = dist.mean.numpy() + np.tensordot(z, dist.cov_factor.numpy(), 1)
    np.testing.assert_allclose(at, logits, atol=1e-5)
    assert dist.cov_factor.shape == (rank, classes, *SPACE)


def test_label_maps_too() -> None:
    maps = [one.argmax(0).astype(np.uint8) for one in bodies(4, 3)]
    made = gathered(maps, np.diag([2.0, 1, 3, 1]), Taken(width_mm=4))
    assert 0.02 < len(made.logits.voxels) / np.prod(SPACE) < 0.9
    far = [signed_distances(one, 3, (2, 1, 3), 4).astype(np.float64) for one in maps]
    logits = np.log(HIGH / (1 - HIGH)) / 2 * np.stack(far)
    logits -= logits.mean(1, keepdims=True)
    dist = made.dense()
    at = dist.mean.numpy() + np.tensordot(dist.members.z, dist.cov_factor.numpy(), 1)
    np.testing.assert_allclose(at, logits, atol=1e-5)


def turned(order: tuple[int, ...]) -> Callable[[Floats], Floats]:
    """The same values, lying in memory along other axes."""
    back = np.argsort(order)
    return lambda one: np.ascontiguousarray(one.transpose(order)).transpose(back)


@pytest.mark.parametrize(
    "lying",
    [
        turned((0, 3, 2, 1)),
        turned((0, 2, 3, 1)),
        turned((3, 1, 0, 2)),
        np.asfortranarray,
        lambda one: np.flip(np.ascontiguousarray(np.flip(one, (1, 3))), (1, 3)),
    ],
    ids=["zyx", "yzx", "labels inside", "Fortran", "backwards"],
)
def test_how_members_lie_in_memory_is_no_matter(lying: Callable[[Floats], Floats]) -> None:
    found = bodies(3, 4)
    plain = ssn.ensemble(found)
    # Of another order in each: what is known of the first is not taken for the next.
    other = ssn.ensemble([found[0], lying(found[1]), lying(found[2])])
    np.testing.assert_array_equal(other.members.label_maps, plain.members.label_maps)
    np.testing.assert_array_equal(other.members.clipped, plain.members.clipped)
    np.testing.assert_allclose(other.mean, plain.mean, atol=1e-6)
    np.testing.assert_allclose(other.cov_factor, plain.cov_factor, atol=1e-6)


def same(one: Columns, other: Columns) -> None:
    for name, array in other.arrays().items():
        np.testing.assert_array_equal(one.arrays()[name], array, name)
        assert one.arrays()[name].dtype == array.dtype


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 2**16),
    classes=st.sampled_from([2, 3, 4, 11]),
    members=st.integers(2, 6),
    rank=st.sampled_from([None, 1, 3]),
    soft=st.sampled_from([0.01, 0.3, 1.0]),
    # Nearly one: margins of what is certain are next to ties, and not the farthest.
    clip=st.sampled_from([(LOW, HIGH), (0.4999999, 0.5000001), (0.3, 0.6), (1e-6, 1 - 1e-6)]),
    hard=st.booleans(),
    dtype=st.sampled_from([torch.float16, torch.float32]),
)
def test_packed_it_is_what_packing_every_voxel_gives(
    seed: int,
    classes: int,
    members: int,
    rank: int | None,
    soft: float,
    clip: tuple[float, float],
    hard: bool,
    dtype: torch.dtype,
) -> None:
    found = bodies(members, classes, seed, soft)
    made = gathered(found, taken=Taken(rank, clip, distances=hard))
    whole = pack(Source.dense(made.dense()), dtype)
    same(made.logits.packed(dtype, NEVER), whole)


def test_a_large_one_is_kept_packed(monkeypatch: pytest.MonkeyPatch) -> None:
    found = bodies(4, 3)
    small = gathered(found).kept()
    assert isinstance(small, ssn.LogitDistribution)
    monkeypatch.setattr(ensembles, "LARGE", small.nbytes + 1)
    assert isinstance(gathered(found).kept(), ssn.LogitDistribution)
    monkeypatch.setattr(ensembles, "LARGE", small.nbytes)
    nothing = np.zeros((3, *SPACE), np.float32)
    nothing[0] = 1
    made = gathered([*found, nothing], np.diag([2.0, 1, 3, 1]), Taken(distances=False))
    large = made.kept()
    assert isinstance(large, PackedDistribution)
    same(large, PackedDistribution.of(made.dense()))
    assert large.presence == made.dense().presence == 0.8
    np.testing.assert_array_equal(large.affine, np.diag([2.0, 1, 3, 1]))
    with pytest.raises(Cancelled):
        made.kept(Cancel(lambda: True))


@pytest.mark.parametrize("members", [2, 3])
@pytest.mark.parametrize("rank", [None, 1])
def test_members_that_are_certain_everywhere_and_agree(members: int, rank: int | None) -> None:
    one = np.zeros((2, *SPACE), np.float32)
    one[1, 3:9, 4:8, 5:12] = 1
    one[0] = 1 - one[1]
    made = gathered([one] * members, taken=Taken(rank, distances=False))
    assert len(made.logits.voxels) == 0
    dist = made.dense()
    assert dist.rank == (rank or members - 1) and not dist.cov_factor.any()
    np.testing.assert_array_equal(dist.label_map(np.full(dist.rank, 3.0)), one[1])
    same(made.logits.packed(torch.float16, NEVER), pack(Source.dense(dist), torch.float16))
    # In doubt of a single voxel, too.
    one = one.copy()
    one[:, 0, 0, 0] = 0.4, 0.6
    made = gathered([one] * members, taken=Taken(rank, distances=False))
    assert made.logits.voxels.tolist() == [0]
    same(
        made.logits.packed(torch.float32, NEVER),
        pack(Source.dense(made.dense()), torch.float32),
    )
