"""The list of lesions, and the histogram above it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_ssn.gui.layers.results import HYPOTHESIS
from tests.support.docks import add_image, run_and_wait
from tests.support.helpers import tiny_model

SPACE = (20, 24, 22)


@pytest.fixture
def spots(open_dock: Callable[..., Any], qtbot: Any, tmp_path: Path) -> tuple[Any, Any]:
    """Viewer and dock with a result of several lesions."""
    model = tiny_model(tmp_path / "spots", dims=3, region=(16, 16, 16), sparse=True)
    viewer, dock = open_dock(model)
    add_image(viewer, SPACE)
    run_and_wait(dock, qtbot)
    walk = dock.session.walk
    qtbot.waitUntil(lambda: walk.here.lesion_counts is not None, timeout=60_000)
    return viewer, dock


def cells(dock: Any, row: int) -> list[str]:
    table = dock.lesions.table
    return [table.item(row, column).text() for column in range(table.columnCount())]


def test_several_lesions_are_listed_by_size_with_what_is_known(spots: tuple[Any, Any]) -> None:
    viewer, dock = spots
    walk, measure = dock.session.walk, dock.session.result.source.measure
    panel, found = dock.lesions, dock.session.walk.lesions.found
    assert panel.isVisibleTo(dock) and panel.table.rowCount() == len(found) > 1
    for sigma in (0.0, 1.5):
        walk.set_sigma(sigma)
        labels = np.array(viewer.layers[HYPOTHESIS].data)
        for at, lesion in enumerate(found):
            voxels = int((labels[walk.lesions.parts == lesion.number] > 0).sum())
            number, size, _, present = cells(dock, at)
            assert number == str(at + 1) and size == measure.amount(voxels)
            assert present == f"{100 * lesion.existence:.0f} %"
    assert "±" in panel.table.item(0, 3).toolTip() and "200" in panel.table.item(0, 3).toolTip()
    assert panel.dropped.text() == f"{walk.lesions.dropped} below {measure.amount(30)} left out"


def test_a_click_jumps_to_the_lesion(spots: tuple[Any, Any], qtbot: Any) -> None:
    viewer, dock = spots
    for at in (1, 0):
        centre = dock.session.walk.lesions.found[at].centre
        dock.lesions.table.cellClicked.emit(at, 0)
        assert viewer.dims.current_step == centre
        np.testing.assert_allclose(viewer.scene.camera.center[1:], np.array(centre[1:]) * 0.7)
        assert dock.session.walk.selected == at + 1
        assert dock.lesions.alone.text() == f"Move lesion {at + 1} alone"


def test_the_slider_moves_one_lesion_and_then_all_others(spots: tuple[Any, Any]) -> None:
    viewer, dock = spots
    walk, panel, slider = dock.session.walk, dock.lesions, dock.slider
    parts = walk.lesions.parts
    mean = np.array(viewer.layers[HYPOTHESIS].data)
    assert not panel.chosen.isVisibleTo(dock)
    panel.table.cellClicked.emit(0, 0)
    panel.alone.click()
    assert slider.value.text() == "1: 0" and cells(dock, 0)[0] == "1 · alone"
    slider.slider.setValue(40)
    moved = np.array(viewer.layers[HYPOTHESIS].data)
    np.testing.assert_array_equal(moved[parts != 1], mean[parts != 1])
    assert (moved != mean).any() and slider.value.text() == "1: +2.00"
    assert dock.samples.here.text() == "Mean, lesion 1 alone"
    assert viewer.layers[HYPOTHESIS].metadata["napari_ssn"]["lesions"] == {"1": 2.0}
    panel.all.click()
    assert slider.slider.value() == 0 and slider.value.text() == "0"
    slider.slider.setValue(-20)
    after = np.array(viewer.layers[HYPOTHESIS].data)
    np.testing.assert_array_equal(after[parts == 1], moved[parts == 1])
    dist = dock.session.result.dist
    np.testing.assert_array_equal(after[parts != 1], dist.label_map(walk.z)[parts != 1])
    # The headline and the histogram speak of what is on show.
    size = dock.session.result.source.measure.amount(int(after.sum()))
    assert size in dock.result.headlines[0].text() and dock.result.bars[0].at == after.sum()
    panel.table.cellClicked.emit(0, 0)
    assert panel.alone.isChecked() and slider.slider.value() == 40
    panel.alone.click()
    together = np.array(viewer.layers[HYPOTHESIS].data)
    np.testing.assert_array_equal(together, dist.label_map(walk.z))
    slider.undo.click()
    assert slider.slider.value() == 40 and panel.alone.isChecked()


def test_one_lesion_has_no_list(opened: tuple[Any, Any], qtbot: Any) -> None:
    _, dock = opened
    run_and_wait(dock, qtbot)
    qtbot.waitUntil(lambda: dock.session.walk.lesions is not None, timeout=20_000)
    assert not dock.session.walk.lesions.several and not dock.lesions.isVisibleTo(dock)


def test_another_run_takes_the_list_away(spots: tuple[Any, Any], qtbot: Any) -> None:
    viewer, dock = spots
    dock.lesions.table.cellClicked.emit(0, 0)
    dock.lesions.alone.click()
    first = dock.session.walk.lesions
    run_and_wait(dock, qtbot)
    qtbot.waitUntil(lambda: dock.session.walk.here.lesion_counts is not None, timeout=60_000)
    assert dock.session.walk.lesions is not first and dock.session.walk.selected is None
    assert cells(dock, 0)[0] == "1" and not dock.lesions.alone.isChecked()
    # Of another image there is nothing to choose.
    add_image(viewer, SPACE)
    assert not dock.lesions.isEnabled()


@pytest.mark.styled
def test_the_marker_of_the_histogram_follows_the_slider(
    opened: tuple[Any, Any], qtbot: Any
) -> None:
    _, dock = opened
    run_and_wait(dock, qtbot)
    bars, walk = dock.result.bars[0], dock.session.walk
    found = dock.session.ranges.bars[0]
    assert sum(found.counts) == 100 and "100 hypotheses" in bars.toolTip()
    places = []
    for position in (-60, 0, 60):
        dock.slider.slider.setValue(position)
        assert bars.at == walk.counts[1]
        places.append(bars.place(bars.at))
    assert places == sorted(places) and places[0] < places[2]
    # It never leaves the picture.
    assert 0 <= bars.place(-1e9) < bars.place(found.first) <= bars.place(1e9) <= bars.width()
    # While sizes are counted there is none.
    dock.session.walk.here.curve.forget()
    dock.result.follow()
    assert bars.at is None


@pytest.mark.parametrize("enabled", [True, False])
def test_the_histogram_shades_the_range_and_draws_the_marker(
    opened: tuple[Any, Any], qtbot: Any, enabled: bool
) -> None:
    """Pixels of the picture itself: bars at the bottom, the marker from top to bottom."""
    from napari_ssn.core.measures import Range
    from napari_ssn.core.summaries.histogram import Histogram
    from napari_ssn.gui.widgets.histogram import SizeHistogram

    _, dock = opened
    bars = SizeHistogram("#ff0000")
    bars.setParent(dock)
    bars.setEnabled(enabled)
    bars.resize(200, 30)
    measure = dock.session.setup.source.measure
    bars.show_sizes(Histogram(0, 10, (1, 0, 8, 2, 0, 1)), Range(25, 20, 39, 0.9), measure)
    bars.mark(55)
    image = bars.grab().toImage()
    marker, inside, outside = (round(bars.place(x)) for x in (55, 25, 5))
    background = image.pixelColor(round(bars.place(14)), 12)
    assert image.pixelColor(marker, 10) != background
    # Within the range it is shaded above the lower bar too; outside it is not.
    assert image.pixelColor(round(bars.place(35)), 8) != background
    assert image.pixelColor(outside, 8) == background
    bar = image.pixelColor(inside, 27)
    assert bar != background and (bar.red() > 200 and bar.green() < 60) == enabled
    bars.mark(None)
    assert bars.grab().toImage().pixelColor(marker, 10) == background
