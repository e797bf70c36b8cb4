"""Sizes of markers on the screen, and none where a slice has no marker."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Points
from napari.viewer import Viewer

from napari_ssn.gui.layers.world import in_layer


class MarkerSizes:
    """Keeps markers within limits on the screen while some are in the slice on show.

    In the place of no points napari draws one of no size, at the origin. A lower limit would make
    it as large as any other, in the corner of every other slice.

    Args:
        viewer: says which slice is on show.
        layer: of the markers.
        limits: pixels of the screen.
    """

    def __init__(self, viewer: Viewer, layer: Points, limits: tuple[int, int]) -> None:
        self._viewer, self._layer, self._limits = viewer, layer, limits
        # napari holds on to us weakly: who made us keeps us for as long as the layer.
        viewer.dims.events.point.connect(self.follow)
        viewer.dims.events.order.connect(self.follow)
        viewer.dims.events.ndisplay.connect(self.follow)
        self.follow()

    def follow(self, event: Any = None) -> None:
        """Markers, or the slice on show, are others."""
        low, high = self._limits
        limits = (low if self._some() else 0, high)
        if tuple(self._layer.canvas_size_limits) != limits:
            self._layer.canvas_size_limits = limits

    def _some(self) -> bool:
        """Whether a marker lies in the slice on show."""
        layer, dims = self._layer, self._viewer.dims
        first = dims.ndim - layer.ndim
        if first < 0:
            return len(layer.data) > 0
        across = [axis - first for axis in dims.not_displayed if axis >= first]
        place = in_layer(self._viewer, layer, dims.point)
        here = np.asarray(layer.world_to_data(place))[across]
        return bool(np.any(np.all(np.abs(layer.data[:, across] - here) <= 0.5 + 1e-6, axis=1)))
