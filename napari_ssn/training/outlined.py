"""Figures of one object that is pointed at: what a model says given that there is one.

The figures of `napari_ssn.training.evaluate` are of the mixture, in which readers who outline
nothing count. These are of the readers who outlined something against the hypotheses that are not
empty, as the window states them.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from napari_ssn.core import metrics
from napari_ssn.core.distribution import LogitDistribution, draw_z
from napari_ssn.core.measures import label_counts
from napari_ssn.geometry.affine import Affine
from napari_ssn.geometry.apart import share_apart
from napari_ssn.geometry.arrays import Floats, Ints, Mask
from napari_ssn.network.models import Model
from napari_ssn.text.training import and_more
from napari_ssn.training.cases import Case, Cases
from napari_ssn.training.off_nodule import elsewhere_of

#: Lesions below this mean diameter of a ball are small to a radiologist.
SMALL_MM = 8.0
#: How far a click is moved.
MOVES_MM = (4.0, 8.0)
# Hypotheses for a median.
_MEDIAN_OF = 200


def outlined_figures(
    dist: LogitDistribution, case: Case, counts: Ints, samples: int, seed: int
) -> dict[str, float]:
    """Figures of a case given presence; none where no reader outlined anything.

    Args:
        dist: what the model found.
        case: with its readers.
        counts: (n,) voxels of n hypotheses given presence, without pixel noise.
        samples: drawn for the distances.
        seed: of these.

    Returns:
        ``given_ged2_v``, ``given_ged2_v_perfect``, ``given_diversity``, ``given_reader_diversity``
        over the readers who outlined and as many of the samples as are not empty; ``dice_drawn``
        of the mean map with each of them; ``apart`` and ``apart_reader`` (see `share_apart`);
        ``volume_error`` of the median and ``volume_crps`` (fair), as shares of their mean, and
        ``volume_crps_ml``. Where all outlined: ``missed``
        (the mean map is empty) and ``nothing`` (share of hypotheses of the mixture that are).
    """
    drew = case.raters.any(axis=tuple(range(1, case.raters.ndim)))
    if not drew.any():
        return {}
    theirs = case.raters[drew]
    mean_map = dist.placed(dist.label_map())
    row = {"dice_drawn": _mean(metrics.dice_each(mean_map, theirs, classes=dist.classes))}
    drawn = dist.given_presence().sample(samples, seed, pixel_noise=True)
    there = drawn[drawn.any(axis=tuple(range(1, drawn.ndim)))]
    if len(there):
        row["apart"] = share_apart(there)
        row["apart_reader"] = share_apart(theirs)
        placed = dist.placed(there)
        apart = metrics.SetDistances.between(placed, theirs, classes=dist.classes)
        row["given_ged2_v"] = apart.energy_distance()
        if len(there) > 1:
            row["given_diversity"] = apart.sample_diversity()
        if len(theirs) > 1:
            row["given_reader_diversity"] = apart.rater_diversity()
            row["given_ged2_v_perfect"] = metrics.perfect_energy_distance(
                apart.rater_diversity(), len(theirs), len(there)
            )
    sizes = theirs.reshape(len(theirs), -1).sum(1).astype(float)
    found = counts[counts > 0].astype(float)
    if len(found) > 1:
        median = float(np.median(found))
        row["volume_error"] = float((np.abs(median - sizes) / sizes).mean())
        crps = metrics.fair_crps(found, sizes)
        row["volume_crps"] = crps / float(sizes.mean())
        row["volume_crps_ml"] = crps * Affine(case.volume.affine).voxel_ml
    if drew.all():
        empty = float((counts == 0).mean())
        row["missed"] = float(not mean_map.any())
        row["nothing"] = 1 - dist.presence * (1 - empty)
    return row


def moved_figures(model: Model, case: Case, dist: LogitDistribution, seed: int) -> dict[str, float]:
    """How far the median size moves when the click does, as shares of it, with their sign.

    The other click lies on something that a reader outlined too, about 4 or 8 mm from the first,
    and is chosen by chance; ``moved_4mm`` and ``moved_8mm`` are missing where there is none.
    """
    assert case.centre is not None
    there = np.argwhere(case.raters.any(0))
    apart = (there - np.array(case.centre)) @ Affine(case.volume.affine).steps.T
    far = np.linalg.norm(apart, axis=1)
    before = _median(dist, seed)
    random, row = np.random.default_rng([seed, 3]), {}
    for distance in MOVES_MM:
        near = there[np.abs(far - distance) < 1]
        if len(near) and before > 0:
            point = tuple(int(i) for i in near[random.integers(len(near))])
            after = _median(model.segment(case.volume, point), seed)
            row[f"moved_{distance:g}mm"] = after / before - 1
    return row


def elsewhere_figures(model: Model, case: Case, seed: int) -> dict[str, float]:
    """What the model says of presence at a point of the case that is on no nodule.

    ``elsewhere_presence``, and whether that offers one: ``elsewhere_offered``.
    """
    spacing = Affine(case.volume.affine).spacing_mm()
    random = np.random.default_rng([seed, 4])
    point = elsewhere_of(case.volume.data[0], case.raters, spacing, random)
    if point is None:
        return {}
    presence = model.segment(case.volume, point).presence
    return {"elsewhere_presence": presence, "elsewhere_offered": float(presence >= 0.5)}


def _median(dist: LogitDistribution, seed: int) -> float:
    counts = label_counts(dist, draw_z(_MEDIAN_OF, dist.rank, seed))[:, 1:].sum(1)
    some = counts[counts > 0]
    return float(np.median(some)) if len(some) else 0.0


def _mean(values: Floats) -> float:
    return float(np.nanmean(values))


def groups(cases: Cases) -> dict[str, Mask]:
    """Kinds of cases that figures are given for besides, by name: which cases are of each.

    By the number of readers who outlined something, by texture where radiologists noted it, and
    by size.
    """
    rows: list[dict[str, Any]] = []
    for i in range(len(cases)):
        case = cases[i]
        sizes = case.raters.reshape(len(case.raters), -1).sum(1)
        drew = sizes > 0
        volume = 1000 * float(sizes[drew].mean()) * Affine(case.volume.affine).voxel_ml
        diameter = (6 * volume / math.pi) ** (1 / 3) if drew.any() else math.nan
        rows.append(
            {
                "readers": int(drew.sum()),
                "texture": texture(case.notes.get("texture", ())),
                "diameter": diameter,
            }
        )
    found: dict[str, Mask] = {}
    for readers in sorted({row["readers"] for row in rows}):
        found[f"{readers} of {cases.raters} readers"] = np.array(
            [row["readers"] == readers for row in rows]
        )
    for kind in sorted({row["texture"] for row in rows} - {""}):
        found[kind] = np.array([row["texture"] == kind for row in rows])
    size = np.array([row["diameter"] for row in rows])
    found[f"below {SMALL_MM:g} mm"] = size < SMALL_MM
    found[and_more(SMALL_MM)] = size >= SMALL_MM
    return {name: which for name, which in found.items() if which.any()}


def texture(said: tuple[float, ...]) -> str:
    """Solid, part-solid or ground glass, by the median of what readers noted (5, 3, 1)."""
    noted = [value for value in said if math.isfinite(value)]
    if not noted:
        return ""
    middle = float(np.median(noted))
    return "ground glass" if middle < 2.5 else "part-solid" if middle < 4.5 else "solid"
