"""Correcting by pointing in a real dock: buttons, clicks on the picture, the layer of points."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import Qt
from qtpy.QtWidgets import QApplication

from napari_ssn.gui.layers.clicks import CLICKS
from napari_ssn.gui.layers.results import HYPOTHESIS
from napari_ssn.prediction.choice import Point
from tests.support.docks import add_image, click, pointing_into, run_and_wait
from tests.support.frames import series
from tests.support.helpers import tiny_model


@pytest.fixture
def pointed(opened: tuple[Any, Any], qtbot: Any) -> tuple[Any, Any]:
    """A result, and one point placed with a click."""
    viewer, dock = opened
    run_and_wait(dock, qtbot)
    dock.points.buttons[0].click()
    click(viewer, (0.7 * 10, 0.7 * 20))
    return viewer, dock


def test_there_is_nothing_to_point_with_before_a_run(opened: tuple[Any, Any]) -> None:
    viewer, dock = opened
    assert dock.points.isHidden() and not dock.points.buttons
    assert CLICKS not in viewer.layers and not pointing_into(viewer)


def test_a_click_becomes_a_point_and_the_outline_follows(
    opened: tuple[Any, Any], qtbot: Any
) -> None:
    viewer, dock = opened
    run_and_wait(dock, qtbot)
    belongs, does_not = dock.points.buttons
    assert belongs.text() == "+  belongs to label 1"
    shown = np.array(viewer.layers[HYPOTHESIS].data)
    rows, columns = np.nonzero(shown == 0)
    index = (int(rows[3]), int(columns[3]))
    belongs.click()
    assert belongs.isChecked() and not does_not.isChecked()
    click(viewer, (0.7 * index[0], 0.7 * index[1]))
    assert dock.session.pointing.points == (Point(index, 1),)
    assert np.array(viewer.layers[HYPOTHESIS].data)[index] == 1
    assert dock.points.meter.text() == dock.session.pointing.words[0]
    assert dock.points.meter.toolTip()
    layer = viewer.layers[CLICKS]
    np.testing.assert_array_equal(layer.data, [index])
    np.testing.assert_allclose(layer.scale, (0.7, 0.7))
    # The other label, with the other button; only one is down.
    does_not.click()
    assert does_not.isChecked() and not belongs.isChecked()
    click(viewer, (0.7 * 30, 0.7 * 31))
    assert dock.session.pointing.points[1] == Point((30, 31), 0)
    assert [str(s) for s in layer.symbol] == ["disc", "square"]
    qtbot.waitUntil(lambda: dock.session.ranges is not None, timeout=60_000)
    assert "given 2 points" in dock.result.ranges[0].text()
    # Pressed again it ends, and a click is a click.
    does_not.click()
    assert not does_not.isChecked() and not pointing_into(viewer)


def test_a_drag_or_another_button_of_the_mouse_means_no_point(pointed: tuple[Any, Any]) -> None:
    viewer, dock = pointed
    before = dock.session.pointing.points
    click(viewer, (14.0, 14.0), moved=True)
    click(viewer, (14.0, 14.0), button=2)
    assert dock.session.pointing.points == before


def test_escape_ends_and_gives_its_key_back(pointed: tuple[Any, Any], qtbot: Any) -> None:
    from napari.utils.key_bindings import coerce_keybinding

    viewer, dock = pointed
    key = coerce_keybinding("Escape")
    assert key in viewer.keymap and key in viewer.layers[CLICKS].keymap
    viewer.keymap[key](viewer)
    assert not dock.points.buttons[0].isChecked() and not pointing_into(viewer)
    assert key not in viewer.keymap and key not in viewer.layers[CLICKS].keymap


@pytest.mark.shown
def test_a_real_click_on_the_canvas(
    open_dock: Callable[..., Any], tmp_path: Path, qtbot: Any
) -> None:
    viewer, dock = open_dock(tiny_model(tmp_path / "tiny"), show=True)
    add_image(viewer)
    run_and_wait(dock, qtbot)
    dock.points.buttons[1].click()
    (canvas,) = (w for w in QApplication.allWidgets() if type(w).__name__ == "CanvasBackendDesktop")
    qtbot.mouseMove(canvas, canvas.rect().center())
    qtbot.mouseClick(canvas, Qt.MouseButton.LeftButton, pos=canvas.rect().center())
    qtbot.waitUntil(lambda: len(dock.session.pointing.points) == 1, timeout=10_000)
    index = dock.session.pointing.points[0].index
    # The middle of the canvas shows the middle of the image.
    np.testing.assert_allclose(index, (20, 24), atol=1)
    qtbot.keyClick(canvas, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: dock.session.pointing.label is None)


def test_deleting_a_point_takes_it_back(pointed: tuple[Any, Any]) -> None:
    viewer, dock = pointed
    one = dock.session.pointing.points
    after_one = np.array(viewer.layers[HYPOTHESIS].data)
    click(viewer, (0.7 * 30, 0.7 * 31))
    layer = viewer.layers[CLICKS]
    assert len(layer.data) == 2
    layer.selected_data = {1}
    layer.remove_selected()
    assert dock.session.pointing.points == one and len(layer.data) == 1
    np.testing.assert_array_equal(viewer.layers[HYPOTHESIS].data, after_one)
    dock.session.walk.undo()
    assert len(dock.session.pointing.points) == 2 and len(layer.data) == 2
    dock.session.walk.redo()
    assert dock.session.pointing.points == one and len(layer.data) == 1
    # All at once: with the layer.
    viewer.layers.remove(layer)
    assert dock.session.pointing.points == () and CLICKS not in viewer.layers
    dock.session.walk.undo()
    np.testing.assert_array_equal(viewer.layers[CLICKS].data, [one[0].index])


def test_points_are_not_moved_or_added_in_the_layer(pointed: tuple[Any, Any]) -> None:
    viewer, dock = pointed
    before, layer = dock.session.pointing.points, viewer.layers[CLICKS]
    layer.add((3, 3))
    assert dock.session.pointing.points == before
    np.testing.assert_array_equal(layer.data, [before[0].index])


def test_outside_or_in_3d_is_said_and_nothing_lost(pointed: tuple[Any, Any]) -> None:
    viewer, dock = pointed
    before = dock.session.pointing.points
    click(viewer, (-9.0, 3.0))
    assert "outside the image" in dock.run.status.text()
    viewer.dims.ndisplay = 3
    click(viewer, (14.0, 14.0))
    assert "point in a slice" in dock.run.status.text()
    assert dock.session.pointing.points == before
    # Who goes on has read it.
    dock.session.walk.set_sigma(0.5)
    assert dock.session.note is None and "slice" not in dock.run.status.text()


@pytest.mark.parametrize("plane", [0, 1, 2])
def test_points_in_every_plane(
    open_dock: Callable[..., Any], tmp_path: Path, qtbot: Any, plane: int
) -> None:
    viewer, dock = open_dock(tiny_model(tmp_path / "deep", 3, classes=3))
    add_image(viewer, (18, 20, 22))
    run_and_wait(dock, qtbot)
    words = [b.text() for b in dock.points.buttons]
    assert words == ["+  label 1", "+  label 2", "−  none"]
    viewer.dims.order = (plane, *(axis for axis in range(3) if axis != plane))
    shown = np.array(viewer.layers[HYPOTHESIS].data)
    for at, (label, index) in enumerate(((1, (4, 5, 6)), (2, (9, 10, 11)), (0, (15, 16, 17)))):
        dock.points.buttons[at].click()
        click(viewer, tuple(0.7 * i for i in index))
        # On the file's own grid, whichever way it is shown.
        assert dock.session.pointing.points[-1].label == label
        assert tuple(viewer.layers[CLICKS].data[at].astype(int)) == index
        assert np.array(viewer.layers[HYPOTHESIS].data)[index] == label
    assert (np.array(viewer.layers[HYPOTHESIS].data) != shown).any()


@pytest.mark.shown
def test_long_names_do_not_widen_the_dock(
    open_dock: Callable[..., Any], tmp_path: Path, qtbot: Any
) -> None:
    from napari_ssn.documents import card

    folder = tiny_model(tmp_path / "many", classes=4)
    path = folder / card.CARD_NAME
    path.write_text(path.read_text().replace("label 2", "non-enhancing part of the tumour core"))
    viewer, dock = open_dock(folder, show=True, painted=False)
    add_image(viewer)
    run_and_wait(dock, qtbot)
    words = [b.text() for b in dock.points.buttons]
    assert words == ["+  label 1", "+  non-enhancing…", "+  label 3", "−  none"]
    assert "non-enhancing part of the tumour core" in dock.points.buttons[1].toolTip()
    area = dock.tabs.widget(0)
    assert area.widget().width() <= area.viewport().width()
    for one in dock.points.buttons:
        assert one.fontMetrics().horizontalAdvance(one.text()) < one.width()


def test_a_suggestion_is_marked_until_the_next_point(pointed: tuple[Any, Any], qtbot: Any) -> None:
    viewer, dock = pointed
    dock.points.suggest.click()
    pointing = dock.session.pointing
    qtbot.waitUntil(lambda: pointing.suggested is not None, timeout=60_000)
    layer = viewer.layers[CLICKS]
    np.testing.assert_array_equal(layer.data[-1], pointing.suggested)
    # It looks like no point, and is asked about in words.
    assert layer.symbol[-1] == "diamond" and layer.symbol[0] != "diamond"
    assert not np.allclose(layer.border_color[-1], layer.border_color[0])
    assert "yellow diamond" in dock.points.meter.text()
    # Deleting the mark takes no point away.
    layer.selected_data = {1}
    layer.remove_selected()
    assert len(pointing.points) == 1
    click(viewer, tuple(0.7 * i for i in pointing.suggested))
    assert pointing.suggested is None
    assert len(layer.data) == len(pointing.points) == 2


def test_a_stale_result_cannot_be_pointed_into(pointed: tuple[Any, Any]) -> None:
    viewer, dock = pointed
    before = dock.session.pointing.points
    viewer.layers["scan"].scale = (2.0, 2.0)
    assert not dock.points.isEnabled() and not pointing_into(viewer)
    assert not dock.points.buttons[0].isChecked()
    assert dock.session.pointing.points == before and CLICKS in viewer.layers


def test_a_new_run_begins_without_points(pointed: tuple[Any, Any], qtbot: Any) -> None:
    viewer, dock = pointed
    run_and_wait(dock, qtbot)
    qtbot.waitUntil(lambda: CLICKS not in viewer.layers)
    assert dock.session.pointing.points == () and len(dock.points.buttons) == 2


def test_another_frame_is_not_pointed_into(
    open_dock: Callable[..., Any], tmp_path: Path, qtbot: Any
) -> None:
    viewer, dock = open_dock(tiny_model(tmp_path / "deep", 3))
    data = series(viewer)
    run_and_wait(dock, qtbot)
    dock.points.buttons[0].click()
    place = viewer.layers["series"].data_to_world((0, 4, 5, 6))
    click(viewer, place)
    assert dock.session.pointing.points == (Point((4, 5, 6), 1),)
    assert viewer.layers[CLICKS].ndim == 3 and data.ndim == 4
    viewer.dims.set_point(0, viewer.layers["series"].data_to_world((1, 0, 0, 0))[0])
    click(viewer, place)
    assert "another frame" in dock.run.status.text()
    assert len(dock.session.pointing.points) == 1


def test_placing_the_centre_is_no_point(pointed: tuple[Any, Any]) -> None:
    viewer, dock = pointed
    before = dock.session.pointing.points
    dock.picture.centre.wait_for_click(True)
    click(viewer, (14.0, 14.0))
    assert dock.session.pointing.points == before


def test_closing_while_pointing_lets_go_of_the_viewer(pointed: tuple[Any, Any]) -> None:
    viewer, dock = pointed
    dock.shut()
    assert not pointing_into(viewer)
    assert CLICKS in viewer.layers
    viewer.layers[CLICKS].selected_data = {0}
    viewer.layers[CLICKS].remove_selected()
    viewer.layers.remove(CLICKS)
