"""Small distributions to give clicks to."""

from __future__ import annotations

import numpy as np

from napari_ssn.core.distribution import LogitDistribution
from napari_ssn.core.given.posterior import Posterior

SPACE = (5, 7)


def random_dist(
    seed: int = 0, classes: int = 2, rank: int = 3, space: tuple[int, ...] = SPACE
) -> LogitDistribution:
    rng = np.random.default_rng(seed)
    return LogitDistribution(
        rng.normal(size=(classes, *space)),
        rng.normal(size=(rank, classes, *space)),
        rng.uniform(0.01, 0.5, size=(classes, *space)),
    )


def smooth_dist(
    margin: np.ndarray, columns: list[np.ndarray], affine: np.ndarray | None = None
) -> LogitDistribution:
    """Two classes of a given margin and columns of its factor."""
    zero = np.zeros_like(margin)
    return LogitDistribution(
        np.stack([zero, margin]),
        np.stack([np.stack([zero, c]) for c in columns]),
        np.full((2, *margin.shape), 0.01),
        np.eye(4) if affine is None else affine,
    )


def same(a: Posterior, b: Posterior) -> None:
    np.testing.assert_array_equal(a.mean, b.mean)
    np.testing.assert_array_equal(a.cov, b.cov)
    assert a.log_evidence == b.log_evidence and a.clicks == b.clicks
    np.testing.assert_array_equal(a.sample(3, seed=1), b.sample(3, seed=1))
    np.testing.assert_array_equal(a.label_map(), b.label_map())
