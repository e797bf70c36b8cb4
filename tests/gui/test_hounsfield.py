"""A model that reads Hounsfield units, and images that are in others."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import dask.array
import pytest

from napari_ssn.text.image import FITS
from tests.support.docks import run_and_wait
from tests.support.helpers import tiny_model
from tests.support.tomography import SPACE, hounsfield


@pytest.fixture
def reads_hu(open_dock: Callable[..., Any], tmp_path: Path) -> tuple[Any, Any]:
    size = (16, 16, 16)
    return open_dock(tiny_model(tmp_path / "hu", dims=3, region=size, normalisation="hu"))


def add(viewer: Any, data: Any) -> None:
    viewer.add_image(data, scale=(2.0, 0.7, 0.8), units=("mm",) * 3)


def test_other_units_are_refused_before_run_and_taken_when_somebody_insists(
    reads_hu: tuple[Any, Any], qtbot: Any
) -> None:
    viewer, dock = reads_hu
    panel, session = dock.image, dock.session
    assert not panel.insist.isVisibleTo(dock)
    add(viewer, hounsfield(SPACE))
    assert not panel.insist.isVisibleTo(dock) and dock.run.button.isEnabled()
    add(viewer, hounsfield(SPACE) + 1024)
    assert "seem to be 1,024 too high" in panel.fit.text()
    assert panel.fit.property("role") == "error"
    assert panel.insist.isVisibleTo(dock) and not dock.run.button.isEnabled()
    # Nor by the key.
    dock.run.press()
    assert session.activity is None and session.result is None
    panel.insist.click()
    assert "by request" in panel.fit.text() and panel.fit.property("role") == "warn"
    run_and_wait(dock, qtbot)
    assert session.result.source.units == "shifted"
    panel.insist.click()
    assert not dock.run.button.isEnabled()
    # What was said of one image is not said of the next.
    panel.insist.click()
    add(viewer, hounsfield(SPACE) * 0.1 + 110)
    assert not panel.insist.isChecked() and not dock.run.button.isEnabled()
    assert "do not look like it" in panel.fit.text()


def test_what_nobody_has_looked_at_is_refused_by_the_run(
    reads_hu: tuple[Any, Any], qtbot: Any
) -> None:
    viewer, dock = reads_hu
    session = dock.session
    add(viewer, dask.array.from_array(hounsfield(SPACE) + 1024))
    assert dock.run.button.isEnabled() and dock.image.fit.text() == ""
    dock.run.button.click()
    qtbot.waitUntil(lambda: session.state == "error", timeout=60_000)
    assert "1,024 too high" in dock.run.status.text() and session.result is None
    dock.image.insist.click()
    run_and_wait(dock, qtbot)
    assert session.result is not None


def test_a_range_of_other_units_is_not_the_calibrated_one(
    open_dock: Callable[..., Any], tmp_path: Path, qtbot: Any
) -> None:
    folder = tiny_model(
        tmp_path / "hu", dims=3, region=(16, 16, 16), normalisation="hu", calibration=1.5
    )
    viewer, dock = open_dock(folder)
    add(viewer, hounsfield(SPACE) + 1024)
    dock.image.insist.click()
    run_and_wait(dock, qtbot)
    assert dock.session.ranges.ranges[0].readers == 0
    add(viewer, hounsfield(SPACE))
    dock.run.button.click()
    qtbot.waitUntil(lambda: not dock.session.stale, timeout=60_000)
    qtbot.waitUntil(lambda: dock.session.ranges is not None, timeout=60_000)
    assert dock.session.ranges.ranges[0].readers == 4
    assert dock.image.fit.text() == FITS
    # What nobody has looked at claims nothing, until the run has looked.
    add(viewer, dask.array.from_array(hounsfield(SPACE)))
    assert dock.image.fit.text() == "" and not dock.session.setup.fits
    dock.run.button.click()
    qtbot.waitUntil(lambda: not dock.session.stale, timeout=60_000)
    qtbot.waitUntil(lambda: dock.session.ranges is not None, timeout=60_000)
    assert dock.session.ranges.ranges[0].readers == 4
    add(viewer, dask.array.from_array(hounsfield(SPACE) + 1024))
    dock.image.insist.click()
    dock.run.button.click()
    qtbot.waitUntil(lambda: not dock.session.stale, timeout=60_000)
    qtbot.waitUntil(lambda: dock.session.ranges is not None, timeout=60_000)
    assert dock.session.ranges.ranges[0].readers == 0
