"""Planes and contrast windows."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_ssn.gui.layers.results import HYPOTHESIS
from tests.support.docks import add_image, run_and_wait
from tests.support.helpers import noise_image, tiny_model
from tests.support.tomography import SPACE, hounsfield

AXIAL, CORONAL, SAGITTAL = range(3)


@pytest.fixture
def deep(open_dock: Callable[..., Any], tmp_path: Path) -> tuple[Any, Any]:
    viewer, dock = open_dock(tiny_model(tmp_path / "deep", dims=3, region=(16, 16, 16)))
    add_image(viewer, SPACE, scale=(2.0, 0.7, 0.8))
    return viewer, dock


def checked(dock: Any) -> list[bool]:
    return [one.isChecked() for one in dock.view.buttons]


def test_planes_are_of_volumes(opened: tuple[Any, Any]) -> None:
    _, dock = opened
    assert not any(one.isVisibleTo(dock.view) for one in dock.view.buttons)
    assert dock.view.window.isEnabled()
    dock.view.fill()
    assert [one.text() for one in dock.view.menu.actions()] == ["0.5–99.5 %"]


def test_each_button_shows_its_plane_with_the_head_up(deep: tuple[Any, Any]) -> None:
    viewer, dock = deep
    assert checked(dock) == [True, False, False]
    rows = viewer.scene.camera.orientation2d[0]
    for axis, order in ((CORONAL, (1, 0, 2)), (SAGITTAL, (2, 0, 1)), (AXIAL, (0, 1, 2))):
        dock.view.buttons[axis].click()
        assert viewer.dims.order == order
        assert checked(dock) == [axis == one for one in range(3)]
        assert viewer.scene.camera.orientation2d[0] == (rows if axis == AXIAL else "up")
    # A roll by napari's own button is no plane of ours, or one of them.
    viewer.dims.order = (0, 2, 1)
    assert checked(dock) == [False] * 3
    viewer.dims.order = (0, 1, 2)
    assert checked(dock) == [True, False, False]
    viewer.dims.ndisplay = 3
    assert checked(dock) == [False] * 3
    dock.view.buttons[CORONAL].click()
    assert viewer.dims.ndisplay == 2 and checked(dock) == [False, True, False]


def test_slices_go_through_the_point_and_then_through_the_result(
    deep: tuple[Any, Any], qtbot: Any
) -> None:
    viewer, dock = deep
    dock.session.place_centre((3, 14, 5))
    dock.view.buttons[SAGITTAL].click()
    np.testing.assert_allclose(viewer.dims.point, (3 * 2.0, 14 * 0.7, 5 * 0.8))
    dock.region.whole.click()
    run_and_wait(dock, qtbot)
    labels = np.array(viewer.layers[HYPOTHESIS].data) > 0
    largest = [labels.sum(tuple(b for b in range(3) if b != a)).max() for a in range(3)]
    viewer.dims.set_point(range(3), (0, 0, 0))
    # At once, whatever the worker still has to do.
    dock.session.walk.show_sample(0)
    dock.session.walk.show_sample(None)
    dock.view.buttons[CORONAL].click()
    for axis, at in enumerate(viewer.dims.current_step):
        assert np.take(labels, at, axis).sum() == largest[axis]


def test_a_magnified_picture_stays_so_and_shows_the_point(deep: tuple[Any, Any]) -> None:
    viewer, dock = deep
    dock.session.place_centre((3, 14, 5))
    viewer.reset_view()
    fitting, middle = viewer.scene.camera.zoom, viewer.scene.camera.center
    dock.view.buttons[AXIAL].click()
    assert viewer.scene.camera.zoom == pytest.approx(fitting)
    np.testing.assert_allclose(viewer.scene.camera.center, middle)
    viewer.scene.camera.zoom = 4 * fitting
    dock.view.buttons[CORONAL].click()
    assert viewer.scene.camera.zoom == pytest.approx(4 * fitting)
    np.testing.assert_allclose(viewer.scene.camera.center[1:], (3 * 2.0, 5 * 0.8))
    # Asked for in the middle it is there at any zoom.
    viewer.reset_view()
    dock.session.places.look_at((9, 2, 10), centred=True)
    np.testing.assert_allclose(viewer.scene.camera.center[1:], (9 * 2.0, 10 * 0.8))
    np.testing.assert_allclose(viewer.dims.point, (9 * 2.0, 2 * 0.7, 10 * 0.8))


def test_axes_before_space_stay_where_they_are(deep: tuple[Any, Any]) -> None:
    viewer, dock = deep
    viewer.add_image(np.stack([noise_image(SPACE)] * 3), name="series")
    viewer.dims.set_point(0, 2)
    dock.session.place_centre((3, 14, 5))
    dock.view.buttons[SAGITTAL].click()
    assert viewer.dims.order == (0, 3, 1, 2)
    np.testing.assert_allclose(viewer.dims.point, (2, 3, 14, 5), atol=0.5)
    assert checked(dock) == [False, False, True]


def test_windows_of_a_ct_change_its_contrast_and_not_its_values(deep: tuple[Any, Any]) -> None:
    viewer, dock = deep
    data = hounsfield(SPACE)
    kept = data.copy()
    viewer.add_image(data, name="ct")
    dock.view.fill()
    offered = {one.text(): one for one in dock.view.menu.actions()}
    assert list(offered) == [
        "Lung  −600 / 1500 HU",
        "Bone  400 / 1800 HU",
        "Soft tissue  40 / 400 HU",
        "Brain  40 / 80 HU",
        "0.5–99.5 %",
    ]
    token = dock.session.setup.source.token
    layer = viewer.layers["ct"]
    for words, limits in (("Lung", (-1350, 150)), ("Bone", (-500, 1300)), ("Brain", (0, 80))):
        next(one for name, one in offered.items() if name.startswith(words)).trigger()
        assert tuple(layer.contrast_limits) == limits
    offered["0.5–99.5 %"].trigger()
    np.testing.assert_allclose(layer.contrast_limits, np.percentile(data, (0.5, 99.5)), rtol=0.1)
    np.testing.assert_array_equal(layer.data, kept)
    # To the session it is the image it was.
    assert dock.session.setup.source.token == token


def test_an_image_without_contrast_keeps_its_limits(deep: tuple[Any, Any]) -> None:
    viewer, dock = deep
    viewer.add_image(np.ones(SPACE), name="even", contrast_limits=(0, 5))
    dock.view.fill()
    dock.view.menu.actions()[-1].trigger()
    assert list(viewer.layers["even"].contrast_limits) == [0, 5]


def test_the_dock_lets_go_of_the_dims(deep: tuple[Any, Any]) -> None:
    viewer, dock = deep
    dock.shut()
    viewer.dims.order = (1, 0, 2)
    assert checked(dock) == [True, False, False]


def test_what_was_found_in_a_large_image_is_brought_near_once(
    open_dock: Callable[..., Any], qtbot: Any, tmp_path: Path
) -> None:
    viewer, dock = open_dock(tiny_model(tmp_path / "tiny", region=(16, 16), centred=True))
    add_image(viewer, (160, 200))
    camera, short = viewer.scene.camera, min(viewer.canvas.size)
    viewer.reset_view()
    fitting = camera.zoom
    dock.session.place_centre((40, 150))
    run_and_wait(dock, qtbot)
    # The region is a twelfth of the image and most of the picture now, in its middle.
    assert camera.zoom > 3 * fitting
    assert 15 * 0.7 * camera.zoom == pytest.approx(0.6 * short)
    np.testing.assert_allclose(camera.center[1:], (40 * 0.7, 150 * 0.7), atol=0.7)
    # Who looks at it nearer, or goes on with it, is left alone.
    camera.zoom *= 1.2
    near = camera.zoom
    dock.session.walk.set_sigma(0.5)
    run_and_wait(dock, qtbot)
    assert camera.zoom == near
