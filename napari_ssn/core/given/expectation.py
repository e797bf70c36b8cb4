"""Gaussian belief about a latent vector of which half-spaces are known, by expectation propagation.

u ~ N(0, I), margins m = offset + H u, and for each margin the factor Φ(m/τ): the chance that it is
positive with noise of standard deviation τ. What is sought is the mean and covariance of
``p(u) ∝ N(u; 0, I) Π_i Φ(m_i/τ_i)`` and its integral, the evidence.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from scipy.linalg.blas import dsymv, dsyr
from scipy.special import erfcx, log_ndtr

from napari_ssn.core.products import product
from napari_ssn.geometry.arrays import Floats, Mask

_Number = TypeVar("_Number", float, Floats)
_Larger = Callable[[Any, Any], Any]

_SWEEPS = 60
# Sites settle when none would move its margin by this share of a standard deviation: less than
# what the Gaussian form itself errs by.
_SETTLED = 5e-4
# Full steps settle in two to twenty sweeps; what has not by then swings, and half steps end that.
_FULL_STEPS = 30
# A cavity's precision below this share of the margin's is rounding, not information.
_NOTHING_LEFT = 1e-9
# Numbers in the covariances of the problems that are solved together: so many stay in cache.
_TOGETHER = 1 << 17


@dataclass(frozen=True, eq=False)
class HalfSpaces:
    """Probit factors on u ~ N(0, I).

    Attributes:
        rows: (M, D), H.
        offset: (M,).
        noise: (M,), τ > 0.
    """

    rows: Floats
    offset: Floats
    noise: Floats

    def some(self, of: Mask) -> HalfSpaces:
        """Those of a selection, (M,) bool."""
        return HalfSpaces(self.rows[of], self.offset[of], self.noise[of])

    def margins(self, u: Floats) -> Floats:
        """``offset + H u`` of one u or of many, (..., D) to (..., M)."""
        return u @ self.rows.T + self.offset


@dataclass(frozen=True, eq=False)
class Belief:
    """What expectation propagation found.

    Attributes:
        mean: (D,) of u.
        cov: (D, D).
        precision, shift: (M,) of the Gaussian sites ``exp(shift m − ½ precision m²)`` that stand
            for the factors.
        log_evidence: natural logarithm of the integral.
        settled: whether the passes came to rest.
    """

    mean: Floats
    cov: Floats
    precision: Floats
    shift: Floats
    log_evidence: float
    settled: bool


def infer(spaces: HalfSpaces) -> Belief:
    """Mean, covariance and evidence of u given its half-spaces.

    Each factor is replaced by a Gaussian site such that the belief keeps the first two moments
    that the factor itself would give it, one factor at a time, the most wrong first; sites that are
    right already are passed over. An update is of rank one, O(D²).

    Source: Minka, "Expectation propagation", UAI 2001; Rasmussen and Williams, "Gaussian Processes
    for Machine Learning", 2006, section 3.6.
    """
    rows, offset, noise = spaces.rows, spaces.offset, spaces.noise
    precision, shift = np.zeros(len(rows)), np.zeros(len(rows))
    mean, cov = np.zeros(rows.shape[1]), np.eye(rows.shape[1], order="F")
    # Python's own numbers are the faster ones where there is one at a time.
    at, softness = offset.tolist(), noise.tolist()
    log_normaliser, settled = 0.0, False
    for sweep in range(1, _SWEEPS + 1):
        middle, variance = _moments(spaces, mean, cov)
        gap = _gap(middle, variance, precision, shift, noise)
        stale = np.flatnonzero(gap > _SETTLED)
        if not len(stale):
            settled = True
            break
        step = 1.0 if sweep <= _FULL_STEPS else 0.5
        for i in stale[np.argsort(-gap[stale], kind="stable")]:
            row = rows[i]
            along = dsymv(1.0, cov, row)
            v, m = float(row.dot(along)), float(row.dot(mean)) + at[i]
            before = float(precision[i]), float(shift[i])
            wanted = _site(m, v, *before, softness[i], max)
            more, push = step * (wanted[0] - before[0]), step * (wanted[1] - before[1])
            if abs(push - m * more) * math.sqrt(v) + abs(more) * v <= _SETTLED:
                continue
            shrink = 1 + more * v
            mean += along * ((push - m * more) / shrink)
            # In place, and in the upper triangle alone: half of the time of a long stroke.
            dsyr(-more / shrink, along, a=cov, overwrite_a=1)
            precision[i] += more
            shift[i] += push
        # Afresh from the sites: what the updates rounded away does not add up.
        mean, cov, log_normaliser = _assemble(spaces, precision, shift)
    middle, variance = _moments(spaces, mean, cov)
    log_evidence = log_normaliser + float(
        _site_constants(middle, variance, precision, shift, noise).sum()
    )
    return Belief(mean, cov, precision, shift, log_evidence, settled)


def infer_means(rows: Floats, offsets: Floats, noise: Floats) -> Floats:
    """Means of u for many offsets of the same half-spaces, (n, M) to (n, D): `infer` of each.

    All at once, one factor after the other; what has settled takes no further part, so that no
    result depends on what it was computed with.
    """
    n, size = len(offsets), rows.shape[1]
    out = np.empty((n, size))
    step = max(1, _TOGETHER // max(1, size * size))
    for first in range(0, n, step):
        out[first : first + step] = _means(rows, offsets[first : first + step], noise)
    return out


def _means(rows: Floats, offsets: Floats, noise: Floats) -> Floats:
    out = np.zeros((len(offsets), rows.shape[1]))
    precision, shift = np.zeros(offsets.shape), np.zeros(offsets.shape)
    left = np.arange(len(offsets))
    for sweep in range(1, _SWEEPS + 1):
        offset = offsets[left]
        cov = np.linalg.inv(
            np.eye(rows.shape[1]) + (rows.T * precision[left, None, :]) @ rows
        )  # (n, D, D)
        mean = (cov @ ((shift[left] - precision[left] * offset) @ rows)[:, :, None])[:, :, 0]
        out[left] = mean
        variance = ((rows @ cov) * rows).sum(2)
        middle = mean @ rows.T + offset
        gap = _gap(middle, variance, precision[left], shift[left], noise)
        stale = gap > _SETTLED
        moving = stale.any(1)
        if not moving.any():
            break
        left, mean, cov, offset = left[moving], mean[moving], cov[moving], offset[moving]
        stale = stale[moving]
        rate = 1.0 if sweep <= _FULL_STEPS else 0.5
        for i in np.flatnonzero(stale.any(0)):
            row = rows[i]
            along = cov @ row  # (n, D)
            v = along @ row
            m = mean @ row + offset[:, i]
            wanted = _site(m, v, precision[left, i], shift[left, i], noise[i])
            more = rate * stale[:, i] * (wanted[0] - precision[left, i])
            push = rate * stale[:, i] * (wanted[1] - shift[left, i])
            shrink = 1 + more * v
            mean += along * ((push - m * more) / shrink)[:, None]
            cov -= (along * (more / shrink)[:, None])[:, :, None] * along[:, None, :]
            precision[left, i] += more
            shift[left, i] += push
    return out


# In what follows every argument is a number or an array of them: margin's mean and variance, the
# site's precision and shift, the noise. Of numbers `larger` is max, which is faster by far.


def _cavity(
    m: _Number, v: _Number, precision: _Number, shift: _Number, larger: _Larger = np.maximum
) -> tuple[_Number, _Number]:
    """Mean and variance of a margin without its own site."""
    left = larger(1 - precision * v, _NOTHING_LEFT)
    return (m - v * shift) / left, v / left


def _site(
    m: _Number,
    v: _Number,
    precision: _Number,
    shift: _Number,
    noise: _Number,
    larger: _Larger = np.maximum,
) -> tuple[_Number, _Number]:
    """Precision and shift of the site that gives the moments of cavity times Φ(m/τ)."""
    mean, variance = _cavity(m, v, precision, shift, larger)
    total = variance + noise * noise
    deviation = total**0.5
    t = mean / deviation
    # φ(t)/Φ(t), finite and exact however far t is below zero.
    hazard = math.sqrt(2 / math.pi) / erfcx(-t * math.sqrt(0.5))
    bend = hazard * (t + hazard)  # between 0 and 1
    share = variance / total
    # 1 − share · bend cancels far below zero, where 1 − bend is above 1/(t² + 6).
    left = larger(1 - share * bend, (1 - share) + share / (t * t + 6))
    curvature = bend / total
    return curvature / left, (hazard / deviation + mean * curvature) / left


def _gap(m: Floats, v: Floats, precision: Floats, shift: Floats, noise: Floats) -> Floats:
    """How far an update of its site would move each margin, in standard deviations."""
    wanted = _site(m, v, precision, shift, noise)
    more, push = wanted[0] - precision, wanted[1] - shift
    return np.abs(push - m * more) * np.sqrt(v) + np.abs(more) * v


def _site_constants(
    m: Floats, v: Floats, precision: Floats, shift: Floats, noise: Floats
) -> Floats:
    """log C of each site ``C exp(shift m − ½ precision m²)`` that integrates as its factor does."""
    mean, variance = _cavity(m, v, precision, shift)
    growth = 1 + precision * variance
    # log ∫ N(m; mean, variance) exp(shift m − ½ precision m²) dm
    site = (
        shift * mean + 0.5 * shift * shift * variance - 0.5 * precision * mean * mean
    ) / growth - 0.5 * np.log(growth)
    return log_ndtr(mean / np.sqrt(variance + noise * noise)) - site


def _moments(spaces: HalfSpaces, mean: Floats, cov: Floats) -> tuple[Floats, Floats]:
    """Mean and variance of every margin, (M,) each."""
    rows = spaces.rows
    return product(rows, mean) + spaces.offset, (product(rows, cov) * rows).sum(1)


def _assemble(spaces: HalfSpaces, precision: Floats, shift: Floats) -> tuple[Floats, Floats, float]:
    """Mean, covariance and log ∫ of N(u; 0, I) times all sites with C = 1."""
    rows, offset = spaces.rows, spaces.offset
    inverse = np.eye(rows.shape[1]) + product(rows.T * precision, rows)
    lower = np.linalg.cholesky(inverse)
    half = np.linalg.inv(lower)
    cov = np.asfortranarray(product(half.T, half))
    pull = product(rows.T, shift - precision * offset)
    mean = product(cov, pull)
    log_normaliser = float(
        shift @ offset - 0.5 * precision @ (offset * offset) + 0.5 * pull @ mean
    ) - float(np.log(np.diag(lower)).sum())
    return mean, cov, log_normaliser
