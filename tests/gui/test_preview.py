"""First outlines of a run: of the slice on show, in the place of the result to be."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_ssn.gui.layers.results import (
    HYPOTHESIS,
    PREVIEW,
)
from tests.support.docks import add_image, run_and_wait, settled
from tests.support.helpers import tiny_model


@pytest.fixture
def volume_open(open_dock: Callable[..., Any], tmp_path: Path) -> tuple[Any, Any]:
    viewer, dock = open_dock(tiny_model(tmp_path / "deep", dims=3, region=(16, 16, 16)))
    add_image(viewer, (40, 24, 22))
    return viewer, dock


def test_the_slice_on_show_appears_before_the_volume(volume_open: Any, qtbot: Any) -> None:
    viewer, dock = volume_open
    viewer.dims.set_current_step(0, 31)
    seen: list[np.ndarray] = []
    # Connected after the scene, which has drawn by then.
    dock.session.previewed.connect(lambda _: seen.append(np.array(viewer.layers[PREVIEW].data)))
    run_and_wait(dock, qtbot)
    (early,) = seen
    assert PREVIEW not in viewer.layers
    late = np.array(viewer.layers[HYPOTHESIS].data)
    assert late[31].any()
    np.testing.assert_array_equal(early[31], late[31])
    assert not early[:31].any() and not early[32:].any()
    # Another plane of the window: its rows are the first axis of the array now.
    viewer.dims.order = (1, 0, 2)
    viewer.dims.set_current_step(1, 5)
    assert dock.session.looking() == (None, 5, None)
    # napari warns of contours in 3D.
    viewer.layers.remove(HYPOTHESIS)
    viewer.dims.ndisplay = 3
    assert dock.session.looking() is None


@pytest.mark.parametrize("deleted", [False, True])
def test_first_outlines_of_an_image_elsewhere_appear_beside_another_result(
    volume_open: Any, qtbot: Any, deleted: bool
) -> None:
    viewer, dock = volume_open
    viewer.dims.set_current_step(0, 31)
    run_and_wait(dock, qtbot)
    if deleted:
        viewer.layers.remove("scan")
        assert HYPOTHESIS in viewer.layers
    # Another patient, or the same one on another table.
    add_image(viewer, (40, 24, 22), translate=(-700.0, 300.0, 500.0))
    assert dock.session.looking() is not None
    middle = [20 * 0.7 - 700, 12 * 0.7 + 300, 11 * 0.7 + 500]
    np.testing.assert_allclose(viewer.dims.point, middle, atol=0.71)
    np.testing.assert_allclose(viewer.scene.camera.center[1:], middle[1:], atol=0.71)
    seen: list[bool] = []

    def look(_: Any) -> None:
        layer = viewer.layers[PREVIEW]
        seen.append(layer.visible and bool(np.array(layer.data).any()))
        assert not viewer.layers[HYPOTHESIS].visible

    dock.session.previewed.connect(look)
    dock.run.button.click()
    qtbot.waitUntil(lambda: settled(dock.session) and not dock.session.stale, timeout=60_000)
    assert seen == [True]


def test_cancel_leaves_what_was_there(
    volume_open: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_ssn.network.forward import Forward

    viewer, dock = volume_open
    run_and_wait(dock, qtbot)
    session, before = dock.session, np.array(viewer.layers[HYPOTHESIS].data)
    kept, stopped, real = session.result, [], Forward.__call__

    def slowly(self: Any, image: Any) -> Any:
        time.sleep(0.1)
        try:
            return real(self, image)
        except Exception:
            stopped.append(True)
            raise

    monkeypatch.setattr(Forward, "__call__", slowly)
    dock.run.button.click()
    qtbot.waitUntil(lambda: PREVIEW in viewer.layers, timeout=20_000)
    # One outline at a time.
    assert not viewer.layers[HYPOTHESIS].visible
    dock.run.button.click()
    assert dock.run.button.text() == "Run" and dock.run.status.text() == "Cancelled."
    assert PREVIEW not in viewer.layers and viewer.layers[HYPOTHESIS].visible
    assert session.result is kept and settled(session)
    np.testing.assert_array_equal(np.array(viewer.layers[HYPOTHESIS].data), before)
    # In the middle of a tile; how soon, tests/network/test_running.py measures.
    qtbot.waitUntil(lambda: bool(stopped), timeout=5_000)


def test_an_image_replaced_during_a_run_stops_it(
    volume_open: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_ssn.network.forward import Forward

    viewer, dock = volume_open
    real = Forward.__call__
    monkeypatch.setattr(
        Forward, "__call__", lambda self, image: (time.sleep(0.1), real(self, image))[1]
    )
    dock.run.button.click()
    qtbot.waitUntil(lambda: PREVIEW in viewer.layers, timeout=20_000)
    viewer.layers["scan"].data = viewer.layers["scan"].data[:, ::-1].copy()
    assert not dock.session.busy and PREVIEW not in viewer.layers
    assert "image changed during the run" in dock.run.status.text()
    monkeypatch.undo()
    run_and_wait(dock, qtbot)
    assert not dock.session.stale


def test_what_a_run_falls_back_to_stays_on_the_status_line(
    volume_open: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_ssn.network import inference

    _, dock = volume_open
    words = "The GPU's memory is full: going on on the CPU."
    real = inference.attempts

    def two_ways(*args: Any) -> Any:
        (way,) = real(*args)
        return [way, replace(way, words=words)]

    refused = []

    def first_is_full(*args: Any) -> Any:
        if not refused:
            refused.append(True)
            raise RuntimeError("out of memory")
        return real_scan(*args)

    real_scan = inference._scan
    monkeypatch.setattr(inference, "attempts", two_ways)
    monkeypatch.setattr(inference, "_scan", first_is_full)
    lines: set[str] = set()
    dock.session.changed.connect(lambda: lines.add(dock.run.status.text()))
    run_and_wait(dock, qtbot)
    assert any(line.startswith(f"{words} Running ") for line in lines)
    assert dock.run.status.text() == words


def test_the_outline_before_is_shown_again_when_the_first_labels_are_deleted(
    volume_open: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_ssn.network.forward import Forward

    viewer, dock = volume_open
    run_and_wait(dock, qtbot)
    real = Forward.__call__
    monkeypatch.setattr(
        Forward, "__call__", lambda self, image: (time.sleep(0.1), real(self, image))[1]
    )
    dock.run.button.click()
    qtbot.waitUntil(lambda: PREVIEW in viewer.layers, timeout=20_000)
    viewer.layers.remove(PREVIEW)
    assert viewer.layers[HYPOTHESIS].visible
    dock.run.button.click()
    assert not dock.session.busy
