"""Layers in other units beside the image: clicks and jumps land where they are meant."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_ssn.gui import units
from napari_ssn.gui.layers.reticle import NAME
from tests.support.docks import add_image, click, run_and_wait
from tests.support.helpers import noise_image, tiny_model

SPACE = (16, 20, 18)
SCALE = (2.0, 0.75, 0.5)
VOXEL = (11, 14, 5)

# Units of the image and of the layer beside it, and how many of the viewer's one mm is.
UNITS = {
    "a layer in micrometres": ("mm", "um", 1000.0),
    "a layer in nanometres": ("mm", "nm", 1e6),
    "a layer in metres": ("mm", "m", 1.0),
    "an image in micrometres": ("um", "mm", 1000.0),
    # They have nothing in common, and napari counts as the image does.
    "a layer without a unit": ("mm", "pixel", 1.0),
}
PER_MM = {"mm": 1.0, "um": 1000.0, "nm": 1e6, "m": 0.001, "pixel": 1.0}


@pytest.fixture
def deep(open_dock: Callable[..., Any], tmp_path: Path) -> tuple[Any, Any]:
    return open_dock(tiny_model(tmp_path / "deep", dims=3, region=(16, 16, 16)))


def sizes(unit: str) -> tuple[float, ...]:
    return tuple(size * PER_MM[unit] for size in SCALE)


def beside(viewer: Any, unit: str) -> Any:
    """A layer at the same place, which is no image to segment."""
    labels = np.zeros(SPACE, np.uint8)
    return viewer.add_labels(labels, scale=sizes(unit), units=(unit,) * 3, name="beside")


def place(per_mm: float, voxel: tuple[int, ...] = VOXEL) -> tuple[float, ...]:
    return tuple(index * size * per_mm for index, size in zip(voxel, SCALE, strict=True))


@pytest.mark.filterwarnings("ignore:Inconsistent units")
@pytest.mark.parametrize(("image", "other", "per_mm"), UNITS.values(), ids=UNITS)
def test_a_click_and_a_jump_mean_the_voxel_they_are_at(
    deep: tuple[Any, Any], image: str, other: str, per_mm: float
) -> None:
    viewer, dock = deep
    add_image(viewer, SPACE, scale=sizes(image), units=(image,) * 3)
    beside(viewer, other)
    session = dock.session
    dock.picture.centre.place_at(place(per_mm))
    assert session.setup.centre == VOXEL
    # The cross lies on it, and is drawn where it is in the slice on show.
    viewer.dims.set_point(range(3), (0, 0, 0))
    assert not viewer.scene.overlays[NAME].visible
    dock.view.buttons[0].click()
    np.testing.assert_allclose(viewer.dims.point, place(per_mm))
    assert viewer.dims.current_step == VOXEL
    assert viewer.scene.overlays[NAME].visible
    session.places.look_at((3, 4, 9), centred=True)
    np.testing.assert_allclose(viewer.dims.point, place(per_mm, (3, 4, 9)))
    np.testing.assert_allclose(viewer.scene.camera.center[1:], place(per_mm, (3, 4, 9))[1:])
    assert session.looking() == (3, None, None)
    # Beyond the image there is nothing to click on.
    assert dock.picture.voxel_at(place(per_mm, (16, 3, 3))) is None


@pytest.mark.filterwarnings("ignore:Inconsistent units")
@pytest.mark.parametrize(("image", "other", "per_mm"), UNITS.values(), ids=UNITS)
def test_the_view_stays_when_the_unit_changes(
    deep: tuple[Any, Any], image: str, other: str, per_mm: float
) -> None:
    viewer, _ = deep
    add_image(viewer, SPACE, scale=sizes(image), units=(image,) * 3)
    viewer.reset_view()
    camera, own = viewer.scene.camera, PER_MM[image]
    camera.zoom *= 3
    camera.center = (0.0, *place(own)[1:])
    viewer.dims.set_point(range(3), place(own))
    pixels = camera.zoom * own
    layer = beside(viewer, other)
    for here in (per_mm, own):
        np.testing.assert_allclose(viewer.dims.point, place(here))
        np.testing.assert_allclose(camera.center[1:], place(here)[1:])
        assert camera.zoom * here == pytest.approx(pixels)
        if layer in viewer.layers:
            viewer.layers.remove(layer)


def test_the_view_stays_where_the_sliders_said_nothing_of_the_image(deep: tuple[Any, Any]) -> None:
    viewer, dock = deep
    # Where napari's sliders stand already when the image becomes the one to segment.
    viewer.add_labels(np.zeros(SPACE, np.uint8), scale=SCALE, units=("mm",) * 3)
    viewer.dims.set_point(range(3), place(1.0))
    add_image(viewer, SPACE, scale=SCALE, units=("mm",) * 3)
    assert dock.picture.image is not None
    centre, zoom = np.array(viewer.scene.camera.center), viewer.scene.camera.zoom
    beside(viewer, "um")
    np.testing.assert_allclose(viewer.scene.camera.center[1:], centre[1:] * 1000)
    assert viewer.scene.camera.zoom == pytest.approx(zoom / 1000)


def test_a_point_into_a_result_lands_where_it_was_clicked(
    deep: tuple[Any, Any], qtbot: Any
) -> None:
    viewer, dock = deep
    add_image(viewer, SPACE, scale=SCALE)
    run_and_wait(dock, qtbot)
    beside(viewer, "um")
    dock.points.buttons[0].click()
    click(viewer, place(1000.0))
    assert [point.index for point in dock.session.pointing.points] == [VOXEL]


def test_a_frame_is_chosen_where_time_has_another_unit(open_dock: Callable[..., Any]) -> None:
    viewer, dock = open_dock()
    series = np.stack([noise_image(SPACE)] * 4)
    viewer.add_image(series, name="series", scale=(2, *SCALE), units=("s", *("mm",) * 3))
    labels = np.zeros(series.shape, np.uint8)
    viewer.add_labels(labels, scale=(2000, *SCALE), units=("ms", *("mm",) * 3))
    dock.picture.choose_frame(3)
    assert viewer.dims.point[0] == 6000.0
    assert dock.picture.frame_in_front == 3
    viewer.dims.set_point(0, 4000.0)
    assert dock.picture.frame_in_front == 2


def test_units_that_are_known_are_not_read_again(
    open_dock: Callable[..., Any], qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every dock but the first of a program finds them there."""
    if not units.ready():
        units.take(units.known())
    asked: list[str] = []
    monkeypatch.setattr(units, "known", lambda: asked.append("again"))
    _, dock = open_dock(tiny_model(tmp_path / "tiny"))
    qtbot.waitUntil(lambda: dock.opening._worker.idle, timeout=20_000)
    assert not asked
