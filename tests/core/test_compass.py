"""Letters at the edges of a picture, against a walk through the patient."""

from itertools import permutations, product

import numpy as np
import pytest

from napari_ssn.core.directions.compass import (
    AXIAL,
    CORONAL,
    SAGITTAL,
    Compass,
)
from napari_ssn.geometry.display import (
    Display,
    plain_display,
)
from napari_ssn.geometry.orientation import Reorientation
from napari_ssn.geometry.transforms import scaling
from tests.support.helpers import oblique_affine
from tests.support.phantom import SPACE, phantoms

# Axes right, anterior, superior: the side that a step ends at.
SIDES = {(0, -1): "L", (0, 1): "R", (1, -1): "P", (1, 1): "A", (2, -1): "F", (2, 1): "H"}
PLANES = {
    AXIAL: ("R", "L", "A", "P"),
    CORONAL: ("R", "L", "H", "F"),
    SAGITTAL: ("A", "P", "H", "F"),
}


def display_of(affine: np.ndarray, space: tuple[int, ...] = SPACE) -> Display:
    turn = Reorientation.for_display(affine, len(space))
    return Display(turn, affine, space, "volume" if len(space) == 3 else "plane")


def side(step: np.ndarray) -> str:
    axis = int(np.abs(step).argmax())
    return SIDES[axis, int(np.sign(step[axis]))]


@pytest.mark.parametrize("stored", list(phantoms()), ids=lambda p: p.name)
def test_every_plane_of_every_storage_is_upright_and_named(stored: object) -> None:
    display = display_of(stored.affine, stored.data.shape)
    compass = Compass(display, display.placement.matrix)
    for plane, expected in PLANES.items():
        order = compass.order(plane)
        upright = compass.upright(order)
        edges = compass.edges(order[1:], upright.up, upright.right)
        assert (edges.left, edges.right, edges.top, edges.bottom) == expected
        assert not edges.exact


@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("signs", list(product((1, -1), repeat=3)))
def test_letters_are_where_a_walk_in_the_world_ends(
    order: tuple[int, ...], signs: tuple[int, ...]
) -> None:
    """The array as another reader may show it: any order, any axis backwards."""
    affine = np.eye(4)
    affine[:3, :3] = np.diag([2.0, 3.0, 5.0])
    turn = Reorientation(order, (False,) * 3)
    display = Display(turn, affine, SPACE)
    matrix = scaling([s * affine[a, a] for s, a in zip(signs, order, strict=True)], (1.0, 2, 3))
    compass = Compass(display, matrix)
    shown = turn.affine(affine, SPACE)[:3, :3]
    for rows, columns in permutations(range(3), 2):
        depth = 3 - rows - columns
        upright = compass.upright((depth, rows, columns))
        steps = shown @ np.linalg.inv(matrix[:3, :3])
        for up, right in product((True, False), repeat=2):
            edges = compass.edges((rows, columns), up, right)
            across = steps[:, columns] * (1 if right else -1)
            above = steps[:, rows] * (1 if up else -1)
            assert edges.exact
            assert (edges.left, edges.right) == (side(-across), side(across))
            assert (edges.top, edges.bottom) == (side(above), side(-above))
        # Not as in a mirror: right × up comes towards the viewer, in the patient too.
        across = steps[:, columns] * (1 if upright.right else -1)
        above = steps[:, rows] * (1 if upright.up else -1)
        towards = steps[:, depth] * (1 if upright.towards else -1)
        assert np.cross(across, above) @ towards > 0
        edges = compass.edges((rows, columns), upright.up, upright.right)
        assert edges.top in "HAR" and (edges.right in "LP" or edges.right == "H")


@pytest.mark.parametrize(
    ("upright", "expected"),
    [(2, ("R", "L", "A", "P")), (1, ("R", "L", "H", "F")), (0, ("A", "P", "H", "F"))],
)
@pytest.mark.parametrize("signs", list(product((1, -1), repeat=2)))
def test_a_single_slice_of_any_plane(
    upright: int, expected: tuple[str, ...], signs: tuple[int, int]
) -> None:
    affine = np.zeros((4, 4))
    rest = [axis for axis in range(3) if axis != upright]
    for column, (axis, sign) in enumerate(zip(rest, signs, strict=True)):
        affine[axis, column] = sign * 0.7
    affine[upright, 2] = affine[3, 3] = 1
    display = display_of(affine, (5, 4))
    compass = Compass(display, display.placement.matrix)
    turned = compass.upright((0, 1))
    edges = compass.edges((0, 1), turned.up, turned.right)
    assert (edges.left, edges.right, edges.top, edges.bottom) == expected
    assert edges.exact


def test_a_tilt_is_marked_from_the_angle_that_is_told() -> None:
    for angle, exact in ((0.0, True), (5e-5, True), (2e-4, False), (0.3, False)):
        display = display_of(oblique_affine(angles=(angle, 0.0, 0.0)))
        compass = Compass(display, display.placement.matrix)
        assert compass.edges((1, 2), False, True).exact == exact
        assert (display.tilt_degrees == 0) == exact


def test_nobody_knows_the_sides_of_a_plain_array() -> None:
    display = plain_display((4, 5, 6))
    compass = Compass(display, display.placement.matrix)
    assert not compass.known
    # What is usual: (z, y, x) towards head, back and left.
    assert [compass.order(plane) for plane in (AXIAL, CORONAL, SAGITTAL)] == [
        (0, 1, 2),
        (1, 0, 2),
        (2, 0, 1),
    ]


def test_a_layer_turned_by_hand_turns_its_letters() -> None:
    display = display_of(np.diag([-1.0, -1.0, 1.0, 1.0]))
    half = display.placement.matrix.copy()
    half[1, 1], half[2, 2] = -half[1, 1], -half[2, 2]
    edges = Compass(display, half).edges((1, 2), up=False, right=True)
    assert (edges.left, edges.right, edges.top, edges.bottom) == ("L", "R", "P", "A")
