"""The window, driven by its own buttons and sliders."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest
from napari.settings import get_settings
from qtpy.compat import isalive
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import (
    QAbstractButton,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QLabel,
    QLineEdit,
    QPushButton,
    QWidget,
)

from napari_ssn.gui.layers.results import HYPOTHESIS
from napari_ssn.gui.widgets.page import Page
from napari_ssn.session.records import Step
from tests.support.docks import add_image, run_and_wait, settled
from tests.support.helpers import noise_image, tiny_model

KEYS = ("Q", "W", ",", ".", "S", "A", "D", "K", "Control-Z", "Control-Shift-Z", "Control-Enter")


def layer(viewer: Any, name: str) -> Any:
    return viewer.layers[name]


def press(provider: Any, key: str) -> None:
    """What napari does when a key is pressed while this has it."""
    from napari.utils.key_bindings import coerce_keybinding

    provider.keymap[coerce_keybinding(key)](provider)


def test_from_run_to_export(opened: Any, qtbot: Any, tmp_path: Path) -> None:
    viewer, dock = opened
    session = dock.session
    assert dock.run.button.isEnabled() and not dock.slider.isEnabled()
    assert dock.image.geometry.text() == "48 × 40 · 0.7 × 0.7 mm · thickness unknown"
    run_and_wait(dock, qtbot)
    assert dock.result.headlines[0].text().startswith("Label 1: ")
    assert "Model range" in dock.result.ranges[0].text()
    walking = layer(viewer, HYPOTHESIS)
    np.testing.assert_allclose(walking.scale, (0.7, 0.7))
    assert [str(u) for u in walking.units] == ["millimeter"] * 2
    mean = np.array(walking.data)

    dock.slider.slider.setValue(20)
    assert session.walk.choice.sigma == pytest.approx(1.0)
    after = np.array(layer(viewer, HYPOTHESIS).data)
    np.testing.assert_array_equal(after, session.walk.label_map(()))
    assert (after != mean).any()
    assert layer(viewer, HYPOTHESIS).metadata["napari_ssn"]["sigma"] == pytest.approx(1.0)
    size = session.result.source.measure.amount(int(after.sum()))
    assert size in dock.result.headlines[0].text() and size in dock.export.what.text()

    dock.samples.add.click()
    qtbot.waitUntil(lambda: len(viewer.layers) == 5, timeout=20_000)
    names = [one.name for one in viewer.layers]
    assert names == ["scan", "SSN · sample 01", "SSN · sample 02", "SSN · sample 03", HYPOTHESIS]
    np.testing.assert_array_equal(
        layer(viewer, "SSN · sample 02").data, session.result.dist.sample(2)[1]
    )
    dock.samples.next.click()
    assert dock.samples.here.text() == "Hypothesis 1 of 4"
    np.testing.assert_array_equal(
        np.array(layer(viewer, HYPOTHESIS).data), layer(viewer, "SSN · sample 01").data
    )

    target = tmp_path / "out.nii.gz"
    dock.export.ask = lambda parent, name, pattern: str(target)
    dock.export.write.click()
    qtbot.waitUntil(lambda: session.files.exported is not None, timeout=20_000)
    assert dock.export.told.text() == "Wrote out.nii.gz and its .json."
    assert dock.export.folder.isVisibleTo(dock)
    written = np.asarray(nib.load(target).dataobj).reshape(40, 48)
    np.testing.assert_array_equal(written, session.walk.label_map(()))
    assert json.loads((tmp_path / "out.json").read_text())["choice"]["sample"] == 1


def test_a_layer_saved_by_napari_is_on_the_source_grid(
    opened: Any, qtbot: Any, tmp_path: Path
) -> None:
    from napari_ssn.hooks.saving import write_labels

    viewer, dock = opened
    run_and_wait(dock, qtbot)
    dock.samples.keep.click()
    qtbot.waitUntil(lambda: any("kept" in one.name for one in viewer.layers), timeout=20_000)
    for name in (HYPOTHESIS, next(one.name for one in viewer.layers if "kept" in one.name)):
        data, meta, _ = layer(viewer, name).as_layer_data_tuple()
        write_labels(str(tmp_path / f"{len(name)}.nii.gz"), data, meta)
        written = np.asarray(nib.load(tmp_path / f"{len(name)}.nii.gz").dataobj)
        np.testing.assert_array_equal(written.reshape(40, 48), dock.session.walk.label_map(()))
    record = json.loads((tmp_path / f"{len(name)}.json").read_text())
    assert record["choice"]["kind"] == "mean"


def test_a_slider_frame_decodes_only_the_slice_on_show(
    open_dock: Callable[..., Any], qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_ssn.core.distribution import LogitDistribution

    # Walks as small as this one are kept whole.
    monkeypatch.setattr("napari_ssn.prediction.counting._KEPT", 0)
    model = tiny_model(tmp_path / "deep", dims=3, region=(16, 16, 16))
    viewer, dock = open_dock(model)
    add_image(viewer, (20, 24, 22))
    dock.region.around.setChecked(True)
    dock.session.place_centre((10, 10, 10))
    run_and_wait(dock, qtbot)
    assert dock.session.result.dist.start == (2, 2, 2)
    # What the worker decodes for cards, lesions and diameters is not the slider's.
    session = dock.session
    qtbot.waitUntil(lambda: session.cards is not None and session.walk.lesions is not None)
    asked = []
    real = LogitDistribution.label_map

    def counted(self: Any, z: Any = None, where: Any = ()) -> Any:
        if threading.current_thread() is threading.main_thread():
            asked.append(where)
        return real(self, z, where)

    monkeypatch.setattr(LogitDistribution, "label_map", counted)
    viewer.dims.set_current_step(0, 7)
    asked.clear()
    dock.slider.slider.setValue(11)
    assert [where[0] for where in asked] == [slice(5, 6)]
    viewer.dims.set_current_step(0, 19)
    asked.clear()
    dock.slider.slider.setValue(12)
    # Slice 19 lies outside the region: nothing to decode.
    assert asked == []
    full = np.array(layer(viewer, HYPOTHESIS).data)
    assert full[19].sum() == 0 and full.sum() == dock.session.walk.counts[1]


def test_slider_undo_reset_and_directions(opened: Any, qtbot: Any) -> None:
    _, dock = opened
    run_and_wait(dock, qtbot)
    panel, walk = dock.slider, dock.session.walk
    panel.slider.setSliderDown(True)
    for position in (5, 10, 15):
        panel.slider.setValue(position)
    panel.slider.setSliderDown(False)
    assert panel.value.text() == "+0.75"
    panel.undo.click()
    assert walk.choice.sigma == 0 and panel.slider.value() == 0 and not panel.undo.isEnabled()
    panel.slider.setValue(-10)
    panel.reset.click()
    assert panel.slider.value() == 0 and panel.value.text() == "0"
    assert panel.directions.itemText(0).startswith("1 · ")
    if panel.directions.count() > 1:
        panel.directions.setCurrentIndex(1)
        panel.directions.activated.emit(1)
        assert walk.choice.direction == panel.directions.itemData(1)


def test_play_moves_to_and_fro_and_pauses(opened: Any, qtbot: Any) -> None:
    _, dock = opened
    run_and_wait(dock, qtbot)
    dock.slider.slider.setValue(58)
    dock.slider.play.click()
    qtbot.waitUntil(lambda: dock.slider.slider.value() == 60, timeout=60_000)
    qtbot.waitUntil(lambda: dock.slider.slider.value() < 59, timeout=10_000)
    dock.slider.play.click()
    at = dock.slider.slider.value()
    qtbot.wait(120)
    assert dock.slider.slider.value() == at
    # The whole performance is one step.
    dock.slider.undo.click()
    assert dock.slider.slider.value() == 58


@pytest.mark.parametrize("shown", [False, pytest.param(True, marks=pytest.mark.shown)])
def test_every_run_shows_its_own_region(
    open_dock: Callable[..., Any], qtbot: Any, tmp_path: Path, shown: bool
) -> None:
    """Regions of other shapes follow each other: at a corner, inside, on another image."""
    viewer, dock = open_dock(tiny_model(tmp_path / "centred", centred=True), show=shown)
    session = dock.session
    for space, centre in (((64, 80), (2, 3)), ((64, 80), (30, 40)), ((50, 70), (49, 69))):
        if len(viewer.layers) == 0 or session.setup.source.space != space:
            add_image(viewer, space)
            dock.image.layers.setCurrentIndex(dock.image.layers.count() - 1)
            qtbot.waitUntil(lambda space=space: session.setup.source.space == space)
        session.place_centre(centre)
        run_and_wait(dock, qtbot)
        dist = session.result.dist
        for sigma in (0.0, 1.5):
            session.walk.set_sigma(sigma)
            expected = dist.placed(dist.label_map(session.walk.z))
            np.testing.assert_array_equal(np.asarray(layer(viewer, HYPOTHESIS).data), expected)


def test_the_whole_of_a_large_image_says_what_is_missing(
    open_dock: Callable[..., Any], qtbot: Any, tmp_path: Path
) -> None:
    viewer, dock = open_dock(tiny_model(tmp_path / "centred", centred=True))
    add_image(viewer, (64, 80))
    dock.session.place_centre((-1, -1))
    assert "outside" in dock.run.status.text()
    dock.region.whole.click()
    # The former error is about a point; now none is wanted.
    assert not dock.run.button.isEnabled()
    assert "in the middle" not in dock.region.where.text()
    assert "around a point" in dock.run.status.text()


def test_an_export_is_not_disturbed_by_the_key_for_run(opened: Any, qtbot: Any) -> None:
    viewer, dock = opened
    run_and_wait(dock, qtbot)
    dock.session._exporting = True
    press(viewer, "Control-Enter")
    assert dock.session.activity == "exporting"
    dock.session._exporting = False


def test_an_image_just_opened_is_the_one_to_segment(opened: Any, qtbot: Any) -> None:
    viewer, dock = opened
    run_and_wait(dock, qtbot)
    add_image(viewer, (44, 52))
    assert dock.image.layers.currentText() == viewer.layers[-1].name
    assert dock.session.setup.source.space == (44, 52) and dock.session.stale
    # Other layers than images change nothing.
    viewer.add_points([[1, 1]])
    assert dock.session.setup.source.space == (44, 52)


def test_a_moved_centre_makes_the_result_stale(
    open_dock: Callable[..., Any], qtbot: Any, tmp_path: Path
) -> None:
    viewer, dock = open_dock(tiny_model(tmp_path / "centred", centred=True))
    add_image(viewer, (64, 80))
    dock.session.place_centre((30, 40))
    run_and_wait(dock, qtbot)
    assert not dock.session.stale
    dock.session.place_centre((20, 20))
    assert dock.session.stale and not dock.slider.isEnabled()
    assert "another place" in dock.result.old.text()
    assert "earlier result" in dock.export.what.text()
    dock.session.place_centre((30, 40))
    assert not dock.session.stale


def test_keys_pressed_on_the_canvas_do_what_they_say(opened: Any, qtbot: Any) -> None:
    """Through Qt and napari, as a finger does it."""

    viewer, dock = opened
    run_and_wait(dock, qtbot)
    canvas = viewer.__wrapped__.window._qt_viewer.canvas.native
    walk = dock.session.walk
    qtbot.keyClick(canvas, Qt.Key.Key_Period)
    assert walk.choice.sigma == pytest.approx(0.1)
    qtbot.keyClick(canvas, Qt.Key.Key_Comma)
    qtbot.keyClick(canvas, Qt.Key.Key_Comma)
    assert walk.choice.sigma == pytest.approx(-0.1)
    qtbot.keyClick(canvas, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert walk.choice.sigma == 0
    qtbot.keyClick(canvas, Qt.Key.Key_W)
    assert walk.choice.sample == 0
    qtbot.keyClick(canvas, Qt.Key.Key_Q)
    assert walk.choice.sample is None
    qtbot.keyClick(canvas, Qt.Key.Key_S)
    assert not layer(viewer, HYPOTHESIS).visible
    run = dock.session.result.run
    qtbot.keyClick(canvas, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: settled(dock.session) and dock.session.result.run > run, timeout=60_000)
    before = len(viewer.layers)
    qtbot.keyClick(canvas, Qt.Key.Key_K)
    qtbot.waitUntil(lambda: len(viewer.layers) == before + 1, timeout=20_000)


def test_keys_work_on_the_viewer_and_on_our_layers(opened: Any, qtbot: Any) -> None:
    viewer, dock = opened
    press(viewer, "Control-Enter")
    qtbot.waitUntil(lambda: settled(dock.session), timeout=60_000)
    walk, walking = dock.session.walk, layer(viewer, HYPOTHESIS)
    for provider in (viewer, walking):
        before = walk.choice
        press(provider, "W")
        assert walk.choice.sample == 0
        press(provider, ".")
        assert walk.choice.sigma == pytest.approx(0.1)
        press(provider, ",")
        press(provider, ",")
        assert walk.choice.sigma == pytest.approx(-0.1)
        press(provider, "Control-Z")
        assert walk.choice.sigma == 0
        press(provider, "Q")
        assert walk.choice == before
        lines = dock.lines.strokes
        opacity = lines.opacity
        press(provider, "A")
        assert lines.opacity == pytest.approx(opacity - 0.1) and walking.opacity == 0
        press(provider, "D")
        press(provider, "S")
        assert not walking.visible
        press(provider, "S")
        assert walking.visible
    press(walking, "K")
    qtbot.waitUntil(lambda: any("kept" in one.name for one in viewer.layers), timeout=20_000)


def test_a_click_places_the_centre(
    open_dock: Callable[..., Any], qtbot: Any, tmp_path: Path
) -> None:
    viewer, dock = open_dock(tiny_model(tmp_path / "centred", centred=True))
    add_image(viewer, (64, 80))
    assert dock.region.around.isChecked() and not dock.run.button.isEnabled()
    assert "Place the centre" in dock.run.status.text()
    # Nobody has to say first that the next click is meant.
    assert dock.region.place.isChecked() and "Click" in dock.region.where.text()
    click(viewer, (20 * 0.7, 50 * 0.7), moved=True)
    assert dock.session.setup.centre is None
    click(viewer, (500.0, 0.0))
    assert "outside the image" in dock.run.status.text() and dock.region.place.isChecked()
    # Who would rather click on something else first says so, and is not asked again.
    dock.region.place.click()
    dock.session.changed.emit()
    assert not dock.region.place.isChecked() and ours(viewer) == []
    for around in (dock.region.whole, dock.region.around):
        around.setChecked(True)
        assert dock.region.place.isChecked() is (around is dock.region.around)
    dock.session.place_centre((21, 50))
    assert not dock.region.place.isChecked()
    dock.region.place.click()
    click(viewer, (20 * 0.7, 50 * 0.7))
    assert dock.session.setup.centre == (20, 50)
    assert dock.region.where.text() == "Column 50, row 20"
    assert not dock.region.place.isChecked() and ours(viewer) == []
    np.testing.assert_allclose(layer(viewer, "SSN · region").data, [[20, 50]])
    run_and_wait(dock, qtbot)
    outside = np.array(layer(viewer, HYPOTHESIS).data)
    outside[4:36, 34:66] = 0
    assert outside.sum() == 0
    dock.region.whole.setChecked(True)
    assert "SSN · region" not in viewer.layers and not dock.run.button.isEnabled()


def ours(viewer: Any) -> list[Any]:
    """Callbacks of the mouse that are not napari's own."""
    return [one for one in viewer.mouse_drag_callbacks if one.__module__.startswith("napari_ssn")]


def click(viewer: Any, position: tuple[float, ...], moved: bool = False) -> None:
    """A click on the canvas as napari hands it to the callbacks of a viewer."""

    class Event:
        type = "mouse_press"

    event = Event()
    event.position = position
    for callback in ours(viewer):
        steps = callback(viewer, event)
        next(steps)
        if moved:
            event.type = "mouse_move"
            next(steps)
        event.type = "mouse_release"
        with pytest.raises(StopIteration):
            next(steps)
        event.type = "mouse_press"


# ---- Bad input: one sentence in the window, and what was there stays


def test_no_image(open_dock: Callable[..., Any], tmp_path: Path) -> None:
    _, dock = open_dock(tiny_model(tmp_path / "tiny"))
    assert not dock.run.button.isEnabled()
    assert dock.run.status.text() == "Open an image to begin."
    assert dock.image.geometry.text() == "No image is open."


def test_an_image_of_the_wrong_kind_is_said_before_run(
    opened: Any, qtbot: Any, tmp_path: Path
) -> None:
    viewer, dock = opened
    run_and_wait(dock, qtbot)
    kept = dock.session.result
    viewer.add_image(np.zeros((12, 40, 48), np.float32), name="volume")
    dock.image.layers.setCurrentIndex(dock.image.layers.findText("volume"))
    # A volume is none: its slices are read one by one.
    assert dock.image.fit.text() == "" and dock.run.button.isEnabled()
    viewer.add_image(np.zeros((40, 48, 3), np.uint8), name="photo", rgb=True)
    dock.image.layers.setCurrentIndex(dock.image.layers.findText("photo"))
    assert "RGB" in dock.image.fit.text() and not dock.run.button.isEnabled()
    viewer.add_image(np.zeros((2, 3, 4, 40, 48), np.float32), name="film")
    dock.image.layers.setCurrentIndex(dock.image.layers.findText("film"))
    assert "5 axes" in dock.image.fit.text() and not dock.run.button.isEnabled()
    dock.session.catalogue.add_folder(tiny_model(tmp_path / "deep", dims=3, region=(16, 16, 16)))
    qtbot.waitUntil(lambda: dock.session.setup.model.card.name == "deep", timeout=20_000)
    dock.image.layers.setCurrentIndex(dock.image.layers.findText("scan"))
    assert "3D volumes" in dock.image.fit.text()
    assert dock.session.result is kept and HYPOTHESIS in viewer.layers


@pytest.mark.parametrize(
    ("value", "words"), [(3.0, "same value everywhere"), (np.nan, "NaN"), (np.inf, "infinite")]
)
def test_values_that_cannot_be_used(opened: Any, qtbot: Any, value: float, words: str) -> None:
    viewer, dock = opened
    run_and_wait(dock, qtbot)
    data = np.full((40, 48), value, np.float32)
    data[0, 0] = data[0, 0] if value == 3.0 else 0.0
    viewer.add_image(data, name="bad", contrast_limits=(0, 1))
    dock.image.layers.setCurrentIndex(dock.image.layers.findText("bad"))
    dock.run.button.click()
    qtbot.waitUntil(lambda: dock.session.state == "error", timeout=20_000)
    assert words in dock.run.status.text() and dock.run.status.property("role") == "error"
    assert dock.session.result is not None and HYPOTHESIS in viewer.layers


def test_a_damaged_model_folder(opened: Any, qtbot: Any, tmp_path: Path) -> None:
    _, dock = opened
    dock.session.catalogue.add_folder(tmp_path)
    qtbot.waitUntil(lambda: dock.session.state == "error", timeout=20_000)
    assert "no readable card" in dock.run.status.text()
    assert dock.image.models.currentText() == "Tiny 2D model" and dock.run.button.isEnabled()


def test_an_export_that_fails_keeps_the_result(opened: Any, qtbot: Any, tmp_path: Path) -> None:
    _, dock = opened
    run_and_wait(dock, qtbot)
    nowhere = tmp_path / "gone" / "a.nii.gz"
    dock.export.ask = lambda parent, name, pattern: str(nowhere)
    dock.export.write.click()
    qtbot.waitUntil(lambda: dock.session.state == "error", timeout=20_000)
    assert dock.export.told.text() == "That folder does not exist: choose another folder."
    assert dock.session.result is not None and dock.export.write.isEnabled()
    dock.export.ask = lambda parent, name, pattern: ""
    dock.export.write.click()
    assert dock.session.state == "error"


def test_an_unexpected_error_is_said_and_logged(
    opened: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _, dock = opened

    def fail(*args: Any, **options: Any) -> Any:
        raise KeyError("/secret/patient")

    monkeypatch.setattr("napari_ssn.prediction.run.run", fail)
    dock.run.button.click()
    qtbot.waitUntil(lambda: dock.session.state == "error", timeout=20_000)
    assert "unexpected" in dock.run.status.text()
    told = [r for r in caplog.records if r.name == "napari_ssn.gui.worker"]
    assert [r.getMessage() for r in told if r.levelname == "ERROR"] == [
        "A job of napari-ssn failed: KeyError"
    ]


# ---- While something runs


def hold_runs(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Make the worker wait inside every run until the event is set or it is cancelled."""
    from napari_ssn.session import jobs

    release, real = threading.Event(), jobs.run_job

    def slow(store: Any, request: Any, run: int, progress: Any, cancel: Any) -> Any:
        progress(Step("running", 1, 4))
        while not release.wait(0.01):
            cancel.check()
        return real(store, request, run, progress, cancel)

    monkeypatch.setattr(jobs, "run_job", slow)
    return release


def test_cancel_is_at_once_and_the_next_run_works(
    opened: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, dock = opened
    release = hold_runs(monkeypatch)
    dock.run.button.click()
    qtbot.waitUntil(lambda: dock.session.state == "running", timeout=20_000)
    assert dock.run.button.text() == "Cancel" and dock.run.status.text().startswith(
        "Running 2 of 4"
    )
    dock.run.button.click()
    assert dock.run.button.text() == "Run" and dock.run.status.text() == "Cancelled."
    release.set()
    run_and_wait(dock, qtbot)
    assert dock.session.result.run == 2


def test_the_image_is_deleted_during_a_run(
    opened: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer, dock = opened
    release = hold_runs(monkeypatch)
    dock.run.button.click()
    qtbot.waitUntil(lambda: dock.session.state == "running", timeout=20_000)
    viewer.layers.remove("scan")
    assert not dock.session.busy and "stopped" in dock.run.status.text()
    release.set()
    qtbot.wait(100)
    assert dock.session.result is None and len(viewer.layers) == 0


def test_a_changed_or_deleted_image_greys_the_result_and_keeps_it(opened: Any, qtbot: Any) -> None:
    viewer, dock = opened
    run_and_wait(dock, qtbot)
    walking = layer(viewer, HYPOTHESIS)
    colour = np.array(walking.colormap.color_dict[1])
    viewer.layers["scan"].data = noise_image((40, 48), seed=5)
    assert dock.session.stale and not dock.slider.isEnabled() and dock.export.isEnabled()
    assert "run again" in dock.result.old.text()
    assert not np.allclose(walking.colormap.color_dict[1], colour)
    run_and_wait(dock, qtbot)
    qtbot.waitUntil(lambda: not dock.session.stale, timeout=20_000)
    viewer.layers.remove("scan")
    assert dock.session.stale and HYPOTHESIS in viewer.layers
    assert dock.image.layers.count() == 0


def test_a_duplicate_of_the_walking_layer_stands_still(opened: Any, qtbot: Any) -> None:
    from copy import deepcopy

    viewer, dock = opened
    run_and_wait(dock, qtbot)
    walking = layer(viewer, HYPOTHESIS)
    data, _, _ = walking.as_layer_data_tuple()
    duplicate = deepcopy(data)
    mean = np.array(walking.data)
    dock.slider.slider.setValue(40)
    np.testing.assert_array_equal(np.asarray(duplicate), mean)
    with pytest.raises(TypeError, match="follows the slider"):
        walking.data[0, 0] = 1


@pytest.mark.parametrize("mode", ["paint", "erase", "fill", "polygon"])
def test_a_brush_on_the_walking_layer_paints_a_kept_copy(
    opened: Any, qtbot: Any, mode: str
) -> None:
    viewer, dock = opened
    run_and_wait(dock, qtbot)
    dock.slider.slider.setValue(10)
    walking = layer(viewer, HYPOTHESIS)
    before = np.array(walking.data)
    walking.mode = mode
    assert walking.mode == "pan_zoom" and "kept" in dock.run.status.text()
    qtbot.waitUntil(lambda: any("kept" in one.name for one in viewer.layers), timeout=20_000)
    kept = next(one for one in viewer.layers if "kept" in one.name)
    assert viewer.layers.selection == {kept} and kept.mode == mode and walking.mode == "pan_zoom"
    kept.paint((5, 6), 1)
    assert kept.data[5, 6] == 1
    np.testing.assert_array_equal(np.array(walking.data), before)
    # The next one kept is kept as usual.
    dock.slider.slider.setValue(12)
    dock.samples.keep.click()
    qtbot.waitUntil(lambda: sum("kept" in one.name for one in viewer.layers) == 2, timeout=20_000)
    assert viewer.layers.selection == {kept}


# ---- Closing


def test_closing_the_dock_during_a_run_cancels_and_lets_go(
    opened: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer, dock = opened
    run_and_wait(dock, qtbot)
    bound = [*KEYS]
    keys_before = len(viewer.keymap)
    assert keys_before >= len(bound)
    hold_runs(monkeypatch)
    dock.region.around.setChecked(True)
    assert dock.region.place.isChecked()
    dock.run.button.click()
    frozen = np.array(layer(viewer, HYPOTHESIS).data)
    session = dock.session
    viewer.window.remove_dock_widget(dock)
    assert not session.busy and session.result is None
    assert len(viewer.keymap) == keys_before - len(bound)
    assert len(layer(viewer, HYPOTHESIS).keymap) == 0
    assert ours(viewer) == []
    # The layer stays, as a plain array.
    assert isinstance(layer(viewer, HYPOTHESIS).data, np.ndarray)
    np.testing.assert_array_equal(layer(viewer, HYPOTHESIS).data, frozen)
    viewer.layers["scan"].scale = (1, 1)
    viewer.add_image(np.zeros((4, 4)), name="another")
    viewer.theme = "light"
    image = layer(viewer, "scan")
    for emitters in (viewer.events, viewer.layers.events, image.events):
        for name in emitters:
            assert listening(emitters[name]) == [], name
    dock.shut()
    qtbot.wait(20)
    assert not isalive(dock)


def listening(emitter: Any) -> list[Any]:
    """What of ours an event of napari's would still call."""
    owners = [one[0]() if isinstance(one, tuple) else one for one in emitter.callbacks]
    return [one for one in owners if type(one).__module__.startswith("napari_ssn")]


@pytest.mark.own_window
def test_the_viewer_closes_with_the_dock_open_and_a_run_under_way(
    opened: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer, dock = opened
    hold_runs(monkeypatch)
    dock.run.button.click()
    qtbot.waitUntil(lambda: dock.session.state == "running", timeout=20_000)
    session = dock.session
    viewer.close()
    qtbot.wait(50)
    assert not session.busy


# ---- Settings


def test_settings_take_effect(opened: Any, qtbot: Any) -> None:
    viewer, dock = opened
    run_and_wait(dock, qtbot)
    panel, walking = dock.settings.boxes, layer(viewer, HYPOTHESIS)
    panel["hypotheses"].setValue(200)
    qtbot.waitUntil(lambda: dock.session.ranges is not None, timeout=20_000)
    assert "of 200 hypotheses" in dock.result.ranges[0].text()
    panel["reach"].setValue(2.0)
    assert dock.slider.slider.maximum() == 40 and dock.slider.low.toolTip().startswith("−2 ")
    panel["samples"].setValue(9)
    dock.samples.next.click()
    assert dock.samples.here.text() == "Hypothesis 1 of 9"
    assert walking.contour == 0 and walking.opacity == 0
    panel["lines"].setChecked(False)
    panel["width"].setValue(3)
    assert walking.contour == 3
    panel["outline"].setChecked(False)
    assert walking.contour == 0 and not panel["width"].isEnabled()
    panel["opacity"].setValue(400_000)
    assert walking.opacity == pytest.approx(0.4)


def words_of(label: QLabel) -> int:
    """Pixels that the words of a label take."""
    return label.fontMetrics().horizontalAdvance(label.text())


@pytest.mark.shown
@pytest.mark.parametrize("points", [9, 15])
def test_nothing_is_cut_off_sideways_at_any_font_size(
    open_dock: Callable[..., Any], qtbot: Any, tmp_path: Path, points: int
) -> None:
    appearance = get_settings().appearance
    before = appearance.font_size
    viewer, dock = open_dock(tiny_model(tmp_path / "tiny"), show=True, painted=False)
    add_image(viewer)
    run_and_wait(dock, qtbot)
    try:
        appearance.font_size = points
        headline = dock.result.headlines[0]
        for page in map(dock.tabs.widget, range(dock.tabs.count())):
            least = page.widget().minimumSizeHint().width()
            qtbot.waitUntil(lambda page=page, least=least: page.minimumSizeHint().width() >= least)
            qtbot.waitUntil(lambda least=least: dock.minimumSizeHint().width() >= least)
        # Titles are read in full, whatever stands beside them.
        dock.session.pointing.add((5, 6), 1)
        qtbot.waitUntil(lambda: settled(dock.session) and dock.points.clear.isVisibleTo(dock))
        QApplication.processEvents()
        titles = [one for one in dock.findChildren(QLabel) if one.property("role") == "section"]
        cut = [one.text() for one in titles if one.isVisible() and one.width() < words_of(one)]
        assert len(titles) > 8 and not cut
        # What matters most is never smaller than the words around it.
        qtbot.waitUntil(
            lambda: headline.fontInfo().pixelSize() > dock.run.status.fontInfo().pixelSize()
        )
    finally:
        appearance.font_size = before


@pytest.mark.shown
def test_the_main_path_fits_a_small_screen(
    open_dock: Callable[..., Any], qtbot: Any, tmp_path: Path
) -> None:
    viewer, dock = open_dock(tiny_model(tmp_path / "tiny"), show=True, painted=False)
    viewer.window.resize(1280, 800)
    add_image(viewer)
    run_and_wait(dock, qtbot)
    qtbot.waitUntil(lambda: dock.session.cards is not None)
    qtbot.wait(200)
    area = dock.tabs.widget(0)
    # From Run to the samples nothing has to be scrolled, and no row is cut by the edge.
    assert area.verticalScrollBar().maximum() == 0
    last = dock.samples.add
    end = last.mapTo(area.viewport(), last.rect().bottomLeft()).y()
    assert area.verticalScrollBar().value() == 0 and end < area.viewport().height()
    assert area.widget().width() <= area.viewport().width()
    assert dock.width() <= 360  # with the scroll bar for what comes after Export
    # What is exported, and Export, are in sight at any size of letters, and cover nothing.
    appearance, before = get_settings().appearance, get_settings().appearance.font_size
    try:
        for points in (before, 15):
            appearance.font_size = points
            QApplication.processEvents()
            for one in (dock.export.what, dock.export.part, dock.export.write):
                assert one.visibleRegion().boundingRect() == one.rect()
            # A picture beside it is what it is all about.
            assert dock.minimumSizeHint().width() < (440 if points > before else 360)
            assert area.viewport().geometry().bottom() < area.foot.geometry().top()
    finally:
        appearance.font_size = before
    for box in dock.findChildren(type(dock.run.button)):
        assert box.focusPolicy() != Qt.FocusPolicy.StrongFocus


def cut_rows(page: Page) -> list[str]:
    """What the lower edge of a page cuts through before anybody has scrolled."""
    page.verticalScrollBar().setValue(0)
    QApplication.processEvents()
    edge, found = page.viewport().height(), []
    for one in page.widget().findChildren(QWidget):
        if one.layout() is not None or not one.isVisible() or type(one) is QWidget:
            continue
        top = one.mapTo(page.viewport(), QPoint(0, 0)).y()
        if top < edge - 1 and top + one.height() > edge + 1:
            words = one.text() if isinstance(one, QLabel | QPushButton) else one.toolTip()
            found.append(f"{type(one).__name__} {words} {top}–{top + one.height()} over {edge}")
    return found


@pytest.mark.shown
@pytest.mark.parametrize("points", [9, 15])
def test_no_row_is_cut_by_the_edge_in_any_state(
    open_dock: Callable[..., Any], qtbot: Any, tmp_path: Path, points: int
) -> None:
    viewer, dock = open_dock(tiny_model(tmp_path / "tiny"), show=True, painted=False)
    viewer.window.resize(1280, 800)
    session, appearance = dock.session, get_settings().appearance
    before, area = appearance.font_size, dock.tabs.widget(0)

    def looked_at(what: str, whole: bool = False) -> None:
        # What is counted meanwhile is laid out when it is there.
        qtbot.wait(150)
        cut: list[str] = []

        def ends_between_rows() -> bool:
            cut[:] = cut_rows(area)
            return not cut

        with suppress(qtbot.TimeoutError):
            qtbot.waitUntil(ends_between_rows, timeout=20_000)
        assert not cut, what
        if whole and points == before:
            last = dock.samples.add
            assert last.visibleRegion().boundingRect() == last.rect(), what

    def export(name: str) -> None:
        dock.export.ask = lambda *_: str(tmp_path / name)
        said = session.note
        dock.export.write.click()
        qtbot.waitUntil(lambda: session.note is not said and session.activity is None)

    try:
        appearance.font_size = points
        looked_at("empty")
        add_image(viewer)
        looked_at("opened")
        run_and_wait(dock, qtbot)
        qtbot.waitUntil(lambda: session.cards is not None)
        looked_at("result", whole=True)
        dock.samples.keep.click()
        qtbot.waitUntil(lambda: len(dock.scene.copies.kept) == 1)
        looked_at("kept", whole=True)
        export("Lung-nodule-4_e95f2c1a_z012_mean-boundary-moved_6.46mL.nii.gz")
        looked_at("kept and exported", whole=True)
        export("nowhere/out.nii.gz")
        looked_at("not exported")
        dock.points.buttons[0].click()
        looked_at("pointing")
        session.pointing.add((5, 6), 1)
        qtbot.waitUntil(lambda: settled(session) and dock.points.clear.isVisibleTo(dock))
        looked_at("a point")
        dock.outcomes.toggle.click()
        looked_at("asking")
        dock.cards.compare.click()
        looked_at("comparing")
        dock.fold.expand()
        looked_at("what was set")
        session.tell("Something went wrong while this was computed: try it again.", True)
        looked_at("an error")
        viewer.layers.clear()
        looked_at("closed")
    finally:
        appearance.font_size = before


# As many logical pixels as 1280 × 800 and 1920 × 1080 have, and what a scale of 1.5 or 2 leaves.
SCREENS = ((1280, 800), (853, 533), (640, 400), (1920, 1080), (960, 540))


def unreachable(page: Page) -> list[str]:
    """Controls of a page that cannot be brought into view, however it is scrolled."""
    kinds = (QAbstractButton, QComboBox, QAbstractSlider, QLineEdit, QAbstractSpinBox)
    lost, view = [], page.viewport()
    for control in (one for kind in kinds for one in page.widget().findChildren(kind)):
        if not control.isVisibleTo(page.widget()) or not control.height():
            continue
        page.ensureWidgetVisible(control, 0, 0)
        place = control.mapTo(view, control.rect().center())
        wide = control.width() <= view.width() or page.horizontalScrollBar().maximum() > 0
        if not view.rect().contains(place) or not wide:
            lost.append(f"{type(control).__name__} {control.toolTip() or control.accessibleName()}")
    return lost


@pytest.mark.shown
def test_every_control_can_be_reached_on_every_screen(
    open_dock: Callable[..., Any], qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer, dock = open_dock(tiny_model(tmp_path / "tiny"), show=True, painted=False)
    add_image(viewer)
    run_and_wait(dock, qtbot)
    dock.archives.open()
    dialog, appearance = dock.archives.dialog, get_settings().appearance
    before = appearance.font_size
    try:
        for points in (9, 15):
            appearance.font_size = points
            for wide, high in SCREENS:
                monkeypatch.setattr(Page, "most", property(lambda _, wide=wide: int(0.55 * wide)))
                viewer.window.resize(wide, high)
                dialog.resize(min(520, wide), min(620, high))
                QApplication.processEvents()
                # What stands above the pages, and the least of them.
                assert dock.minimumSizeHint().height() <= 240
                assert dialog.minimumSizeHint().height() <= 400
                for at in range(dock.tabs.count()):
                    dock.tabs.setCurrentIndex(at)
                    QApplication.processEvents()
                    page = dock.tabs.widget(at)
                    assert page.viewport().height() > 40
                    assert not unreachable(page), (points, wide, high, at)
                assert not unreachable(dialog.findChild(Page)), (points, wide, high)
    finally:
        appearance.font_size = before
