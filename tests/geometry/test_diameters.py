"""Diameters in a slice against every pair of points, and against shapes whose size is known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial import ConvexHull

import napari_ssn as ssn
from napari_ssn.core.hypotheses import Hypothesis
from napari_ssn.core.measures import diameters
from napari_ssn.geometry.diameters import Diameter, find_diameters, slice_axis
from tests.support.helpers import oblique_affine

PLAIN = np.eye(4)


def hypothesis(label_map: np.ndarray, affine: np.ndarray = PLAIN, classes: int = 2) -> Hypothesis:
    return Hypothesis(label_map.astype(np.uint8), affine, None, classes)


def ellipsoid(space: tuple[int, ...], semi: tuple[float, ...], turn: float = 0.0) -> np.ndarray:
    """Half axes in voxels, turned in the plane of the first two axes."""
    at = np.stack(np.meshgrid(*map(np.arange, space), indexing="ij"), -1)
    at = at - (np.array(space) - 1) / 2
    x = at[..., 0] * math.cos(turn) + at[..., 1] * math.sin(turn)
    y = at[..., 1] * math.cos(turn) - at[..., 0] * math.sin(turn)
    rest = [at[..., axis] for axis in range(2, len(space))]
    return sum((a / s) ** 2 for a, s in zip((x, y, *rest), semi, strict=True)) <= 1


def by_hand(label_map: np.ndarray, affine: np.ndarray, axis: int | None) -> tuple[float, float]:
    """Longest over all pairs of edge midpoints, and its perpendicular at 201 places."""
    stack = label_map[None] if axis is None else np.moveaxis(label_map, axis, 0)
    plane = [a for a in range(label_map.ndim) if a != axis]
    columns = affine[:3, plane]
    found = (0.0, 0.0)
    for slab in stack:
        parts, count = ndimage.label(slab, np.ones((3, 3)))
        for part in range(1, count + 1):
            pixels = np.argwhere(parts == part)
            steps = ((0.5, 0), (-0.5, 0), (0, 0.5), (0, -0.5))
            points = np.concatenate([pixels + step for step in steps]) @ columns.T
            apart = np.linalg.norm(points[:, None] - points, axis=2)
            for i, j in np.argwhere(apart >= apart.max() - 1e-9):
                found = max(found, (round(apart.max(), 9), chord(points, points[i], points[j])))
    return found


def chord(points: np.ndarray, start: np.ndarray, end: np.ndarray) -> float:
    """Longest segment across start–end inside the hull: between any two points, cut at places."""
    along = (end - start) / np.linalg.norm(end - start)
    way = (points - start) @ along
    rest = points - start - way[:, None] * along
    side = rest[np.linalg.norm(rest, axis=1).argmax()]
    off = rest @ (side / (np.linalg.norm(side) or 1.0))
    # Only a corner can be an end of a chord's upper or lower side.
    corner = ConvexHull(np.stack([way, off], 1)).vertices
    points, way, off = points[corner], way[corner], off[corner]
    a, b = np.triu_indices(len(points), 1)
    low, high = np.minimum(way[a], way[b]), np.maximum(way[a], way[b])
    longest = 0.0
    for at in np.linspace(0, np.linalg.norm(end - start), 201):
        cut = (low <= at + 1e-9) & (high >= at - 1e-9)
        run = way[b[cut]] - way[a[cut]]
        t = np.where(np.abs(run) < 1e-9, 0, (at - way[a[cut]]) / np.where(run == 0, 1, run))
        heights = off[a[cut]] + t * (off[b[cut]] - off[a[cut]])
        longest = max(longest, float(np.ptp(heights)))
    return longest


@pytest.mark.parametrize("turn", [0.0, 1.1])
@pytest.mark.parametrize(
    "affine",
    [PLAIN, np.diag([0.7, 0.7, 2.5, 1]), oblique_affine((0.8, 0.8, 3.0)), oblique_affine()],
    ids=["plain", "thick", "oblique", "every size"],
)
def test_what_is_found_is_the_longest_of_all_pairs(affine: np.ndarray, turn: float) -> None:
    label_map = ellipsoid((15, 13, 5), (6.2, 3.9, 2.1), turn).astype(np.uint8)
    label_map[1, 1, 2] = 1  # a speck apart is a lesion of its own
    longest, perpendicular = diameters(hypothesis(label_map, affine))[1]
    wanted = by_hand(label_map, affine, 2)
    assert longest == pytest.approx(wanted[0], rel=1e-9)
    # The places by hand may pass the corner where it is longest, and never find a longer one.
    assert wanted[1] <= perpendicular + 1e-9 and perpendicular == pytest.approx(wanted[1], rel=0.01)


def test_any_shape_is_measured_as_by_hand() -> None:
    random = np.random.default_rng(0)
    for _ in range(12):
        label_map = random.random((7, 6)) < 0.4
        found = diameters(hypothesis(label_map, oblique_affine()))[1]
        wanted = by_hand(label_map, oblique_affine(), None)
        assert found[0] == pytest.approx(wanted[0], rel=1e-8)
        assert found[1] == pytest.approx(wanted[1], rel=0.02, abs=0.02)


@pytest.mark.parametrize(("semi", "turn"), [((9, 9), 0), ((9, 5), 0), ((11, 6), 0.7)])
def test_ellipses_have_their_axes(semi: tuple[float, float], turn: float) -> None:
    flat = ellipsoid((27, 27), semi, turn)
    spacing = np.diag([0.5, 0.5, 3, 1.0])
    longest, perpendicular = diameters(hypothesis(flat, spacing))[1]
    # Within a pixel.
    assert longest == pytest.approx(semi[0], abs=0.5)
    assert perpendicular == pytest.approx(semi[1], abs=0.5)


def test_a_ball_is_as_wide_as_it_is_in_its_middle_slice_however_the_scan_lies() -> None:
    # 12 mm across, in slices of 3 mm that lie along any axis.
    for axis in range(3):
        sizes = np.insert([1.0, 1.0], axis, 3.0)
        semi = np.insert([6.0, 6.0], axis, 2.0)
        ball = ellipsoid((15, 15, 15), tuple(semi))
        affine = np.diag([*sizes, 1.0])
        assert slice_axis(ball.shape, affine) == axis
        longest, perpendicular = diameters(hypothesis(ball, affine))[1]
        assert longest == pytest.approx(12, abs=1) and perpendicular == pytest.approx(12, abs=1)
        # The long way through the slices is longer, and no reader measures it.
        tall = ellipsoid((15, 15, 15), tuple(np.insert([4.0, 4.0], axis, 6.0)))
        assert diameters(hypothesis(tall, affine))[1, 0] == pytest.approx(8, abs=1)


def test_slices_lie_along_the_head_where_voxels_do_not_tell() -> None:
    affine = np.zeros((4, 4))
    affine[2, 0], affine[0, 1], affine[1, 2], affine[3, 3] = 1, -1, 1, 1
    assert slice_axis((9, 9, 9), affine) == 0
    assert slice_axis((9, 1, 9), affine) == 1
    assert slice_axis((9, 9), affine) is None


def test_ends_lie_where_the_lengths_are() -> None:
    label_map = ellipsoid((15, 13, 5), (6.2, 3.9, 2.1), 0.4).astype(np.uint8)
    affine = oblique_affine()
    (found,) = find_diameters(label_map, affine, 2, 2)
    assert found.slice_index == 2
    rows = [np.array(points) @ affine[:3, :3].T for points in (found.ends, found.across)]
    (a, b), (c, d) = rows
    assert np.linalg.norm(b - a) == pytest.approx(found.longest)
    assert np.linalg.norm(d - c) == pytest.approx(found.perpendicular)
    assert (b - a) @ (d - c) == pytest.approx(0, abs=1e-9)


def test_one_voxel_is_as_wide_as_it_is_and_nothing_is_0() -> None:
    label_map = np.zeros((5, 4, 3))
    label_map[2, 1, 1] = 2
    affine = np.diag([0.7, 0.5, 2.0, 1])
    found = diameters(hypothesis(label_map, affine, 3))
    assert found.shape == (3, 2) and np.isnan(found[0]).all()
    assert found[1].tolist() == [0, 0]
    assert found[2] == pytest.approx([0.7, 0.5])
    assert find_diameters(label_map.astype(np.uint8), affine, 2, 2) == (Diameter(),)


def test_two_lesions_are_not_one_long_one() -> None:
    label_map = np.zeros((40, 8))
    label_map[2:7, 2:6] = 1
    label_map[30:33, 2:6] = 1
    longest, perpendicular = diameters(hypothesis(label_map))[1]
    # From edge to edge of the larger part: its corners cut by half a pixel.
    assert longest == pytest.approx(math.hypot(5, 3)) or longest == pytest.approx(math.hypot(4, 4))
    assert 4 <= perpendicular <= longest


def test_the_public_name_is_the_function() -> None:
    assert ssn.diameters is diameters
