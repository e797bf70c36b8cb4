"""From logits to labels, and how near a tie has to be for rounding to matter."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from napari_ssn.geometry.arrays import Labels


def decode(logits: Tensor) -> Labels:
    """argmax over the classes of (C, *S) logits, lowest label first among equals."""
    if logits.shape[0] == 2:
        winner = (logits[1] > logits[0]).to(torch.uint8)
    else:
        best = logits[0].clone()
        winner = torch.zeros(logits.shape[1:], dtype=torch.uint8, device=logits.device)
        # torch.argmax does not promise which of equal maxima it returns.
        for label in range(1, logits.shape[0]):
            _win(winner, logits[label] > best, label)
            torch.maximum(best, logits[label], out=best)
    return winner.cpu().numpy()


def decode_many(mean: Tensor, factor: Tensor, z: Tensor, noise: Tensor | None = None) -> Tensor:
    """`decode` of the logits ``μ + Σ_r z_r P_r`` of many z, rounded as each alone is, (n, V) uint8.

    mean (C, V), factor (R, C, V), z (n, R); noise (n, C, V) is added to the logits.
    """
    winner = torch.zeros(len(z), mean.shape[1], dtype=torch.uint8, device=mean.device)
    for label in range(len(mean)):
        value = mean[label].repeat(len(z), 1)
        for column, row in zip(factor[:, label], z.T, strict=True):
            value += row[:, None] * column
        if noise is not None:
            value += noise[:, label]
        if label == 0:
            best = value
            continue
        _win(winner, value > best, label)
        torch.maximum(best, value, out=best)
    return winner


def _win(winner: Tensor, larger: Tensor, label: int) -> None:
    """Give those that are larger a label above all that went before, in place.

    A maximum of bytes takes a tenth of what filling by a mask does.
    """
    torch.maximum(winner, larger.view(torch.uint8).mul_(label), out=winner)


def exact_logits(mean: Tensor, factor: Tensor, z: Tensor) -> Tensor:
    """Logits, rounded as `LogitDistribution.logits` rounds, (C, n).

    mean (C, n), factor (R, C, n), z (n, R): one draw and one voxel per column.
    """
    logits = mean.clone()
    for column, value in zip(factor, z.T, strict=True):
        logits = logits + column * value
    return logits


def signs(value: Tensor, doubt: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Which margins are above 0, and which are so near to it that their rounding could matter.

    On a CPU numpy compares: torch takes five times as long, and ten to list what is true.

    Args:
        value: (n, b) margins, which are their sizes afterwards.
        doubt: (n, 1), by how much they may be off.

    Returns:
        (n, b) bool, and rows and columns of those in doubt, (m,) each.
    """
    if value.device.type != "cpu":
        above = value > 0
        row, column = (value.abs_() <= doubt).nonzero().T
        return above, row, column
    margins = value.numpy()
    above = torch.from_numpy(margins > 0)
    near = np.flatnonzero(np.abs(margins, out=margins) <= doubt.numpy())
    at = np.divmod(near, max(1, margins.shape[1]))
    return above, torch.from_numpy(at[0]), torch.from_numpy(at[1])


def rounding(rank: int, unit: float = torch.finfo(torch.float32).eps) -> float:
    """Bound of the error of a margin, per unit of ``|μ| + max|z_r| Σ_r |P_r|``.

    Whichever order ``μ + Σ_r z_r P_r`` is summed in, it errs by at most about (R + 2) u; here
    with room for the difference of two, and for storing it.
    """
    return 4 * (rank + 4) * unit


def product_rounding(rank: int) -> float:
    """`rounding` of a margin by a matrix product, which may round as coarsely as bfloat16 does."""
    coarse = torch.get_float32_matmul_precision() != "highest"
    return rounding(rank, torch.finfo(torch.bfloat16 if coarse else torch.float32).eps)
