"""Between the viewer's world and a layer's own.

napari counts clicks, sliders and camera in the smallest unit among all layers, and what a layer
says of its own place in that layer's units: a layer in micrometres beside an image in millimetres
puts a factor of a thousand between the two.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import pint
from napari.layers import Layer
from napari.viewer import Viewer
from numpy.typing import NDArray


def layer_units(viewer: Viewer, layer: Layer) -> NDArray[np.float64]:
    """How many of a layer's units one of the viewer's is, for each axis of the layer.

    1 where the units of all layers have nothing in common: napari ignores them then.
    """
    units = viewer.layers.extent.units
    if units is None or len(units) < layer.ndim:
        return np.ones(layer.ndim)
    return np.array(_ratios(units[-layer.ndim :], layer.units))


@lru_cache
def _ratios(units: tuple[pint.Unit, ...], own: tuple[pint.Unit, ...]) -> tuple[float, ...]:
    """Of units to others: asked for at every move of a slider, and pint takes its time."""
    base = pint.get_application_registry().get_base_units  # type: ignore[no-untyped-call]
    pairs = zip(units, own, strict=True)
    return tuple(float(base(one)[0] / base(other)[0]) for one, other in pairs)


def in_layer(viewer: Viewer, layer: Layer, place: Sequence[float]) -> tuple[float, ...]:
    """A place of the viewer's world, which may have more axes in front, in the layer's own.

    A viewer that the layer is still coming to, or leaving, may have fewer: the others are at 0.
    """
    own = np.zeros(layer.ndim)
    last = np.asarray(place, dtype=np.float64)[-layer.ndim :]
    own[layer.ndim - len(last) :] = last
    return tuple(float(value) for value in own * layer_units(viewer, layer))


def in_viewer(viewer: Viewer, layer: Layer, place: Sequence[float]) -> tuple[float, ...]:
    """A place of the layer's own world, on its last axes, in the viewer's."""
    world = np.asarray(place, dtype=np.float64) / layer_units(viewer, layer)[-len(place) :]
    return tuple(float(value) for value in world)
