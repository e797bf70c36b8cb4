"""Keeps the picture upright: every image and plane that comes into view is drawn the right way."""

from __future__ import annotations

from typing import Any

from napari.components import Dims
from napari.layers import Image
from napari.settings import get_settings
from napari.viewer import Viewer

from napari_ssn.core.directions.compass import Compass
from napari_ssn.gui.layers.picture import Picture
from napari_ssn.gui.layers.results import describe, is_ours
from napari_ssn.gui.listening import Listening
from napari_ssn.session import Session


class Upright:
    """Turns the camera to the image and plane on show. Main thread only.

    It is never asked which way it stands: that was right for what was shown before. Who turns it
    by hand has it that way until another image or plane comes into view.

    Args:
        viewer: whose camera it is.
        picture: the image that has to be upright.
        session: tells when that is another one.
    """

    def __init__(self, viewer: Viewer, picture: Picture, session: Session) -> None:
        self._viewer, self._picture, self._session = viewer, picture, session
        # Image and axes that the camera was turned to.
        self._turned: tuple[Any, ...] | None = None
        self._listening, dims = Listening(), viewer.dims.events
        self._listening.to(self.refresh, dims.order, dims.ndisplay, session.changed)
        self.refresh()

    def refresh(self, event: Any = None) -> None:
        """Turn the camera if another image or plane is in view."""
        source, dims = self._session.setup.source, self._viewer.dims
        token = None if source is None else source.token
        now = (token, dims.order, dims.ndisplay)
        before, self._turned = self._turned, now
        if before == now:
            return
        compass = self._picture.compass or self._other()
        axes = None if compass is None else axes_of(compass, dims)
        fresh = before is None or before[0] != token
        if fresh and axes is None and compass is not None and compass.ndim == 2:
            # Across the slices of a volume shown before, nothing of a plane would be seen.
            dims.order = tuple(range(dims.ndim))
            return
        self._viewer.scene.camera.orientation = _orientation(compass, axes)

    def _other(self) -> Compass | None:
        """Of another image in view, where the chosen one is none that could be segmented."""
        for layer in reversed(self._viewer.layers):
            if isinstance(layer, Image) and layer.visible and not is_ours(layer):
                compass = describe(layer, look=False).compass
                if compass is not None:
                    return compass
        return None

    def close(self) -> None:
        """Let go of the viewer."""
        self._listening.stop()


def axes_of(compass: Compass, dims: Dims) -> tuple[int, ...] | None:
    """Axes that a viewer shows, as an image counts its own; None where one is none of its."""
    shown = tuple(axis - (dims.ndim - compass.ndim) for axis in dims.displayed)
    return shown if min(shown) >= 0 else None


def _orientation(compass: Compass | None, axes: tuple[int, ...] | None) -> tuple[str, str, str]:
    if compass is None or axes is None:
        # What there is of a picture is none of ours, and drawn as its user likes pictures.
        usual = get_settings().application
        return (
            str(usual.depth_axis_orientation),
            str(usual.vertical_axis_orientation),
            str(usual.horizontal_axis_orientation),
        )
    upright = compass.upright(axes)
    return (
        "towards" if upright.towards else "away",
        "up" if upright.up else "down",
        "right" if upright.right else "left",
    )
