"""The layers that are the channels of the image to segment, where a model reads several."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from napari.layers import Image

from napari_ssn.gui.layers import results as layers
from napari_ssn.gui.listening import Listening
from napari_ssn.prediction.joined import join_sources
from napari_ssn.prediction.source import Source
from napari_ssn.session.channels import preset


class Channels:
    """Which layer is which channel. Main thread only.

    The first channel is the image to segment itself, whose grid the result lies on.

    Args:
        changed: is called when the layer of a further channel has become another image.

    Attributes:
        names: of all channels; empty for a model of one.
        layers: of the further channels; None for one that nobody has chosen.
        note: what a person should know of how they are joined; empty for nothing.
    """

    def __init__(self, changed: Callable[[], None]) -> None:
        self.names: tuple[str, ...] = ()
        self.layers: tuple[Image | None, ...] = ()
        self.note = ""
        self._changed, self._listening = changed, Listening()
        self._picked = False
        self._shown: dict[Image, layers.Shown] = {}
        # What was joined last, by the tokens of its parts: the same parts are the same image.
        self._joined: tuple[tuple[object, ...], Source, str] | None = None

    def rename(self, names: Sequence[str]) -> bool:
        """Take the channels of a model's card; False if they are those that there are."""
        wanted = tuple(names) if len(names) > 1 else ()
        if wanted == self.names:
            return False
        self.names, self._picked = wanted, False
        self._set((None,) * max(0, len(wanted) - 1))
        return True

    def arrange(self, images: Sequence[Image], first: Image | None) -> Image | None:
        """Preset the layers of all channels, unless somebody chose them; the one of the first.

        Args:
            images: that are open, in their order.
            first: that is to be segmented, as far as one image is.
        """
        if not self.names or first is None:
            return first
        if self._picked:
            self._set([one if one in images else None for one in self.layers])
            return first
        told = preset(self.names, [one.name for one in images], list(images).index(first))
        found = [None if i is None else images[i] for i in told]
        self._set(found[1:])
        return found[0] or first

    def pick(self, channel: int | None, layer: Image | None = None) -> None:
        """Somebody has chosen: the layer of a further channel from 1, or the image itself."""
        self._picked = True
        if channel is not None:
            chosen = list(self.layers)
            chosen[channel - 1] = layer
            self._set(chosen)

    @property
    def picked(self) -> bool:
        """Whether somebody chose them; then a layer that is opened changes nothing."""
        return bool(self.names) and self._picked

    def join(self, shown: layers.Shown | None, image: Image | None) -> Source | None:
        """The image with all its channels; itself for a model of one, None without one.

        Args:
            shown: the image alone.
            image: its layer.
        """
        self.note = ""
        if shown is None or image is None or not self.names or shown.source.problem is not None:
            return None if shown is None else shown.source
        first = shown.source
        sources: list[Source | None] = [first]
        for layer in self.layers:
            if layer is None or layer is image:
                sources.append(None if layer is None else first)
                continue
            if layer not in self._shown:
                self._shown[layer] = layers.describe(layer)
            sources.append(self._shown[layer].source)
        key = (self.names, *(None if one is None else one.token for one in sources))
        if self._joined is None or self._joined[0] != key:
            made, note = join_sources(layers.next_token(), sources, self.names)
            told = [
                f"{name}: {self._shown[layer].note}"
                for name, layer in zip(self.names[1:], self.layers, strict=True)
                if layer in self._shown and self._shown[layer].note
            ]
            self._joined = (key, made, " ".join([*told, *([note] if note else [])]))
        self.note = self._joined[2]
        return self._joined[1]

    def _set(self, chosen: Sequence[Image | None]) -> None:
        self._listening.stop()
        self.layers = tuple(chosen)
        kept = [one for one in self.layers if one is not None]
        self._shown = {one: shown for one, shown in self._shown.items() if one in kept}
        for layer in dict.fromkeys(kept):
            self._listening.to(self._described, *layers.image_events(layer))

    def _described(self, event: Any = None) -> None:
        # Whichever it was: all are described anew in a moment.
        self._shown.clear()
        self._changed()

    def close(self) -> None:
        """Let go of the layers."""
        self._set((None,) * len(self.layers))
        self._joined = None
