"""How likely each label is at each voxel, all hypotheses and pixel noise taken together."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from napari_ssn.core.decodable import EPSILON
from napari_ssn.geometry.arrays import Between

# Bounds of a probability that are no farther apart count as one number.
_APART = 2e-4
# Voxels whose margins are held at once.
_BLOCK = 1 << 15
# Draws times classes times voxels integrated at once: of 8 bytes, and some of each.
_NUMBERS = 1 << 20

if TYPE_CHECKING:
    from napari_ssn.core.distribution import LogitDistribution


def binary_marginals(dist: LogitDistribution) -> Tensor:
    """Two classes, exactly: foreground ``Φ(d / √(‖a‖² + D₀ + D₁))``; returns (2, *S).

    A voxel without any variance is certain; a tie is background, as in `label_map`.
    """
    margin, factor = dist.margin()
    deviation = (factor.square().sum(0) + dist.cov_diag.sum(0)).sqrt()
    certain = torch.where(margin > 0, torch.inf, -torch.inf)
    score = torch.where(deviation > 0, margin / deviation.clamp_min(1e-30), certain)
    foreground = torch.special.ndtr(score.double())
    return torch.stack([1 - foreground, foreground])


def label_marginal(
    dist: LogitDistribution, label: int | None, draws: int, between: Between = lambda: None
) -> Tensor:
    """Marginal of one label, or of all but the background together; returns (*S) float32.

    With ``q_k`` the chance that class k beats the label, exactly ``Φ(−m_k / s_k)``, ::

        1 − Σ_k q_k ≤ p ≤ 1 − max_k q_k

    Nearly everywhere at most one class contends and the two bounds meet: only where they are
    farther apart than `_APART` are the margins integrated, as in `orthant_marginals`.

    Args:
        dist: the distribution.
        label: None for all but the background.
        draws: as in `orthant_marginals`.
        between: called before every block of voxels; what it raises goes through.
    """
    wanted, count = 0 if label is None else label, dist.mean[0].numel()
    out = torch.empty(count, device=dist.device)
    # Every distribution that is made is looked through: of a small one its only block is enough.
    flat = dist.block(slice(None)) if count > _BLOCK else dist
    for first in range(0, count, _BLOCK):
        between()
        block = slice(first, first + _BLOCK)
        part = flat.block(block)
        lower, upper = _bounds(part, wanted)
        found = (upper + lower) / 2
        undecided = upper - lower > _APART
        if bool(undecided.any()):
            found[undecided] = _integrated(part.at(undecided[:, None]), [wanted], draws)[:, 0]
        out[block] = 1 - found if label is None else found
    return out.reshape(dist.space)


def _bounds(dist: LogitDistribution, label: int) -> tuple[Tensor, Tensor]:
    """Bounds of a label's marginal at the voxels of a column, (v,) and (v,)."""
    others = [c for c in range(dist.classes) if c != label]
    mean, factor, diag = (
        part[..., 0].double() for part in (dist.mean, dist.cov_factor, dist.cov_diag)
    )
    margin = mean[label] - mean[others]  # (C − 1, v)
    variance = (factor[:, label, None] - factor[:, others]).square().sum(0)
    variance += diag[label] + diag[others]
    # Without any variance a tie goes to the lowest label, as in `label_map`.
    first = torch.tensor(others, device=margin.device)[:, None] > label
    certain = torch.where((margin > 0) | ((margin == 0) & first), torch.inf, -torch.inf)
    score = torch.where(variance > 0, margin / variance.sqrt().clamp_min(1e-30), certain)
    beaten = torch.special.ndtr(-score)
    return (1 - beaten.sum(0)).clamp_min(0), 1 - beaten.amax(0)


def orthant_marginals(dist: LogitDistribution, draws: int) -> Tensor:
    """Marginals of three or more classes: the chance that all of a label's margins win.

    The margins of label c over the others are a (C−1)-variate normal; GHK draws them one
    after the other, each truncated to be positive, and averages the product of chances.
    The last margin needs no draw, so C − 2 quasi-random numbers do.
    """
    out = _integrated(dist, range(dist.classes), draws)
    out /= out.sum(1, keepdim=True)
    return out.T.reshape(dist.mean.shape)


def _integrated(dist: LogitDistribution, labels: Sequence[int], draws: int) -> Tensor:
    """The chance of each of some labels by GHK, one by one, (V, len(labels)) float64."""
    classes = dist.classes
    engine = torch.quasirandom.SobolEngine(classes - 2, scramble=True, seed=0)
    uniform = engine.draw(draws).double().to(dist.device).T  # (C − 2, N)
    mean = dist.mean.reshape(classes, -1).T.double()  # (V, C)
    factor = dist.cov_factor.reshape(dist.rank, classes, -1).permute(2, 1, 0).double()
    diagonal = dist.cov_diag.reshape(classes, -1).T.double()
    out = torch.empty(len(mean), len(labels), dtype=torch.float64, device=mean.device)
    step = max(1, _NUMBERS // (draws * classes))
    for first in range(0, len(mean), step):
        block = slice(first, first + step)
        covariance = factor[block] @ factor[block].transpose(1, 2)  # (v, C, C)
        # The floor, relative to the largest variance, keeps the factorisation possible where a
        # label's noise is nothing beside the factor; it moves no probability that can be seen.
        spread = covariance.diagonal(dim1=1, dim2=2)
        floor = 1e-9 * spread.amax(1, keepdim=True) + EPSILON**2
        spread.add_(diagonal[block].maximum(floor))
        for column, label in enumerate(labels):
            others = [c for c in range(classes) if c != label]
            contrast = torch.zeros(classes - 1, classes, dtype=torch.float64)
            contrast[range(classes - 1), others] = -1.0
            contrast[:, label] = 1.0
            contrast = contrast.to(dist.device)
            margin = mean[block] @ contrast.T  # (v, C − 1)
            lower = torch.linalg.cholesky(contrast @ covariance @ contrast.T)
            out[block, column] = _positive_orthant(margin, lower, uniform)
    return out


def _positive_orthant(mean: Tensor, lower: Tensor, uniform: Tensor) -> Tensor:
    """P(x > 0) for x ~ N(mean, lower lowerᵀ), by the GHK simulator.

    mean (v, k), lower (v, k, k), uniform (k − 1, N); returns (v,). Source: Genz and Bretz,
    "Computation of Multivariate Normal and t Probabilities", 2009, section 4.1.
    """
    drawn: list[Tensor] = []
    chance = torch.ones(len(mean), uniform.shape[1], dtype=mean.dtype, device=mean.device)
    for i in range(mean.shape[1]):
        known = mean[:, i, None].expand_as(chance)
        for j, value in enumerate(drawn):
            known = known + lower[:, i, j, None] * value
        win = torch.special.ndtr(known / lower[:, i, i, None])
        chance = chance * win
        if i < len(uniform):
            # A standard normal above −known/l has upper tail u · win.
            tail = (uniform[i] * win).clamp_min(1e-300)
            drawn.append(-torch.special.ndtri(tail))
    return chance.mean(1)
