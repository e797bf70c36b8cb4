"""Wherever the dock is opened from, it is one, of one name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from npe2 import PluginManager

from napari_ssn.hooks.menu import open_dock


def test_all_are_called_alike() -> None:
    manager = PluginManager.instance()
    manager.discover()
    manifest = manager.get_manifest("napari-ssn")
    # napari shows the one in its menus and as a title, and finds docks, readers and samples by the
    # other.
    assert manifest.display_name == manifest.name


@pytest.mark.own_window
def test_both_menus_open_one_dock(
    make_viewer: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from napari._app_model import get_app_model

    from napari_ssn.gui import dock as module

    monkeypatch.setattr(module, "kept_folder", lambda: None)
    viewer = make_viewer().__wrapped__
    get_app_model().commands.execute_command("napari-ssn.dock").result()
    assert [*viewer.window.dock_widgets] == ["SSN hypotheses (napari-ssn)"]
    open_dock(viewer)
    assert len(viewer.window.dock_widgets) == 1
