"""Two pieces laid on each other by SimpleITK: a motion that is known is found again."""

from __future__ import annotations

import math
import sys

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter, map_coordinates

from napari_ssn.errors import Cancel, Cancelled, DataError
from napari_ssn.io.registration import register

pytest.importorskip("SimpleITK")
# Of the first: an oblique grid with voxels that are longer one way.
ANGLE = math.radians(12)
TURNED = np.array(
    [
        [math.cos(ANGLE), -math.sin(ANGLE), 0.0],
        [math.sin(ANGLE), math.cos(ANGLE), 0.0],
        [0.0, 0.0, 1.0],
    ]
)
PLACE = np.array([12.0, -30.0, 100.0])


def grid(axes: np.ndarray, steps: tuple[float, ...], size: tuple[int, ...]) -> np.ndarray:
    """Affine of a grid whose middle voxel lies at the place."""
    affine = np.eye(4)
    affine[:3, :3] = axes * np.array(steps)
    affine[:3, 3] = PLACE - affine[:3, :3] @ ((np.array(size) - 1) / 2)
    return affine


def seen(texture: np.ndarray, affine: np.ndarray, size: tuple[int, ...], to_texture) -> np.ndarray:
    """What a grid sees of a texture of 1 mm."""
    index = np.stack(np.meshgrid(*(np.arange(n) for n in size), indexing="ij"), -1)
    mm = index @ affine[:3, :3].T + affine[:3, 3]
    where = to_texture(mm.reshape(-1, 3)) - PLACE + (np.array(texture.shape) - 1) / 2
    values = map_coordinates(texture, where.T, order=1, mode="nearest")
    return values.reshape(size).astype(np.float32)


@pytest.fixture(scope="module")
def pair() -> tuple[list[np.ndarray], list[np.ndarray], np.ndarray]:
    """One texture seen from two grids, of which the second is moved; and by what."""
    noise = np.random.default_rng(0).normal(size=(90, 90, 90))
    texture = gaussian_filter(noise, 5) * 3000
    axis, turn = np.array([1.0, 2.0, 2.0]) / 3, math.radians(6)
    cross = np.array([[0, -axis[2], axis[1]], [axis[2], 0, -axis[0]], [-axis[1], axis[0], 0]])
    rotation = np.eye(3) + math.sin(turn) * cross + (1 - math.cos(turn)) * cross @ cross
    shift = np.array([4.0, -3.0, 5.0])

    def back(mm: np.ndarray) -> np.ndarray:
        return (mm - PLACE - shift) @ rotation + PLACE

    sizes = ((60, 60, 25), (50, 45, 40))
    affines = [grid(TURNED, (1.2, 1.2, 2.5), sizes[0]), grid(np.eye(3), (1.5, 1.5, 1.5), sizes[1])]
    images = [
        seen(texture, affines[0], sizes[0], lambda mm: mm),
        seen(texture, affines[1], sizes[1], back),
    ]
    true = np.eye(4)
    true[:3, :3], true[:3, 3] = rotation, PLACE + shift - rotation @ PLACE
    return images, affines, true


def test_a_motion_is_found_again(pair) -> None:
    images, affines, true = pair
    # The places are off by the shift.
    found = register(images, affines, (PLACE, PLACE))
    corners = PLACE + 20 * (np.stack(np.meshgrid(*[(-1, 1)] * 3), -1).reshape(-1, 3))
    moved = [corners @ m[:3, :3].T + m[:3, 3] for m in (found.matrix, true)]
    assert np.linalg.norm(moved[0] - moved[1], axis=1).max() < 0.75
    assert found.degrees == pytest.approx(6, abs=1) and found.alike > 0.9


def test_what_has_nothing_in_common_is_not_laid_on_each_other(pair) -> None:
    images, affines, _ = pair
    other = gaussian_filter(np.random.default_rng(5).normal(size=images[1].shape), 3)
    with pytest.raises(DataError, match="was not found"):
        register([images[0], other.astype(np.float32)], affines, (PLACE, PLACE))
    with pytest.raises(DataError, match="was not found"):
        register(images, affines, (PLACE, PLACE + 500))


def test_what_cannot_be_is_said_and_it_can_be_stopped(pair, monkeypatch) -> None:
    images, affines, _ = pair
    with pytest.raises(DataError, match="Slices are linked"):
        register([images[0][:, :, :1], images[1]], affines, (PLACE, PLACE))
    tilted = affines[0].copy()
    tilted[1, 2] += 0.5
    with pytest.raises(DataError, match="tilted gantry"):
        register(images, (tilted, affines[1]), (PLACE, PLACE))
    asked = iter([False, False, True])
    with pytest.raises(Cancelled):
        register(images, affines, (PLACE, PLACE), Cancel(lambda: next(asked, True)))
    monkeypatch.setitem(sys.modules, "SimpleITK", None)
    with pytest.raises(DataError, match="pip install"):
        register(images, affines, (PLACE, PLACE))
