"""The first labels of a run, shown in the place of the result to be."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from napari.layers import Labels
from napari.viewer import Viewer

from napari_ssn.gui.layers import colours
from napari_ssn.gui.layers import results as layers
from napari_ssn.gui.layers.adding import add_beside
from napari_ssn.gui.layers.picture import Picture
from napari_ssn.gui.layers.walking import Walking
from napari_ssn.session import Preview


class FirstOutlines:
    """A layer that lasts as long as a run. Main thread only.

    Args:
        viewer: where it is.
        picture: that it lies on.
        draw: gives a layer the look of ours.
    """

    def __init__(self, viewer: Viewer, picture: Picture, draw: Callable[[Labels], None]) -> None:
        self._viewer, self._picture, self._draw = viewer, picture, draw
        self.layer: Labels | None = None

    def show(self, preview: Preview) -> bool:
        """Show the labels of a plane; False without an image to show them on."""
        display = self._picture.display
        if display is None:
            return False
        self.drop()
        data = Walking(
            preview.label_map.__getitem__,
            preview.source.space,
            preview.start,
            preview.label_map.shape,
            display.reorientation,
        )
        self.layer = layers.label_layer(
            layers.PREVIEW, data, self._picture.transform(data.ndim), {}
        )
        self.layer.colormap = colours.of(preview)
        self._draw(self.layer)
        add_beside(self._viewer, self.layer)
        self.layer.editable = False
        return True

    def drop(self) -> None:
        """Take the layer away, if there is one."""
        if self.layer is not None:
            self._viewer.layers.remove(self.layer)

    def removed(self, layer: Any) -> bool:
        """A layer is out of the list; whether it was this one, whoever took it."""
        if layer is not self.layer:
            return False
        self.layer = None
        return True
