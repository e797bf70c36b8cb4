"""Layers that stand still: samples that were added and hypotheses that were kept."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.layers import Labels
from napari.viewer import Viewer
from numpy.typing import NDArray

from napari_ssn.gui.layers import results as layers
from napari_ssn.prediction.choice import Choice
from napari_ssn.session import Decoded

if TYPE_CHECKING:
    # These modules import torch, which only the worker does.
    from napari_ssn.prediction.prediction import Prediction


@dataclass(frozen=True, eq=False)
class _Copy:
    """A layer as it was made: its name, a digest of its labels, and which image it is of."""

    layer: Labels
    name: str
    digest: bytes
    kept: Choice | None
    token: int

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

    Args:
        viewer: where they are.
        add: adds a layer of ours under what moves.
    """

    def __init__(self, viewer: Viewer, add: Callable[[Labels], None]) -> None:
        self._viewer, self._add = viewer, add
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
        layer.colormap = layers.colours(decoded.result)
        self._add(layer)
        # The list of layers may have given it another name: one for each.
        token = decoded.result.source.token
        kept = decoded.choice if decoded.kept else None
        self._copies.append(_Copy(layer, layer.name, _digest(data), kept, token))
        if decoded.kept and self._editing is not None:
            self._viewer.layers.selection = {layer}
            layer.mode, self._editing = self._editing, None

    def retire(self, result: Prediction) -> int:
        """Make room for a result; returns how many layers were taken away."""
        copies, self._copies = self._copies, []
        gone = [c for c in copies if c.token == result.source.token and not c.touched]
        for copy in copies:
            if copy in gone:
                self._viewer.layers.remove(copy.layer)
            else:
                copy.layer.visible = False
                copy.layer.name = f"{copy.layer.name} · earlier run"
        return len(gone)

    def removed(self, layer: Any) -> Choice | None:
        """Somebody took a layer out of the list; returns the hypothesis that was kept in it."""
        gone = [copy.kept for copy in self._copies if copy.layer is layer]
        self._copies = [copy for copy in self._copies if copy.layer is not layer]
        return gone[0] if gone else None

    def close(self) -> None:
        """Let go of the layers; they stay."""
        self._copies.clear()


def _digest(labels: NDArray[np.uint8]) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(labels).data, digest_size=16).digest()
