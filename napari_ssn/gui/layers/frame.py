"""Where a result lies in the viewer: its planes, and its points on the screen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from napari.viewer import Viewer
from numpy.typing import NDArray

from napari_ssn.geometry.display import Display
from napari_ssn.gui.layers import results as layers
from napari_ssn.gui.layers.world import in_layer, layer_units
from napari_ssn.session import Plane


class ResultFrame:
    """The image of a result as it lay in the viewer when the result was found.

    Attributes:
        display: how its grid is shown.
        transform: what lays a layer exactly on it.
        place: the same as layers carry it.

    Args:
        display, transform: of the image.
    """

    def __init__(self, display: Display, transform: dict[str, Any]) -> None:
        self.display, self.transform = display, transform
        self.place = layers.place_on(display, transform)
        self.axes = len(display.shape)
        # In no viewer: it only knows where its voxels would lie.
        self._carrier = layers.label_layer("", np.zeros((1,) * self.axes, np.uint8), transform, {})
        corners = np.concatenate([np.zeros((1, self.axes)), np.eye(self.axes)])
        # Where its first voxel lies, and the next along each axis: asked of napari once.
        self._corners = np.stack([self._carrier.data_to_world(corner) for corner in corners])

    def plane(self, viewer: Viewer) -> Plane | None:
        """Plane of the source's grid that a viewer shows; None in 3D, and beside the image."""
        dims, turn = viewer.dims, self.display.reorientation
        first = dims.ndim - self.axes
        across = [axis - first for axis in dims.not_displayed if axis >= first]
        if dims.ndisplay != 2 or first < 0 or len(across) != self.axes - 2:
            return None
        place = self._carrier.world_to_data(in_layer(viewer, self._carrier, dims.point))
        shown = [round(float(at)) if axis in across else 0 for axis, at in enumerate(place)]
        if not all(0 <= shown[axis] < self.display.shape[axis] for axis in across):
            return None
        voxel = turn.index_to_source(shown, self.display.image_space)
        hidden = {turn.order[axis] for axis in across}
        return tuple(at if axis in hidden else None for axis, at in enumerate(voxel))

    def placing(self, viewer: Viewer) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
        """Places points of the source's grid, (n, axes), along the axes on show in the world.

        For several groups of points: what it follows from is asked once.
        """
        origin, *others = self._corners / layer_units(viewer, self._carrier)
        dims = viewer.dims
        first = dims.ndim - self.axes
        along = [axis - first for axis in dims.displayed]
        matrix = np.stack(others) - origin

        def place(points: NDArray[np.float64]) -> NDArray[np.float64]:
            shown = self.display.reorientation.points_to_display(points, self.display.image_space)
            found: NDArray[np.float64] = (origin + shown @ matrix)[:, along]
            return found

        return place

    def shown(self, values: NDArray[Any]) -> NDArray[Any]:
        """Values on the source's grid, as layers of the result show them."""
        return self.display.reorientation.apply(values)

    def unshown(self, values: NDArray[Any]) -> NDArray[Any]:
        """`shown`, taken back."""
        return self.display.reorientation.undo(values)

    def index(self, voxel: tuple[int, ...]) -> tuple[int, ...]:
        """Where a voxel of the source's grid lies in layers of the result."""
        return self.display.reorientation.index_to_display(voxel, self.display.image_space)

    def cut(self, data: Any, plane: Plane) -> NDArray[Any]:
        """What a layer of the result shows in a plane, as the source's grid has it; a copy."""
        turned = self.unshown(np.asarray(data))
        # A view would change as somebody paints.
        return np.array(turned[tuple(slice(None) if at is None else at for at in plane)])
