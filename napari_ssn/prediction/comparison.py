"""Two hypotheses of one prediction: how much they share, how far apart they are."""

from __future__ import annotations

from dataclasses import dataclass

from napari_ssn.core.overlap import dice
from napari_ssn.core.summaries.lesions import Lesions
from napari_ssn.core.surface import mean_surface_distance
from napari_ssn.geometry.arrays import Floats, Labels
from napari_ssn.prediction.choice import Choice
from napari_ssn.prediction.decode import hypothesis_of
from napari_ssn.prediction.prediction import Prediction


@dataclass(frozen=True, eq=False)
class Comparison:
    """Two hypotheses of one run.

    Attributes:
        shown, other: the two.
        dice: (C − 1,) overlap of each label.
        apart: (C − 1,) mean surface distance of each label, in mm, or in pixels where the voxel
            size is unknown; NaN where only one of the two has the label.
        label_map: (*S) uint8 of the other one, on the source's grid.
    """

    shown: Choice
    other: Choice
    dice: Floats
    apart: Floats
    label_map: Labels


def compare(
    prediction: Prediction, shown: Choice, other: Choice, lesions: Lesions | None
) -> Comparison:
    """Decode two hypotheses and measure how they differ."""
    one, two = (hypothesis_of(prediction, c, lesions).label_map for c in (shown, other))
    classes = prediction.dist.classes
    spacing = prediction.source.spacing_mm or (1.0,) * one.ndim
    two.flags.writeable = False
    return Comparison(
        shown,
        other,
        dice(one, two, classes=classes),
        mean_surface_distance(one, two, spacing, classes),
        two,
    )
