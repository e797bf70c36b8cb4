"""Lesions of small distributions whose every hypothesis can be decoded and looked at."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import ndimage

from napari_ssn.core.distribution import LogitDistribution, draw_z
from napari_ssn.core.measures import label_counts
from napari_ssn.core.summaries.lesions import Lesions, Rules, composed, find_lesions, lesion_counts
from tests.support.bumps import TWO, bumps

RULES = Rules(smallest=3, draws=60)


def slow(dist: LogitDistribution, rules: Rules) -> tuple[np.ndarray, list[np.ndarray]]:
    """Every hypothesis decoded whole, and the cores, one mask each."""
    maps = np.stack([dist.label_map(z) for z in draw_z(rules.draws, dist.rank, rules.seed)])
    often = (maps > 0).mean(0) >= rules.share
    labelled, n = ndimage.label(often, np.ones((3,) * often.ndim))
    return maps, [labelled == k for k in range(1, n + 1)]


@pytest.mark.parametrize("classes", [2, 3])
def test_lesions_equal_those_found_by_decoding_every_hypothesis(classes: int) -> None:
    dist = bumps((14, 30), TWO, classes)
    found = find_lesions(dist, RULES)
    maps, cores = slow(dist, RULES)
    assert len(found.found) == len(cores) == 2 and found.dropped == 0 and found.several
    for lesion in found.found:
        core = next(c for c in cores if c[lesion.centre])
        there = np.array([(m[core] > 0).any() for m in maps])
        sizes = np.array([(m[found.parts == lesion.number] > 0).sum() for m in maps])
        assert lesion.existence == there.mean()
        p = there.mean()
        assert lesion.existence_error == pytest.approx(math.sqrt(p * (1 - p) / 60))
        assert lesion.size.median == np.median(sizes[there])
        assert lesion.size.low == np.quantile(sizes[there], 0.05)
        assert (found.parts[core] == lesion.number).all()
    assert found.found[0].size.median > found.found[1].size.median
    # The parts divide the grid: sizes add up to the whole.
    assert set(np.unique(found.parts)) == {1, 2}


def test_a_voxel_goes_with_the_lesion_nearest_in_millimetres() -> None:
    affine = np.diag([1.0, 3.0, 1.0, 1])
    places = [((5, 5), 2.0, 0.5), ((24, 5), 2.0, 0.5)]
    dist = bumps((30, 12), places, affine=affine)
    found = find_lesions(dist, RULES)
    _, cores = slow(dist, RULES)
    points = [np.argwhere(core) * [1.0, 3.0] for core in cores]
    for index in np.ndindex(30, 12):
        place = np.array(index) * [1.0, 3.0]
        away = [np.linalg.norm(p - place, axis=1).min() for p in points]
        if abs(away[0] - away[1]) > 1e-9:
            owner = found.found[found.parts[index] - 1]
            assert cores[int(np.argmin(away))][owner.centre]


def test_a_lesion_that_is_rarely_there_says_so() -> None:
    dist = bumps((14, 30), [((6, 22), 4.0, 1.0), ((6, 6), 1.5, 6.0)])
    dist.mean[1, :, :14] -= 4.0
    found = find_lesions(dist, Rules(smallest=3, draws=400))
    sure, doubtful = found.found
    assert sure.existence == 1 and sure.existence_error == 0
    assert 0.05 < doubtful.existence < 0.6
    # Its size is that of the hypotheses in which it is present.
    assert doubtful.size.low > 0


def test_small_cores_are_dropped_and_counted() -> None:
    dist = bumps((14, 40), [*TWO, ((12, 38), 0.5, 0.01), ((1, 38), 0.5, 0.01)])
    found = find_lesions(dist, RULES)
    assert len(found.found) == 2 and found.dropped == 2
    assert len(find_lesions(dist, Rules(smallest=1, draws=60)).found) == 4


@pytest.mark.parametrize(("places", "count"), [(TWO[:1], 1), ([], 0)])
def test_one_lesion_or_none_divides_nothing(places: list, count: int) -> None:
    dist = bumps((14, 30), places)
    found = find_lesions(dist, RULES)
    assert len(found.found) == count and not found.several and not found.parts.any()
    if count:
        maps, _ = slow(dist, RULES)
        assert found.found[0].size.median == np.median((maps > 0).sum((1, 2)))


def test_touching_labels_are_one_lesion_and_corners_touch() -> None:
    assert len(find_lesions(bumps((14, 16), TWO[:1], classes=3), RULES).found) == 1
    mean = torch.full((2, 6, 6), 0.0)
    mean[1] = -5
    for i in range(6):
        mean[1, i, i] = 5
    diagonal = LogitDistribution(mean, torch.zeros(2, 2, 6, 6), torch.zeros(2, 6, 6))
    assert len(find_lesions(diagonal, RULES).found) == 1


def test_centres_are_on_the_images_grid() -> None:
    dist = bumps((14, 30), TWO, start=(10, 100), image_space=(50, 200))
    centres = sorted(lesion.centre for lesion in find_lesions(dist, RULES).found)
    np.testing.assert_allclose(centres, [(16, 106), (16, 122)], atol=1)


def test_the_same_rules_find_the_same_and_another_seed_others() -> None:
    dist = bumps((10, 14, 30), [((5, 6, 6), 3.0, 2.0), ((5, 6, 22), 4.0, 2.0)])
    first, again = (find_lesions(dist, RULES) for _ in range(2))
    np.testing.assert_array_equal(first.parts, again.parts)
    assert first.found == again.found
    assert find_lesions(dist, Rules(3, draws=60, seed=5)).found != first.found


@pytest.mark.parametrize("classes", [2, 3])
def test_a_composed_map_takes_every_voxel_from_its_lesions_z(classes: int) -> None:
    dist = bumps((14, 30), TWO, classes)
    parts = find_lesions(dist, RULES).parts
    z, other, third = (scale * np.ones(3) for scale in (0.1, 1.5, -1.5))
    whole = {k: dist.label_map(v) for k, v in {0: z, 1: other, 2: third}.items()}
    np.testing.assert_array_equal(composed(dist, z, {}, parts), whole[0])
    one = composed(dist, z, {2: third}, parts)
    both = composed(dist, z, {1: other, 2: third}, parts)
    assert (one != both).any() and (one != whole[0]).any()
    for index in np.ndindex(14, 30):
        assert one[index] == whole[2 if parts[index] == 2 else 0][index]
        assert both[index] == whole[parts[index]][index]
    # A part of the grid is that part of the whole.
    for where in ((slice(2, 9),), (slice(None), slice(20, 21)), (5, slice(3, 25))):
        np.testing.assert_array_equal(
            composed(dist, z, {1: other, 2: third}, parts, where), both[where]
        )


def test_a_lesion_that_shrinks_leaves_no_rim() -> None:
    """Voxels outside of every core are decoded with the nearest lesion's z."""
    dist = bumps((14, 40), [((6, 6), 3.0, 2.0), ((6, 30), 3.0, 2.0)])
    parts = find_lesions(dist, RULES).parts
    large, small = np.array([3.0, 3, 3]), np.array([-3.0, -3, -3])
    number = int(parts[6, 6])
    mixed = composed(dist, large, {number: small}, parts)
    np.testing.assert_array_equal(mixed[:, :17], dist.label_map(small)[:, :17])
    assert dist.label_map(large)[:, :17].sum() > dist.label_map(small)[:, :17].sum()


@pytest.mark.parametrize("classes", [2, 3])
def test_counts_per_lesion_add_up_to_the_counts(classes: int) -> None:
    dist = bumps((14, 30), TWO, classes)
    parts = find_lesions(dist, RULES).parts
    z = draw_z(30, dist.rank, 3)
    counts = lesion_counts(dist, parts, z)
    assert counts.shape == (30, 3, classes)
    np.testing.assert_array_equal(counts.sum(1), label_counts(dist, z))
    for row, vector in zip(counts, z, strict=True):
        labels = dist.label_map(vector)
        for k in range(3):
            expected = np.bincount(labels[parts == k], minlength=classes)
            np.testing.assert_array_equal(row[k], expected)
    still = LogitDistribution(dist.mean, torch.zeros_like(dist.cov_factor), dist.cov_diag)
    np.testing.assert_array_equal(lesion_counts(still, parts, z).sum(1), label_counts(still, z))


def test_a_search_can_be_stopped() -> None:
    class Stop(Exception): ...

    def stop() -> None:
        raise Stop

    dist = bumps((14, 30), TWO)
    with pytest.raises(Stop):
        find_lesions(dist, RULES, stop)
    with pytest.raises(Stop):
        lesion_counts(dist, np.ones((14, 30), np.uint8), np.ones((2, 3)), stop)


def test_rules_and_z_are_checked() -> None:
    for wrong in ({"smallest": 0}, {"smallest": 1, "draws": 0}, {"smallest": 1, "share": 0.0}):
        with pytest.raises(ValueError, match="expected"):
            Rules(**wrong)
    with pytest.raises(ValueError, match="z: expected"):
        lesion_counts(bumps((8, 8), []), np.ones((8, 8), np.uint8), np.ones(3))
    assert isinstance(find_lesions(bumps((8, 8), []), RULES), Lesions)
