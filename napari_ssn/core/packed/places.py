"""Labels at some voxels of any distribution, by way of a packed one."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from napari_ssn.core.decodable import Decodable
from napari_ssn.core.packed.contests import packed_labels
from napari_ssn.core.packed.distribution import PackedDistribution


def labels_at(
    dist: Decodable,
    z: NDArray[np.float64],
    voxels: NDArray[np.int64],
    between: Callable[[], None] = lambda: None,
) -> NDArray[np.uint8]:
    """Labels of each z at some voxels, (n, v), in whichever order.

    Of a dense distribution the voxels are packed: where two labels tie to within the rounding of a
    margin in float32 either may be given.

    Args:
        dist: the distribution.
        z: (n, R).
        voxels: (v,) of the flattened grid, each once.
        between: called between blocks, from any thread; what it raises goes through.
    """
    if len(voxels) == 0:
        return np.zeros((len(z), 0), np.uint8)
    if isinstance(dist, PackedDistribution):
        return packed_labels(dist, z, np.sort(dist.place.reshape(-1)[voxels]), between)
    there = torch.zeros(dist.space, dtype=torch.bool, device=dist.device)
    there.view(-1)[torch.from_numpy(voxels).to(there.device)] = True
    packed = PackedDistribution.of(dist.at(there), torch.float32)
    return packed_labels(packed, z, np.arange(len(voxels)), between)
