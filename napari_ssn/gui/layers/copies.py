"""Layers that stand still: samples that were added and hypotheses that were kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from napari.layers import Labels
from napari.viewer import Viewer
from numpy.typing import NDArray
from psygnal import Signal

from napari_ssn.gui.layers import colours
from napari_ssn.gui.layers import results as layers
from napari_ssn.gui.layers.adding import take_away
from napari_ssn.prediction.choice import Choice
from napari_ssn.prediction.held import Drawn
from napari_ssn.session import Decoded
from napari_ssn.session.records import digest_of

#: Modes of a labels layer in which a click changes it.
EDITING = ("paint", "erase", "fill", "polygon")
# Opacity of voxels that are painted on, and what happens to a layer that lines follow.
_PAINTED = 0.4
_TOUCHED = ("labels_update", "set_data", "visible", "name")


@dataclass(frozen=True, eq=False)
class Copy:
    """A layer as it was made: its name, a digest of its labels, and which result it is of."""

    layer: Labels
    name: str
    digest: bytes
    choice: Choice
    kept: Choice | None
    run: int
    colour: str
    edited: bool

    @property
    def touched(self) -> bool:
        """Whether somebody has kept it, painted on it or renamed it."""
        if self.kept is not None:
            return True
        return self.layer.name != self.name or digest_of(self.layer.data) != self.digest


class CopyLayers:
    """Adds them, and makes room when another result is on show. Main thread only.

    Those of a result that waits are hidden until it is shown again. Of one that is gone samples
    that nobody touched are taken away; what was kept, painted on or renamed stays, hidden.

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
        self._copies: list[Copy] = []
        # The result on show, and of those that wait the layers that were seen.
        self._run: int | None = None
        self._seen: set[Labels] = set()
        # Kept ones as they are drawn now, each with a digest; and those that may be others by now.
        self._drawn: dict[Labels, tuple[Drawn, bytes]] = {}
        self._painted: set[Labels] = set()
        # Mode in which the next kept layer is to be edited.
        self._editing: str | None = None

    @property
    def _here(self) -> list[Copy]:
        return [copy for copy in self._copies if copy.run == self._run]

    @property
    def layers(self) -> list[Labels]:
        """Of the present result."""
        return [copy.layer for copy in self._here]

    @property
    def kept(self) -> list[Labels]:
        """Of the present result, those that somebody kept, and may have painted on."""
        return [copy.layer for copy in self._here if copy.kept is not None]

    @property
    def painting(self) -> Labels | None:
        """The one that somebody paints on, whose strokes are taken back before anything else."""
        active = self._viewer.layers.selection.active
        active = getattr(active, "__wrapped__", active)
        layer = next((one for one in self.layers if one is active), None)
        return layer if layer is not None and layer.mode in EDITING else None

    def drawn(self) -> Iterator[tuple[Labels, Choice, str]]:
        """Each layer with the hypothesis that it was, and its colour."""
        for copy in self._here:
            yield copy.layer, copy.choice, copy.colour

    def kept_of(self, run: int, undo: Callable[[NDArray[Any]], NDArray[Any]]) -> tuple[Drawn, ...]:
        """What was kept of a run, as it is drawn now: the same ones while nothing has changed.

        Args:
            run: of the result.
            undo: brings labels as they are shown back onto the grid of their image.
        """
        found = []
        for copy in self._copies:
            if copy.run == run and copy.kept is not None:
                if copy.layer in self._painted or copy.layer not in self._drawn:
                    self._painted.discard(copy.layer)
                    self._draw_anew(copy, copy.kept, undo)
                found.append(self._drawn[copy.layer][0])
        return tuple(found)

    def _draw_anew(
        self, copy: Copy, kept: Choice, undo: Callable[[NDArray[Any]], NDArray[Any]]
    ) -> None:
        now = digest_of(copy.layer.data)
        before = self._drawn.get(copy.layer)
        if before is None or before[1] != now:
            # Copied as it lies in memory, and turned then: the other way round takes ten times as
            # long.
            labels = undo(np.array(copy.layer.data, np.uint8))
            edited = copy.edited or now != copy.digest
            self._drawn[copy.layer] = (Drawn(kept, labels, edited), now)

    def edit_next(self, mode: str | None) -> None:
        """Select the next kept layer, in a mode to edit it in."""
        self._editing = mode

    def add(
        self,
        decoded: Decoded,
        transform: dict[str, Any],
        place: dict[str, Any],
    ) -> Copy:
        """Make a layer of a hypothesis.

        Args:
            decoded: the hypothesis; what it shows is the layer's from now on, to be painted on.
            transform, place: where the layer lies, and how its metadata say so.
        """
        metadata = layers.decoded_metadata(decoded, place)
        name = layers.layer_name(decoded)
        layer = layers.label_layer(name, decoded.shown, transform, metadata)
        colour = self._next_colour()
        # Of several labels the voxels keep the labels' colours: who paints has to tell them apart.
        plain = decoded.result.dist.classes == 2
        layer.colormap = colours.one_colour(2, colour) if plain else colours.of(decoded.result)
        self._add(layer)
        # The list of layers may have given it another name: one for each.
        kept = decoded.choice if decoded.kept else None
        run, edited = decoded.result.run, decoded.edited
        digest = decoded.digest
        made = Copy(layer, layer.name, digest, decoded.choice, kept, run, colour, edited)
        self._take_up(made)
        if decoded.kept:
            # As it was decoded, which is neither copied nor looked through in the window.
            self._drawn[layer] = (decoded.drawn, digest)
        if decoded.kept and self._editing is not None:
            self._viewer.layers.selection = {layer}
            layer.mode, self._editing = self._editing, None
        return made

    def _take_up(self, copy: Copy) -> None:
        self._copies.append(copy)
        for name in _TOUCHED:
            getattr(copy.layer.events, name).connect(self._touched)
        copy.layer.events.mode.connect(self._edited)

    def take(self, copies: Sequence[Copy]) -> None:
        """Take layers away; nobody is told."""
        gone = [copy for copy in copies if copy in self._copies]
        for copy in gone:
            self._let_go(copy.layer)
            self._copies.remove(copy)
        take_away(self._viewer, [copy.layer for copy in gone])

    def bring(self, copy: Copy) -> None:
        """Bring a layer back that was taken away, as it was."""
        if copy not in self._copies:
            self._add(copy.layer)
            self._take_up(copy)

    def _next_colour(self) -> str:
        """The one that the fewest copies have."""
        used = [copy.colour for copy in self._here]
        return min(colours.COPIES, key=used.count)

    def _touched(self, event: Any) -> None:
        self._painted.add(event.source)
        self.touched.emit(event.source)

    def _edited(self, event: Any) -> None:
        """Who paints has to see the voxels, which lines leave alone."""
        if event.source.mode in EDITING and event.source.opacity == 0:
            event.source.opacity = _PAINTED

    def show(self, run: int) -> None:
        """Another result is on show: its layers are seen as they were left, all others wait."""
        self._seen |= {layer for layer in self.layers if layer.visible}
        self._run = run
        for copy in self._copies:
            copy.layer.visible = copy.run == run and copy.layer in self._seen
        self._seen -= set(self.layers)

    def retire(self, run: int) -> int:
        """A result is gone: its layers make room; returns how many were taken away."""
        copies = [copy for copy in self._copies if copy.run == run]
        self._copies = [copy for copy in self._copies if copy.run != run]
        gone = [copy for copy in copies if not copy.touched]
        for copy in copies:
            self._let_go(copy.layer)
        take_away(self._viewer, [copy.layer for copy in gone])
        for copy in copies:
            if copy not in gone:
                copy.layer.visible = False
                self._mark(copy.layer)
                copy.layer.name = f"{copy.layer.name} · earlier run"
        return len(gone)

    def removed(self, layer: Any) -> Copy | None:
        """Somebody took a layer out of the list; returns it, if it is one of the present result."""
        gone = next((copy for copy in self._copies if copy.layer is layer), None)
        if gone is None:
            return None
        self._let_go(layer)
        self._copies.remove(gone)
        return gone if gone.run == self._run else None

    def close(self) -> None:
        """Let go of the layers; they stay."""
        for copy in self._copies:
            self._let_go(copy.layer)
        self._copies.clear()
        self.touched.disconnect()

    def _let_go(self, layer: Labels) -> None:
        for name in _TOUCHED:
            getattr(layer.events, name).disconnect(self._touched)
        layer.events.mode.disconnect(self._edited)
        self._drawn.pop(layer, None)
        self._painted.discard(layer)
        self._seen.discard(layer)
