"""Running a model on every case of a set and comparing it with the raters.

The formulas are those of `napari_ssn.core.metrics`; `napari_ssn.training.evaluate` summarises.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, fields, replace

import numpy as np
from numpy.typing import NDArray

from napari_ssn.core import metrics
from napari_ssn.core.directions.principal import label_gram
from napari_ssn.core.distribution import LogitDistribution, draw_z
from napari_ssn.core.measures import Range, central_range, label_counts, outlined_range
from napari_ssn.documents.card import ModelCard
from napari_ssn.errors import DataError
from napari_ssn.geometry.arrays import Floats, Ints, Labels, Mask, Singles
from napari_ssn.network.models import Model
from napari_ssn.training.between import reader_figures
from napari_ssn.training.calibrating import LEVEL
from napari_ssn.training.cases import Case, Cases
from napari_ssn.training.lengths import diameter_errors, reader_diameters
from napari_ssn.training.outlined import elsewhere_figures, moved_figures, outlined_figures

SAMPLES = 100
FEW = 16
HYPOTHESES = 1000
_BINS = 15
# Voxels are in doubt between these probabilities. What raters did must not choose them: of voxels
# that are chosen because a rater marked them more are marked than any honest probability says.
_DOUBT = (0.01, 0.99)


@dataclass(frozen=True)
class Measurement:
    """What was measured on each case of a set, before it is summarised.

    K raters, the most any case has, and L labels without the background.

    Attributes:
        labels: names of the L labels.
        values: by name, (n,) one figure per case; NaN where it does not exist.
        sizes: (n, K, L) voxels of each label, by each rater; NaN where there is no rater.
        ranges: (n, L, 3) low, median and high of the model's count over hypotheses.
        given: the same over those hypotheses that are not empty; NaN where all are.
        reliability: (n, L, 3, bins) sums of `metrics.calibration_sums`, over all voxels.
        doubtful: the same over voxels in doubt.
        outlined: (n, 2) the model's probability of an outline of any label, and the share of
            raters who drew one.
        patients: (n,).
        presence: (n,) what the model says of it; 1 where it does not ask.
        diameters: (n, K, L) how far the longest diameter of the median hypothesis lies from each
            rater's, in mm; NaN where either has none or the voxel size is unknown.
        places: (n, K, L) share of the hypotheses with a label that have less of it than a rater
            outlined, half of those with as much; NaN where either has none.
    """

    labels: tuple[str, ...]
    values: dict[str, Floats]
    sizes: Floats
    ranges: Floats
    given: Floats
    reliability: Floats
    doubtful: Floats
    outlined: Floats
    patients: NDArray[np.generic]
    presence: Floats
    diameters: Floats
    places: Floats

    def only(self, which: Mask) -> Measurement:
        """Of some of the cases, (n,) bool."""
        arrays = {one.name: getattr(self, one.name) for one in fields(self)}
        del arrays["labels"], arrays["values"]
        return replace(
            self,
            values={name: value[which] for name, value in self.values.items()},
            **{name: value[which] for name, value in arrays.items()},
        )


def measure(
    model: Model,
    cases: Cases,
    seed: int = 0,
    temperature: float = 1.0,
    report: Callable[[int, int], None] = lambda *_: None,
    points: bool = False,
) -> Measurement:
    """Run a model on every case and compare it with the raters.

    Samples carry pixel noise, as in the paper; volumes are counted on hypotheses without it,
    as the window shows them. Case i draws with seed ``seed + i``.

    Args:
        model: of the cases' channels, labels and dimensions.
        cases: what to measure on.
        seed: of all draws.
        temperature: see `LogitDistribution.tempered`.
        report: called with (cases done, cases in all).
        points: of nodules, also measure what a click beside the first makes, and one on none.
    """
    check_fits(model.card, cases)
    labels = cases.labels[1:]
    n, count = len(cases), len(labels)
    sizes = np.full((n, cases.raters, count), math.nan)
    ranges, given = np.zeros((n, count, 3)), np.full((n, count, 3), math.nan)
    sums = np.zeros((2, n, count, 3, _BINS))
    rows: list[dict[str, float]] = []
    outlined, presence = np.zeros((n, 2)), np.ones(n)
    lengths = np.full((n, cases.raters, count), math.nan)
    places = np.full((n, cases.raters, count), math.nan)
    for i in range(n):
        case = cases[i]
        dist = model.segment(case.volume, case.centre)
        if temperature != 1:
            dist = dist.tempered(temperature)
        row = _distances(dist, case, seed + i)
        row |= _overlap(dist, case, labels)
        spectrum = np.linalg.eigvalsh(label_gram(dist)).clip(min=0)
        if spectrum.max() > 0:
            row["effective_rank"] = metrics.effective_rank(spectrum)
        draws = draw_z(HYPOTHESES, dist.rank, seed + i)
        counts = label_counts(dist, draws)[:, 1:]
        drawn = reader_diameters(case, dist.classes)
        lengths[i, : len(drawn)] = diameter_errors(dist, case, draws, counts, drawn)
        row |= _mean_of_raters("diameter_error_mm", lengths[i], labels)
        theirs = np.stack([(case.raters == c + 1).sum(_space(case)) for c in range(count)], -1)
        sizes[i, : len(theirs)] = theirs
        places[i, : len(theirs)] = _places(theirs, counts)
        row |= _mean_of_raters("size_place", places[i], labels)
        for label in range(count):
            ranges[i, label] = _ends(central_range(counts[:, label], LEVEL))
            given[i, label] = _ends(outlined_range(counts[:, label], LEVEL))
        presence[i] = dist.presence
        outlined[i] = dist.presence * (counts.sum(1) > 0).mean(), (theirs.sum(1) > 0).mean()
        row |= _nothing(*outlined[i])
        if case.centre is None:
            row |= _volume_error(ranges[i, :, 1], theirs, labels)
        else:
            row |= outlined_figures(dist, case, counts.sum(1), SAMPLES, seed + i)
            row |= reader_figures(case, dist.classes, drawn[:, 0])
            if points:
                row |= moved_figures(model, case, dist, seed + i)
                row |= elsewhere_figures(model, case, seed + i)
        if count > 1:
            whole = np.median(counts.sum(1, keepdims=True), axis=0)
            error = _volume_error(whole, theirs.sum(1, keepdims=True), ("whole",))
            if error:
                row["volume_error_whole"] = error["volume_error"]
        sums[:, i] = _reliability(_placed(dist, dist.probabilities()), case.raters)
        rows.append(row)
        report(i + 1, n)
    names = list(dict.fromkeys(name for row in rows for name in row))
    if not bool((np.nansum(sizes, axis=2)[np.isfinite(sizes).all(2)] == 0).any()):
        # Where every rater marks something in every case, agreeing on that says nothing.
        names = [name for name in names if not name.startswith("nothing_")]
    values = {name: np.array([row.get(name, math.nan) for row in rows]) for name in names}
    return Measurement(
        labels,
        values,
        sizes,
        ranges,
        given,
        sums[0],
        sums[1],
        outlined,
        cases.patients,
        presence,
        lengths,
        places,
    )


def check_fits(card: ModelCard, cases: Cases) -> None:
    """DataError unless a model and a set have the same dimensions, channels and labels."""
    for what, wanted, there in (
        # A 2D model reads a volume slice by slice.
        ("dimensions", max(card.spatial_dims, cases.spatial_dims), cases.spatial_dims),
        ("channels", len(card.channels), len(cases.channels)),
        ("labels", card.classes, len(cases.labels)),
    ):
        if wanted != there:
            raise DataError(f"{card.title} has {wanted} {what}, and the data has {there}.")


def _placed(dist: LogitDistribution, probability: Singles) -> Singles:
    """Probabilities (C, *S) in the image that a region was cut from; background beyond it."""
    if dist.image_space == dist.space:
        return probability
    out = dist.placed(probability)
    out[0] = 1 - out[1:].sum(0)
    return out


def _ends(found: Range | None) -> tuple[float, float, float]:
    return (math.nan,) * 3 if found is None else (found.low, found.median, found.high)


def _places(theirs: Ints, counts: Ints) -> Floats:
    """Where (K, L) sizes of readers lie among (n, L) of hypotheses, empty ones aside; (K, L)."""
    out = np.full(theirs.shape, math.nan)
    for label, column in enumerate(counts.T):
        drawn = np.sort(column[column > 0])
        if len(drawn):
            low = np.searchsorted(drawn, theirs[:, label], "left")
            high = np.searchsorted(drawn, theirs[:, label], "right")
            out[:, label] = (low + high) / (2 * len(drawn))
    out[theirs == 0] = math.nan
    return out


def _space(case: Case) -> tuple[int, ...]:
    return tuple(range(1, case.raters.ndim))


def _distances(dist: LogitDistribution, case: Case, seed: int) -> dict[str, float]:
    # Beyond a region around a point there is nothing, and a rater may go on there.
    drawn = dist.placed(dist.sample(SAMPLES, seed, pixel_noise=True))
    many = metrics.SetDistances.between(drawn, case.raters, classes=dist.classes)
    few = many.first(FEW)
    row = {
        "ged2_v_16": few.energy_distance(),
        "ged2_v_100": many.energy_distance(),
        "diversity_100": many.sample_diversity(),
        "hungarian_iou_16": few.hungarian_iou(),
    }
    for name, found in (("ged2_u_16", few), ("ged2_u_100", many)):
        # One rater's distance from another is not known, and 0 from himself.
        row[name] = (
            found.energy_distance(unbiased=True)
            if len(case.raters) > 1
            else 2 * float(found.samples_raters.mean()) - found.sample_diversity()
        )
    if len(case.raters) > 1:
        apart = many.rater_diversity()
        row["rater_diversity"] = apart
        for samples in (FEW, SAMPLES):
            row[f"ged2_v_{samples}_perfect"] = metrics.perfect_energy_distance(
                apart, len(case.raters), samples
            )
    return row


def _overlap(dist: LogitDistribution, case: Case, labels: tuple[str, ...]) -> dict[str, float]:
    mean_map = dist.placed(dist.label_map())
    if dist.presence < 0.5:
        # The likeliest answer is that there is nothing.
        mean_map = np.zeros_like(mean_map)
    row: dict[str, float] = {}
    for name, function in (
        ("dice_each", metrics.dice_each),
        ("dice_majority", metrics.dice_majority),
    ):
        row |= _by_label(name, function(mean_map, case.raters, classes=dist.classes), labels)
    return row


def _by_label(name: str, values: Floats, labels: tuple[str, ...]) -> dict[str, float]:
    """Mean over the labels that have a value, and each of them where there are several."""
    there = np.isfinite(values)
    row = {name: float(values[there].mean())} if there.any() else {}
    if len(labels) > 1:
        row |= {
            f"{name}/{label}": float(value)
            for label, value in zip(labels, values, strict=True)
            if np.isfinite(value)
        }
    return row


def _mean_of_raters(name: str, values: Floats, labels: tuple[str, ...]) -> dict[str, float]:
    """Mean over the raters, of each label, of (K, L); NaN where one has none."""
    known = np.isfinite(values).any(0)
    mean = np.full(len(labels), math.nan)
    mean[known] = np.nanmean(values[:, known], axis=0)
    return _by_label(name, mean, labels)


def _nothing(probability: float, share: float) -> dict[str, float]:
    """Whether model and raters are on one side of one half on whether anything is there.

    Raters who are split agree with either.
    """
    return {"nothing_agreement": float((probability - 0.5) * (share - 0.5) >= 0)}


def _volume_error(median: Floats, theirs: Ints, labels: tuple[str, ...]) -> dict[str, float]:
    """|median − rater's volume| / rater's volume, over raters who marked the label."""
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.where(theirs > 0, np.abs(median - theirs) / theirs, math.nan)
    marked = np.isfinite(error).any(0)
    mean = np.full(len(labels), math.nan)
    mean[marked] = np.nanmean(error[:, marked], axis=0)
    return _by_label("volume_error", mean, labels)


def _reliability(probability: Singles, raters: Labels) -> Floats:
    """Calibration sums per label over all voxels and over those in doubt, (2, L, 3, bins)."""
    out = np.zeros((2, len(probability) - 1, 3, _BINS))
    for label in range(1, len(probability)):
        p = probability[label].clip(0, 1)
        frequency = (raters == label).mean(0)
        out[0, label - 1] = metrics.calibration_sums(p, frequency, bins=_BINS)
        doubt = (p > _DOUBT[0]) & (p < _DOUBT[1])
        if doubt.any():
            out[1, label - 1] = metrics.calibration_sums(p[doubt], frequency[doubt], bins=_BINS)
    return out
