"""Borders of samples and of kept hypotheses in a plane, found anew only where somebody painted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from weakref import WeakKeyDictionary, WeakSet

import numpy as np
from napari.layers import Labels
from numpy.typing import NDArray

from napari_ssn.gui.layers.scene import Scene
from napari_ssn.gui.layers.strokes import Stroke
from napari_ssn.session import Plane, Session
from napari_ssn.text.sizes import capital


class CopyLines:
    """Of one plane after another. Main thread only.

    Args:
        scene: whose layers.
        session: that they are hypotheses of.
    """

    def __init__(self, scene: Scene, session: Session) -> None:
        self._scene, self._session = scene, session
        # Of each layer: what its lines followed from, its labels in the plane, and these. Nothing
        # here keeps a layer that is gone.
        self._kept: WeakKeyDictionary[Labels, tuple[Any, NDArray[Any], Stroke]] = (
            WeakKeyDictionary()
        )
        # Layers that may have been painted on since.
        self._painted: WeakSet[Labels] = WeakSet()
        scene.copies.touched.connect(self._touch)

    def _touch(self, layer: Labels) -> None:
        self._painted.add(layer)

    def of(self, plane: Plane) -> Iterator[Stroke]:
        """Those whose layer is to be seen, as they run in a plane of the source's grid."""
        frame = self._scene.frame
        assert frame is not None
        for layer, choice, colour in self._scene.still():
            if not layer.visible:
                continue
            key, before = (layer.name, plane, choice, colour), self._kept.get(layer)
            if before is None or before[0] != key or layer in self._painted:
                cut = frame.cut(layer.data, plane)
                if before is None or before[0] != key or not np.array_equal(cut, before[1]):
                    lines = self._session.borders.of_labels(choice, cut, plane)
                    name = capital(layer.name.removeprefix("SSN · "))
                    before = (key, cut, Stroke(lines, colour, words=name))
                    self._kept[layer] = before
            yield before[2]
        self._painted.clear()

    def forget(self) -> None:
        """Find all anew: they belong to another result."""
        self._kept.clear()

    def close(self) -> None:
        """Let go of the layers."""
        self._scene.copies.touched.disconnect(self._touch)
        self._kept.clear()
