"""A result that is packed, in the real window: made small here by moving the limit."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from napari_ssn.core.packed import distribution as activation
from napari_ssn.core.packed.distribution import PackedDistribution
from napari_ssn.gui.layers import follower
from napari_ssn.gui.layers.results import HYPOTHESIS
from tests.support.docks import add_image, run_and_wait, settled
from tests.support.helpers import tiny_model


@pytest.fixture
def large(
    open_dock: Callable[..., Any], qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Any, Any]:
    """Viewer and dock with a packed result of three labels."""
    monkeypatch.setattr(activation, "LARGE", 0)
    model = tiny_model(tmp_path / "deep", dims=3, classes=3, region=(16, 16, 16))
    viewer, dock = open_dock(model)
    add_image(viewer, (18, 22, 20))
    run_and_wait(dock, qtbot)
    assert isinstance(dock.session.result.dist, PackedDistribution)
    return viewer, dock


def test_every_plane_and_stop_is_the_dense_label_map(large: tuple[Any, Any], qtbot: Any) -> None:
    viewer, dock = large
    session, walking = dock.session, viewer.layers[HYPOTHESIS]
    dense = session.result.dist.dense()
    turn = scene_turn(dock)
    for direction, position in ((0, 13), (0, -60), (1, 25)):
        session.walk.set_direction(direction)
        qtbot.waitUntil(lambda: settled(session), timeout=20_000)
        dock.slider.slider.setValue(position)
        expected = turn.apply(dense.label_map(session.walk.z))
        for order in ((0, 1, 2), (1, 0, 2), (2, 0, 1)):
            viewer.dims.order = order
            at = int(viewer.dims.current_step[order[0]])
            shown = shown_by(walking)
            np.testing.assert_array_equal(shown, np.take(expected, at, axis=order[0]))
        np.testing.assert_array_equal(np.asarray(walking.data), expected)
        counts = np.bincount(expected.reshape(-1), minlength=3)
        np.testing.assert_array_equal(session.walk.counts, counts)


def scene_turn(dock: Any) -> Any:
    return dock.scene.frame.display.reorientation


def shown_by(layer: Any) -> np.ndarray:
    """What napari last asked a layer for."""
    return np.asarray(layer.__wrapped__._slice.image.raw)


def test_until_the_walk_is_decoded_every_frame_is_exact(
    large: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer, dock = large
    walk = dock.session.walk
    monkeypatch.setattr(walk.here.curve, "want", lambda way: None)
    walk.show_sample(1)
    assert walk.counts is None
    dense = dock.session.result.dist.dense()
    expected = scene_turn(dock).apply(dense.label_map(walk.z))
    np.testing.assert_array_equal(np.asarray(viewer.layers[HYPOTHESIS].data), expected)


def test_the_3d_view_follows_on_release_where_it_is_slow(
    large: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer, dock = large
    walking, slider = viewer.layers[HYPOTHESIS], dock.slider.slider
    viewer.dims.ndisplay = 3
    monkeypatch.setattr(follower, "_LIVE", 0.0)
    slider.setSliderDown(True)
    slider.setValue(20)
    # The first frame is drawn, and found slow.
    first = shown_by(walking).copy()
    np.testing.assert_array_equal(first, np.asarray(walking.data))
    slider.setValue(-40)
    np.testing.assert_array_equal(shown_by(walking), first)
    slider.setSliderDown(False)
    assert (shown_by(walking) != first).any()
    np.testing.assert_array_equal(shown_by(walking), np.asarray(walking.data))
    monkeypatch.setattr(follower, "_LIVE", 100.0)
    assert walking.contour == 0
    slider.setValue(-20)
    slider.setSliderDown(True)
    for position in (30, 50):
        slider.setValue(position)
        np.testing.assert_array_equal(shown_by(walking), np.asarray(walking.data))
    slider.setSliderDown(False)
    assert walking.opacity > 0.5
    viewer.dims.ndisplay = 2
    assert walking.opacity == 0


def test_copies_files_and_kept_ones_stand_still(
    large: tuple[Any, Any], qtbot: Any, tmp_path: Path
) -> None:
    from napari_ssn.hooks.saving import write_labels

    viewer, dock = large
    dock.slider.slider.setValue(30)
    walking = viewer.layers[HYPOTHESIS]
    data, meta, _ = walking.as_layer_data_tuple()
    duplicate, before = deepcopy(data), np.array(walking.data)
    write_labels(str(tmp_path / "saved.nii.gz"), data, meta)
    walking.mode = "paint"
    qtbot.waitUntil(lambda: any("kept" in one.name for one in viewer.layers), timeout=20_000)
    kept = next(one for one in viewer.layers if "kept" in one.name)
    np.testing.assert_array_equal(kept.data, before)
    kept.paint((3, 4, 5), 2)
    dock.slider.slider.setValue(-30)
    np.testing.assert_array_equal(duplicate, before)
    written = np.asarray(nib.load(tmp_path / "saved.nii.gz").dataobj)
    np.testing.assert_array_equal(scene_turn(dock).apply(written), before)
    assert kept.data[3, 4, 5] == 2
