"""Settings that change which hypotheses there are: directions and spread, with real widgets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_ssn.core.spread import Spread
from tests.support.docks import add_image, pick, run_and_wait, settled
from tests.support.helpers import tiny_model

HYPOTHESIS = "SSN · hypothesis"


@pytest.fixture
def three(open_dock: Callable[..., Any], tmp_path: Path) -> tuple[Any, Any]:
    """Viewer and dock with a model of two labels."""
    viewer, dock = open_dock(tiny_model(tmp_path / "three", classes=3, rank=4))
    add_image(viewer)
    return viewer, dock


def test_directions_are_chosen_in_the_settings(three: Any, qtbot: Any) -> None:
    viewer, dock = three
    run_and_wait(dock, qtbot)
    walk, combo = dock.session.walk, dock.slider.directions
    before = [combo.itemText(i) for i in range(combo.count())]
    dock.slider.slider.setValue(10)
    pick(dock.settings.boxes["directions"], "varimax")
    qtbot.waitUntil(lambda: walk.choice.basis == "varimax", timeout=10_000)
    qtbot.waitUntil(lambda: walk.counts is not None, timeout=10_000)
    assert dock.slider.slider.value() == 0 and combo.currentData() == 0
    after = [combo.itemText(i) for i in range(combo.count())]
    assert after != before and after[0].startswith("1 · ")
    assert " per σ" in combo.toolTip() and combo.toolTip().startswith(after[0])
    dock.slider.slider.setValue(20)
    shown = np.array(viewer.layers[HYPOTHESIS].data)
    np.testing.assert_array_equal(shown, dock.session.result.dist.label_map(walk.z))
    np.testing.assert_array_equal(walk.z, walk.here.directions.basis[:, 0])
    walk.undo()
    walk.undo()
    assert dock.settings.boxes["directions"].currentData() == "label-weighted"
    assert [combo.itemText(i) for i in range(combo.count())] == before
    assert dock.slider.slider.value() == 10


def test_the_spread_is_changed_and_reset_in_the_settings(three: Any, qtbot: Any) -> None:
    viewer, dock = three
    panel = dock.settings.spread
    assert not panel.isEnabled()
    run_and_wait(dock, qtbot)
    session = dock.session
    assert panel.isEnabled() and len(panel.per_label) == 3
    own = session.result
    dock.slider.slider.setValue(20)
    panel.overall.setValue(0.5)
    panel.per_label[2].setValue(2.0)
    expected = Spread(0.5, (1.0, 1.0, 2.0))
    qtbot.waitUntil(lambda: session.result.spread == expected, timeout=10_000)
    assert dock.slider.slider.value() == 20
    shown = np.array(viewer.layers[HYPOTHESIS].data)
    np.testing.assert_array_equal(shown, session.result.dist.label_map(session.walk.z))
    np.testing.assert_array_equal(
        shown, own.dist.spread(0.5, (1.0, 1.0, 2.0)).label_map(session.walk.z)
    )
    qtbot.waitUntil(lambda: settled(session), timeout=10_000)
    assert all("spread changed" in line.text() for line in dock.result.ranges)
    dock.samples.add.click()
    qtbot.waitUntil(lambda: len(viewer.layers) == 5, timeout=10_000)
    assert "SSN · sample 01 · spread changed" in viewer.layers
    data = viewer.layers["SSN · sample 01 · spread changed"].metadata["napari_ssn"]
    assert data["spread"] == {"overall": 0.5, "per_label": [1.0, 1.0, 2.0]}
    panel.reset.click()
    assert panel.overall.value() == 1 and panel.per_label[2].value() == 1
    qtbot.waitUntil(lambda: session.result is own, timeout=10_000)
    qtbot.waitUntil(lambda: settled(session), timeout=10_000)
    assert not any("spread" in line.text() for line in dock.result.ranges)


def test_a_new_run_begins_with_the_models_own_spread(three: Any, qtbot: Any) -> None:
    _, dock = three
    run_and_wait(dock, qtbot)
    dock.settings.spread.overall.setValue(2.0)
    qtbot.waitUntil(lambda: dock.session.result.spread.overall == 2.0, timeout=10_000)
    run = dock.session.result.run
    dock.run.button.click()
    qtbot.waitUntil(lambda: dock.session.result.run > run, timeout=20_000)
    assert dock.settings.spread.overall.value() == 1.0
    assert not dock.session.result.spread.changed


def test_a_model_of_one_label_has_one_factor(opened: Any, qtbot: Any) -> None:
    _, dock = opened
    run_and_wait(dock, qtbot)
    assert dock.settings.spread.per_label == []
