"""Layers that stand still: samples that were added and hypotheses that were kept."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from napari.viewer import Viewer
from numpy.typing import NDArray
from psygnal import Signal

from napari_ssn.gui.layers import colours
from napari_ssn.gui.layers import results as layers
from napari_ssn.prediction.choice import Choice
from napari_ssn.session import Decoded

if TYPE_CHECKING:
    # These modules import torch, which only the worker does.
    from napari_ssn.prediction.prediction import Prediction

#: Modes of a labels layer in which a click changes it.
EDITING = ("paint", "erase", "fill", "polygon")
# Opacity of voxels that are painted on, and what happens to a layer that lines follow.
_PAINTED = 0.4
_TOUCHED = ("labels_update", "set_data", "visible", "name")


@dataclass(frozen=True, eq=False)
class _Copy:
    """A layer as it was made: its name, a digest of its labels, and which image it is of."""

    layer: Labels
    name: str
    digest: bytes
    choice: Choice
    kept: Choice | None
    token: int
    colour: str

    @property
    def touched(self) -> bool:
        """Whether somebody has kept it, painted on it or renamed it."""
        if self.kept is not None:
            return True
        return self.layer.name != self.name or _digest(self.layer.data) != self.digest


class CopyLayers:
    """Adds them, and makes room when another run has found a result. Main thread only.

    Samples of the same image that nobody touched are taken away: the same seed draws them again
    from the result they came from. What was kept, painted on or renamed stays, hidden, and so
    does whatever lies on another image or frame.

    Attributes:
        touched: signal: one of them was painted on, renamed, shown or hidden.

    Args:
        viewer: where they are.
        add: adds a layer of ours under what moves.
        mark: draws the voxels of a layer that has no lines any more.
    """

    touched = Signal(object)

    def __init__(
        self, viewer: Viewer, add: Callable[[Labels], None], mark: Callable[[Labels], None]
    ) -> None:
        self._viewer, self._add, self._mark = viewer, add, mark
        self._copies: list[_Copy] = []
        # Mode in which the next kept layer is to be edited.
        self._editing: str | None = None

    @property
    def layers(self) -> list[Labels]:
        """Of the present result."""
        return [copy.layer for copy in self._copies]

    @property
    def kept(self) -> list[Labels]:
        """Of the present result, those that somebody kept, and may have painted on."""
        return [copy.layer for copy in self._copies if copy.kept is not None]

    def drawn(self) -> Iterator[tuple[Labels, Choice, str]]:
        """Each layer with the hypothesis that it was, and its colour."""
        for copy in self._copies:
            yield copy.layer, copy.choice, copy.colour

    def edit_next(self, mode: str | None) -> None:
        """Select the next kept layer, in a mode to edit it in."""
        self._editing = mode

    def add(
        self,
        decoded: Decoded,
        labels: NDArray[np.uint8],
        transform: dict[str, Any],
        place: dict[str, Any],
    ) -> None:
        """Make a layer of a hypothesis.

        Args:
            decoded: the hypothesis.
            labels: its label map as it is shown; copied, because a layer can be painted on.
            transform, place: where the layer lies, and how its metadata say so.
        """
        data = labels.copy()
        metadata = layers.decoded_metadata(decoded, place)
        layer = layers.label_layer(layers.layer_name(decoded), data, transform, metadata)
        colour = self._next_colour()
        # Of several labels the voxels keep the labels' colours: who paints has to tell them apart.
        plain = decoded.result.dist.classes == 2
        layer.colormap = colours.one_colour(2, colour) if plain else colours.of(decoded.result)
        self._add(layer)
        # The list of layers may have given it another name: one for each.
        token = decoded.result.source.token
        kept = decoded.choice if decoded.kept else None
        made = _Copy(layer, layer.name, _digest(data), decoded.choice, kept, token, colour)
        self._copies.append(made)
        for name in _TOUCHED:
            getattr(layer.events, name).connect(self._touched)
        layer.events.mode.connect(self._edited)
        if decoded.kept and self._editing is not None:
            self._viewer.layers.selection = {layer}
            layer.mode, self._editing = self._editing, None

    def _next_colour(self) -> str:
        """The one that the fewest copies have."""
        used = [copy.colour for copy in self._copies]
        return min(colours.COPIES, key=used.count)

    def _touched(self, event: Any) -> None:
        self.touched.emit(event.source)

    def _edited(self, event: Any) -> None:
        """Who paints has to see the voxels, which lines leave alone."""
        if event.source.mode in EDITING and event.source.opacity == 0:
            event.source.opacity = _PAINTED

    def retire(self, result: Prediction) -> int:
        """Make room for a result; returns how many layers were taken away."""
        copies, self._copies = self._copies, []
        gone = [c for c in copies if c.token == result.source.token and not c.touched]
        for copy in copies:
            if copy in gone:
                self._viewer.layers.remove(copy.layer)
            else:
                copy.layer.visible = False
                self._mark(copy.layer)
                copy.layer.name = f"{copy.layer.name} · earlier run"
        return len(gone)

    def removed(self, layer: Any) -> Choice | None:
        """Somebody took a layer out of the list; returns the hypothesis that was kept in it."""
        gone = [copy.kept for copy in self._copies if copy.layer is layer]
        self._copies = [copy for copy in self._copies if copy.layer is not layer]
        return gone[0] if gone else None

    def close(self) -> None:
        """Let go of the layers; they stay."""
        for copy in self._copies:
            for name in _TOUCHED:
                getattr(copy.layer.events, name).disconnect(self._touched)
            copy.layer.events.mode.disconnect(self._edited)
        self._copies.clear()
        self.touched.disconnect()


def _digest(labels: NDArray[np.uint8]) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(labels).data, digest_size=16).digest()
