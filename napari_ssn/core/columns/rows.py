"""Rows of what packing keeps of each voxel: margins over its likeliest label, and how far it is.

A voxel's label is the mean's, c*, until the margin of another class c over it becomes positive:
``(μ_c − μ_c*) + (P_c − P_c*)ᵀ z > 0``. No z shorter than its activation radius
``ρ = min_c (μ_c* − μ_c) / ‖P_c* − P_c‖`` can do that (Cauchy and Schwarz).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, NamedTuple

import torch
from torch import Tensor

from napari_ssn.core.columns.columns import shells_of
from napari_ssn.core.columns.shelf import Shelf
from napari_ssn.core.deciding import rounding
from napari_ssn.core.parallel import in_threads
from napari_ssn.errors import NEVER, Cancel
from napari_ssn.geometry.arrays import Ints

if TYPE_CHECKING:
    from napari_ssn.core.distribution import LogitDistribution

# Voxels packed at once; what a block needs beside its share of the tensors stays in cache.
_BLOCK = 1 << 14
# Largest length that is stored as it is; squares of the larger one still fit float32.
_LIMIT = {torch.float16: 2.0**15, torch.float32: 2.0**60}


class Source(NamedTuple):
    """Where the numbers to pack come from.

    classes C, rank R and shape of the grid; read gives logits (R + 1, C, v), the factor and,
    last, the mean, and √D (C, v) of a block of the flattened grid, on the CPU and its own.
    """

    classes: int
    rank: int
    space: tuple[int, ...]
    read: Callable[[slice], tuple[Tensor, Tensor]]

    @classmethod
    def dense(cls, dist: LogitDistribution) -> Source:
        """The tensors of a dense distribution."""
        mean, factor, diag = dist.mean.flatten(1), dist.cov_factor.flatten(2), dist.cov_diag

        def read(block: slice) -> tuple[Tensor, Tensor]:
            logits = torch.cat([factor[:, :, block].cpu(), mean[None, :, block].cpu()])
            return logits, diag.flatten(1)[:, block].cpu().sqrt()

        return cls(dist.classes, dist.rank, dist.space, read)


class Rows(NamedTuple):
    """What there is to know of some voxels, in the order in which they were read.

    best, rivals, margins, noise and second as in `Columns`; shell (V,) int16 of the nearest rival.
    """

    best: Tensor
    rivals: Tensor
    margins: Tensor
    noise: Tensor
    second: Tensor
    shell: Tensor


def rows_of(
    source: Source,
    dtype: torch.dtype,
    cancel: Cancel = NEVER,
    sizes: Tensor | None = None,
) -> Rows:
    """Rows of all voxels in the order of a source; arguments and errors as for `packing.pack`."""
    out = room_for(source.classes, source.rank, math.prod(source.space), dtype)
    fill_rows(out, 0, source, dtype, cancel, sizes)
    return out


def room_for(
    classes: int, rank: int, count: int, dtype: torch.dtype, shelf: Shelf | None = None
) -> Rows:
    """For so many voxels; the memory is taken when it is written to.

    What every label map is made of, best and shell, is in memory, the rest on a shelf if there is.
    """
    if dtype not in _LIMIT:
        raise ValueError(f"dtype: expected torch.float16 or torch.float32, got {dtype}")
    shelf = shelf or Shelf()
    return Rows(
        torch.empty(count, dtype=torch.uint8),
        shelf.empty((classes - 1, count), torch.uint8),
        shelf.empty((classes - 1, rank + 1, count), dtype),
        shelf.empty((classes, count), dtype),
        shelf.empty((count if classes > 2 else 0,), torch.int16),
        torch.empty(count, dtype=torch.int16),
    )


def fill_rows(
    out: Rows,
    begin: int,
    source: Source,
    dtype: torch.dtype,
    cancel: Cancel,
    sizes: Tensor | None,
) -> None:
    """Rows of all voxels of a source, from a place on."""
    classes, count = source.classes, math.prod(source.space)

    def fill(first: int) -> None:
        cancel.check()
        read = slice(first, min(count, first + _BLOCK))
        found = _margins(*source.read(read), dtype, None if sizes is None else sizes[:, read])
        block = slice(begin + read.start, begin + read.stop)
        out.best[block], out.shell[block] = found.winner, shells_of(found.radius[0])
        # In the order of the labels, but the rival that is nearest comes first.
        out.rivals[:, block] = found.order[1:]
        if classes > 2:
            out.second[block] = shells_of(found.radius[1])
        places = _places(found.order)
        out.noise[:, block] = _in_order(found.noise.to(dtype)[None], places)[0]
        out.margins[:, :, block] = _in_order(found.margins, places[1:]).transpose(0, 1)

    in_threads(fill, range(0, count, _BLOCK))


class _Block(NamedTuple):
    """Margins of some voxels over their likeliest label.

    winner (v,) uint8: that label; margins (R + 1, C, v); noise (C, v); order (C, v) uint8: the
    winner, its nearest rival and the others; radius (2, v): of the nearest and of the next of the
    others.
    """

    winner: Tensor
    margins: Tensor
    noise: Tensor
    order: Tensor
    radius: Tensor


def _margins(logits: Tensor, noise: Tensor, dtype: torch.dtype, sizes: Tensor | None) -> _Block:
    mean = logits[-1]  # (C, v)
    winner = _first_largest(mean)
    # Not in place: what is subtracted may be a view of it.
    margins = logits - _taken(logits, winner).unsqueeze(1)
    squares = _squares(margins[:-1])
    largest = max(float(squares.max()) ** 0.5, -float(margins[-1].min()), float(noise.max()))
    # Not finite where float32 itself does not hold the differences or their squares.
    if not largest <= _LIMIT[dtype]:
        _shrink(logits, winner, margins, noise, _LIMIT[dtype])
        squares = _squares(margins[:-1])
    radius = _radii(-margins[-1], squares, len(margins) - 1, dtype)
    if sizes is not None:
        # Never 0: it stands for numbers so small that they vanish when they are multiplied.
        torch.amax(mean.abs(), 0, out=sizes[0]).clamp_min_(1e-30)
        torch.amax(logits[:-1].abs().sum(0), 0, out=sizes[1]).clamp_min_(1e-30)
        radius = torch.minimum(radius, _summed(-margins[-1], squares, sizes, len(margins) - 1))
    _leave_out(radius, winner)
    if len(radius) > 2:
        first, index = radius.min(0)
        nearest = index.to(torch.uint8)
    else:
        first, nearest = radius.amin(0), 1 - winner
    order = torch.empty_like(radius, dtype=torch.uint8)
    order[0], order[1] = winner, nearest
    low, high = torch.minimum(winner, nearest), torch.maximum(winner, nearest)
    for k in range(2, len(order)):
        # The k-2nd of the labels without these two.
        label = torch.full_like(winner, k - 2)
        label += label >= low
        order[k] = label + (label >= high)
    _leave_out(radius, nearest)
    return _Block(winner, margins.to(dtype), noise, order, torch.stack([first, radius.amin(0)]))


def _only(label: Tensor) -> int | None:
    """The one label of all voxels of a block, as it is in most; None where there are several."""
    only = int(label[0])
    return only if bool((label == only).all()) else None


def _taken(values: Tensor, label: Tensor) -> Tensor:
    """Of (K, C, v), the values of one label per voxel, (K, v)."""
    if (only := _only(label)) is not None:
        # A view costs nothing.
        return values[:, only]
    return values.gather(1, label.long().expand(len(values), 1, -1))[:, 0]


def _leave_out(radius: Tensor, label: Tensor) -> None:
    """Give one label per voxel a radius that is none's, in place in (C, v)."""
    if (only := _only(label)) is not None:
        radius[only] = torch.inf
    else:
        radius.scatter_(0, label.long()[None], torch.inf)


def _places(labels: Tensor) -> Ints:
    """Where the values of (n, v) labels lie among (C, v), flattened: (n, v), or (n,) of all alike.

    Labels are in order for all alike where the first two are.
    """
    if _only(labels[0]) is not None and _only(labels[1]) is not None:
        return labels[:, 0].long().numpy()
    count = labels.shape[1]
    return (labels.long().mul_(count) + torch.arange(count)).numpy()


def _in_order(values: Tensor, places: Ints) -> Tensor:
    """Of (K, C, v), those at (n, v) `_places`, (K, n, v)."""
    if places.ndim == 1:
        return values[:, places]
    # In numpy: torch takes three times as long to find its way in three dimensions.
    return torch.from_numpy(values.flatten(1).numpy().take(places, axis=1, mode="clip"))


def _squares(columns: Tensor) -> Tensor:
    """Sum over r of the squares of (R, C, v), (C, v).

    One after the other: a product of matrices of one row each takes three times as long.
    """
    found = columns[0] * columns[0] if len(columns) else torch.zeros(columns.shape[1:])
    square = torch.empty_like(found)
    for column in columns[1:]:
        found += torch.mul(column, column, out=square)
    return found


def _shrink(logits: Tensor, winner: Tensor, margins: Tensor, noise: Tensor, limit: float) -> None:
    """Divide by a power of two, in place, the voxels whose numbers are too large to be stored.

    A positive factor common to all logits of a voxel changes none of its labels, margins in
    standard deviations or probabilities. From the logits, whose differences may not be finite.
    """
    size = torch.maximum(logits.abs().amax((0, 1)), noise.amax(0))
    # The length of a difference is at most 2 √R times its largest part.
    room = 2 * max(1, len(logits) - 1) ** 0.5
    exponent = torch.frexp(size / (limit / room)).exponent.clamp_min(0)
    by = torch.ldexp(torch.ones_like(size), -exponent)
    logits.mul_(by)
    noise.mul_(by)
    margins.copy_(logits - _taken(logits, winner).unsqueeze(1))


def _first_largest(mean: Tensor) -> Tensor:
    """Lowest label among the likeliest ones, (v,) uint8 of (C, v)."""
    largest, winner = mean[0], torch.zeros(mean.shape[1], dtype=torch.uint8)
    for label in range(1, len(mean)):
        winner.masked_fill_(mean[label] > largest, label)
        largest = torch.maximum(largest, mean[label])
    return winner


def _radii(lead: Tensor, squares: Tensor, rank: int, dtype: torch.dtype) -> Tensor:
    """``ρ_c = d / ‖a‖`` of leads d and ‖a‖², all (C, v), a little smaller than it is.

    Smaller by what storing d and a may change in them, and by what the sum of a margin column
    by column is wrong by: at most ``k u (|d| + ‖z‖ Σ_r |a_r|)``, with u the unit of float32, k
    some more than R, and Σ|a_r| ≤ √R ‖a‖.
    """
    info = torch.finfo(dtype)
    room = rounding(rank) * (1 + rank**0.5) + 2 * info.eps
    # What is smaller than the smallest number may become 0, or that number.
    least = max(info.smallest_normal * info.eps, 1e-18)
    length = squares.sqrt().add_(rank**0.5 * least)
    # Never infinite: that marks the likeliest label itself.
    return (lead - least).clamp_min_(0.0).div_(length).mul_(1 - room).clamp_max_(1e30)


def _summed(lead: Tensor, squares: Tensor, sizes: Tensor, rank: int) -> Tensor:
    """Radii that leave room for summing logits of these sizes, not margins."""
    off = rounding(rank) * sizes
    return (lead - off[0]).clamp_min_(0.0).div_(squares.sqrt().add_(off[1])).mul_(1 - 1e-5)
