"""How like the images that a model learnt from an image is, by a handful of its features.

A range, or a share of readers, was measured on images of a kind; on another kind it means
nothing, and no network says so by itself. Features of brightness, gradient and texture are taken
of what the network is given, and their distance from those of the training images is compared
with that of images that were held back (Mahalanobis distance of features, after Lee et al., "A
simple unified framework for detecting out-of-distribution samples", NeurIPS 2018; here of the
image and not of a network's layer, so that training again changes nothing).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from napari_ssn.core.summaries.conformal import conformal_quantile, patient_weights
from napari_ssn.geometry.arrays import Floats

#: What is taken of each channel, in this order.
FEATURES = (
    "mean", "deviation", "5 %", "25 %", "50 %", "75 %", "95 %",
    "gradient", "texture", "coarse", "middle", "lowest",
)  # fmt: skip

# Less than this is no variation: a constant image.
_LEAST = 1e-6
# Neighbours at this distance tell coarse structure.
_COARSE = 4
# Values this near to the lowest, as a share of all that occur, count as the lowest.
_LOWEST = 0.02
# How much of each correlation of two features is not believed: few images tell it.
_SHRINK = 0.1
# Variance of a feature that does not vary in training, as of a mean that is always 0.
_FLOOR = 1e-4
# Share of the held-back patients that count as like the training data, where they are enough.
_LEVEL = 0.95


def likeness_features(values: ArrayLike, along: tuple[int, ...] | None = None) -> Floats:
    """Features of brightness, gradient and texture of an image as its network gets it.

    Of every channel those that `FEATURES` names: mean μ and standard deviation σ; quantiles as
    ``(q − μ)/σ``; the logarithms of the mean gradient ÷ σ, of the second differences ÷ the
    first, and of differences between neighbours four apart ÷ σ; the mean of the middle third as
    ``(m − μ)/σ``; and the square root of the share of voxels that are as dark as the darkest.

    values: (channels, *S), normalised; along: axes of S that differences are taken along, all by
    default; result (channels · 12,). ValueError: not finite, or fewer than two axes.
    """
    array = np.asarray(values, dtype=np.float64)
    if array.ndim < 3 or array.size == 0:
        raise ValueError(f"values: expected a non-empty (channels, *S), got shape {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError("values: expected finite numbers")
    axes = tuple(range(array.ndim - 1)) if along is None else along
    return np.concatenate([_of_channel(channel, axes) for channel in array])


def _of_channel(values: Floats, axes: tuple[int, ...]) -> Floats:
    mean, deviation = float(values.mean()), float(values.std())
    width = max(deviation, _LEAST)
    quantiles = (np.quantile(values, [0.05, 0.25, 0.5, 0.75, 0.95]) - mean) / width
    near, second, far = (_change(values, axes, how) for how in ("first", "second", "far"))
    middle = values[tuple(slice(n // 3, n - n // 3) for n in values.shape)]
    low, high = float(values.min()), float(values.max())
    dark = (values <= low + _LOWEST * (high - low)).mean()
    return np.array(
        [
            mean,
            deviation,
            *quantiles,
            np.log(max(near, _LEAST) / width),
            np.log(max(second, _LEAST) / max(near, _LEAST)),
            np.log(max(far, _LEAST) / width),
            (middle.mean() - mean) / width,
            np.sqrt(dark),
        ]
    )


def _change(values: Floats, axes: tuple[int, ...], how: str) -> float:
    """Mean absolute difference of neighbours, of differences, or of those some voxels apart."""
    found = []
    for axis in axes:
        n = values.shape[axis]
        step = _COARSE if how == "far" else 1
        if n <= (2 if how == "second" else step):
            continue
        moved = np.moveaxis(values, axis, 0)
        change = moved[step:] - moved[:-step]
        found.append(float(np.abs(np.diff(change, axis=0) if how == "second" else change).mean()))
    return float(np.mean(found)) if found else 0.0


@dataclass(frozen=True, eq=False)
class Reference:
    """Features of the images that a model learnt from.

    Attributes:
        mean: (F,) of the features.
        covariance: (F, F) of them.
        limit: distance up to which an image is like them.
        level: share of new patients' images within it, on average.
    """

    mean: Floats
    covariance: Floats
    limit: float
    level: float

    def distance(self, features: ArrayLike) -> Floats:
        """Distance from the training data, ``√((f − m)ᵀ C⁻¹ (f − m))``, as a share of the limit.

        Up to 1 an image is like them. features: (…, F); result (…). ValueError: another F.
        """
        given = np.asarray(features, dtype=np.float64)
        if given.shape[-1:] != self.mean.shape:
            raise ValueError(f"features: expected (…, {len(self.mean)}), got shape {given.shape}")
        return _distance(given, self.mean, self.covariance) / self.limit


def learn_reference(learnt: ArrayLike, held: ArrayLike, patients: ArrayLike) -> Reference:
    """Learn what training images are like, and how far those of new patients stray.

    The limit is the quantile of the distances of held-back images, by patient, at 95 %, or the
    largest where fewer than 19 patients leave no such quantile (`conformal_quantile`).

    learnt: (n, F) features of training images; held: (m, F) of images that were held back, and
    patients: (m,) whose they are. ValueError: unequal shapes or fewer than two images.
    """
    rows, others = np.asarray(learnt, dtype=np.float64), np.asarray(held, dtype=np.float64)
    labels = np.asarray(patients)
    if rows.ndim != 2 or len(rows) < 2 or others.ndim != 2 or others.shape[1] != rows.shape[1]:
        raise ValueError(f"held: expected (m, F) like {rows.shape}, got shape {others.shape}")
    covariance = np.cov(rows, rowvar=False).reshape(2 * rows.shape[1:])
    spread = np.diag(np.diag(covariance))
    covariance = (1 - _SHRINK) * covariance + _SHRINK * spread + _FLOOR * np.eye(len(covariance))
    mean = rows.mean(0)
    weights = patient_weights(labels)
    level = min(_LEVEL, float(weights.sum()))
    limit = conformal_quantile(_distance(others, mean, covariance), weights, level)
    return Reference(mean, covariance, limit, level)


def _distance(features: Floats, mean: Floats, covariance: Floats) -> Floats:
    away = features - mean
    solved = np.linalg.solve(covariance, away.reshape(-1, len(mean)).T).T.reshape(away.shape)
    return np.asarray(np.sqrt((away * solved).sum(-1)))
