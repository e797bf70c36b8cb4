"""What is cut off: balls in the middle, at a face of what was looked at, and at the image's."""

from __future__ import annotations

import numpy as np
import pytest

from napari_ssn.geometry.cutoff import cut_off_by
from napari_ssn.geometry.size import across_of, corners_of

# A part of an image that ends with it along the last axis.
IMAGE, START, SPACE = (30, 28, 20), (4, 6, 0), (16, 16, 20)


def ball(middle: tuple[int, ...], radius: float = 3.0, space: tuple[int, ...] = IMAGE):
    """Label map of a ball, of which nothing lies outside the part that was looked at."""
    far = sum((g - m) ** 2 for g, m in zip(np.indices(space), middle, strict=True))
    out = (far <= radius**2).astype(np.uint8)
    kept = np.zeros_like(out)
    part = tuple(slice(s, s + n) for s, n in zip(START, SPACE, strict=True))
    kept[part] = out[part]
    return kept


@pytest.mark.parametrize(
    ("middle", "expected"),
    [
        ((12, 14, 10), ()),
        # One voxel from every face is not at it.
        ((8, 10, 4), ()),
        ((7, 10, 4), ("region",)),
        ((17, 14, 10), ("region",)),
        ((12, 22, 10), ("region",)),
        ((12, 14, 3), ("image",)),
        ((12, 14, 17), ("image",)),
        ((12, 22, 18), ("region", "image")),
    ],
)
def test_a_ball_is_cut_off_where_it_reaches_a_face(
    middle: tuple[int, ...], expected: tuple[str, ...]
) -> None:
    label_map = ball(middle)
    assert cut_off_by(label_map, 2, START, SPACE) == (expected,)
    # The size that is stated says it, and is too small where it does.
    (found,) = across_of(label_map, np.diag([0.7, 0.7, 2, 1]), 2, "volume", SPACE, START)
    assert found.cut_off_by == expected
    whole = ball((12, 14, 10)).sum()
    assert label_map.sum() <= whole
    # With the whole image looked at there is no region.
    assert cut_off_by(label_map, 2)[0] == (("image",) if "image" in expected else ())


def test_every_label_is_looked_at_by_itself() -> None:
    label_map = ball((12, 14, 10)) + 3 * ball((12, 22, 10)) + 2 * ball((12, 14, 1), 1.5)
    assert cut_off_by(label_map, 5, START, SPACE) == ((), ("image",), ("region",), ())


def test_one_slice_ends_at_its_own_edges_only() -> None:
    volume = np.zeros((9, 8, 5), np.uint8)
    volume[3:5, 3:5, 2] = 1
    assert cut_off_by(volume, 2, (0, 0, 2), (9, 8, 1)) == ((),)
    assert cut_off_by(volume[..., 2:3], 2) == ((),) == cut_off_by(volume[..., 2], 2)
    volume[4, :4, 2] = 1
    assert cut_off_by(volume, 2, (0, 0, 2), (9, 8, 1)) == (("image",),)
    assert cut_off_by(volume, 2, (2, 0, 2), (3, 8, 1)) == (("region", "image"),)


def test_a_part_that_is_not_in_the_image_is_a_slip() -> None:
    with pytest.raises(ValueError, match="leave"):
        cut_off_by(np.zeros((4, 4), np.uint8), 2, (1, 0), (4, 4))


def test_the_corners_of_each_label_say_on_which_slices_it_is() -> None:
    volume = np.zeros((5, 6, 7), np.uint8)
    volume[1:3, 2, 4:6] = volume[4, 5, 6] = 2
    assert corners_of(volume, 4) == ((None, None), ([1, 2, 4], [4, 5, 6]), (None, None))
    assert corners_of(volume[4], 3)[1] == ([5, 6], [5, 6])
