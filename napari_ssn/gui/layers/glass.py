"""A surface in the viewer's scene that lets through what is inside it."""

from __future__ import annotations

from typing import Any

import numpy as np
from napari._vispy.overlays.base import ViewerOverlayMixin, VispySceneOverlay
from napari._vispy.utils.visual import overlay_to_visual
from napari.components.overlays import SceneOverlay
from napari.layers.base._base_constants import Blending
from vispy.color import Color
from vispy.scene.visuals import Mesh
from vispy.visuals.filters import ShadingFilter

from napari_ssn.geometry.shells import outwards

# How much of what is inside one side of it covers.
_SHEER = 0.22
# That comes from everywhere: white, and how much.
_LIGHT = (1.0, 1.0, 1.0, 0.6)


class GlassOverlay(SceneOverlay):
    """A closed surface of triangles, over all layers.

    Attributes:
        surface: corners, (n, 3) along the axes that the viewer shows, and triangles, (m, 3); None
            for none.
        colour: as napari takes it; it is drawn sheer.
    """

    surface: Any = None
    colour: str = "#ffffff"
    blending: Blending = Blending.TRANSLUCENT_NO_DEPTH


class VispyGlass(ViewerOverlayMixin, VispySceneOverlay):
    """Draws a `GlassOverlay`, lit so that its shape is seen."""

    overlay: GlassOverlay

    def __init__(self, **kwargs: Any) -> None:
        self._light: ShadingFilter | None = None
        super().__init__(node=Mesh(), **kwargs)
        self.overlay.events.surface.connect(self._on_surface_change)
        self.reset()

    def _should_be_visible(self) -> bool:
        return super()._should_be_visible() and self.overlay.surface is not None

    def _on_surface_change(self, event: Any = None) -> None:
        if self.overlay.surface is not None:
            corners, faces = self.overlay.surface
            # The screen has columns first, which mirrors space.
            placed = corners[:, ::-1].astype(np.float32)
            self.node.set_data(
                vertices=placed,
                faces=outwards(placed, faces).astype(np.uint32),
                color=(*Color(self.overlay.colour).rgb, _SHEER),
            )
            if self._light is None:
                # In its own shadow it would darken what is inside; of nothing there is no light.
                self._light = ShadingFilter("smooth", ambient_light=_LIGHT)
                self.node.attach(self._light)
        self._on_visible_change()
        self.node.update()

    def reset(self) -> None:
        """See `VispyBaseOverlay`."""
        super().reset()
        self._on_surface_change()

    def close(self) -> None:
        """See `VispyBaseOverlay`."""
        self.overlay.events.surface.disconnect(self._on_surface_change)
        super().close()


overlay_to_visual[GlassOverlay] = VispyGlass
