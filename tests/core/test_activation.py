"""The packed distribution against its dense twin, bit for bit."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from napari_ssn.core.columns.columns import lowest_radius, shell_of
from napari_ssn.core.counts import count_labels
from napari_ssn.core.directions.principal import label_gram, principal_directions
from napari_ssn.core.distribution import LogitDistribution, draw_z
from napari_ssn.core.measures import label_counts, volume_distribution
from napari_ssn.core.packed import distribution as activation
from napari_ssn.core.packed.distribution import PackedDistribution, compact
from napari_ssn.core.summaries.lesions import Rules, composed, find_lesions, lesion_counts
from napari_ssn.core.summaries.representatives import representatives
from napari_ssn.errors import Cancel, Cancelled
from tests.support.bumps import TWO, bumps
from tests.support.rough import PARTS, SPACE, random_dist

HALF, FULL = torch.float16, torch.float32


@settings(max_examples=80, deadline=None)
@given(
    seed=st.integers(0, 2**16),
    classes=st.sampled_from([2, 4]),
    rank=st.integers(1, 8),
    lead=st.sampled_from([0.0, 1e-3, 1.0, 30.0, 1e6]),
    length=st.sampled_from([0.0, 1e-6, 1.0, 1e5]),
    ties=st.booleans(),
    dtype=st.sampled_from([HALF, FULL]),
    norm=st.sampled_from([0.0, 0.01, 1.0, 5.0, 1e3]),
)
def test_every_label_map_is_that_of_the_dense_twin(
    seed: int,
    classes: int,
    rank: int,
    lead: float,
    length: float,
    ties: bool,
    dtype: torch.dtype,
    norm: float,
) -> None:
    packed = PackedDistribution.of(random_dist(seed, classes, rank, lead, length, ties), dtype)
    dense = packed.dense()
    z = draw_z(3, rank, seed) * norm
    z = np.round(z) if ties else z
    for vector in (None, *z):
        expected = dense.logits(vector).numpy().argmax(0)
        np.testing.assert_array_equal(packed.label_map(vector), expected)
        for part in PARTS:
            np.testing.assert_array_equal(packed.label_map(vector, part), expected[part])
    np.testing.assert_array_equal(packed.label_maps(z), dense.label_maps(z))
    counts = [count_labels(dense.label_map(vector), classes) for vector in z]
    np.testing.assert_array_equal(label_counts(packed, z), counts)


@pytest.mark.parametrize("classes", [2, 3, 4])
def test_full_precision_keeps_the_distribution(classes: int) -> None:
    dist = random_dist(1, classes)
    z = draw_z(50, dist.rank, 0)
    np.testing.assert_array_equal(
        PackedDistribution.of(dist, FULL).label_maps(z), dist.label_maps(z)
    )
    # Half precision moves the few voxels that were on the brink.
    moved = PackedDistribution.of(dist).label_maps(z) != dist.label_maps(z)
    assert moved.mean() < 0.002


@pytest.mark.parametrize("best", [0, 1, 3])
def test_where_one_label_is_the_likeliest_everywhere(best: int) -> None:
    plain = random_dist(13)
    plain.mean[best] += 25
    packed = PackedDistribution.of(plain, FULL)
    z = draw_z(20, packed.rank, 0) * 8
    np.testing.assert_array_equal(packed.label_maps(z), plain.label_maps(z))
    assert (packed.label_map() == best).all() and (packed.label_maps(z) != best).any()


def test_only_the_voxels_within_reach_are_read() -> None:
    packed = PackedDistribution.of(random_dist(2, lead=12.0))
    z = draw_z(1, packed.rank, 3)[0] * 0.5
    reached = packed.touched(float(np.linalg.norm(z)))
    assert 0 < reached < len(packed.order) // 3
    before = packed.label_map(z)
    packed.margins[:, :, reached:] = np.nan
    np.testing.assert_array_equal(packed.label_map(z), before)
    counts = [count_labels(before, packed.classes)]
    np.testing.assert_array_equal(label_counts(packed, z[None]), counts)


def test_the_radius_is_the_bound_of_cauchy_and_schwarz() -> None:
    packed = PackedDistribution.of(random_dist(4, lead=6.0))
    dense = packed.dense()
    mean, factor = dense.mean.double().numpy(), dense.cov_factor.double().numpy()
    for place, voxel in enumerate(packed.order):
        at = np.unravel_index(voxel, SPACE)
        assert packed.place[at] == place and packed.best[place] == packed.mean_map[at]
        m, p = mean[(slice(None), *at)], factor[(slice(None), slice(None), *at)]
        best = int(packed.best[place])
        radii = sorted(
            (m[best] - m[c]) / np.linalg.norm(p[:, best] - p[:, c]) for c in range(4) if c != best
        )
        # Shells are 1/64 of a power of two thick.
        low = packed.radius(place)
        assert low <= radii[0] and (radii[0] < low * 1.05 or low == 32)
        assert lowest_radius(int(packed.second[place])) <= radii[1]


def test_shells_never_lose_a_radius() -> None:
    for radius in (0.0, 1e-30, 0.3, 1.0, 3.1999, 31.99, 32.0, 1e5, 1e300):
        assert lowest_radius(shell_of(radius)) <= radius
        assert shell_of(radius) <= shell_of(np.nextafter(radius, np.inf))


@pytest.mark.parametrize("size", [1e5, 1e18, 1e37])
@pytest.mark.parametrize("dtype", [HALF, FULL])
def test_numbers_too_large_for_the_type_keep_their_labels(size: float, dtype: torch.dtype) -> None:
    plain = random_dist(5)
    large = torch.rand(SPACE) < 0.3
    by = torch.where(large, size, 1.0)
    dist = LogitDistribution(plain.mean * by, plain.cov_factor * by, plain.cov_diag * by)
    packed = PackedDistribution.of(dist, dtype)
    for array in (packed.margins, packed.noise):
        assert np.isfinite(array).all()
    z = draw_z(20, dist.rank, 1)
    differs = packed.label_maps(z) != plain.label_maps(z)
    assert differs.mean() < (0.003 if dtype == HALF else 1e-4)
    np.testing.assert_array_equal(packed.label_maps(z), packed.dense().label_maps(z))


def test_a_common_factor_of_a_voxel_changes_neither_directions_nor_probabilities() -> None:
    plain = random_dist(6)
    by = torch.where(torch.rand(SPACE) < 0.3, 2.0**15, 1.0)
    scaled = LogitDistribution(plain.mean * by, plain.cov_factor * by, plain.cov_diag * by**2)
    one, other = PackedDistribution.of(plain), PackedDistribution.of(scaled)
    np.testing.assert_allclose(label_gram(one), label_gram(other), rtol=1e-3, atol=1e-3)
    np.testing.assert_allclose(one.probabilities(), other.probabilities(), atol=2e-3)


@pytest.mark.parametrize("classes", [2, 3, 4])
@pytest.mark.parametrize("lead", [3.0, 40.0])
def test_directions_are_those_of_the_dense_twin(classes: int, lead: float) -> None:
    packed = PackedDistribution.of(random_dist(7, classes, rank=5, lead=lead))
    dense = packed.dense()
    gram = label_gram(dense)
    np.testing.assert_allclose(label_gram(packed), gram, rtol=1e-5, atol=1e-6 * gram.max())
    ours, theirs = principal_directions(packed), principal_directions(dense)
    np.testing.assert_allclose(ours.share, theirs.share, atol=1e-6)
    np.testing.assert_allclose(ours.basis, theirs.basis, atol=1e-4)
    for one, other in zip(ours.effects, theirs.effects, strict=True):
        assert (one.kind, one.label) == (other.kind, other.label)
        assert one.low_ml == pytest.approx(other.low_ml, abs=0.002)


@pytest.mark.parametrize("classes", [2, 4])
def test_probabilities_and_noise_are_those_of_the_dense_twin(classes: int) -> None:
    packed = PackedDistribution.of(random_dist(8, classes))
    dense = packed.dense()
    np.testing.assert_allclose(packed.probabilities(), dense.probabilities(), atol=1e-5)
    n = 3000
    shares = np.eye(classes)[packed.sample(n, seed=1, pixel_noise=True)].mean(0)
    exact = np.moveaxis(dense.probabilities(), 0, -1)
    assert np.abs(shares - exact).max() < 5 * 0.5 / np.sqrt(n)
    np.testing.assert_array_equal(packed.sample(4, seed=2), dense.sample(4, seed=2))


@pytest.mark.parametrize("classes", [2, 4])
def test_volumes_and_representatives_are_those_of_the_dense_twin(classes: int) -> None:
    affine = np.diag([2.0, 3.0, 5.0, 1.0])
    plain = random_dist(9, classes, lead=8.0)
    packed = PackedDistribution.of(
        LogitDistribution(
            plain.mean, plain.cov_factor, plain.cov_diag, affine, (1, 0, 2), (9, 9, 9)
        )
    )
    dense = packed.dense()
    np.testing.assert_allclose(
        volume_distribution(packed, 200, 3), volume_distribution(dense, 200, 3), rtol=1e-12
    )
    ours, theirs = representatives(packed, n=60), representatives(dense, n=60)
    assert [h.probability for h in ours] == [h.probability for h in theirs]
    for one, other in zip(ours, theirs, strict=True):
        np.testing.assert_array_equal(one.label_map, other.label_map)
        assert one.label_map.shape == (9, 9, 9)
    np.testing.assert_allclose(packed.image_affine(), dense.image_affine())


def test_large_ones_are_packed_and_small_ones_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    dist = random_dist(10)
    assert compact(dist) is dist
    size = 4 * int(np.prod(SPACE)) * dist.classes * (dist.rank + 2)
    monkeypatch.setattr(activation, "LARGE", size)
    packed = compact(dist)
    assert isinstance(packed, PackedDistribution) and packed.margins.dtype == np.float16
    assert packed.nbytes - packed.ends.nbytes < 0.85 * size
    monkeypatch.setattr(activation, "LARGE", size + 1)
    assert compact(dist) is dist


def test_bad_input_is_named() -> None:
    dist = random_dist(11)
    with pytest.raises(ValueError, match="dtype"):
        PackedDistribution.of(dist, torch.float64)
    with pytest.raises(Cancelled):
        PackedDistribution.of(dist, cancel=Cancel(lambda: True))
    packed = PackedDistribution.of(dist)
    with pytest.raises(ValueError, match=r"z: expected shape \(3,\), got \(2,\)"):
        packed.label_map([0, 1])
    with pytest.raises(ValueError, match="expected finite"):
        packed.label_map([np.nan, 0, 0])
    with pytest.raises(ValueError, match=r"expected shape \(n, 3\)"):
        label_counts(packed, np.zeros((4, 2)))


def test_two_axes_work_as_three() -> None:
    packed = PackedDistribution.of(random_dist(12, 3, space=(40, 50)))
    z = draw_z(5, packed.rank, 0)
    np.testing.assert_array_equal(packed.label_maps(z), packed.dense().label_maps(z))


def test_slices_are_right_while_other_threads_count() -> None:
    from concurrent.futures import ThreadPoolExecutor

    packed = PackedDistribution.of(random_dist(14, lead=6.0, space=(24, 26, 28)))
    dense = packed.dense()
    z = draw_z(300, packed.rank, 0)
    expected = label_counts(dense, z)
    with ThreadPoolExecutor(2) as pool:
        counting = [pool.submit(label_counts, packed, z) for _ in range(4)]
        for vector in z[:60]:
            np.testing.assert_array_equal(
                packed.label_map(vector, (slice(None), 7)), dense.label_map(vector)[:, 7]
            )
        for found in counting:
            np.testing.assert_array_equal(found.result(), expected)


@pytest.mark.parametrize("classes", [2, 3])
def test_lesions_of_a_packed_distribution_are_those_of_its_twin(classes: int) -> None:
    packed = PackedDistribution.of(bumps((12, 30), TWO, classes))
    rules = Rules(smallest=3, draws=60)
    one, two = find_lesions(packed, rules), find_lesions(packed.dense(), rules)
    assert one.found == two.found and one.several
    np.testing.assert_array_equal(one.parts, two.parts)
    z = draw_z(9, packed.rank, 3)
    np.testing.assert_array_equal(
        lesion_counts(packed, one.parts, z), lesion_counts(packed.dense(), two.parts, z)
    )
    np.testing.assert_array_equal(
        composed(packed, z[0], {1: z[1]}, one.parts),
        composed(packed.dense(), z[0], {1: z[1]}, one.parts),
    )
