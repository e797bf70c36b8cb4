"""What a network might say about a brain scan with a tumour: smooth, sure far from the boundary."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from napari_ssn.core.distribution import LogitDistribution

SPACE = (240, 240, 155)
CLASSES, RANK = 4, 10

# Middle (share of the volume) and half axes (voxels) of oedema, core and enhancing part, each
# inside the one before.
_LABELS = (
    ((0.56, 0.40, 0.52), (52.0, 40.0, 36.0)),
    ((0.57, 0.41, 0.52), (28.0, 25.0, 22.0)),
    ((0.59, 0.42, 0.54), (14.0, 15.0, 12.0)),
)
# Logit of a label that is sure, voxels from the boundary until it nearly is, and the length of a
# row of P at a boundary and far from it.
_SURE, _FADE = 8.0, 14.0
_NEAR, _FAR = 1.3, 0.15


def network_output(space: tuple[int, ...] = SPACE, seed: int = 0) -> LogitDistribution:
    """A distribution of `CLASSES` labels and `RANK` columns on 1 mm voxels; 1.7 GB at `SPACE`."""
    generator = torch.Generator().manual_seed(seed)
    mean, factor = torch.zeros(CLASSES, *space), torch.zeros(RANK, CLASSES, *space)
    weights = torch.arange(1, RANK + 1, dtype=torch.float32) ** -0.7
    weights /= weights.norm()
    axes = [torch.arange(n, dtype=torch.float32) for n in space]
    for label, (middle, half) in enumerate(_LABELS, start=1):
        # Voxels to an ellipsoid's surface, nearly, positive inside.
        inside = torch.zeros(space)
        for axis, (at, share, length) in enumerate(zip(axes, middle, half, strict=True)):
            shape = [1] * len(space)
            shape[axis] = -1
            inside += ((at - share * len(at)) / length).square().reshape(shape)
        inside = (1 - inside.sqrt()) * float(np.mean(half)) + 2 * _smooth(space, 12, generator)
        # An inner label beats the outer one by as much as that beats the background.
        mean[label] = _SURE * label * torch.tanh(inside / _FADE)
        size = _FAR + (_NEAR - _FAR) * torch.exp(-(inside / 12).square())
        for column, weight in zip(factor, weights, strict=True):
            column[label] = float(weight) * size * _smooth(space, 20, generator)
    return LogitDistribution(mean, factor, torch.full_like(mean, 0.05))


def _smooth(space: tuple[int, ...], grain: int, generator: torch.Generator) -> Tensor:
    """Noise of variance about one that changes over ``grain`` voxels."""
    coarse = [max(2, n // grain + 1) for n in space]
    noise = torch.randn(1, 1, *coarse, generator=generator)
    field: Tensor = torch.nn.functional.interpolate(noise, space, mode="trilinear")[0, 0]
    return 1.5 * field
