"""Asking by outcome in a real dock: the question, the answer, and going on with what agrees."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_ssn.gui.layers.results import HYPOTHESIS
from napari_ssn.prediction.choice import Question
from tests.support.docks import add_image, click, pointing_into, run_and_wait
from tests.support.helpers import tiny_model


def answered(dock: Any, qtbot: Any) -> Any:
    asking = dock.session.asking
    qtbot.waitUntil(lambda: asking.answer is not None, timeout=60_000)
    return asking.answer


@pytest.fixture
def asked(opened: tuple[Any, Any], qtbot: Any) -> tuple[Any, Any]:
    """A result, the question unfolded."""
    viewer, dock = opened
    run_and_wait(dock, qtbot)
    dock.outcomes.toggle.click()
    return viewer, dock


def test_the_question_is_folded_away(opened: tuple[Any, Any], qtbot: Any) -> None:
    _, dock = opened
    assert dock.outcomes.isHidden()
    run_and_wait(dock, qtbot)
    panel = dock.outcomes
    assert panel.isHidden() and panel.toggle.isVisibleTo(dock.cards)
    panel.toggle.click()
    assert not panel.isHidden() and panel.ask.isVisibleTo(panel)
    # To begin with the box has the middle size, in the unit that sizes are said in.
    ranges, measure = dock.session.ranges, dock.session.result.source.measure
    assert panel.size.suffix() == f" {measure.scale[1]}" == " mm²"
    assert panel.size.value() == pytest.approx(ranges.ranges[0].median * measure.scale[0], abs=0.5)
    panel.toggle.click()
    assert panel.isHidden()


def test_only_these_goes_on_with_what_agrees(asked: tuple[Any, Any], qtbot: Any) -> None:
    viewer, dock = asked
    panel, session = dock.outcomes, dock.session
    panel.ask.click()
    answer = answered(dock, qtbot)
    each = session.result.source.measure.scale[0]
    assert answer.question == Question("at least", 1, panel.size.value() / each)
    assert panel.answer.text() == session.asking.words[0]
    assert "Label 1 ≥" in panel.answer.toolTip() and "±" in panel.answer.text()
    panel.keep.click()
    assert session.asking.only == (answer.question,)
    assert int((np.array(viewer.layers[HYPOTHESIS].data) == 1).sum()) >= answer.question.voxels
    qtbot.waitUntil(lambda: session.ranges is not None and session.summary.dealt, timeout=60_000)
    qtbot.waitUntil(lambda: session.walk.counts is not None, timeout=60_000)
    assert "given 1 condition" in dock.result.ranges[0].text()
    ((question, shown),) = panel._rows
    assert question == answer.question
    words = shown.words.text()
    assert words.startswith("Only: Label 1 ≥") and not words.endswith("not here")
    # Where the slider leaves it, that is said.
    for sigma in (-3.0, 3.0):
        session.walk.set_sigma(sigma)
        qtbot.waitUntil(lambda: session.walk.counts is not None, timeout=60_000)
        small = session.walk.counts[1] < question.voxels
        assert shown.words.text().endswith("not here") == bool(small)
    # It stays in sight when the question is folded, until its button takes it away.
    panel.toggle.click()
    assert not panel.isHidden() and not panel.ask.isVisibleTo(panel)
    shown.gone.click()
    assert session.asking.only == () and not panel._rows and panel.isHidden()
    session.walk.undo()
    assert session.asking.only == (question,) and len(panel._rows) == 1


def test_a_click_on_the_image_asks_about_its_voxel(asked: tuple[Any, Any], qtbot: Any) -> None:
    viewer, dock = asked
    panel, session = dock.outcomes, dock.session
    panel.kind.setCurrentIndex(2)
    panel.kind.activated.emit(2)
    assert panel.answer.text() == "Press the button, then click on the image."
    assert not panel.size.isVisibleTo(panel) and panel.pick.isVisibleTo(panel)
    panel.pick.click()
    assert "Escape" in panel.answer.text() and pointing_into(viewer)
    click(viewer, (0.7 * 10, 0.7 * 20))
    answer = answered(dock, qtbot)
    assert answer.question == Question("reaches", 1, index=(10, 20))
    assert session.pointing.points == () and not panel.pick.isChecked()
    assert not pointing_into(viewer) and "10, 20" in panel.answer.toolTip()
    # Escape ends it, and so does pointing.
    panel.pick.click()
    from napari.utils.key_bindings import coerce_keybinding

    viewer.keymap[coerce_keybinding("Escape")](viewer)
    assert not panel.pick.isChecked() and not pointing_into(viewer)
    panel.pick.click()
    dock.points.buttons[0].click()
    assert not panel.pick.isChecked() and dock.points.buttons[0].isChecked()
    panel.pick.click()
    assert not dock.points.buttons[0].isChecked()
    # Outside the image nothing is asked, and it is said.
    click(viewer, (-5.0, 3.0))
    assert session.note is not None and session.note.error
    assert session.asking.answer is answer or session.asking.answer is None


def test_what_is_too_rare_offers_nothing(asked: tuple[Any, Any], qtbot: Any) -> None:
    _, dock = asked
    panel = dock.outcomes
    panel.size.setValue(1e6)
    panel.ask.click()
    answered(dock, qtbot)
    assert panel.answer.text().startswith("Never seen")
    assert panel.answer.property("role") == "warn"
    assert not panel.keep.isVisibleTo(panel)
    # A size that somebody typed stays when other ranges come.
    dock.session.pointing.add((5, 5), 1)
    qtbot.waitUntil(lambda: dock.session.ranges is not None, timeout=60_000)
    assert panel.size.value() == 1e6 and dock.session.asking.answer is None


def test_of_several_labels_one_is_asked_about(
    open_dock: Callable[..., Any], tmp_path: Path, qtbot: Any
) -> None:
    viewer, dock = open_dock(tiny_model(tmp_path / "tiny", 2, 3))
    add_image(viewer)
    run_and_wait(dock, qtbot)
    panel = dock.outcomes
    panel.toggle.click()
    assert panel.label.isVisibleTo(panel) and panel.label.count() == 2
    panel.label.setCurrentIndex(1)
    panel.ask.click()
    assert answered(dock, qtbot).question.label == 2
