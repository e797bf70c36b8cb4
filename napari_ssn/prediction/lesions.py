"""Lesions of a prediction: told apart, counted, and where they are."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch

from napari_ssn.core.summaries.lesions import Lesions, Rules, find_lesions, lesion_counts
from napari_ssn.errors import NEVER, Cancel
from napari_ssn.geometry.arrays import Floats, Ints, Labels
from napari_ssn.prediction.choice import Points
from napari_ssn.prediction.prediction import Prediction

# What is smaller is noise rather than a lesion: a ball of 2.7 mm across, and of pixels.
_SMALLEST_ML = 0.01
_SMALLEST_VOXELS = 8


def rules_for(prediction: Prediction) -> Rules:
    """What counts as a lesion in a prediction: at least 0.01 mL, or 8 voxels where they are large.

    In a single slice, or where the size of a voxel is unknown, 8 pixels.
    """
    measure, smallest = prediction.measure, _SMALLEST_VOXELS
    if measure.extent == "volume" and not measure.flat:
        smallest = max(smallest, math.ceil(1000 * _SMALLEST_ML / measure.voxel_mm))
    return Rules(smallest)


def tell_apart(prediction: Prediction, cancel: Cancel) -> Lesions:
    """Tell the lesions of a prediction apart, in draws or in the members of a small ensemble."""
    return by_rules(prediction, rules_for(prediction), cancel)


def by_rules(prediction: Prediction, rules: Rules, cancel: Cancel = NEVER) -> Lesions:
    """Tell lesions apart by some rules; of a small ensemble its members are all hypotheses."""
    members = prediction.members
    z = None if members is None or members.many else members.z[members.outlined]
    rules = rules if z is None else replace(rules, draws=len(z))
    return find_lesions(prediction.dist, rules, cancel.check, z)


def counts(
    prediction: Prediction, points: Points, lesions: Lesions, z: Floats, cancel: Cancel
) -> Ints:
    """Voxels of each label in each lesion's part for each z, (n, K + 1, C)."""
    plain_z = z[:, : prediction.dist.rank]
    out = lesion_counts(prediction.dist, lesions.parts, plain_z, cancel.check)
    if not points:
        return out
    given = prediction.given.posterior(points)
    near = given.near
    if not len(near):
        return out
    # Only near points is anything else than without them.
    there = torch.zeros(prediction.dist.space, dtype=torch.bool, device=prediction.dist.device)
    there.view(-1)[torch.from_numpy(near).to(there.device)] = True
    plain = prediction.dist.at(there).label_maps(plain_z).reshape(len(z), -1)
    cells = lesions.parts.reshape(-1)[near].astype(np.int64) * prediction.dist.classes
    for row, before, after in zip(out, plain, given.labels_at(z, near), strict=True):
        row += _tally(cells + after, row.shape) - _tally(cells + before, row.shape)
    return out


def _tally(cells: Ints, shape: tuple[int, ...]) -> Ints:
    return np.bincount(cells, minlength=math.prod(shape)).reshape(shape)


def middle_of(label_map: Labels) -> tuple[int, ...] | None:
    """Of each axis the slice in which most is labelled; None where nothing is.

    Where there are several such slices, the one in their middle.
    """
    on = label_map > 0
    if not on.any():
        return None
    place = []
    for axis in range(on.ndim):
        areas = on.sum(tuple(other for other in range(on.ndim) if other != axis))
        largest = np.flatnonzero(areas == areas.max())
        place.append(int(largest[len(largest) // 2]))
    return tuple(place)
