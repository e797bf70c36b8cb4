"""Ranges of a model made to hold what readers outline: split conformal prediction by patient.

Several outlines of one patient are not several patients. Taken as if they were, a range that
holds 90 % of the outlines holds fewer of a new patient's. So every patient has the same weight,
shared by his outlines, and the patient to come is one more of them (Lee, Barber and Willett,
"Distribution-free inference with hierarchical data", 2023).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike

from napari_ssn.geometry.arrays import Floats

# Weights are sums of fractions: 0.95 is a little more than 95 hundredths in binary.
_ROUNDING = 1e-9
# With fewer patients than this both sides share one factor: 5 % of them would be a few.
_TWO_SIDES = 100


def patient_weights(patients: ArrayLike) -> Floats:
    """Weight of each score, ``1 / ((K + 1) N_k)`` for patient k of K who has N_k scores.

    They sum to K / (K + 1); what lacks is the patient to come, whose scores are not known.

    patients: (n,) labels, at least one; result (n,). ValueError: another shape.
    """
    labels = np.asarray(patients)
    if labels.ndim != 1 or len(labels) == 0:
        raise ValueError(f"patients: expected a non-empty (n,), actual shape {labels.shape}")
    _, place, count = np.unique(labels, return_inverse=True, return_counts=True)
    return np.asarray(1.0 / ((len(count) + 1) * count[place]), dtype=np.float64)


def conformal_quantile(scores: ArrayLike, weights: ArrayLike, level: float) -> float:
    """The smallest score up to which the weights reach a level; infinity where they never do.

    min {q : Σ_i w_i [s_i ≤ q] ≥ level}. With equal weights 1/(n + 1) it is the
    ⌈level (n + 1)⌉-th smallest score.

    scores: (n,), infinities allowed; weights: (n,), their sum at most 1: the rest lies at
    infinity. level: at least 0; above 1 it is never reached.
    ValueError: unequal shapes, empty, a NaN, negative weights or a sum above 1.
    """
    s, w = np.asarray(scores, dtype=np.float64), np.asarray(weights, dtype=np.float64)
    if s.ndim != 1 or len(s) == 0 or s.shape != w.shape:
        raise ValueError(f"weights: expected a non-empty {s.shape}, actual shape {w.shape}")
    if np.isnan(s).any() or math.isnan(level) or level < 0:
        raise ValueError(f"scores: expected numbers and a level from 0, actual {s}, {level}")
    if not (w >= 0).all() or w.sum() > 1 + _ROUNDING:
        raise ValueError(f"weights: expected from 0 and a sum up to 1, actual sum {w.sum()}")
    order = np.argsort(s, kind="stable")
    reached = np.cumsum(w[order]) >= level - _ROUNDING
    return float(s[order][np.argmax(reached)]) if reached.any() else math.inf


def conformal_factors(
    sizes: ArrayLike,
    low: ArrayLike,
    median: ArrayLike,
    high: ArrayLike,
    patients: ArrayLike,
    level: float = 0.9,
) -> tuple[float, float]:
    """Factors (f, g) with which a model's range holds a share of the outlines of a new patient.

    The range becomes ``median − f (median − low)`` to ``median + g (high − median)``. A reader
    who outlined nothing has no size, and says nothing of how large a range must be. An outline's
    score on a side is its distance from the median in units of the range's own width there, 0
    on the other side; weights are those of `patient_weights`.

    With 100 patients or more one side comes after the other: f is the quantile of the scores
    below at ``1 − α/2``, α = 1 − level. The patient to come may lie below it like those who do,
    so that ``α₁ = Σ w [score below > f] + 1/(K + 1)`` is spent (with one outline a patient
    ``(count + 1)/(n + 1)``), and g is the quantile of the scores above at ``1 − (α − α₁)``. With
    fewer patients both sides share one factor, the quantile at ``level`` of the larger score.

    Over patients like these, new ones included, the share of a patient's outlines that is held
    is at least ``level`` on average. It need not be for a single image.

    Args:
        sizes: (n, M) of one label in n images by M readers, in any unit; 0 where a reader
            outlined nothing, NaN where there is no reader.
        low, median, high: (n,) of the model's range; NaN where it has none, which misses.
        patients: (n,) labels.
        level: share to hold.

    Returns:
        Factors below and above; infinity where no factor is large enough, as with too few
        patients or where too many outlines lie beyond a side on which the range ends at its
        median.

    Raises:
        ValueError: unequal shapes, a level outside (0, 1), no outline at all, or a range whose
            ends do not enclose its median.
    """
    drawn, labels = np.asarray(sizes, dtype=np.float64), np.asarray(patients)
    if drawn.ndim != 2 or labels.shape != drawn.shape[:1]:
        raise ValueError(
            f"patients: expected one for each image of sizes {drawn.shape}, actual {labels.shape}"
        )
    if not 0 < level < 1:
        raise ValueError(f"level: expected between 0 and 1, actual {level}")
    ends = [np.asarray(end, dtype=np.float64) for end in (low, median, high)]
    for field, end in zip(("low", "median", "high"), ends, strict=True):
        if end.shape != labels.shape:
            raise ValueError(f"{field}: expected shape {labels.shape}, actual {end.shape}")
    lowest, middle, highest = ends
    known = np.isfinite(lowest + middle + highest)
    if (known & ~((lowest <= middle) & (middle <= highest))).any():
        raise ValueError("median: expected between low and high in every image")
    outlined = np.isfinite(drawn) & (drawn > 0)
    if not outlined.any():
        raise ValueError("sizes: expected at least one outline, actual none")
    image, _ = np.nonzero(outlined)
    size = drawn[outlined]
    lowest, middle, highest, has = (of[image] for of in (lowest, middle, highest, known))
    below = np.where(has, _score(middle - size, middle - lowest), math.inf)
    above = np.where(has, _score(size - middle, highest - middle), math.inf)
    weights = patient_weights(labels[image])
    count = len(np.unique(labels[image]))
    if count < _TWO_SIDES:
        shared = conformal_quantile(np.maximum(below, above), weights, level)
        return shared, shared
    miss = 1 - level
    first = conformal_quantile(below, weights, 1 - miss / 2)
    spent = float(weights[below > first].sum()) + 1 / (count + 1)
    return first, conformal_quantile(above, weights, 1 - (miss - spent))


def _score(distance: Floats, width: Floats) -> Floats:
    """Distance beyond the median in half-widths; 0 on the other side of the median."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(distance <= 0, 0.0, distance / width)
