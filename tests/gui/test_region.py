"""How far a 2D model looks along a volume."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from napari_ssn.gui.layers.results import REGION
from napari_ssn.gui.layers.reticle import NAME
from tests.support.docks import add_image, run_and_wait
from tests.support.helpers import tiny_model


def test_a_2d_model_looks_as_far_along_a_volume_as_it_is_told(
    opened: tuple[Any, Any], qtbot: Any
) -> None:
    viewer, dock = opened
    panel = dock.region
    assert panel.along.isHidden()
    viewer.layers.clear()
    add_image(viewer, (20, 40, 48))
    assert panel.along.isHidden()
    dock.session.place_centre((10, 20, 24))
    assert not panel.along.isHidden() and panel.depth.value() == 15
    panel.depth.setValue(2)
    run_and_wait(dock, qtbot)
    # Voxels of 0.7 mm: two slices to either side.
    assert dock.session.result.dist.space[0] == 5
    assert dock.session.result.depth_mm == 2
    panel.whole.setChecked(True)
    assert panel.along.isHidden()


def test_without_a_voxel_size_there_is_no_distance_to_choose(opened: tuple[Any, Any]) -> None:
    viewer, dock = opened
    viewer.layers.clear()
    add_image(viewer, (20, 40, 48), units=("pixel",) * 3, scale=(1, 1, 1))
    dock.session.place_centre((10, 20, 24))
    assert dock.session.setup.obstacle is None
    assert dock.region.along.isHidden()


def test_the_cross_stays_beside_what_was_found(opened: tuple[Any, Any], qtbot: Any) -> None:
    viewer, dock = opened
    dock.session.place_centre((20, 24))
    run_and_wait(dock, qtbot)
    assert viewer.layers[REGION].visible and viewer.scene.overlays[NAME].visible
    # Whoever does not want to see it, does not.
    viewer.layers[REGION].visible = False
    dock.session.walk.set_sigma(1.0)
    assert not viewer.scene.overlays[NAME].visible
    # Another place is seen from the first.
    dock.session.place_centre((18, 22))
    assert dock.session.stale and viewer.scene.overlays[NAME].visible


def test_a_direction_states_no_sizes_from_elsewhere(opened: tuple[Any, Any], qtbot: Any) -> None:
    """They are those of the walk from the mean: from a sample the same way has others."""
    _, dock = opened
    run_and_wait(dock, qtbot)
    slider = dock.slider
    named = slider.directions.currentText()
    assert "px" in named or "mm²" in named
    dock.session.walk.show_sample(2)
    assert "mm²" not in slider.directions.currentText()
    assert "not from here" in slider.directions.toolTip()
    dock.session.walk.show_sample(None)
    assert slider.directions.currentText() == named
    assert "not from here" not in slider.directions.toolTip()


@pytest.mark.shown
def test_whoever_has_placed_the_centre_sees_run(
    open_dock: Callable[..., Any], qtbot: Any, tmp_path: Path
) -> None:
    viewer, dock = open_dock(
        tiny_model(tmp_path / "tiny", region=(16, 16)), show=True, painted=False
    )
    viewer.window.resize(900, 500)
    add_image(viewer)
    # As much is to be said of the image as fills a small screen in large letters.
    dock.image.setMinimumHeight(600)
    page = dock.tabs.currentWidget()

    def seen() -> bool:
        return bool(dock.run.button.visibleRegion().contains(dock.run.button.rect().center()))

    qtbot.waitUntil(lambda: page.verticalScrollBar().maximum() > 0)
    page.verticalScrollBar().setValue(0)
    qtbot.waitUntil(lambda: not seen())
    dock.session.place_centre((20, 20))
    qtbot.waitUntil(seen)
