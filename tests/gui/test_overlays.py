"""Probability and boxplot in the viewer, chosen in the settings."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_ssn.core.summaries.lines import MEDIAN_BIT, boxplot_lines
from napari_ssn.gui.layers.colours import TONES
from napari_ssn.gui.layers.overlays import NAMES
from napari_ssn.gui.layers.results import HYPOTHESIS
from napari_ssn.prediction.choice import Choice
from tests.support.docks import add_image, run_and_wait
from tests.support.helpers import tiny_model


def there(dock: Any) -> bool:
    overviews = dock.session.overviews
    return all(overviews.current(kind) for kind in overviews.wanted)


def switch(dock: Any, qtbot: Any, *kinds: str, on: bool = True) -> None:
    for kind in kinds:
        dock.settings.boxes[kind].setChecked(on)
    qtbot.waitUntil(lambda: there(dock), timeout=60_000)


def test_they_are_options_and_off_by_default(opened: Any, qtbot: Any) -> None:
    viewer, dock = opened
    run_and_wait(dock, qtbot)
    assert not any(name in viewer.layers for name in NAMES.values())
    assert not dock.overview.isVisibleTo(dock)
    selected = viewer.layers.selection.active
    switch(dock, qtbot, *NAMES)
    names = [layer.name for layer in viewer.layers]
    # Bands and probability on the image, and what moves on top of all.
    assert names[0] == "scan" and names[-1] == HYPOTHESIS
    assert set(names[1:3]) == {NAMES["probability"], NAMES["boxplot"]}
    assert viewer.layers.selection.active.name == selected.name == "scan"
    for kind in NAMES:
        layer = viewer.layers[NAMES[kind]]
        np.testing.assert_allclose(layer.scale, (0.7, 0.7))
        said = layer.metadata["napari_ssn"]
        assert (said["kind"], said["run"], said["label"]) == (kind, 1, None)
        assert said["draws"] == {"probability": None, "boxplot": 100}[kind]
        assert not layer.editable
    # A probability map is no image to segment.
    assert dock.image.layers.count() == 1 and not dock.session.stale
    assert tuple(viewer.layers[NAMES["probability"]].contrast_limits) == (0, 1)
    assert dock.overview.isVisibleTo(dock)
    switch(dock, qtbot, *NAMES, on=False)
    assert [layer.name for layer in viewer.layers] == ["scan", HYPOTHESIS]
    assert not dock.overview.isVisibleTo(dock)


@pytest.mark.styled
def test_a_boxplot_is_lines_in_a_slice_and_bands_in_a_volume(
    open_dock: Callable[..., Any], qtbot: Any, tmp_path: Path
) -> None:
    viewer, dock = open_dock(tiny_model(tmp_path / "deep", 3, 3, region=(16, 16, 16)))
    add_image(viewer, (18, 22, 20))
    run_and_wait(dock, qtbot)
    dock.settings.boxes["lines"].setChecked(False)
    switch(dock, qtbot, "boxplot")
    layer = viewer.layers[NAMES["boxplot"]]
    turn = dock.scene.frame.display.reorientation
    values = turn.apply(dock.session.overviews.of("boxplot").values)
    assert {1, 2} <= set(np.unique(values % MEDIAN_BIT))
    for order in ((0, 1, 2), (2, 0, 1)):
        viewer.dims.order = order
        at = int(viewer.dims.current_step[order[0]])
        shown = np.asarray(layer.__wrapped__._slice.image.raw)
        np.testing.assert_array_equal(shown, boxplot_lines(np.take(values, at, axis=order[0])))
    whole = np.asarray(layer.data)
    np.testing.assert_array_equal(deepcopy(layer.__wrapped__.data), whole)
    with pytest.raises(TypeError, match="cannot be painted on"):
        layer.data[0, 0, 0] = 1
    dock.settings.boxes["width"].setValue(2)
    plane = np.take(values, int(viewer.dims.current_step[2]), axis=2)
    np.testing.assert_array_equal(
        np.asarray(layer.__wrapped__._slice.image.raw), boxplot_lines(plane, 2)
    )
    # Of several labels one can be chosen.
    assert dock.overview.label.currentText() == "All labels"
    assert [dock.overview.label.itemText(i) for i in range(3)] == [
        "All labels",
        "Label 1",
        "Label 2",
    ]
    dock.overview.label.setCurrentIndex(2)
    dock.overview.label.activated.emit(2)
    qtbot.waitUntil(lambda: there(dock), timeout=60_000)
    assert viewer.layers[NAMES["boxplot"]].metadata["napari_ssn"]["label"] == 2
    assert dock.overview.label.currentIndex() == 2 and dock.overview.label.isVisibleTo(dock)
    dock.overview.layout().activate()
    assert dock.overview.label.geometry().right() < dock.overview.width()
    with pytest.warns(UserWarning, match="Contours are not displayed"):
        viewer.dims.ndisplay = 3


def test_deleting_the_layer_is_switching_it_off(opened: Any, qtbot: Any) -> None:
    viewer, dock = opened
    run_and_wait(dock, qtbot)
    switch(dock, qtbot, "probability", "boxplot")
    viewer.layers.remove(NAMES["probability"])
    assert not dock.settings.boxes["probability"].isChecked()
    assert dock.settings.boxes["boxplot"].isChecked()
    # It does not come back by itself.
    dock.slider.slider.setValue(20)
    assert NAMES["probability"] not in viewer.layers
    switch(dock, qtbot, "probability")
    assert NAMES["probability"] in viewer.layers


@pytest.mark.all_draws
def test_they_follow_the_points_and_the_next_run(opened: Any, qtbot: Any) -> None:
    viewer, dock = opened
    session = dock.session
    run_and_wait(dock, qtbot)
    switch(dock, qtbot, *NAMES)
    before = {kind: np.array(viewer.layers[NAMES[kind]].data) for kind in NAMES}
    lines = session.overviews.of("contours").tally
    voxel = tuple(int(i) for i in np.argwhere(session.overviews.of("contours").values == 1)[0])
    session.pointing.add(voxel, 1)
    qtbot.waitUntil(lambda: there(dock), timeout=60_000)
    assert viewer.layers[NAMES["probability"]].data[voxel] == 1
    said = viewer.layers[NAMES["probability"]].metadata["napari_ssn"]
    assert said["points"] == [[*voxel, 1]] and said["draws"] == 400
    assert tuple(viewer.layers[NAMES["probability"]].contrast_limits) == (0, 1)
    assert (session.overviews.of("contours").tally != lines).any()
    run_and_wait(dock, qtbot)
    qtbot.waitUntil(lambda: there(dock), timeout=60_000)
    np.testing.assert_array_equal(session.overviews.of("contours").tally, lines)
    for kind in NAMES:
        layer = viewer.layers[NAMES[kind]]
        np.testing.assert_array_equal(np.array(layer.data), before[kind])
        assert layer.metadata["napari_ssn"]["run"] == 2


def test_they_are_grey_with_a_stale_result(opened: Any, qtbot: Any) -> None:
    viewer, dock = opened
    run_and_wait(dock, qtbot)
    switch(dock, qtbot, *NAMES)

    def coloured(kind: str) -> bool:
        layer = viewer.layers[NAMES[kind]]
        colour = layer.colormap.map([1.0])[0] if kind == "probability" else layer.get_color(3)
        return bool(np.ptp(np.asarray(colour)[:3]) > 0.1)

    assert all(coloured(kind) for kind in NAMES)
    viewer.layers["scan"].data = viewer.layers["scan"].data[::-1].copy()
    assert dock.session.stale and not any(coloured(kind) for kind in NAMES)
    assert not dock.overview.isEnabled()


def test_samples_unlike_the_others_are_named_and_shown(
    opened: Any, qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, dock = opened
    session, panel = dock.session, dock.overview
    run_and_wait(dock, qtbot)
    switch(dock, qtbot, "boxplot")
    found = session.overviews.of("boxplot")
    # More of them than this model has, and than there are buttons.
    unlike = tuple(Choice(sample=at) for at in (3, 7, 12, 20, 41, 50, 66))
    found = replace(found, outliers=unlike)
    monkeypatch.setattr(session.overviews, "of", lambda kind: found)
    panel.refresh()
    panel.median.click()
    assert session.walk.choice == found.median
    shown = [one for one in panel.buttons if one.isVisibleTo(dock)]
    assert len(shown) == min(len(found.outliers), len(panel.buttons))
    assert "unlike the others" in panel.unlike.text()
    for one, choice in zip(shown, found.outliers, strict=False):
        one.click()
        assert session.walk.choice == choice
        assert one.text() == str(choice.sample + 1) == dock.samples.here.text().split()[1]
    # Those for whom there is no button are in a list.
    assert "4, 8, 13, 21, 42, 51 and 67 of 100" in panel.unlike.text()
    assert panel.more.isVisibleTo(dock) and len(panel.menu.actions()) == 2
    for action, choice in zip(panel.menu.actions(), unlike[5:], strict=True):
        action.trigger()
        assert session.walk.choice == choice and action.text() == f"Hypothesis {choice.sample + 1}"


def test_tones_are_told_apart_by_lightness_alone() -> None:
    def lightness(tone: str) -> float:
        linear = [
            ((c + 0.055) / 1.055) ** 2.4 if c > 0.04045 else c / 12.92
            for c in (int(tone[at : at + 2], 16) / 255 for at in (1, 3, 5))
        ]
        y = float(np.dot(linear, (0.2126, 0.7152, 0.0722)))
        return 116 * y ** (1 / 3) - 16

    steps = np.diff([lightness(tone) for tone in TONES])
    assert (steps > 9).all()
