"""Proper scores of sizes and of probabilities, and what a perfect model would get.

A score alone says little: a Brier score is to be read beside that of the base rate, an energy
distance beside the one that a model gets which draws from the very distribution of the readers.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from napari_ssn.core.statistics import calibration_sums
from napari_ssn.geometry.arrays import Floats


def fair_crps(draws: ArrayLike, observed: ArrayLike) -> float:
    """Continuous ranked probability score of draws against what readers measured, mean of them.

    ``mean_i |x_i − y| − Σ_{i<j} |x_i − x_j| / (N (N − 1))``, over distinct pairs: its mean does
    not depend on the number of draws, and is least for draws of the readers' own distribution.
    In the unit of the values; a fair score of few draws can be below 0.

    draws: (N,), N at least 2; observed: (M,), M at least 1.
    ValueError: other shapes, values not finite.
    Source: Ferro, QJRMS 2014, eq. 3; Gneiting and Raftery, JASA 2007, eq. 21.

    Examples:
        >>> import napari_ssn as ssn
        >>> ssn.metrics.fair_crps([1.0, 3.0], [2.0])  # 1 from 2 on average, and 2 from each other
        0.0
    """
    x, y = (np.asarray(of, dtype=np.float64) for of in (draws, observed))
    for field, values, least in (("draws", x, 2), ("observed", y, 1)):
        if values.ndim != 1 or len(values) < least:
            raise ValueError(f"{field}: expected (n,) from {least}, actual shape {values.shape}")
        if not np.isfinite(values).all():
            raise ValueError(f"{field}: expected finite values, actual {values}")
    n = len(x)
    # Of the sorted draws the i-th is the larger one of i pairs and the smaller of n − 1 − i.
    pairs = float(((2 * np.arange(n) - n + 1) * np.sort(x)).sum())
    return float(np.abs(x[:, None] - y).mean()) - pairs / (n * (n - 1))


def brier_scores(probability: ArrayLike, share: ArrayLike) -> Floats:
    """Mean squared distance of each probability from its readers' answers of 0 and 1.

    ``f (1 − p)² + (1 − f) p²`` with f the share of readers who say yes. Least for p = f, where
    it is f (1 − f): readers who differ leave something that no model can foresee.

    probability, share: (n,) within [0, 1]; result (n,). ValueError: as `calibration_sums`.
    Source: Brier, Monthly Weather Review 1950.

    Examples:
        >>> import napari_ssn as ssn
        >>> ssn.metrics.brier_scores([1.0, 0.5], [1.0, 0.5])
        array([0.  , 0.25])
    """
    p, f = _shares(probability, share)
    return f * (1 - p) ** 2 + (1 - f) * p**2


class BrierParts(NamedTuple):
    """A Brier score and what it is made of: ``score = reliability − resolution + base_rate +
    within``.

    Attributes:
        score: mean of `brier_scores`; less is better.
        base_rate: of always saying the mean share b, ``b (1 − b)``; a model that knows nothing of
            single cases gets it.
        reliability: how far the shares lie from the probabilities, bin by bin; 0 is perfect.
        resolution: how far the shares of the bins lie from the base rate; more is better.
        within: what the bins hide.

    Examples:
        >>> import napari_ssn as ssn
        >>> found = ssn.metrics.brier_parts([0.0, 1.0], [0.0, 1.0])
        >>> found.score, found.resolution, found.base_rate
        (0.0, 0.25, 0.25)
    """

    score: float
    base_rate: float
    reliability: float
    resolution: float
    within: float


def brier_parts(probability: ArrayLike, share: ArrayLike, bins: int = 10) -> BrierParts:
    """Brier score of probabilities against shares of readers, its base rate and its parts.

    ``reliability = Σ_k n_k/n (p̄_k − f̄_k)²`` and ``resolution = Σ_k n_k/n (f̄_k − b)²`` over bins of
    equal width, b the mean share; ``within`` is 0 where all probabilities of a bin are one.

    probability, share: (n,) within [0, 1]; bins: at least 1. ValueError: as `calibration_sums`.
    Source: Murphy, Journal of Applied Meteorology 1973; Stephenson et al. 2008 for ``within``.

    Examples:
        >>> import napari_ssn as ssn
        >>> found = ssn.metrics.brier_parts([0.5, 0.5], [0.0, 1.0])  # knows nothing of the cases
        >>> found.score, found.resolution, found.base_rate
        (0.25, 0.0, 0.25)
    """
    p, f = _shares(probability, share)
    count, sum_p, sum_f = calibration_sums(p, f, bins)
    there = count > 0
    weight = count[there] / len(p)
    mean_p, mean_f = sum_p[there] / count[there], sum_f[there] / count[there]
    base = float(f.mean())
    score = float(brier_scores(p, f).mean())
    reliability = float((weight * (mean_p - mean_f) ** 2).sum())
    resolution = float((weight * (mean_f - base) ** 2).sum())
    uncertainty = base * (1 - base)
    within = score - (reliability - resolution + uncertainty)
    return BrierParts(score, uncertainty, reliability, resolution, within)


def perfect_energy_distance(reader_diversity: float, readers: int, samples: int) -> float:
    """GED² as V-statistic that a perfect model gets on average, δ (1/N + 1/M).

    With samples from the readers' own distribution every pair of maps is δ apart on average, and
    the V-statistic counts pairs of a map with itself as 0: ``2δ − (1 − 1/N) δ − (1 − 1/M) δ``.
    Four readers who differ by 0.52, and 100 samples: 0.135. The U-statistic's is 0.

    Args:
        reader_diversity: δ, mean distance of two readers, over distinct pairs.
        readers: M.
        samples: N.

    Raises:
        ValueError: readers or samples below 1, a distance outside [0, 1].

    Examples:
        >>> import napari_ssn as ssn
        >>> round(ssn.metrics.perfect_energy_distance(0.52, readers=4, samples=100), 3)
        0.135
    """
    for field, value in (("readers", readers), ("samples", samples)):
        if value < 1:
            raise ValueError(f"{field}: expected at least 1, actual {value}")
    if not 0 <= reader_diversity <= 1:
        raise ValueError(f"reader_diversity: expected in [0, 1], actual {reader_diversity}")
    return reader_diversity * (1 / samples + 1 / readers)


def _shares(probability: ArrayLike, share: ArrayLike) -> tuple[Floats, Floats]:
    p, f = (np.asarray(of, dtype=np.float64) for of in (probability, share))
    if p.ndim != 1:
        raise ValueError(f"probability: expected shape (n,), actual {p.shape}")
    calibration_sums(p, f, 1)  # says what is wrong with them
    return p, f
