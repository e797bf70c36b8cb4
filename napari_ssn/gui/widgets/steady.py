"""Keeps the view where it is when the viewer begins to count in another unit."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari.layers import Image
from napari.viewer import Viewer
from numpy.typing import NDArray

from napari_ssn.gui.layers.picture import Picture
from napari_ssn.gui.layers.world import in_layer, in_viewer, layer_units
from napari_ssn.gui.listening import Listening


class SteadyView:
    """Turns camera and sliders into the viewer's new unit. Main thread only.

    napari changes its unit when a layer comes or goes, and leaves the numbers as they were: the
    picture would be seen a thousand times too large, in another slice.
    """

    def __init__(self, viewer: Viewer, picture: Picture) -> None:
        self._viewer, self._picture = viewer, picture
        # The image, its units in one of the viewer's, and where in its world the sliders stand.
        self._image: Image | None = None
        self._units: NDArray[np.float64] = np.ones(0)
        self._place: tuple[float, ...] = ()
        self._listening = Listening()
        self._listening.to(self.follow, viewer.dims.events.point, viewer.dims.events.units)
        # An image may come without a word of the sliders: they stay where they were.
        picture.taken.append(self.follow)
        self.follow()

    def follow(self, event: Any = None) -> None:
        """Sliders have moved, or count in another unit."""
        viewer, image = self._viewer, self._picture.image
        if image is None or image not in viewer.layers:
            self._image = None
            return
        if viewer.dims.units != viewer.layers.extent.units:
            # In between, the sliders have moved by themselves.
            return
        same, before, units = image is self._image, self._units, layer_units(viewer, image)
        self._image, self._units = image, units
        if same and not np.array_equal(before, units):
            self._count_anew(image, before / units)
        self._place = in_layer(viewer, image, viewer.dims.point)

    def _count_anew(self, image: Image, factors: NDArray[np.float64]) -> None:
        """Multiply what is a length along each axis of the image."""
        viewer, camera, dims = self._viewer, self._viewer.scene.camera, self._viewer.dims
        first, shown = dims.ndim - image.ndim, np.ones(3)
        for at, axis in enumerate(dims.displayed, start=3 - len(dims.displayed)):
            shown[at] = factors[axis - first] if axis >= first else 1.0
        camera.zoom /= shown[-1]
        camera.center = tuple(float(value) for value in np.asarray(camera.center) * shown)
        dims.set_point(list(range(first, dims.ndim)), list(in_viewer(viewer, image, self._place)))

    def close(self) -> None:
        """Let go of the viewer."""
        self._listening.stop()
        self._picture.taken.remove(self.follow)
