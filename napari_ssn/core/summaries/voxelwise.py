"""The labels that many z give, at the voxels on which they may differ, block by block.

Of a volume no more is held than a block of voxels for all z at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike

from napari_ssn.core.decodable import Decodable
from napari_ssn.core.few import grid_of
from napari_ssn.core.given.posterior import Posterior
from napari_ssn.geometry.arrays import Between, Ints, Labels

Voxels = Ints
Value = TypeVar("Value")

# Labels of a dense distribution that are held at once.
_BYTES = 1 << 26


def over_voxels(
    dist: Decodable | Posterior,
    z: ArrayLike,
    function: Callable[[Voxels, Labels], Value],
    between: Between = lambda: None,
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
    whole = grid_of(dist)
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

    found: list[Value] = whole.over_voxels(plain, apply)
    if given is not None and len(near):
        # Near a click the labels are not those of z alone.
        step = max(1, _BYTES // len(draws))
        for first in range(0, len(near), step):
            between()
            part = near[first : first + step]
            found.append(function(part, given.labels_at(draws, part)))
    return found
