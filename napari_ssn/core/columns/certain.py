"""Columns of a volume nearly all of which is certain, from the voxels in doubt alone.

Of an ensemble most voxels are certain to every member: their logits follow from their label, and
no z changes them. They are packed once for each label, not once for each voxel; the columns are
those of `pack` bit for bit.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from napari_ssn.core.columns.columns import Columns
from napari_ssn.core.columns.packing import ordered
from napari_ssn.core.columns.rows import Source, rows_of
from napari_ssn.core.parallel import in_threads
from napari_ssn.errors import Cancel
from napari_ssn.geometry.arrays import Ints, Labels


def pack_doubtful(
    source: Source, voxels: Ints, labels: Labels, dtype: torch.dtype, cancel: Cancel
) -> Columns:
    """`pack` of the whole.

    Args:
        source: of n + C voxels: those in doubt, and then one of each label that is certain.
        voxels: (n,), those in doubt in the flattened grid, ascending.
        labels: (*S), those of all voxels that are certain.
        dtype, cancel: as for `pack`.
    """
    rows, count = rows_of(source, dtype, cancel), len(voxels)
    mean_map = rows.best[count:].numpy()[labels]
    mean_map.reshape(-1)[voxels] = rows.best[:count].numpy()
    certain = rows.shell[count:].numpy()
    shell = certain[labels.reshape(-1)]
    shell[voxels] = rows.shell[:count].numpy()
    order, place, ends = ordered(shell)
    at = place[voxels]
    # Of those in doubt it says nothing that stays.
    label = labels.reshape(-1)[order]

    def put(task: tuple[NDArray[np.generic], NDArray[np.generic]]) -> None:
        row, out = task
        kinds = row[count:]
        # What is 0 anyway is not written: memory that is not touched is not taken.
        if kinds.any():
            np.take(kinds, label, out=out)
        out[at] = row[:count]

    whole = [np.zeros((*part.shape[:-1], len(order)), part.numpy().dtype) for part in rows[:4]]
    second = np.zeros(len(order) if len(rows.second) else 0, np.int16)
    parts = [*zip(rows[:4], whole, strict=True)]
    tasks = [
        pair
        for part, out in parts
        for pair in zip(
            part.numpy().reshape(-1, part.shape[-1]), out.reshape(-1, len(order)), strict=True
        )
    ]
    if len(second):
        tasks.append((rows.second.numpy(), second))
    in_threads(put, tasks)
    best, rivals, margins, noise = whole
    return Columns(
        mean_map,
        order,
        place.reshape(labels.shape),
        ends,
        best,
        rivals,
        margins,
        second,
        noise,
    )
