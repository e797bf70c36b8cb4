"""The toy problem of the paper: what a factor tells apart and independent voxels cannot.

An image of three parts with nothing to see in it. The left part is always foreground, the right
one always background, the middle one is foreground or background as a whole, each with
probability 1/2 (after Monteiro et al., NeurIPS 2020; size and recipe are ours).

Two maps are equally likely, so the best log-likelihood of an image is −ln 2. Where voxels are
independent each of the n in the middle is a coin of its own, and the best is −n ln 2.
"""

from __future__ import annotations

import math
from functools import cache
from typing import NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from napari_ssn.core.distribution import LogitDistribution
from napari_ssn.network.loss import cross_entropy, draw_logits, monte_carlo_nll
from napari_ssn.network.ssn import SSN, LogitParameters

SPACE = (3, 24)
PART = SPACE[1] // 3
MIDDLE = SPACE[0] * PART
VOXELS = SPACE[0] * SPACE[1]
FEATURES = 8
STEPS, WARMUP, BATCH, DRAWS, RATE = 300, 30, 32, 20, 0.1
MAPS = 2000
# A part is as one when at least this share of its voxels has one label.
AGREE = 0.9


class Position(nn.Module):
    """A backbone that sees where a voxel lies and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Parameter(torch.randn(1, FEATURES, *SPACE))

    def forward(self, image: Tensor) -> Tensor:
        """(B, channels, *S) → (B, features, *S)."""
        return self.embedding.expand(len(image), -1, -1, -1)


def label_maps(middle: Tensor) -> Tensor:
    """Label maps (B, V) of images whose middle part is on or off, (B,) bool."""
    maps = torch.zeros(len(middle), *SPACE, dtype=torch.long)
    maps[..., :PART] = 1
    maps[middle, :, PART : 2 * PART] = 1
    return maps.flatten(1)


@cache
def fitted(covariance: str) -> LogitParameters:
    """Parameters of one image after training on maps drawn from the truth."""
    torch.manual_seed(0)
    draws = torch.Generator().manual_seed(0)
    network = SSN(Position(), FEATURES, classes=2, rank=1, covariance=covariance)
    optimizer = torch.optim.Adam(network.parameters(), RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    image = torch.zeros(BATCH, 1, *SPACE)
    for step in range(STEPS):
        target = label_maps(torch.rand(BATCH, generator=draws) < 0.5)
        parameters = network(image)
        if step < WARMUP:
            loss = cross_entropy(parameters, target.unsqueeze(1))
        else:
            loss = monte_carlo_nll(draw_logits(parameters, DRAWS, draws), target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    with torch.no_grad():
        return LogitParameters(*network(image[:1]))


class Behaviour(NamedTuple):
    """Shares of drawn maps: the middle on as one, off as one, and the outer parts right."""

    on: float
    off: float
    left: float
    right: float


def distribution(covariance: str) -> LogitDistribution:
    """What the network learnt, as the rest of the package uses it."""
    mean, cov_factor, cov_diag = fitted(covariance)
    return LogitDistribution(mean[0], cov_factor[0], cov_diag[0])


def behaviour(covariance: str) -> Behaviour:
    """Draw label maps, pixel noise included, and look at each part."""
    maps = distribution(covariance).sample(MAPS, seed=1, pixel_noise=True)
    parts = maps.reshape(MAPS, SPACE[0], 3, PART).mean((1, 3))  # (n, 3)
    left, middle, right = parts.T
    found = Behaviour(
        on=float(np.mean(middle >= AGREE)),
        off=float(np.mean(middle <= 1 - AGREE)),
        left=float(np.mean(left >= AGREE)),
        right=float(np.mean(right <= 1 - AGREE)),
    )
    print(f"{covariance}: {found}")
    return found


def nll(covariance: str, draws: int = 20_000) -> float:
    """Expected −log-likelihood of an image under the truth, in nats: both maps, equally often."""
    both = LogitParameters(*(p.expand(2, *p.shape[1:]) for p in fitted(covariance)))
    logits = draw_logits(both, draws, torch.Generator().manual_seed(2))
    value = VOXELS * float(monte_carlo_nll(logits, label_maps(torch.tensor([False, True]))))
    print(f"{covariance}: log-likelihood {-value:.3f} nats an image")
    return value


def coins_as_one(chances: np.ndarray) -> float:
    """Probability that independent coins, each with its own chance, fall as one."""
    heads = np.ones(1)  # P(k heads), k = 0…n
    for chance in chances:
        heads = np.convolve(heads, [1 - chance, chance])
    share = np.arange(len(heads)) / len(chances)
    return float(heads[(share >= AGREE) | (share <= 1 - AGREE)].sum())


def test_a_factor_turns_the_middle_as_a_whole() -> None:
    found = behaviour("low-rank")
    assert found.on + found.off >= 0.95
    assert 0.35 <= found.on <= 0.65 and 0.35 <= found.off <= 0.65
    assert found.left >= 0.99 and found.right >= 0.99


def test_independent_voxels_cannot() -> None:
    found = behaviour("diagonal")
    chances = distribution("diagonal").probabilities()[1, :, PART : 2 * PART].ravel()
    as_one = coins_as_one(chances)
    print(f"as one: {found.on + found.off:.4f}; independent coins: {as_one:.4f}")
    assert found.on + found.off == pytest.approx(as_one, abs=4 * math.sqrt(as_one / MAPS) + 1e-3)
    # Fair coins give 4e-5; noise in the gradients leaves these a little unfair.
    assert as_one < 0.05
    assert found.left >= 0.99 and found.right >= 0.99


def test_the_likelihoods_are_those_of_one_coin_and_of_many() -> None:
    one, many = math.log(2), MIDDLE * math.log(2)
    low_rank, diagonal = nll("low-rank"), nll("diagonal")
    # No model beats the entropy; 0.05 is several Monte Carlo errors.
    assert one - 0.05 <= low_rank <= one + 0.3
    assert diagonal == pytest.approx(many, abs=0.3)
