"""Surface distances by hand and against all pairs of border voxels."""

from __future__ import annotations

import numpy as np
import pytest

from napari_ssn.core.surface import boundary_size, mean_surface_distance


def test_two_squares_by_hand() -> None:
    a, b = np.zeros((7, 7), np.uint8), np.zeros((7, 7), np.uint8)
    a[1:4, 1:4] = 1  # a border of 8 pixels around one inside
    b[1:4, 2:5] = 1
    # Columns 2 and 3 of one border lie on the other, but for (2, 2) and (2, 3), a step away from
    # it; column 1 is a step away too. Of 8 pixels each: 3 and 1 at distance 1.
    assert mean_surface_distance(a, b, (1.0, 1.0))[0] == pytest.approx((4 + 4) / 16)
    # A step along the columns is now three times as long as one along the rows; the pixel inside
    # is nearest along the rows.
    expected = (3 * 3 + 1 + 3 * 3 + 1) / 16
    assert mean_surface_distance(a, b, (1.0, 3.0))[0] == pytest.approx(expected)


def slow(a: np.ndarray, b: np.ndarray, spacing: np.ndarray) -> float:
    def border(mask: np.ndarray) -> np.ndarray:
        padded = np.pad(mask, 1)
        alone = np.zeros_like(padded)
        for axis in range(mask.ndim):
            for step in (-1, 1):
                alone |= ~np.roll(padded, step, axis)
        return np.argwhere(padded & alone) * spacing

    p, q = border(a), border(b)
    apart = np.linalg.norm(p[:, None] - q[None], axis=2)
    return float((apart.min(1).sum() + apart.min(0).sum()) / (len(p) + len(q)))


@pytest.mark.parametrize("space", [(9, 11), (6, 7, 8)])
def test_equals_all_pairs(space: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    spacing = np.array([0.7, 1.3, 2.5])[: len(space)]
    for _ in range(5):
        a, b = (rng.integers(0, 3, space).astype(np.uint8) for _ in range(2))
        a[0], b[-1] = 0, 0
        found = mean_surface_distance(a, b, tuple(spacing), classes=3)
        for label in (1, 2):
            assert found[label - 1] == pytest.approx(slow(a == label, b == label, spacing))


def test_empty_maps() -> None:
    a, b = np.zeros((4, 4), np.uint8), np.ones((4, 4), np.uint8)
    assert mean_surface_distance(a, a, (1.0, 1.0)).tolist() == [0.0]
    assert np.isnan(mean_surface_distance(a, b, (1.0, 1.0))[0])
    assert mean_surface_distance(b, b, (1.0, 1.0)).tolist() == [0.0]


def test_slips_are_named() -> None:
    a = np.zeros((4, 4), np.uint8)
    with pytest.raises(ValueError, match="shape"):
        mean_surface_distance(a, np.zeros((4, 5), np.uint8), (1.0, 1.0))
    with pytest.raises(ValueError, match="2 sizes"):
        mean_surface_distance(a, a, (1.0, 1.0, 1.0))


def test_the_size_of_a_ball_and_of_a_disc() -> None:
    z, y, x = np.mgrid[:41, :41, :41].astype(float) - 20
    ball = np.sqrt(z * z + y * y + x * x) < 15.1
    assert boundary_size(ball, (1.0, 1.0, 1.0)) == pytest.approx(4 * np.pi * 15.1**2, rel=0.02)
    # Drawn out along one axis: an ellipsoid of half axes 30.2, 15.1, 15.1.
    assert boundary_size(ball, (2.0, 1.0, 1.0)) == pytest.approx(4_900, rel=0.04)
    disc = np.hypot(y[0], x[0]) < 15.1
    assert boundary_size(disc, (0.5, 0.5)) == pytest.approx(np.pi * 15.1, rel=0.05)


def test_the_end_of_the_grid_is_no_boundary() -> None:
    half = np.zeros((6, 4), bool)
    half[:3] = True
    assert boundary_size(half, (1.0, 0.5)) == pytest.approx(np.pi / 4 * 4 * 0.5)
    assert boundary_size(np.ones((6, 4), bool), (1.0, 1.0)) == 0
    assert boundary_size(np.zeros((6, 4), bool), (1.0, 1.0)) == 0
