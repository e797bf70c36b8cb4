"""Summaries of numbers already measured: calibration, effective rank, bootstrap intervals.

`metrics` compares label maps; what is here needs none. Its names are offered by `metrics` too, so
that an evaluation imports one module.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaincinv

from napari_ssn.geometry.arrays import Floats, Ints

# Eigenvalues of a positive semidefinite matrix come out this much below zero, relative to the
# largest, at worst; what is more negative was no spectrum.
_ROUNDING = 1e-9


class Interval(NamedTuple):
    """A mean with the ends of its interval.

    Examples:
        >>> import napari_ssn as ssn
        >>> mean, low, high = ssn.metrics.Interval(mean=0.5, low=0.4, high=0.7)
        >>> mean, low, high
        (0.5, 0.4, 0.7)
    """

    mean: float
    low: float
    high: float


def _finite(field: str, values: ArrayLike, ndim: int | None = None) -> Floats:
    array = np.asarray(values, dtype=np.float64)
    if array.size == 0 or (ndim is not None and array.ndim != ndim):
        form = "" if ndim is None else f"{ndim} dimension(s), "
        raise ValueError(f"{field}: expected {form}not empty, actual shape {array.shape}")
    if not np.isfinite(array).all():
        bad = array[~np.isfinite(array)][0]
        raise ValueError(f"{field}: expected finite values, actual {bad}")
    return array


def _broadcast(field: str, bound: Floats, shape: tuple[int, ...]) -> Floats:
    # One way only: (n,) against (n, 1) would compare every value with every interval.
    try:
        return np.broadcast_to(bound, shape)
    except ValueError as error:
        raise ValueError(
            f"{field}: expected to broadcast to the shape of values, {shape}, actual {bound.shape}"
        ) from error


def coverage(values: ArrayLike, low: ArrayLike, high: ArrayLike) -> float:
    """Share of values inside their interval, ends included.

    mean[low ≤ value ≤ high].

    values: any shape; low, high: broadcast against values, e.g. (cases, raters) with (cases, 1).
    ValueError: empty, not finite, bounds that do not broadcast to the shape of values, low > high.

    Examples:
        >>> import napari_ssn as ssn
        >>> ssn.metrics.coverage([1.0, 2.0, 3.0, 9.0], low=1.0, high=3.0)
        0.75
    """
    inside = _finite("values", values)
    lower = _broadcast("low", _finite("low", low), inside.shape)
    upper = _broadcast("high", _finite("high", high), inside.shape)
    if (lower > upper).any():
        i = int(np.argmax(lower > upper))
        raise ValueError(
            f"low: expected at most high, actual {lower.flat[i]} above {upper.flat[i]}"
        )
    return float(((lower <= inside) & (inside <= upper)).mean())


def calibration_sums(probability: ArrayLike, frequency: ArrayLike, bins: int = 15) -> Floats:
    """Count, summed probability and summed frequency per bin of probability.

    Bin b holds b/B ≤ p < (b + 1)/B, the last one also p = 1.

    probability, frequency: the same shape, within [0, 1]; result (3, bins). Sums of parts add up
    to the sums of the whole, so that millions of voxels need not be held at once.
    ValueError: unequal shapes, empty, values outside [0, 1], bins below 1.

    Examples:
        >>> import napari_ssn as ssn
        >>> ssn.metrics.calibration_sums([0.2, 0.3, 0.9], [0.0, 0.5, 1.0], bins=2)
        array([[2. , 1. ],
               [0.5, 0.9],
               [0.5, 1. ]])
    """
    p, f = _finite("probability", probability), _finite("frequency", frequency)
    if p.shape != f.shape:
        raise ValueError(f"frequency: expected shape {p.shape}, actual {f.shape}")
    for field, array in (("probability", p), ("frequency", f)):
        if array.min() < 0 or array.max() > 1:
            actual = f"{array.min()} to {array.max()}"
            raise ValueError(f"{field}: expected values in [0, 1], actual {actual}")
    if bins < 1:
        raise ValueError(f"bins: expected at least 1, actual {bins}")
    p, f = p.reshape(-1), f.reshape(-1)
    index = np.minimum((p * bins).astype(np.intp), bins - 1)
    return np.stack(
        [
            np.bincount(index, minlength=bins).astype(np.float64),
            np.bincount(index, weights=p, minlength=bins),
            np.bincount(index, weights=f, minlength=bins),
        ]
    )


def calibration_error(sums: ArrayLike) -> Floats:
    """Expected calibration error from the sums of `calibration_sums`.

    Σ_b n_b/n |mean p − mean f| = Σ_b |Σ p − Σ f| / n.

    sums: (..., 3, bins); result (...). ValueError: another shape, not finite, no count.

    Examples:
        >>> import napari_ssn as ssn
        >>> float(ssn.metrics.calibration_error([[1, 1], [0.25, 0.75], [0.0, 1.0]]))
        0.25
    """
    array = _finite("sums", sums)
    if array.ndim < 2 or array.shape[-2] != 3:
        raise ValueError(f"sums: expected shape (..., 3, bins), actual {array.shape}")
    count = array[..., 0, :].sum(axis=-1)
    if (count <= 0).any():
        raise ValueError(f"sums: expected a positive count, actual {count.min()}")
    gap = np.abs(array[..., 1, :] - array[..., 2, :]).sum(axis=-1)
    return np.asarray(gap / count, dtype=np.float64)


def expected_calibration_error(
    probability: ArrayLike, frequency: ArrayLike, bins: int = 15
) -> float:
    """Mean gap between the probability of a label and how often raters gave it.

    ECE = Σ_b n_b/n |mean p in b − mean f in b|, equal-width bins of p.

    probability, frequency: one value a voxel, the same shape, within [0, 1]. Voxels that are
    certain background dilute the figure, so compare only figures over the same region.
    ValueError: as `calibration_sums`.
    Source: Guo et al., ICML 2017, eq. 3, with rater frequency in the place of accuracy.

    Examples:
        >>> import napari_ssn as ssn
        >>> ssn.metrics.expected_calibration_error([0.25, 0.75], [0.0, 1.0])
        0.25
    """
    return float(calibration_error(calibration_sums(probability, frequency, bins)))


def effective_rank(spectrum: ArrayLike) -> float:
    """How many equally strong directions would spread the variance like this spectrum.

    (ΣΛ)² / ΣΛ², from 1 (one direction has it all) to R (all alike).

    spectrum: (R,) eigenvalues, in any order and unit. Also called participation ratio; not the
    entropy of Roy & Vetterli 2007, which bears the same name.
    ValueError: not one dimension, not finite, negative, or nothing but zeros (undefined).

    Examples:
        >>> import napari_ssn as ssn
        >>> ssn.metrics.effective_rank([3.0, 3.0, 3.0]), ssn.metrics.effective_rank([5.0, 0.0, 0.0])
        (3.0, 1.0)
    """
    values = _finite("spectrum", spectrum, ndim=1)
    largest = values.max()
    if largest <= 0:
        raise ValueError(f"spectrum: expected a positive value, actual largest {largest}")
    if values.min() < -_ROUNDING * largest:
        raise ValueError(f"spectrum: expected no negative value, actual {values.min()}")
    # Label weights can make eigenvalues so small that their squares would underflow.
    share = values / largest
    return float(share.sum() ** 2 / (share**2).sum())


def exact_interval(successes: float, trials: float, level: float = 0.95) -> Interval:
    """A share with its exact interval (Clopper–Pearson), which is never of no width.

    From the ``α/2`` quantile of Beta(k, n − k + 1) to the ``1 − α/2`` quantile of
    Beta(k + 1, n − k); 0 where k = 0, 1 where k = n. 35 of 35: 0.900 to 1.

    successes: k, 0 to n; trials: n, at least 1; neither need be whole, as `share_interval` asks it.
    ValueError: others, a level outside (0, 1).
    Source: Clopper and Pearson, Biometrika 1934.

    Examples:
        >>> import napari_ssn as ssn
        >>> found = ssn.metrics.exact_interval(35, 35)
        >>> round(found.low, 3), found.high
        (0.9, 1.0)
    """
    if not (trials >= 1 and 0 <= successes <= trials):
        raise ValueError(f"successes: expected 0 to trials, actual {successes} of {trials}")
    if not 0 < level < 1:
        raise ValueError(f"level: expected between 0 and 1, actual {level}")
    k, n, tail = successes, trials, (1 - level) / 2
    low = 0.0 if k == 0 else float(betaincinv(k, n - k + 1, tail))
    high = 1.0 if k == n else float(betaincinv(k + 1, n - k, 1 - tail))
    return Interval(k / n, low, high)


def share_interval(
    values: ArrayLike, groups: ArrayLike, level: float = 0.95, n: int = 1000, seed: int = 0
) -> Interval:
    """A share of cases with its exact interval, cases of one group counting as what they are worth.

    Where every case is 0 or 1, `exact_interval` of p n* in n*, with p the share of them and
    n* = p (1 − p) / v, at most the number of cases, v = Σ_g (Σ_{i∈g} (x_i − p))² / n² the variance
    of p between groups: n* is the number of cases where each is a group of its own, and that of the
    groups where the cases of each are alike. All 0 or all 1: the groups. Resampling would say
    "100 % (100–100)", as if no other patient could differ, and of one in a hundred "from 0".
    Shares between 0 and 1: `bootstrap_interval`.

    values: (k,) within [0, 1]; the rest as in `bootstrap_interval`.
    Source: Korn and Graubard, Survey Methodology 1998.

    Examples:
        >>> import napari_ssn as ssn
        >>> found = ssn.metrics.share_interval([1.0, 1.0, 1.0], ["a", "b", "c"])
        >>> found.mean, round(found.low, 2), found.high
        (1.0, 0.29, 1.0)
    """
    x = _finite("values", values, ndim=1)
    if x.min() < 0 or x.max() > 1:
        raise ValueError(f"values: expected within [0, 1], actual {x.min()} to {x.max()}")
    found = bootstrap_interval(x, groups, level, n, seed)
    if not np.isin(x, (0, 1)).all():
        return found
    _, index = np.unique(np.asarray(groups), return_inverse=True)
    share, worth = float(x.mean()), float(index.max() + 1)
    if 0 < share < 1 and worth > 1:
        between = float((np.bincount(index, weights=x - share) ** 2).sum()) / len(x) ** 2
        worth = max(1.0, share * (1 - share) / max(between, share * (1 - share) / len(x)))
    low, high = exact_interval(share * worth, worth, level)[1:]
    return Interval(share, low, high)


def bootstrap_weights(groups: int, n: int = 1000, seed: int = 0) -> Ints:
    """How often each group is drawn in each of n resamples with replacement.

    Each row ~ Multinomial(G, 1/G).

    Result (n, groups). Weighted sums over groups give the resamples of any statistic that is a
    function of sums, e.g. `calibration_error(einsum("ng,gkb->nkb", weights, sums))`.
    ValueError: groups or n below 1.

    Examples:
        >>> import napari_ssn as ssn
        >>> ssn.metrics.bootstrap_weights(3, n=4).sum(axis=1)
        array([3, 3, 3, 3])
    """
    for field, value in (("groups", groups), ("n", n)):
        if value < 1:
            raise ValueError(f"{field}: expected at least 1, actual {value}")
    generator = np.random.default_rng(seed)
    return generator.multinomial(groups, np.full(groups, 1.0 / groups), size=n)


def bootstrap_interval(
    values: ArrayLike, groups: ArrayLike, level: float = 0.95, n: int = 1000, seed: int = 0
) -> Interval:
    """Mean of the values, with a percentile interval from resampling whole groups.

    Resample r: Σ_g w_rg Σ_{i∈g} x_i / Σ_g w_rg |g|, w as in `bootstrap_weights`.

    values: (k,), one a slice; groups: (k,) labels, e.g. the patient: slices of one patient are
    not independent, so patients are what is drawn. Result (mean, low, high). A single group
    leaves nothing to resample: low = high = mean.
    ValueError: unequal lengths, empty, values not finite, level outside (0, 1), n below 1.
    Source: Efron & Tibshirani 1993, ch. 13 (percentile interval).

    Examples:
        >>> import napari_ssn as ssn
        >>> patients = ["a", "a", "b"]
        >>> ssn.metrics.bootstrap_interval([1.0, 3.0, 5.0], patients)
        Interval(mean=3.0, low=2.0, high=5.0)
    """
    x, labels = _finite("values", values, ndim=1), np.asarray(groups)
    if labels.shape != x.shape:
        raise ValueError(f"groups: expected shape {x.shape}, actual {labels.shape}")
    if not 0 < level < 1:
        raise ValueError(f"level: expected between 0 and 1, actual {level}")
    _, index = np.unique(labels, return_inverse=True)
    sums, counts = np.bincount(index, weights=x), np.bincount(index)
    weights = bootstrap_weights(len(counts), n, seed)
    means = (weights @ sums) / (weights @ counts)
    low, high = np.quantile(means, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(sums.sum() / counts.sum()), float(low), float(high))


def bootstrap_median(
    values: ArrayLike, groups: ArrayLike, level: float = 0.95, n: int = 1000, seed: int = 0
) -> Interval:
    """Median of the values, with a percentile interval from resampling whole groups.

    Of a resample the smallest value at which the weights of all up to it reach one half, every
    value weighing what its group does; of the values themselves likewise. ``mean`` of the result
    is that median.

    values, groups, level, n, ValueError: as `bootstrap_interval`.
    Source: Efron & Tibshirani 1993, ch. 13 (percentile interval).

    Examples:
        >>> import napari_ssn as ssn
        >>> patients = ["a", "a", "b"]
        >>> ssn.metrics.bootstrap_median([1.0, 1.0, 5.0], patients)
        Interval(mean=1.0, low=1.0, high=5.0)
    """
    bootstrap_interval(values, groups, level, 1, seed)  # says what is wrong with them
    x = np.asarray(values, dtype=np.float64)
    order = np.argsort(x, kind="stable")
    kinds, index = np.unique(np.asarray(groups), return_inverse=True)
    weights = bootstrap_weights(len(kinds), n, seed)[:, index[order]].astype(np.float64)

    def middle(weighed: Floats) -> Floats:
        reached = np.cumsum(weighed, axis=-1)
        half = reached[..., -1:] / 2
        # A hair less: sums of the same weights differ by their rounding.
        return np.asarray(x[order][(reached >= half * (1 - 1e-12)).argmax(-1)])

    low, high = np.quantile(middle(weights), [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(middle(np.ones(len(x)))), float(low), float(high))
