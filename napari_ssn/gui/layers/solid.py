"""A result in 3D: the chosen outline solid, the outer one as glass, a slab of the image."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image
from napari.viewer import Viewer

from napari_ssn.gui.layers import colours
from napari_ssn.gui.layers.glass import GlassOverlay
from napari_ssn.gui.layers.legend import LegendOverlay
from napari_ssn.gui.layers.redrawing import put
from napari_ssn.gui.layers.scene import Scene
from napari_ssn.gui.layers.strokes import BOLD, THIN
from napari_ssn.gui.layers.world import in_layer
from napari_ssn.gui.listening import Listening
from napari_ssn.session import Session
from napari_ssn.text.overview import ON_SHOW
from napari_ssn.text.sizes import capital

if TYPE_CHECKING:
    # These modules import torch, which only the worker does.
    from napari_ssn.prediction.prediction import Prediction

NAME = "napari_ssn_glass"


class Solid:
    """Keeps the glass and the slab in step with the session while the view is in 3D.

    A whole image would hide the lesion or drown it: of the result's image only the slice is shown
    that was on show, until the view is flat again, or somebody asks napari for the volume.
    Main thread only.

    Args:
        viewer, scene, session: the result, and its layers.
    """

    def __init__(self, viewer: Viewer, scene: Scene, session: Session) -> None:
        self._viewer, self._scene, self._session = viewer, scene, session
        self.glass = GlassOverlay(visible=False, colour=colours.TONES[0])
        self.legend = LegendOverlay(position="top_left", visible=False)
        viewer.scene.overlays[NAME], viewer.canvas.overlays[NAME] = self.glass, self.legend
        # The image that is shown as a slab because of us, and what the glass was last placed from.
        self._sliced: Image | None = None
        self._placed: Any = None
        self._listening, dims, shells = Listening(), viewer.dims.events, session.shells.found
        self._listening.to(self.refresh, dims.ndisplay, dims.order)
        self._listening.to(self._move_slab, dims.point)
        self._listening.to(self.refresh, session.found, session.changed, scene.redrawn)
        self._listening.to(self.refresh, session.overviews.changed, shells.changed)

    def refresh(self, event: Any = None) -> None:
        """Show what is to be seen now."""
        result = self._here()
        self._slice(self._scene.picture.image if result is not None else None)
        walking = self._scene.walking
        seen = result is not None and walking is not None and walking.visible
        self._session.shells.show(seen)
        shell = self._session.shells.shell if seen else None
        self._place(shell)
        glass = self.glass.surface is not None
        put(self.glass, visible=glass)
        rows = self._rows(result, glass) if seen and result is not None else ()
        put(self.legend, rows=rows, visible=bool(rows))

    def _here(self) -> Prediction | None:
        """The result that is looked at in 3D; None where none is."""
        result, frame, scene = self._session.result, self._scene.frame, self._scene
        if result is None or frame is None or self._viewer.dims.ndisplay != 3:
            return None
        if len(result.dist.space) != 3 or frame.axes != 3:
            return None
        hidden = scene.grey or scene.veiled or self._session.summary.hidden
        return None if hidden else result

    def _place(self, shell: Any) -> None:
        order = self._viewer.dims.displayed
        if shell is None or not len(shell[1]):
            self._placed, self.glass.surface = None, None
        elif self._placed is None or self._placed[0] is not shell or self._placed[1] != order:
            assert self._scene.frame is not None
            corners, faces = shell
            self._placed = (shell, order)
            self.glass.surface = (self._scene.frame.placing(self._viewer)(corners), faces)

    def _rows(self, result: Prediction, glass: bool) -> tuple[tuple[str, str, float], ...]:
        """Of the legend, as on a slice."""
        labels = result.card.labels
        several = len(labels) > 2
        solid = [
            (capital(label.name) if several else ON_SHOW, label.colour, BOLD)
            for label in labels[1:]
        ]
        said = self._session.overviews.shares
        outer = [(said[0], self.glass.colour, THIN)] if glass else []
        return (*solid, *outer)

    # ---- The slab

    def _slice(self, image: Image | None) -> None:
        if image is self._sliced:
            return
        before, self._sliced = self._sliced, image
        if before is not None and before.depiction == "plane":
            before.depiction = "volume"
        if image is not None and image.depiction == "volume":
            image.plane.normal = (1.0, 0.0, 0.0)
            image.plane.thickness = 1.0
            self._move_slab()
            image.depiction = "plane"

    def _move_slab(self, event: Any = None) -> None:
        """Where somebody has turned to: as in 2D, the slice through the viewer's point."""
        image, dims = self._sliced, self._viewer.dims
        # Without the image the viewer may have fewer axes, before we are told that it is gone.
        if image is None or image not in self._viewer.layers or len(dims.displayed) != 3:
            return
        # Of several scales napari shows the coarsest in 3D.
        coarser = image.downsample_factors[-1][-3:] if image.multiscale else np.ones(3)
        inside = np.array(image.world_to_data(in_layer(self._viewer, image, dims.point))[-3:])
        shown = [axis - (dims.ndim - 3) for axis in dims.displayed]
        image.plane.position = tuple((inside / coarser)[shown])

    def close(self, tidy: bool) -> None:
        """Let go of the viewer; nothing stays.

        Args:
            tidy: whether there still is a canvas to take the glass from.
        """
        self._listening.stop()
        self._session.shells.show(False)
        if tidy:
            self._slice(None)
            self._viewer.scene.overlays.pop(NAME)
            self._viewer.canvas.overlays.pop(NAME)
