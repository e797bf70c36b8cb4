"""Several people's outlines, against numbers worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from napari_ssn.core.adjudicating import around, blend, pairs


def disc(radius: float, middle: tuple[int, int] = (20, 20)) -> np.ndarray:
    rows, columns = np.ogrid[:40, :50]
    return ((rows - middle[0]) ** 2 + (columns - middle[1]) ** 2 <= radius**2).astype(np.uint8)


def test_pairs_by_hand() -> None:
    a, b, c = (np.zeros((1, 6), np.uint8) for _ in range(3))
    a[0, 1:3], b[0, 2:4] = 1, 1
    found = pairs([a, b, c], 2, (1.0, 2.0))
    np.testing.assert_allclose(found.dice[..., 0], [[1, 0.5, 0], [0.5, 1, 0], [0, 0, 1]])
    # Each voxel of two is a border; one lies on the other's, one 2 mm from it.
    nan = np.nan
    np.testing.assert_allclose(found.apart[..., 0], [[0, 1, nan], [1, 0, nan], [nan, nan, nan]])
    dice, apart = found.with_others(0)
    assert dice[0] == 0.25 and apart[0] == 1
    assert np.isnan(found.with_others(2)[1][0])


def test_a_blend_lies_between_and_follows_the_weights() -> None:
    small, large = disc(5), disc(11)
    half = blend([small, large], (1, 1), 2, (1.0, 1.0))
    assert abs(half.sum() - disc(8).sum()) <= 8 and np.count_nonzero(half != disc(8)) <= 16
    mostly = blend([small, large], (1, 3), 2, (1.0, 1.0))
    assert half.sum() < mostly.sum() < large.sum()
    np.testing.assert_array_equal(blend([small, large], (0, 2), 2, (1.0, 1.0)), large)


def test_a_blend_of_several_labels_and_at_the_edge_of_the_grid() -> None:
    one = np.zeros((6, 30), np.uint8)
    other = one.copy()
    one[:, :10], one[:, 10:20] = 1, 2
    other[:, :14], other[:, 14:24] = 1, 2
    found = blend([one, other], (1, 1), 3, (1.0, 1.0))
    assert (found[:, :12] == 1).all() and (found[:, 12:22] == 2).all() and not found[:, 22:].any()


def test_what_cannot_be_blended_is_refused() -> None:
    with pytest.raises(ValueError, match="some label in each"):
        blend([disc(5), np.zeros((40, 50), np.uint8)], (1, 1), 2, (1, 1))
    for weights in ((1,), (0, 0), (-1, 2), (np.nan, 1)):
        with pytest.raises(ValueError, match="weights"):
            blend([disc(5), disc(6)], weights, 2, (1, 1))


def test_the_box_of_all() -> None:
    assert around([disc(2, (0, 10)), disc(3, (30, 40))]) == (slice(0, 35), slice(7, 45))
    assert around([np.zeros((3, 4), np.uint8)]) == (slice(None), slice(None))
