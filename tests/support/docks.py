"""What tests do with a dock."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_ssn.session import Session
from tests.support.helpers import noise_image


def undisturbed_by_others(patch: pytest.MonkeyPatch) -> None:
    """Neither installed models nor anybody's preferences decide what tests see."""
    from napari_ssn.gui import dock as module
    from napari_ssn.session import Settings

    patch.setattr("napari_ssn.network.places.model_folders", dict)
    # Nothing is saved by itself but where a test is about that.
    patch.setattr(module, "kept_folder", lambda: None)
    settings = Settings(device="cpu", hypotheses=100, samples=4)
    patch.setattr(module, "preferences", lambda: (settings, 3))


def open_in(viewer: Any, qtbot: Any, *models: Path, styled: bool = False) -> Any:
    """The dock in a viewer, once its models are found.

    Args:
        styled: as when it is first shown, which takes half as long as all else here.
    """
    from qtpy.QtGui import QShowEvent

    from napari_ssn.gui.dock import SSNDock

    dock = SSNDock(viewer, models)
    viewer.window.add_dock_widget(dock, name="SSN hypotheses")
    if styled:
        dock.showEvent(QShowEvent())
    qtbot.waitUntil(lambda: dock.session.setup.survey is not None, timeout=60_000)
    return dock


def add_image(viewer: Any, space: tuple[int, ...] = (40, 48), **options: Any) -> np.ndarray:
    data = noise_image(space)
    where = {"scale": (0.7,) * len(space), "units": ("mm",) * len(space)}
    viewer.add_image(data, name="scan", **{**where, **options})
    return data


def settled(session: Session) -> bool:
    """Whether a run has ended and everything about it is counted."""
    return (
        session.result is not None
        and not session.busy
        and session.ranges is not None
        and session.walk.counts is not None
    )


def run_and_wait(dock: Any, qtbot: Any) -> None:
    dock.run.button.click()
    qtbot.waitUntil(lambda: settled(dock.session), timeout=600_000)


def pointing_into(viewer: Any) -> list[Any]:
    return [
        c for c in viewer.mouse_drag_callbacks if c.__module__ == "napari_ssn.gui.layers.clicks"
    ]


def click(viewer: Any, position: tuple[float, ...], moved: bool = False, button: int = 1) -> None:
    """A click on the canvas as napari hands it to the callbacks of a viewer."""

    class Event:
        type = "mouse_press"

    event = Event()
    event.position, event.button = position, button
    for callback in pointing_into(viewer):
        for _ in callback(viewer, event):
            event.type = "mouse_move" if moved else "mouse_release"
            moved = False


def pick(combo: Any, value: str) -> None:
    combo.setCurrentIndex(combo.findData(value))
    combo.activated.emit(combo.currentIndex())


def steady(viewer: Any, qtbot: Any) -> None:
    """Wait until window and dock have shared out their width, which takes some turns."""
    sizes = []
    while len(sizes) < 3 or len(set(sizes[-3:])) > 1:
        qtbot.wait(100)
        sizes.append(viewer.screenshot(canvas_only=True, flash=False).shape)
