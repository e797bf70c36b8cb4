"""Sizes of many hypotheses: of any, and at every stop of a walk."""

from __future__ import annotations

import math

import numpy as np

from napari_ssn.core.counts import count_labels
from napari_ssn.core.measures import label_counts
from napari_ssn.core.packed.flips import flips_along
from napari_ssn.core.summaries.lesions import Lesions
from napari_ssn.errors import Cancel
from napari_ssn.geometry.arrays import Floats, Ints
from napari_ssn.prediction import lesions as by_lesions
from napari_ssn.prediction.choice import Choice, Points
from napari_ssn.prediction.curve import Curve, stops
from napari_ssn.prediction.decode import anchor_z
from napari_ssn.prediction.prediction import Prediction

# z counted between two looks at the cancel button.
_BATCH = 128
# Bytes of label maps at the stops of a walk that are kept.
_KEPT = 1 << 24


def count_sizes(prediction: Prediction, points: Points, z: Floats, cancel: Cancel) -> Ints:
    """Voxels of each label for each z, (n, C), looking at the cancel button on the way."""
    source = prediction.given.source(points)
    # Those of one length together: short ones touch few voxels, and are counted sooner.
    order = np.argsort(np.linalg.norm(z, axis=1), kind="stable")
    counts = np.empty((len(z), prediction.dist.classes), np.int64)
    for first in range(0, len(z), _BATCH):
        cancel.check()
        part = order[first : first + _BATCH]
        counts[part] = label_counts(source, z[part])
    return counts


def curve_along(
    prediction: Prediction, choice: Choice, reach: float, lesions: Lesions | None, cancel: Cancel
) -> Curve:
    """Count the labels at every stop of the slider along a choice's walk, lesion by lesion.

    The label maps at the stops are kept, of a large prediction as `Flips`, for decoding is
    no more work than counting; of a large one given points, whose correction differs from stop to
    stop, not.
    """
    anchor = anchor_z(prediction, choice)
    directions = prediction.bases.known(choice.basis)
    z = np.stack([directions.z(choice.direction, t, anchor) for t in stops(reach)])
    by_lesion = maps = None
    if lesions is not None and lesions.several:
        by_lesion = by_lesions.counts(prediction, choice.points, lesions, z, cancel)
    flips = None if choice.points else flips_along(prediction.dist, z, cancel)
    if flips is not None:
        counts = flips.counts
    elif len(z) * math.prod(prediction.dist.space) <= _KEPT:
        maps = prediction.given.source(choice.points).label_maps(z)
        counts = np.stack([count_labels(one, prediction.dist.classes) for one in maps])
    else:
        known = None if by_lesion is None else by_lesion.sum(1)
        counts = count_sizes(prediction, choice.points, z, cancel) if known is None else known
    walk = (prediction.run, choice.anchor, choice.direction, reach)
    return Curve(*walk, counts, flips, maps, by_lesion, choice.basis)
