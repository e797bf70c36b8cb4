"""Measuring a model against several raters, slice by slice.

Every figure is a mean over slices with a 95 % interval from resampling patients; the formulas
are those of `napari_ssn.core.metrics`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_ssn.core import metrics
from napari_ssn.core.directions import label_gram
from napari_ssn.core.distribution import draw_z
from napari_ssn.core.errors import DataError
from napari_ssn.core.measures import central_range, label_counts
from napari_ssn.core.volume import Volume
from napari_ssn.network.card import Calibration
from napari_ssn.network.models import Model
from napari_ssn.training.data import SliceSet

SAMPLES = 100
FEW = 16
HYPOTHESES = 1000
LEVEL = 0.9
_BINS = 15
# Fewer patients than this, and the 95th percentile of their scores is one patient's.
_PATIENTS = 20


@dataclass(frozen=True)
class Measurement:
    """What was measured on each slice of a set, before it is summarised.

    Attributes:
        values: by name, (n,) one figure per slice; NaN where it does not exist.
        areas: (n, raters) voxels each rater marked.
        ranges: (n, 3) low, median and high of the model's area over hypotheses.
        reliability: (n, 3, bins) sums of `metrics.calibration_sums`.
        patients: (n,).
    """

    values: dict[str, NDArray[np.float64]]
    areas: NDArray[np.float64]
    ranges: NDArray[np.float64]
    reliability: NDArray[np.float64]
    patients: NDArray[np.int64]


def measure(
    model: Model,
    data: SliceSet,
    seed: int = 0,
    report: Callable[[int, int], None] = lambda *_: None,
) -> Measurement:
    """Run a two-class model on every slice and compare it with the raters.

    Samples carry pixel noise, as in the paper; areas are counted on hypotheses without it,
    as the window shows them. Slice i draws with seed ``seed + i``.
    """
    if model.card.classes != 2 or model.card.spatial_dims != 2:
        raise DataError(
            f"{model.card.title} is not a 2D model of one structure; these slices need one."
        )
    names = (
        "ged2_v_16", "ged2_v_100", "ged2_u_16", "ged2_u_100", "diversity_100",
        "rater_diversity", "hungarian_iou_16", "dice_each", "dice_majority", "effective_rank",
    )  # fmt: skip
    values = {name: np.full(len(data), math.nan) for name in names}
    areas, ranges, reliability = [], [], []
    for i in range(len(data)):
        raters = data.rater_maps(i)
        image = data.images[i].astype(np.float32)[None]
        dist = model.segment(Volume(image, np.eye(4), "unknown", oriented=False))
        many = metrics.SetDistances.between(
            dist.sample(SAMPLES, seed + i, pixel_noise=True), raters, classes=2
        )
        few = many.first(FEW)
        row = {
            "ged2_v_16": few.energy_distance(),
            "ged2_u_16": few.energy_distance(unbiased=True),
            "ged2_v_100": many.energy_distance(),
            "ged2_u_100": many.energy_distance(unbiased=True),
            "diversity_100": many.sample_diversity(),
            "rater_diversity": many.rater_diversity(),
            "hungarian_iou_16": few.hungarian_iou(),
        }
        mean_map = dist.label_map()
        row["dice_each"] = float(metrics.dice_each(mean_map, raters, classes=2)[0])
        row["dice_majority"] = float(metrics.dice_majority(mean_map, raters, classes=2)[0])
        spectrum = np.linalg.eigvalsh(label_gram(dist)).clip(min=0)
        if spectrum.max() > 0:
            row["effective_rank"] = metrics.effective_rank(spectrum)
        for name, value in row.items():
            values[name][i] = value
        counts = label_counts(dist, draw_z(HYPOTHESES, dist.rank, seed + i))[:, 1]
        found = central_range(counts, LEVEL)
        ranges.append((found.low, found.median, found.high))
        areas.append(raters.reshape(len(raters), -1).sum(1, dtype=np.float64))
        reliability.append(
            metrics.calibration_sums(dist.probabilities()[1].clip(0, 1), raters.mean(0), bins=_BINS)
        )
        report(i + 1, len(data))
    return Measurement(
        values, np.array(areas), np.array(ranges), np.array(reliability), data.patients
    )


def calibrate(measured: Measurement, data: str) -> Calibration:
    """Learn the factors on the model's range that make it cover 90 % of raters' areas.

    Split conformal prediction, one side after the other: each rater's area has a score, its
    distance from the median in units of the range's own half-width on that side. The factor
    below is the smallest that leaves 5 % of the raters out, the factor above the smallest that
    leaves out what then remains of 10 % (Angelopoulos and Bates 2021, section 2).
    """
    patients = len(np.unique(measured.patients))
    if patients < _PATIENTS:
        raise DataError(
            f"The model's range cannot be calibrated on {patients} patients: "
            f"take at least {_PATIENTS}."
        )
    low, median, high = (column[:, None] for column in measured.ranges.T)
    areas = measured.areas
    below = _score(median - areas, median - low)
    above = _score(areas - median, high - median)
    miss = 1 - LEVEL
    first = _quantile(below, 1 - miss / 2)
    second = _quantile(above, 1 - (miss - float((below > first).mean())))
    if not max(first, second) < math.inf or first == second == 0:
        raise DataError(
            "The model's range cannot be calibrated on this data: too many ranges are empty."
        )
    return Calibration(level=LEVEL, below=first, above=second, data=data)


def _score(distance: NDArray[np.float64], width: NDArray[np.float64]) -> NDArray[np.float64]:
    """Distance beyond the median in half-widths; 0 on the other side of the median."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(distance <= 0, 0.0, distance / width).ravel()


def _quantile(score: NDArray[np.float64], level: float) -> float:
    """The ⌈level (n + 1)⌉-th smallest score."""
    # Rounded first: 0.95 is a little more than 95 hundredths in binary.
    place = math.ceil(round(level * (len(score) + 1), 9))
    return float(np.sort(score)[min(place, len(score)) - 1])


def _coverage(
    measured: Measurement, factors: tuple[float, float]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Per slice: share of raters inside the range stretched by the factors, and its width."""
    low, median, high = measured.ranges.T
    below, above = factors
    low, high = np.maximum(0, median - below * (median - low)), median + above * (high - median)
    # A rater exactly on an end is inside, whatever the multiplication rounded.
    slack = 1e-9 * (1 + high)
    inside = (measured.areas >= (low - slack)[:, None]) & (
        measured.areas <= (high + slack)[:, None]
    )
    return inside.mean(1), high - low


def summarise(
    measured: Measurement, calibration: Calibration | None, seed: int = 0
) -> dict[str, Any]:
    """Means with 95 % bootstrap intervals over patients, as ``{"mean", "low", "high"}``.

    ``width_90`` is in voxels. The calibrated figures are left out of the summary of a model
    that has no calibration.
    """
    values = dict(measured.values)
    values["coverage_90_uncalibrated"], values["width_90_uncalibrated"] = _coverage(
        measured, (1.0, 1.0)
    )
    if calibration is not None:
        values["coverage_90"], values["width_90"] = _coverage(measured, calibration.factors)
    summary: dict[str, Any] = {}
    for name, value in values.items():
        there = np.isfinite(value)
        if there.any():
            interval = metrics.bootstrap_interval(value[there], measured.patients[there], seed=seed)
            summary[name] = interval._asdict()
    summary["ece"] = _pooled_ece(measured, seed)
    return summary


def _pooled_ece(measured: Measurement, seed: int) -> dict[str, float]:
    """Calibration error over all voxels together, resampling patients."""
    patients, place = np.unique(measured.patients, return_inverse=True)
    sums = np.zeros((len(patients), *measured.reliability.shape[1:]))
    np.add.at(sums, place, measured.reliability)
    weights = metrics.bootstrap_weights(len(patients), seed=seed)
    resampled = metrics.calibration_error(np.einsum("ng,gkb->nkb", weights, sums))
    low, high = np.quantile(resampled, [0.025, 0.975])
    mean = float(metrics.calibration_error(sums.sum(0)))
    return {"mean": mean, "low": float(low), "high": float(high)}


def evaluate(
    model: Model,
    data: SliceSet,
    *,
    seed: int = 0,
    calibrate_on: str | None = None,
    report: Callable[[int, int], None] = lambda *_: None,
) -> tuple[dict[str, Any], Calibration | None]:
    """Measure a model; returns what ``napari-ssn evaluate`` prints, and its calibration.

    Args:
        model: a two-class 2D model.
        data: slices with raters.
        seed: of all draws.
        calibrate_on: name of this data, to learn the calibration from it first; None uses the
            card's.
        report: called with (slices done, slices in all).
    """
    measured = measure(model, data, seed, report)
    calibration = model.card.calibration
    if calibrate_on is not None:
        calibration = calibrate(measured, calibrate_on)
    summary: dict[str, Any] = {
        "model": model.card.name,
        "weights_sha256": model.card.weights_sha256,
        "data_sha256": data.sha256,
        "n_cases": len(data),
        "n_patients": len(np.unique(data.patients)),
        "seed": seed,
        **summarise(measured, calibration, seed),
    }
    return summary, calibration
