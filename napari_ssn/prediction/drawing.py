"""Fit to my drawing: what a person has outlined, as evidence of which hypothesis is meant."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from napari_ssn.core.counts import count_labels
from napari_ssn.core.given.drawing import LENGTH_MM, TOLERANCE, DrawingFit, fit_drawing
from napari_ssn.core.metrics import dice
from napari_ssn.core.surface import mean_surface_distance
from napari_ssn.errors import NEVER, Cancel, DataError, GeometryError
from napari_ssn.geometry.arrays import Floats, Ints, Labels
from napari_ssn.io.hashes import label_map_hash
from napari_ssn.io.outline import Outline, in_one_order
from napari_ssn.prediction.choice import BEYOND, LEFT_OUT, Choice, Drawing, Points
from napari_ssn.prediction.counting import count_sizes
from napari_ssn.prediction.decode import hypothesis_of
from napari_ssn.prediction.prediction import Prediction
from napari_ssn.prediction.ranges import SEED
from napari_ssn.text import drawing as said
from napari_ssn.text.ensembles import is_number

# Hypotheses that a drawing's size is told among, and of a large volume.
_DRAWS, _DRAWS_LARGE = 1000, 300


@dataclass(frozen=True, eq=False)
class Fitting:
    """What the model makes of a drawing. Of C labels the background is left out.

    Attributes:
        drawing: where the nearest hypothesis stands.
        counts: (C − 1,) voxels of each label in the nearest hypothesis.
        dice, apart: (C − 1,) overlap and mean surface distance of the two, as in `Comparison`.
        beyond: voxels that were drawn as what no hypothesis has there.
        left_out: voxels drawn as background where all hypotheses have a label.
        outside: voxels drawn outside the region that was segmented.
        percentile: share of the hypotheses that lie nearer to the model's mean than the drawing;
            None where it tells of none of the model's directions.
        smaller: (C − 1,) share of the hypotheses in which a label is smaller than it was drawn.
        marks: (*S) uint8 on the source's grid, `BEYOND` and `LEFT_OUT`.
    """

    drawing: Drawing
    counts: Ints
    dice: Floats
    apart: Floats
    beyond: int
    left_out: int
    outside: int
    percentile: float | None
    smaller: Floats
    marks: Labels


def as_drawing(values: NDArray[np.generic], space: Sequence[int], labels: Sequence[str]) -> Labels:
    """What was drawn as a label map of a model's labels, (*S) uint8.

    Where the model tells one thing apart, whatever number it was drawn with is that.

    Args:
        values: of a layer or file.
        space: shape of the image.
        labels: names of the model's, background first.

    Raises:
        GeometryError: another shape.
        DataError: nothing is drawn, or it has numbers that are none of the model's labels.
    """
    if values.shape != tuple(space):
        theirs, ours = (" × ".join(map(str, shape)) for shape in (values.shape, space))
        raise GeometryError(
            f"The drawing has {theirs} voxels and the image {ours}: draw on the image itself, or "
            "bring the drawing onto its grid."
        )
    found = np.unique(values)
    if not (np.isfinite(found).all() and (found == np.rint(found)).all()):
        raise DataError("The drawing holds other numbers than labels: it is no outline.")
    found = found[found != 0]
    if not len(found):
        raise DataError("Nothing is drawn yet.")
    if len(labels) == 2:
        if len(found) > 1:
            raise DataError(
                f"The drawing has {len(found)} labels ({_listed(found)}) and the model tells one "
                f"thing apart, {labels[1]}: draw it with one label."
            )
        return np.asarray((values != 0).astype(np.uint8))
    if found.min() < 0 or found.max() >= len(labels):
        known = ", ".join(
            str(k) if is_number(name) else f"{k} {name}" for k, name in enumerate(labels) if k > 0
        )
        raise DataError(
            f"The drawing has label {found.max():.0f}, which the model has not: its labels are "
            f"{known}."
        )
    return values.astype(np.uint8)


def drawn_as(outline: Outline, space: Sequence[int], labels: Sequence[str]) -> Labels:
    """`as_drawing` of a file's outline, whose labels may have the model's names and other numbers.

    Args:
        outline: of the file.
        space, labels: as for `as_drawing`.
    """
    (values,) = in_one_order([outline], labels)
    return as_drawing(values, space, labels)


def fit(
    prediction: Prediction,
    label_map: Labels,
    points: Points = (),
    tolerance: float = TOLERANCE,
    length_mm: float = LENGTH_MM,
    sizes: Ints | None = None,
    cancel: Cancel = NEVER,
) -> Fitting:
    """The hypothesis nearest to a drawing, and how far the model explains the drawing.

    Args:
        prediction: whose hypotheses.
        label_map: (*S) on the source's grid, from `as_drawing`.
        points: that hold beside it.
        tolerance, length_mm: see `fit_drawing`.
        sizes: (N, C − 1) voxels of each label in many hypotheses, if they are counted already.
        cancel: looked at on the way.

    Raises:
        DataError: nothing is drawn where the model looked, or only what no hypothesis has.
    """
    dist = prediction.dist
    here = in_region(prediction, label_map)
    outside = int(np.count_nonzero(label_map)) - int(np.count_nonzero(here))
    if not here.any():
        raise DataError(
            "The drawing lies outside the region that was segmented: place the centre in it and "
            "run again."
        )
    found = fit_drawing(dist, here, tolerance, length_mm)
    cancel.check()
    marks = np.where(found.unlikely, np.where(here > 0, BEYOND, LEFT_OUT), 0).astype(np.uint8)
    beyond, left_out = (int(np.count_nonzero(marks == kind)) for kind in (BEYOND, LEFT_OUT))
    drawn = count_labels(here, dist.classes)[1:]
    if beyond == drawn.sum():
        raise DataError(
            "No hypothesis reaches the drawing: it lies where the model sees nothing of the kind."
        )
    drawing = drawing_of(found, label_map, tolerance, length_mm)
    near = hypothesis_of(prediction, Choice(points=points, drawing=drawing), None).label_map
    spacing = prediction.source.spacing_mm or (1.0,) * near.ndim
    cancel.check()
    return Fitting(
        drawing=drawing,
        counts=count_labels(near, dist.classes)[1:],
        dice=dice(near, label_map, classes=dist.classes),
        apart=mean_surface_distance(near, label_map, spacing, dist.classes),
        beyond=beyond,
        left_out=left_out,
        outside=outside,
        percentile=found.percentile,
        smaller=smaller(_sizes(prediction, cancel) if sizes is None else sizes, drawn),
        marks=dist.placed(marks),
    )


def words_of(found: Fitting, prediction: Prediction) -> tuple[list[str], bool]:
    """What is said of a fitting, line by line; and whether the model hardly has such a drawing."""
    labels, measure = prediction.labels[1:], prediction.measure
    unit = "px" if prediction.source.spacing_mm is None else "mm"
    near = said.nearest_line(measure, labels, found.counts, found.dice, found.apart, unit)
    rest = said.unexplained_line(measure, found.beyond, found.left_out, found.outside)
    how, rare = said.plausibility_line(labels, found.percentile, found.smaller)
    people = found.drawing.made_of
    whose = "" if people is None else said.of_people_line(len(people.people))
    return [line for line in (near, rest, how, whose) if line], rare


def in_region(prediction: Prediction, label_map: Labels) -> Labels:
    """A label map on the source's grid, cut to the region that was segmented."""
    return label_map[prediction.dist.window]


def drawing_of(found: DrawingFit, label_map: Labels, tolerance: float, length_mm: float) -> Drawing:
    """Where the hypothesis nearest to a drawing stands, in plain values."""
    z = tuple(float(value) for value in found.z)
    return Drawing(z, label_map_hash(label_map), tolerance, length_mm)


def draws_of(prediction: Prediction) -> Floats:
    """Hypotheses that a drawing is told among, (N, R)."""
    count = _DRAWS_LARGE if prediction.dist.large else _DRAWS
    return prediction.given.draws((), count, SEED)


def smaller(sizes: Ints, drawn: Ints) -> Floats:
    """Share of hypotheses in which each label is smaller than drawn, (C − 1,).

    Those of the same size count half.
    """
    return np.asarray(((sizes < drawn) + 0.5 * (sizes == drawn)).mean(0))


def _sizes(prediction: Prediction, cancel: Cancel) -> Ints:
    """Voxels of each label in hypotheses, (N, C − 1).

    Of a model that tells presence apart only those that outline anything.
    """
    given, z = prediction.given, draws_of(prediction)
    return count_sizes(prediction, (), z[given.outlined((), z)], cancel)[:, 1:]


def _listed(values: NDArray[np.generic]) -> str:
    few = [f"{value:.0f}" for value in values[:4].astype(np.float64)]
    return ", ".join(few) + (", …" if len(values) > 4 else "")
