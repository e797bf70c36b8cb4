"""From one image to another and back: result, layers and place are as they were left."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_ssn.gui.layers.results import HYPOTHESIS
from tests.support.docks import run_and_wait, settled
from tests.support.helpers import noise_image


def add(viewer: Any, name: str, seed: int, space: tuple[int, ...] = (36, 40)) -> Any:
    scale = (0.7,) * len(space)
    return viewer.add_image(noise_image(space, seed=seed), name=name, scale=scale, units="mm")


def current(dock: Any, layer: str) -> bool:
    session = dock.session
    return settled(session) and not session.stale and dock.image.layers.currentText() == layer


def test_the_list_goes_from_one_result_to_another(opened: Any, qtbot: Any) -> None:
    viewer, dock = opened
    panel, session = dock.results, dock.session
    run_and_wait(dock, qtbot)
    assert not panel.isVisibleTo(dock)
    session.walk.set_sigma(0.5)
    dock.samples.keep.click()
    qtbot.waitUntil(lambda: len(session.copies.kept) == 1, timeout=20_000)
    (kept,) = dock.scene.copies.layers
    before = np.array(viewer.layers[HYPOTHESIS].data)
    add(viewer, "follow-up", 2)
    dock.run.button.click()
    qtbot.waitUntil(lambda: current(dock, "follow-up"), timeout=60_000)
    assert panel.isVisibleTo(dock) and panel.box.count() == 2 and panel.box.currentIndex() == 1
    assert panel.box.itemText(0).startswith("scan · whole image · ")
    # What was kept of the first waits, under its own name.
    assert not kept.visible and "earlier" not in kept.name and kept in viewer.layers
    assert dock.scene.copies.layers == []
    other = np.array(viewer.layers[HYPOTHESIS].data)
    assert other.shape == (36, 40)
    panel.box.activated.emit(0)
    assert current(dock, "scan") and session.walk.choice.sigma == 0.5
    np.testing.assert_array_equal(np.array(viewer.layers[HYPOTHESIS].data), before)
    assert kept.visible and dock.scene.copies.layers == [kept]
    assert viewer.layers["scan"].visible and not viewer.layers["follow-up"].visible
    assert [layer.name for layer in viewer.layers].count(HYPOTHESIS) == 1
    # Who chooses the image gets its result as well.
    dock.image.layers.setCurrentText("follow-up")
    assert current(dock, "follow-up") and panel.box.currentIndex() == 1
    np.testing.assert_array_equal(np.array(viewer.layers[HYPOTHESIS].data), other)


def test_of_a_closed_or_changed_image_the_result_stays(opened: Any, qtbot: Any) -> None:
    viewer, dock = opened
    run_and_wait(dock, qtbot)
    add(viewer, "follow-up", 2)
    dock.run.button.click()
    qtbot.waitUntil(lambda: current(dock, "follow-up"), timeout=60_000)
    found = dock.session.results.entries[0].prediction
    viewer.layers.remove("scan")
    assert dock.results.box.itemText(0).startswith("image closed")
    dock.results.box.activated.emit(0)
    assert dock.session.result is found and dock.session.stale
    assert np.array(viewer.layers[HYPOTHESIS].data).shape == (40, 48)
    assert "closed" in dock.export.what.text() and not dock.export.write.isEnabled()
    dock.results.box.activated.emit(1)
    assert current(dock, "follow-up")
    # Another image is in its place: that has no result as yet.
    viewer.layers["follow-up"].data = viewer.layers["follow-up"].data[::-1].copy()
    assert dock.session.stale and len(dock.session.results.entries) == 2


def test_going_back_shows_the_lesion(open_dock: Any, qtbot: Any, tmp_path: Any) -> None:
    from tests.support.helpers import tiny_model

    viewer, dock = open_dock(tiny_model(tmp_path / "solid", 3, region=(16,) * 3))
    add(viewer, "scan", 0, (24, 20, 22))
    for centre in ((5, 10, 11), (18, 10, 11)):
        # On the grid of the file, whose axes are those of the array here, but the other way.
        dock.session.place_centre(centre)
        dock.run.button.click()
        qtbot.waitUntil(
            lambda at=centre: settled(dock.session) and dock.session.result.centre == at,
            timeout=60_000,
        )
    words = [dock.results.box.itemText(at) for at in range(2)]
    assert words[0] != words[1] and all("slice" in one and "row" in one for one in words)
    before = viewer.dims.current_step
    dock.results.box.activated.emit(0)
    assert dock.session.setup.centre == (5, 10, 11) and not dock.session.stale
    assert dock.scene.index_in(dock.session.result, (5, 10, 11)) is not None
    assert viewer.dims.current_step != before
