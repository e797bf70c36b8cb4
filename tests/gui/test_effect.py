"""What a direction would change is seen while the pointer rests on it, and not a moment longer."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qtpy.QtCore import QEvent, QPoint, Qt
from qtpy.QtGui import QCursor
from qtpy.QtTest import QTest
from qtpy.QtWidgets import QApplication, QScrollArea

from napari_ssn.gui.layers.effect import EFFECT
from napari_ssn.session.effect import ADDED, EXCHANGED, TAKEN, compared
from tests.support.docks import add_image, run_and_wait
from tests.support.helpers import tiny_model


@pytest.fixture
def away() -> Iterator[Callable[[], None]]:
    """Moves the real pointer to a corner of the screen, also at the end."""

    def move() -> None:
        QCursor.setPos(1, 1)

    move()
    yield move
    move()


@pytest.fixture
def shown(open_dock: Callable[..., Any], tmp_path: Path, qtbot: Any, away: Any) -> tuple[Any, Any]:
    """Viewer and dock on the screen, with a result."""
    viewer, dock = open_dock(tiny_model(tmp_path / "three", classes=3, rank=4), show=True)
    add_image(viewer)
    run_and_wait(dock, qtbot)
    qtbot.waitUntil(lambda: dock.session.cards is not None, timeout=20_000)
    return viewer, dock


def there(widget: Any) -> None:
    """Put the real pointer onto a widget; Qt hears of it from the screen."""
    area = widget.parent()
    while not isinstance(area, QScrollArea):
        area = area.parent()
    area.ensureWidgetVisible(widget)
    for nudge in range(100):
        place = widget.mapToGlobal(QPoint(widget.width() // 3, widget.height() // 2))
        # A screen without a window manager tells a new window of some moves only.
        QCursor.setPos(place.x() + nudge % 2, place.y())
        QTest.qWait(20)
        if widget.underMouse():
            return
    raise AssertionError("The pointer never came to the widget.")


def is_there(viewer: Any) -> bool:
    return EFFECT in viewer.layers and viewer.layers[EFFECT].visible


def expected(session: Any, direction: int) -> np.ndarray:
    walk, dist = session.walk, session.result.dist
    choice = walk.choice
    anchor = session.result.given.anchor(choice.points, choice.sample, choice.seed)
    at = choice.sigma if direction == choice.direction else 0.0
    maps = [dist.label_map(walk.directions.z(direction, t, anchor)) for t in (at, -2.0, 2.0)]
    return compared(*maps)


def test_three_ways_to_change() -> None:
    here = np.array([0, 0, 1, 1, 1, 2, 0, 1, 1], np.uint8)
    low = np.array([0, 0, 0, 1, 1, 2, 2, 0, 0], np.uint8)
    high = np.array([0, 2, 1, 2, 1, 1, 1, 1, 2], np.uint8)
    expected = [0, ADDED, TAKEN, EXCHANGED, 0, EXCHANGED, ADDED, TAKEN, TAKEN]
    assert compared(here, low, high).tolist() == expected


def test_it_is_there_while_the_pointer_rests_on_the_slider(
    shown: Any, qtbot: Any, away: Any
) -> None:
    viewer, dock = shown
    session = dock.session
    session.walk.show_sample(1)
    names, selected = [one.name for one in viewer.layers], set(viewer.layers.selection)
    there(dock.slider.slider)
    qtbot.waitUntil(lambda: is_there(viewer), timeout=5000)
    np.testing.assert_array_equal(np.asarray(viewer.layers[EFFECT].data), expected(session, 0))
    assert set(np.unique(viewer.layers[EFFECT].data)) > {0}
    assert set(viewer.layers.selection) == selected
    assert viewer.layers.index(EFFECT) < viewer.layers.index("SSN · hypothesis")
    away()
    qtbot.waitUntil(lambda: not is_there(viewer), timeout=5000)
    # Kept for the next time, out of sight and empty.
    assert [one.name for one in viewer.layers if one.visible] == names
    assert not np.asarray(viewer.layers[EFFECT].data).any()
    assert set(viewer.layers.selection) == selected


def test_a_pointer_that_passes_by_shows_nothing(shown: Any, qtbot: Any, away: Any) -> None:
    viewer, dock = shown
    there(dock.slider.slider)
    qtbot.wait(60)
    away()
    qtbot.wait(400)
    assert not is_there(viewer)


def test_a_press_ends_it_and_the_outline_moves(shown: Any, qtbot: Any) -> None:
    viewer, dock = shown
    there(dock.slider.slider)
    qtbot.waitUntil(lambda: is_there(viewer), timeout=5000)
    QTest.mousePress(dock.slider.slider, Qt.MouseButton.LeftButton)
    assert not is_there(viewer)
    QTest.mouseRelease(dock.slider.slider, Qt.MouseButton.LeftButton)


def test_every_entry_of_the_list_shows_its_own(shown: Any, qtbot: Any) -> None:
    viewer, dock = shown
    combo = dock.slider.directions
    assert combo.count() > 1
    combo.showPopup()
    view = combo.view()
    qtbot.waitUntil(view.isVisible, timeout=5000)
    for index in (0, 1):
        # From the other one, as a list tells only of changes.
        for row in (1 - index, index):
            place = view.visualRect(combo.model().index(row, 0)).center()
            QTest.mouseMove(view.viewport(), place)
            QTest.mouseMove(view.viewport(), place + QPoint(1, 0))
            qtbot.wait(50)
        qtbot.waitUntil(lambda: is_there(viewer), timeout=5000)
        np.testing.assert_array_equal(
            np.asarray(viewer.layers[EFFECT].data),
            expected(dock.session, combo.itemData(index)),
        )
    combo.hidePopup()
    qtbot.waitUntil(lambda: not is_there(viewer), timeout=5000)


def test_it_follows_another_anchor_and_another_spread(shown: Any, qtbot: Any) -> None:
    viewer, dock = shown
    session = dock.session
    session.effect.show(1)
    session.walk.set_direction(1)
    session.walk.set_sigma(1.0)
    np.testing.assert_array_equal(viewer.layers[EFFECT].data, expected(session, 1))
    for sample in (0, 2):
        session.walk.show_sample(sample)
        np.testing.assert_array_equal(viewer.layers[EFFECT].data, expected(session, 1))
    dock.settings.spread.overall.setValue(2.0)
    qtbot.waitUntil(lambda: session.result.spread.overall == 2.0, timeout=10_000)
    np.testing.assert_array_equal(viewer.layers[EFFECT].data, expected(session, 1))


@pytest.mark.parametrize("ending", ["stale", "run", "deactivated", "3d", "removed", "closed"])
def test_nothing_of_it_stays(shown: Any, qtbot: Any, ending: str) -> None:
    viewer, dock = shown
    there(dock.slider.slider)
    qtbot.waitUntil(lambda: is_there(viewer), timeout=5000)
    if ending == "stale":
        viewer.layers["scan"].scale = (0.5, 0.5)
    elif ending == "run":
        run = dock.session.result.run
        dock.run.button.click()
        qtbot.waitUntil(lambda: dock.session.result.run > run, timeout=20_000)
    elif ending == "deactivated":
        QApplication.sendEvent(dock.slider.slider, QEvent(QEvent.Type.WindowDeactivate))
    elif ending == "3d":
        viewer.dims.ndisplay = 3
    elif ending == "removed":
        viewer.layers.remove(EFFECT)
        dock.session.effect.hide()
    else:
        dock.shut()
    assert not is_there(viewer)
    if ending in ("run", "removed", "closed"):
        assert EFFECT not in viewer.layers


def test_looking_again_shows_it_again(shown: Any, qtbot: Any) -> None:
    viewer, dock = shown
    effect = dock.session.effect
    for direction in (0, 1, 0):
        effect.show(direction)
        assert is_there(viewer)
        np.testing.assert_array_equal(viewer.layers[EFFECT].data, expected(dock.session, direction))
        effect.hide()
        assert not is_there(viewer)


def test_of_a_volume_only_the_slice_on_show_is_decoded(
    open_dock: Callable[..., Any], qtbot: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari_ssn.core.distribution import LogitDistribution

    # Walks as small as this one are kept whole.
    monkeypatch.setattr("napari_ssn.prediction.counting._KEPT", 0)
    viewer, dock = open_dock(tiny_model(tmp_path / "deep", dims=3, region=(16, 16, 16)))
    add_image(viewer, (20, 24, 22))
    run_and_wait(dock, qtbot)
    session = dock.session
    qtbot.waitUntil(lambda: session.cards is not None and session.walk.lesions is not None)
    viewer.dims.set_current_step(0, 7)
    asked = []
    real = LogitDistribution.label_map

    def counted(self: Any, z: Any = None, where: Any = ()) -> Any:
        asked.append(where[0])
        return real(self, z, where)

    monkeypatch.setattr(LogitDistribution, "label_map", counted)
    session.effect.show(0)
    # A slice each, one of them for the thumbnail in the list of layers.
    assert asked and all(part.stop - part.start == 1 for part in asked)
    session.effect.hide()
    asked.clear()
    session.effect.show(1)
    assert asked and all(part == slice(7, 8) for part in asked)
