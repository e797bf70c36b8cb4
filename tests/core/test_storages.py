"""Every operation of a distribution over every storage of it, against logits and their argmax.

dense: as it is; near: dense, with columns of what can change, as large ones have; ensemble: a
dense one that knows its members; half, full: packed; begun: packed, of which a part comes when it
is needed. What a storage answers is that of the numbers
it keeps.
"""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import napari_ssn as ssn
from napari_ssn.core import dense as dense_module
from napari_ssn.core.begun import awaiting
from napari_ssn.core.columns import near as near_module
from napari_ssn.core.columns.near import Near
from napari_ssn.core.decodable import Decodable
from napari_ssn.core.directions.principal import plain_gram
from napari_ssn.core.distribution import LogitDistribution, draw_z
from napari_ssn.core.ensemble import Ensemble
from napari_ssn.core.measures import label_counts, volume_distribution
from napari_ssn.core.members import MANY, Members, Method
from napari_ssn.core.packed.distribution import PackedDistribution
from napari_ssn.core.summaries.lesions import Rules, composed, find_lesions, lesion_counts
from tests.support.begun import begun_of
from tests.support.rough import PARTS, SPACE, random_dist

STORAGES = ["dense", "near", "ensemble", "half", "full", "begun dense", "begun packed"]


@pytest.fixture(autouse=True)
def searched(monkeypatch: pytest.MonkeyPatch) -> None:
    """As of a large grid: sizes are counted where voxels can change."""
    monkeypatch.setattr(dense_module, "_LITTLE", 0)


@pytest.fixture(params=STORAGES)
def storage(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    name: str = request.param
    if name == "near":
        monkeypatch.setattr(near_module, "LARGE", 0)
    if name.startswith("begun"):
        # Of a part however large.
        monkeypatch.setattr(awaiting, "_MOST", 1.0)
        for part in ("_BEYOND", "_SEEN"):
            monkeypatch.setattr(awaiting, part, 1.0)
    return name


def stored(dist: LogitDistribution, storage: str) -> tuple[Decodable, LogitDistribution]:
    """A distribution and the tensors that it stands for."""
    if storage in ("half", "full"):
        packed = PackedDistribution.of(dist, torch.float16 if storage == "half" else torch.float32)
        return packed, packed.dense()
    if storage == "begun dense":
        return begun_of(dist), copy.deepcopy(dist)
    if storage == "begun packed":
        packed = PackedDistribution.of(dist)
        return begun_of(packed), packed.dense()
    if storage == "ensemble":
        # Of fewer the members would answer for it.
        maps, at = np.zeros((MANY, *dist.space), np.uint8), np.zeros((MANY, dist.rank))
        method = Method("probabilities", 0.05, 0.95)
        known = Members(maps, at, method, np.zeros(MANY, np.int64), dist.classes)
        tensors = (dist.mean, dist.cov_factor, dist.cov_diag)
        return Ensemble(*tensors, presence=dist.presence, members=known), copy.deepcopy(dist)
    return dist, copy.deepcopy(dist)


def expected(twin: LogitDistribution, z: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Label maps by the logits, column by column; of equal ones the lowest label."""
    return np.stack([twin.logits(one).numpy().argmax(0) for one in z]).astype(np.uint8)


@pytest.mark.parametrize("classes", [2, 3, 4])
@pytest.mark.parametrize("lead", [0.5, 4.0, 40.0])
@pytest.mark.parametrize("ties", [False, True])
def test_decoding(storage: str, classes: int, lead: float, ties: bool) -> None:
    dist, twin = stored(random_dist(classes, classes, 3, lead, ties=ties), storage)
    z = draw_z(24, 3, 1)
    z = np.round(z) if ties else z
    maps = expected(twin, z)
    for _ in range(2):  # The first is decoded before columns are worth it.
        np.testing.assert_array_equal(dist.label_map(), expected(twin, np.zeros((1, 3)))[0])
    np.testing.assert_array_equal(dist.label_map(z[0]), maps[0])
    for part in PARTS:
        np.testing.assert_array_equal(dist.label_map(z[1], part), maps[1][part])
    np.testing.assert_array_equal(dist.label_maps(z), maps)
    np.testing.assert_array_equal(dist.sample(5, 7), expected(twin, draw_z(5, 3, 7)))
    counts = (maps.reshape(24, -1, 1) == np.arange(classes)).sum(1)
    np.testing.assert_array_equal(label_counts(dist, z), counts)
    at_mean = np.bincount(dist.label_map().reshape(-1), minlength=classes)
    np.testing.assert_array_equal(dist.mean_counts, at_mean)

    seen = np.tile(dist.label_map().reshape(1, -1), (24, 1))

    def put(voxels: NDArray[np.int64], labels: NDArray[np.uint8]) -> int:
        seen[:, voxels] = labels
        return len(voxels)

    dist.over_voxels(z, put)
    np.testing.assert_array_equal(seen.reshape(maps.shape), maps)

    voxels = np.random.default_rng(0).permutation(maps[0].size)[:50]
    some = dist.labels_at(z, voxels)
    alike = np.sort(maps.reshape(24, -1)[:, voxels], axis=1)
    np.testing.assert_array_equal(np.sort(some, axis=1), alike)


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("radius", [0.0, 0.4, 2.0, 50.0])
def test_what_can_change(
    storage: str, classes: int, radius: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dense_module, "_AT_ONCE", 40)  # as of a large grid, in many blocks
    dist, twin = stored(random_dist(5, classes, lead=6.0), storage)
    z = draw_z(200, 3, 2)
    z *= radius / np.linalg.norm(z, axis=1, keepdims=True)
    maps = expected(twin, z).reshape(200, -1)
    mean = dist.label_map().reshape(-1)
    changed = (maps != mean).any(0)
    near = dist.changeable(radius).numpy().reshape(-1)
    assert not (changed & ~near).any()
    voxels, decode = dist.changing(radius)
    found = np.tile(mean, (200, 1))
    found[:, voxels] = decode(z)
    np.testing.assert_array_equal(found, maps)
    if radius < 1:
        # It is not simply everything.
        assert near.mean() < 0.9 and len(voxels) < 0.9 * len(mean)


def test_numbers_of_some_voxels(storage: str) -> None:
    dist, twin = stored(random_dist(6, 3), storage)
    z = draw_z(10, 3, 0)
    mask = torch.from_numpy(np.random.default_rng(1).random(SPACE) < 0.3)
    alone = dist.at(mask).label_maps(z)[:, :, 0]
    np.testing.assert_array_equal(alone, expected(twin, z)[:, mask.numpy()])
    mean, factor = dist.logits_at(np.flatnonzero(mask.numpy()))
    logits = mean[None] + np.einsum("nr,rcv->ncv", z, factor)
    exact = np.stack([twin.logits(one).numpy()[:, mask.numpy()] for one in z])
    np.testing.assert_allclose(logits - logits[:, :1], exact - exact[:, :1], atol=1e-4)


@pytest.mark.parametrize("classes", [2, 3])
def test_marginals_and_moments(storage: str, classes: int) -> None:
    dist, twin = stored(random_dist(7, classes), storage)
    marginals = twin.probabilities()
    np.testing.assert_allclose(dist.probabilities(), marginals, atol=1e-5)
    np.testing.assert_allclose(dist.probability(1), marginals[1], atol=2e-3)
    np.testing.assert_allclose(dist.probability(), 1 - marginals[0], atol=2e-3)
    np.testing.assert_allclose(plain_gram(dist), plain_gram(twin), rtol=1e-5, atol=1e-4)
    noisy = np.stack([dist.sample(800, 3, pixel_noise=True) == label for label in range(classes)])
    assert np.abs(noisy.mean(1) - marginals).max() < 0.1
    spread = dist.spread(1.5, [1.0] * classes)
    wide = (spread.dense() if isinstance(spread, PackedDistribution) else spread).label_map(
        [1, 0, 0]
    )
    np.testing.assert_array_equal(spread.label_map([1, 0, 0]), wide)


def test_a_share_of_readers_outlines_nothing(storage: str) -> None:
    plain = random_dist(8, 3)
    dist, _ = stored(plain.with_presence(0.5), storage)
    whole = dist.given_presence()
    there = dist.present(40, 3)
    assert 5 < there.sum() < 35
    maps = dist.sample(40, 3)
    np.testing.assert_array_equal(maps[there], whole.sample(40, 3)[there])
    assert not maps[~there].any()
    np.testing.assert_array_equal(
        dist.label_maps(draw_z(4, 3, 0)), whole.label_maps(draw_z(4, 3, 0))
    )
    sizes = volume_distribution(dist, 40, 3)
    np.testing.assert_array_equal(sizes[:, 1:].any(1), maps.any((1, 2, 3)))


@settings(max_examples=60, deadline=None)
@given(
    seed=st.integers(0, 2**16),
    classes=st.sampled_from([2, 3, 4]),
    rank=st.integers(1, 8),
    lead=st.sampled_from([0.0, 1e-3, 1.0, 30.0, 1e6]),
    length=st.sampled_from([0.0, 1e-6, 1.0, 1e5]),
    size=st.sampled_from([1e-30, 1.0, 1e18]),
    common=st.sampled_from([0.0, 1e3, 1e6]),
    ties=st.booleans(),
)
def test_columns_of_a_dense_one_decode_as_its_logits_do(
    seed: int,
    classes: int,
    rank: int,
    lead: float,
    length: float,
    size: float,
    common: float,
    ties: bool,
) -> None:
    plain = random_dist(seed, classes, rank, lead, length, ties)
    # What all classes share leaves the label to digits that are rounded.
    dist = LogitDistribution(
        (plain.mean + common) * size, (plain.cov_factor + common / 10) * size, plain.cov_diag
    )
    near = Near.of(dist)
    z = np.round(draw_z(6, rank, seed)) if ties else draw_z(6, rank, seed)
    maps = expected(dist, z)
    np.testing.assert_array_equal(np.stack([near.label_map(one) for one in z]), maps)


def test_columns_are_made_when_they_pay_and_hold_what_can_change(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    made: list[Near] = []
    of = Near.of
    monkeypatch.setattr(Near, "of", lambda dist: made.append(of(dist)) or made[-1])
    small = random_dist(9, lead=60.0)
    z = draw_z(3, 3, 0)
    small.label_maps(z)
    assert not made  # A small one is decoded at once.
    monkeypatch.setattr(near_module, "LARGE", 0)
    dist = random_dist(9, lead=60.0)
    far = 50 * z[0] / np.linalg.norm(z[0])
    for one in (far, far, z[0]):
        dist.label_map(one)
    assert not made  # Nor is one whole map worth them, nor a z that they do not reach to.
    dist.label_map(z[1])
    dist.with_presence(0.5).label_map(z[2])
    assert len(made) == 1 and 0 < len(made[0].order) < dist.mean[0].numel() // 2
    random_dist(10, lead=60.0).label_counts(z)
    assert len(made) == 2
    # A copy makes its own, and is no larger for them.
    assert len(pickle.dumps(dist)) < 1.2 * len(pickle.dumps(random_dist(9, lead=60.0)))
    copy.deepcopy(dist).label_maps(z)
    assert len(made) == 3


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("large", [False, True])
def test_who_writes_to_the_tensors_gets_other_label_maps(
    classes: int, large: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(near_module, "LARGE", 0 if large else 1 << 40)
    given_mean = torch.from_numpy(random_dist(11, classes).mean.numpy().copy())
    plain = random_dist(11, classes)
    dist = LogitDistribution(given_mean, plain.cov_factor, plain.cov_diag)
    z = draw_z(12, 3, 0)
    before = dist.label_maps(z)
    dist.label_counts(z)
    given_mean[1] += 3  # Shared with whoever made it.
    after = expected(dist, z)
    assert (before != after).mean() > 0.1
    np.testing.assert_array_equal(dist.label_maps(z), after)
    dist.cov_factor[0].mul_(-2)
    np.testing.assert_array_equal(dist.label_map(z[3]), expected(dist, z)[3])
    counts = (expected(dist, z).reshape(12, -1, 1) == np.arange(classes)).sum(1)
    np.testing.assert_array_equal(dist.label_counts(z), counts)


@pytest.mark.parametrize("far", [2e6, -2e6, np.inf, np.nan])
def test_a_z_beyond_what_float32_holds_is_refused_at_every_door(storage: str, far: float) -> None:
    """As in files: farther out the rounding of what z adds swallows the mean's logits."""
    dist, _ = stored(random_dist(1, 2, 3, 4.0), storage)
    z, many = [0.0, far, 0.0], [[0.0] * 3, [0.0, 0.0, far]]
    posterior = ssn.condition(dist, [ssn.Click((0,) * len(dist.space), 0)])
    one = np.zeros(dist.space, np.uint8)
    said = "1,000,000 standard deviations" if np.isfinite(far) else "expected finite"
    for call in (
        lambda: dist.label_map(z),
        lambda: dist.label_maps(many),
        lambda: label_counts(dist, many),
        lambda: ssn.Hypothesis.from_z(dist, z),
        lambda: ssn.Hypothesis.nothing(dist, z),
        lambda: ssn.Hypothesis(one, np.eye(4), np.array(z)),
        lambda: ssn.agreement(dist, many),
        lambda: ssn.representatives(dist, z=many),
        lambda: posterior.label_map(z),
        lambda: posterior.label_maps(many),
        lambda: posterior.hypothesis(z),
        lambda: lesion_counts(dist, one, many),
        lambda: find_lesions(dist, Rules(smallest=1, draws=2), z=np.array(many)),
        lambda: composed(dist, None, {1: z}, one + 1),
    ):
        with pytest.raises(ValueError, match=said):
            call()
    dist.label_map([0.0, 1e6, -1e6])
