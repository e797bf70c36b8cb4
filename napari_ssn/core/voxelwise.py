"""The labels that many z give, at the voxels on which they may differ, block by block.

Of a volume no more is held than a block of voxels for all z at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from napari_ssn.core.activation import PackedDistribution
from napari_ssn.core.conditioning import Posterior
from napari_ssn.core.contests import Draws, contests, winners
from napari_ssn.core.decodable import Decodable
from napari_ssn.core.distribution import LogitDistribution
from napari_ssn.core.parallel import in_threads

Voxels = NDArray[np.int64]
Labels = NDArray[np.uint8]
Value = TypeVar("Value")

# Labels of a dense distribution that are held at once.
_BYTES = 1 << 26


def over_voxels(
    dist: Decodable | Posterior,
    z: ArrayLike,
    function: Callable[[Voxels, Labels], Value],
    between: Callable[[], None] = lambda: None,
) -> list[Value]:
    """Apply a function to the labels of every z, one block of voxels after the other.

    Args:
        dist: the distribution, or what is left of it given some clicks.
        z: (n, R), n at least 1.
        function: gets voxels of the flattened grid (b,) and labels (n, b), those of
            ``dist.label_map(z[i])`` bit for bit; called from several threads. No voxel comes
            twice; one that never comes has the label of the mean in all of them.
        between: called before every block; what it raises goes through.
    """
    given = dist if isinstance(dist, Posterior) else None
    whole = given.dist if given is not None else dist
    assert isinstance(whole, Decodable)
    draws = dist.check_draws(z)
    # Away from clicks z alone decides.
    plain = draws[:, : whole.rank]
    if len(draws) < 1:
        raise ValueError("z: expected at least one, got none")
    near = np.zeros(0, np.int64) if given is None else given.near

    def apply(voxels: Voxels, labels: Labels) -> Value:
        between()
        if len(near):
            away = ~np.isin(voxels, near)
            voxels, labels = voxels[away], labels[:, away]
        return function(voxels, labels)

    if isinstance(whole, PackedDistribution):
        found = _packed(whole, plain, apply)
    else:
        assert isinstance(whole, LogitDistribution)
        found = [apply(*block) for block in _dense(whole, plain)]
    if given is not None and len(near):
        # Near a click the labels are not those of z alone.
        step = max(1, _BYTES // len(draws))
        for first in range(0, len(near), step):
            between()
            part = near[first : first + step]
            found.append(function(part, given.labels_at(draws, part)))
    return found


def _packed(
    dist: PackedDistribution, z: NDArray[np.float64], apply: Callable[[Voxels, Labels], Value]
) -> list[Value]:
    vectors = z.astype(np.float32)
    radius = float(np.linalg.norm(vectors.astype(np.float64), axis=1).max())
    draws = Draws(np.arange(len(z)), torch.from_numpy(vectors), radius)

    def labels_of(task: tuple[NDArray[np.int64], int]) -> Value:
        places, rivals = task
        slot = winners(dist, draws.rows, places, rivals).numpy()
        best = dist.best[places]
        labels = np.broadcast_to(best, slot.shape).copy()
        for k in range(rivals):
            # Modulo 256, as differences of uint8 are.
            labels += (slot == k + 1) * (dist.rivals[k, places] - best)
        return apply(dist.order[places].astype(np.int64), labels)

    return in_threads(labels_of, list(contests(dist, draws)))


def _dense(dist: LogitDistribution, z: NDArray[np.float64]) -> Iterator[tuple[Voxels, Labels]]:
    active = dist.changeable(float(np.linalg.norm(z, axis=1).max()))
    voxels = np.flatnonzero(active.cpu().numpy())
    if not len(voxels):
        return
    column = dist.at(active)
    if dist.classes == 2:
        for block, wins in column.binary_blocks(z):
            yield voxels[block], wins.cpu().numpy().view(np.uint8)
        return
    step = max(1, _BYTES // len(z))
    for first in range(0, len(voxels), step):
        block = slice(first, first + step)
        part = LogitDistribution(
            column.mean[:, block], column.cov_factor[:, :, block], column.cov_diag[:, block]
        )
        yield voxels[block], part.label_maps(z)[:, :, 0]
