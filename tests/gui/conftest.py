"""A real viewer with the real dock, and a model small enough to run at once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_ssn.session import Session
from tests.helpers import noise_image, tiny_model


@pytest.fixture
def open_dock(
    make_napari_viewer_proxy: Callable[..., Any], qtbot: Any, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Any]:
    """Function that opens a viewer with the dock and waits until its models are found."""
    from napari_ssn.gui import dock as module
    from napari_ssn.session import Settings

    # Neither installed models nor anybody's preferences may decide what these tests see.
    monkeypatch.setattr("napari_ssn.network.models.model_folders", dict)
    settings = Settings(device="cpu", hypotheses=100, samples=4)
    monkeypatch.setattr(module, "preferences", lambda: (settings, 3))

    def build(*models: Path, show: bool = False) -> Any:
        viewer = make_napari_viewer_proxy(show=show)
        dock = module.SSNDock(viewer, models)
        viewer.window.add_dock_widget(dock, name="SSN hypotheses")
        qtbot.waitUntil(lambda: dock.session.setup.survey is not None, timeout=60_000)
        return viewer, dock

    return build


@pytest.fixture
def opened(open_dock: Callable[..., Any], tmp_path: Path) -> tuple[Any, Any]:
    """Viewer and dock with an image of 40 × 48 pixels and a 2D model."""
    viewer, dock = open_dock(tiny_model(tmp_path / "tiny"))
    add_image(viewer)
    return viewer, dock


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
    qtbot.waitUntil(lambda: settled(dock.session), timeout=60_000)
