"""Layers that show many hypotheses together: their probability, and a boxplot."""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Image, Labels, Layer
from napari.utils.colormaps import Colormap
from napari.viewer import Viewer
from vispy.color import Color

from napari_ssn.core.summaries.lines import MEDIAN_BIT, boxplot_lines
from napari_ssn.geometry.display import RESULT_KEY
from napari_ssn.gui.layers import results as layers
from napari_ssn.gui.layers.adding import take_away
from napari_ssn.gui.layers.colours import GREYS, TONES, LabelColours, by_number
from napari_ssn.gui.layers.painted import Painted
from napari_ssn.gui.layers.scene import Scene
from napari_ssn.prediction.choice import Choice
from napari_ssn.prediction.wish import Kind
from napari_ssn.session import Session

if TYPE_CHECKING:
    # These modules import torch, which only the worker does.
    from napari_ssn.prediction.overview import Overview
    from napari_ssn.prediction.prediction import Prediction

#: Names of the layers.
NAMES: dict[Kind, str] = {
    "probability": "SSN · probability",
    "boxplot": "SSN · boxplot",
}
# Bands and a probability let the image through.
_SHEER = 0.45


class Overlays:
    """Keeps these layers in step with the session. Main thread only.

    Deleting one in the layer list is the same as not wanting it any more.
    """

    def __init__(self, viewer: Viewer, scene: Scene, session: Session) -> None:
        self._viewer, self._scene, self._session = viewer, scene, session
        self._layers: dict[Kind, Layer] = {}
        # What a layer shows, and whether it is grey.
        self._shown: dict[Kind, Overview] = {}
        self._grey = False
        # Whether outlines are shown on request only, and nobody has asked.
        self._hidden = session.summary.hidden
        session.found.connect(self._found)
        session.overviews.changed.connect(self.refresh)
        session.changed.connect(self._show_stale)
        scene.redrawn.connect(self._redraw)
        viewer.layers.events.removed.connect(self._removed)
        viewer.dims.events.current_step.connect(self._show_stale)

    def own_layers(self) -> list[Layer]:
        """Those that there are."""
        return list(self._layers.values())

    def refresh(self) -> None:
        """Show what was made, and take away what is not wanted."""
        found = {kind: self._session.overviews.of(kind) for kind in NAMES}
        self._take_away([kind for kind, one in found.items() if one is None])
        for kind, one in found.items():
            if one is not None and self._shown.get(kind) is not one:
                self._show(one)

    def _found(self, result: Prediction) -> None:
        """The pictures of the result before, which may have another shape, are gone."""
        self._grey, self._hidden = False, self._session.summary.hidden
        self._take_away(list(self._layers))
        self.refresh()

    def _take_away(self, kinds: Collection[Kind]) -> None:
        gone = [self._layers.pop(kind) for kind in kinds if kind in self._layers]
        for kind in kinds:
            self._shown.pop(kind, None)
        take_away(self._viewer, gone)

    def _show(self, found: Overview) -> None:
        result, kind = self._session.result, found.wish.kind
        if result is None or found.wish.run != result.run:
            return
        values = np.ascontiguousarray(self._scene.here.shown(found.values))
        data = values if kind == "probability" else self._painted(values)
        layer = self._layers.get(kind)
        if layer is None:
            layer = self._layers[kind] = self._made(kind, data)
            layer.visible = not self._hidden
            self._scene.lay(layer, on_image=True)
            layer.editable = False
        else:
            layer.data = data
        self._shown[kind] = found
        layer.metadata[RESULT_KEY] = metadata_of(result, found, self._scene.here.place)

    def _painted(self, values: Any) -> Painted:
        return Painted(values, partial(boxplot_lines, width=self._scene.look.width), _bands)

    def _made(self, kind: Kind, data: Any) -> Layer:
        # Told from an image to segment from the first.
        options = {**self._scene.here.transform, "name": NAMES[kind], "metadata": {RESULT_KEY: {}}}
        if kind == "probability":
            return Image(
                data,
                contrast_limits=(0.0, 1.0),
                colormap=ramp(self._grey),
                blending="translucent",
                opacity=_SHEER,
                **options,
            )
        opacity = self._scene.look.opacity
        return Labels(data, colormap=tones(self._grey), opacity=opacity, **options)

    def _show_stale(self, event: Any = None) -> None:
        hidden = self._session.summary.hidden
        if hidden != self._hidden:
            self._hidden = hidden
            for layer in self._layers.values():
                layer.visible = not hidden
        if self._session.result is None or self._scene.grey == self._grey:
            return
        self._grey = self._scene.grey
        for kind, layer in self._layers.items():
            made = ramp(self._grey) if kind == "probability" else tones(self._grey)
            layer.colormap = made

    def _redraw(self) -> None:
        """Lines of another width or opacity."""
        for kind, layer in self._layers.items():
            if kind != "probability":
                layer.data = self._painted(self._scene.here.shown(self._shown[kind].values))
                layer.opacity = self._scene.look.opacity

    def _removed(self, event: Any) -> None:
        gone = getattr(event.value, "__wrapped__", event.value)
        for kind in [kind for kind, layer in self._layers.items() if layer is gone]:
            del self._layers[kind], self._shown[kind]
            self._session.overviews.show(kind, False)

    def close(self) -> None:
        """Let go of the viewer; the layers stay."""
        self._viewer.layers.events.removed.disconnect(self._removed)
        self._viewer.dims.events.current_step.disconnect(self._show_stale)
        self._layers.clear()
        self._shown.clear()


def tones(grey: bool = False) -> LabelColours:
    """`TONES` for the values 1 to 3, greys for a result that is stale; bands are sheer."""
    sheer = (_SHEER, _SHEER, 1.0)
    rows = zip(GREYS if grey else TONES, sheer, strict=True)
    return by_number((*Color(tone).rgb, opaque) for tone, opaque in rows)


def ramp(grey: bool = False) -> Colormap:
    """From nothing at 0 through `TONES` to 1, so that it lies on the image like the lines."""
    rows = [Color(tone).rgb for tone in (GREYS if grey else TONES)]
    shades = [[*rows[0], 0.0], *([*row, 1.0] for row in rows)]
    name = "SSN probability, earlier" if grey else "SSN probability"
    return Colormap(shades, name=name, controls=[0.0, 0.05, 0.5, 1.0])


def metadata_of(result: Prediction, overview: Overview, place: dict[str, Any]) -> dict[str, Any]:
    """As `results.result_metadata`, of many hypotheses together."""
    wish = overview.wish
    base = layers.result_metadata(result, Choice(seed=wish.seed, points=wish.points), place, None)
    return {**base, "kind": wish.kind, "label": wish.label, "draws": overview.draws}


def _bands(values: Any) -> Any:
    return values % MEDIAN_BIT
