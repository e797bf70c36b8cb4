"""Where a slice has no marker, nothing is drawn for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from napari_ssn.gui.layers.results import CLICK_PIXELS, REGION
from napari_ssn.gui.layers.reticle import NAME
from tests.support.docks import add_image, run_and_wait
from tests.support.helpers import tiny_model


def test_markers_are_of_their_slice(
    open_dock: Callable[..., Any], qtbot: Any, tmp_path: Path
) -> None:
    viewer, dock = open_dock(tiny_model(tmp_path / "deep", dims=3, region=(16, 16, 16)))
    add_image(viewer, (20, 24, 22))
    dock.session.place_centre((10, 12, 11))
    run_and_wait(dock, qtbot)
    dock.session.pointing.start(1)
    dock.session.pointing.add((9, 12, 11))
    dock.session.pointing.stop()
    cross, clicks = viewer.scene.overlays[NAME], viewer.layers["SSN · clicks"]
    for slice_, drawn, size in ((10, True, 0), (9, False, 11), (3, False, 0), (10, True, 0)):
        viewer.dims.set_current_step(0, slice_)
        assert cross.visible == drawn
        assert tuple(clicks.canvas_size_limits) == (size, CLICK_PIXELS[1])
    # Another plane through both.
    viewer.dims.order = (1, 0, 2)
    viewer.dims.set_current_step(1, 12)
    assert (cross.visible, clicks.canvas_size_limits[0]) == (True, 11)
    dock.session.pointing.clear()
    assert clicks.canvas_size_limits[0] == 0
    viewer.dims.set_current_step(1, 3)
    assert not cross.visible


def test_the_cross_has_its_size_on_the_screen_and_is_open_in_the_middle(
    opened: Any, qtbot: Any
) -> None:
    viewer, dock = opened
    dock.session.place_centre((20, 22))
    overlay = viewer.scene.overlays[NAME]
    middle = viewer.layers[REGION].data_to_world((20, 22))
    for zoom in (3.0, 11.0):
        viewer.scene.camera.zoom = zoom
        (stroke,) = overlay.strokes
        apart = np.linalg.norm(np.array(stroke.lines) - middle, axis=2) * zoom
        np.testing.assert_allclose(apart, [[7, 18]] * 4)
    # The eye of its layer hides it; another place takes it along, none takes it away.
    viewer.layers[REGION].visible = False
    assert not overlay.visible
    dock.session.place_centre((10, 11))
    overlay = viewer.scene.overlays[NAME]
    assert overlay.visible
    dock.session.set_around_point(False)
    assert NAME not in viewer.scene.overlays and REGION not in viewer.layers
