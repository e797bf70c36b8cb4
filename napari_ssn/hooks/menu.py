"""The entry in napari's menu Layers › Segment."""

from __future__ import annotations

from napari.viewer import Viewer

_PLUGIN, _WIDGET = "napari-ssn", "SSN hypotheses"


def open_dock(viewer: Viewer) -> None:
    """Open the dock, or bring it to the front."""
    dock, _ = viewer.window.add_plugin_dock_widget(_PLUGIN, _WIDGET)
    dock.show()
    dock.raise_()
