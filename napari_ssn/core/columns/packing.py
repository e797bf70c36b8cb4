"""From dense tensors to columns of margins, sorted by how far a z must go to change a voxel."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from queue import SimpleQueue

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_ssn.core.columns.columns import SHELLS, Columns
from napari_ssn.core.columns.rows import Source, fill_rows, room_for
from napari_ssn.core.columns.shelf import Shelf
from napari_ssn.core.parallel import in_threads
from napari_ssn.errors import NEVER, Cancel
from napari_ssn.geometry.arrays import Array, Ints

# Voxels that are sorted at once.
_SORTED = 1 << 18
# Rows that are sorted at once, at most: each takes room for it once more.
_SPARE = 4


def pack(
    source: Source,
    dtype: torch.dtype,
    cancel: Cancel = NEVER,
    sizes: Tensor | None = None,
    folder: Path | None = None,
) -> Columns:
    """Pack a distribution; beside input and result it needs some megabytes.

    Args:
        source: the distribution.
        dtype: of the numbers kept, float16 or float32.
        cancel: looked at between blocks.
        sizes: (2, V), to be filled for each voxel with the largest |μ_c| and Σ_r |P_rc|. Labels
            are then those of the logits as they are summed in float32, and the radii leave room
            for it; None if the margins are the distribution.
        folder: where the numbers lie, see `Shelf`; None for memory.

    Raises:
        ValueError: another dtype.
        DeviceError: the disk is full.
    """
    packing = Packing(source.classes, source.rank, source.space, dtype, folder)
    packing.add([range(n) for n in source.space], source, cancel, sizes)
    return packing.finish()


class Packing:
    """Packs a grid part by part, so that its dense numbers need never be there at once.

    Args:
        classes: C.
        rank: R.
        space: shape of the grid.
        dtype: of the numbers kept, float16 or float32.
        folder: where they lie, see `Shelf`; None for memory.

    Raises:
        ValueError: another dtype.
        DeviceError: the disk is full.
    """

    def __init__(
        self,
        classes: int,
        rank: int,
        space: Sequence[int],
        dtype: torch.dtype,
        folder: Path | None = None,
    ) -> None:
        self._space, self._dtype = tuple(space), dtype
        self._shelf = Shelf(folder)
        self._rows = room_for(classes, rank, math.prod(space), dtype, self._shelf)
        self._parts: list[Sequence[range]] = []
        self._filled = 0

    def add(
        self,
        where: Sequence[range],
        source: Source,
        cancel: Cancel = NEVER,
        sizes: Tensor | None = None,
    ) -> None:
        """Take a part.

        Args:
            where: it lies in the grid, along each axis; parts do not overlap.
            source: of that part.
            cancel: looked at between blocks.
            sizes: as for `pack`, of that part.
        """
        fill_rows(self._rows, self._filled, source, self._dtype, cancel, sizes)
        self._parts.append(where)
        self._filled += math.prod(source.space)
        self._shelf.let_go()

    def finish(self) -> Columns:
        """Put all parts into order; this is the end of it."""
        found, count = self._rows, len(self._rows.best)
        if self._filled != count:
            raise ValueError(f"expected {count} voxels, got {self._filled}")
        mean_map = self._on_grid(found.best.numpy())
        order, place, ends = ordered(self._on_grid(found.shell.numpy()).reshape(-1))
        row = order if len(self._parts) == 1 else self._on_grid().reshape(-1)[order]
        self._sort(torch.from_numpy(row))
        return Columns(
            mean_map,
            order,
            place.reshape(self._space),
            ends,
            found.best.numpy(),
            found.rivals.numpy(),
            found.margins.numpy(),
            found.second.numpy(),
            found.noise.numpy(),
        )

    def _on_grid(self, values: Array | None = None) -> Array:
        """Where voxels lie, (*S), their values in the order in which they came, (V,), or that."""
        out = np.empty(self._space, np.int32 if values is None else values.dtype)
        first = 0
        for part in self._parts:
            shape = [len(r) for r in part]
            last = first + math.prod(shape)
            came = np.arange(first, last) if values is None else values[first:last]
            out[tuple(slice(r.start, r.stop) for r in part)] = came.reshape(shape)
            first = last
        return out

    def _sort(self, index: Tensor) -> None:
        """Put every row into an order, in place."""
        found, count = self._rows, len(index)
        rows = [found.best, *found.rivals, *found.margins.flatten(0, 1), *found.noise]
        rows += [found.second] if len(found.second) else []
        # Given out and taken back: memory that a thread asks for itself is hard to get rid of.
        spare: SimpleQueue[Tensor] = SimpleQueue()
        widest = max(row.element_size() for row in rows)
        for _ in range(min(_SPARE, torch.get_num_threads())):
            spare.put(torch.empty(widest * count, dtype=torch.uint8))

        def sort(row: Tensor) -> None:
            room = spare.get()
            sorted_row = room.view(row.dtype)[:count]
            torch.index_select(row, 0, index, out=sorted_row)
            row.copy_(sorted_row)
            spare.put(room)
            self._shelf.let_go()

        in_threads(sort, rows)


def ordered(
    shell: NDArray[np.int16], shells: int = SHELLS
) -> tuple[NDArray[np.int32], NDArray[np.int32], Ints]:
    """Voxels sorted by their shells, within a shell as they lie in the grid.

    Args:
        shell: (V,) of each voxel.
        shells: how many there are.

    Returns:
        `Columns.order`, `Columns.place` flattened, and `Columns.ends`.
    """
    blocks = [slice(k, k + _SORTED) for k in range(0, len(shell), _SORTED)]

    def count(block: slice) -> Ints:
        return np.bincount(shell[block], minlength=shells)

    counts = np.array(in_threads(count, blocks)).reshape(-1, shells)
    ends = np.cumsum(counts.sum(0))
    # Where the first of a block goes, shell by shell: behind all lower ones, and those before it.
    first = np.cumsum(counts, 0) - counts + (ends - counts.sum(0))
    order, place = np.empty(len(shell), np.int32), np.empty(len(shell), np.int32)

    def sort(number: int) -> None:
        own, begin = shell[blocks[number]], blocks[number].start
        index = np.argsort(own, kind="stable")
        among = np.arange(len(own)) - np.repeat(
            np.cumsum(counts[number]) - counts[number], counts[number]
        )
        at = np.repeat(first[number], counts[number]) + among
        index += begin
        order[at] = index
        place[index] = at

    in_threads(sort, range(len(blocks)))
    return order, place, ends
