"""Measuring a model against its raters: what is said of many cases together.

Every figure is a mean over cases with a 95 % interval from resampling patients; the formulas
are those of `napari_ssn.core.metrics`, and `napari_ssn.training.measuring` runs the model.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_ssn.core import metrics
from napari_ssn.documents.card import Calibration, PresenceCalibration
from napari_ssn.geometry.arrays import Floats, Ints
from napari_ssn.network.models import Model
from napari_ssn.training.calibrating import calibrate, calibrate_presence, held_by
from napari_ssn.training.cases import Cases
from napari_ssn.training.measuring import Measurement, measure
from napari_ssn.training.outlined import groups

# Of 0 to 1, where none or all of the cases seen does not say that no other could differ.
_SHARES = {
    "nothing_agreement",
    "missed",
    "nothing",
    "elsewhere_presence",
    "elsewhere_offered",
    "apart",
    "apart_reader",
}


def summarise(
    measured: Measurement, calibration: Calibration | None, seed: int = 0
) -> dict[str, Any]:
    """Means with 95 % intervals over patients, as ``{"mean", "low", "high"}``.

    Bootstrapped, those of what is so or not in each case exact (`metrics.share_interval`).
    ``outline_width_90`` is in voxels, the relative one in shares of what the readers outlined.
    Where there are several labels, each has its own figures besides, named ``FIGURE/LABEL``. The
    calibrated figures are left out of the summary of a model that has no calibration.
    """
    values = dict(measured.values)
    ways: dict[str, Calibration | None] = {"_uncalibrated": None}
    if calibration is not None:
        ways[""] = calibration
    coverage: dict[str, dict[str, float] | None] = {}
    for suffix, stated in ways.items():
        held = held_by(measured, stated)
        parts = {"": held}
        if len(measured.labels) > 1:
            parts |= {f"/{label}": held.only(i) for i, label in enumerate(measured.labels)}
        for part, one in parts.items():
            values[f"outline_width_90{suffix}{part}"] = one.width.mean(1)
            values[f"outline_relative_width_90{suffix}{part}"] = one.relative_width.mean(1)
            coverage[f"outline_coverage_90{suffix}{part}"] = one.by_patient(seed)
    if "nothing_agreement" in values:
        probability, share = measured.outlined.T
        values["presence_brier"] = metrics.brier_scores(probability, share)
        base = np.full_like(share, share.mean())
        values["presence_brier_base"] = metrics.brier_scores(base, share)
        # Readers who do not agree are not foreseen one by one by who knows how many outline.
        values["presence_brier_perfect"] = metrics.brier_scores(share, share)
    summary: dict[str, Any] = {}
    for name, value in values.items():
        there = np.isfinite(value)
        if there.any():
            of = metrics.share_interval if name in _SHARES else metrics.bootstrap_interval
            interval = of(value[there], measured.patients[there], seed=seed)
            summary[name] = interval._asdict()
    summary |= _median_lengths(measured, seed)
    for name, value in values.items():
        if name.startswith("moved_") and np.isfinite(value).any():
            # Some up and some down would cancel out.
            summary[f"{name}_90"] = np.nanquantile(value, [0.05, 0.95]).tolist()
    summary |= coverage
    if "nothing_agreement" in values:
        summary["presence_reliability"] = _reliability_curve(*measured.outlined.T)
    for name, sums in (("ece", measured.reliability), ("ece_doubtful", measured.doubtful)):
        summary[name] = _pooled_ece(sums.sum(1), measured.patients, seed)
        if len(measured.labels) > 1:
            for i, label in enumerate(measured.labels):
                summary[f"{name}/{label}"] = _pooled_ece(sums[:, i], measured.patients, seed)
    return {name: value for name, value in summary.items() if value is not None}


def _median_lengths(measured: Measurement, seed: int) -> dict[str, dict[str, float]]:
    """Median over raters and cases of the diameter's error, of each label where there are several.

    The mean of the same is among the other figures: a few outlines that go astray carry it.
    """
    parts = {"": measured.diameters}
    if len(measured.labels) > 1:
        each = np.moveaxis(measured.diameters, 2, 0)[..., None]
        parts |= {f"/{label}": one for label, one in zip(measured.labels, each, strict=True)}
    found = {}
    for part, errors in parts.items():
        known = np.isfinite(errors)
        if known.any():
            whose = np.broadcast_to(measured.patients[:, None, None], errors.shape)[known]
            interval = metrics.bootstrap_median(errors[known], whose, seed=seed)
            found[f"diameter_error_mm_median{part}"] = interval._asdict()
    return found


def _reliability_curve(probability: Floats, share: Floats) -> dict[str, Any]:
    """Of each tenth of probability: cases, their mean probability, and the share of raters."""
    count, of_model, of_raters = metrics.calibration_sums(probability, share, 10)
    there = count > 0
    return {
        "cases": count[there].astype(int).tolist(),
        "probability": (of_model[there] / count[there]).tolist(),
        "share_of_raters": (of_raters[there] / count[there]).tolist(),
        **{
            name: value
            for name, value in metrics.brier_parts(probability, share)._asdict().items()
            if name in ("reliability", "resolution")
        },
    }


def _pooled_ece(sums: Floats, patients: NDArray[np.generic], seed: int) -> dict[str, float] | None:
    """Calibration error over the voxels of all cases together, resampling patients."""
    kinds, place = np.unique(patients, return_inverse=True)
    pooled = np.zeros((len(kinds), *sums.shape[1:]))
    np.add.at(pooled, place, sums)
    weights = metrics.bootstrap_weights(len(kinds), seed=seed)
    resampled = np.einsum("ng,gkb->nkb", weights, pooled)
    if not (resampled[:, 0].sum(-1) > 0).all():
        return None
    low, high = np.quantile(metrics.calibration_error(resampled), [0.025, 0.975])
    mean = float(metrics.calibration_error(pooled.sum(0)))
    return {"mean": mean, "low": float(low), "high": float(high)}


@dataclass(frozen=True)
class Evaluation:
    """What `evaluate` found.

    Attributes:
        figures: what ``napari-ssn evaluate`` prints.
        calibration: the one learnt, or the card's.
        presence: likewise, of what the network says of presence; in force from the next run on.
        worst: indices of the cases, worst first.
    """

    figures: dict[str, Any]
    calibration: Calibration | None
    presence: PresenceCalibration | None
    worst: Ints


def evaluate(
    model: Model,
    cases: Cases,
    *,
    seed: int = 0,
    temperature: float = 1.0,
    calibrate_on: str | None = None,
    report: Callable[[int, int], None] = lambda *_: None,
    points: bool = False,
) -> Evaluation:
    """Measure a model.

    Args:
        model: of the cases' channels, labels and dimensions.
        cases: what to measure on.
        seed: of all draws.
        temperature: see `LogitDistribution.tempered`.
        calibrate_on: name of this data, to learn the calibration from it first; None uses the
            card's.
        report: called with (cases done, cases in all).
        points: of nodules, also measure what a click beside the first makes, and one on none.
    """
    measured = measure(model, cases, seed, temperature, report, points)
    calibration, presence = model.card.calibration, model.card.presence
    if calibrate_on is not None:
        calibration = calibrate(measured, calibrate_on)
        presence = calibrate_presence(measured, calibrate_on, presence)
    figures: dict[str, Any] = {
        "model": model.card.name,
        "weights_sha256": model.card.weights_sha256,
        "data_sha256": cases.sha256,
        "n_cases": len(cases),
        "n_patients": len(np.unique(cases.patients)),
        "seed": seed,
        "temperature": temperature,
        **summarise(measured, calibration, seed),
    }
    for name in [name for name in figures if name.startswith("outline_")]:
        # The range is stated of outlines, and so are the figures of it that others look for.
        figures[name.removeprefix("outline_")] = figures[name]
    if len(cases) and cases[0].centre is not None:
        figures["groups"] = {
            name: {
                "n_cases": int(which.sum()),
                "n_patients": len(np.unique(measured.patients[which])),
                **summarise(measured.only(which), calibration, seed),
            }
            for name, which in groups(cases).items()
        }
    # By the distance that both the energy distance and the paper use; ties by their order.
    worst = np.argsort(-measured.values["ged2_v_100"], kind="stable")
    return Evaluation(figures, calibration, presence, worst)
