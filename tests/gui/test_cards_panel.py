"""Cards in a real dock: clicking, keeping, and what is greyed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from napari.settings import get_settings
from qtpy.QtCore import QPoint, Qt
from qtpy.QtGui import QFontInfo
from qtpy.QtWidgets import QApplication

from napari_ssn.gui.layers.results import (
    COMPARED,
    HYPOTHESIS,
)
from tests.support.docks import add_image, run_and_wait
from tests.support.helpers import tiny_model


def dealt(dock: Any, qtbot: Any) -> Any:
    run_and_wait(dock, qtbot)
    qtbot.waitUntil(lambda: dock.session.cards is not None, timeout=60_000)
    return dock.session.cards.cards


def test_there_are_no_cards_before_a_run(opened: tuple[Any, Any]) -> None:
    _, dock = opened
    assert dock.cards.isHidden()
    assert not any(button.isVisibleTo(dock.cards) for button in dock.cards.buttons)


@pytest.mark.styled
def test_a_click_shows_a_card_and_marks_it(opened: tuple[Any, Any], qtbot: Any) -> None:
    viewer, dock = opened
    cards = dealt(dock, qtbot)
    assert not dock.cards.isHidden()
    assert sum(button.isVisibleTo(dock.cards) for button in dock.cards.buttons) == len(cards)
    button = dock.cards.buttons[1]
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton, pos=QPoint(5, button.height() - 4))
    assert dock.session.walk.choice == cards[1].choice
    assert [b.isChecked() for b in dock.cards.buttons].index(True) == 1
    assert int((viewer.layers[HYPOTHESIS].data.__array__() > 0).sum()) == cards[1].counts[1:].sum()
    # Clicked again it stays on show; moved on by the slider it is no longer the card.
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton, pos=QPoint(5, button.height() - 4))
    assert button.isChecked()
    dock.session.walk.nudge(0.5)
    assert not button.isChecked()


def test_the_star_keeps_a_card_as_a_layer(opened: tuple[Any, Any], qtbot: Any) -> None:
    viewer, dock = opened
    cards = dealt(dock, qtbot)
    before = len(viewer.layers)
    button = dock.cards.buttons[0]
    star = button._star().center().toPoint()
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton, pos=star)
    qtbot.waitUntil(lambda: len(viewer.layers) == before + 1)
    kept = next(layer for layer in viewer.layers if layer.name.startswith("SSN · kept"))
    assert int((kept.data > 0).sum()) == cards[0].counts[1:].sum()
    # Keeping shows nothing else than before.
    assert dock.session.walk.choice.sample is None
    # The star says so, and a second click makes no second layer.
    assert button._starred and not dock.cards.buttons[1]._starred
    qtbot.mouseClick(button, Qt.MouseButton.LeftButton, pos=star)
    assert "kept already" in dock.run.status.text() and len(viewer.layers) == before + 1
    viewer.layers.remove(kept)
    assert not button._starred
    # Kept by its key while it is on show it is the same.
    button.click()
    dock.session.copies.keep()
    qtbot.waitUntil(lambda: len(viewer.layers) == before + 1)
    assert button._starred


def test_cards_of_another_image_are_greyed(opened: tuple[Any, Any], qtbot: Any) -> None:
    viewer, dock = opened
    dealt(dock, qtbot)
    viewer.layers["scan"].scale = (2.0, 2.0)
    assert not dock.cards.isEnabled()
    sample = dock.session.walk.choice
    qtbot.mouseClick(dock.cards.buttons[1], Qt.MouseButton.LeftButton, pos=QPoint(5, 75))
    assert dock.session.walk.choice == sample


@pytest.mark.all_draws
def test_cards_say_shares_and_sizes(opened: tuple[Any, Any], qtbot: Any) -> None:
    _, dock = opened
    cards = dealt(dock, qtbot)
    for card, button in zip(cards, dock.cards.buttons, strict=False):
        assert f"{100 * card.share:.0f} ±" in button.accessibleName()
        # Of one slice there is no room for that below the picture, and elsewhere there is.
        assert button.accessibleName().endswith(" mm² in this slice")
        assert button._lines[1].endswith(" mm²")
        assert "400 hypotheses" in button.toolTip()


def test_two_cards_are_compared_outline_against_outline(
    opened: tuple[Any, Any], qtbot: Any
) -> None:
    viewer, dock = opened
    cards = dealt(dock, qtbot)
    comparing = dock.session.comparing
    dock.cards.buttons[0].click()
    dock.cards.compare.click()
    assert "Click the card" in dock.cards.difference.text()
    dock.cards.buttons[1].click()
    qtbot.waitUntil(lambda: comparing.found is not None)
    # The one on show stayed on show, and the other lies beside it in white.
    assert dock.session.walk.choice == cards[0].choice
    other = viewer.layers[COMPARED]
    assert int((other.data > 0).sum()) == cards[1].counts[1:].sum()
    assert dock.cards.difference.text().startswith("Dice 0.")
    assert dock.cards.difference.text().endswith("mm apart")
    # From now on a click shows a card again, and the numbers follow.
    before = dock.cards.difference.text()
    dock.cards.buttons[1].click()
    qtbot.waitUntil(lambda: comparing.found.shown == cards[1].choice)
    assert dock.cards.difference.text() == "Dice 1.00 · 0.0 mm apart" != before
    dock.cards.compare.click()
    assert COMPARED not in viewer.layers and comparing.other is None
    assert not dock.cards.difference.isVisibleTo(dock.cards)


def test_a_new_run_ends_a_comparison(opened: tuple[Any, Any], qtbot: Any) -> None:
    viewer, dock = opened
    dealt(dock, qtbot)
    dock.cards.compare.click()
    dock.cards.buttons[1].click()
    qtbot.waitUntil(lambda: COMPARED in viewer.layers)
    dealt(dock, qtbot)
    assert COMPARED not in viewer.layers and not dock.cards.compare.isChecked()


def test_a_card_of_a_volume_moves_the_view_to_its_slice(
    open_dock: Callable[..., Any], tmp_path: Path, qtbot: Any
) -> None:
    viewer, dock = open_dock(tiny_model(tmp_path / "tiny", 3))
    add_image(viewer, (20, 24, 28))
    cards = dealt(dock, qtbot)
    voxel = dock.session.cards.voxel
    viewer.dims.set_current_step(0, (voxel[0] + 5) % 20)
    dock.cards.buttons[0].click()
    assert viewer.dims.current_step[0] == voxel[0]
    assert dock.session.walk.choice == cards[0].choice


def test_three_to_five_cards_are_dealt(opened: tuple[Any, Any], qtbot: Any) -> None:
    _, dock = opened
    dealt(dock, qtbot)
    for most in (5, 3):
        dock.settings.boxes["cards"].setValue(most)
        qtbot.waitUntil(lambda most=most: len(dock.session.cards.cards) == most, timeout=60_000)
        shown = [b for b in dock.cards.buttons if b.isVisibleTo(dock.cards)]
        assert len(shown) == most


@pytest.mark.shown
def test_words_on_cards_grow_with_letters(
    open_dock: Callable[..., Any], qtbot: Any, tmp_path: Path
) -> None:
    viewer, dock = open_dock(tiny_model(tmp_path / "tiny"), show=True, painted=False)
    add_image(viewer)
    dealt(dock, qtbot)
    card, beside = dock.cards.buttons[0], dock.cards.compare
    appearance = get_settings().appearance
    before, heights = appearance.font_size, []
    try:
        for points in (9, 15):
            appearance.font_size = points
            QApplication.processEvents()
            sizes = [QFontInfo(one.font()).pixelSize() for one in (card, beside)]
            assert abs(sizes[0] - sizes[1]) <= 1
            # Thumbnail and both lines have room.
            assert card.height() >= card._place().bottom() + 2 * sizes[0]
            heights.append(card.height())
    finally:
        appearance.font_size = before
    assert heights[1] > heights[0]
