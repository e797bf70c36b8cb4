"""Heads of a network: convolutions of one voxel, which many of them share the features of."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional


def heads_of(
    convs: Sequence[nn.Conv2d | nn.Conv3d], features: Tensor, learning: bool
) -> list[Tensor]:
    """Several convolutions of one voxel, each as `_head`; while they learn as one, where they can.

    Args:
        convs: (F → channels) each.
        features: (B, F, *S).
        learning: whether there will be a way back.
    """
    if not (learning and features.requires_grad and _side_by_side(features)):
        return [_head(conv, features) for conv in convs]
    device, kind = features.device.type, features.dtype
    if torch.is_autocast_enabled(device):
        kind = torch.get_autocast_dtype(device)
    biases = [conv.bias for conv in convs if conv.bias is not None]
    numbers = [one.to(kind) for one in (*(conv.weight.flatten(1) for conv in convs), *biases)]
    found = _Together.apply(features.movedim(1, -1).to(kind), *numbers)  # type: ignore[no-untyped-call]
    return [one.movedim(-1, 1) for one in found]


class _Together(torch.autograd.Function):
    """Products of the same numbers with several matrices, as one.

    On the way back each alone would make an array as large as the numbers, to be added up. What
    nothing came back to, as to all but the mean at first, learns nothing, as for torch.
    """

    @staticmethod
    def forward(ctx: Any, flat: Tensor, *numbers: Tensor) -> tuple[Tensor, ...]:
        """(…, F), n weights (channels, F) and n biases → n arrays (…, channels)."""
        weights, biases = numbers[: len(numbers) // 2], numbers[len(numbers) // 2 :]
        ctx.save_for_backward(flat, *weights)
        ctx.set_materialize_grads(False)
        with torch.autocast(flat.device.type, enabled=False):
            every = functional.linear(flat, torch.cat(weights), torch.cat(biases))
        found: tuple[Tensor, ...] = every.split([len(one) for one in weights], -1)
        return found

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *grads: Tensor | None) -> tuple[Tensor | None, ...]:
        flat, *weights = ctx.saved_tensors
        met = [at for at, grad in enumerate(grads) if grad is not None]
        learnt: list[Tensor | None] = [None] * (2 * len(weights))
        if not met:
            return None, *learnt
        sizes = [len(weights[at]) for at in met]
        grad = torch.cat([one for one in grads if one is not None], -1)
        rows = grad.reshape(-1, grad.shape[-1])
        back = grad @ torch.cat([weights[at] for at in met])
        parts = (rows.T @ flat.reshape(-1, flat.shape[-1])).split(sizes)
        for at, weight, bias in zip(met, parts, rows.sum(0).split(sizes), strict=True):
            learnt[at], learnt[len(weights) + at] = weight, bias
        return back, *learnt


def _side_by_side(features: Tensor) -> bool:
    """Whether the channels of a voxel of a volume lie side by side in memory."""
    return features.ndim == 5 and features.stride(1) == 1 and features.shape[1] > 1


def _head(conv: nn.Module, features: Tensor) -> Tensor:
    """A convolution of one voxel, (B, F, *S) → (B, channels, *S).

    Where the channels of a voxel lie side by side it is a matrix product and nothing else.
    """
    if not _side_by_side(features):
        found: Tensor = conv(features)
        return found
    weight, bias = conv.weight, conv.bias
    assert isinstance(weight, Tensor) and isinstance(bias, Tensor)
    flat = functional.linear(features.movedim(1, -1), weight.flatten(1), bias)
    return flat.movedim(-1, 1)
