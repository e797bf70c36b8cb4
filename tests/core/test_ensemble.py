"""An ensemble is a low-rank Gaussian: against the mean and covariance of all members at once."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import ndimage

import napari_ssn as ssn
from napari_ssn.core.contrasts import contrasts
from napari_ssn.core.ensemble import HIGH, LOW, gathered
from napari_ssn.core.odd import Odd
from napari_ssn.core.signed import edge_distances, signed_distances
from napari_ssn.errors import DataError

Floats = NDArray[np.float64]
AFFINE = np.diag([2.0, 1.0, 3.0, 1.0])


def maps(
    members: int = 4, classes: int = 3, space: tuple[int, ...] = (5, 6, 7), seed: int = 0
) -> list[NDArray[np.float32]]:
    """Smooth probabilities of each label, no voxel next to a tie."""
    draws = np.random.default_rng(seed).normal(size=(members, classes, *space))
    logits = 6 * np.stack([[ndimage.gaussian_filter(c, 1.0) for c in one] for one in draws])
    odds = np.exp(logits)
    return list((odds / odds.sum(1, keepdims=True)).astype(np.float32))


def dense(members: list[NDArray[np.float32]]) -> Floats:
    """Centred logits of all members, (M, C · V): the obvious way."""
    logits = np.log(np.clip(np.stack(members).astype(np.float64), LOW, HIGH))
    return (logits - logits.mean(1, keepdims=True)).reshape(len(members), -1)


@pytest.mark.parametrize("members", [2, 3, 7])
@pytest.mark.parametrize("classes", [2, 4])
def test_mean_and_covariance_are_those_of_the_members(members: int, classes: int) -> None:
    found = maps(members, classes)
    dist, logits = ssn.ensemble(found, AFFINE), dense(found)
    assert dist.rank == members - 1
    np.testing.assert_allclose(dist.mean.numpy().reshape(-1), logits.mean(0), atol=2e-6)
    p = dist.cov_factor.numpy().reshape(dist.rank, -1)
    np.testing.assert_allclose(p.T @ p, np.cov(logits.T), atol=2e-5)
    np.testing.assert_array_equal(dist.affine, AFFINE)


def test_each_member_stands_where_its_own_label_map_is() -> None:
    found = maps(6, 4)
    dist = ssn.ensemble(found)
    own = np.stack([one.argmax(0) for one in found])
    np.testing.assert_array_equal(dist.members.label_maps, own)
    np.testing.assert_array_equal(dist.label_maps(dist.members.z), own)
    counts = [[(one == c).sum() for c in range(4)] for one in own]
    np.testing.assert_array_equal(dist.members.counts, counts)
    np.testing.assert_allclose(dist.members.votes(2), (own == 2).mean(0))
    np.testing.assert_allclose(dist.members.votes(), (own > 0).mean(0))


def test_fewer_columns_are_those_of_a_singular_value_decomposition() -> None:
    found = maps(7, 3)
    dist, logits = ssn.ensemble(found, rank=2), dense(found)
    assert dist.rank == 2
    _, s, v = np.linalg.svd(logits - logits.mean(0), full_matrices=False)
    best = (v[:2].T * s[:2] ** 2 @ v[:2]) / 6
    p = dist.cov_factor.numpy().reshape(2, -1)
    np.testing.assert_allclose(p.T @ p, best, atol=1e-4)
    at = dist.mean.numpy().reshape(-1) + dist.members.z @ p
    near = logits.mean(0) + (logits - logits.mean(0)) @ v[:2].T @ v[:2]
    np.testing.assert_allclose(at, near, atol=1e-4)


def test_members_come_one_at_a_time() -> None:
    held = 0

    def each() -> Iterator[NDArray[np.float32]]:
        nonlocal held
        for one in maps(5):
            held += 1
            yield one

    seen: list[int] = []
    streamed = ssn.ensemble(each(), between=lambda: seen.append(held))
    assert seen == [1, 2, 3, 4, 5]
    whole = ssn.ensemble(maps(5))
    np.testing.assert_array_equal(streamed.cov_factor.numpy(), whole.cov_factor.numpy())


def test_the_most_certain_member_does_not_outvote_all_others() -> None:
    likely = [np.full((2, 1, 1, 2), 0.5) for _ in range(5)]
    for one in likely:
        one[:, 0, 0, 0], one[:, 0, 0, 1] = (0.4, 0.6), (0.2, 0.8)
    likely[4][:, 0, 0, 0] = 1 - 1e-6, 1e-6
    # Four say 0.6, log odds 0.405 each, and one −13.8, clipped −2.94: still background …
    dist = ssn.ensemble(likely, distances=False)
    assert dist.label_map().ravel().tolist() == [0, 1]
    assert dist.members.clipped.tolist() == [0, 0, 0, 0, 1]
    # … and at 0.7 each, 0.847, they win, which unclipped they would not.
    for one in likely[:4]:
        one[:, 0, 0, 0] = 0.3, 0.7
    assert ssn.ensemble(likely, distances=False).label_map().all()
    loose = ssn.ensemble(likely, clip=(1e-7, 1 - 1e-7), distances=False)
    assert loose.label_map().ravel().tolist() == [0, 1]


def test_of_many_labels_the_likeliest_stays_the_likeliest() -> None:
    p = np.full((100, 1, 2, 1), 0.0098)
    p[7, 0, 0], p[50, 0, 1] = 1 - 99 * 0.0098, 1 - 99 * 0.0098
    p[:, 0] = p[:, 0] / p[:, 0].sum(0)
    dist = ssn.ensemble([p, p], distances=False)
    assert dist.members.method.low == 0.005
    assert dist.label_map().ravel().tolist() == p.argmax(0).ravel().tolist() == [7, 50]


def balls(*radii: float, space: tuple[int, ...] = (24, 25, 26)) -> list[NDArray[np.uint8]]:
    grid = np.indices(space).astype(float)
    r = np.sqrt(sum((axis - 12) ** 2 for axis in grid))
    return [(r < radius).astype(np.uint8) for radius in radii]


def test_label_maps_become_signed_distances_whose_mean_lies_between() -> None:
    dist = ssn.ensemble(balls(4, 6, 8))
    assert dist.members.method.kind == "distances"
    assert dist.members.method.width_mm == 10
    found, middle = dist.label_map(), balls(6)[0]
    assert np.count_nonzero(found != middle) < 0.15 * middle.sum()
    np.testing.assert_array_equal(dist.label_maps(dist.members.z), np.stack(balls(4, 6, 8)))
    # A vote would be the same here; of two it would be the smaller, and is halfway.
    two = ssn.ensemble(balls(4, 8)).label_map().sum()
    assert balls(5)[0].sum() < two < balls(7)[0].sum()


def test_a_distance_as_far_as_the_width_counts_as_a_clipped_probability() -> None:
    edge = np.zeros((40, 1, 1), np.uint8)
    edge[20:] = 1
    dist = ssn.ensemble([edge, edge], width_mm=10)
    margin = (dist.mean[1] - dist.mean[0]).ravel().numpy()
    assert margin[29] == pytest.approx(math.log(0.95 / 0.05))
    assert margin[39] == pytest.approx(margin[29])
    assert margin[22] == pytest.approx(0.3 * margin[29])


@pytest.mark.parametrize("at_once", [1, 5_000, 1 << 26])
@pytest.mark.parametrize("shape", [(30, 9), (21, 8, 7)])
def test_slab_by_slab_the_distances_at_edges_are_those_of_the_whole(
    shape: tuple[int, ...], at_once: int
) -> None:
    random = np.random.default_rng(len(shape))
    spacing, width = (0.8, 1.5, 1.1)[: len(shape)], 2.3
    label_map = np.zeros(shape, np.uint8)
    # Of five labels one is nowhere; thick and thin ones, far apart along the first axis.
    label_map[4:9, 2:6], label_map[15:17], label_map[-1, 0] = 1, 2, 4
    label_map[tuple(random.integers(0, n, 3) for n in shape)] = 1
    whole = signed_distances(label_map, 5, spacing, width).reshape(5, -1)
    near = ((whole > -1) & (whole < 1)).any(axis=0)
    voxels, found = edge_distances(label_map, 5, spacing, width, at_once)
    np.testing.assert_array_equal(voxels, np.flatnonzero(near))
    np.testing.assert_array_equal(found, whole[:, voxels])


def test_signed_distances_are_those_of_every_voxel_to_every_other() -> None:
    label_map = np.zeros((7, 8, 9), np.uint8)
    label_map[2:4, 3:6, 1:5] = 1
    label_map[4:6, 3:9, 2:4] = 2
    spacing, width = (2.0, 1.0, 1.5), 4.0
    found = signed_distances(label_map, 4, spacing, width)
    at = np.argwhere(np.ones(label_map.shape, bool)) * spacing
    apart = np.linalg.norm(at[:, None] - at[None], axis=-1)
    for label in range(4):
        mask = (label_map == label).ravel()
        if not mask.any():
            assert (found[label] == -1).all()
            continue
        inside = np.where(mask, apart[:, ~mask].min(1), -apart[:, mask].min(1))
        wanted = np.clip(inside / width, -1, 1).reshape(label_map.shape)
        np.testing.assert_allclose(found[label], wanted, atol=1e-6)


def test_saturated_probabilities_are_taken_for_label_maps() -> None:
    hard = [np.stack([1.0 - one, one]) for one in balls(5, 7, 8)]
    dist = ssn.ensemble(hard)
    assert dist.members.method.kind == "distances"
    np.testing.assert_array_equal(dist.mean, ssn.ensemble(balls(5, 7, 8)).mean)
    # One among soft ones is enough, wherever it comes.
    soft = [np.stack([1 - p, p]) for p in (ndimage.gaussian_filter(x[1], 1.5) for x in hard)]
    assert ssn.ensemble(soft).members.method.kind == "probabilities"
    assert ssn.ensemble([*soft, hard[0]]).members.method.kind == "distances"


def test_a_member_that_outlines_nothing_counts_for_presence_alone() -> None:
    nothing = np.zeros((24, 25, 26), np.uint8)
    dist = ssn.ensemble([*balls(4, 6, 7), nothing])
    assert dist.presence == 0.75
    np.testing.assert_array_equal(dist.mean, ssn.ensemble(balls(4, 6, 7)).mean)
    assert dist.members.outlined.tolist() == [0, 1, 2]
    assert np.isnan(dist.members.z[3]).all() and np.isfinite(dist.members.z[:3]).all()
    alone = ssn.ensemble([nothing, *balls(5)])
    assert (alone.rank, alone.presence) == (1, 0.5)
    np.testing.assert_array_equal(alone.label_map([2.0]), balls(5)[0])


@pytest.mark.parametrize("drawn", [(255, 255, 255), (3, 1, 9)])
def test_one_thing_is_the_same_whatever_its_number(drawn: tuple[int, ...]) -> None:
    maps_of = balls(4, 6, 8)
    dist = ssn.ensemble([n * one for n, one in zip(drawn, maps_of, strict=True)])
    wanted = ssn.ensemble(maps_of)
    assert (dist.members.classes, dist.members.numbers) == (2, (0, max(drawn)))
    np.testing.assert_array_equal(dist.members.label_maps, wanted.members.label_maps)
    np.testing.assert_array_equal(dist.mean, wanted.mean)


@pytest.mark.parametrize(
    ("drawn", "numbers", "classes"),
    [((1, 2), None, 3), ((2, 4), None, 5), ((27, 52), (0, 27, 52), 3)],
)
def test_labels_that_nobody_uses_are_left_out_where_they_are_many(
    drawn: tuple[int, int], numbers: tuple[int, ...] | None, classes: int
) -> None:
    small, large = balls(4, 7)
    to = np.array([0, *drawn], np.uint8)
    found = ssn.ensemble([to[small + large], to[large]]).members
    assert (found.classes, found.numbers) == (classes, numbers)
    assert found.counts[0].sum() == small.size
    assert found.counts[0, -1] == small.sum() and found.counts[1, -1] == 0
    named = ssn.ensemble([to[small + large], to[large]], classes=60).members
    assert (named.classes, named.numbers) == (60, None)


@pytest.mark.parametrize("odd", [0, 2])
def test_labels_in_another_order_are_noticed(odd: int) -> None:
    """Whoever they are of, also the first, and however much larger the labels of others are."""
    made = []
    for number, radius in enumerate((3.0, 6.0, 6.5, 7.0)):
        ball = balls(radius)[0]
        ball[12:][ball[12:] > 0] = 2
        order = np.array([0, 2, 1] if number == odd else [0, 1, 2], np.uint8)
        made.append(order[ball])
    assert ssn.ensemble(made).members.odd.disordered == (odd,)
    made[odd] = np.array([0, 2, 1], np.uint8)[made[odd]]
    assert ssn.ensemble(made).members.odd.disordered == ()
    # Nobody has the other label: that is no other order.
    made[1] = np.minimum(made[1], 1)
    assert ssn.ensemble(made).members.odd.disordered == ()
    # One thing has no order.
    assert ssn.ensemble(balls(4.0, 5.0, 6.0)).members.odd.disordered == ()


def corner(labels: tuple[int, int] = (1, 2)) -> NDArray[np.uint8]:
    """Two boxes that no turn of the grid puts onto themselves, (12, 14, 12)."""
    made = np.zeros((12, 14, 12), np.uint8)
    made[1:5, 2:6, 3:9], made[1:4, 6:9, 3:7] = labels
    return made


@pytest.mark.parametrize("odd", [0, 3])
@pytest.mark.parametrize("how", ["backwards", "axes"])
def test_a_member_that_lies_along_other_axes_is_noticed(how: str, odd: int) -> None:
    made = [np.roll(corner(), shift, 1) for shift in (0, 1, 0, 1)]
    made[odd] = made[odd][::-1] if how == "backwards" else made[odd].transpose(2, 1, 0)
    found = ssn.ensemble(made).members.odd
    assert (found.turned, found.disordered, found.apart) == ((odd,), (), ())
    # Of two nobody knows which; and of one thing as of two.
    two = ssn.ensemble([made[odd], made[1]]).members.odd
    assert two.turned == (0, 1)
    one_thing = ssn.ensemble([(one > 0).astype(np.uint8) for one in made]).members.odd
    assert one_thing.turned == (odd,)


def test_what_differs_much_is_not_turned_and_what_has_nothing_in_common_is_said() -> None:
    small, large = np.zeros((12, 14, 12), np.uint8), np.zeros((12, 14, 12), np.uint8)
    small[1:3, 2:4, 3:5], large[1:11, 2:12, 3:11] = 1, 1
    assert ssn.ensemble([small, large, corner((1, 1))]).members.odd == Odd()
    elsewhere = np.zeros((12, 14, 12), np.uint8)
    elsewhere[9:12, 12:, 5:6] = 1
    assert ssn.ensemble([small, elsewhere, corner((1, 1))]).members.odd == Odd(apart=(1,))
    assert ssn.ensemble([small, elsewhere]).members.odd == Odd(apart=(0, 1))
    # Who outlines nothing has nothing in common with nobody.
    assert ssn.ensemble([small, 0 * small]).members.odd == Odd()
    assert ssn.ensemble([corner(), corner((2, 1))]).members.odd == Odd(disordered=(1,))


def test_probabilities_beside_a_label_map_count_by_their_outlines() -> None:
    soft = maps(2)
    assert ssn.ensemble(soft).members.hardened == 0
    mixed = ssn.ensemble([*soft, soft[0].argmax(0).astype(np.uint8)])
    assert mixed.members.method.kind == "distances" and mixed.members.hardened == 2


def test_what_nobody_looked_at_is_background() -> None:
    found = maps(2)
    for one in found:
        one[:, 0] = 0  # as outside of the box that a network was shown
    dist = ssn.ensemble(found)
    assert not dist.members.label_maps[:, 0].any()
    assert not dist.label_map()[0].any()


def test_nothing_that_was_given_is_changed() -> None:
    found = maps(3)
    before = [one.copy() for one in found]
    for one in found:
        one.flags.writeable = False
    ssn.ensemble(found)
    np.testing.assert_array_equal(found, before)


def test_contrasts_are_orthonormal_and_leave_out_the_mean() -> None:
    h = contrasts(6)
    np.testing.assert_allclose(h @ h.T, np.eye(5), atol=1e-12)
    np.testing.assert_allclose(h.T @ h, np.eye(6) - 1 / 6, atol=1e-12)


def test_a_walk_reaches_as_far_as_the_outermost_member() -> None:
    members = ssn.ensemble(maps(5)).members
    low, high = members.reach(np.array([0, 1.0, 0, 0]))
    assert (low, high) == (members.z[:, 1].min(), members.z[:, 1].max())


@pytest.mark.parametrize(
    ("members", "words"),
    [
        (maps(1), "two members or more, and this one has 1"),
        (
            [*maps(1), *maps(1, space=(5, 7, 6))],
            "Member 2 has 5 × 7 × 6 voxels and the first 5 × 6",
        ),
        ([*maps(1), *maps(1, 4)], "Member 2 has 4 labels and the first 3"),
        ([2 * one for one in maps(2)], "member 1 sum to 2 in a voxel and not to 1"),
        ([np.log(one) for one in maps(2)], "Member 1 holds values that are no probabilities"),
        ([np.zeros((2, 3, 3), np.float32)] * 2, "Member 1 holds zeros alone"),
        ([np.full((2, 3, 3), np.nan)] * 2, "Member 1 holds values that are no probabilities"),
        ([np.zeros((3, 3), np.uint8)] * 3, "None of the 3 members outlines anything"),
        ([np.full((3, 3), -1)] * 2, "holds labels from -1 to -1"),
        ([np.array([["a"]])] * 2, "neither a label map"),
    ],
)
def test_what_is_no_ensemble_is_said_in_a_sentence(members: list[object], words: str) -> None:
    with pytest.raises(DataError, match=words):
        ssn.ensemble(members)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "clip", [(0.0, 0.9), (0.9, 0.1), (0.1, 1.0), (0.1, 0.5), (0.3, 0.35), (0.6, 0.9)]
)
def test_a_clip_that_would_turn_labels_round_is_refused(clip: tuple[float, float]) -> None:
    with pytest.raises(ValueError, match="clip: expected"):
        ssn.ensemble(balls(4, 6), clip=clip)


def test_a_member_is_called_as_who_chose_it_calls_it() -> None:
    found = [*maps(2), 2 * maps(1)[0], -maps(1)[0]]
    for names, words in (
        (["fold 0", "fold 2", "fold 4"], "probabilities of fold 4 sum"),
        (["1", "3", "7"], "of member 7 sum"),
    ):
        with pytest.raises(DataError, match=words):
            gathered(found, names=names)
    with pytest.raises(DataError, match="Fold 2 holds values"):
        gathered([found[0], found[3]], names=["fold 0", "fold 2"])
