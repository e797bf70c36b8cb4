"""Images that were looked at: who comes back to one finds the same, and so its results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from weakref import WeakValueDictionary

from napari.layers import Image

from napari_ssn.gui.layers import results as layers


class KnownImages:
    """Remembers every image and frame as it was described, until it changes or is closed.

    Args:
        altered: is told of a layer that is another image from now on.
    """

    def __init__(self, altered: Callable[[Image], None]) -> None:
        self._altered = altered
        self._known: dict[Image, dict[int, layers.Shown]] = {}
        # Whose layer a token is of.
        self._layers: WeakValueDictionary[int, Image] = WeakValueDictionary()

    def described(self, layer: Image, frame: int) -> layers.Shown:
        """An image, or a frame of it, as it is; the same one when one comes back to it."""
        if layer not in self._known:
            self._known[layer] = {}
            for event in layers.image_events(layer):
                event.connect(self._changed)
        found = self._known[layer]
        if frame not in found:
            found[frame] = layers.describe(layer, frame)
            self.name(found[frame].source.token, layer)
        return found[frame]

    def name(self, token: int, layer: Image) -> None:
        """A token is of a layer."""
        self._layers[token] = layer

    def layer(self, token: int) -> Image | None:
        """The layer of a token, open or closed; None of one that is gone."""
        return self._layers.get(token)

    def frame(self, token: int) -> int | None:
        """The frame of its layer that a token is of; None where that is not known."""
        layer = self._layers.get(token)
        found = {} if layer is None else self._known.get(layer, {})
        return next((at for at, one in found.items() if one.source.token == token), None)

    def forget(self, layer: Any) -> None:
        """A layer is closed."""
        if self._known.pop(layer, None) is not None:
            for event in layers.image_events(layer):
                event.disconnect(self._changed)

    def close(self) -> None:
        """Let go of all layers."""
        for layer in list(self._known):
            self.forget(layer)

    def _changed(self, event: Any) -> None:
        self._known[event.source].clear()
        self._altered(event.source)
