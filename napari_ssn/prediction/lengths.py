"""Diameters of many hypotheses: their range, beside that of the sizes."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from napari_ssn.core.measures import Range, central_range, whole_range
from napari_ssn.errors import NEVER, Cancel
from napari_ssn.geometry.arrays import Floats
from napari_ssn.geometry.boxes import box_of
from napari_ssn.geometry.diameters import find_diameters, slice_axis
from napari_ssn.prediction.choice import Conditions, Points
from napari_ssn.prediction.crowd import crowd_of
from napari_ssn.prediction.prediction import Prediction
from napari_ssn.text.ensembles import of_members
from napari_ssn.text.lengths import LengthRanges

#: Hypotheses that are measured at most, and the seed of their draws.
DRAWS, SEED = 50, 0
# Voxels decoded for them: of a large region fewer are, but not fewer than so many.
_VOXELS, _FEWEST = 300_000_000, 20


@dataclass(frozen=True)
class Lengths:
    """Ranges of each foreground label's diameters, over the hypotheses that outline it.

    Attributes:
        draws: hypotheses that were drawn, or members.
        longest: range of the longest diameter of each label, in mm (in voxels, of an image whose
            voxel size is unknown); None where no hypothesis outlines it.
        mean: of the mean of that and the longest across it.
        perpendicular: of the longest across it.
        found: of each label the longest diameters that were found, the smallest first.
        across: and of the longest across these.
        whose: members of a small ensemble, in words, whose smallest and largest the ranges are;
            empty where hypotheses were drawn.
        around: ``around 21 networks`` where it was around members; empty of a model.
    """

    draws: int
    longest: tuple[Range | None, ...]
    mean: tuple[Range | None, ...]
    perpendicular: tuple[Range | None, ...]
    found: tuple[Floats, ...] = field(default=(), compare=False, repr=False)
    across: tuple[Floats, ...] = field(default=(), compare=False, repr=False)
    whose: str = ""
    around: str = ""

    def of(self, label: int) -> LengthRanges | None:
        """The ranges of one label, as they are said; None where no hypothesis outlines it.

        Args:
            label: its place among all, the background left out.
        """
        longest, mean = self.longest[label], self.mean[label]
        if longest is None or mean is None:
            return None
        across, whose = self.perpendicular[label], self.whose or self.around
        return LengthRanges(mean, longest, across, self.draws, whose)


def measure_lengths(
    prediction: Prediction, points: Points = (), only: Conditions = (), cancel: Cancel = NEVER
) -> Lengths:
    """Measure the diameters of draws, or of an ensemble's members.

    Args:
        prediction: whose hypotheses.
        points, only: that they are drawn given.
        cancel: looked at between two of them.
    """
    dist = prediction.dist
    count = min(DRAWS, max(_FEWEST, _VOXELS // math.prod(dist.space)))
    crowd = crowd_of(prediction, points, only, count, SEED)
    draws, whose = crowd.z, ""
    if crowd.members:
        given = bool(points or only)
        whose = of_members(len(crowd.members), crowd.of, prediction.noun, given)
    source = prediction.given.source(points)
    grid = np.eye(4) if prediction.source.extent == "unknown" else dist.affine
    across = slice_axis(dist.space, grid)
    found = np.zeros((len(draws), dist.classes - 1, 3))
    for number in range(len(draws)):
        cancel.check()
        (label_map,) = source.label_maps(draws[number : number + 1])
        # Where nothing is nothing is looked for.
        box = box_of(label_map)
        if box is not None:
            lengths = find_diameters(label_map[box], grid, dist.classes, across)
            found[number] = [(one.longest, one.mean, one.perpendicular) for one in lengths]
    longest, mean, perpendicular = (
        tuple(_range(column[column > 0], bool(whose)) for column in found[:, :, which].T)
        for which in (0, 1, 2)
    )
    each, over = (
        tuple(np.sort(column[column > 0]) for column in found[:, :, which].T) for which in (0, 2)
    )
    members = prediction.members
    around = "" if whose or members is None else f"around {len(members)} {prediction.noun}"
    return Lengths(len(draws), longest, mean, perpendicular, each, over, whose, around)


def _range(values: Floats, all_of_them: bool) -> Range | None:
    if not len(values):
        return None
    # Of few members no share is stated.
    return whole_range(values) if all_of_them else central_range(values)
