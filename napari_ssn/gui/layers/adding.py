"""Layers that come and go: beside the one that somebody works with, called by what they show."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from napari.layers import Layer
from napari.viewer import Viewer

_PLUGIN = "napari-ssn"


def add_beside(viewer: Viewer, layer: Layer, at: int | None = None) -> None:
    """Add a layer; what was selected stays selected.

    Args:
        viewer: gets it.
        layer: to be added.
        at: its place in the list; above all others if left out.
    """
    listed = getattr(viewer.layers, "__wrapped__", viewer.layers)
    chosen = set(listed.selection)
    # Of one that were selected for a moment napari would lay out the controls, and those of the
    # one before again.
    listed._activate_on_insert = False
    try:
        listed.insert(len(listed) if at is None else at, layer)
    finally:
        listed._activate_on_insert = True
    if set(listed.selection) != chosen:
        listed.selection = chosen


def take_away(viewer: Viewer, gone: Sequence[Layer]) -> None:
    """Take layers out of the list.

    For each that goes napari has Python look through all of its objects, a third of a second beside
    a network; for all that go together once.
    """
    if len(gone) == 1:
        viewer.layers.remove(gone[0])
    elif gone:
        with viewer.layers.batched_update():
            for layer in gone:
                viewer.layers.remove(layer)


def just_added(event: Any) -> Layer | None:
    """The layer that an event of the list tells of as new; None of any other."""
    layer = event.value if getattr(event, "type", "") == "inserted" else None
    return getattr(layer, "__wrapped__", layer)


def list_events(viewer: Viewer) -> tuple[Any, ...]:
    """After which other layers are there, or the same in another order or by other names."""
    events = viewer.layers.events
    return events.inserted, events.removed, events.reordered, events.renamed


def forget_reader(layer: Layer) -> None:
    """Have napari call a layer by its own name, where this plugin has read it.

    Below the picture and in its list napari names the file of what a reader has read, which is
    often called after the patient.
    """
    layer = getattr(layer, "__wrapped__", layer)
    if layer.source.reader_plugin == _PLUGIN:
        layer._source = layer.source.model_copy(update={"reader_plugin": None})
