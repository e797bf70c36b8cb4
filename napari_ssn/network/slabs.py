"""Parameters of a run that are packed slab by slab, so that all of them are never there at once.

Along one axis the network's grid falls into intervals that no tile begins or ends in. What all
tiles of an interval gave is final: its voxels are packed, and the dense numbers let go of. Added
and interpolated is as in `blend`, so that the result is that of packing the whole, bit for bit
within the limit that is stated there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch

from napari_ssn.core.columns.columns import Columns
from napari_ssn.core.columns.packing import Packing
from napari_ssn.core.columns.rows import Source
from napari_ssn.core.distribution import LogitDistribution
from napari_ssn.network.blend import Blender, Parameters
from napari_ssn.network.plan import Plan
from napari_ssn.network.tiles import Tile

Voxels = tuple[range, ...]


@dataclass(eq=False)
class _Piece:
    """An interval: its nodes and voxels along the axis, what has come, how many tiles have not."""

    nodes: range
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
        axis: of the network, along which they come, see `order`.
        stopped: is called now and then while it is packed; what it raises goes through.
    """

    def __init__(
        self,
        plan: Plan,
        device: torch.device,
        single: bool,
        tiles: Sequence[Tile],
        axis: int,
        stopped: Callable[[], None] = lambda: None,
    ) -> None:
        self.plan, self._axis, self._stopped = plan, axis, stopped
        self._packing: Packing | None = None
        line, voxels = plan.lines[axis], plan.voxels[axis]
        spans = [tile.window.inside[axis] for tile in tiles]
        cuts = sorted({edge for span in spans for edge in (span.start, span.stop)})
        # A voxel between two nodes takes both.
        more = 0 if line.plain else 1
        before = line.between(voxels)[0]
        self._pieces = []
        for first, last in pairwise(cuts):
            a, b = (voxels.start + int(np.searchsorted(before, n)) for n in (first, last))
            nodes = range(first, min(last + more, line.count))
            held = [range(n) for n in plan.nodes]
            held[axis] = nodes
            own = [*plan.voxels]
            own[axis] = range(a, b)
            count = sum(span.start < nodes.stop and nodes.start < span.stop for span in spans)
            blender = Blender(plan, device, single, tuple(held))
            self._pieces.append(_Piece(nodes, tuple(own), blender, count))

    def add(self, tile: Tile, found: Parameters) -> None:
        """See `Blender.add`."""
        span = tile.window.inside[self._axis]
        if self._packing is None:
            classes, rank = len(found.mean), len(found.factor)
            self._packing = Packing(classes, rank, self.plan.space, torch.float16)
        for piece in self._pieces:
            if span.start < piece.nodes.stop and piece.nodes.start < span.stop:
                assert piece.blender is not None
                piece.blender.add(tile, found)
                piece.left -= 1

    def slab(self, voxels: Voxels) -> Parameters:
        """See `Blender.slab`, of a plane across the axis that is not packed yet."""
        (at,) = voxels[self._axis]
        for piece in self._pieces:
            if at in piece.voxels[self._axis]:
                assert piece.blender is not None
                return piece.blender.slab(voxels)
        raise ValueError(f"voxels: expected some of {self.plan.voxels}, got {voxels}")

    def settle(self) -> None:
        """Pack what no tile will come to any more."""
        for piece in self._pieces:
            if piece.left == 0 and piece.blender is not None:
                self._pack(piece.blender, piece.voxels)
                piece.blender = None

    def finish(self, between: Callable[[], None] = lambda: None) -> Columns:
        """All that was packed, in order; nothing is left here."""
        between()
        assert self._packing is not None
        packing, self._packing = self._packing, None
        return packing.finish()

    def _pack(self, blender: Blender, voxels: Voxels) -> None:
        if not voxels[self._axis]:
            return
        assert self._packing is not None
        found = blender.finish(self._stopped, voxels)
        where = [
            range(part.start - first, part.stop - first)
            for part, first in zip(self.plan.of_image(voxels), self.plan.start, strict=True)
        ]
        self._packing.add(where, Source.dense(LogitDistribution(*found)), self._asked)

    def _asked(self) -> bool:
        self._stopped()
        return False


def order(tiles: list[Tile], plan: Plan, nodes: Sequence[range | None] | None) -> tuple[int, bool]:
    """Put tiles into the order in which they come layer by layer, in place.

    Args:
        tiles: of a run.
        plan: of it.
        nodes: along each axis of the network, of a plane that is to be seen first, if any; None
            along those that lie in it.

    Returns:
        the axis across the layers, and whether the tiles that meet the plane come first. Where
        one layer is all that there is across the plane, another axis serves better.
    """
    layers = [len({t.window.inside[axis].start for t in tiles}) for axis in range(len(plan.nodes))]
    axis, first = int(np.argmax(layers)), None
    for k, (found, count) in enumerate(zip(nodes or (), layers, strict=False)):
        if found is not None and count > 1:
            axis, first = k, found
            break

    def when(tile: Tile) -> tuple[int, bool, int]:
        span = tile.window.inside[axis]
        if nodes is None or first is None:
            return 0, False, span.start
        if span.start < first.stop and first.start < span.stop:
            return 0, not tile.meets(nodes), span.start
        # Then on to one end, and from there to the other.
        return (1, False, span.start) if span.start >= first.stop else (2, False, -span.start)

    tiles.sort(key=when)
    return axis, first is not None
