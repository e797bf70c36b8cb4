"""What a network might say about a brain scan with a tumour: smooth, sure far from the boundary."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from napari_ssn.core.distribution import LogitDistribution
from napari_ssn.core.parallel import in_threads

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
_SURE, _FADE = 8.0, 19.0
_NEAR, _FAR = 2.0, 0.15


def network_output(space: tuple[int, ...] = SPACE) -> LogitDistribution:
    """A distribution of `CLASSES` labels and `RANK` columns on 1 mm voxels; 1.7 GB at `SPACE`."""
    mean, factor = torch.zeros(CLASSES, *space), torch.zeros(RANK, CLASSES, *space)
    weights = torch.arange(1, RANK + 1, dtype=torch.float32) ** -0.7
    weights /= weights.norm()
    axes = [torch.arange(n, dtype=torch.float32) for n in space]

    def fill(label: int) -> None:
        middle, half = _LABELS[label - 1]
        # Voxels to an ellipsoid's surface, nearly, positive inside.
        inside = torch.zeros(space)
        for axis, (at, share, length) in enumerate(zip(axes, middle, half, strict=True)):
            shape = [1] * len(space)
            shape[axis] = -1
            inside += ((at - share * len(at)) / length).square().reshape(shape)
        inside = (1 - inside.sqrt()) * float(np.mean(half)) + 2 * _smooth(space, 12, label)
        mean[label] = _SURE * torch.tanh(inside / _FADE)
        size = inside.div_(12).square_().neg_().exp_().mul_(_NEAR - _FAR).add_(_FAR)
        for column in range(RANK):
            noise = _smooth(space, 20, 100 * label + column)
            torch.mul(size, noise.mul_(weights[column]), out=factor[column, label])

    in_threads(fill, range(1, CLASSES))
    # An inner label beats the outer one as that beats the background.
    for label in range(2, CLASSES):
        mean[label] += mean[label - 1]
    return LogitDistribution(mean, factor, torch.full_like(mean, 0.05))


def _smooth(space: tuple[int, ...], grain: int, seed: int) -> Tensor:
    """Noise of variance about one that changes over ``grain`` voxels."""
    generator = torch.Generator().manual_seed(seed)
    field = torch.randn([max(2, n // grain + 1) for n in space], generator=generator)
    for size in space:
        # Linear between the coarse values, one axis after the other; each ends up last.
        at = torch.linspace(0, len(field) - 1, size)[:, None]
        hats = (1 - (at - torch.arange(len(field))).abs()).clamp_min(0)  # (size, coarse)
        field = field.movedim(0, -1) @ hats.T
    return field.mul_(1.5)
