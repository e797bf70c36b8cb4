"""The window with one scan of a cohort, as the session that its result tells of."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import napari
from napari.layers import Layer
from qtpy.QtWidgets import QApplication

from napari_ssn.gui.demo import point_at, wait_until
from napari_ssn.gui.dock import SSNDock

if TYPE_CHECKING:
    from napari_ssn.io.layers import LayerData

_PLUGIN, _WIDGET = "napari-ssn", "SSN hypotheses"
_SIZE = (1280, 800)
# Seconds between two looks whether the scan has been read.
_TURN = 0.005


def review(
    title: str,
    paths: Sequence[str],
    layers: Sequence[LayerData],
    sidecar: Path | None,
    centre: tuple[int, ...] | None,
) -> None:
    """Open napari with a scan and its result, and wait until it is closed.

    Args:
        title: of the window.
        paths: files to be opened.
        layers: of what was read already.
        sidecar: of its result; None where no label map was written.
        centre: voxel that was pointed at; None for the whole image.
    """
    viewer = napari.Viewer(title=title)
    viewer.window.resize(*_SIZE)
    _, dock = viewer.window.add_plugin_dock_widget(_PLUGIN, _WIDGET)
    show(viewer, dock, paths, layers, sidecar, centre)
    napari.run()


def show(
    viewer: napari.Viewer,
    dock: SSNDock,
    paths: Sequence[str],
    layers: Sequence[LayerData],
    sidecar: Path | None,
    centre: tuple[int, ...] | None,
) -> None:
    """As `review`, in a window that is there; what cannot be shown is said on the dock."""
    for data, options, kind in layers:
        viewer.add_layer(Layer.create(data, options, kind))
    dock.start.read(paths)
    # What cannot be opened is said on the dock.
    while dock.opening.opening.busy:
        QApplication.processEvents()
        time.sleep(_TURN)
    if sidecar is not None:
        dock.session.sidecars.open(sidecar)
    elif centre is not None and dock.session.setup.source is not None:
        wait_until(dock, lambda: dock.session.setup.survey is not None)
        point_at(viewer, dock, centre)
