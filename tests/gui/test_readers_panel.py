"""The tab of several people's outlines in a real dock."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from qtpy.QtCore import Qt

from napari_ssn.gui.panels.readers import ADJUDICATED
from tests.support.docks import run_and_wait


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
