"""Puts the parameters of tiles together on the image's own grid.

For a fixed z the logits ``μ + P z`` are linear in μ and P, so blending these with one set of
weights equals blending samples, and interpolating these equals interpolating samples. Standard
deviations √D are blended and interpolated too, and squared in the end.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from napari_ssn.core.columns.shelf import Shelf, own_zeros
from napari_ssn.core.tensors import tensor_of
from napari_ssn.geometry.arrays import Between
from napari_ssn.geometry.orientation import Reorientation
from napari_ssn.network.plan import Plan
from napari_ssn.network.tiles import Tile

# Shares of tiles are rounded to multiples of 1 / 2¹⁶ and summed as whole numbers. Up to 2²⁴
# float32 adds these without rounding, so that for logits up to 256 the sum does not depend on
# the order of the tiles: the slice on show may come first, and the result is the same.
_UNIT = float(1 << 16)
# Bytes up to which there is room for parameters twice.
_TWICE = 1 << 28


class Parameters(NamedTuple):
    """Mean (C, *S), factor (R, C, *S) and either deviation √D or variance D, (C, *S)."""

    mean: Tensor
    factor: Tensor
    spread: Tensor

    def parts(self) -> Iterator[Tensor]:
        """Each (*S): the classes of the mean, the columns, the spread."""
        yield from self.mean
        for column in self.factor:
            yield from column
        yield from self.spread


class Blender:
    """Parameters of a run, tile by tile. They lie in the order of the image's own axes.

    Args:
        plan: of the run.
        device: where the parameters are kept.
        single: whether no two tiles overlap; they are kept as they are then.
        held: nodes of the plan along each axis that are kept, if not all; others are passed over.
        shelf: where they lie, if not in memory.
    """

    def __init__(
        self,
        plan: Plan,
        device: torch.device,
        single: bool,
        held: tuple[range, ...] | None = None,
        shelf: Shelf | None = None,
    ) -> None:
        self.plan = plan
        self._shelf, self._piece = shelf, held is not None
        self.turn = plan.frame.turn
        self.device = device
        self.unit = 1.0 if single else _UNIT
        self.held = held or tuple(range(n) for n in plan.nodes)
        self.total: Parameters | None = None

    def add(self, tile: Tile, found: Parameters) -> None:
        """Add the parameters that the network gave for a tile, (…, *tile)."""
        window = tile.window
        spans = [
            range(max(part.start, held.start), min(part.stop, held.stop))
            for part, held in zip(window.inside, self.held, strict=True)
        ]
        if not all(spans):
            return
        if self.total is None:
            self.total = Parameters(*map(self._empty, found))
        own = [
            slice(span.start - part.start, span.stop - part.start)
            for span, part in zip(spans, window.inside, strict=True)
        ]
        inside: tuple[Any, ...] = (
            ...,
            *(
                slice(before + part.start, before + part.stop)
                for before, part in zip(window.before, own, strict=True)
            ),
        )
        place: tuple[Any, ...] = (..., *self._slices(spans))
        weight = None if self.unit == 1 else self._weight(tile, own)
        # One after the other: a tile is large, and there may be no room for it once more.
        for total, part in zip(self.total.parts(), found.parts(), strict=True):
            cut = part[inside].to(self.device)
            if weight is None:
                total[place] = undo(cut, self.turn)
            else:
                total[place] += undo((cut * weight).round_(), self.turn)

    def _empty(self, found: Tensor) -> Tensor:
        """Zeros for all nodes that are held, (…, *nodes), in the order of the image's axes.

        A few slices lie in memory in the network's order: values of a slice that is the image's
        last axis would each go to a cache line of their own.
        """
        nodes = [len(held) for held in self.held]
        lead = found.shape[: found.ndim - len(nodes)]
        if self._shelf is not None and self.device.type == "cpu":
            return self._shelf.empty((*lead, *self._of_image(nodes)), torch.float32).zero_()
        if self._piece and self.device.type == "cpu":
            return own_zeros((*lead, *self._of_image(nodes)))
        size = math.prod((*lead, *nodes)) * found.element_size()
        if size > _TWICE:
            return torch.zeros((*lead, *self._of_image(nodes)), device=self.device)
        zeros = torch.zeros((*lead, *nodes), device=self.device)
        axes = [len(lead) + axis for axis in np.argsort(self.turn.order)]
        return zeros.permute(*range(len(lead)), *axes)

    def _weight(self, tile: Tile, own: Sequence[slice]) -> Tensor:
        """Shares of a tile in some of its voxels, times the unit."""
        weight = torch.full((), self.unit)
        for axis, (vector, part) in enumerate(zip(tile.weights, own, strict=True)):
            behind = [1] * (len(tile.weights) - 1 - axis)
            weight = weight * torch.from_numpy(vector[part]).reshape(-1, *behind)
        return weight.to(self.device)

    def slab(self, voxels: tuple[range, ...], between: Between = lambda: None) -> Parameters:
        """Parameters of some voxels per axis of the network, with variances.

        ``between`` is called before each class and column, which take a while in a volume.
        """
        assert self.total is not None
        picks = self._picks(voxels)
        space = self._of_image([len(r) for r in voxels])
        lead = (total.shape[: -len(space)] for total in self.total)
        out = Parameters(*(self.total.mean.new_empty((*shape, *space)) for shape in lead))
        for place, part in zip(out.parts(), self.total.parts(), strict=True):
            between()
            place.copy_(self._mapped(part, picks))
        out.spread.square_()
        return out

    def settle(self) -> None:
        """Take leave of what no tile will come to any more: here of nothing."""

    def finish(
        self, between: Between = lambda: None, voxels: tuple[range, ...] | None = None
    ) -> Parameters:
        """As `slab`, of every voxel of the plan or of those held; nothing is left here."""
        if self.plan.resampled:
            out = self.slab(voxels or self.plan.voxels, between)
        else:
            assert self.total is not None
            # In place: there may be no room for them twice.
            for part in self.total.parts() if self.unit != 1 else ():
                between()
                part.mul_(1 / self.unit)
            self.total.spread.square_()
            between()
            out = Parameters(*(part.contiguous() for part in self.total))
        self.total = None
        return out

    def _of_image(self, values: Sequence[int]) -> list[int]:
        out = [0] * len(values)
        for axis, value in zip(self.turn.order, values, strict=True):
            out[axis] = value
        return out

    def _slices(self, nodes: Sequence[range]) -> tuple[slice, ...]:
        """Slices of the totals for nodes of the network's grid."""
        out = [slice(None)] * len(nodes)
        for axis, back, held, part in zip(
            self.turn.order, self.turn.flip, self.held, nodes, strict=True
        ):
            first, last = part.start - held.start, part.stop - held.start
            out[axis] = slice(len(held) - last, len(held) - first) if back else slice(first, last)
        return tuple(out)

    def _picks(self, voxels: tuple[range, ...]) -> list[tuple[int, Tensor, Tensor, Tensor | None]]:
        """Per axis of the network: axis of the totals, nodes before and after, weight."""
        picks = []
        for axis, back, held, line, r in zip(
            self.turn.order, self.turn.flip, self.held, self.plan.lines, voxels, strict=True
        ):
            low, high, weight = line.between(r)
            low, high = low - held.start, high - held.start
            if back:
                low, high = len(held) - 1 - low[::-1], len(held) - 1 - high[::-1]
                weight = weight[::-1]
            behind = [1] * (len(voxels) - 1 - axis)
            before, after, later = (tensor_of(a).to(self.device) for a in (low, high, weight))
            picks.append((axis, before, after, None if line.plain else later.reshape(-1, *behind)))
        return picks

    def _mapped(
        self, part: Tensor, picks: list[tuple[int, Tensor, Tensor, Tensor | None]]
    ) -> Tensor:
        """Values (*nodes) at voxels, interpolated along one axis after the other."""
        for axis, before, after, later in picks:
            value = part.index_select(axis, before)
            if later is not None:
                value = value * (1 - later) + part.index_select(axis, after) * later
            part = value
        return part / self.unit


def undo(tensor: Tensor, turn: Reorientation) -> Tensor:
    """As `Reorientation.undo`, for a tensor whose last axes are the turned grid's."""
    lead = tensor.ndim - turn.ndim
    back = [lead + axis for axis, flip in enumerate(turn.flip) if flip]
    if back:
        tensor = tensor.flip(back)
    order = [lead + int(axis) for axis in np.argsort(turn.order)]
    return tensor.permute(*range(lead), *order)
