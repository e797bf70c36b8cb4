"""A result in 3D: glass around the chosen outline, and of the image no more than a slab."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_ssn.core.spread import Spread
from napari_ssn.gui.demo import let_draw
from napari_ssn.gui.layers.results import HYPOTHESIS, label_layer, move_to
from napari_ssn.prediction.lines import LEVELS
from napari_ssn.text.overview import ON_SHOW, SHARES
from tests.support.docks import add_image, run_and_wait
from tests.support.helpers import tiny_model

WHERE = {"scale": (2.5, 0.7, 0.9), "translate": (11.0, -40.0, 3.0)}


@pytest.fixture
def deep(
    open_dock: Callable[..., Any], qtbot: Any, tmp_path: Path, request: pytest.FixtureRequest
) -> tuple[Any, Any]:
    model = tiny_model(tmp_path / "deep", dims=3, region=(16, 16, 16))
    viewer, dock = open_dock(model, show=getattr(request, "param", False))
    add_image(viewer, (18, 22, 20), **WHERE)
    run_and_wait(dock, qtbot)
    qtbot.waitUntil(lambda: dock.session.overviews.current("contours"), timeout=20_000)
    return viewer, dock


def seen(dock: Any) -> bool:
    return dock.solid.glass.visible and dock.solid.glass.surface is not None


def turn(viewer: Any, dock: Any, qtbot: Any) -> None:
    viewer.dims.ndisplay = 3
    qtbot.waitUntil(lambda: seen(dock), timeout=20_000)


def test_glass_lies_around_what_a_twentieth_of_the_hypotheses_hold(deep: Any, qtbot: Any) -> None:
    viewer, dock = deep
    assert not seen(dock) and not dock.solid.legend.visible
    turn(viewer, dock, qtbot)
    found = dock.session.overviews.of("contours")
    assert LEVELS[0] == 5
    outer = dock.scene.here.shown(np.asarray(found.values)) >= 1
    corners, faces = dock.solid.glass.surface
    # Each corner lies between a voxel that is one of them and one that is not, and every such
    # voxel has some beside it.
    layer = viewer.layers[HYPOTHESIS].__wrapped__
    inside = np.array([layer.world_to_data(corner) for corner in corners])
    lies = np.pad(outer, 1)
    low, high = (np.floor(inside + 1e-4), np.ceil(inside - 1e-4))
    ends = [lies[tuple((end.astype(int) + 1).T)] for end in (low, high)]
    assert (ends[0] != ends[1]).mean() > 0.98 and len(faces) > len(corners)
    where = np.argwhere(outer)
    assert (inside.min(0) > where.min(0) - 1).all() and (inside.min(0) < where.min(0)).all()
    assert (inside.max(0) < where.max(0) + 1).all() and (inside.max(0) > where.max(0)).all()
    rows = [(words, colour) for words, colour, _ in dock.solid.legend.rows]
    label = dock.session.result.card.labels[1]
    assert rows == [(ON_SHOW, label.colour), (SHARES[0], dock.solid.glass.colour)]
    viewer.dims.ndisplay = 2
    assert not seen(dock) and not dock.solid.legend.visible


def test_of_the_image_a_slab_is_left_where_somebody_was(deep: Any, qtbot: Any) -> None:
    viewer, dock = deep
    image = dock.picture.image
    for order, at in (((0, 1, 2), (4, 9, 11)), ((1, 0, 2), (4, 9, 11)), ((2, 0, 1), (6, 3, 8))):
        viewer.dims.ndisplay = 2
        assert image.depiction == "volume"
        viewer.dims.order = order
        turn(viewer, dock, qtbot)
        assert image.depiction == "plane" and tuple(image.plane.normal) == (1, 0, 0)
        viewer.dims.set_point([0, 1, 2], list(image.data_to_world(at)))
        assert image.plane.position[0] == pytest.approx(at[order[0]])


def test_who_asks_napari_for_the_volume_has_it(deep: Any, qtbot: Any) -> None:
    viewer, dock = deep
    image = dock.picture.image
    turn(viewer, dock, qtbot)
    image.depiction = "volume"
    dock.session.walk.nudge(0.5)
    dock.session.changed.emit()
    assert image.depiction == "volume"


def test_it_goes_with_the_lines_and_with_the_dock(deep: Any, qtbot: Any) -> None:
    viewer, dock = deep
    image = dock.picture.image
    turn(viewer, dock, qtbot)
    viewer.layers[HYPOTHESIS].visible = False
    assert not seen(dock) and not dock.solid.legend.visible
    viewer.layers[HYPOTHESIS].visible = True
    assert seen(dock)
    dock.scene.toggle()
    # Who wants to see the picture without any line has the picture.
    assert not seen(dock) and image.depiction == "volume"
    dock.scene.toggle()
    assert seen(dock) and image.depiction == "plane"
    dock.session.place_centre((3, 3, 3))
    assert dock.session.stale and not seen(dock) and image.depiction == "volume"
    dock.session.place_centre(dock.session.result.centre or (8, 10, 9))
    overlays = set(viewer.scene.overlays)
    dock.shut()
    assert image.depiction == "volume"
    assert set(viewer.scene.overlays) < overlays and "napari_ssn_glass" not in viewer.scene.overlays


def test_another_spread_is_another_glass(deep: Any, qtbot: Any) -> None:
    viewer, dock = deep
    turn(viewer, dock, qtbot)
    before = dock.solid.glass.surface[0]
    dock.session.set_spread(Spread(2.0))
    qtbot.waitUntil(
        lambda: seen(dock) and dock.solid.glass.surface[0] is not before, timeout=20_000
    )


@pytest.mark.shown
@pytest.mark.parametrize("deep", [True], indirect=True)
def test_it_is_drawn(deep: Any, qtbot: Any) -> None:
    viewer, dock = deep
    turn(viewer, dock, qtbot)
    let_draw()
    shown = viewer.screenshot(canvas_only=True, flash=False)
    dock.solid.glass.visible = False
    let_draw()
    bare = viewer.screenshot(canvas_only=True, flash=False)
    assert (shown != bare).any(-1).sum() > 500


def test_thick_slices_are_drawn_without_napari_s_light() -> None:
    """It would leave every face of theirs dark, as if the voxels were cubes."""
    data = np.zeros((3, 4, 5), np.uint8)
    thick, cubes = {"scale": (2.5, 0.7, 0.9)}, {"affine": np.diag([1.0, 1.2, 1.1, 1.0])}
    assert label_layer("a", data, thick, {}).rendering == "translucent"
    layer = label_layer("a", data, cubes, {})
    assert layer.rendering == "iso_categorical"
    # Of another image, what follows the slider is drawn as that is; and back again.
    for transform, drawn in ((thick, "translucent"), ({"scale": (1, 1, 1)}, "iso_categorical")):
        move_to(layer, data, {"affine": np.eye(4), **transform})
        assert layer.rendering == drawn
    assert label_layer("a", data[0], {"scale": (0.7, 0.7)}, {}).ndim == 2
    # Of a series its time is no side of a voxel.
    series = label_layer("a", data[None], {"scale": (30.0, 1.0, 1.0, 1.0)}, {})
    assert series.rendering == "iso_categorical"
