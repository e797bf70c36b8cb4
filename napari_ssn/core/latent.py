"""Latent vectors: drawn, and checked before anything is decoded of them."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from napari_ssn.geometry.arrays import Floats

#: How far from the mean a z may lie, in standard deviations: farther out float32 loses the mean's
#: logits in the rounding of what z adds.
FARTHEST = 1e6


def draw_z(n: int, rank: int, seed: int) -> Floats:
    """Draw n latent vectors z ~ N(0, I), (n, R) float64; the first k do not depend on n."""
    if n < 0:
        raise ValueError(f"n: expected at least 0, got {n}")
    return np.random.default_rng([seed, 0]).standard_normal((n, rank))


def checked(z: ArrayLike | None, rank: int) -> Floats:
    """One as (R,) float64; None is the zero vector. ValueError if it does not fit."""
    if z is None:
        return np.zeros(rank)
    vector = np.asarray(z, dtype=np.float64)
    if vector.shape != (rank,):
        raise ValueError(f"z: expected shape ({rank},), got {vector.shape}")
    check_near(vector)
    return vector


def checked_draws(z: ArrayLike, rank: int) -> Floats:
    """Many as (n, R) float64. ValueError if they do not fit."""
    draws = np.asarray(z, dtype=np.float64)
    if draws.ndim != 2 or draws.shape[1] != rank:
        raise ValueError(f"z: expected shape (n, {rank}), got {draws.shape}")
    check_near(draws)
    return draws


def check_near(z: Floats) -> None:
    """ValueError unless all are finite and within `FARTHEST`."""
    if not np.isfinite(z).all():
        raise ValueError("z: expected finite values, got NaN or infinity")
    if (farthest := float(np.abs(z).max(initial=0.0))) > FARTHEST:
        raise ValueError(
            f"z: expected within {FARTHEST:,.0f} standard deviations of the model's mean, "
            f"got {farthest:,.4g}"
        )
