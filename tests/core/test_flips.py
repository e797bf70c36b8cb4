"""A walk decoded at once against the label map of every stop."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_ssn.core.distribution import draw_z
from napari_ssn.core.measures import label_counts
from napari_ssn.core.packed.distribution import PackedDistribution
from napari_ssn.core.packed.flips import Flips
from napari_ssn.errors import Cancel, Cancelled
from tests.support.rough import PARTS, SPACE, random_dist

STOPS = np.arange(-60, 61) * 0.05


def walk(rank: int, seed: int, anchor: float = 0.0, whole: bool = False) -> np.ndarray:
    """Stops from a draw of the given size along a unit vector."""
    start, direction = draw_z(2, rank, seed)
    direction /= np.linalg.norm(direction)
    if whole:
        start, direction = np.round(start), np.eye(rank)[0]
    return anchor * start + STOPS[:, None] * direction


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 2**16),
    classes=st.sampled_from([2, 3, 4]),
    anchor=st.sampled_from([0.0, 1.0, 3.0]),
    lead=st.sampled_from([0.0, 0.3, 3.0]),
    ties=st.booleans(),
    dtype=st.sampled_from([torch.float16, torch.float32]),
)
def test_every_stop_is_the_label_map_there(
    seed: int, classes: int, anchor: float, lead: float, ties: bool, dtype: torch.dtype
) -> None:
    dist = random_dist(seed, classes, rank=4, lead=lead, ties=ties)
    packed = PackedDistribution.of(dist, dtype)
    z = walk(4, seed, anchor, whole=ties)
    flips = Flips.along(packed, z)
    dense = packed.dense()
    for stop in (0, 1, 37, 60, 61, 80, 119, 120):
        expected = dense.logits(z[stop]).numpy().argmax(0)
        np.testing.assert_array_equal(flips.label_map(stop), expected)
        for part in (*PARTS, (slice(0, 6),)):
            np.testing.assert_array_equal(flips.label_map(stop, part), expected[part])
    np.testing.assert_array_equal(flips.counts, label_counts(dense, z))


@pytest.mark.parametrize("part", PARTS)
def test_a_slice_that_is_looked_at_stop_after_stop_is_the_label_map_of_each(
    part: tuple[slice | int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    # The slice is taken apart once, in blocks; what a caller does to its labels is forgotten.
    monkeypatch.setattr("napari_ssn.core.packed.flips._BLOCK", 1500)
    packed = PackedDistribution.of(random_dist(5, 4, rank=4, lead=0.3))
    z = walk(4, 5, anchor=1.0)
    flips = Flips.along(packed, z)
    for stop in range(0, len(STOPS), 3):
        found = flips.label_map(stop, part)
        np.testing.assert_array_equal(found, packed.label_map(z[stop], part))
        found[...] = 7


def test_the_stop_kept_is_the_first_beyond_the_flip_time() -> None:
    # Two classes: t* = −(d + a·z₀) / (a·v), written out voxel by voxel.
    packed = PackedDistribution.of(random_dist(3, 2, rank=4), torch.float32)
    z = walk(4, 3, anchor=1.0)
    flips = Flips.along(packed, z)
    mean, factor = (t.double().numpy() for t in packed.dense().margin())
    start, along = z[60], (z[120] - z[0]) / 6
    for voxel in np.ndindex(SPACE):
        at = factor[(slice(None), *voxel)]
        time = -(mean[voxel] + at @ start) / (at @ along)
        word = int(flips.words[voxel])
        if -3 < time <= 3:
            assert word >> 16 == int(np.searchsorted(STOPS, time))
            assert (word >> 8 & 0xFF, word & 0xFF) == ((0, 1) if at @ along > 0 else (1, 0))
        else:
            assert word >> 16 == 0xFFFF


def test_voxels_that_flip_twice_are_found() -> None:
    # Three labels one after the other: logits 0, t + 1 and 3 t − 1 along the only direction.
    from napari_ssn.core.distribution import LogitDistribution

    mean = torch.tensor([0.0, 1.0, -1.0]).reshape(3, 1, 1)
    factor = torch.tensor([0.0, 1.0, 3.0]).reshape(1, 3, 1, 1)
    packed = PackedDistribution.of(LogitDistribution(mean, factor, torch.zeros(3, 1, 1)))
    flips = Flips.along(packed, STOPS[:, None])
    labels = [int(flips.label_map(stop, (slice(0, 1),))[0, 0]) for stop in range(121)]
    assert labels == [0 if t <= -1 else 1 if t <= 1 else 2 for t in np.round(STOPS, 2)]
    assert int(flips.words[0, 0]) >> 16 == 0xFFFE


def test_a_walk_can_be_cancelled_and_is_of_few_enough_stops() -> None:
    packed = PackedDistribution.of(random_dist(4))
    with pytest.raises(Cancelled):
        Flips.along(packed, np.ones((2, 3)), Cancel(lambda: True))
    with pytest.raises(ValueError, match="fewer than"):
        Flips.along(packed, np.zeros((70_000, 3)))


def test_a_walk_that_changes_nothing() -> None:
    packed = PackedDistribution.of(random_dist(5, lead=1e4))
    flips = Flips.along(packed, np.zeros((3, 3)))
    for stop in range(3):
        np.testing.assert_array_equal(flips.label_map(stop, (2,)), packed.label_map(None, (2,)))
    assert (flips.counts == packed.mean_counts).all()
