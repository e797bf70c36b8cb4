"""Letters of the patient's sides at the edges of the canvas, and a scale bar."""

from __future__ import annotations

from typing import Any

from napari.layers import Image
from napari.viewer import Viewer

from napari_ssn.gui.layers.first_time import FirstTime
from napari_ssn.gui.layers.letters import LettersOverlay
from napari_ssn.gui.layers.picture import Picture
from napari_ssn.gui.layers.redrawing import put
from napari_ssn.gui.layers.upright import axes_of
from napari_ssn.gui.listening import Listening
from napari_ssn.session import Session

NAME = "napari_ssn_sides"
UNKNOWN = "side unknown"
# Beside a letter that is the nearest side and not the side itself.
_NEAREST = " ~"
_NOTHING = ("", "", "", "")


class Sides:
    """Keeps the letters in step with image, plane and camera. Main thread only.

    Args:
        viewer: whose canvas it is.
        picture: the image whose sides they are.
        session: tells when that is another one.
    """

    def __init__(self, viewer: Viewer, picture: Picture, session: Session) -> None:
        self._viewer, self._picture, self._session = viewer, picture, session
        self.letters = viewer.canvas.overlays[NAME] = LettersOverlay()
        # The image whose eye is watched, and the one that the scale bar was shown for.
        self._watched: Image | None = None
        self._measured: int | None = None
        self._listening, self._eye = Listening(), Listening()
        turned = viewer.scene.camera.events.orientation
        self._listening.to(self.refresh, viewer.dims.events.order, viewer.dims.events.ndisplay)
        self._listening.to(self.refresh, turned, session.changed)
        self._first = FirstTime(self.refresh)
        self.refresh()

    def refresh(self, event: Any = None) -> None:
        """Show what is at the edges now."""
        self._watch(self._picture.image)
        if self._watched is None and self._measured is None:
            return
        if not self._first.over():
            return
        self._measure()
        words = self._words()
        # Letters that go keep their text: with each change all of them are laid out.
        if words != _NOTHING:
            put(self.letters, words=words)
        put(self.letters, visible=words != _NOTHING)

    def _words(self) -> tuple[str, str, str, str]:
        """At the left, right, upper and lower edge."""
        image, compass, dims = self._watched, self._picture.compass, self._viewer.dims
        if image is None or not image.visible:
            return _NOTHING
        if compass is None or not compass.known:
            return ("", "", UNKNOWN, "")
        axes = axes_of(compass, dims)
        if axes is None or dims.ndisplay != 2:
            return _NOTHING
        rows, columns = self._viewer.scene.camera.orientation2d
        edges = compass.edges(axes, str(rows) == "up", str(columns) == "right")
        mark = "" if edges.exact else _NEAREST
        return (edges.left + mark, edges.right + mark, edges.top + mark, edges.bottom + mark)

    def _measure(self) -> None:
        """A scale bar where the size of a voxel is known; once, so that it can be put away."""
        source = self._session.setup.source
        token = None if source is None else source.token
        if token != self._measured:
            self._measured = token
            known = source is not None and source.spacing_mm is not None
            self._viewer.canvas.overlays.scale_bar.visible = known

    def _watch(self, image: Image | None) -> None:
        if image is self._watched:
            return
        self._watched = image
        self._eye.stop()
        if image is not None:
            self._eye.to(self.refresh, image.events.visible)

    def close(self, tidy: bool) -> None:
        """Let go of the viewer.

        Args:
            tidy: whether there still is a canvas to take the letters from.
        """
        self._first.close()
        self._listening.stop()
        self._watch(None)
        if tidy:
            self._viewer.canvas.overlays.pop(NAME)
            self._viewer.canvas.overlays.scale_bar.visible = False
