"""The layer that follows the slider."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels, Layer
from napari.viewer import Viewer
from numpy.typing import NDArray

from napari_ssn.geometry.display import RESULT_KEY
from napari_ssn.gui.layers import colours
from napari_ssn.gui.layers import results as layers
from napari_ssn.gui.layers.copies import EDITING
from napari_ssn.gui.layers.frame import ResultFrame
from napari_ssn.gui.layers.redrawing import redraw
from napari_ssn.gui.layers.walking import Walking
from napari_ssn.prediction.choice import Choice
from napari_ssn.session import Session
from napari_ssn.text.dock import COPY_TO_EDIT

if TYPE_CHECKING:
    # These modules import torch, which only the worker does.
    from napari_ssn.prediction.prediction import Prediction

# Seconds that the 3D view may take to follow the slider while it is held; a slower one follows
# when it is let go.
_LIVE = 0.05


class Follower:
    """One labels layer of the hypothesis on show, decoded where somebody looks.

    Attributes:
        layer: None while there is none: before a result, and after somebody deleted it.

    Args:
        viewer: that it is in.
        session: whose walk it follows.
        grey: says whether the result is about another image, place or frame than what is looked at.
        add: puts it in the viewer.
        edit: is told in which mode the copy is to be, which takes its place where it is edited.
        eye: is told when it is hidden or shown.
    """

    def __init__(
        self,
        viewer: Viewer,
        session: Session,
        grey: Callable[[], bool],
        add: Callable[[Labels], None],
        edit: Callable[[str], None],
        eye: Callable[[bool], None],
    ) -> None:
        self._viewer, self._session = viewer, session
        self._is_grey, self._add, self._edit, self._eye = grey, add, edit, eye
        self.layer: Labels | None = None
        self._frame: ResultFrame | None = None
        # The hypothesis that was on show when the layer was deleted by hand.
        self._deleted: Choice | None = None
        self._grey = False
        # Whether outlines are shown on request only, and nobody has asked.
        self._hidden = False
        # Whether the 3D view took long to follow last time.
        self._slow = False
        # Whether what the layer shows is that of an earlier hypothesis.
        self._behind = False

    def show(self, result: Prediction, frame: ResultFrame) -> None:
        """Show a result in the layer, which moves to its image; of other axes it is a new one."""
        self._frame, self._slow = frame, False
        data = Walking(
            partial(self._read, result.run),
            result.source.space,
            result.dist.start or (),
            result.dist.space,
            frame.display.reorientation,
        )
        before = self.layer
        if before is not None and before.ndim != data.ndim:
            self.layer = None
            self._viewer.layers.remove(before)
        layer = self.layer
        if layer is None:
            layer = layers.label_layer(layers.HYPOTHESIS, data, frame.transform, {})
        else:
            # napari takes half a second to let go of a layer, and more to take another.
            layers.move_to(layer, data, frame.transform)
            layer.name, layer.mode = layers.HYPOTHESIS, "pan_zoom"
        self._grey = self._is_grey()
        layer.colormap = colours.of(result, grey=self._grey)
        self._hidden = self._session.summary.hidden
        layer.visible = not self._hidden
        fresh = layer is not self.layer
        self.layer, self._deleted = layer, None
        self._add(layer)
        if fresh:
            layer.events.mode.connect(self._mode_chosen)
            layer.events.visible.connect(self._seen)
            layer.events.opacity.connect(self._faded)

    def follow(self) -> None:
        """Show the hypothesis that one stands at now."""
        session, result = self._session, self._session.result
        if self.layer is None and self._deleted not in (None, session.walk.choice):
            self.bring_back()
        layer, frame = self.layer, self._frame
        if layer is None or frame is None or result is None:
            return
        layer.metadata[RESULT_KEY] = layers.result_metadata(
            result, session.walk.choice, frame.place, session.walk.z
        )
        whole = self._viewer.dims.ndisplay == 3
        # Where lines are seen in its place, who holds the slider does not point into it either.
        self._behind = session.walk.held and (layer.opacity == 0 or (whole and self._slow))
        if self._behind:
            return
        began = time.perf_counter()
        redraw(layer)
        self._slow = whole and time.perf_counter() - began > _LIVE

    def bring_back(self) -> None:
        """Show it again after it was deleted by hand: slider and export go on without it."""
        result = self._session.result
        if result is not None and self._frame is not None:
            self.show(result, self._frame)
            self.follow()
            # Takes back what was said of the deleted one, and gives the new one its keys.
            self._session.tell("")

    def removed(self, layer: Layer) -> bool:
        """Whether a layer that somebody took away was this one."""
        if layer is not self.layer:
            return False
        self.layer, self._deleted = None, self._session.walk.choice
        return True

    def refresh(self) -> None:
        """Grey it, hide it or show it, where that has changed."""
        layer, result = self.layer, self._session.result
        if layer is not None and result is not None and self._is_grey() != self._grey:
            self._grey = not self._grey
            layer.colormap = colours.of(result, grey=self._grey)
        hidden = self._session.summary.hidden
        if hidden != self._hidden:
            self._hidden = hidden
            if layer is not None:
                layer.visible = not hidden

    def fade(self, by: float) -> None:
        """Change its opacity."""
        if self.layer is not None:
            self.layer.opacity = min(1.0, max(0.0, self.layer.opacity + by))

    def close(self) -> None:
        """Leave the array that was on show: without a session nothing could decode."""
        if self.layer is not None:
            self.layer.data = np.array(self.layer.data)
        self.layer = None

    def _read(self, run: int, where: tuple[slice | int, ...]) -> NDArray[np.uint8] | None:
        """Labels for the layer of a run; none once another run has taken its place."""
        result = self._session.result
        if result is None or result.run != run:
            return None
        return self._session.walk.label_map(where)

    def _mode_chosen(self, event: Any) -> None:
        """What follows the slider cannot be edited: a copy that stays is, in the mode asked for."""
        layer = self.layer
        if layer is not None and event.source is layer and layer.mode in EDITING:
            self._edit(layer.mode)
            layer.mode = "pan_zoom"
            self._session.copies.keep()
            self._session.tell(COPY_TO_EDIT)

    def _faded(self, event: Any) -> None:
        if self._behind and event.source is self.layer:
            self.follow()

    def _seen(self, event: Any) -> None:
        layer = self.layer
        self._eye(layer is not None and event.source is layer and layer.visible)
