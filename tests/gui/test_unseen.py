"""A layer of which nothing is seen: it is not drawn, and what it would show is there when asked."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_ssn.gui.demo import let_draw
from tests.support.docks import add_image, run_and_wait, steady
from tests.support.helpers import tiny_model


def picture(viewer: Any) -> np.ndarray:
    let_draw(0.05)
    return np.asarray(viewer.screenshot(canvas_only=True, flash=False))


def visual_of(viewer: Any, layer: Any) -> Any:
    return viewer.__wrapped__.window._qt_viewer.canvas.layer_to_visual[layer]


# Controls of labels in three dimensions make the window higher for good.
@pytest.mark.own_window
@pytest.mark.shown
def test_the_picture_is_that_of_one_that_is_drawn(
    open_dock: Callable[..., Any], qtbot: Any, tmp_path: Path
) -> None:
    viewer, dock = open_dock(tiny_model(tmp_path / "tiny", 3, 3, region=(16, 16, 16)), show=True)
    add_image(viewer, (18, 22, 20))
    run_and_wait(dock, qtbot)
    qtbot.waitUntil(lambda: dock.worker.idle, timeout=60_000)
    dock.session.copies.keep()
    qtbot.waitUntil(lambda: len(viewer.layers) == 3, timeout=60_000)
    steady(viewer, qtbot)
    walking, kept = dock.scene.walking, dock.scene.copies.kept[0]

    def same() -> None:
        """As napari draws them."""
        found = picture(viewer)
        visuals = [visual_of(viewer, layer) for layer in (walking, kept)]
        before = [one.node.visible for one in visuals]
        for one in visuals:
            one._on_visible_change()
        np.testing.assert_array_equal(found, picture(viewer))
        for one, drawn in zip(visuals, before, strict=True):
            one.node.visible = drawn

    def drawn() -> tuple[bool, bool]:
        return visual_of(viewer, walking).node.visible, visual_of(viewer, kept).node.visible

    assert walking.opacity == kept.opacity == 0 and drawn() == (False, False)
    same()
    # Whatever napari draws anew for.
    walking.refresh()
    viewer.dims.set_current_step(0, 4)
    walking.visible = False
    walking.visible = True
    assert drawn() == (False, False)
    same()
    walking.opacity = 0.6
    assert drawn() == (True, False)
    same()
    walking.visible = False
    assert drawn() == (False, False)
    walking.visible, walking.opacity = True, 0.0
    viewer.dims.ndisplay = 3
    assert drawn() == (True, True)
    viewer.dims.ndisplay = 2
    assert drawn() == (False, False)
    # One that comes back is another for napari.
    dock.session.walk.undo()
    assert kept not in viewer.layers
    dock.session.walk.redo()
    assert kept in viewer.layers and drawn() == (False, False)
    kept.refresh()
    assert drawn() == (False, False)
    same()
    dock.shut()
    assert walking.opacity > 0 and drawn()[0]
    same()


def test_what_it_shows_is_there_when_it_is_seen(opened: Any, qtbot: Any) -> None:
    _, dock = opened
    run_and_wait(dock, qtbot)
    layer, slider = dock.scene.walking, dock.slider.slider

    def shown() -> np.ndarray:
        return np.array(layer._slice.image.raw)

    assert layer.opacity == 0
    first = shown()
    np.testing.assert_array_equal(first, layer.data)
    slider.setSliderDown(True)
    slider.setValue(30)
    now = np.asarray(layer.data)
    # Nobody sees it, nor points into it.
    np.testing.assert_array_equal(shown(), first)
    assert (now != first).any()
    layer.opacity = 0.5
    np.testing.assert_array_equal(shown(), now)
    slider.setValue(-30)
    np.testing.assert_array_equal(shown(), layer.data)
    layer.opacity = 0.0
    slider.setValue(30)
    assert (shown() != now).any()
    slider.setSliderDown(False)
    np.testing.assert_array_equal(shown(), now)
    # Moved by keys it is there at once: the pointer may lie on it.
    dock.session.walk.set_sigma(0.0)
    np.testing.assert_array_equal(shown(), layer.data)
    assert (shown() != now).any()
