"""What becomes of layers from run to run, when they are deleted, and when the dock is closed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from napari._vispy.canvas import VispyCanvas
from napari.utils.key_bindings import coerce_keybinding

from napari_ssn.gui.dock import SSNDock
from napari_ssn.gui.layers import copies as module
from napari_ssn.gui.layers.results import (
    HYPOTHESIS,
    REGION,
)
from tests.support.docks import add_image, run_and_wait, settled
from tests.support.helpers import noise_image, tiny_model


def names(viewer: Any) -> list[str]:
    return [layer.name for layer in viewer.layers]


def add_samples(viewer: Any, dock: Any, qtbot: Any, count: int) -> None:
    wanted = len(viewer.layers) + count
    dock.samples.count.setValue(count)
    dock.samples.add.click()
    qtbot.waitUntil(lambda: len(viewer.layers) == wanted, timeout=20_000)


def run_again(dock: Any, qtbot: Any) -> None:
    run = dock.session.result.run
    dock.run.button.click()
    qtbot.waitUntil(
        lambda: dock.session.result.run == run + 1 and settled(dock.session), timeout=20_000
    )


# ---- Undo


def test_undo_takes_back_what_was_kept_added_and_deleted(opened: Any, qtbot: Any) -> None:
    viewer, dock = opened
    run_and_wait(dock, qtbot)
    session, undo, redo = dock.session, dock.slider.undo, dock.slider.redo
    assert not undo.isEnabled()
    session.walk.set_sigma(0.5)
    dock.samples.keep.click()
    qtbot.waitUntil(lambda: len(session.copies.kept) == 1, timeout=20_000)
    (kept,) = dock.scene.copies.kept
    add_samples(viewer, dock, qtbot, 3)
    samples = [f"SSN · sample 0{k}" for k in (1, 2, 3)]
    assert set(samples) < set(names(viewer))
    session.walk.set_sigma(1.0)
    viewer.layers.remove(samples[1])
    viewer.layers.remove(kept)
    assert not session.copies.kept and undo.isEnabled() and not redo.isEnabled()
    # Back through all of it, one step each.
    undo.click()
    assert kept in viewer.layers and len(session.copies.kept) == 1
    assert samples[1] not in names(viewer)
    undo.click()
    assert set(samples) < set(names(viewer))
    undo.click()
    assert session.walk.choice.sigma == 0.5 and set(samples) < set(names(viewer))
    undo.click()
    assert not set(samples) & set(names(viewer)) and kept in viewer.layers
    # Those that were taken back are the next to be added.
    undo.click()
    assert kept not in viewer.layers and not session.copies.kept
    undo.click()
    assert session.walk.choice.sigma == 0 and not undo.isEnabled()
    # And on again, with what was painted meanwhile.
    kept.paint((5, 6), 1)
    painted = np.array(kept.data)
    for _ in range(4):
        redo.click()
    assert session.walk.choice.sigma == 1.0 and set(samples) < set(names(viewer))
    assert kept in viewer.layers and len(session.copies.kept) == 1
    (drawn,) = dock.scene.drawn(session.result.run)
    np.testing.assert_array_equal(dock.scene.here.shown(drawn.labels), painted)
    assert drawn.edited
    for _ in range(2):
        undo.click()
    assert not set(samples) & set(names(viewer))
    add_samples(viewer, dock, qtbot, 1)
    assert samples[0] in names(viewer) and not redo.isEnabled()


def test_who_paints_takes_back_strokes(opened: Any, qtbot: Any) -> None:
    viewer, dock = opened
    run_and_wait(dock, qtbot)
    dock.samples.keep.click()
    qtbot.waitUntil(lambda: len(dock.scene.copies.kept) == 1, timeout=20_000)
    (kept,) = dock.scene.copies.kept
    before = np.array(kept.data)
    viewer.layers.selection = {kept}
    kept.mode = "paint"
    kept.paint((5, 6), 1 - int(before[5, 6]))
    press = kept.keymap[coerce_keybinding("Control-Z")]
    press(kept)
    np.testing.assert_array_equal(kept.data, before)
    kept.mode = "pan_zoom"
    press(kept)
    assert kept not in viewer.layers


def test_what_was_kept_is_saved_as_it_was_decoded(
    opened: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What takes as long as the image is large is done where it is decoded."""
    _, dock = opened
    run_and_wait(dock, qtbot)
    made = []
    dock.session.copies.made.connect(made.append)
    monkeypatch.setattr(module, "digest_of", lambda labels: pytest.fail("looked through"))
    dock.samples.keep.click()
    qtbot.waitUntil(lambda: len(dock.scene.copies.kept) == 1, timeout=20_000)
    (drawn,) = dock.scene.drawn(dock.session.result.run)
    assert drawn is made[0].drawn


def test_layers_that_go_together_cost_as_much_as_one(
    opened: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer, dock = opened
    looked = []
    update = VispyCanvas._clean_and_update_scenegraph

    def counted(canvas: VispyCanvas) -> None:
        looked.append(len(viewer.layers))
        update(canvas)

    monkeypatch.setattr(VispyCanvas, "_clean_and_update_scenegraph", counted)
    run_and_wait(dock, qtbot)
    add_samples(viewer, dock, qtbot, 4)
    for kind in ("boxplot", "probability"):
        dock.session.overviews.show(kind, True)
    qtbot.waitUntil(lambda: len(viewer.layers) == 8, timeout=20_000)
    # Each time napari searches all of Python's objects.
    assert not looked
    dock.slider.undo.click()
    assert names(viewer)[-1] == HYPOTHESIS and looked == [4]
    add_samples(viewer, dock, qtbot, 3)
    run_again(dock, qtbot)
    # Samples, and pictures of the run before.
    assert len(looked) == 3, looked


# ---- From run to run


def test_untouched_samples_make_room_and_all_others_stay(opened: Any, qtbot: Any) -> None:
    viewer, dock = opened
    run_and_wait(dock, qtbot)
    add_samples(viewer, dock, qtbot, 4)
    viewer.layers["SSN · sample 02"].paint((5, 6), 1)
    painted = np.array(viewer.layers["SSN · sample 02"].data)
    viewer.layers["SSN · sample 03"].name = "for the meeting"
    # Painted and undone is as it was.
    viewer.layers["SSN · sample 04"].paint((5, 6), 1)
    viewer.layers["SSN · sample 04"].undo()
    dock.samples.keep.click()
    qtbot.waitUntil(lambda: any("kept" in name for name in names(viewer)), timeout=20_000)
    kept = next(name for name in names(viewer) if "kept" in name)
    run_again(dock, qtbot)
    assert set(names(viewer)) == {
        "scan",
        "SSN · sample 02 · earlier run",
        "for the meeting · earlier run",
        f"{kept} · earlier run",
        HYPOTHESIS,
    }
    np.testing.assert_array_equal(viewer.layers["SSN · sample 02 · earlier run"].data, painted)
    assert not any(one.visible for one in viewer.layers if "earlier run" in one.name)
    assert "2 samples of the run before made room" in dock.run.status.text()
    # What stayed once stays, and nothing piles up.
    add_samples(viewer, dock, qtbot, 2)
    before = [name for name in names(viewer) if "earlier run" in name]
    run_again(dock, qtbot)
    run_again(dock, qtbot)
    assert [name for name in names(viewer) if "earlier run" in name] == before
    assert len(viewer.layers) == len(before) + 2


def test_samples_of_another_image_stay(opened: Any, qtbot: Any) -> None:
    viewer, dock = opened
    run_and_wait(dock, qtbot)
    add_samples(viewer, dock, qtbot, 1)
    viewer.add_image(noise_image((30, 34), seed=2), name="follow-up")
    run_again(dock, qtbot)
    # It waits for its own result to be shown again.
    assert not viewer.layers["SSN · sample 01"].visible
    assert "Done in" in dock.run.status.text()


# ---- The outline that follows the slider


def test_a_deleted_outline_comes_back_at_the_next_move(opened: Any, qtbot: Any) -> None:
    viewer, dock = opened
    run_and_wait(dock, qtbot)
    dock.slider.slider.setValue(10)
    viewer.layers.remove(HYPOTHESIS)
    assert "comes back" in dock.run.status.text()
    # What is announced again without a move does not bring it back.
    dock.session.walk.announce()
    assert HYPOTHESIS not in viewer.layers
    dock.slider.slider.setValue(20)
    walking = viewer.layers[HYPOTHESIS]
    np.testing.assert_array_equal(np.array(walking.data), dock.session.walk.label_map(()))
    assert walking.metadata["napari_ssn"]["sigma"] == pytest.approx(1.0)
    assert "comes back" not in dock.run.status.text()
    # With its keys, and as editable as before.
    assert len(walking.keymap) > 0
    walking.mode = "paint"
    qtbot.waitUntil(lambda: any("kept" in name for name in names(viewer)), timeout=20_000)


def test_a_deleted_outline_comes_back_with_the_key_that_shows_it(opened: Any, qtbot: Any) -> None:
    viewer, dock = opened
    run_and_wait(dock, qtbot)
    before = np.array(viewer.layers[HYPOTHESIS].data)
    viewer.layers.remove(HYPOTHESIS)
    dock.scene.toggle()
    assert viewer.layers[HYPOTHESIS].visible
    np.testing.assert_array_equal(np.array(viewer.layers[HYPOTHESIS].data), before)
    # Of a stale result it comes back as grey as it was.
    viewer.layers["scan"].data = viewer.layers["scan"].data[::-1].copy()
    viewer.layers.remove(HYPOTHESIS)
    dock.scene.toggle()
    assert np.ptp(viewer.layers[HYPOTHESIS].colormap.color_dict[1][:3]) == 0


# ---- Closing and opening the dock


def reopened(viewer: Any, dock: Any, qtbot: Any, *models: Path) -> Any:
    viewer.window.remove_dock_widget(dock)
    again = SSNDock(viewer, models)
    viewer.window.add_dock_widget(again, name="SSN hypotheses")
    qtbot.waitUntil(lambda: again.session.setup.survey is not None, timeout=60_000)
    return again


def test_a_dock_opened_again_knows_model_and_centre(
    open_dock: Callable[..., Any], qtbot: Any, tmp_path: Path
) -> None:
    first, second, own = (tiny_model(tmp_path / name) for name in ("first", "second", "own"))
    viewer, dock = open_dock(first, second)
    add_image(viewer)
    dock.session.catalogue.add_folder(own)
    qtbot.waitUntil(lambda: dock.session.setup.model.folder == own, timeout=20_000)
    dock.session.place_centre((20, 22))
    assert REGION in viewer.layers
    viewer.window.remove_dock_widget(dock)
    # Without a dock the cross would mean nothing.
    assert names(viewer) == ["scan"]
    again = SSNDock(viewer, (first, second))
    viewer.window.add_dock_widget(again, name="SSN hypotheses")
    qtbot.waitUntil(lambda: again.session.setup.survey is not None, timeout=60_000)
    setup = again.session.setup
    assert setup.model.folder == own and setup.picked == own
    assert setup.centre == (20, 22) and setup.around_point and again.region.around.isChecked()
    assert names(viewer).count(REGION) == 1
    again.session.catalogue.choose(second)
    third = reopened(viewer, again, qtbot, first, second)
    assert third.session.setup.model.folder == second
    # Another image is set up from the beginning.
    viewer.add_image(noise_image((30, 34)), name="another")
    assert third.session.setup.centre is None


def test_the_whole_image_stays_chosen(opened: Any, qtbot: Any) -> None:
    viewer, dock = opened
    dock.session.place_centre((20, 22))
    dock.session.set_around_point(False)
    again = reopened(viewer, dock, qtbot, dock.session.setup.model.folder)
    assert not again.session.setup.around_point and again.session.setup.centre is None
    assert again.session.setup.picked is None and REGION not in viewer.layers


def test_what_a_closed_dock_left_makes_room_for_the_next_result(opened: Any, qtbot: Any) -> None:
    viewer, dock = opened
    run_and_wait(dock, qtbot)
    left = np.array(viewer.layers[HYPOTHESIS].data)
    again = reopened(viewer, dock, qtbot, dock.session.setup.model.folder)
    assert viewer.layers[HYPOTHESIS].visible
    run_and_wait(again, qtbot)
    earlier = viewer.layers[f"{HYPOTHESIS} · earlier run"]
    assert not earlier.visible
    np.testing.assert_array_equal(earlier.data, left)
    assert names(viewer).count(HYPOTHESIS) == 1
