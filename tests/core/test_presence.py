"""Presence apart from boundary: a mixture of nothing and the low-rank Gaussian."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
import torch

from napari_ssn.core.decodable import Decodable
from napari_ssn.core.distribution import LogitDistribution, draw_z
from napari_ssn.core.measures import volume_distribution
from napari_ssn.core.packed.distribution import PackedDistribution
from napari_ssn.core.presence import draw_present

SPACE = (6, 8, 5)
AFFINE = np.diag([0.5, 0.75, 2.0, 1.0])


def blob(presence: float = 1.0, classes: int = 2, seed: int = 0) -> LogitDistribution:
    """Foreground in nearly every draw, border in doubt; of three classes two share it."""
    rng = np.random.default_rng(seed)
    mean = rng.normal(size=(classes, *SPACE))
    factor = rng.normal(size=(3, classes, *SPACE))
    diag = rng.uniform(0.01, 0.3, size=(classes, *SPACE))
    return LogitDistribution(mean, factor, diag, AFFINE, (1, 0, 2), (9, 8, 9), presence)


def stored(presence: float, classes: int = 2) -> list[Decodable]:
    dense = blob(presence, classes)
    return [dense, PackedDistribution.of(dense), PackedDistribution.of(dense, torch.float32)]


def test_the_flags_are_those_of_uniform_numbers_below_p() -> None:
    flags = draw_present(100_000, 0.86, seed=4)
    assert abs(flags.mean() - 0.86) < 4 * np.sqrt(0.86 * 0.14 / 100_000)
    np.testing.assert_array_equal(draw_present(10, 0.86, 4), flags[:10])
    assert draw_present(1000, 1.0, 0).all() and not draw_present(1000, 0.0, 0).any()
    # Who outlines something at one presence does so at any larger one.
    assert (draw_present(1000, 0.3, 1) <= draw_present(1000, 0.4, 1)).all()
    # From a stream of its own: z, however it is drawn, tells nothing about it.
    z = draw_z(100_000, 1, 4)[:, 0]
    assert abs(np.corrcoef(z, flags)[0, 1]) < 0.015


@pytest.mark.parametrize("classes", [2, 3])
def test_a_sample_is_empty_where_its_reader_outlines_nothing(classes: int) -> None:
    for whole, part in zip(stored(1.0, classes), stored(0.6, classes), strict=True):
        present = part.present(40, seed=3)
        assert 10 < present.sum() < 35
        for noise in (False, True):
            before = whole.sample(40, 3, pixel_noise=noise)
            after = part.sample(40, 3, pixel_noise=noise)
            np.testing.assert_array_equal(after[present], before[present])
            assert not after[~present].any() and before[~present].any((1, 2, 3)).all()
        z = draw_z(40, part.rank, 3)
        # A z decodes given presence, whoever drew it.
        np.testing.assert_array_equal(part.label_maps(z), whole.label_maps(z))
        np.testing.assert_array_equal(part.label_map(z[0]), whole.label_map(z[0]))


def test_presence_one_gives_the_bits_of_before() -> None:
    for dist in stored(1.0):
        np.testing.assert_array_equal(dist.sample(9, 5), dist.label_maps(draw_z(9, dist.rank, 5)))
        assert dist.given_presence() is dist


def test_volumes_are_zero_as_often() -> None:
    for dist in stored(0.7, classes=3):
        volumes = volume_distribution(dist, 200, seed=2)
        slow = [np.bincount(one.ravel(), minlength=3) * 0.00075 for one in dist.sample(200, 2)]
        np.testing.assert_allclose(volumes, slow, rtol=1e-12)
        empty = ~volumes[:, 1:].any(1)
        np.testing.assert_array_equal(empty, ~dist.present(200, 2))
        np.testing.assert_allclose(volumes.sum(1), np.prod(SPACE) * 0.00075)


@pytest.mark.parametrize("classes", [2, 3])
def test_probabilities_are_shares_of_all_readers(classes: int) -> None:
    for whole, part in zip(stored(1.0, classes), stored(0.25, classes), strict=True):
        given, mixture = whole.probabilities(), part.probabilities()
        np.testing.assert_allclose(mixture[1:], 0.25 * given[1:], atol=1e-6)
        np.testing.assert_allclose(mixture[0], 0.25 * given[0] + 0.75, atol=1e-6)
        for label in (None, *range(classes)):
            expected = mixture[1:].sum(0) if label is None else mixture[label]
            np.testing.assert_allclose(part.probability(label), expected, atol=2e-3)
        np.testing.assert_array_equal(part.given_presence().probabilities(), given)
        maps = part.sample(4000, 1, pixel_noise=True)
        shares = np.stack([(maps == label).mean(0) for label in range(classes)])
        assert np.abs(shares - mixture).max() < 0.05


def test_presence_is_not_lost_on_the_way() -> None:
    dist = blob(0.4, classes=3)
    packed = PackedDistribution.of(dist)
    some = torch.zeros(SPACE, dtype=torch.bool)
    some[2, 3] = True
    made = [
        packed,
        packed.dense(),
        packed.dense_block(slice(0, 7)),
        dist.tempered(0.5),
        dist.with_presence(1.0).with_presence(0.4),
    ]
    for one in (dist, packed):
        made += [
            one.spread(1.5),
            one.spread(1.0, (1.0, 0.5, 2.0)),
            one.at(some),
            copy.copy(one),
            copy.deepcopy(one),
            pickle.loads(pickle.dumps(one)),  # noqa: S301 (our own bytes)
        ]
    assert [one.presence for one in made] == [0.4] * len(made)
    assert dist.given_presence().mean is dist.mean and dist.presence == 0.4


@pytest.mark.parametrize("wrong", [0.0, -0.1, 1.0001, float("nan"), float("inf")])
def test_presence_outside_of_its_range_is_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="presence: expected above 0 and at most 1"):
        blob(wrong)
    with pytest.raises(ValueError, match="presence"):
        PackedDistribution.of(blob()).with_presence(wrong)
    assert type(blob(np.float32(0.5)).presence) is float  # type: ignore[arg-type]
