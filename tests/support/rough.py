"""Rough random distributions, and parts of their grid."""

from __future__ import annotations

import numpy as np

from napari_ssn.core.distribution import LogitDistribution

SPACE = (7, 9, 5)
PARTS = [(2,), (slice(None), 3), (slice(1, 3), slice(None), 2), (1, 2, 3), (slice(3, 3),)]


PARTS += [(slice(None, None, -1),), (slice(0, 7), slice(0, 9)), (slice(None),) * 3]


def random_dist(
    seed: int,
    classes: int = 4,
    rank: int = 3,
    lead: float = 3.0,
    length: float = 1.0,
    ties: bool = False,
    space: tuple[int, ...] = SPACE,
) -> LogitDistribution:
    rng = np.random.default_rng(seed)
    mean = rng.normal(size=(classes, *space)) * lead
    factor = rng.normal(size=(rank, classes, *space)) * length
    if ties:
        mean, factor = np.round(mean), np.round(factor)
    return LogitDistribution(mean, factor, rng.uniform(0.01, 0.5, size=(classes, *space)))
