"""A disc, and the whole Gaussian field that a local residual stands for."""

from __future__ import annotations

import numpy as np

from napari_ssn.core.distribution import LogitDistribution
from napari_ssn.core.given.residual import Residual
from tests.support.smooth import smooth_dist


def disc(
    size: int = 24, affine: np.ndarray | None = None, spread: float = 0.3
) -> LogitDistribution:
    """A disc whose radius has a standard deviation of ``spread`` voxels."""
    y, x = np.mgrid[:size, :size] - size / 2
    margin = 4 - np.hypot(y, x)
    return smooth_dist(margin, [np.full_like(margin, spread), 0.1 * spread * x], affine)


def dense_field(
    dist: LogitDistribution, residual: Residual
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Covariance of ξ's margin over all voxels, from the formulas; and of the model's margin."""
    index = np.stack([g.ravel() for g in np.indices(dist.space)], 1)
    place = index @ dist.affine[:3, : len(dist.space)].T
    square = np.square((place[:, None] - place[None]) / residual.length_mm).sum(-1)
    if residual.image is not None:
        step = residual.image.ravel()[:, None] - residual.image.ravel()[None]
        square = square + np.square(step / residual.edge)
    r = np.sqrt(3 * square)
    margin, factor = dist.margin()
    columns = factor.reshape(dist.rank, -1).double().numpy()
    deviation = np.maximum(np.linalg.norm(columns, axis=0), 0.01)
    scale = residual.amplitude * deviation
    return (1 + r) * np.exp(-r) * np.outer(scale, scale), margin.numpy().ravel(), columns
