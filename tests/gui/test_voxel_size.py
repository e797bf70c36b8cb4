"""What the window says of an image's place and size, and asks where it does not know."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

import napari_ssn as ssn
from napari_ssn.gui.layers.results import HYPOTHESIS
from napari_ssn.hooks.saving import write_labels
from napari_ssn.io.layers import image_layer
from tests.support.docks import run_and_wait
from tests.support.helpers import noise_image, oblique_affine, tiny_model

SPACE = (16, 20, 18)


@pytest.fixture
def deep(open_dock: Callable[..., Any], tmp_path: Path) -> tuple[Any, Any]:
    return open_dock(tiny_model(tmp_path / "deep", dims=3, region=(16, 16, 16)))


def enter(dock: Any, *size_mm: float) -> None:
    for box, value in zip(dock.image.voxel_size.boxes, size_mm, strict=False):
        box.setValue(value)
    dock.image.voxel_size.set.click()


def test_without_a_size_there_are_voxels_and_with_one_millilitres(
    deep: tuple[Any, Any], qtbot: Any
) -> None:
    viewer, dock = deep
    viewer.add_image(noise_image(SPACE), name="array")
    ask = dock.image.voxel_size
    assert ask.isVisibleTo(dock) and not ask.set.isEnabled()
    assert ask.question.text() == "Voxel size unknown: enter it in mm."
    assert "voxel size unknown" in dock.image.geometry.text()
    run_and_wait(dock, qtbot)
    headline = dock.result.headlines[0].text()
    assert "voxels" in headline and "mL" not in headline
    zoom = viewer.scene.camera.zoom
    ask.boxes[0].setValue(0.7)
    ask.boxes[1].setValue(0.8)
    assert not ask.set.isEnabled()
    enter(dock, 0.7, 0.8, 1.0)
    assert not ask.isVisibleTo(dock)
    assert dock.image.geometry.text() == "18 × 20 × 16 · 0.7 × 0.8 × 1.0 mm"
    assert dock.session.stale
    # The outline of before stays on its image, and the picture is fitted anew.
    outline, image = viewer.layers[HYPOTHESIS], viewer.layers["array"]
    np.testing.assert_array_equal(outline.scale, image.scale)
    assert outline.units == image.units and viewer.scene.camera.zoom > 1.1 * zoom
    source = dock.session.setup.source
    assert source.extent == "volume" and source.measure.voxel_mm == pytest.approx(0.56)
    run_and_wait(dock, qtbot)
    assert " mL" in dock.result.headlines[0].text()
    # A size of exactly 1 mm, which changes no scale, is a size too.
    viewer.add_image(noise_image(SPACE), name="other")
    enter(dock, 1, 1, 1)
    assert dock.session.setup.source.extent == "volume"


def test_what_was_entered_for_one_image_is_not_said_of_the_next(deep: tuple[Any, Any]) -> None:
    viewer, dock = deep
    viewer.add_image(noise_image(SPACE), name="one")
    ask = dock.image.voxel_size
    for box, size in zip(ask.boxes, (0.7, 0.8, 1.0), strict=True):
        box.setValue(size)
    # Nothing of that image has changed but its name, and it is still being asked about.
    viewer.layers["one"].name = "first"
    assert [box.value() for box in ask.boxes] == [0.7, 0.8, 1.0]
    viewer.add_image(noise_image((40, 48)), name="two")
    assert [box.value() for box in ask.boxes] == [0.0] * 3 and not ask.set.isEnabled()
    ask.boxes[0].setValue(0.5)
    dock.image.layers.setCurrentIndex(0)
    assert dock.image.layers.currentText() == "first"
    assert [box.value() for box in ask.boxes] == [0.0] * 3


def test_a_picture_is_asked_for_two_sizes(deep: tuple[Any, Any]) -> None:
    viewer, dock = deep
    viewer.add_image(noise_image((40, 48)), name="picture")
    ask = dock.image.voxel_size
    assert [box.isVisibleTo(dock) for box in ask.boxes] == [True, True, False]
    assert ask.question.text() == "Pixel size unknown: enter it in mm."
    enter(dock, 0.5, 0.6)
    assert dock.image.geometry.text() == "48 × 40 · 0.5 × 0.6 mm · thickness unknown"


def test_a_tilted_scan_says_how_it_is_shown(
    deep: tuple[Any, Any], qtbot: Any, tmp_path: Path
) -> None:
    viewer, dock = deep
    volume = ssn.Volume(noise_image(SPACE)[None], oblique_affine(angles=(0, 0, np.deg2rad(12))))
    data, options, _ = image_layer(volume)
    image = viewer.add_image(data, **options)
    assert dock.image.place.text() == "Shown straight; exported at its true 12°."
    assert not dock.image.voxel_size.isVisibleTo(dock)
    run_and_wait(dock, qtbot)
    label_map = dock.session.walk.label_map(())
    result = viewer.layers[HYPOTHESIS]
    path = tmp_path / "out.nii.gz"
    write_labels(str(path), np.asarray(result.data), result.as_layer_data_tuple()[1])
    np.testing.assert_array_equal(nib.load(path).get_fdata(), label_map)
    np.testing.assert_allclose(nib.load(path).affine, volume.affine, atol=1e-6)
    # Turned by hand, the image is exported as it is turned.
    image.translate = np.add(image.translate, (0, 0, 5))
    assert dock.image.place.text() == "Cropped or moved by hand: exported where it lies now."
    run_and_wait(dock, qtbot)
    dock.session.files.export(tmp_path / "moved.nii.gz")
    qtbot.waitUntil(lambda: dock.session.files.exported is not None, timeout=20_000)
    moved = nib.load(tmp_path / "moved.nii.gz").affine
    # The last shown axis runs towards the patient's left, tilted by 12°.
    left = 5 * np.array([-np.cos(np.deg2rad(12)), -np.sin(np.deg2rad(12)), 0])
    np.testing.assert_allclose(moved[:3, 3] - volume.affine[:3, 3], left, atol=1e-5)
    np.testing.assert_allclose(moved[:3, :3], volume.affine[:3, :3], atol=1e-6)


@pytest.mark.filterwarnings("ignore:Non-orthogonal slicing:UserWarning")
@pytest.mark.parametrize("change", ["translate", "rotate"])
def test_a_result_that_no_longer_lies_on_its_image_is_not_written(
    deep: tuple[Any, Any], qtbot: Any, tmp_path: Path, change: str
) -> None:
    from napari_ssn.errors import ExportError

    viewer, dock = deep
    viewer.add_image(noise_image(SPACE), scale=(1, 0.8, 0.7), name="array")
    run_and_wait(dock, qtbot)
    dock.session.copies.keep()
    qtbot.waitUntil(lambda: any("kept" in layer.name for layer in viewer.layers), timeout=20_000)
    kept = next(layer for layer in viewer.layers if "kept" in layer.name)
    if change == "translate":
        kept.translate = (0, 0, 3)
    else:
        kept.rotate = (0, 0, 20)
    path = tmp_path / "out.nii.gz"
    with pytest.raises(ExportError, match="no longer lies on its image"):
        write_labels(str(path), kept.data, kept.as_layer_data_tuple()[1])
    assert not list(tmp_path.glob("out*"))


@pytest.mark.filterwarnings("ignore:Non-orthogonal slicing:UserWarning")
def test_labels_of_anybody_are_written_as_they_are_turned(
    deep: tuple[Any, Any], tmp_path: Path
) -> None:
    viewer, _ = deep
    data = np.zeros((4, 5, 6), np.uint8)
    data[1, 2, 3] = 7
    labels = viewer.add_labels(
        data, scale=(2, 1, 1), translate=(3, 4, 5), rotate=(0, 0, 30), shear=(0.1, 0, 0.2)
    )
    path = tmp_path / "out.nii.gz"
    with pytest.warns(UserWarning, match="built on ITK cannot open it"):
        write_labels(str(path), labels.data, labels.as_layer_data_tuple()[1])
    written = ssn.read(path)
    index = np.argwhere(written.data[0] == 7)[0]
    z, y, x = labels.data_to_world((1, 2, 3))
    np.testing.assert_allclose((written.affine @ (*index, 1))[:3], (-x, -y, z), atol=1e-5)
