"""Learning how far a model's range must reach to hold what readers outline, and checking it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, special

from napari_ssn.core import metrics
from napari_ssn.core.summaries.conformal import conformal_factors
from napari_ssn.documents.card import Calibration, Factors, PresenceCalibration
from napari_ssn.errors import DataError
from napari_ssn.geometry.arrays import Floats

if TYPE_CHECKING:
    from napari_ssn.training.measuring import Measurement

LEVEL = 0.9
# Fewer patients with an outline than this, and the factors are one or two patients'.
_PATIENTS = 20
# A place beyond all hypotheses is no farther out than this: of a thousand the ends are chance.
_PLACES = (0.005, 0.995)


def calibrate(measured: Measurement, data: str) -> Calibration:
    """Learn the factors that make the model's range hold 90 % of a new patient's outlines.

    By patient, on outlines that are not empty, each label by itself: `conformal_factors`, on the
    range of those hypotheses that are not empty.

    Raises:
        DataError: too few patients have an outline, or no label can be calibrated.
    """
    found: list[Factors | None] = []
    patients: list[int] = []
    most = 0
    for label in range(len(measured.labels)):
        sizes = measured.sizes[:, :, label]
        there = np.unique(measured.patients[(sizes > 0).any(1)])
        most = max(most, len(there))
        below = above = math.inf
        if len(there) >= _PATIENTS:
            low, median, high = measured.given[:, label].T
            below, above = conformal_factors(sizes, low, median, high, measured.patients, LEVEL)
        # Infinite: too many ranges end at their median. Both zero: every range would be a point.
        usable = math.isfinite(max(below, above)) and max(below, above) > 0
        shared = shared_doubt(measured.places[:, :, label], measured.patients)
        found.append(Factors(below=below, above=above, shared=shared) if usable else None)
        patients += [len(there)] if usable else []
    if most < _PATIENTS:
        raise DataError(
            f"The model's range cannot be calibrated on {most} patients with an outline: "
            f"take at least {_PATIENTS}."
        )
    usable_ones = [one for one in found if one is not None]
    if not usable_ones:
        raise DataError(
            "The model's range cannot be calibrated on this data: too many ranges are empty."
        )
    return Calibration(
        level=LEVEL,
        below=max(one.below for one in usable_ones),
        above=max(one.above for one in usable_ones),
        data=data,
        readers=measured.sizes.shape[1],
        patients=min(patients),
        labels=found,
    )


def shared_doubt(places: Floats, patients: NDArray[np.generic]) -> float:
    """What two readers of one image have in common in how far the model was off.

    The intraclass correlation of Φ⁻¹ of their places among the model's sizes: mean product of two
    readers' of one case over their mean square, both about the mean of all, every patient once.

    Source: Fisher 1925, section 38; for the Gaussian copula that it is used in see
    `core.change.Change.as_readers`.

    Args:
        places: (n, K) from 0 to 1; NaN where a reader outlined nothing.
        patients: (n,).

    Returns:
        0 to 1; 0 where no two readers outlined one case.
    """
    z = special.ndtri(np.clip(places, *_PLACES))
    count = np.isfinite(z).sum(1)
    z, patients, count = z[count > 1], patients[count > 1], count[count > 1]
    if not len(z):
        return 0.0
    _, place, of = np.unique(patients, return_inverse=True, return_counts=True)
    weight = 1 / of[place]
    weight /= weight.sum()
    z = z - weight @ np.nanmean(z, axis=1)
    square = np.nansum(z**2, axis=1)
    pairs = (np.nansum(z, axis=1) ** 2 - square) / (count * (count - 1))
    both, alone = weight @ pairs, weight @ (square / count)
    return float(np.clip(both / alone, 0, 1)) if alone > 0 else 0.0


def calibrate_presence(
    measured: Measurement, data: str, before: PresenceCalibration | None = None
) -> PresenceCalibration | None:
    """Learn how what a network says of presence becomes a probability, by patient.

    ``σ(a · logit + b)`` with the a and b of the least cross-entropy against the shares of readers
    (Platt scaling); every patient counts once. Where the model was also asked at a point on no
    nodule in each case, these count a third of the others, as in training.

    Args:
        measured: with the presence of each case; ``elsewhere_presence`` beside it.
        data: name of it.
        before: the calibration that was in force.

    Returns:
        None for a model that says 1 of every case.
    """
    said, share = measured.presence, measured.outlined[:, 1]
    if (said == 1).all():
        return None
    _, place, count = np.unique(measured.patients, return_inverse=True, return_counts=True)
    weight = 1 / count[place]
    elsewhere = measured.values.get("elsewhere_presence")
    if elsewhere is not None:
        there = np.isfinite(elsewhere)
        said = np.concatenate([said, elsewhere[there]])
        share = np.concatenate([share, np.zeros(int(there.sum()))])
        weight = np.concatenate([weight, weight[there] / 3])
    logit = np.log(said / np.maximum(1 - said, 1e-12))
    if before is not None:
        logit = (logit - before.shift) / before.scale

    def entropy(at: Floats) -> float:
        value = np.exp(at[0]) * logit + at[1]
        return float((weight * (np.logaddexp(0, value) - share * value)).sum())

    found = optimize.minimize(entropy, np.zeros(2), method="Nelder-Mead").x
    return PresenceCalibration(
        scale=float(np.exp(found[0])),
        shift=float(found[1]),
        base_rate=float((weight * share).sum() / weight.sum()),
        data=data,
    )


@dataclass(frozen=True)
class Held:
    """How ranges hold what readers outline, in n cases of L labels.

    Attributes:
        inside: (n, L) outlines within the range.
        outlines: (n, L) in all; those of a case without a range are outside.
        width: (n, L); NaN where there is no range.
        mean_size: (n, L) of those who outlined; NaN where nobody did.
        patients: (n,).
    """

    inside: Floats
    outlines: Floats
    width: Floats
    mean_size: Floats
    patients: NDArray[np.generic]

    def only(self, label: int) -> Held:
        """Of one label, (n, 1)."""
        one = (slice(None), slice(label, label + 1))
        inside, outlines = self.inside[one], self.outlines[one]
        return Held(inside, outlines, self.width[one], self.mean_size[one], self.patients)

    @property
    def relative_width(self) -> Floats:
        """Width ÷ mean size of those who outlined; (n, L), NaN where one is missing."""
        return self.width / self.mean_size

    def by_patient(self, seed: int) -> dict[str, float] | None:
        """Share of outlines held, of each patient and then over patients; None without one."""
        kinds, place = np.unique(self.patients, return_inverse=True)
        inside, outlines = (
            np.bincount(place, weights=of.sum(1), minlength=len(kinds))
            for of in (self.inside, self.outlines)
        )
        there = outlines > 0
        if not there.any():
            return None
        share = inside[there] / outlines[there]
        return metrics.share_interval(share, kinds[there], seed=seed)._asdict()


def held_by(measured: Measurement, calibration: Calibration | None) -> Held:
    """What the range holds that a calibration states; None: the model's own, given an outline."""
    pooled = calibration is not None and calibration.patients == 0
    ends = measured.ranges if pooled else measured.given
    factors = [
        None if calibration is None else calibration.factors(label + 1)
        for label in range(len(measured.labels))
    ]
    # A label without factors is stated by the model's own range.
    below, above = np.array([(1.0, 1.0) if one is None else one for one in factors]).T
    low, median, high = (ends[..., i] for i in range(3))
    low, high = np.maximum(0, median - below * (median - low)), median + above * (high - median)
    # A rater exactly on an end is inside, whatever the multiplication rounded.
    slack = 1e-9 * (1 + high)
    there = measured.sizes > 0
    sizes = np.where(there, measured.sizes, math.nan)
    inside = (sizes >= (low - slack)[:, None]) & (sizes <= (high + slack)[:, None])
    count = there.sum(1)
    with np.errstate(invalid="ignore"):
        mean_size = np.nansum(sizes, axis=1) / count
    return Held(
        inside.sum(1).astype(float), count.astype(float), high - low, mean_size, measured.patients
    )
