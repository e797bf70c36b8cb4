"""Where a slice has no marker, nothing is drawn for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from napari_ssn.gui.layers.results import (
    CLICK_PIXELS,
    REGION,
    REGION_PIXELS,
)
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
    cross, clicks = viewer.layers[REGION], viewer.layers["SSN · clicks"]
    for slice_, sizes in ((10, (13, 0)), (9, (0, 11)), (3, (0, 0)), (10, (13, 0))):
        viewer.dims.set_current_step(0, slice_)
        assert tuple(cross.canvas_size_limits) == (sizes[0], REGION_PIXELS[1])
        assert tuple(clicks.canvas_size_limits) == (sizes[1], CLICK_PIXELS[1])
    # Another plane through both.
    viewer.dims.order = (1, 0, 2)
    viewer.dims.set_current_step(1, 12)
    assert (cross.canvas_size_limits[0], clicks.canvas_size_limits[0]) == (13, 11)
    dock.session.pointing.clear()
    assert clicks.canvas_size_limits[0] == 0
    viewer.dims.set_current_step(1, 3)
    assert cross.canvas_size_limits[0] == 0
