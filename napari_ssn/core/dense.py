"""What a dense distribution does with all its voxels at once: see `Decodable`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from napari_ssn.core.binary import binary_blocks
from napari_ssn.core.counts import count_labels
from napari_ssn.core.deciding import decode_many, rounding
from napari_ssn.core.decodable import EPSILON
from napari_ssn.core.margins import Margin
from napari_ssn.core.parallel import in_threads
from napari_ssn.geometry.arrays import Floats, Ints, Labels

if TYPE_CHECKING:
    from napari_ssn.core.distribution import LogitDistribution

# Draws decoded together when counting: few enough to be of nearly one length.
_DRAWS = 256
# With fewer draws, or labels in all, finding the voxels that can change costs more than it saves.
_FEW, _LITTLE = 16, 1 << 16
# Voxels whose factors are summed at once: they stay in cache.
_AT_ONCE = 1 << 13
# Of fewer blocks threads take longer to start than they save.
_FEW_BLOCKS = 4
# By what share a norm is stated too short, more than its own rounding.
_SHORT = 1e-5
# Labels that are held at once.
_BYTES = 1 << 26
# Logits of one label that are summed at once for many draws: they stay in cache.
_MANY = 1 << 18


def counts_of(dist: LogitDistribution, draws: Floats) -> Ints:
    """`Decodable.label_counts`."""
    if len(draws) < _FEW or len(draws) * math.prod(dist.space) <= _LITTLE:
        return _count(dist, draws)
    out = np.empty((len(draws), dist.classes), np.int64)
    mean_map = dist.label_map()
    # In the order of their norms: short ones can change few voxels, and only those are decoded.
    norms = np.linalg.norm(draws, axis=1)
    order = np.argsort(norms, kind="stable")
    for first in range(0, len(draws), _DRAWS):
        part = order[first : first + _DRAWS]
        active = dist.changeable(float(norms[part].max()))
        out[part] = count_labels(mean_map[~active.cpu().numpy()], dist.classes)
        if bool(active.any()):
            out[part] += _count(dist.at(active), draws[part])
    return out


def _count(dist: LogitDistribution, draws: Floats) -> Ints:
    """`counts_of` by decoding every voxel for every z."""
    out = np.zeros((len(draws), dist.classes), np.int64)
    if dist.classes > 2:
        for block, labels in _several(dist, draws):
            for row, each in zip(out[block], labels, strict=True):
                row[:] = count_labels(each, dist.classes)
        return out
    for _, wins in binary_blocks(dist, draws):
        out[:, 1] += wins.sum(1).cpu().numpy()
    out[:, 0] = int(np.prod(dist.space)) - out[:, 1]
    return out


def maps_of(dist: LogitDistribution, draws: Floats) -> Labels:
    """`Decodable.label_maps` of three classes and more."""
    out = np.empty((len(draws), int(np.prod(dist.space))), np.uint8)
    for block, labels in _several(dist, draws):
        out[block] = labels
    return out.reshape(len(draws), *dist.space)


def _several(dist: LogitDistribution, draws: Floats) -> Iterator[tuple[slice, Labels]]:
    """Flattened label maps of (n, R) z of three classes and more, (b, V), some draws at a time.

    Of few voxels an operation takes longer to start than to carry out.
    """
    mean, factor = dist.mean.flatten(1), dist.cov_factor.flatten(2)
    step = _MANY // max(1, mean.shape[1])
    if step < 2:
        for number, vector in enumerate(draws):
            yield slice(number, number + 1), dist.label_map(vector).reshape(1, -1)
        return
    rows = torch.from_numpy(draws.astype(np.float32)).to(dist.device)
    for first in range(0, len(draws), step):
        block = slice(first, first + step)
        yield block, decode_many(mean, factor, rows[block]).cpu().numpy()


def labelled(dist: LogitDistribution, z: Floats) -> Iterator[tuple[Ints, Labels]]:
    """Voxels that some of (n, R) z can change and their labels (n, b), block by block."""
    active = dist.changeable(float(np.linalg.norm(z, axis=1).max()))
    voxels = np.flatnonzero(active.cpu().numpy())
    if not len(voxels):
        return
    column = dist.at(active)
    if dist.classes == 2:
        for block, wins in binary_blocks(column, z):
            yield voxels[block], wins.cpu().numpy().view(np.uint8)
        return
    step = max(1, _BYTES // len(z))
    for first in range(0, len(voxels), step):
        block = slice(first, first + step)
        yield voxels[block], column.block(block).label_maps(z)[:, :, 0]


def contenders(dist: LogitDistribution) -> Margin:
    """Margins of all voxels' two likeliest labels."""
    mean = dist.mean.reshape(dist.classes, -1)
    diag = dist.cov_diag.reshape(dist.classes, -1)
    factor = dist.cov_factor.reshape(dist.rank, dist.classes, -1)
    pair = mean.topk(2, dim=0).indices.sort(dim=0).values  # (2, V)
    lower, upper = pair[0:1], pair[1:2]

    def difference(values: Tensor) -> Tensor:
        return (values.gather(0, upper) - values.gather(0, lower))[0]

    columns = torch.stack([difference(column) for column in factor])
    noise = (diag.gather(0, upper) + diag.gather(0, lower))[0]
    deviation = (columns.square().sum(0) + noise + EPSILON**2).sqrt()
    return Margin(difference(mean), columns, deviation, lower[0] == 0)


def plain_gram_of(dist: LogitDistribution) -> Floats:
    """`Decodable.plain_gram`."""
    factor = dist.cov_factor.flatten(2)
    total = torch.zeros(dist.rank, dist.rank, dtype=torch.float64, device=factor.device)
    for block in factor.split(_AT_ONCE, 2):
        free = (block - block.mean(1, keepdim=True)).flatten(1).double()
        total += free @ free.T
    return np.asarray(total.cpu().numpy())


def spread_of(dist: LogitDistribution, factors: Floats) -> LogitDistribution:
    """`Decodable.spread_by`."""
    if (factors == factors[0]).all():
        return dist.tempered(float(factors[0]))
    scale = torch.as_tensor(factors, dtype=torch.float32, device=dist.device)
    scale = scale.reshape(-1, *(1,) * len(dist.space))
    factor = torch.empty_like(dist.cov_factor)
    for out, column in zip(factor, dist.cov_factor, strict=True):
        torch.mul(column - column.mean(0), scale, out=out)
    return dist.around(factor, dist.cov_diag * scale.square())


def changeable(dist: LogitDistribution, radius: float) -> Tensor:
    """`Decodable.changeable`."""
    return (activation(dist) <= radius).reshape(dist.space)


def activation(dist: LogitDistribution) -> Tensor:
    """Of each voxel a norm below which no z can change its label, (V,); inf where none can.

    A voxel keeps the mean's label c* while ``μ_c* − μ_c > ‖z‖ ‖P_c* − P_c‖`` for every other
    class c (Cauchy and Schwarz), here with room for the rounding of `logits`, which grows with
    ‖z‖ too.
    """
    mean, factor = dist.mean.flatten(1), dist.cov_factor.flatten(2)
    out = torch.empty(mean.shape[1], dtype=torch.float32, device=mean.device)
    off = rounding(dist.rank)
    # What vanishes when it is squared counts as this.
    least = dist.rank**0.5 * 1e-18

    def mark(block: slice) -> None:
        means, factors = mean[:, block], factor[:, :, block]
        best = means.argmax(0, keepdim=True)
        lead = means.gather(0, best) - means
        columns = factors.gather(1, best.expand(dist.rank, 1, -1)) - factors
        reach = columns.square_().sum(0).sqrt_() + least
        reach += off * factors.abs().sum(0).amax(0)
        # The likeliest label does not contend with itself.
        apart = (lead - off * means.abs().amax(0)).div_(reach).scatter_(0, best, torch.inf)
        out[block] = apart.amin(0).mul_(1 - _SHORT)

    if out.device.type != "cpu" or len(out) <= _FEW_BLOCKS * _AT_ONCE:
        mark(slice(None))
    else:
        in_threads(mark, [slice(k, k + _AT_ONCE) for k in range(0, len(out), _AT_ONCE)])
    return out


def changing_of(dist: LogitDistribution, radius: float) -> tuple[Ints, Callable[[Floats], Labels]]:
    """`Decodable.changing`."""
    active = dist.changeable(radius)
    if not bool(active.any()):
        return np.zeros(0, np.int64), lambda z: np.zeros((len(z), 0), np.uint8)
    column = dist.at(active)
    voxels = np.flatnonzero(active.cpu().numpy())
    return voxels, lambda z: column.label_maps(z).reshape(len(z), -1)


def noisy_maps(dist: LogitDistribution, draws: Floats, seed: int) -> Labels:
    """Label maps of (n, R) z with ``√D ε`` added to their logits, (n, *S)."""
    generator = np.random.default_rng([seed, 1])
    out = np.empty((len(draws), *dist.space), np.uint8)
    if dist.classes == 2:
        # Only the margin counts, and a difference of two normals is one normal.
        margin, factor = dist.margin()
        scale = dist.cov_diag.sum(0).sqrt().flatten()
        columns = factor.reshape(dist.rank, -1)
        for row, vector in zip(out, draws.astype(np.float32), strict=True):
            noise = generator.standard_normal(scale.shape[0], dtype=np.float32)
            value = torch.from_numpy(vector).to(dist.device) @ columns
            value.add_(margin.flatten()).addcmul_(scale, torch.from_numpy(noise).to(scale))
            row[...] = (value > 0).reshape(dist.space).cpu().numpy()
        return out
    mean, factor = dist.mean.flatten(1), dist.cov_factor.flatten(2)
    scale = dist.cov_diag.flatten(1).sqrt()
    rows = torch.from_numpy(draws.astype(np.float32)).to(dist.device)
    flat, step = out.reshape(len(draws), scale.shape[1]), max(1, _MANY // scale.numel())
    for first in range(0, len(draws), step):
        some = rows[first : first + step]
        drawn = generator.standard_normal((len(some), *scale.shape), dtype=np.float32)
        added = scale * torch.from_numpy(drawn).to(scale)
        flat[first : first + step] = decode_many(mean, factor, some, added).cpu().numpy()
    return out
