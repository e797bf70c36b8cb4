"""Labels that are others and lie where they lay: the picture is that of napari's own refresh."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_ssn.gui.demo import let_draw
from napari_ssn.gui.layers.redrawing import redraw
from tests.support.docks import add_image, run_and_wait, steady
from tests.support.helpers import tiny_model


def picture(viewer: Any) -> np.ndarray:
    let_draw(0.05)
    return np.asarray(viewer.screenshot(canvas_only=True, flash=False))


@pytest.mark.shown
def test_the_picture_is_that_of_a_refresh(make_viewer: Callable[..., Any], qtbot: Any) -> None:
    viewer = make_viewer(show=True)
    rng = np.random.default_rng(0)
    # Of several voxels each: a contour leaves something out.
    maps = rng.integers(0, 4, (3, 7, 3, 4)).astype(np.uint8).repeat(5, 2).repeat(4, 3)
    layer = viewer.add_labels(
        maps[0].copy(), scale=(2.0, 0.7, 0.9), translate=(3, -4, 5)
    ).__wrapped__
    steady(viewer, qtbot)
    told: list[Any] = []
    layer.events.set_data.connect(told.append)
    seen = []
    for order, ndisplay, contour in (
        ((0, 1, 2), 2, 0),
        ((0, 1, 2), 2, 1),
        ((2, 0, 1), 2, 0),
        ((1, 2, 0), 2, 2),
        ((0, 1, 2), 3, 0),
    ):
        layer.data[:] = maps[0]
        layer.contour, viewer.dims.order, viewer.dims.ndisplay = contour, order, ndisplay
        viewer.dims.set_current_step(order[0], 4)
        viewer.reset_view()
        before = picture(viewer).tobytes()
        for labels in maps[1:]:
            layer.data[:] = labels
            told.clear()
            redraw(layer)
            # napari lays it out again, and draws its row, in three dimensions alone.
            assert bool(told) == (ndisplay == 3)
            found = picture(viewer)
            layer.refresh()
            np.testing.assert_array_equal(found, picture(viewer))
            assert found.tobytes() != before
            seen.append(found)
    assert len({one.tobytes() for one in seen}) == len(seen)
    # Of what is hidden nothing is read; when it is shown it is as it is by then.
    layer.visible = False
    layer.data[:] = maps[1]
    redraw(layer)
    layer.visible = True
    np.testing.assert_array_equal(picture(viewer), seen[-2])


@pytest.mark.shown
def test_each_frame_of_the_slider_is_that_of_a_refresh(
    open_dock: Callable[..., Any], qtbot: Any, tmp_path: Path
) -> None:
    """With the voxels themselves on show, and with lines and bands."""
    viewer, dock = open_dock(tiny_model(tmp_path / "tiny"), show=True)
    add_image(viewer)
    run_and_wait(dock, qtbot)
    qtbot.waitUntil(lambda: dock.worker.idle, timeout=60_000)
    steady(viewer, qtbot)
    for lines in (True, False):
        dock.settings.boxes["lines"].setChecked(lines)
        steady(viewer, qtbot)
        dock.slider.slider.setSliderDown(True)
        seen = set()
        for position in (-20, 3, 17, 26):
            dock.slider.slider.setValue(position)
            found = picture(viewer)
            viewer.layers["SSN · hypothesis"].refresh()
            dock.lines._drawn.clear()
            dock.lines.refresh()
            np.testing.assert_array_equal(found, picture(viewer))
            seen.add(found.tobytes())
        assert len(seen) == 4
        dock.slider.slider.setSliderDown(False)
