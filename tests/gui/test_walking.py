"""The array-like against the array it stands for, for every orientation."""

from __future__ import annotations

import copy
from itertools import permutations, product
from typing import Any

import numpy as np
import pytest

from napari_ssn.geometry.orientation import Reorientation
from napari_ssn.gui.layers.walking import Walking

SPACE, START, REGION = (5, 6, 7), (1, 0, 3), (3, 6, 4)


def walking(turn: Reorientation) -> tuple[Walking, np.ndarray, list[Any]]:
    labels = np.random.default_rng(0).integers(1, 4, REGION).astype(np.uint8)
    whole = np.zeros(SPACE, np.uint8)
    whole[tuple(slice(s, s + n) for s, n in zip(START, REGION, strict=True))] = labels
    asked: list[Any] = []

    def read(where: tuple[slice, ...]) -> np.ndarray:
        asked.append(where)
        return labels[where]

    return Walking(read, SPACE, START, REGION, turn), turn.apply(whole), asked


INDEXES = [
    0,
    -1,
    (2,),
    (slice(None), 3),
    (1, slice(None), slice(None)),
    (slice(None), slice(None), 4),
    (slice(1, 4), slice(None, None, 2), slice(4, 1, -1)),
    (..., 2),
    (0, ..., slice(2, 5)),
    (slice(3, 3),),
    (1, 2, 3),
    np.s_[[0, 2]],
]


@pytest.mark.parametrize("order", list(permutations(range(3))))
def test_every_orientation_equals_the_dense_array(order: tuple[int, ...]) -> None:
    for flip in product((False, True), repeat=3):
        lazy, dense, _ = walking(Reorientation(order, flip))
        assert lazy.shape == dense.shape and len(lazy) == len(dense) and lazy.ndim == 3
        np.testing.assert_array_equal(np.asarray(lazy), dense)
        for index in INDEXES:
            np.testing.assert_array_equal(lazy[index], dense[index])


def test_only_what_is_asked_for_is_decoded() -> None:
    lazy, _, asked = walking(Reorientation.identity(3))
    lazy[2]
    assert asked == [(slice(1, 2), slice(0, 6), slice(0, 4))]
    asked.clear()
    lazy[0], lazy[4], lazy[2, :, :3]
    assert asked == []


def test_a_slice_that_is_asked_for_again_is_read_again_and_others_between_leave_it_alone() -> None:
    frames = np.random.default_rng(1).integers(0, 4, (5, *REGION)).astype(np.uint8)
    here = [0]
    turn = Reorientation((1, 2, 0), (True, False, True))
    lazy = Walking(lambda where: frames[here[0]][where], SPACE, START, REGION, turn)
    box = tuple(slice(s, s + n) for s, n in zip(START, REGION, strict=True))
    for number, index in enumerate(
        [(2,), (2,), (slice(None), 3), (2,), (slice(None, None, -1), 3)]
    ):
        here[0] = number
        whole = np.zeros(SPACE, np.uint8)
        whole[box] = frames[number]
        np.testing.assert_array_equal(lazy[index], turn.apply(whole)[index])
        assert lazy[index].flags.c_contiguous


def test_a_region_that_is_the_whole_picture_is_not_copied() -> None:
    labels = np.random.default_rng(0).integers(0, 4, SPACE).astype(np.uint8)
    lazy = Walking(
        lambda where: labels[where], SPACE, (0, 0, 0), SPACE, Reorientation((2, 0, 1), (True,) * 3)
    )
    dense = Reorientation((2, 0, 1), (True,) * 3).apply(labels)
    np.testing.assert_array_equal(np.asarray(lazy), dense)
    assert np.shares_memory(np.asarray(lazy), labels)
    for index in INDEXES:
        np.testing.assert_array_equal(lazy[index], dense[index])


def test_without_a_result_everything_is_background() -> None:
    empty = Walking(lambda where: None, SPACE, START, REGION, Reorientation.identity(3))
    assert np.asarray(empty).sum() == 0


def test_copies_are_frozen_and_nothing_can_be_painted() -> None:
    lazy, dense, _ = walking(Reorientation.identity(3))
    for made in (copy.copy(lazy), copy.deepcopy(lazy)):
        assert isinstance(made, np.ndarray)
        np.testing.assert_array_equal(made, dense)
    with pytest.raises(TypeError, match="follows the slider"):
        lazy[0, 0, 0] = 1
    with pytest.raises(IndexError):
        lazy[9]
