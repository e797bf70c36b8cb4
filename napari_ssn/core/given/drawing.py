"""The distribution given a whole outline that a person has drawn.

A drawing says of every voxel what it is: thousands of clicks at once, and no hypothesis follows
all of them. So each counts softly, and as many voxels as the residual of a click is correlated
over (`residual`) count as one ::

    log p(z | drawing) = −½ ‖z‖² + w Σ_v Σ_k log(ε + (1 − 2 ε) σ(m_vk / (τ s_vk))) + const

with m_vk the margin of the drawn label over the label k, s_vk its standard deviation and σ the
logistic function, τ the tolerance of a click, ε how likely a voxel is a slip of the hand, and
``1/w = Σ_u k(0, u)`` over the grid. So a voxel that is wrong by far costs no more than one that is
wrong: what the model cannot follow does not drag the rest along. Without slips the function is
concave; from its one maximum the one with slips is climbed. All that either needs of the voxels is
a gradient (R,) and a matrix (R, R).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.special import chdtr, expit, log_expit, ndtri

from napari_ssn.core.decodable import Decodable
from napari_ssn.core.given.residual import correlation
from napari_ssn.geometry.affine import Affine
from napari_ssn.geometry.arrays import Floats, Ints, Labels, Mask
from napari_ssn.geometry.brief import brief

Indices = Ints

#: A label that fewer of the hypotheses than this have at a voxel is one that none has there.
UNLIKELY = 1e-3
#: How far a margin may lie on the wrong side for that, in its standard deviations.
REACH = float(-ndtri(UNLIKELY))
#: As of a click: how exactly a voxel is meant, in standard deviations of its margin.
TOLERANCE = 0.1
#: As of a click: how likely a voxel is drawn by a slip of the hand.
SLIP = 0.003
#: Over which neighbours say the same: that of the residual of a click.
LENGTH_MM = 2.0

# Rows that are worked on at once: so many stay in cache.
_BLOCK = 1 << 15
# Newton's steps at most, what a step gains when they end, and its smallest share.
_STEPS, _SETTLED, _LEAST = 200, 1e-16, 1e-9
# A direction is told of where the drawing leaves at most half of its variance.
_TOLD = 0.5
# Beyond so many lengths the correlation adds nothing to its sum.
_FAR = 6.0


@dataclass(frozen=True, eq=False)
class DrawingFit:
    """What the model makes of a drawing.

    Attributes:
        z: (R,) of the nearest hypothesis.
        cov: (R, R) of z given the drawing, by Laplace's approximation at ``z``, of the voxels
            that are no slips.
        directions: how many of z's directions the drawing tells of: those in which it leaves at
            most half of the variance.
        percentile: share of the model's hypotheses that lie nearer to its mean than the drawing,
            in those directions; None where there are none.
        unlikely: (*S) bool, where fewer than 1 in 1,000 hypotheses have the label that was drawn,
            the background included. With three labels or more some such voxels are not found.
    """

    z: Floats
    cov: Floats
    directions: int
    percentile: float | None
    unlikely: Mask

    __repr__ = brief


def fit_drawing(
    dist: Decodable, label_map: Labels, tolerance: float = TOLERANCE, length_mm: float = LENGTH_MM
) -> DrawingFit:
    """The hypothesis nearest to a drawing, and how far the model explains that.

    ``z = argmax p(z | drawing)`` given presence, by Newton's method (see the module for p). A voxel
    whose drawn label no hypothesis has is no evidence. How plausible the drawing is follows from
    ``Σ_i z_i² / κ_i ~ χ²`` over the directions i that it tells of, κ_i the share of the variance
    that it takes away.

    Args:
        dist: the distribution.
        label_map: (*S) of its own grid, labels below C.
        tolerance: τ, how exactly each voxel is meant, in standard deviations of its margin.
        length_mm: over which neighbouring voxels say the same.

    Raises:
        ValueError: another shape, a label that the distribution has not, or a tolerance or length
            that is not positive.

    Examples:
        >>> import numpy as np
        >>> import napari_ssn as ssn
        >>> mean, factor = np.zeros((2, 4, 5)), np.zeros((1, 2, 4, 5))
        >>> mean[1], factor[0, 1] = [-3, 1, 2, -1, -3], 1
        >>> dist = ssn.LogitDistribution(mean, factor, np.zeros((2, 4, 5)))
        >>> drawn = np.zeros((4, 5), np.uint8)
        >>> drawn[:, 1:4] = 1
        >>> fit = ssn.fit_drawing(dist, drawn)
        >>> dist.label_map(fit.z)[0]
        array([0, 1, 1, 1, 0], dtype=uint8)
    """
    for name, value in (("tolerance", tolerance), ("length_mm", length_mm)):
        if not 0 < value < np.inf:
            raise ValueError(f"{name}: expected a positive number, got {value}")
    if label_map.shape != dist.space:
        raise ValueError(f"label_map: expected shape {dist.space}, got {label_map.shape}")
    if label_map.size and int(label_map.max()) >= dist.classes:
        raise ValueError(f"label_map: expected labels below {dist.classes}, got {label_map.max()}")
    rows, offset, unlikely = _evidence(dist, label_map.reshape(-1))
    weight = 1 / alike(dist, length_mm)
    z, inverse = _nearest(rows, offset, tolerance, weight)
    values, axes = np.linalg.eigh(inverse)
    taken = 1 - 1 / values
    told = taken >= _TOLD
    percentile = None
    if told.any():
        far = float((np.square(axes.T @ z)[told] / taken[told]).sum())
        percentile = float(chdtr(int(told.sum()), far))
    cov = np.linalg.inv(inverse).astype(np.float64)
    return DrawingFit(z, cov, int(told.sum()), percentile, unlikely.reshape(dist.space))


def alike(dist: Decodable, length_mm: float) -> float:
    """How many voxels say the same as one: the sum of the residual's correlation over the grid."""
    axes = len(dist.space)
    grid = Affine(dist.affine).steps[:, :axes]
    reach = np.floor(_FAR * length_mm / np.linalg.norm(grid, axis=0)).astype(int)
    reach = np.minimum(reach, np.array(dist.space) - 1)
    steps = np.stack(np.meshgrid(*(np.arange(-r, r + 1) for r in reach), indexing="ij"), -1)
    places = steps.reshape(-1, axes) @ grid.T / length_mm
    return float(correlation(places, np.zeros((1, 3))).sum())


def _evidence(dist: Decodable, drawn: Labels) -> tuple[Floats, Floats, Mask]:
    """What a drawing says of z: ``offset + rows z`` is to be positive, in standard deviations.

    Returns:
        rows (M, R) of length one, offset (M,), and which voxels of the grid are beyond reach, (V,).
    """
    voxels, _ = dist.changing(REACH)
    unlikely = drawn != dist.label_map().reshape(-1)
    unlikely[voxels] = False
    rows, offsets = [np.zeros((0, dist.rank))], [np.zeros(0)]
    for first in range(0, len(voxels), _BLOCK):
        some = voxels[first : first + _BLOCK]
        means, factors = _margins(dist, some, drawn[some])
        deviation = np.sqrt(np.square(factors).sum(1))  # (C − 1, n)
        # A margin that nothing moves lies infinitely far on its side.
        with np.errstate(divide="ignore", invalid="ignore"):
            at = means / deviation
        at[np.isnan(at)] = np.inf
        lost = (at <= -REACH).any(0)
        unlikely[some[lost]] = True
        kept = (np.abs(at) < REACH) & ~lost
        offsets.append(at[kept])
        rows.append((factors / np.where(kept, deviation, 1)[:, None]).swapaxes(1, 2)[kept])
    return np.concatenate(rows), np.concatenate(offsets), unlikely


def _margins(dist: Decodable, voxels: Indices, labels: Labels) -> tuple[Floats, Floats]:
    """Margins of a label over all others at some voxels: (C − 1, n) and (C − 1, R, n)."""
    mean, factor = dist.logits_at(voxels)
    here, own = np.arange(len(voxels)), labels.astype(np.int64)
    rivals = [(own + k) % dist.classes for k in range(1, dist.classes)]
    means = np.stack([mean[own, here] - mean[rival, here] for rival in rivals])
    factors = np.stack([factor[:, own, here] - factor[:, rival, here] for rival in rivals])
    return means, factors


def _nearest(
    rows: Floats, offset: Floats, tolerance: float, weight: float
) -> tuple[Floats, Floats]:
    """Where the posterior is largest, (R,), and minus its second derivative there, (R, R)."""
    z, bend = np.zeros(rows.shape[1]), np.eye(rows.shape[1])
    for slip in (0.0, SLIP):
        terms = partial(_terms, rows, offset, tolerance, weight, slip)
        value, slope, bend = terms(z)
        for _ in range(_STEPS):
            step = np.linalg.solve(bend, slope)
            gain, share = float(slope @ step), 1.0
            if gain < _SETTLED:
                break
            # Newton's step, halved until it leads down as far as it must.
            found = terms(z - step)
            while found[0] > value - 0.25 * share * gain and share > _LEAST:
                share /= 2
                found = terms(z - share * step)
            if share <= _LEAST:
                break
            z = z - share * step
            value, slope, bend = found
    return z, bend


def _terms(
    rows: Floats, offset: Floats, tolerance: float, weight: float, slip: float, z: Floats
) -> tuple[float, Floats, Floats]:
    """−log p(z | drawing) up to a constant, its gradient (R,) and a second derivative (R, R).

    The derivative is that with how likely each voxel is meant held fast: positive definite, and
    without slips exact.
    """
    value, slope, bend = 0.5 * float(z @ z), z.copy(), np.eye(len(z))
    for first in range(0, len(rows), _BLOCK):
        part = rows[first : first + _BLOCK]
        margin = (offset[first : first + _BLOCK] + part @ z) / tolerance
        right = log_expit(margin)
        wrong = expit(-margin)
        whole, meant = right, np.ones_like(wrong)
        if slip > 0:
            whole = np.logaddexp(np.log(slip), np.log1p(-2 * slip) + right)
            meant = np.exp(np.log1p(-2 * slip) + right - whole)
        value -= weight * float(whole.sum())
        slope -= weight / tolerance * (part.T @ (meant * wrong))
        bend += weight / tolerance**2 * ((part.T * (meant * wrong * (1 - wrong))) @ part)
    return value, slope, bend
