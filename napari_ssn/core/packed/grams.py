"""Margins and Gram matrices of some places of a packed distribution."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from napari_ssn.core.columns.columns import Columns
from napari_ssn.core.decodable import EPSILON
from napari_ssn.core.margins import Margin
from napari_ssn.geometry.arrays import Ints


def contenders_in(dist: Columns, block: slice, cut: float) -> Margin:
    """The same at some places of a packed distribution, whose margins are over the likeliest.

    Places surely more than ``cut`` standard deviations from a tie are left out.
    """
    near, noise, second = contending(dist, block, cut)
    at = near + block.start
    if second is None:
        chosen, rival = torch.from_numpy(dist.margins[0][:, at]).float(), dist.rivals[0][at]
    else:
        slot = second[near].numpy()
        rows = np.arange(dist.rank + 1)[:, None]
        chosen = torch.from_numpy(dist.margins[slot, rows, at]).float()
        rival = dist.rivals[slot, at]
    best = dist.best[at]
    deviation = (chosen[:-1].square().sum(0) + noise[near] + EPSILON**2).sqrt()
    chosen *= torch.from_numpy(np.where(rival > best, np.float32(1), np.float32(-1)))
    background = torch.from_numpy(np.minimum(rival, best) == 0)
    return Margin(chosen[-1], chosen[:-1], deviation, background)


def contending(dist: Columns, block: slice, cut: float) -> tuple[Ints, Tensor, Tensor | None]:
    """Which of some places `contenders_in` does not leave out.

    Returns:
        (n,) of them, counted from the block's first, in ascending order; of all places of the
        block the variance of the pixel noise of their margin, and which rival is the likeliest,
        None for two classes.
    """
    leads = torch.from_numpy(dist.margins[:, -1, block]).float().neg_()  # (C − 1, v)
    lead, second = (leads[0], None) if dist.classes == 2 else leads.min(0)
    spread = torch.from_numpy(dist.noise[:, block])
    beside = spread[1] if second is None else spread[1:].gather(0, second[None])[0]
    noise = spread[0].float().square() + beside.float().square()
    # ‖a‖ is at most d/ρ, so that d/s is at least 1/√(1/ρ² + D/d²).
    radius = dist.radius(block.start)
    least = radius**-2 if radius > 0 else math.inf
    near = ((least + noise / lead.square().clamp_min(1e-30)) * cut**2 >= 1).nonzero()[:, 0]
    return near.numpy(), noise, second


def plain_gram_of(dist: Columns, block: slice) -> Tensor:
    """`Decodable.plain_gram` of some places: the factor of c* is 0, those of the others margins."""
    factor = torch.from_numpy(dist.margins[:, :-1, block]).float()  # (C − 1, R, v)
    common = factor.sum(0)
    # Σ_c P̃ P̃ᵀ = Σ_c A Aᵀ − (Σ_c A)(Σ_c A)ᵀ / C. Sums of a block's float32 products err by less
    # than storing the numbers did.
    gram = torch.einsum("crv,csv->rs", factor, factor) - common @ common.T / dist.classes
    return gram.double()
