import numpy as np
import pytest

from napari_ssn.errors import GeometryError
from napari_ssn.geometry.transforms import (
    check_matrix,
    corners_apart_mm,
    is_straight,
    layer_matrix,
    same_place,
    scaling,
)
from tests.support.helpers import oblique_affine

C, S = np.cos(np.deg2rad(25)), np.sin(np.deg2rad(25))
TURN = np.array([[1, 0, 0], [0, C, -S], [0, S, C]])


def test_a_layers_parts_are_taken_in_their_order() -> None:
    shear = np.array([[1, 0.2, 0.1], [0, 1, -0.3], [0, 0, 1]])
    outer = oblique_affine()
    state = {
        "scale": (3, 2, 1),
        "translate": (7, 8, 9),
        "rotate": TURN,
        "shear": (0.2, 0.1, -0.3),
        "affine": outer,
    }
    index = np.array([1.0, 2, 3])
    inner = TURN @ (shear @ (index * (3, 2, 1))) + (7, 8, 9)
    expected = outer[:3, :3] @ inner + outer[:3, 3]
    np.testing.assert_allclose((layer_matrix(state, 3) @ (*index, 1))[:3], expected)
    whole = {**state, "shear": shear}
    np.testing.assert_allclose(layer_matrix(whole, 3), layer_matrix(state, 3))
    assert (layer_matrix({}, 2) == np.eye(3)).all()
    np.testing.assert_allclose(layer_matrix({"rotate": [25]}, 3)[:3, :3], TURN)


def test_what_is_straight_and_what_is_the_same_place() -> None:
    matrix = scaling((2, -1, 0.5), (1, 2, 3))
    assert is_straight(matrix) and not is_straight(scaling((1, 1, 1), (0, 0, 0)) @ oblique_affine())
    assert same_place(matrix, scaling((2 + 1e-9, -1, 0.5), (1, 2, 3.00001)))
    assert not same_place(matrix, scaling((2, -1, 0.5), (1, 2, 3.001)))
    assert not same_place(matrix, scaling((2, 1, 0.5), (1, 2, 3)))
    assert not same_place(matrix, np.eye(3))


def test_the_farthest_corner_counts() -> None:
    grown = np.diag([1.1, 1, 1, 1.0])
    assert corners_apart_mm(np.eye(4), grown, (11, 5, 3)) == pytest.approx(1.0)
    assert corners_apart_mm(np.eye(4), grown, (11, 5)) == pytest.approx(1.0)
    moved = np.eye(4)
    moved[:3, 3] = (3, 4, 0)
    assert corners_apart_mm(np.eye(4), moved, (2, 2, 2)) == pytest.approx(5.0)


@pytest.mark.parametrize("scale", [(0, 1, 1), (np.nan, 1, 1), (np.inf, 1, 1)])
def test_a_voxel_without_a_size_is_refused(scale: tuple[float, ...]) -> None:
    with pytest.raises(GeometryError, match="voxel size"):
        check_matrix(scaling(scale, (0, 0, 0)))
