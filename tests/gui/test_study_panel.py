"""Studies in the window: saved, opened with their images, and offered after a crash."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtWidgets import QMessageBox

from napari_ssn.gui.dock import SSNDock
from napari_ssn.gui.layers.results import HYPOTHESIS
from napari_ssn.session.keeping import offers
from napari_ssn.text.results import DISCARD
from tests.support.docks import add_image, run_and_wait, settled


def kept_layers(dock: Any) -> list[Any]:
    return [layer for layer in dock.scene.copies.layers if "kept" in layer.name]


def worked(viewer: Any, dock: Any, qtbot: Any) -> tuple[np.ndarray, np.ndarray]:
    """A result with a kept hypothesis that was painted on; both outlines as they are shown."""
    run_and_wait(dock, qtbot)
    dock.session.walk.show_sample(1)
    dock.session.walk.set_sigma(0.5)
    dock.samples.keep.click()
    qtbot.waitUntil(lambda: len(kept_layers(dock)) == 1, timeout=20_000)
    (layer,) = kept_layers(dock)
    layer.paint((5, 6), 1)
    layer.paint((7, 6), 0)
    return np.array(viewer.layers[HYPOTHESIS].data), np.array(layer.data)


def check(viewer: Any, dock: Any, before: tuple[np.ndarray, np.ndarray]) -> None:
    assert dock.session.walk.choice.sample == 1 and dock.session.walk.choice.sigma == 0.5
    np.testing.assert_array_equal(np.array(viewer.layers[HYPOTHESIS].data), before[0])
    (layer,) = kept_layers(dock)
    np.testing.assert_array_equal(np.array(layer.data), before[1])
    (drawn,) = dock.scene.drawn(dock.session.result.run)
    assert drawn.edited


def test_a_study_with_its_image_opens_in_an_empty_viewer(
    opened: Any, qtbot: Any, tmp_path: Path
) -> None:
    viewer, dock = opened
    assert not dock.study.save.isEnabled() and not dock.offer.isVisibleTo(dock)
    before = worked(viewer, dock, qtbot)
    path = tmp_path / "a"
    asked = []

    def ask(parent: Any, name: str, pattern: str) -> str:
        asked.append(name)
        return str(path)

    dock.study.ask = ask
    dock.study.save_all.trigger()
    path = tmp_path / "a.ssn.zip"
    qtbot.waitUntil(path.exists, timeout=20_000)
    qtbot.waitUntil(lambda: "Saved 1 result" in dock.run.status.text(), timeout=20_000)
    assert asked[0].startswith("study_") and asked[0].endswith(".ssn.zip")
    # A clean slate, as far as one window has it.
    viewer.window.remove_dock_widget(dock)
    viewer.layers.clear()
    again = SSNDock(viewer, (dock.session.catalogue.folders[0],))
    viewer.window.add_dock_widget(again, name="SSN hypotheses")
    qtbot.waitUntil(lambda: again.session.setup.survey is not None, timeout=60_000)
    again.study.ask_which = lambda parent: str(path)
    again.study.open.trigger()
    qtbot.waitUntil(lambda: settled(again.session), timeout=60_000)
    check(viewer, again, before)
    assert "Image 1 of the study" in viewer.layers and not again.session.stale
    assert not again.offer.isVisibleTo(again)


def test_what_a_session_left_is_offered_and_resumed(
    open_dock: Callable[..., Any],
    opened: Any,
    qtbot: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    viewer, first = opened
    monkeypatch.setattr("napari_ssn.gui.dock.kept_folder", lambda: tmp_path / "kept")
    viewer.window.remove_dock_widget(first)

    def reopened() -> Any:
        dock = SSNDock(viewer, (first.session.catalogue.folders[0],))
        viewer.window.add_dock_widget(dock, name="SSN hypotheses")
        qtbot.waitUntil(lambda: dock.session.setup.survey is not None, timeout=60_000)
        return dock

    dock = reopened()
    viewer.layers.clear()
    add_image(viewer)
    before = worked(viewer, dock, qtbot)
    viewer.window.remove_dock_widget(dock)
    qtbot.waitUntil(lambda: len(offers(tmp_path / "kept")) == 1, timeout=20_000)
    # Another image is there too, and hidden: its voxels are not what one sees.
    viewer.add_image(np.zeros((9, 9), np.float32), name="other", visible=False)
    again = reopened()
    assert again.picture.image.name == "scan"
    qtbot.waitUntil(lambda: len(again.offer.offers) == 1, timeout=20_000)
    assert "1 result" in again.offer.what.text() and again.offer.isVisibleTo(again)
    viewer.layers["scan"].visible = False
    again.offer.resume.click()
    qtbot.waitUntil(lambda: settled(again.session), timeout=60_000)
    check(viewer, again, before)
    assert viewer.layers["scan"].visible and again.run.status.text() == "Computed on CPU."
    assert not again.offer.isVisibleTo(again)
    # Without its image it waits, and says for which.
    viewer.window.remove_dock_widget(again)
    qtbot.waitUntil(lambda: len(offers(tmp_path / "kept")) == 1, timeout=20_000)
    viewer.layers.clear()
    third = reopened()
    qtbot.waitUntil(lambda: len(third.offer.offers) == 1, timeout=20_000)
    third.offer.resume.click()
    qtbot.waitUntil(lambda: "waits for its image" in third.offer.waits.text(), timeout=20_000)
    third.session.studies.discard()
    assert not third.offer.isVisibleTo(third)


def test_an_earlier_session_is_deleted_by_no_slip_of_the_hand(
    open_dock: Callable[..., Any],
    opened: Any,
    qtbot: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    viewer, first = opened
    monkeypatch.setattr("napari_ssn.gui.dock.kept_folder", lambda: tmp_path / "kept")
    viewer.window.remove_dock_widget(first)

    def reopened() -> Any:
        dock = SSNDock(viewer, (first.session.catalogue.folders[0],))
        viewer.window.add_dock_widget(dock, name="SSN hypotheses")
        qtbot.waitUntil(lambda: dock.session.setup.survey is not None, timeout=60_000)
        return dock

    dock = reopened()
    worked(viewer, dock, qtbot)
    viewer.window.remove_dock_widget(dock)
    qtbot.waitUntil(lambda: len(offers(tmp_path / "kept")) == 1, timeout=20_000)
    again = reopened()
    qtbot.waitUntil(lambda: len(again.offer.offers) == 1, timeout=20_000)
    asked = []
    answers = iter((False, True))

    def answer(parent: Any, title: str, words: str, buttons: Any, preset: Any) -> Any:
        asked.append((words, preset))
        return QMessageBox.StandardButton.Yes if next(answers) else preset

    monkeypatch.setattr(QMessageBox, "question", answer)
    again.offer.drop.click()
    assert len(again.offer.offers) == 1 and len(offers(tmp_path / "kept")) == 1
    again.offer.drop.click()
    assert asked == [(DISCARD, QMessageBox.StandardButton.No)] * 2
    assert not again.offer.offers and not offers(tmp_path / "kept")
    assert not again.offer.isVisibleTo(again)
