"""Turns the viewer to one of three planes, and moves it to a place."""

from __future__ import annotations

from collections.abc import Sequence

from napari.viewer import Viewer

from napari_ssn.core.directions.compass import AXIAL, CORONAL, SAGITTAL
from napari_ssn.gui.layers.picture import Picture

#: Name of each plane and the axis of the patient that its slices are stacked along.
PLANES = (("Axial", AXIAL), ("Coronal", CORONAL), ("Sagittal", SAGITTAL))

# A picture magnified by less than this is not meant to be.
_MAGNIFIED = 1.05
# Of the canvas: where the region takes less of it is brought near, and what it takes then.
_SMALL, _LARGE = 0.33, 0.6


class Planes:
    """Axial, coronal and sagittal views of the picture's volume.

    Which way up they are drawn is the matter of `Upright`. Axes before the last three, as time,
    stay as they are.
    """

    def __init__(self, viewer: Viewer, picture: Picture) -> None:
        self._viewer, self._picture = viewer, picture

    @property
    def shown(self) -> int | None:
        """Axis of the patient that the slices on show are stacked along; None in 3D.

        Also None where rows or columns were exchanged by hand: that is no plane of ours.
        """
        dims = self._viewer.dims
        if dims.ndisplay != 2:
            return None
        here = dims.order[-3:]
        return next((plane for _, plane in PLANES if self._order(plane) == here), None)

    def show(self, plane: int) -> None:
        """Show slices of a plane; what was magnified stays so."""
        viewer, dims = self._viewer, self._viewer.dims
        order = self._order(plane)
        if order is None:
            return
        before = self._magnification() if dims.ndisplay == 2 else 1.0
        zoom = viewer.scene.camera.zoom
        dims.ndisplay = 2
        dims.order = (*range(dims.ndim - 3), *order)
        viewer.reset_view()
        if before > _MAGNIFIED:
            viewer.scene.camera.zoom = zoom

    def _order(self, plane: int) -> tuple[int, ...] | None:
        """Axes of the viewer as a plane shows them; None where the image has no three."""
        compass, ndim = self._picture.compass, self._viewer.dims.ndim
        if compass is None or compass.ndim != 3 or ndim < 3:
            return None
        return tuple(ndim - 3 + axis for axis in compass.order(plane))

    def look_at(self, place: Sequence[float], centred: bool) -> None:
        """Show the slices through a place in space.

        Args:
            place: in the world, along (z, y, x) or (y, x).
            centred: whether it is to be in the middle of the picture; else only where the
                picture is magnified, and the place might be out of sight.
        """
        viewer, dims = self._viewer, self._viewer.dims
        first = dims.ndim - len(place)
        dims.set_point(list(range(first, dims.ndim)), list(place))
        if centred or self._magnification() > _MAGNIFIED:
            known = dict(zip(range(first, dims.ndim), place, strict=True))
            now = list(viewer.scene.camera.center)
            for at, axis in enumerate(dims.order[-dims.ndisplay :], start=3 - dims.ndisplay):
                now[at] = known.get(axis, now[at])
            viewer.scene.camera.center = tuple(now)

    def come_near(self, low: Sequence[float], high: Sequence[float]) -> None:
        """Magnify the picture where a box is so small on it that nobody could judge a line.

        Args:
            low, high: its corners in the world, along (z, y, x) or (y, x).
        """
        viewer, dims, camera = self._viewer, self._viewer.dims, self._viewer.scene.camera
        if dims.ndisplay != 2:
            return
        first = dims.ndim - len(low)
        ends = {first + at: pair for at, pair in enumerate(zip(low, high, strict=True))}
        across = [abs(ends[one][1] - ends[one][0]) for one in dims.displayed if one in ends]
        canvas = min(viewer.canvas.size)
        if not across or not 0 < max(across) * camera.zoom < _SMALL * canvas:
            return
        camera.zoom = _LARGE * canvas / max(across)
        middle = [(a + b) / 2 for a, b in zip(low, high, strict=True)]
        known = dict(zip(ends, middle, strict=True))
        now = list(camera.center)
        for at, axis in enumerate(dims.displayed, start=3 - dims.ndisplay):
            now[at] = known.get(axis, now[at])
        camera.center = tuple(now)

    def _magnification(self) -> float:
        """How much larger the picture is than fits the canvas."""
        viewer = self._viewer
        zoom, centre = viewer.scene.camera.zoom, viewer.scene.camera.center
        viewer.reset_view(reset_camera_angle=False)
        fitting = viewer.scene.camera.zoom
        viewer.scene.camera.zoom, viewer.scene.camera.center = zoom, centre
        return float(zoom / fitting)
