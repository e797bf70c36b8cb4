"""Label maps of other files laid onto an image's grid, against a voxel by voxel way."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from napari_ssn.errors import GeometryError
from napari_ssn.geometry.onto import onto
from tests.support.helpers import oblique_affine

SPACE = (5, 6, 7)
AFFINE = oblique_affine()


def turned(values: np.ndarray, affine: np.ndarray, order, signs) -> tuple[np.ndarray, np.ndarray]:
    """The same voxels with their axes in another order, some backwards."""
    change = np.eye(4)
    change[:3, :3] = 0
    for new, (old, sign) in enumerate(zip(order, signs, strict=True)):
        change[old, new] = sign
        change[old, 3] = 0 if sign > 0 else values.shape[old] - 1
    backwards = tuple(slice(None, None, sign) for sign in signs)
    return values.transpose(order)[backwards], affine @ change


def slowly(values: np.ndarray, affine: np.ndarray) -> np.ndarray:
    out = np.zeros(SPACE, values.dtype)
    to_image = np.linalg.inv(AFFINE) @ affine
    for place in np.argwhere(values):
        out[tuple(np.rint(to_image[:3, :3] @ place + to_image[:3, 3]).astype(int))] = values[
            tuple(place)
        ]
    return out


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, 1, 1), (1, -1, -1)])
def test_axes_in_any_order_and_direction(order, signs) -> None:
    values = np.random.default_rng(0).integers(0, 4, SPACE).astype(np.uint8)
    there, affine = turned(values, AFFINE, order, signs)
    np.testing.assert_array_equal(onto(there, affine, AFFINE, SPACE), values)
    # A part of it, and a larger one that holds nothing more.
    part = there[1:, :-1, 2:]
    moved = affine.copy()
    moved[:3, 3] += affine[:3, :3] @ [1, 0, 2]
    np.testing.assert_array_equal(onto(part, moved, AFFINE, SPACE), slowly(part, moved))
    around = affine.copy()
    around[:3, 3] -= affine[:3, :3] @ [2, 2, 2]
    np.testing.assert_array_equal(onto(np.pad(there, 2), around, AFFINE, SPACE), values)


def test_a_picture_lies_on_a_picture() -> None:
    values = np.arange(12).reshape(3, 4)
    np.testing.assert_array_equal(onto(values, np.eye(4), np.eye(4), (3, 4)), values)


@pytest.mark.parametrize(("shift", "beside"), [(0.5, "0.5"), (0.03, "0.03"), (1.97, "0.03")])
def test_voxels_between_the_images_are_another_grid(shift: float, beside: str) -> None:
    moved = AFFINE.copy()
    moved[:3, 3] += shift * AFFINE[:3, 0]
    words = f"another grid than the image: 5 × 6 × 7 voxels, up to {beside} of a voxel beside"
    with pytest.raises(GeometryError, match=words):
        onto(np.ones(SPACE), moved, AFFINE, SPACE)


def test_voxels_of_another_size_are_another_grid() -> None:
    wider = AFFINE @ np.diag([1, 1, 1.01, 1])
    with pytest.raises(GeometryError, match=r"another grid .* of another size or direction"):
        onto(np.ones(SPACE), wider, AFFINE, SPACE)
    with pytest.raises(GeometryError, match="another grid"):
        onto(np.ones(SPACE), AFFINE @ np.diag([2.0, 1, 1, 1]), AFFINE, SPACE)


def test_what_reaches_beyond_the_image_is_of_another_one() -> None:
    for step in (1, -1, 50):
        moved = AFFINE.copy()
        moved[:3, 3] += step * AFFINE[:3, 1]
        with pytest.raises(GeometryError, match="beyond the image"):
            onto(np.ones(SPACE), moved, AFFINE, SPACE)
