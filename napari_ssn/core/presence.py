"""Presence: whether there is anything to outline, apart from where its border runs.

A distribution with presence p below 1 is a mixture: with probability p a reader outlines
something, which is a draw of the low-rank Gaussian, and with 1 − p nothing at all. What a z
decodes to is always *given presence*; organs and whole images have p = 1, and nothing changes.
"""

from __future__ import annotations

import math

import numpy as np

from napari_ssn.geometry.arrays import Mask

Flags = Mask

# Number of this stream beside those of z (0), of pixel noise (1) and of what follows from them, so
# that the same seed gives the z and the noise that it gives without presence.
_STREAM = 7


def check_presence(presence: float) -> float:
    """Presence as a float; ValueError unless it is in (0, 1]."""
    value = float(presence)
    if not (math.isfinite(value) and 0 < value <= 1):
        raise ValueError(f"presence: expected above 0 and at most 1, got {presence}")
    return value


def draw_present(n: int, presence: float, seed: int) -> Flags:
    """Whether each of n draws outlines anything, ``u_i < p`` with u_i uniform, (n,) bool.

    The first k do not depend on n; with p = 1 all are True.

    Args:
        n: draws, at least 0.
        presence: p, in [0, 1].
        seed: of the draws; u has a stream of its own.

    Raises:
        ValueError: a negative n.
    """
    if n < 0:
        raise ValueError(f"n: expected at least 0, got {n}")
    return np.random.default_rng([seed, _STREAM]).random(n) < presence
