"""Draws compared where they may differ against whole label maps compared with one another."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch

from napari_ssn.core.decodable import Decodable
from napari_ssn.core.distribution import LogitDistribution, draw_z
from napari_ssn.core.given.clicks import Click
from napari_ssn.core.given.conditioning import condition
from napari_ssn.core.given.posterior import Posterior
from napari_ssn.core.given.residual import Residual
from napari_ssn.core.metrics import pairwise_iou
from napari_ssn.core.packed.distribution import PackedDistribution
from napari_ssn.core.summaries import representatives as module
from napari_ssn.core.summaries.drawn import Drawn
from napari_ssn.core.summaries.representatives import (
    k_medoids,
    representatives,
)
from napari_ssn.errors import Cancelled
from tests.support.smooth import random_dist


def sure(classes: int, space: tuple[int, ...] = (6, 9, 8)) -> LogitDistribution:
    """A distribution in which most voxels keep their label whatever z is."""
    dist = random_dist(classes, classes, 4, space)
    mean = dist.mean.clone()
    mean[0, 2:] += 40
    mean[classes - 1, :1] += 40
    return LogitDistribution(mean, dist.cov_factor, dist.cov_diag)


@cache
def kinds(classes: int) -> dict[str, tuple[Decodable, Posterior | None]]:
    dense = sure(classes)
    packed = PackedDistribution.of(dense)
    clicks = [Click((1, 3, 4), 1), Click((5, 8, 7), classes - 1)]
    found: dict[str, tuple[Decodable, Posterior | None]] = {}
    for name, dist in (("dense", dense), ("packed", packed)):
        found[name] = dist, None
        found[f"{name}, z alone"] = dist, condition(dist, clicks[:1])
        found[f"{name}, residual"] = dist, condition(dist, clicks, 0.1, Residual(length_mm=0.6))
    return found


@pytest.mark.parametrize("kind", ["", ", z alone", ", residual"])
@pytest.mark.parametrize("store", ["dense", "packed"])
@pytest.mark.parametrize("classes", [2, 4])
def test_what_may_differ_and_the_rest_are_the_whole_maps(
    classes: int, store: str, kind: str
) -> None:
    dist, given = kinds(classes)[store + kind]
    z = draw_z(60, 4, 0) if given is None else given.sample(60)
    maps = (dist if given is None else given).label_maps(z).reshape(60, -1)
    found = Drawn.of(dist, z, given)
    assert found.step == 1
    assert (maps != maps[0]).any(0).sum() <= found.labels.shape[1] < maps.shape[1]
    for row, one in zip(found.labels, maps, strict=True):
        counts = np.bincount(row, minlength=classes) + found.common
        np.testing.assert_array_equal(counts, np.bincount(one, minlength=classes))
    np.testing.assert_allclose(
        pairwise_iou(found.labels, found.labels, classes, found.common),
        pairwise_iou(maps, maps, classes),
        atol=1e-12,
    )


def test_the_cards_are_those_of_whole_maps() -> None:
    for dist, given in kinds(3).values():
        z = draw_z(80, 4, 3) if given is None else given.sample(80, 3)
        maps = (dist if given is None else given).label_maps(z).reshape(80, -1)
        first = np.sort(np.unique(maps, axis=0, return_index=True)[1])
        weight = np.array([(maps == maps[i]).all(1).sum() for i in first], float)
        distance = 1 - pairwise_iou(maps[first], maps[first], 3)
        chosen = first[k_medoids(distance, weight, 4, [])]
        found = representatives(dist if given is None else given, 4, z=z)
        assert {tuple(one.z) for one in found} == {tuple(z[i]) for i in chosen}


@pytest.mark.parametrize("store", ["dense", "packed, residual"])
def test_of_many_voxels_some_are_compared(store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    # A ball whose size, place and shape vary, in 30 × 30 × 30 voxels.
    grid = np.indices((30, 30, 30)) - 15.0
    margin = 9 - np.linalg.norm(grid, axis=0)
    columns = [np.full_like(margin, 2.0), *(g / 4 for g in grid)]
    zero = np.zeros_like(margin)
    dist: Decodable = LogitDistribution(
        np.stack([zero, margin + 0.2 * rng.normal(size=margin.shape)]),
        np.stack([np.stack([zero, c]) for c in columns]),
        np.full((2, *margin.shape), 0.01),
    )
    given = None
    if store != "dense":
        dist = PackedDistribution.of(dist, torch.float32)  # type: ignore[arg-type]
        given = condition(dist, [Click((15, 15, 25), 1)], 0.1, Residual())
    z = draw_z(200, 4, 1) if given is None else given.sample(200, 1)
    whole, some = Drawn.of(dist, z, given), Drawn.of(dist, z, given, most=1500)
    assert some.step == -(-whole.labels.shape[1] // 1500) > 5
    assert some.labels.shape[1] <= 1502
    exact = pairwise_iou(whole.labels, whole.labels, 2, whole.common)
    rough = pairwise_iou(some.labels, some.labels, 2, some.common / some.step)
    assert np.abs(rough - exact).mean() < 0.02
    # The sets of medoids that the rough distances choose are as good by the exact ones.
    one = np.ones(200)
    cost = [
        (1 - exact)[:, k_medoids(1 - distance, one, 4, [])].min(1).mean()
        for distance in (exact, rough)
    ]
    assert cost[1] <= 1.02 * cost[0]
    source = dist if given is None else given
    shares = [h.probability for h in representatives(source, z=z)]
    monkeypatch.setattr(module, "_VOXELS", 1500)
    thinned = [h.probability for h in representatives(source, z=z)]
    np.testing.assert_allclose(thinned, shares, atol=0.1)


def test_nothing_there_is_nothing_in_the_voxels_left_out_either(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # One voxel is labelled where z > −1, all others where z > 2.2.
    margin, factor = np.full((1, 40), -2.0), np.full((1, 40), 0.9)
    margin[0, 3], factor[0, 3] = 1.0, 1.0
    zero = np.zeros((1, 40))
    dist = LogitDistribution(
        np.stack([zero, margin]), np.stack([zero, factor])[None], np.full((2, 1, 40), 0.01)
    )
    z = draw_z(400, 1, 0)
    monkeypatch.setattr(module, "_VOXELS", 1)
    found = Drawn.of(dist, z, most=1)
    assert found.step == 40 and (found.labels == 0).mean() > 0.9
    # The first draw that looks empty is not.
    looks = [h for h in representatives(dist, 2, z=np.sort(z, 0)[::-1]) if not h.counts[1]]
    assert len(looks) == 1 and looks[0].z is not None and looks[0].z[0] <= -1
    # Where all that look so have something in them, none is taken for "nothing there".
    never = representatives(dist, 2, z=z[(z > -1).all(1)])
    assert all(h.counts[1] for h in never)


def test_comparing_can_be_stopped_at_every_look() -> None:
    for dist, given in kinds(4).values():
        z = draw_z(20, 4, 0)
        source = dist if given is None else given
        looks: list[int] = []
        representatives(source, z=z, between=lambda looks=looks: looks.append(1))
        for last in range(len(looks)):
            left = [last]

            def between(left: list[int] = left) -> None:
                left[0] -= 1
                if left[0] < 0:
                    raise Cancelled("Stopped.")

            with pytest.raises(Cancelled):
                representatives(source, z=z, between=between)
