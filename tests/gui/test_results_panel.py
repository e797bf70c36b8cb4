"""From one image to another and back: result, layers and place are as they were left."""

from __future__ import annotations

from typing import Any

import numpy as np

from napari_ssn.gui.layers.results import HYPOTHESIS, REGION
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
    assert "closed" in dock.export.told.text() and not dock.export.write.isEnabled()
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


def test_outline_and_cross_move_with_the_result(open_dock: Any, qtbot: Any, tmp_path: Any) -> None:
    """On an image elsewhere in the world, at a voxel of the same numbers."""
    from tests.support.helpers import tiny_model

    viewer, dock = open_dock(tiny_model(tmp_path / "solid", 3, region=(16,) * 3))
    moved = {"scale": (2.0, 0.5, 0.5), "translate": (40.0, -30.0, 7.0)}
    places: list[Any] = [{"scale": (0.7,) * 3}, moved]
    for number, (name, place) in enumerate(zip("AB", places, strict=True)):
        image = noise_image((24, 20 + number, 22), seed=number)
        viewer.add_image(image, name=name, units="mm", **place)
        dock.image.layers.setCurrentText(name)
        dock.session.place_centre((5, 10, 11))
        dock.run.button.click()
        qtbot.waitUntil(lambda name=name: current(dock, name), timeout=60_000)
    outline, cross = viewer.layers[HYPOTHESIS], viewer.layers[REGION]
    for number in (0, 1, 0):
        dock.results.box.activated.emit(number)
        image = viewer.layers["AB"[number]]
        # They are moved: napari takes long to let go of a layer.
        for layer in (outline, cross):
            assert viewer.layers[layer.name].unique_id == layer.unique_id
        assert viewer.layers.index(outline) == len(viewer.layers) - 1
        assert outline.data.shape == image.data.shape
        for layer in (outline, cross):
            np.testing.assert_allclose(
                layer.data_to_world((3.0, 4.0, 5.0)), image.data_to_world((3.0, 4.0, 5.0))
            )
        np.testing.assert_allclose(
            cross.data_to_world(cross.data[0]), dock.scene.picture.place_of((5, 10, 11))
        )
