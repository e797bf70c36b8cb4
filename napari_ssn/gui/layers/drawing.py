"""What somebody has drawn in the viewer, and where the hypotheses leave it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from napari.viewer import Viewer
from numpy.typing import NDArray

from napari_ssn.errors import GeometryError
from napari_ssn.geometry.computed import computed
from napari_ssn.geometry.display import RESULT_KEY
from napari_ssn.geometry.label_order import one_order, renumbered
from napari_ssn.geometry.transforms import layer_matrix
from napari_ssn.gui.layers import colours, places
from napari_ssn.gui.layers import results as layers
from napari_ssn.gui.layers.scene import Scene
from napari_ssn.prediction.choice import BEYOND, LEFT_OUT
from napari_ssn.session import Session
from napari_ssn.session.reading import Made

if TYPE_CHECKING:
    # These modules import torch, which only the worker does.
    from napari_ssn.prediction.prediction import Prediction

#: Under which a layer's metadata holds how it was made of several people's outlines.
PEOPLE_KEY = "napari-ssn people"

DRAWING, UNLIKELY = "My drawing", "SSN · unlikely"

# Told apart by every kind of colour vision, and from the outlines of the labels.
_COLOURS: dict[int | None, str] = {
    None: "transparent",
    0: "transparent",
    BEYOND: "#e667b8",
    LEFT_OUT: "#56b4e9",
}
_OPACITY, _BRUSH = 0.55, 5


class Drawings:
    """Layers that somebody draws in, and the one of what no hypothesis has. Main thread only."""

    def __init__(self, viewer: Viewer, scene: Scene, session: Session) -> None:
        self._viewer, self._scene, self._session = viewer, scene, session
        self._marks: Labels | None = None
        # Drawings that are shown as lines.
        self._lined: list[Labels] = []
        session.found.connect(self._drop)
        session.fitting.changed.connect(self.refresh)
        viewer.layers.events.removed.connect(self._removed)
        viewer.dims.events.ndisplay.connect(self._turned)

    @property
    def candidates(self) -> list[Labels]:
        """Layers that may hold a person's drawing, the uppermost first."""
        kept = self._scene.copies.kept
        found = [getattr(one, "__wrapped__", one) for one in reversed(self._viewer.layers)]
        return [
            one
            for one in found
            if isinstance(one, Labels)
            and (not layers.is_ours(one) or layers.is_opened(one) or one in kept)
        ]

    def begin(self) -> Labels:
        """Make an empty layer on the image, to be painted in at once."""
        result = self._session.result
        assert result is not None
        here = self._scene.here
        empty = np.zeros(here.display.shape, np.uint8)
        layer = Labels(empty, name=DRAWING, **here.transform)
        # White beside the one outline in its label's colour; several labels have to be told apart.
        one = result.dist.classes == 2
        layer.colormap = colours.one_colour(2, colours.PLAIN) if one else colours.of(result)
        layer.opacity = _OPACITY
        layer.brush_size = _BRUSH
        self._viewer.add_layer(layer)
        self.paint(layer)
        return layer

    def paint(self, layer: Labels) -> None:
        """Go on painting in a layer."""
        self._viewer.layers.selection = {layer}
        self._lined = [one for one in self._lined if one is not layer]
        layer.visible, layer.contour, layer.mode = True, 0, "paint"

    def rest(self, layer: Labels) -> None:
        """Show a drawing as a line: what was found is to be seen under it."""
        layer.mode = "pan_zoom"
        if all(one is not layer for one in self._lined):
            self._lined.append(layer)
        self._turned()

    def values_of(self, layer: Labels) -> NDArray[Any]:
        """What is drawn in a layer, on the grid of the present result's image; a copy.

        Labels that have the names of the result's are numbered as these.

        GeometryError: the layer lies on another grid.
        """
        here = self._scene.here
        data, result = computed(layer.data), self._session.result
        assert result is not None
        if data.ndim == here.axes + 1:
            frame = result.source.frame or 0
            data = data[frame if data.shape[0] > frame else 0]
        if data.ndim != here.axes:
            raise GeometryError("The drawing has other axes than the image: draw on the image.")
        matrix = layer_matrix(here.transform, here.axes)
        on_image = places.laid(layer, data, matrix, here.transform["units"], here.display.shape)
        moves, _ = one_order([label_names(layer)], result.labels)
        return renumbered(here.unshown(on_image), moves[0]).copy()

    def made_of(self, layer: Labels) -> Made | None:
        """How a layer was made of several people's outlines, whatever was painted on it since."""
        found = layer.metadata.get(PEOPLE_KEY)
        return found if isinstance(found, Made) else None

    def told_of(self, layer: Labels) -> Mapping[str, Any] | None:
        """The sidecar that a layer was opened with, whatever was painted on it since."""
        told = layer.metadata.get(RESULT_KEY)
        return told.get("provenance") if isinstance(told, Mapping) else None

    def refresh(self) -> None:
        """Show what of the drawing no hypothesis has, or no longer."""
        found, layer = self._session.fitting.found, self._marks
        if found is None or not found.marks.any():
            if layer is not None:
                layer.visible = False
        elif layer is None:
            self._add(self._scene.here.shown(found.marks))
        else:
            layer.data, layer.visible = self._scene.here.shown(found.marks), True

    def close(self) -> None:
        """Let go of the viewer; what shows marks goes, what was drawn stays."""
        self._viewer.layers.events.removed.disconnect(self._removed)
        self._viewer.dims.events.ndisplay.disconnect(self._turned)
        self._lined.clear()
        self._drop()

    def _add(self, marks: NDArray[np.uint8]) -> None:
        layer = layers.label_layer(UNLIKELY, marks, self._scene.here.transform, {})
        layer.colormap = colours.LabelColours(color_dict=dict(_COLOURS))
        layer.opacity = _OPACITY
        self._marks = layer
        self._scene.lay(layer)
        layer.editable = False

    def _drop(self, result: Prediction | None = None) -> None:
        if self._marks is not None:
            chosen = set(self._viewer.layers.selection) - {self._marks}
            self._viewer.layers.remove(self._marks)
            self._viewer.layers.selection = chosen

    def _removed(self, event: Any) -> None:
        layer = getattr(event.value, "__wrapped__", event.value)
        self._lined = [one for one in self._lined if one is not layer]
        if layer is self._marks:
            self._marks = None

    def _turned(self, event: Any = None) -> None:
        # In 3D napari draws no lines, and would warn of them at every move.
        for layer in self._lined:
            layer.contour = 1 if self._viewer.dims.ndisplay == 2 else 0


def label_names(layer: Labels) -> dict[int, str]:
    """Names of the labels of a layer that a file named, by number; empty of others."""
    features = layer.features
    if not {"index", "label"} <= set(features):
        return {}
    each = zip(features["index"], features["label"], strict=True)
    return {int(number): str(name) for number, name in each if int(number)}
