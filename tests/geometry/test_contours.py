"""Lines between voxels: where circles and spheres have them, and around the mask's own voxels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from napari_ssn.geometry import contours
from napari_ssn.geometry.contours import (
    beside_border,
    between,
    box_edges,
    field_of,
    isolines,
    outline,
)

SPACING = (0.7, 1.9)


def distance(space: tuple[int, int], centre: tuple[float, float]) -> np.ndarray:
    """Distance in mm from a circle's centre, on a grid of 0.7 × 1.9 mm."""
    rows, columns = np.indices(space)
    return np.hypot((rows - centre[0]) * SPACING[0], (columns - centre[1]) * SPACING[1])


@pytest.mark.parametrize("radius", [4.0, 11.3, 19.0])
def test_a_circle_on_a_grid_of_unequal_sides(radius: float) -> None:
    field = radius - distance((70, 30), (33.3, 14.6))
    (line,) = isolines(field)
    np.testing.assert_array_equal(line[0], line[-1])
    apart = np.hypot((line[:, 0] - 33.3) * SPACING[0], (line[:, 1] - 14.6) * SPACING[1])
    # A chord of one voxel of 1.9 mm lies h²/8r beside its arc; a line along voxels, half of one.
    np.testing.assert_allclose(apart, radius, atol=1.9**2 / 8 / radius + 1e-9)
    assert abs(apart.mean() - radius) < 0.05
    voxels = np.hypot(
        *(
            (at - centre) * mm
            for at, centre, mm in zip(outline(field > 0)[0].T, (33.3, 14.6), SPACING, strict=True)
        )
    )
    assert np.abs(voxels - radius).max() > 3 * np.abs(apart - radius).max()


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_a_sphere_cut_in_each_plane(axis: int) -> None:
    """Where the plane cuts it the circle is smaller, as it is by Pythagoras."""
    spacing, centre, radius = np.array([2.5, 0.7, 0.9]), np.array([6.2, 25.1, 19.4]), 12.0
    where = np.indices((13, 51, 40))
    field = radius - np.linalg.norm(((where.T - centre) * spacing).T, axis=0)
    for slab in (int(centre[axis]), int(centre[axis] + 5 / spacing[axis])):
        (line,) = isolines(np.take(field, slab, axis=axis))
        plane = [a for a in range(3) if a != axis]
        apart = np.linalg.norm((line - centre[plane]) * spacing[plane], axis=1)
        off = (slab - centre[axis]) * spacing[axis]
        smaller = np.sqrt(radius**2 - off**2)
        bend = spacing[plane].max() ** 2 / 8 / smaller * (1 + radius / smaller)
        np.testing.assert_allclose(apart, smaller, atol=bend)


def test_numbers_far_from_the_border_change_no_line() -> None:
    field = 9.0 - distance((40, 20), (18.4, 9.7))
    inside = field > 0
    beside = beside_border(inside)
    assert len(beside[0]) < inside.size / 4
    (line,), (whole,) = isolines(field_of(inside, beside, field[beside])), isolines(field)
    np.testing.assert_allclose(line, whole, atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(arrays(np.bool_, st.tuples(st.integers(2, 7), st.integers(2, 7))), st.integers(0, 2**31))
def test_every_voxel_of_the_mask_is_inside_and_no_other(mask: np.ndarray, seed: int) -> None:
    """Whatever numbers are given, the line crosses each edge between a voxel and one outside."""
    beside = beside_border(mask)
    size = np.random.default_rng(seed).normal(size=len(beside[0])) * 10.0 ** (seed % 7 - 3)
    field = field_of(mask, beside, size)
    np.testing.assert_array_equal(field > 0, mask)
    points = {tuple(point) for line in isolines(field) for point in np.round(line, 9)}
    between = [
        (row, column, axis)
        for axis in (0, 1)
        for row, column in np.argwhere(np.diff(mask, axis=axis))
    ]
    found = [
        any(
            row <= p[0] <= row + 1 and p[1] == column
            if axis == 0
            else column <= p[1] <= column + 1 and p[0] == row
            for p in points
        )
        for row, column, axis in between
    ]
    assert all(found)


def test_a_voxel_that_ties_and_a_plane_without_a_border() -> None:
    mask = np.zeros((5, 5), np.bool_)
    mask[2, 2] = True
    beside = beside_border(mask)
    # A margin of exactly 0 beside others: the line stays apart from the centre it belongs to.
    (line,) = isolines(field_of(mask, beside, np.zeros(len(beside[0]))))
    np.testing.assert_allclose(np.abs(line - 2).max(1), 0.5)
    for plain in (np.zeros((5, 5), np.bool_), np.ones((5, 5), np.bool_), np.ones((1, 9), np.bool_)):
        assert outline(plain) == []
    # A mask that leaves the plane has an open line: what lies beyond is not known.
    mask[:, :2] = True
    mask[2, 2] = False
    (line,) = outline(mask)
    np.testing.assert_array_equal(line[:, 1], 1.5)
    assert sorted(line[[0, -1], 0]) == [0, 4]


@pytest.mark.parametrize("share", [0.02, 0.5, 0.98, 1.0])
@pytest.mark.parametrize("space", [(1, 9), (2, 2), (7, 5), (30, 41)])
def test_beside_a_border_is_what_shares_a_square_with_the_other_side(
    share: float, space: tuple[int, int]
) -> None:
    rng = np.random.default_rng(int(100 * share))
    for place in (slice(None), slice(3, 5)):
        inside = np.zeros(space, np.bool_)
        inside[place, place] = rng.random(inside[place, place].shape) < share
        wanted = np.zeros(space, np.bool_)
        for y in range(space[0] - 1):
            for x in range(space[1] - 1):
                square = (slice(y, y + 2), slice(x, x + 2))
                if 0 < inside[square].sum() < 4:
                    wanted[square] = True
        for found, expected in zip(beside_border(inside), np.nonzero(wanted), strict=True):
            np.testing.assert_array_equal(found, expected)


def area(rectangles: np.ndarray) -> float:
    height = np.ptp(rectangles[:, :, 0], axis=1)
    return float((height * np.ptp(rectangles[:, :, 1], axis=1)).sum())


def test_what_lies_between_two_circles_is_a_ring() -> None:
    """Also of two that no voxel's centre lies between; its area is that of the ring."""
    rows, columns = np.indices((60, 50))
    apart = np.hypot(rows - 30.2, columns - 24.7)
    for small, large in ((8.0, 15.0), (12.0, 12.6), (3.0, 3.9)):
        fields = [
            field_of(field > 0, beside_border(field > 0), field[beside_border(field > 0)])
            for field in (small - apart, large - apart)
        ]
        found = between(*fields)
        np.testing.assert_array_equal(found, between(*fields[::-1]))
        assert area(found) == pytest.approx(np.pi * (large**2 - small**2), rel=0.05)
        middle = np.hypot(*(found.mean(1) - (30.2, 24.7)).T)
        assert middle.min() < large and np.all(middle < large + 0.3)
        # None covers another, and nothing of the object inside both is covered.
        corners = np.hypot(*(found - (30.2, 24.7)).reshape(-1, 2).T)
        assert corners.min() > small - 0.5
    assert not len(between(fields[0], fields[0]))


def everywhere(one: np.ndarray, other: np.ndarray, fine: int = 4) -> np.ndarray:
    """`between` by looking at every part of every square: which parts lie inside one alone."""
    found = []
    for field in (one, other):
        for axis in (0, 1):
            at, way = np.divmod(np.arange((field.shape[axis] - 1) * fine), fine)
            share = ((way + 0.5) / fine).reshape((-1, 1) if axis == 0 else (1, -1))
            low, high = np.take(field, at, axis), np.take(field, at + 1, axis)
            field = low * (1 - share) + high * share
        found.append(field > 0)
    return np.asarray(found[0] != found[1])


@pytest.mark.parametrize("fine", [1, 2, 3, 4])
@settings(max_examples=40, deadline=None)
@given(height=st.integers(2, 9), width=st.integers(2, 9), seed=st.integers(0, 2**31))
def test_it_is_what_looking_at_every_part_finds(
    fine: int, height: int, width: int, seed: int
) -> None:
    """Also where parts are coarser, as in a large picture."""
    rng = np.random.default_rng(seed)
    one = rng.normal(size=(height, width))
    other = one + rng.normal(size=one.shape) * 10.0 ** rng.integers(-3, 2)
    one[rng.random(one.shape) < 0.1] = 0
    other[rng.random(one.shape) < 0.1] = 0
    covered = np.zeros((fine * (height - 1), fine * (width - 1)), np.int64)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(contours, "_FINE", fine)
        rectangles = between(one, other)
    for (top, left), _, (bottom, right), _ in np.rint(fine * rectangles).astype(int):
        covered[top:bottom, left:right] += 1
    np.testing.assert_array_equal(covered, everywhere(one, other, fine))


def test_all_of_one_that_the_other_has_nothing_of() -> None:
    mask = np.zeros((9, 9), np.bool_)
    mask[3:6, 2:7] = True
    fields = [np.where(inside, 1.0, -1.0) for inside in (mask, np.zeros_like(mask))]
    # 3 × 5 voxels whose borders run halfway to the next, with corners cut off.
    assert 13.5 < area(between(*fields)) < 15


def test_a_box_has_edges_along_the_faces_of_its_voxels() -> None:
    start, space, whole = (2, 0, 5), (3, 10, 4), (9, 10, 12)
    (edges,) = box_edges(start, space, whole, (4, None, None))
    assert edges.tolist() == [
        [4, -0.5, 4.5],
        [4, 9.5, 4.5],
        [4, 9.5, 8.5],
        [4, -0.5, 8.5],
        [4, -0.5, 4.5],
    ]
    (edges,) = box_edges(start, space, whole, (None, 9, None))
    assert {tuple(one) for one in edges[:, [0, 2]]} == {
        (x, y) for x in (1.5, 4.5) for y in (4.5, 8.5)
    }
    for beside in (1, 5):
        assert box_edges(start, space, whole, (beside, None, None)) == []
    assert box_edges((0, 0, 5), (9, 10, 4), whole, (None, None, 6)) == []
    assert box_edges((0, 0), (7, 7), (7, 7), (None, None)) == []
