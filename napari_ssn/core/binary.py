"""Two classes: decided by one matrix product over their margin, not by the logits of both."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import torch
from torch import Tensor

from napari_ssn.core.deciding import exact_logits, product_rounding, rounding, signs
from napari_ssn.geometry.arrays import Floats, Labels, Singles, Where

if TYPE_CHECKING:
    from napari_ssn.core.distribution import LogitDistribution

# Bytes of margins held at once while sampling; a block this size stays in cache.
_BLOCK_BYTES = 1 << 21


class _Margins(NamedTuple):
    """What deciding between two classes needs, made once for each distribution.

    columns (R + 1, V): the margin's factor and, last, its mean; largest |μ| of a logit, and
    largest Σ_r |P_r|: what the rounding of a margin is in proportion to.
    """

    columns: Tensor
    largest: float
    reach: float


def _margins(dist: LogitDistribution) -> _Margins:
    margin, factor = dist.margin()
    return _Margins(
        torch.cat([factor.reshape(dist.rank, -1), margin.reshape(1, -1)]),
        float(dist.mean.abs().amax()),
        float(dist.cov_factor.abs().sum(0).amax()),
    )


def one_margin(dist: LogitDistribution, z: Floats, where: Where) -> Singles | None:
    """Margin of a z by one product; None if any is too near zero for its sign to be sure.

    In numpy, which starts an operation ten times sooner than torch: what counts when a
    slider asks for one slice after the other.
    """
    made = dist.kept("margins", lambda: _margins(dist))
    columns = made.columns.numpy().reshape(-1, *dist.space)[(slice(None), *where)]
    row = np.append(z, 1.0).astype(np.float32)
    value: Singles = row @ columns.reshape(len(row), -1)
    doubt = rounding(dist.rank) * (made.largest + float(np.abs(row[:-1]).max()) * made.reach)
    if value.size and np.abs(value).min() <= doubt:
        return None
    return value.reshape(columns.shape[1:])


def binary_blocks(dist: LogitDistribution, draws: Floats) -> Iterator[tuple[slice, Tensor]]:
    """Decode many z of a two-class distribution, one matrix product per block of voxels.

    Args:
        dist: the distribution.
        draws: (n, R).

    Yields:
        a slice of the flattened grid and, for every z, whether class 1 wins there:
        (n, block) bool, equal to `label_map` bit for bit. A matrix product sums in
        another order than `logits` does, so a margin within the rounding error of both
        is settled by `logits`' own arithmetic.
    """
    made = dist.kept("margins", lambda: _margins(dist))
    rows = torch.from_numpy(draws.astype(np.float32)).to(dist.device)
    biased = torch.cat([rows, torch.ones_like(rows[:, :1])], 1)  # (n, R + 1)
    mean, factor = dist.mean.flatten(1), dist.cov_factor.flatten(2)
    doubt = product_rounding(dist.rank) * (made.largest + rows.abs().amax(1) * made.reach)  # (n,)
    step = max(1, _BLOCK_BYTES // (4 * max(1, len(rows))))
    for first in range(0, made.columns.shape[1], step):
        block = slice(first, first + step)
        wins, draw, at = signs(biased @ made.columns[:, block], doubt[:, None])
        if len(at):
            voxel = at + first
            background, foreground = exact_logits(mean[:, voxel], factor[:, :, voxel], rows[draw])
            wins[draw, at] = foreground > background
        yield block, wins


def binary_maps(dist: LogitDistribution, draws: Floats) -> Labels:
    """`Decodable.label_maps` of (n, R) z."""
    out = np.empty((len(draws), *dist.space), np.uint8)
    flat = out.reshape(len(draws), -1)
    for block, wins in binary_blocks(dist, draws):
        flat[:, block] = wins.cpu().numpy()
    return out
