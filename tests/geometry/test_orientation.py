from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from napari_ssn.geometry.orientation import (
    Reorientation,
    letters_of,
    named_directions,
)
from tests.support.helpers import oblique_affine

SHAPE = (5, 4, 3)
SPACING_MM = (0.7, 1.3, 2.5)
# Directions in the patient (right, anterior, superior) of the shown axes z, y, x.
SHOWN = np.array([[0, 0, 1], [0, -1, 0], [-1, 0, 0]], dtype=float)


def cardinal(order: tuple[int, ...], signs: tuple[int, ...]) -> np.ndarray:
    """Affine of a grid whose axis j runs along axis order[j] of the patient."""
    affine = np.eye(4)
    affine[:3, :3] = 0
    for axis, (patient, sign) in enumerate(zip(order, signs, strict=True)):
        affine[patient, axis] = sign * SPACING_MM[axis]
    affine[:3, 3] = (-31.5, 12.25, 80.125)
    return affine


ALL_48 = [
    cardinal(order, signs)
    for order in permutations(range(3))
    for signs in product((-1, 1), repeat=3)
]


def place(affine: np.ndarray, index: tuple[int, ...]) -> np.ndarray:
    return affine[:3, :3] @ np.asarray(index, float) + affine[:3, 3]


@pytest.mark.parametrize("affine", ALL_48)
def test_every_orientation_is_shown_in_the_radiological_convention(affine: np.ndarray) -> None:
    turn = Reorientation.for_display(affine, 3)
    columns = turn.affine(affine, SHAPE)[:3, :3]
    np.testing.assert_allclose(columns / np.linalg.norm(columns, axis=0), SHOWN.T, atol=1e-12)


@pytest.mark.parametrize("affine", [*ALL_48, oblique_affine(SPACING_MM)])
def test_a_voxel_keeps_its_value_and_its_place(affine: np.ndarray) -> None:
    data = np.arange(np.prod(SHAPE)).reshape(SHAPE)
    turn = Reorientation.for_display(affine, 3)
    shown, shown_affine = turn.apply(data), turn.affine(affine, SHAPE)
    assert shown.shape == turn.shape(SHAPE)
    for index in np.ndindex(shown.shape):
        source = turn.index_to_source(index, SHAPE)
        assert turn.index_to_display(source, SHAPE) == index
        assert shown[index] == data[source]
        np.testing.assert_allclose(place(shown_affine, index), place(affine, source), atol=1e-6)
    # What lies between voxels goes along.
    points = np.random.default_rng(0).uniform(-0.5, 4, (9, 3))
    for point, shown_point in zip(points, turn.points_to_display(points, SHAPE), strict=True):
        np.testing.assert_allclose(
            place(shown_affine, shown_point), place(affine, point), atol=1e-6
        )


@pytest.mark.parametrize("affine", ALL_48)
def test_nibabel_agrees_on_every_orientation(affine: np.ndarray) -> None:
    orientations = pytest.importorskip("nibabel.orientations")
    check_against_nibabel(orientations, affine)


@given(st.tuples(*[st.floats(-0.4, 0.4)] * 3), st.integers(0, 47))
def test_nibabel_agrees_on_tilted_scans(angles: tuple[float, float, float], which: int) -> None:
    orientations = pytest.importorskip("nibabel.orientations")
    tilt = np.eye(4)
    tilt[:3, :3] = oblique_affine((1, 1, 1), angles)[:3, :3]
    check_against_nibabel(orientations, tilt @ ALL_48[which])


def check_against_nibabel(orientations, affine: np.ndarray) -> None:
    """nibabel's own way to (left, posterior, superior), its axes then named z, y, x."""
    data = np.arange(np.prod(SHAPE)).reshape(SHAPE)
    target = orientations.axcodes2ornt("LPS")
    change = orientations.ornt_transform(orientations.io_orientation(affine), target)
    expected = orientations.apply_orientation(data, change)
    expected_affine = affine @ orientations.inv_ornt_aff(change, SHAPE)
    turn = Reorientation.for_display(affine, 3)
    np.testing.assert_array_equal(turn.apply(data), expected.transpose(2, 1, 0))
    swap = np.eye(4)[[2, 1, 0, 3]]
    np.testing.assert_allclose(turn.affine(affine, SHAPE), expected_affine @ swap, atol=1e-6)


def test_left_marker_is_shown_on_the_right() -> None:
    # Stored as most scanners' NIfTI: towards left, anterior, superior; asymmetric on purpose.
    affine = np.diag([-0.7, 0.7, 2.5, 1.0])
    data = np.zeros(SHAPE)
    data[SHAPE[0] - 1, 0, 0] = 1  # leftmost, most posterior, lowest voxel
    shown = Reorientation.for_display(affine, 3).apply(data)
    assert np.argwhere(shown).tolist() == [[0, SHAPE[1] - 1, SHAPE[0] - 1]]


@pytest.mark.parametrize(
    ("columns", "rows_go", "columns_go"),
    [
        pytest.param("RAS", "P", "L", id="axial"),
        pytest.param("LPS", "P", "L", id="axial, as shown"),
        pytest.param("PLI", "P", "L", id="axial, transposed and upside down"),
        pytest.param("RSA", "I", "L", id="coronal"),
        pytest.param("ILP", "I", "L", id="coronal, as shown"),
        pytest.param("ASR", "I", "P", id="sagittal"),
        pytest.param("IPL", "I", "P", id="sagittal, as shown"),
    ],
)
def test_a_plane_is_shown_upright(columns: str, rows_go: str, columns_go: str) -> None:
    axes = {"R": (0, 1), "L": (0, -1), "A": (1, 1), "P": (1, -1), "S": (2, 1), "I": (2, -1)}
    affine = cardinal(
        tuple(axes[letter][0] for letter in columns), tuple(axes[letter][1] for letter in columns)
    )
    shape = (4, 3)
    data = np.arange(12).reshape(shape)
    turn = Reorientation.for_display(affine, 2)
    shown, shown_affine = turn.apply(data), turn.affine(affine, shape)
    for axis, letter in enumerate((rows_go, columns_go)):
        patient, sign = axes[letter]
        assert np.sign(shown_affine[patient, axis]) == sign
    np.testing.assert_array_equal(shown_affine[:, 2], affine[:, 2])
    for index in np.ndindex(shown.shape):
        source = turn.index_to_source(index, shape)
        assert shown[index] == data[source]
        np.testing.assert_allclose(
            place(shown_affine, (*index, 0)), place(affine, (*source, 0)), atol=1e-6
        )


@given(st.permutations(range(3)), st.tuples(*[st.booleans()] * 3), st.integers(0, 2))
def test_undo_inverts_apply_without_copying(
    order: list[int], flip: tuple[bool, bool, bool], lead: int
) -> None:
    data = np.arange(2**lead * 60).reshape(*[2] * lead, *SHAPE)
    turn = Reorientation(tuple(order), flip)
    shown = turn.apply(data)
    back = turn.undo(shown)
    np.testing.assert_array_equal(back, data)
    assert np.shares_memory(shown, data) and np.shares_memory(back, data)
    assert back.strides == data.strides


def test_the_best_pairing_does_not_depend_on_which_axis_comes_first() -> None:
    # 50° about z: x runs along anterior rather than right, whichever order the file has.
    affine = oblique_affine((1, 1, 1), (0, 0, np.deg2rad(50)), (0, 0, 0))
    assert Reorientation.for_display(affine, 3).order == (2, 0, 1)
    swapped = affine[:, [1, 0, 2, 3]]
    assert Reorientation.for_display(swapped, 3).order == (2, 1, 0)


def test_identity_shows_what_is_stored() -> None:
    data = np.arange(60).reshape(SHAPE)
    turn = Reorientation.identity(3)
    np.testing.assert_array_equal(turn.apply(data), data)
    np.testing.assert_array_equal(turn.affine(oblique_affine(), SHAPE), oblique_affine())


def test_what_does_not_fit_is_refused() -> None:
    with pytest.raises(ValueError, match="order: expected"):
        Reorientation((0, 0, 1), (False,) * 3)
    with pytest.raises(ValueError, match="flip: expected 3 values"):
        Reorientation((0, 1, 2), (False, True))
    with pytest.raises(ValueError, match="ndim: expected 2 or 3, got 4"):
        Reorientation.for_display(np.eye(4), 4)
    turn = Reorientation.identity(3)
    with pytest.raises(ValueError, match="at least 3 axes"):
        turn.apply(np.zeros((2, 2)))
    with pytest.raises(ValueError, match="index: expected 3 values"):
        turn.index_to_source((1, 2), SHAPE)


@pytest.mark.parametrize("affine", [*ALL_48, oblique_affine(SPACING_MM)])
def test_letters_and_directions_are_each_other(affine: np.ndarray) -> None:
    letters = letters_of(affine, 3)
    as_stored = Reorientation.along(affine, named_directions(letters))
    assert as_stored == Reorientation.identity(3)
    turned = Reorientation.along(affine, named_directions("PSR")).affine(affine, SHAPE)
    assert letters_of(turned, 3) == "PSR" and letters_of(turned, 2) == "PS"


@pytest.mark.parametrize("letters", ["RAX", "ras", "RLS"])
def test_letters_that_say_nothing(letters: str) -> None:
    with pytest.raises(ValueError, match="orientation"):
        named_directions(letters)
