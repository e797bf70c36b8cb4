"""Surfaces between voxels: where balls have them, closed, and along the lines of their planes."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from napari_ssn.geometry import shells
from napari_ssn.geometry.contours import isolines
from napari_ssn.geometry.shells import enclosed, outwards, shell

SPACING = np.array([2.5, 0.7, 0.9])


def ball(space: tuple[int, ...], centre: tuple[float, ...], radius: float) -> np.ndarray:
    away = ((np.indices(space).T - np.array(centre)) * SPACING).T
    return radius - np.linalg.norm(away, axis=0)


def closed(faces: np.ndarray) -> bool:
    """Whether each edge is one of two triangles, which run along it in opposite ways."""
    edges = Counter(
        (int(a), int(b)) for face in faces for a, b in zip(face, np.roll(face, -1), strict=True)
    )
    return all(count == 1 and edges[b, a] == 1 for (a, b), count in edges.items())


def test_a_ball_on_a_grid_of_unequal_sides() -> None:
    centre, radius = (6.2, 25.1, 19.4), 12.0
    corners, faces = shell(ball((13, 51, 40), centre, radius), -99.0)
    apart = np.linalg.norm((corners - centre) * SPACING, axis=1)
    # A chord of one voxel of 2.5 mm lies h²/8r beside its arc.
    np.testing.assert_allclose(apart, radius, atol=2.5**2 / 8 / radius * 2)
    assert closed(faces)
    volume = 4 / 3 * np.pi * radius**3
    assert enclosed(corners * SPACING, faces) == pytest.approx(volume, rel=0.02)


@pytest.mark.parametrize(("axis", "at"), [(0, 5), (1, 28), (2, 14)])
def test_in_a_plane_it_runs_along_the_lines_there(axis: int, at: int) -> None:
    field = ball((13, 51, 40), (6.2, 25.1, 19.4), 12.0)
    corners, _ = shell(field, -99.0)
    there = corners[corners[:, axis] == at][:, [a for a in range(3) if a != axis]]
    line = np.concatenate(isolines(np.take(field, at, axis=axis)))
    apart = np.linalg.norm(line[:, None] - there[None], axis=2).min(1)
    assert len(line) > 30 and apart.max() < 1e-4


def test_it_is_closed_where_the_field_ends() -> None:
    corners, faces = shell(np.ones((2, 3, 4)), -1.0)
    assert closed(faces)
    np.testing.assert_array_equal(corners.min(0), [-0.5] * 3)
    np.testing.assert_array_equal(corners.max(0), [1.5, 2.5, 3.5])


def test_of_nothing_there_is_none() -> None:
    corners, faces = shell(np.full((3, 3, 3), -1.0), -1.0)
    assert corners.shape == (0, 3) and faces.shape == (0, 3)


def test_of_many_voxels_it_is_coarser_and_lies_where_it_was(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    centre, radius = (6.2, 25.1, 19.4), 12.0
    field = ball((13, 51, 40), centre, radius)
    many = len(shell(field, -99.0)[0])
    monkeypatch.setattr(shells, "_MOST", 2_000)
    corners, faces = shell(field, -99.0)
    assert len(corners) < many / 3 and closed(faces)
    np.testing.assert_allclose((corners.min(0) + corners.max(0)) / 2, centre, atol=1.0)


def test_mirrored_its_normals_point_outwards_again() -> None:
    corners, faces = shell(ball((13, 51, 40), (6.2, 25.1, 19.4), 12.0), -99.0)
    mirrored = corners * [1, -1, 1]
    assert enclosed(mirrored, faces) < 0 < enclosed(mirrored, outwards(mirrored, faces))
