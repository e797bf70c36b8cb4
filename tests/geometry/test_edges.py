import numpy as np
from numpy.typing import NDArray

from napari_ssn.geometry.edges import edges_of
from tests.support.helpers import area


def loops_of(mask: NDArray[np.uint8]) -> list[NDArray[np.float64]]:
    of, loops = edges_of(mask[None])
    assert of == [0] * len(loops)
    return loops


def test_outlines_follow_the_edges_of_pixels() -> None:
    mask = np.zeros((4, 5), np.uint8)
    assert loops_of(mask) == []
    mask[1, 2] = 1
    [loop] = loops_of(mask)
    assert {tuple(p) for p in loop} == {(0.5, 1.5), (0.5, 2.5), (1.5, 2.5), (1.5, 1.5)}
    assert loop[0].tolist() == loop[-1].tolist() and len(loop) == 5
    mask[1, :] = 1
    [loop] = loops_of(mask)
    assert len(loop) == 5 and area(loop) == 5


def test_outlines_of_holes_corners_and_noise() -> None:
    mask = np.ones((5, 5), np.uint8)
    mask[2, 2] = 0
    # Holes run the other way round.
    assert sorted(map(area, loops_of(mask))) == [-1, 25]
    assert sum(map(area, loops_of(np.eye(3, dtype=np.uint8)))) == 3
    noise = (np.random.default_rng(0).random((40, 40)) < 0.5).astype(np.uint8)
    loops = loops_of(noise)
    assert sum(map(area, loops)) == noise.sum()
    # Closed, and every point a turn: along rows and columns by turns.
    for loop in loops:
        along = np.diff(loop, axis=0) != 0
        assert (loop[0] == loop[-1]).all() and (along.sum(1) == 1).all()
        assert (along[1:] != along[:-1]).all()


def test_outlines_of_many_masks_are_those_of_each() -> None:
    masks = (np.random.default_rng(1).random((6, 7, 9)) < 0.4).astype(np.uint8)
    masks[2] = 0
    of, loops = edges_of(masks)
    assert of == sorted(of) and 2 not in of
    for number, mask in enumerate(masks):
        own = [loop for one, loop in zip(of, loops, strict=True) if one == number]
        alone = loops_of(mask)
        assert len(own) == len(alone)
        for one, other in zip(own, alone, strict=True):
            np.testing.assert_array_equal(one, other)
    assert edges_of(masks[:0]) == edges_of(masks[:, :0]) == ([], [])
