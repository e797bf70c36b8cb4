"""Every metric against arithmetic done by hand, and the fast paths against obvious loops."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from napari_ssn.core import metrics
from napari_ssn.core.metrics import (
    SetDistances,
    dice,
    dice_each,
    dice_majority,
    generalized_energy_distance,
    hungarian_iou,
    majority_vote,
    pairwise_iou,
    sample_diversity,
)

# The toy of this file, four voxels in a row:
#   IoU(s1, y1) = 2/3   IoU(s1, y2) = 0   IoU(s1, s2) = 1/2
#   IoU(s2, y1) = 1/3   IoU(s2, y2) = 0   IoU(y1, y2) = 0
S1, S2 = [1, 1, 0, 0], [1, 0, 0, 0]
Y1, Y2 = [1, 1, 1, 0], [0, 0, 0, 0]
SAMPLES, RATERS = np.array([S1, S2]), np.array([Y1, Y2])
EMPTY = np.zeros((3, 2, 2), dtype=np.uint8)


def iou_by_hand(a: NDArray[np.int64], b: NDArray[np.int64], classes: int) -> float:
    total = 0.0
    for c in range(1, classes):
        both = either = 0
        for u, v in zip(a.flat, b.flat, strict=True):
            both += u == c and v == c
            either += c in (u, v)
        total += both / either if either else 1.0
    return total / (classes - 1)


@st.composite
def two_sets(draw: st.DrawFn) -> tuple[NDArray[np.int64], NDArray[np.int64], int]:
    classes = draw(st.integers(2, 4))
    space = draw(hnp.array_shapes(min_dims=1, max_dims=3, max_side=3))
    n, m = draw(st.integers(1, 4)), draw(st.integers(1, 3))
    labels = st.integers(0, classes - 1)
    a = draw(hnp.arrays(np.int64, (n, *space), elements=labels))
    b = draw(hnp.arrays(np.int64, (m, *space), elements=labels))
    return a, b, classes


# --- IoU -------------------------------------------------------------------------------------


def test_pairwise_iou_of_the_toy() -> None:
    result = pairwise_iou(SAMPLES, RATERS)
    assert result.dtype == np.float64
    np.testing.assert_allclose(result, [[2 / 3, 0], [1 / 3, 0]], rtol=1e-15)


def test_pairwise_iou_is_the_mean_over_foreground_classes() -> None:
    a, b = [[1, 1, 2, 0, 0]], [[1, 0, 0, 0, 0]]
    # class 1: one voxel of two; class 2: none of one; mean (1/2 + 0)/2
    assert pairwise_iou(a, b, 3)[0, 0] == 0.25
    # class 3 is in neither map and counts 1: (1/2 + 0 + 1)/3
    assert pairwise_iou(a, b, 4)[0, 0] == 0.5


def test_two_empty_maps_agree_and_an_empty_one_agrees_with_nothing_else() -> None:
    full = np.ones_like(EMPTY)
    assert (pairwise_iou(EMPTY, EMPTY) == 1).all()
    assert (pairwise_iou(EMPTY, full) == 0).all()


def test_classes_are_counted_over_both_sets() -> None:
    # Inferred from b: three classes. class 1: 1/1, class 2: 0/1.
    assert pairwise_iou([[1, 0]], [[1, 2]])[0, 0] == 0.5
    # The same maps among four: (1 + 0 + 1)/3.
    assert pairwise_iou([[1, 0]], [[1, 2]], 4)[0, 0] == pytest.approx(2 / 3)


def test_labels_beyond_a_byte() -> None:
    # 256 is 0 in uint8. Class 256 agrees in one voxel of two, 1…255 are absent: (255 + 1/2)/256.
    result = pairwise_iou(np.array([[256, 0]]), np.array([[256, 256]]))
    assert result[0, 0] == pytest.approx(255.5 / 256)


@given(two_sets())
@settings(max_examples=80, deadline=None)
def test_pairwise_iou_equals_the_loop(
    sets: tuple[NDArray[np.int64], NDArray[np.int64], int],
) -> None:
    a, b, classes = sets
    expected = [[iou_by_hand(x, y, classes) for y in b] for x in a]
    np.testing.assert_allclose(pairwise_iou(a, b, classes), expected, rtol=1e-14)


def test_blocks_of_voxels_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    a, b = rng.integers(0, 3, (4, 5, 7)), rng.integers(0, 3, (3, 5, 7))
    whole = SetDistances.between(a, b)
    monkeypatch.setattr(metrics, "_BLOCK_BYTES", 4 * 7 * 3)  # three voxels of seven maps
    pieces = SetDistances.between(a, b)
    np.testing.assert_array_equal(whole.samples_raters, pieces.samples_raters)
    np.testing.assert_array_equal(whole.samples_samples, pieces.samples_samples)
    np.testing.assert_array_equal(whole.raters_raters, pieces.raters_raters)


def test_counts_beyond_single_precision_are_exact() -> None:
    # float32 cannot tell 2**24 + 1 from 2**24.
    n = 2**24 + 3
    a = np.ones((1, n), dtype=np.uint8)
    b = a.copy()
    b[0, :2] = 0
    assert pairwise_iou(a, b)[0, 0] == (n - 2) / n


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int16, np.int64])
def test_any_integer_type_will_do(dtype: type) -> None:
    result = pairwise_iou(SAMPLES.astype(dtype), RATERS.astype(dtype))
    np.testing.assert_allclose(result, [[2 / 3, 0], [1 / 3, 0]])


def test_torch_tensors_will_do() -> None:
    torch = pytest.importorskip("torch")
    result = generalized_energy_distance(torch.tensor([S1, S2]), torch.tensor([Y1, Y2]))
    assert result == pytest.approx(3 / 4)


# --- energy distance and diversity -----------------------------------------------------------


def test_energy_distance_of_the_toy() -> None:
    # E d(s, y) = (1/3 + 1 + 2/3 + 1)/4 = 3/4
    # with self-pairs: E d(s, s') = (0 + 1/2 + 1/2 + 0)/4 = 1/4, E d(y, y') = (0 + 1 + 1 + 0)/4
    assert generalized_energy_distance(SAMPLES, RATERS) == pytest.approx(3 / 2 - 1 / 4 - 1 / 2)
    # distinct pairs: 1/2 and 1
    result = generalized_energy_distance(SAMPLES, RATERS, unbiased=True)
    assert result == pytest.approx(3 / 2 - 1 / 2 - 1)


def test_energy_distance_with_several_classes() -> None:
    # One sample, one rater: 2 d = 2 (1 − IoU); IoU 1/4 among three classes, 1/2 among four.
    a, b = [[1, 1, 2, 0, 0]], [[1, 0, 0, 0, 0]]
    assert generalized_energy_distance(a, b) == pytest.approx(3 / 2)
    assert generalized_energy_distance(a, b, classes=4) == pytest.approx(1)


def test_energy_distance_of_one_sample() -> None:
    # A deterministic model: 2 (1/3 + 1)/2 − 0 − 1/2
    assert generalized_energy_distance([S1], RATERS) == pytest.approx(5 / 6)


def test_energy_distance_of_equal_sets_is_zero() -> None:
    assert generalized_energy_distance(RATERS, RATERS) == pytest.approx(0)
    # Repeating a set changes nothing with self-pairs included.
    assert generalized_energy_distance(np.tile(RATERS, (8, 1)), RATERS) == pytest.approx(0)
    assert generalized_energy_distance(EMPTY, EMPTY) == 0
    assert generalized_energy_distance(EMPTY, EMPTY, unbiased=True) == 0


@pytest.mark.parametrize(
    ("samples", "raters", "field"),
    [([S1], RATERS, "samples"), (SAMPLES, [Y1], "raters")],
)
def test_one_map_has_no_distinct_pairs(samples: object, raters: object, field: str) -> None:
    message = f"{field}: expected at least 2 maps .* actual 1"
    with pytest.raises(ValueError, match=message):
        generalized_energy_distance(samples, raters, unbiased=True)  # type: ignore[arg-type]


@given(two_sets())
@settings(max_examples=60, deadline=None)
def test_energy_distance_equals_the_loop(
    sets: tuple[NDArray[np.int64], NDArray[np.int64], int],
) -> None:
    samples, raters, classes = sets

    def mean(pairs: list[tuple[NDArray[np.int64], NDArray[np.int64]]]) -> float:
        return sum(1 - iou_by_hand(a, b, classes) for a, b in pairs) / len(pairs)

    across = mean(list(itertools.product(samples, raters)))
    within = mean(list(itertools.product(samples, repeat=2)))
    between_raters = mean(list(itertools.product(raters, repeat=2)))
    v = generalized_energy_distance(samples, raters, classes=classes)
    assert v == pytest.approx(2 * across - within - between_raters, abs=1e-12)
    # d is of negative type (the Tanimoto kernel is positive definite).
    assert v >= -1e-12
    if len(samples) > 1 and len(raters) > 1:
        sample_pairs = mean(list(itertools.permutations(samples, 2)))
        rater_pairs = mean(list(itertools.permutations(raters, 2)))
        u = generalized_energy_distance(samples, raters, classes=classes, unbiased=True)
        assert u == pytest.approx(2 * across - sample_pairs - rater_pairs, abs=1e-12)
        difference = sample_pairs / len(samples) + rater_pairs / len(raters)
        assert v - u == pytest.approx(difference, abs=1e-12)
        assert sample_diversity(samples, classes) == pytest.approx(sample_pairs, abs=1e-12)


def test_unbiased_does_not_depend_on_the_number_of_samples_and_the_default_does() -> None:
    rng = np.random.default_rng(2)
    samples, raters = rng.integers(0, 2, (5, 9)), rng.integers(0, 2, (4, 9))

    def average(size: int, *, unbiased: bool) -> float:
        subsets = itertools.combinations(samples, size)
        return float(
            np.mean(
                [
                    generalized_energy_distance(np.stack(s), raters, unbiased=unbiased)
                    for s in subsets
                ]
            )
        )

    all_five = generalized_energy_distance(samples, raters, unbiased=True)
    assert average(2, unbiased=True) == pytest.approx(all_five)
    assert average(2, unbiased=False) > average(5, unbiased=False) + 0.01


def test_sample_diversity() -> None:
    # d(s1, s2) = 1/2, d(s1, y1) = 1/3, d(s2, y1) = 2/3, mean 1/2
    assert sample_diversity([S1, S2, Y1]) == pytest.approx(1 / 2)
    assert sample_diversity(EMPTY) == 0
    with pytest.raises(ValueError, match=r"maps: expected at least 2 maps .* actual 1"):
        sample_diversity([S1])


# --- Hungarian matching ----------------------------------------------------------------------


def test_hungarian_iou_of_the_toy() -> None:
    # s1–y1, s2–y2: 2/3 + 0; s1–y2, s2–y1: 0 + 1/3. The better one, halved:
    assert hungarian_iou(SAMPLES, RATERS) == pytest.approx(1 / 3)


def test_hungarian_iou_repeats_the_raters() -> None:
    samples = [S1, S2, Y2, Y1]
    # IoU with y1: 2/3, 1/3, 0, 1; with y2: 0, 0, 1, 0. Each rater takes two samples:
    # y1 the first and the last, y2 the empty one and the second: (2/3 + 1 + 1 + 0)/4.
    # (Free choice for each sample would give 3/4, a matching of two alone 1.)
    assert hungarian_iou(samples, RATERS) == pytest.approx(2 / 3)
    # Repeating the raters beforehand is the same.
    assert hungarian_iou(samples, [Y1, Y2, Y1, Y2]) == pytest.approx(2 / 3)


def test_hungarian_iou_repeats_both_up_to_the_least_common_multiple() -> None:
    # Three samples twice, two raters three times. y1: s1, s1, s2 = 2/3 + 2/3 + 1/3;
    # y2: the empty sample twice and s2 = 1 + 1 + 0. (5/3 + 2)/6
    assert hungarian_iou([S1, S2, Y2], RATERS) == pytest.approx(11 / 18)


def test_hungarian_iou_of_single_maps() -> None:
    assert hungarian_iou([S1], RATERS) == pytest.approx((2 / 3 + 0) / 2)
    assert hungarian_iou(SAMPLES, [Y1]) == pytest.approx((2 / 3 + 1 / 3) / 2)
    assert hungarian_iou(EMPTY, EMPTY[:1]) == 1
    # One pair, (1/2 + 0 + 1)/3 among four classes.
    assert hungarian_iou([[1, 1, 2, 0, 0]], [[1, 0, 0, 0, 0]], 4) == pytest.approx(1 / 2)


@given(two_sets())
@settings(max_examples=40, deadline=None)
def test_hungarian_iou_equals_the_best_permutation(
    sets: tuple[NDArray[np.int64], NDArray[np.int64], int],
) -> None:
    samples, raters, classes = sets
    common = math.lcm(len(samples), len(raters))
    if common > 6:
        samples, common = samples[:3], math.lcm(3, len(raters))  # 12! permutations are too many
    iou = [
        [iou_by_hand(samples[i % len(samples)], raters[j % len(raters)], classes)]
        for i in range(common)
        for j in range(common)
    ]
    table = np.reshape(iou, (common, common))
    best = max(
        sum(table[i, j] for i, j in enumerate(order))
        for order in itertools.permutations(range(common))
    )
    assert hungarian_iou(samples, raters, classes) == pytest.approx(best / common)


# --- all from one comparison -----------------------------------------------------------------


def test_set_distances_hold_what_the_functions_give() -> None:
    rng = np.random.default_rng(3)
    samples, raters = rng.integers(0, 3, (6, 4, 5)), rng.integers(0, 3, (3, 4, 5))
    distances = SetDistances.between(samples, raters)
    np.testing.assert_allclose(distances.samples_raters, 1 - pairwise_iou(samples, raters))
    np.testing.assert_allclose(distances.samples_samples, 1 - pairwise_iou(samples, samples))
    np.testing.assert_allclose(distances.raters_raters, 1 - pairwise_iou(raters, raters))
    assert distances.rater_diversity() == pytest.approx(sample_diversity(raters))

    few = distances.first(4)
    assert few.sample_diversity() == pytest.approx(sample_diversity(samples[:4]))
    assert few.hungarian_iou() == pytest.approx(hungarian_iou(samples[:4], raters))
    for unbiased in (False, True):
        expected = generalized_energy_distance(samples[:4], raters, unbiased=unbiased)
        assert few.energy_distance(unbiased=unbiased) == pytest.approx(expected)


@pytest.mark.parametrize("n", [0, 3])
def test_first_takes_no_more_than_there_are(n: int) -> None:
    with pytest.raises(ValueError, match=f"n: expected 1 to 2 samples, actual {n}"):
        SetDistances.between(SAMPLES, RATERS).first(n)


def test_set_distances_check_their_matrices() -> None:
    two = np.zeros((2, 2))
    with pytest.raises(ValueError, match=r"raters_raters: expected shape \(3, 3\), actual \(2, 2"):
        SetDistances(np.zeros((2, 3)), two, two)
    with pytest.raises(ValueError, match=r"samples_raters: expected shape \(N, M\).*\(2,\)"):
        SetDistances(np.zeros(2), two, two)
    with pytest.raises(ValueError, match=r"samples_samples: expected distances .* 1.5 to 1.5"):
        SetDistances(two, two + 1.5, two)
    with pytest.raises(ValueError, match=r"samples_raters: expected distances .* nan"):
        SetDistances(two * np.nan, two, two)


# --- Dice and the majority vote --------------------------------------------------------------


def test_dice() -> None:
    # Class 1: 2·1/(2 + 1), class 2: 2·0/(1 + 0), class 3: in neither map.
    result = dice([1, 1, 2, 0, 0], [1, 0, 0, 0, 0], 4)
    np.testing.assert_allclose(result, [2 / 3, 0, 1])
    np.testing.assert_allclose(dice([1, 1, 2, 0, 0], [1, 0, 0, 0, 0]), [2 / 3, 0])


def test_dice_of_empty_maps() -> None:
    np.testing.assert_array_equal(dice(EMPTY[0], EMPTY[0]), [1])
    np.testing.assert_array_equal(dice(EMPTY[0], EMPTY[0] + 1), [0])


def test_dice_under_both_conventions() -> None:
    raters = [[1, 1, 1, 0], [1, 1, 0, 0], [0, 0, 0, 0]]
    # Each: 2·2/(2 + 3) = 4/5, 1, 0. Majority: 1100, the prediction itself.
    np.testing.assert_allclose(dice_each([1, 1, 0, 0], raters), [3 / 5])
    np.testing.assert_allclose(dice_majority([1, 1, 0, 0], raters), [1])
    # One rater: both are plain Dice. Two classes more: both absent everywhere.
    np.testing.assert_allclose(dice_each([1, 1, 0, 0], raters[:1]), [4 / 5])
    np.testing.assert_allclose(dice_majority([1, 1, 0, 0], raters[:1]), [4 / 5])
    np.testing.assert_allclose(dice_each([1, 1, 0, 0], raters, 4), [3 / 5, 1, 1])
    np.testing.assert_allclose(dice_majority([1, 1, 0, 0], raters, 4), [1, 1, 1])


def test_dice_takes_maps_of_any_dimension() -> None:
    # 2·1/(1 + 2)
    result = dice_each(np.array([[[1, 0], [0, 0]]]), np.array([[[[1, 1], [0, 0]]]]))
    np.testing.assert_allclose(result, [2 / 3])


def test_majority_vote_and_its_ties() -> None:
    raters = [
        [0, 1, 1, 2, 1, 0],
        [0, 1, 2, 2, 2, 0],
        [1, 1, 1, 2, 0, 2],
        [1, 0, 2, 0, 2, 3],
    ]
    # 2:2 background; 3:1; 1 and 2 tie, the lower; 3:1; 2 and 0 have two of four
    vote = majority_vote(raters)
    np.testing.assert_array_equal(vote, [0, 1, 1, 2, 2, 0])
    assert vote.dtype == np.uint8
    np.testing.assert_array_equal(majority_vote([[2, 0]], 5), [2, 0])


# --- slips -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("a", "b", "classes", "message"),
    [
        ([[0.5, 1.0]], [[0, 1]], None, "a: expected integer labels, actual dtype float64"),
        ([0, 1], [[0, 1]], None, r"a: expected shape \(n, \*S\), not empty, actual \(2,\)"),
        ([[0, 1]], np.zeros((0, 2), int), None, r"b: expected shape .* actual \(0, 2\)"),
        ([[0, -1]], [[0, 1]], None, "a: expected labels from 0, actual smallest -1"),
        ([[0, 1]], [[0, 2]], 2, "b: expected labels below 2, actual largest 2"),
        ([[0, 0]], [[0, 0]], 1, "classes: expected at least 2, .* actual 1"),
        ([[0, 1]], [[0, 1, 1]], None, r"b: expected the spatial .* a, \(2,\), actual \(3,\)"),
        ([[0, 1]], [[[0, 1]]], None, r"b: expected the spatial .* a, \(2,\), actual \(1, 2\)"),
    ],
)
def test_a_slip_is_named(a: object, b: object, classes: int | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        pairwise_iou(a, b, classes)  # type: ignore[arg-type]


def test_the_slip_carries_the_name_the_caller_knows() -> None:
    with pytest.raises(ValueError, match="raters: expected labels below 2, actual largest 3"):
        generalized_energy_distance(SAMPLES, RATERS * 3, classes=2)
    with pytest.raises(ValueError, match="raters: expected the spatial shape of samples"):
        hungarian_iou(SAMPLES, RATERS[:, :3])
    with pytest.raises(ValueError, match="maps: expected integer labels"):
        sample_diversity(SAMPLES / 2)
    with pytest.raises(ValueError, match="reference: expected the spatial shape of prediction"):
        dice(S1, [1, 0])
    with pytest.raises(ValueError, match=r"prediction: expected shape \(\*S\), not empty"):
        dice([], [])
    with pytest.raises(ValueError, match="raters: expected the spatial shape of prediction"):
        dice_each(S1, S1)
    with pytest.raises(ValueError, match="raters: expected the spatial shape of prediction"):
        dice_majority(S1, [[1, 0]])
    with pytest.raises(ValueError, match="raters: expected labels below 2, actual largest 4"):
        majority_vote([[4, 0]], 2)
