"""The tab of several people's outlines in a real dock."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
from qtpy.QtCore import Qt

from napari_ssn.gui.panels.readers import ADJUDICATED
from napari_ssn.text.overview import PEOPLE
from tests.support.docks import run_and_wait
from tests.support.drawn import check_between
from tests.support.helpers import tiny_model


def test_outlines_are_compared_and_one_is_made_and_saved(
    opened: tuple[Any, Any], qtbot: Any, tmp_path: Path
) -> None:
    viewer, dock = opened
    panel, room = dock.readers, dock.session.readers
    assert "Run first" in panel.hint.text() and not panel.compare.isEnabled()
    run_and_wait(dock, qtbot)
    assert "two or more" in panel.hint.text() and not panel.compare.isEnabled()
    dist, where = dock.session.result.dist, {"scale": (0.7, 0.7), "units": ("mm", "mm")}
    maps = [dist.label_map(z) for z in ([1.0, 0.2, 0.0], [-1.0, 0.5, 0.3], [0.0, 0.0, 0.0])]
    for name, values in zip(("Anna", "Ben", "Cleo"), maps, strict=True):
        viewer.add_labels(values, name=name, **where)
    assert [panel.people.item(k).text() for k in range(3)] == ["Anna", "Ben", "Cleo"]
    # Cleo is left out.
    panel.people.item(2).setCheckState(Qt.CheckState.Unchecked)
    panel.compare.click()
    qtbot.waitUntil(lambda: room.found is not None, timeout=60_000)
    assert "Anna and Ben: Dice" in panel.about.text() and "Cleo" not in panel.about.text()
    check_told_and_drawn(viewer, dock, maps[:2])
    assert not panel.save.isEnabled()
    panel.how.setCurrentIndex(panel.how.findText("Ben"))
    panel.make.click()
    qtbot.waitUntil(lambda: room.made is not None, timeout=60_000)
    np.testing.assert_array_equal(viewer.layers[ADJUDICATED].data, maps[1])
    np.testing.assert_allclose(viewer.layers[ADJUDICATED].scale, (0.7, 0.7))
    assert panel.how.currentText() == "Ben"
    # It is nobody's own, and those that were ticked stay so.
    ticked = [panel.people.item(k).checkState() == Qt.CheckState.Checked for k in range(4)]
    assert ticked == [True, True, False, False]
    panel.ask = lambda *asked: str(tmp_path / "one.nii.gz")
    panel.save.click()
    qtbot.waitUntil(lambda: (tmp_path / "one.json").exists() and not room.busy, timeout=60_000)
    np.testing.assert_array_equal(written(tmp_path / "one.nii.gz"), maps[1])
    # It is corrected by painting on it, and written as it stands.
    layer = viewer.layers[ADJUDICATED]
    layer.data[0, :4] = 1 - layer.data[0, :4]
    layer.refresh()
    panel.ask = lambda *asked: str(tmp_path / "two.nii.gz")
    panel.save.click()
    qtbot.waitUntil(lambda: (tmp_path / "two.json").exists() and not room.busy, timeout=60_000)
    painted = maps[1].copy()
    painted[0, :4] = 1 - painted[0, :4]
    np.testing.assert_array_equal(written(tmp_path / "two.nii.gz"), painted)
    # A hypothesis fitted to it, corrected by a click, is exported with everybody's share.
    row, session = dock.points.fitting, dock.session
    row.layers.setCurrentIndex(row.layers.findText(ADJUDICATED))
    row.fit.click()
    qtbot.waitUntil(lambda: session.walk.choice.drawing is not None, timeout=60_000)
    before = session.walk.label_map(())
    session.pointing.add((20, 20), 1 - int(before[20, 20]))
    session.files.export(tmp_path / "fitted.nii.gz")
    qtbot.waitUntil(lambda: session.files.exported is not None, timeout=60_000)
    told = json.loads((tmp_path / "fitted.json").read_text())
    assert told["choice"]["kind"] == "drawing" and told["choice"]["pointing"]["points"]
    shares = [(one["name"], one["share"]) for one in told["adjudicated"]["readers"]]
    assert shares == [("Anna", 0), ("Ben", 1)] and told["adjudicated"]["corrected_voxels"] == 4
    # Opened again from its file it has them still.
    viewer.open(tmp_path / "two.nii.gz", plugin="napari-ssn")
    row.layers.setCurrentIndex(row.layers.count() - 1)
    again = viewer.layers[-1]
    row.layers.setCurrentIndex(row.layers.findData(getattr(again, "__wrapped__", again)))
    before_it = session.walk.choice.drawing
    row.fit.click()
    qtbot.waitUntil(lambda: not session.fitting.busy, timeout=60_000)
    drawing = session.walk.choice.drawing
    assert drawing is not None and drawing.made_of is not None and drawing == before_it
    viewer.layers.remove(again)
    # Of a layer that was taken away what was made is written.
    viewer.layers.remove(layer)
    panel.ask = lambda *asked: str(tmp_path / "three.nii.gz")
    panel.save.click()
    qtbot.waitUntil(lambda: (tmp_path / "three.json").exists() and not room.busy, timeout=60_000)
    np.testing.assert_array_equal(written(tmp_path / "three.nii.gz"), maps[1])


def check_told_and_drawn(viewer: Any, dock: Any, maps: list[np.ndarray]) -> None:
    """A row for each, all figures on request, and lines around what both, or either, have."""
    panel, measure = dock.readers, dock.session.result.measure
    table = panel.table
    rows = [[table.item(at, k).text() for k in range(5)] for at in range(table.rowCount())]
    both, either = (maps[0] & maps[1]).sum(), (maps[0] | maps[1]).sum()
    overlap = f"{2 * both / (both + either):.2f}"
    assert [one[:3] for one in rows] == [
        [name, measure.amount(int(one.sum())), overlap]
        for name, one in zip(("Anna", "Ben"), maps, strict=True)
    ]
    assert all(0.9 < float(one[3]) <= 1 and one[4].endswith(" %") for one in rows)
    # Of one slice, as beside every area.
    assert table.horizontalHeaderItem(1).text() == "In this slice"
    assert "all agree on" in panel.summary.text() and "all agree on" in panel.about.text()
    assert not panel.about.isVisibleTo(panel) and not panel.label.isVisibleTo(panel)
    panel.details.click()
    assert panel.about.isVisibleTo(panel)
    # The image is to be seen under the outlines.
    assert viewer.layers["Anna"].contour == 1 and viewer.layers["Cleo"].contour == 0
    drawn = {one.words: one for one in dock.lines.strokes.strokes if one.words in PEOPLE}
    outer, half, inner = (drawn[words] for words in PEOPLE)
    layer = viewer.layers["Anna"]
    check_between(viewer, layer, outer, (maps[0] | maps[1]).astype(bool))
    check_between(viewer, layer, half, (maps[0] | maps[1]).astype(bool))
    check_between(viewer, layer, inner, (maps[0] & maps[1]).astype(bool))
    assert set(PEOPLE) <= {words for words, _, _ in dock.lines.legend.rows}
    panel.drawn.click()
    assert not any(one.words in PEOPLE for one in dock.lines.strokes.strokes)
    panel.drawn.click()
    assert any(one.words in PEOPLE for one in dock.lines.strokes.strokes)


def written(path: Path) -> Any:
    return np.asanyarray(nibabel.load(path).dataobj).squeeze()


def test_outlines_in_files_are_peoples(
    open_dock: Callable[..., Any], qtbot: Any, tmp_path: Path
) -> None:
    """Opened as napari opens a file that is dropped on it, and lying where their file says."""
    viewer, dock = open_dock(tiny_model(tmp_path / "tiny", dims=3))
    affine = np.array([[-1.5, 0, 0, 20], [0, 0, 1.2, 30], [0, -1, 0, -40], [0, 0, 0, 1.0]])
    values = np.random.default_rng(0).normal(size=(20, 22, 18)).astype(np.float32)
    path = tmp_path / "image.nii.gz"
    nibabel.save(nibabel.Nifti1Image(values, affine), path)
    viewer.open(path, plugin="napari-ssn")
    run_and_wait(dock, qtbot)
    maps = []
    for number, name in enumerate(("Anna", "Ben")):
        one = np.zeros(values.shape, np.uint8)
        one[5 + number : 12, 6:14, 4 : 11 + number] = 1
        maps.append(one)
        path = tmp_path / f"{name}.seg.nii.gz"
        nibabel.save(nibabel.Nifti1Image(one, affine), path)
        viewer.open(path, plugin="napari-ssn")
        viewer.layers[-1].name = name
    panel, drawings = dock.readers, dock.points.fitting.drawings
    people = [panel.people.item(k).text() for k in range(panel.people.count())]
    assert people == ["Anna", "Ben"] and panel.compare.isEnabled()
    for name, one in zip(people, maps, strict=True):
        np.testing.assert_array_equal(drawings.values_of(viewer.layers[name]), one)
    panel.compare.click()
    qtbot.waitUntil(lambda: dock.session.readers.found is not None, timeout=60_000)
    dice = 2 * (maps[0] & maps[1]).sum() / (maps[0].sum() + maps[1].sum())
    assert f"Anna and Ben: Dice {dice:.2f}" in panel.about.text()
    # They are drawings, too; what shows a result is none.
    assert "Fit drawing" in dock.points.fitting.fit.text()
    assert {one.name for one in drawings.candidates} == {"Anna", "Ben"}
