import json
from dataclasses import replace

import numpy as np
import pytest

from napari_ssn.errors import GeometryError, ImageError
from napari_ssn.geometry.display import (
    IMAGE_KEY,
    Display,
    image_display,
    placed_display,
    plain_display,
    to_volume,
)
from napari_ssn.geometry.transforms import scaling
from napari_ssn.geometry.volume import Volume
from tests.support.helpers import noise_image, oblique_affine

SPACE = (5, 4, 3)


def volume(affine: np.ndarray | None = None, space: tuple[int, ...] = SPACE, **kwargs) -> Volume:
    affine = oblique_affine() if affine is None else affine
    return Volume(noise_image(space)[None], affine, **kwargs)


def layer_of(display: Display) -> dict:
    """Transform, units and metadata of a layer, as a viewer hands them back."""
    place = display.placement
    metadata = json.loads(json.dumps({IMAGE_KEY: display.to_metadata()}))
    units = ["millimeter" if place.units else "pixel"] * len(place.scale)
    return {"matrix": place.matrix, "units": units, "metadata": metadata}


@pytest.mark.parametrize("extent", ["unknown", "plane", "volume"])
@pytest.mark.parametrize("space", [SPACE, (5, 4), (5, 4, 1)])
def test_a_volume_comes_back_bit_for_bit(space: tuple[int, ...], extent: str) -> None:
    image = volume(space=space, extent=extent, oriented=extent == "volume")
    display = Display.of(image)
    shown = display.reorientation.apply(image.data[0])
    again = to_volume(shown, image_display(shown.shape, **layer_of(display)))
    assert again.data.tobytes() == image.data.tobytes() and again.data.flags.c_contiguous
    assert again.affine.tobytes() == image.affine.tobytes()
    assert (again.extent, again.oriented) == (image.extent, image.oriented)


def test_a_straight_scan_lies_where_it_lies_in_the_patient() -> None:
    # Towards left, anterior, superior, first voxel at R 90, A −120, S −30 mm.
    affine = np.diag([-0.7, 0.8, 2.5, 1.0])
    affine[:3, 3] = (90, -120, -30)
    display = Display.of(volume(affine))
    place = display.placement
    np.testing.assert_allclose(place.scale, (2.5, 0.8, 0.7), atol=1e-12)
    # z: the lowest slice. y: the most anterior row, at A −120 + 3 · 0.8. x: the rightmost column.
    np.testing.assert_allclose(place.translate, (-30, 117.6, -90), atol=1e-9)
    assert place.axis_labels == ("z", "y", "x")
    assert place.units == ("mm", "mm", "mm")
    assert not display.deobliqued


def test_a_tilted_scan_is_shown_straight_and_says_so() -> None:
    display = Display.of(volume())
    assert display.deobliqued and display.to_metadata()["deobliqued"]
    np.testing.assert_allclose(display.placement.scale, (2.5, 1.3, 0.7), atol=1e-9)
    np.testing.assert_allclose(display.to_metadata()["affine"], oblique_affine(), atol=1e-12)


def test_scans_of_one_tilt_stay_in_register() -> None:
    """Two grids of one tilt that share a voxel's place in the patient share it on the screen."""
    first = oblique_affine((0.7, 1.3, 2.5))
    second = np.array(oblique_affine((1.4, 0.65, 5.0)))
    index = np.array([2, 3, 1, 1])
    second[:3, 3] += first[:3] @ index - second[:3] @ (0, 0, 0, 1)
    one, two = (Display.of(volume(a)) for a in (first, second))

    def on_screen(display: Display, source: tuple[int, ...]) -> np.ndarray:
        shown = display.reorientation.index_to_display(source, SPACE)
        return np.multiply(shown, display.placement.scale) + display.placement.translate

    np.testing.assert_allclose(on_screen(one, (2, 3, 1)), on_screen(two, (0, 0, 0)), atol=1e-6)


def test_rounding_in_a_header_is_no_tilt() -> None:
    affine = np.diag([-0.7, 0.7, 2.5, 1.0])
    affine[:3, :3] += 1e-8
    assert not Display.of(volume(affine)).deobliqued


def test_planes_are_labelled_by_the_patients_axes() -> None:
    coronal = np.eye(4)[:, [0, 2, 1, 3]] * [0.7, 0.9, 3, 1]
    place = Display.of(volume(coronal, (5, 4))).placement
    assert place.axis_labels == ("z", "x")
    np.testing.assert_allclose(place.scale, (0.9, 0.7), atol=1e-12)
    # Rows go down from the highest voxel, columns to the left from the rightmost.
    np.testing.assert_allclose(place.translate, (-2.7, -2.8), atol=1e-9)


def test_an_array_without_a_patient_is_shown_as_it_is() -> None:
    display = plain_display((5, 4))
    assert display.extent == "unknown" and not display.oriented
    expected = [[0, -1, 0, 0], [-1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]
    np.testing.assert_array_equal(display.affine, expected)
    place = Display.of(to_volume(noise_image((5, 4)), display)).placement
    assert place.scale == (1.0, 1.0) and place.translate == (0.0, 0.0) and place.units is None
    volume_3d = plain_display(SPACE, (2, 1, 1), (10, 20, 30), ["mm"] * 3)
    assert volume_3d.extent == "volume"
    place = Display.of(to_volume(noise_image(SPACE), volume_3d)).placement
    np.testing.assert_allclose(place.scale, (2, 1, 1))
    np.testing.assert_allclose(place.translate, (10, 20, 30))


def test_units_of_a_layer_become_millimetres() -> None:
    display = plain_display((5, 4), (500, 0.5), (0, 0), ["micrometer", "millimeter"])
    assert display.extent == "plane"
    np.testing.assert_allclose(display.placement.scale, (0.5, 0.5))
    mixed = plain_display((5, 4), (500, 0.5), (0, 0), ["pixel", "millimeter"])
    assert mixed.extent == "unknown"


def true_mm(affine: np.ndarray, display: Display, index: tuple[int, ...]) -> np.ndarray:
    """Place in the patient of a shown voxel."""
    source = display.reorientation.index_to_source(index, display.image_space)
    return (affine @ (*source, 1))[:3]


def turned_about_z(degrees: float) -> np.ndarray:
    """A turn in the plane of the slices, of a shown world (z, y, x)."""
    matrix = np.eye(4)
    c, s = np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))
    matrix[1:3, 1:3] = [[c, -s], [s, c]]
    return matrix


@pytest.mark.parametrize(
    "move",
    [
        scaling((1, 1, 1), (7, -3, 2)),
        scaling((1.2, 1, 1), (0, 0, 0)),
        turned_about_z(20),
        np.array([[1, 0.3, 0, 4], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1.0]]),
    ],
    ids=["moved", "stretched", "turned", "sheared"],
)
@pytest.mark.parametrize("unit", [1.0, 1e3])
def test_what_was_changed_in_the_viewer_is_done_to_the_patient(
    move: np.ndarray, unit: float
) -> None:
    """What moves by so much in the straight picture moves by as much along the tilted axes."""
    display = Display.of(volume())
    layer = layer_of(display)
    layer["matrix"] = move @ layer["matrix"]
    if unit != 1:
        # The same layer in micrometres.
        layer["matrix"] = np.diag([unit, unit, unit, 1]) @ layer["matrix"]
        layer["units"] = ["micrometer"] * 3
    found = image_display(display.shape, **layer)
    assert found.moved and found.oriented and found.tilt_degrees == 0
    assert found.reorientation == display.reorientation
    # From the viewer's straight world to the patient: found by three steps from a voxel.
    base = true_mm(display.affine, display, (0, 0, 0))
    to_patient = np.stack(
        [
            (true_mm(display.affine, display, tuple(np.eye(3, dtype=int)[a])) - base) / size
            for a, size in enumerate(display.placement.scale)
        ],
        axis=1,
    )
    for index in ((0, 0, 0), (2, 3, 4), (1, 0, 2)):
        before = (display.placement.matrix @ (*index, 1))[:3]
        after = (move @ (*before, 1))[:3]
        expected = true_mm(display.affine, display, index) + to_patient @ (after - before)
        np.testing.assert_allclose(true_mm(found.affine, found, index), expected, atol=1e-9)


def test_a_cropped_layer_keeps_its_place_in_the_patient() -> None:
    display = Display.of(volume())
    layer = layer_of(display)
    layer["matrix"] = layer["matrix"] @ scaling((1, 1, 1), (1, 0, 2))
    found = image_display((2, 4, 3), **layer)
    assert found.oriented and found.shape == (2, 4, 3)
    for index in ((0, 0, 0), (1, 3, 2), (1, 0, 1)):
        there = tuple(np.add(index, (1, 0, 2)))
        np.testing.assert_allclose(
            true_mm(found.affine, found, index), true_mm(display.affine, display, there), atol=1e-9
        )


def test_a_layer_without_a_patient_is_turned_as_it_is_shown() -> None:
    matrix = turned_about_z(30) @ scaling((2, 1, 1), (5, 6, 7))
    display = placed_display(SPACE, matrix, ["mm"] * 3)
    assert display.moved and not display.oriented and display.extent == "volume"
    world = (matrix @ (1, 2, 3, 1))[:3]
    # z is superior, y posterior, x left.
    np.testing.assert_allclose(
        (display.affine @ (1, 2, 3, 1))[:3], (-world[2], -world[1], world[0])
    )


@pytest.mark.parametrize("angle", [0.0, 3.0, 12.0, 30.0])
def test_the_tilt_is_that_of_the_turn(angle: float) -> None:
    affine = oblique_affine(angles=(np.deg2rad(angle), 0, 0))
    for order in ((0, 1, 2), (2, 0, 1)):
        found = Display.of(volume(affine[:, [*order, 3]] @ np.diag([-1, 1, -1, 1])))
        assert found.tilt_degrees == pytest.approx(angle, abs=1e-9)
        assert found.plane == "axial"


def test_a_result_placed_by_the_same_numbers_reads_back() -> None:
    display = Display.of(volume())
    again = Display.from_metadata(json.loads(json.dumps(display.to_metadata())))
    assert again.reorientation == display.reorientation and again.shape == display.shape
    assert again.affine.tobytes() == display.affine.tobytes()


@pytest.mark.parametrize("missing", ["reorientation", "affine", "image_space"])
def test_damaged_metadata_is_an_error(missing: str) -> None:
    metadata = Display.of(volume()).to_metadata()
    del metadata[missing]
    with pytest.raises(KeyError):
        Display.from_metadata(metadata)


def test_what_cannot_be_an_image_is_refused() -> None:
    with pytest.raises(ImageError, match="4 axes"):
        plain_display((2, 3, 4, 5))
    with pytest.raises(GeometryError, match="voxel size is zero"):
        plain_display((5, 4), (0, 1))
    with pytest.raises(ImageError, match="not plain numbers"):
        to_volume(np.zeros((5, 4), complex), plain_display((5, 4)))
    with pytest.raises(ValueError, match="data: expected shape"):
        to_volume(np.zeros((5, 5)), plain_display((5, 4)))
    display = Display.of(volume())
    with pytest.raises(ValueError, match="image_space: expected 3 axes"):
        replace(display, image_space=(5, 4))
