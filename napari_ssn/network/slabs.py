"""Parameters of a run that are packed piece by piece, so that all of them are never there at once.

Along two axes the network's grid falls into intervals that no tile begins or ends in. What all
tiles of a piece gave is final: its voxels are packed, and the dense numbers let go of. Added
and interpolated is as in `blend`, so that the result is that of packing the whole, bit for bit
within the limit that is stated there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import numpy as np
import torch

from napari_ssn.core.columns.columns import Columns
from napari_ssn.core.columns.packing import Packing
from napari_ssn.core.columns.rows import Source
from napari_ssn.core.columns.shelf import Shelf
from napari_ssn.core.distribution import LogitDistribution
from napari_ssn.errors import NEVER, Cancel
from napari_ssn.geometry.arrays import Between
from napari_ssn.network.blend import Blender, Parameters
from napari_ssn.network.plan import Plan
from napari_ssn.network.tiles import Tile

Voxels = tuple[range, ...]


@dataclass(frozen=True)
class Coming:
    """In which order tiles come, see `order`.

    Attributes:
        axes: of the network: across the layers, and across the rows of one.
        first: nodes along the first axis, of a plane whose tiles come before all others.
    """

    axes: tuple[int, ...]
    first: range | None


@dataclass(eq=False)
class _Piece:
    """A part of the grid: its nodes and voxels, what has come, how many tiles have not."""

    nodes: Voxels
    voxels: Voxels
    blender: Blender | None
    left: int


class Slabs:
    """As `Blender`, for what is packed in the end.

    Args:
        plan: of the run.
        device: where parameters are kept until they are packed.
        single: whether no two tiles overlap.
        tiles: all that will come.
        coming: in which order.
        plane: voxels that `slab` is asked for, if any.
        folder: where the numbers lie, see `Shelf`; None for memory.
        beside: whether it is packed in a thread of its own, while tiles come: where another device
            computes them. One that has to share the processor would only hold them up.
        cancel: looked at now and then while it is packed.
    """

    def __init__(
        self,
        plan: Plan,
        device: torch.device,
        single: bool,
        tiles: Sequence[Tile],
        coming: Coming,
        plane: Voxels | None = None,
        folder: Path | None = None,
        beside: bool = False,
        cancel: Cancel = NEVER,
    ) -> None:
        self.plan, self._plane, self._folder, self._cancel = plan, plane, folder, cancel
        self._packing: Packing | None = None
        self._beside = _one_thread() if beside else None
        self._under_way: Future[None] | None = None
        self._seen: list[tuple[Voxels, Parameters]] = []
        self._shelf, axes = Shelf(folder), coming.axes
        spans = Counter(
            tuple(range(t.window.inside[axis].start, t.window.inside[axis].stop) for axis in axes)
            for t in tiles
        )
        parts = [
            _intervals(plan, axis, {span[at] for span in spans}) for at, axis in enumerate(axes)
        ]
        self._pieces = []
        for intervals in product(*parts):
            nodes, voxels = [range(n) for n in plan.nodes], [*plan.voxels]
            for axis, (held, own) in zip(axes, intervals, strict=True):
                nodes[axis], voxels[axis] = held, own
            there = [nodes[axis] for axis in axes]
            count = sum(n for span, n in spans.items() if all(map(_meet, span, there)))
            # What lies before the plane waits until all that is behind it is done.
            waits = coming.first is not None and there[0].stop <= coming.first.start
            blender = Blender(plan, device, single, tuple(nodes), self._shelf if waits else None)
            self._pieces.append(_Piece(tuple(nodes), tuple(voxels), blender, count))

    def add(self, tile: Tile, found: Parameters) -> None:
        """See `Blender.add`."""
        if self._packing is None:
            classes, rank = len(found.mean), len(found.factor)
            space, half = self.plan.space, torch.float16
            self._packing = Packing(classes, rank, space, half, self._folder)
        for piece in self._pieces:
            if all(map(_meet, tile.window.inside, piece.nodes)):
                assert piece.blender is not None
                piece.blender.add(tile, found)
                piece.left -= 1
        self._shelf.let_go()

    def slab(self, voxels: Voxels) -> Parameters:
        """See `Blender.slab`, of the plane that was named."""
        seen = [*self._seen]
        for piece in self._pieces:
            if piece.blender is not None:
                seen += self._cut(piece, voxels)
        self._seen, self._plane = [], None
        start, space = zip(*((r.start, len(r)) for r in self.plan.of_image(voxels)), strict=True)
        parts = seen[0][1]
        out = Parameters(*(p.new_empty((*p.shape[: -len(space)], *space)) for p in parts))
        for own, found in seen:
            at: tuple[Any, ...] = tuple(
                slice(r.start - first, r.stop - first)
                for r, first in zip(self.plan.of_image(own), start, strict=True)
            )
            for whole, part in zip(out, found, strict=True):
                whole[(..., *at)] = part
        return out

    def settle(self) -> None:
        """Pack what no tile will come to any more."""
        for piece in self._pieces:
            if piece.left == 0 and piece.blender is not None:
                if self._plane is not None:
                    self._seen += self._cut(piece, self._plane)
                self._wait()
                if self._beside is None:
                    self._pack(piece.blender, piece.voxels)
                else:
                    self._under_way = self._beside.submit(self._pack, piece.blender, piece.voxels)
                piece.blender = None

    def finish(self, between: Between = lambda: None) -> Columns:
        """All that was packed, in order; nothing is left here."""
        between()
        self._wait()
        if self._beside is not None:
            self._beside.shutdown()
        assert self._packing is not None
        packing, self._packing = self._packing, None
        return packing.finish()

    def _wait(self) -> None:
        """Until what is packed in the other thread is; what it raised goes on here."""
        under_way, self._under_way = self._under_way, None
        if under_way is not None:
            under_way.result()

    def _cut(self, piece: _Piece, voxels: Voxels) -> list[tuple[Voxels, Parameters]]:
        """What of some voxels lies in a piece, if anything does."""
        assert piece.blender is not None
        own = tuple(
            range(max(a.start, b.start), min(a.stop, b.stop))
            for a, b in zip(voxels, piece.voxels, strict=True)
        )
        return [(own, piece.blender.slab(own))] if all(own) else []

    def _pack(self, blender: Blender, voxels: Voxels) -> None:
        if not all(voxels):
            return
        assert self._packing is not None
        found = blender.finish(self._cancel.check, voxels)
        where = [
            range(part.start - first, part.stop - first)
            for part, first in zip(self.plan.of_image(voxels), self.plan.start, strict=True)
        ]
        self._packing.add(where, Source.dense(LogitDistribution(*found)), self._cancel)


def _one_thread() -> ThreadPoolExecutor:
    """A thread that divides its work as this one does."""
    return ThreadPoolExecutor(1, "packing", torch.set_num_threads, (torch.get_num_threads(),))


def _meet(one: range | slice, other: range | slice) -> bool:
    return bool(one.start < other.stop and other.start < one.stop)


def _intervals(plan: Plan, axis: int, spans: set[range]) -> list[tuple[range, range]]:
    """Nodes and voxels along an axis of each interval that no tile begins or ends in."""
    line, voxels = plan.lines[axis], plan.voxels[axis]
    cuts = sorted({edge for span in spans for edge in (span.start, span.stop)})
    # A voxel between two nodes takes both.
    more = 0 if line.plain else 1
    before = line.between(voxels)[0]
    out = []
    for first, last in pairwise(cuts):
        a, b = (voxels.start + int(np.searchsorted(before, n)) for n in (first, last))
        out.append((range(first, min(last + more, line.count)), range(a, b)))
    return out


def order(tiles: list[Tile], plan: Plan, nodes: Sequence[range | None] | None) -> Coming:
    """Put tiles into the order in which they come layer by layer, and row by row, in place.

    Args:
        tiles: of a run.
        plan: of it.
        nodes: along each axis of the network, of a plane that is to be seen first, if any; None
            along those that lie in it. Where one layer is all that there is across the plane,
            another axis serves better, and it is not seen first.
    """
    layers = [len({t.window.inside[axis].start for t in tiles}) for axis in range(len(plan.nodes))]
    axis, first = int(np.argmax(layers)), None
    for k, (found, count) in enumerate(zip(nodes or (), layers, strict=False)):
        if found is not None and count > 1:
            axis, first = k, found
            break
    row = max((k for k in range(len(layers)) if k != axis), key=lambda k: layers[k])

    def when(tile: Tile) -> tuple[int, bool, int, int]:
        span, along = tile.window.inside[axis], tile.window.inside[row].start
        if nodes is None or first is None:
            return 0, False, span.start, along
        if _meet(span, first):
            # A row through all layers that meet the plane: what they share is done with it.
            return 0, not tile.meets(nodes), along, span.start
        # Then on to one end, and from there to the other.
        if span.start >= first.stop:
            return 1, False, span.start, along
        return 2, False, -span.start, along

    tiles.sort(key=when)
    return Coming((axis, row), first)
