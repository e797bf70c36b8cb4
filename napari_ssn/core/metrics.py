"""Measures of a set of label maps against the label maps of several raters.

Axis letters: `N` samples, `M` raters, `C` classes (0 is the background), `S` any spatial shape.
Every comparison rests on d(a, b) = 1 − mean over the C − 1 foreground classes of IoU(a, b), where
a class absent from both maps has IoU 1: two raters who both see nothing agree. Papers that leave
absent classes out of the mean print other figures for C > 2; for C = 2 there is no difference.

`classes=None` counts the classes in the maps at hand, max(1, largest label) + 1. Pass the number
explicitly when comparing cases: a label missing from one case changes C, and with it d.

Examples:
    >>> import napari_ssn as ssn
    >>> raters = [[0, 1, 1, 0], [0, 1, 0, 0]]
    >>> ssn.metrics.dice_each([0, 1, 1, 0], raters)
    array([0.83333333])
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike
from scipy.optimize import linear_sum_assignment

from napari_ssn.core.overlap import (
    AnyLabels,
    check_same_space,
    checked_labels,
    dice,
    dice_each,
    dice_majority,
    majority_vote,
)
from napari_ssn.core.parallel import in_threads
from napari_ssn.core.scores import (
    BrierParts,
    brier_parts,
    brier_scores,
    fair_crps,
    perfect_energy_distance,
)
from napari_ssn.core.statistics import (
    Interval,
    bootstrap_interval,
    bootstrap_median,
    bootstrap_weights,
    calibration_error,
    calibration_sums,
    coverage,
    effective_rank,
    exact_interval,
    expected_calibration_error,
    share_interval,
)
from napari_ssn.geometry.arrays import Floats, Singles

__all__ = [
    "BrierParts",
    "Interval",
    "SetDistances",
    "bootstrap_interval",
    "bootstrap_median",
    "bootstrap_weights",
    "brier_parts",
    "brier_scores",
    "calibration_error",
    "calibration_sums",
    "coverage",
    "dice",
    "dice_each",
    "dice_majority",
    "effective_rank",
    "exact_interval",
    "expected_calibration_error",
    "fair_crps",
    "generalized_energy_distance",
    "hungarian_iou",
    "majority_vote",
    "pairwise_iou",
    "perfect_energy_distance",
    "sample_diversity",
    "share_interval",
]

# Of float32 zeros and ones, few enough to stay in cache; so float32 counts them exactly.
_BLOCK_BYTES = 2**23
# Share of a block's voxels below which it pays to take them out of it.
_FEW = 0.5
# Maps that are compared with others at once.
_ROWS = 64


def _iou(a: AnyLabels, b: AnyLabels, classes: int, common: ArrayLike = 0) -> Floats:
    """Mean IoU of all pairs of maps, already validated and flat: (N, V), (M, V) → (N, M)."""
    shape = (classes - 1, len(a), len(b))
    step = max(1, _BLOCK_BYTES // (4 * (len(a) + len(b))))

    def overlap(start: int) -> tuple[Singles, Floats, Floats]:
        """Voxels in which both maps of a pair have a class, and those of each map."""
        a_block, b_block = a[:, start : start + step], b[:, start : start + step]
        # Often most voxels are background in every map and count for nothing.
        voxels = np.flatnonzero((a_block.max(axis=0) > 0) | (b_block.max(axis=0) > 0))
        if len(voxels) < _FEW * a_block.shape[1]:
            a_block = a_block[:, voxels]
            b_block = a_block if b is a else b_block[:, voxels]
        both = np.zeros(shape, np.float32)
        left, right = np.empty((classes - 1, len(a))), np.empty((classes - 1, len(b)))
        for c in range(1, classes):
            a_is_c = torch.from_numpy(a_block == c).float()
            b_is_c = a_is_c if b is a else torch.from_numpy(b_block == c).float()
            left[c - 1], right[c - 1] = a_is_c.sum(1).numpy(), b_is_c.sum(1).numpy()
            for first in range(0, len(a), _ROWS):
                # Of one set with itself nothing is counted twice.
                rows, rest = slice(first, first + _ROWS), slice(first if b is a else 0, None)
                both[c - 1, rows, rest] = (a_is_c[rows] @ b_is_c[rest].T).numpy()
        return both, left, right

    starts = range(0, a.shape[1], step)
    found = in_threads(overlap, starts) if len(starts) > 1 else [overlap(0)]
    intersection, size = np.zeros(shape), np.zeros(shape)
    for both, left, right in found:
        intersection += both
        size += left[:, :, None] + right[:, None, :]
    if b is a:
        intersection = np.triu(intersection) + np.triu(intersection, 1).swapaxes(1, 2)
    shared = np.broadcast_to(np.asarray(common), (classes,))[1:, None, None]
    intersection += shared
    union = size + 2 * shared - intersection
    iou = np.divide(intersection, union, out=np.ones(shape), where=union > 0)
    return np.asarray(iou.mean(axis=0), dtype=np.float64)


def pairwise_iou(
    a: ArrayLike, b: ArrayLike, classes: int | None = None, common: ArrayLike = 0
) -> Floats:
    """Mean IoU over the foreground classes of every map of one set with every map of another.

    IoU_nm = 1/(C−1) Σ_c |a_n=c ∧ b_m=c| / |a_n=c ∨ b_m=c|, 1 where c is in neither map.

    a: (N, *S), b: (M, *S) integer labels; result (N, M) float64. One matrix product per class.
    common: (C,) voxels of each label that all maps have beside these; none by default.
    ValueError: not integers, labels outside 0…C−1, an empty set, unequal spatial shapes.

    Examples:
        >>> import napari_ssn as ssn
        >>> ssn.metrics.pairwise_iou([[0, 1, 1, 0]], [[0, 1, 1, 0], [0, 1, 0, 0], [1, 0, 0, 0]])
        array([[1. , 0.5, 0. ]])
    """
    classes, (left, right) = checked_labels(classes, 2, a=a, b=b)
    check_same_space("a", left.shape[1:], "b", right.shape[1:])
    return _iou(left.reshape(len(left), -1), right.reshape(len(right), -1), classes, common)


def _mean_of_pairs(distances: Floats, *, distinct: bool, field: str) -> float:
    n = len(distances)
    if not distinct:
        return float(distances.mean())
    if n < 2:
        raise ValueError(f"{field}: expected at least 2 maps to form distinct pairs, actual {n}")
    return float((distances.sum() - np.trace(distances)) / (n * (n - 1)))


@dataclass(frozen=True, eq=False)
class SetDistances:
    """All distances d = 1 − IoU within and between N samples and M raters, computed once.

    samples_raters: (N, M), samples_samples: (N, N), raters_raters: (M, M), float64. From one
    object come V- and U-statistic, diversity and Hungarian IoU, and by `first(n)` the same for
    fewer samples, without touching the label maps again.

    Examples:
        >>> import napari_ssn as ssn
        >>> found = ssn.metrics.SetDistances.between([[0, 1, 1], [0, 1, 1]], [[0, 1, 1], [0, 1, 0]])
        >>> found.samples_raters
        array([[0. , 0.5],
               [0. , 0.5]])
        >>> found.energy_distance(), found.hungarian_iou(), found.rater_diversity()
        (0.25, 0.75, 0.5)
    """

    samples_raters: Floats
    samples_samples: Floats
    raters_raters: Floats

    def __post_init__(self) -> None:
        shape = self.samples_raters.shape
        if len(shape) != 2 or 0 in shape:
            raise ValueError(f"samples_raters: expected shape (N, M), not empty, actual {shape}")
        n, m = shape
        for field, expected in (
            ("samples_raters", (n, m)),
            ("samples_samples", (n, n)),
            ("raters_raters", (m, m)),
        ):
            matrix: Floats = getattr(self, field)
            if matrix.shape != expected:
                raise ValueError(f"{field}: expected shape {expected}, actual {matrix.shape}")
            if not ((matrix >= 0) & (matrix <= 1)).all():
                actual = f"{matrix.min()} to {matrix.max()}"
                raise ValueError(f"{field}: expected distances in [0, 1], actual {actual}")

    @classmethod
    def between(
        cls, samples: ArrayLike, raters: ArrayLike, classes: int | None = None
    ) -> SetDistances:
        """Compare samples (N, *S) and raters (M, *S); errors as in `pairwise_iou`."""
        classes, (left, right) = checked_labels(classes, 2, samples=samples, raters=raters)
        check_same_space("samples", left.shape[1:], "raters", right.shape[1:])
        n = len(left)
        stack = np.concatenate([left.reshape(n, -1), right.reshape(len(right), -1)])
        distance = 1.0 - _iou(stack, stack, classes)
        return cls(distance[:n, n:], distance[:n, :n], distance[n:, n:])

    def first(self, n: int) -> SetDistances:
        """The same for the first n samples alone."""
        if not 1 <= n <= len(self.samples_raters):
            raise ValueError(f"n: expected 1 to {len(self.samples_raters)} samples, actual {n}")
        return SetDistances(
            self.samples_raters[:n], self.samples_samples[:n, :n], self.raters_raters
        )

    def energy_distance(self, *, unbiased: bool = False) -> float:
        """GED², see `generalized_energy_distance`."""
        within_samples = _mean_of_pairs(self.samples_samples, distinct=unbiased, field="samples")
        within_raters = _mean_of_pairs(self.raters_raters, distinct=unbiased, field="raters")
        return 2.0 * float(self.samples_raters.mean()) - within_samples - within_raters

    def sample_diversity(self) -> float:
        """E d(s, s') over distinct samples; ValueError for one sample."""
        return _mean_of_pairs(self.samples_samples, distinct=True, field="samples")

    def rater_diversity(self) -> float:
        """E d(y, y') over distinct raters; ValueError for one rater."""
        return _mean_of_pairs(self.raters_raters, distinct=True, field="raters")

    def hungarian_iou(self) -> float:
        """Mean IoU of the best matching, see `hungarian_iou`."""
        n, m = self.samples_raters.shape
        common = math.lcm(n, m)
        rows, columns = np.arange(common) % n, np.arange(common) % m
        iou = 1.0 - self.samples_raters[np.ix_(rows, columns)]
        matched = linear_sum_assignment(iou, maximize=True)
        return float(iou[matched].mean())


def generalized_energy_distance(
    samples: ArrayLike, raters: ArrayLike, *, classes: int | None = None, unbiased: bool = False
) -> float:
    """Squared generalised energy distance, the figure the literature prints as "GED".

    GED² = 2 E d(s, y) − E d(s, s') − E d(y, y').

    samples: (N, *S), raters: (M, *S) integer labels. By default the V-statistic: expectations
    over all pairs, a map with itself included, as the papers print; it is never negative and
    falls as N grows. unbiased=True is the U-statistic: distinct pairs only; its expectation does
    not depend on N, and it can be slightly negative. V = U + E d(s, s')/N + E d(y, y')/M with
    both expectations over distinct pairs.
    ValueError: as `pairwise_iou`; with unbiased=True also for one sample or one rater.
    Source: Székely & Rizzo, J. Stat. Plan. Inference 2013; Kohl et al., NeurIPS 2018.

    Examples:
        >>> import napari_ssn as ssn
        >>> one, other = [0, 1, 1], [0, 1, 0]
        >>> ssn.metrics.generalized_energy_distance([one, other], [one, other])
        0.0
        >>> ssn.metrics.generalized_energy_distance([one, one], [one, other])
        0.25
    """
    return SetDistances.between(samples, raters, classes).energy_distance(unbiased=unbiased)


def sample_diversity(maps: ArrayLike, classes: int | None = None) -> float:
    """Mean distance of two distinct maps of one set (samples or raters alike).

    E d(s, s') = Σ_{i≠j} d(s_i, s_j) / (N (N − 1)).

    maps: (N, *S) integer labels. ValueError: as `pairwise_iou`, and for a single map.
    Source: Monteiro et al., NeurIPS 2020 (sample diversity).

    Examples:
        >>> import napari_ssn as ssn
        >>> ssn.metrics.sample_diversity([[0, 1, 1], [0, 1, 0]])
        0.5
    """
    classes, (checked,) = checked_labels(classes, 2, maps=maps)
    flat = checked.reshape(len(checked), -1)
    return _mean_of_pairs(1.0 - _iou(flat, flat, classes), distinct=True, field="maps")


def hungarian_iou(samples: ArrayLike, raters: ArrayLike, classes: int | None = None) -> float:
    """Mean IoU of samples and raters under the best one-to-one matching.

    max over permutations π of 1/L Σ_i IoU(s_i, y_π(i)), both sets repeated to L maps.

    samples: (N, *S), raters: (M, *S) integer labels. When N is a multiple of M, L = N: raters
    alone are repeated, the published procedure (M = 4, N = 16). Otherwise L is the least common
    multiple of N and M and both are repeated, so every map keeps the same weight; the result is
    then 1 minus the optimal transport cost between the two sets. The matching takes O(L³), so
    prefer N a multiple of M when N is large.
    ValueError: as `pairwise_iou`.
    Source: Kohl et al., arXiv 1905.13077 (Hungarian-matched IoU).

    Examples:
        >>> import napari_ssn as ssn
        >>> one, other = [0, 1, 1], [0, 1, 0]
        >>> ssn.metrics.hungarian_iou([other, one], [one, other])
        1.0
        >>> ssn.metrics.hungarian_iou([one, one], [one, other])
        0.75
    """
    return SetDistances.between(samples, raters, classes).hungarian_iou()
