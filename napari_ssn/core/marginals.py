"""How likely each label is at each voxel, all hypotheses and pixel noise taken together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from napari_ssn.core.distribution import EPSILON

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


def orthant_marginals(dist: LogitDistribution, draws: int) -> Tensor:
    """Marginals of three or more classes: the chance that all of a label's margins win.

    The margins of label c over the others are a (C−1)-variate normal; GHK draws them one
    after the other, each truncated to be positive, and averages the product of chances.
    The last margin needs no draw, so C − 2 quasi-random numbers do.
    """
    classes = dist.classes
    engine = torch.quasirandom.SobolEngine(classes - 2, scramble=True, seed=0)
    uniform = engine.draw(draws).double().to(dist.device).T  # (C − 2, N)
    mean = dist.mean.reshape(classes, -1).T.double()  # (V, C)
    factor = dist.cov_factor.reshape(dist.rank, classes, -1).permute(2, 1, 0).double()
    diagonal = dist.cov_diag.reshape(classes, -1).T.double()
    out = torch.empty_like(mean)
    step = max(1, (1 << 22) // (draws * classes))
    for first in range(0, len(mean), step):
        block = slice(first, first + step)
        covariance = factor[block] @ factor[block].transpose(1, 2)  # (v, C, C)
        # The floor, relative to the largest variance, keeps the factorisation possible where a
        # label's noise is nothing beside the factor; it moves no probability that can be seen.
        spread = covariance.diagonal(dim1=1, dim2=2)
        floor = 1e-9 * spread.amax(1, keepdim=True) + EPSILON**2
        spread.add_(diagonal[block].maximum(floor))
        for label in range(classes):
            others = [c for c in range(classes) if c != label]
            contrast = torch.zeros(classes - 1, classes, dtype=torch.float64)
            contrast[range(classes - 1), others] = -1.0
            contrast[:, label] = 1.0
            contrast = contrast.to(dist.device)
            margin = mean[block] @ contrast.T  # (v, C − 1)
            lower = torch.linalg.cholesky(contrast @ covariance @ contrast.T)
            out[block, label] = _positive_orthant(margin, lower, uniform)
    out /= out.sum(1, keepdim=True)
    return out.T.reshape(dist.mean.shape)


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
