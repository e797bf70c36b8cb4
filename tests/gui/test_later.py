"""Texts that are only read wait for a pause, and are exact in the end."""

from __future__ import annotations

from typing import Any

from qtpy.QtCore import QObject

from napari_ssn.gui.widgets.later import Later
from tests.support.docks import run_and_wait


def test_the_first_call_is_at_once_and_the_last_is_made(qtbot: Any) -> None:
    seen: list[int] = []
    state = {"value": 0, "hurry": True}
    parent = QObject()
    later = Later(parent, lambda: seen.append(state["value"]), lambda: bool(state["hurry"]))
    for value in range(1, 11):
        state["value"] = value
        later.ask()
    assert seen == [1]
    qtbot.waitUntil(lambda: len(seen) == 2, timeout=2000)
    assert seen == [1, 10]
    qtbot.wait(120)
    # Nothing was asked for since.
    assert seen == [1, 10]
    later.ask()
    assert seen == [1, 10, 10]
    state.update(value=11, hurry=False)
    later.ask()
    later.ask()
    assert seen[3:] == [11, 11]
    qtbot.wait(120)
    assert seen[3:] == [11, 11]


def test_after_a_fast_drag_every_text_is_that_of_its_end(opened: Any, qtbot: Any) -> None:
    _, dock = opened
    run_and_wait(dock, qtbot)
    session, slider = dock.session, dock.slider.slider
    slider.setSliderDown(True)
    for position in range(1, 31):
        slider.setSliderPosition(position)
    assert session.walk.held
    size = session.result.source.measure.amount(int(session.walk.counts[1]))
    # The finger is still, and on the slider.
    qtbot.waitUntil(lambda: size in dock.result.headlines[0].text(), timeout=2000)
    slider.setSliderPosition(31)
    slider.setSliderPosition(30)
    slider.setSliderDown(False)
    assert dock.slider.value.text() == "+1.50"
    # It was let go: everything is exact at once.
    assert size in dock.result.headlines[0].text() and size in dock.export.what.text()
    assert "boundary moved" in dock.samples.here.text()
    assert dock.result.bars[0].at == float(session.walk.counts[1])
