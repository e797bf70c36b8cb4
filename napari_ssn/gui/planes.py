"""Turns the viewer to one of three planes, and moves it to a place."""

from __future__ import annotations

from collections.abc import Sequence

from napari.viewer import Viewer

#: Name of each plane and the axis of (z, y, x) that its slices are stacked along.
PLANES = (("Axial", 0), ("Coronal", 1), ("Sagittal", 2))

# A picture magnified by less than this is not meant to be.
_MAGNIFIED = 1.05


class Planes:
    """Axial, coronal and sagittal views of volumes shown along (z, y, x).

    Axes before the last three, as time, stay as they are.
    """

    def __init__(self, viewer: Viewer) -> None:
        self._viewer = viewer
        # Which way up slices of the first axis are drawn; somebody may have chosen another.
        self._upright: str | None = None

    @property
    def shown(self) -> int | None:
        """Axis of (z, y, x) that the slices on show are stacked along; None in three dimensions.

        Also None where rows or columns were exchanged by hand: that is no plane of ours.
        """
        dims = self._viewer.dims
        if dims.ndisplay != 2 or dims.ndim < 3:
            return None
        order = [axis - (dims.ndim - 3) for axis in dims.order[-3:]]
        return order[0] if order[1:] == [a for a in range(3) if a != order[0]] else None

    def show(self, plane: int) -> None:
        """Show slices of a plane; what was magnified stays so."""
        viewer, dims = self._viewer, self._viewer.dims
        before = self._magnification() if dims.ndisplay == 2 else 1.0
        zoom = viewer.scene.camera.zoom
        if self._upright is None or self.shown == 0:
            self._upright = str(viewer.scene.camera.orientation2d[0].value)
        dims.ndisplay = 2
        first = dims.ndim - 3
        dims.order = (
            *range(first),
            first + plane,
            *(first + axis for axis in range(3) if axis != plane),
        )
        # z runs towards the head, and the head is drawn above.
        rows = self._upright if plane == 0 else "up"
        viewer.scene.camera.orientation2d = (rows, viewer.scene.camera.orientation2d[1])
        viewer.reset_view()
        if before > _MAGNIFIED:
            viewer.scene.camera.zoom = zoom

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

    def _magnification(self) -> float:
        """How much larger the picture is than fits the canvas."""
        viewer = self._viewer
        zoom, centre = viewer.scene.camera.zoom, viewer.scene.camera.center
        viewer.reset_view(reset_camera_angle=False)
        fitting = viewer.scene.camera.zoom
        viewer.scene.camera.zoom, viewer.scene.camera.center = zoom, centre
        return float(zoom / fitting)
