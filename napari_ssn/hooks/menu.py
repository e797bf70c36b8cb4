"""The entry in napari's menu Layers › Segment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from napari.viewer import Viewer

if TYPE_CHECKING:
    from napari_ssn.gui.dock import SSNDock

_PLUGIN, _WIDGET = "napari-ssn", "SSN hypotheses"


def open_dock(viewer: Viewer) -> None:
    """Open the dock, or bring it to the front."""
    dock_of(viewer)


def dock_of(viewer: Viewer) -> SSNDock:
    """The dock of a viewer, which is opened if need be, and brought to the front."""
    dock, widget = viewer.window.add_plugin_dock_widget(_PLUGIN, _WIDGET)
    dock.show()
    dock.raise_()
    found: SSNDock = widget
    return found
