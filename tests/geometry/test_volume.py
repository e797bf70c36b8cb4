"""Images with their place in the patient."""

from __future__ import annotations

import numpy as np
import pytest

from napari_ssn.errors import GeometryError
from napari_ssn.geometry.affine import Affine
from napari_ssn.geometry.volume import Volume
from tests.support.helpers import oblique_affine


def test_spacing_is_the_length_of_the_columns() -> None:
    affine = np.eye(4)
    affine[:3, :3] = np.array([[0.8, -0.6, 0], [0.6, 0.8, 0], [0, 0, 1.0]]) @ np.diag([0.7, 0.8, 3])
    volume = Volume(np.zeros((1, 4, 5, 6), np.float32), affine)
    np.testing.assert_allclose(volume.spacing_mm, (0.7, 0.8, 3), atol=1e-12)
    assert volume.space == (4, 5, 6) and volume.channels == 1
    flat = Volume(np.zeros((2, 4, 5), np.float32), affine)
    np.testing.assert_allclose(flat.spacing_mm, (0.7, 0.8), atol=1e-12)


def test_shift_moves_the_origin_along_the_grid() -> None:
    affine = np.array([[0, 2.0, 0, 1], [3, 0, 0, 2], [0, 0, 4, 3], [0, 0, 0, 1]])
    np.testing.assert_allclose(
        Affine(affine).from_voxel((1, 2, 3))[:3, 3], (affine @ [1, 2, 3, 1])[:3], atol=1e-12
    )
    np.testing.assert_allclose(
        Affine(affine).from_voxel((5, 6))[:3, 3], (affine @ [5, 6, 0, 1])[:3]
    )


def test_the_affine_is_a_copy_nobody_can_change() -> None:
    affine = np.eye(4)
    volume = Volume(np.zeros((1, 2, 2), np.float32), affine)
    affine[0, 0] = 9
    assert volume.affine[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        volume.affine[0, 0] = 2


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda a: np.where(a == 1, np.nan, a), "not finite"),
        (lambda a: a * [[1], [1], [0], [1]], "singular"),
        (lambda a: a + np.eye(4)[3][:, None], "0 0 0 1"),
    ],
)
def test_unusable_geometry_is_said_in_words(change: object, words: str) -> None:
    with pytest.raises(GeometryError, match=words):
        Volume(np.zeros((1, 2, 2), np.float32), change(np.eye(4)))  # type: ignore[operator]


def test_programmers_slips_are_named() -> None:
    with pytest.raises(TypeError, match="float32"):
        Volume(np.zeros((1, 2, 2)), np.eye(4))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="channels"):
        Volume(np.zeros((2, 2), np.float32), np.eye(4))
    with pytest.raises(ValueError, match="empty axis"):
        Volume(np.zeros((1, 0, 2), np.float32), np.eye(4))
    with pytest.raises(ValueError, match="extent"):
        Volume(np.zeros((1, 2, 2), np.float32), np.eye(4), extent="metres")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"\(4, 4\)"):
        Volume(np.zeros((1, 2, 2), np.float32), np.eye(3))


def test_what_follows_from_a_grid() -> None:
    one = Affine(oblique_affine((0.7, 0.8, 3.0)))
    assert one.spacing_mm() == pytest.approx((0.7, 0.8, 3.0))
    assert one.spacing_mm(2) == pytest.approx((0.7, 0.8))
    assert one.voxel_ml == pytest.approx(0.00168) and one.area_mm2(0, 2) == pytest.approx(2.1)
    index = np.array([[1.0, 2.0, 3.0], [4.0, -1.0, 0.5]])
    places = one.places(index)
    np.testing.assert_allclose(places, [(one.matrix @ [*i, 1])[:3] for i in index])
    np.testing.assert_allclose([one.index_of(place) for place in places], index)
    np.testing.assert_allclose(one.places(index[:, :2]), one.places(index * [1, 1, 0]))


@pytest.mark.parametrize("axis", range(3))
def test_a_voxel_thinner_than_ten_nanometres_is_none(axis: int) -> None:
    """A billionth of a mm along one axis hung where the image was brought to a model's voxels."""
    thin, fine = np.eye(4), np.eye(4)
    thin[axis, axis], fine[axis, axis] = 1e-9, 1e-4
    with pytest.raises(GeometryError, match="a voxel size is zero or next to it"):
        Volume(np.zeros((1, 4, 5, 6), np.float32), thin, "volume")
    assert Volume(np.zeros((1, 4, 5, 6), np.float32), fine, "volume").spacing_mm[axis] == 1e-4


@pytest.mark.parametrize("kind", ["dask", "zarr"])
def test_an_array_that_is_not_computed_yet_is_computed(kind: str) -> None:
    """What is said of an image is said of its values, whatever holds them."""
    library = pytest.importorskip(kind if kind == "zarr" else "dask.array")
    values = np.arange(24, dtype=np.float32).reshape(1, 2, 3, 4)
    lazy = library.array(values) if kind == "zarr" else library.from_array(values)
    assert not isinstance(lazy, np.ndarray)
    volume = Volume(lazy, np.eye(4))
    assert type(volume.data) is np.ndarray
    np.testing.assert_array_equal(volume.data, values)


def test_what_is_no_array_is_called_that() -> None:
    with pytest.raises(TypeError, match="expected float32, got int64"):
        Volume([[[0, 1], [2, 3]]], np.eye(4))  # type: ignore[arg-type]
