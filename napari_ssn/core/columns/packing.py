"""From dense tensors to columns of margins, sorted by how far a z must go to change a voxel."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Sequence
from queue import SimpleQueue

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_ssn.core.columns.columns import SHELLS, Columns
from napari_ssn.core.columns.rows import Rows, Source, fill_rows, room_for
from napari_ssn.core.parallel import in_threads


def pack(
    source: Source,
    dtype: torch.dtype,
    cancelled: Callable[[], bool] = lambda: False,
    sizes: Tensor | None = None,
) -> Columns:
    """Pack a distribution; beside input and result it needs some megabytes.

    Args:
        source: the distribution.
        dtype: of the numbers kept, float16 or float32.
        cancelled: asked between blocks; if it says True, `Cancelled` is raised.
        sizes: (2, V), to be filled for each voxel with the largest |μ_c| and Σ_r |P_rc|. Labels
            are then those of the logits as they are summed in float32, and the radii leave room
            for it; None if the margins are the distribution.

    Raises:
        ValueError: another dtype.
    """
    packing = Packing(source.classes, source.rank, source.space, dtype)
    packing.add([range(n) for n in source.space], source, cancelled, sizes)
    return packing.finish()


class Packing:
    """Packs a grid part by part, so that its dense numbers need never be there at once.

    Args:
        classes: C.
        rank: R.
        space: shape of the grid.
        dtype: of the numbers kept, float16 or float32.

    Raises:
        ValueError: another dtype.
    """

    def __init__(self, classes: int, rank: int, space: Sequence[int], dtype: torch.dtype) -> None:
        self._space, self._dtype = tuple(space), dtype
        self._rows = room_for(classes, rank, math.prod(space), dtype)
        self._parts: list[Sequence[range]] = []
        self._filled = 0

    def add(
        self,
        where: Sequence[range],
        source: Source,
        cancelled: Callable[[], bool] = lambda: False,
        sizes: Tensor | None = None,
    ) -> None:
        """Take a part.

        Args:
            where: it lies in the grid, along each axis; parts do not overlap.
            source: of that part.
            cancelled: asked between blocks; if it says True, `Cancelled` is raised.
            sizes: as for `pack`, of that part.
        """
        fill_rows(self._rows, self._filled, source, self._dtype, cancelled, sizes)
        self._parts.append(where)
        self._filled += math.prod(source.space)

    def finish(self) -> Columns:
        """Put all parts into order; this is the end of it."""
        found, count = self._rows, len(self._rows.best)
        if self._filled != count:
            raise ValueError(f"expected {count} voxels, got {self._filled}")
        # Of the rows in the order in which they came: the voxel of each.
        came = None if len(self._parts) == 1 else self._voxels()
        best, shell = found.best.numpy(), found.shell.numpy()
        mean_map = best.copy()
        if came is not None:
            mean_map[came] = best
            shell = np.empty_like(shell)
            shell[came] = found.shell.numpy()
        order = np.argsort(shell, kind="stable").astype(np.int32)
        ends = ends_of(shell)
        place = np.empty_like(order)
        row = order
        if came is not None:
            place[came] = np.arange(count, dtype=np.int32)
            row = place[order]
            del came
        _sort(found, torch.from_numpy(row))
        place[order] = np.arange(count, dtype=np.int32)
        return Columns(
            mean_map.reshape(self._space),
            order,
            place.reshape(self._space),
            ends,
            best,
            found.rivals.numpy(),
            found.margins.numpy(),
            found.second.numpy(),
            found.noise.numpy(),
        )

    def _voxels(self) -> NDArray[np.int32]:
        """Index in the flattened grid of each voxel, in the order in which they came."""
        strides = [math.prod(self._space[axis + 1 :]) for axis in range(len(self._space))]
        out, first = np.empty(self._filled, np.int32), 0
        for part in self._parts:
            lines = (np.asarray(r, np.int32) * n for r, n in zip(part, strides, strict=True))
            index = functools.reduce(np.add.outer, lines).reshape(-1)
            out[first : first + len(index)] = index
            first += len(index)
        return out


def _sort(found: Rows, index: Tensor) -> None:
    """Put every row into an order, in place."""
    count = len(index)
    rows = [found.best, *found.rivals, *found.margins.flatten(0, 1), *found.noise]
    rows += [found.second] if len(found.second) else []
    # Given out and taken back: memory that a thread asks for itself is hard to get rid of.
    spare: SimpleQueue[Tensor] = SimpleQueue()
    for _ in range(torch.get_num_threads()):
        spare.put(torch.empty(4 * count, dtype=torch.uint8))

    def sort(row: Tensor) -> None:
        room = spare.get()
        sorted_row = room.view(row.dtype)[:count]
        torch.index_select(row, 0, index, out=sorted_row)
        row.copy_(sorted_row)
        spare.put(room)

    in_threads(sort, rows)


def ends_of(shell: NDArray[np.int16]) -> NDArray[np.int64]:
    """`Columns.ends` of voxels that lie in these shells."""
    return np.cumsum(np.bincount(shell, minlength=SHELLS))
