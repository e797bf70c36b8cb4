"""Draws of a latent vector given its half-spaces.

Each draw is the end of a Markov chain of its own that keeps the exact posterior, started from
an importance sample of it; the chains differ in nothing but their random numbers.
"""

from __future__ import annotations

import numpy as np
from scipy.special import log_ndtr

from napari_ssn.core.given.expectation import Belief, HalfSpaces
from napari_ssn.geometry.arrays import Floats

# Slices that each chain takes. Started from the belief they forget their beginning in two or three.
_STEPS = 16
# Points of the belief that the chains are started from, for each draw and at least.
_POOL, _POOL_LEAST = 4, 1000
# Halvings of a slice; a hundred leave nothing of the circle.
_HALVINGS = 100
# A margin this many standard deviations inside its half-space is never held by it.
_NEVER_MET = 8.0


def draw(spaces: HalfSpaces, belief: Belief, n: int, seed: int) -> Floats:
    """Draw u from ``p(u) ∝ N(u; 0, I) Π_i Φ(m_i/τ_i)``, (n, D).

    Elliptical slice sampling with the belief of expectation propagation in the place of the
    prior: the posterior is the belief times a factor that hardly varies, so that one slice comes
    close to an independent draw, and no step size is to be chosen.

    Source: Murray, Adams and MacKay, "Elliptical slice sampling", AISTATS 2010; Fagan, Bhandari
    and Cunningham, "Elliptical slice sampling with expectation propagation", UAI 2016.
    """
    if n < 0:
        raise ValueError(f"n: expected at least 0, got {n}")
    generator = np.random.default_rng([seed, 2])
    lower = np.linalg.cholesky(belief.cov).astype(np.float64)
    target = _Target(spaces, belief, lower)

    def fresh(count: int) -> Floats:
        return generator.standard_normal((count, len(lower))) @ lower.T

    pool = fresh(max(_POOL * n, _POOL_LEAST))
    weight = target(pool)
    weight = np.exp(weight - weight.max())
    state = pool[generator.choice(len(pool), n, p=weight / weight.sum())]
    for _ in range(_STEPS):
        level = target(state) + np.log(generator.uniform(size=n))
        other = fresh(n)
        angle = generator.uniform(0, 2 * np.pi, n)
        low, high = angle - 2 * np.pi, angle.copy()
        new = state.copy()
        todo = np.arange(n)
        for _ in range(_HALVINGS):
            turn = angle[todo, None]
            tried = state[todo] * np.cos(turn) + other[todo] * np.sin(turn)
            inside = target(tried) > level[todo]
            new[todo[inside]] = tried[inside]
            todo = todo[~inside]
            if not len(todo):
                break
            # The slice shrinks towards where the chain is, which lies inside it.
            behind = angle[todo] < 0
            low[todo] = np.where(behind, angle[todo], low[todo])
            high[todo] = np.where(behind, high[todo], angle[todo])
            angle[todo] = generator.uniform(low[todo], high[todo])
        state = new
    return state + belief.mean


class _Target:
    """log of the posterior over the belief at ``belief.mean + x``, up to a constant."""

    def __init__(self, spaces: HalfSpaces, belief: Belief, lower: Floats) -> None:
        middle = spaces.margins(belief.mean)
        spread = np.sqrt(np.square(spaces.rows @ lower).sum(1))
        met = middle < _NEVER_MET * spread
        self._rows, self._middle = spaces.rows[met].T, middle[met]
        self._noise = spaces.noise[met]
        self._precision, self._shift = belief.precision[met], belief.shift[met]

    def __call__(self, x: Floats) -> Floats:
        margin = x @ self._rows + self._middle
        factor = log_ndtr(margin / self._noise)
        site = margin * (self._shift - 0.5 * self._precision * margin)
        return np.asarray((factor - site).sum(1))


def estimate_evidence(spaces: HalfSpaces, belief: Belief, n: int, seed: int) -> tuple[float, float]:
    """Unbiased estimate of ``∫ N(u; 0, I) Π_i Φ(m_i/τ_i) du`` and its standard error.

    Importance sampling from the belief, widened so that the posterior's tails are covered.
    """
    widen = 1.2
    generator = np.random.default_rng([seed, 3])
    lower = np.linalg.cholesky(belief.cov) * widen
    noise = generator.standard_normal((n, len(lower)))
    u = belief.mean + noise @ lower.T
    log_ratio = 0.5 * (np.square(noise) - np.square(u)).sum(1) + np.log(np.diag(lower)).sum()
    weight = np.exp(log_ratio + log_ndtr(spaces.margins(u) / spaces.noise).sum(1))
    return float(weight.mean()), float(weight.std() / np.sqrt(n))
