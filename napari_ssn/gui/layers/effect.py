"""The layer that shows, for as long as somebody looks, what a direction would change."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap
from napari.viewer import Viewer

from napari_ssn.geometry.display import RESULT_KEY
from napari_ssn.gui.layers import results as layers
from napari_ssn.gui.layers.scene import Scene
from napari_ssn.gui.layers.walking import Walking
from napari_ssn.session import Session
from napari_ssn.session.effect import ADDED, EXCHANGED, TAKEN

if TYPE_CHECKING:
    # These modules import torch, which only the worker does.
    from napari_ssn.prediction.prediction import Prediction

EFFECT = "SSN · effect"

# Green and magenta are told apart by every kind of colour vision, and from the labels' colours.
_COLOURS: dict[int | None, str] = {
    None: "transparent",
    0: "transparent",
    ADDED: "#00c48c",
    TAKEN: "#e667b8",
    EXCHANGED: "#f0e442",
}
_OPACITY = 0.55


class EffectLayer:
    """Shows and hides the layer as the session's map comes and goes. Main thread only.

    It is made when somebody first looks, and of one result it is kept, hidden: napari collects
    all garbage when a layer is removed, which takes a second once torch is loaded. Only what is
    on show is decoded. In three dimensions that would be all of it: no map there.
    """

    def __init__(self, viewer: Viewer, scene: Scene, session: Session) -> None:
        self._viewer, self._scene, self._session = viewer, scene, session
        self._layer: Labels | None = None
        session.found.connect(self._drop)
        session.effect.changed.connect(self.refresh)
        viewer.layers.events.removed.connect(self._removed)
        viewer.dims.events.ndisplay.connect(self._turned)

    def refresh(self) -> None:
        """Show the map that there is now, or none."""
        session = self._session
        wanted = session.effect.direction is not None and not session.stale
        if not wanted or self._viewer.dims.ndisplay == 3 or self._scene.elsewhen:
            if self._layer is not None:
                self._layer.visible = False
        elif self._layer is None:
            self._add()
        elif self._layer.visible:
            self._layer.refresh(extent=False, thumbnail=False, highlight=False)
        else:
            # Which slices it anew.
            self._layer.visible = True

    def close(self) -> None:
        """Let go of the viewer; nothing stays."""
        self._viewer.layers.events.removed.disconnect(self._removed)
        self._viewer.dims.events.ndisplay.disconnect(self._turned)
        self._drop()

    def _add(self) -> None:
        session, result = self._session, self._session.result
        assert result is not None
        data = Walking(
            session.effect.labels,
            result.source.space,
            result.dist.start or (),
            result.dist.space,
            result.source.turn,
        )
        transform, _ = self._scene.frame_of_result
        layer = layers.label_layer(EFFECT, data, transform, {})
        layer.colormap = DirectLabelColormap(color_dict=dict(_COLOURS))
        layer.opacity = _OPACITY
        self._layer = layer
        chosen = set(self._viewer.layers.selection)
        # Under the outlines, over the image.
        ours = [k for k, one in enumerate(self._viewer.layers) if RESULT_KEY in one.metadata]
        self._viewer.layers.insert(min(ours, default=len(self._viewer.layers)), layer)
        layer.editable = False
        self._viewer.layers.selection = chosen

    def _drop(self, result: Prediction | None = None) -> None:
        """Take it away, at the latest when there is another result."""
        if self._layer is not None:
            chosen = set(self._viewer.layers.selection) - {self._layer}
            self._viewer.layers.remove(self._layer)
            self._viewer.layers.selection = chosen

    def _removed(self, event: Any) -> None:
        if getattr(event.value, "__wrapped__", event.value) is self._layer:
            self._layer = None

    def _turned(self, event: Any) -> None:
        self.refresh()
