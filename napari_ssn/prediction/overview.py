"""What many hypotheses look like together: contours, probability, and a boxplot of them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from napari_ssn.core.summaries.agreement import Agreement, agreement
from napari_ssn.core.summaries.boxplot import boxplot
from napari_ssn.core.summaries.lines import MEDIAN_BIT
from napari_ssn.errors import NEVER, Cancel
from napari_ssn.geometry.arrays import Array, Labels, Singles
from napari_ssn.prediction.choice import Choice, Conditions, Points
from napari_ssn.prediction.crowd import crowd_of, map_of
from napari_ssn.prediction.prediction import Prediction
from napari_ssn.prediction.wish import DRAWS, FEWEST_IN_BOXPLOT, IN_BOXPLOT, SEED, Wish


@dataclass(frozen=True, eq=False)
class Overview:
    """One picture of many hypotheses.

    Attributes:
        wish: what it is about.
        draws: hypotheses in it; None where it is the model's exact probability.
        values: (*S) on the source's grid. Contours: uint8, in how many of outer, median and
            inner mask a voxel lies. Probability: float32, 0 to 1. Boxplot: uint8, 2 in the box,
            1 in the whole band only, and `MEDIAN_BIT` more inside the median hypothesis.
        median: shows the hypothesis in the middle of a boxplot.
        outliers: show those that are unlike the others, farthest first.
        tally: of contours, in how many hypotheses a voxel of the region has the label, uint16.
        noun: what the hypotheses are where they are the members of an ensemble.
    """

    wish: Wish
    draws: int | None
    values: NDArray[np.generic]
    median: Choice | None = None
    outliers: tuple[Choice, ...] = ()
    tally: NDArray[np.uint16] | None = None
    noun: str = ""

    @cached_property
    def highest(self) -> int:
        """Of contours the innermost mask that is not empty: 3 inner, 2, 1; 0 for none."""
        return int(self.values.max())


def make_overview(prediction: Prediction, wish: Wish, cancel: Cancel) -> Overview:
    """Make one picture of a prediction.

    Without points the probability is the model's own, pixel noise included; given points it is
    the share of the hypotheses drawn. It is of all readers; contours and boxplot are of those who
    outline anything. At 240 × 240 × 155 voxels a boxplot holds 9 MB, contours
    27 MB and a probability 36 MB; making any of them takes some 200 MB more at most.
    """
    dist = prediction.dist
    if wish.kind == "probability":
        crowd = crowd_of(prediction, wish.points, wish.only, 0, wish.seed)
        exact = not (wish.points or wish.only or crowd.members)
        (share,) = label_shares(prediction, wish.points, wish.only, (wish.label,), cancel)
        count = len(crowd.members) or DRAWS
        noun = prediction.noun if crowd.members else ""
        return Overview(wish, None if exact else count, _frozen(dist.placed(share)), noun=noun)
    if wish.kind == "boxplot":
        return _boxplot(prediction, wish, cancel)
    found, count, noun = _agreeing(prediction, wish.points, wish.only, wish.seed, cancel)
    return Overview(
        wish,
        count,
        _frozen(dist.placed(found.levels(wish.label))),
        tally=_frozen(found.tally(wish.label)),
        noun=noun,
    )


def nested(
    prediction: Prediction, points: Points, only: Conditions, cancel: Cancel = NEVER
) -> tuple[Labels, str]:
    """In how many of the outer, median and inner mask of each label a voxel lies, (C − 1, *S).

    On the source's grid; the same hypotheses as in the picture of contours. Also what these are
    where they are members of an ensemble, as ``4 label maps``.

    Args:
        prediction: whose.
        points, only: that the hypotheses are given.
        cancel: looked at on the way.
    """
    found, count, noun = _agreeing(prediction, points, only, SEED, cancel)
    dist = prediction.dist
    levels = [dist.placed(found.levels(label)) for label in range(1, dist.classes)]
    return np.stack(levels), f"{count} {noun}" if noun else ""


def _agreeing(
    prediction: Prediction, points: Points, only: Conditions, seed: int, cancel: Cancel
) -> tuple[Agreement, int, str]:
    """What those agree on who outline anything, how many they are, and what if members."""
    given, crowd = prediction.given, crowd_of(prediction, points, only, DRAWS, seed)
    draws = crowd.z
    if not crowd.members:
        # Lines say where a border runs: of those who outline nothing there is none, and what share
        # of all they are is said beside the sizes.
        draws = draws[given.outlined(points, draws, always=True)]
    noun = prediction.noun if crowd.members else ""
    return agreement(given.source(points), draws, cancel.check), len(draws), noun


def label_shares(
    prediction: Prediction,
    points: Points,
    only: Conditions,
    labels: Iterable[int | None],
    cancel: Cancel = NEVER,
) -> Iterator[Singles]:
    """How likely each label is at each voxel of the region, (*S), one label after the other.

    The model's own probability, pixel noise included; given anything, the share of the draws
    behind the cards. Of all readers, those who outline nothing among them.

    Args:
        prediction: whose.
        points, only: that the hypotheses are given.
        labels: None for all but the background together.
        cancel: looked at on the way.
    """
    given, members = prediction.given, prediction.members
    if members is not None and not (members.many or points or only):
        maps = np.stack([map_of(prediction, number) for number in range(len(members))])
        yield from (replace(members, label_maps=maps).votes(one) for one in labels)
        return
    if not (points or only):
        yield from (prediction.dist.probability(one, between=cancel.check) for one in labels)
        return
    crowd = crowd_of(prediction, points, only, DRAWS, SEED)
    presence = crowd.presence or given.presence(points, only)
    found = agreement(given.source(points), crowd.z, cancel.check)
    yield from (mixed(found.share(label), label, presence) for label in labels)


def _boxplot(prediction: Prediction, wish: Wish, cancel: Cancel) -> Overview:
    given = prediction.given
    asked = (wish.points, wish.only, IN_BOXPLOT, wish.seed)
    crowd = crowd_of(prediction, *asked, fewest=FEWEST_IN_BOXPLOT)
    draws, numbers = crowd.z, np.arange(len(crowd.z))
    if not crowd.members:
        # Those that one can step to and see outlined.
        present = given.present(wish.points, IN_BOXPLOT, wish.seed, wish.only)
        numbers = np.intersect1d(given.outlined(wish.points, draws), np.flatnonzero(present))
        if len(numbers) < FEWEST_IN_BOXPLOT:
            numbers = np.arange(IN_BOXPLOT)
    draws = draws[numbers]
    found = boxplot(given.source(wish.points), draws, wish.label, cancel.check)
    values = found.whole.astype(np.uint8)
    # A hypothesis far out may lie in the box, which the whole band without it leaves out.
    values[found.box] = 2
    values += np.uint8(MEDIAN_BIT) * found.inside

    def choice(number: int) -> Choice:
        return crowd.choice(int(numbers[number]))

    return Overview(
        wish,
        len(draws),
        _frozen(prediction.dist.placed(values)),
        choice(found.median),
        tuple(choice(number) for number in found.outliers),
    )


def mixed(share: Singles, label: int | None, presence: float) -> Singles:
    """Share of all readers who give a voxel the label, from that given presence."""
    if presence == 1:
        return share
    rest = np.float32(1 - presence) if label == 0 else np.float32(0)
    return np.float32(presence) * share + rest


def _frozen(values: Array) -> Array:
    values.flags.writeable = False
    return values
