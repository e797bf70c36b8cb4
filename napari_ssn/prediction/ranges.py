"""Ranges of the sizes: counted, calibrated and stated here, for whoever states them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from napari_ssn.core.measures import Range, calibrated_values, central_range, whole_range
from napari_ssn.core.spread import Spread
from napari_ssn.core.summaries.histogram import Histogram, histogram
from napari_ssn.documents.card import Calibration, ModelCard
from napari_ssn.documents.sizes import STEPS, Sizes
from napari_ssn.errors import NEVER, Cancel
from napari_ssn.geometry.arrays import Ints
from napari_ssn.geometry.diameters import Diameter
from napari_ssn.prediction.choice import Conditions, Points
from napari_ssn.prediction.counting import count_sizes
from napari_ssn.prediction.crowd import Crowd, crowd_of, member_counts
from napari_ssn.prediction.prediction import Prediction
from napari_ssn.text.ensembles import is_number, range_of_members
from napari_ssn.text.presence import Presence
from napari_ssn.text.sizes import (
    Measure,
    before_a_number,
    capital,
    range_line,
    remarks_on,
)

#: Hypotheses behind a range unless somebody wants others, and the seed of their draws.
DRAWS, SEED = 1000, 0


@dataclass(frozen=True)
class Ranges:
    """Range of each foreground label's voxel count over many hypotheses of one run.

    Attributes:
        count: hypotheses that they are about.
        ranges: one per foreground label.
        absent: share of the hypotheses in which each of them does not occur.
        bars: how often each size came up, one per foreground label.
        run: that it belongs to.
        points, only: that the hypotheses were drawn given.
        spread: of these hypotheses.
        presence: whether a reader outlines anything. Where the model tells that apart, ranges,
            absent and bars are of those hypotheses alone that outline something.
        sizes: what a sidecar says of them, label by label; nothing of an ensemble of few.
        together: and of all labels in one, where there are several.
        members, noun: of an ensemble of few, and what they are: ranges go from the smallest to the
            largest of those that agree with points and conditions.
        held: how many of them agree; of none the range is that of ``count`` draws.
        around: of an ensemble of many, the members that hypotheses were drawn around, in words.
    """

    count: int
    ranges: tuple[Range, ...]
    absent: tuple[float, ...]
    bars: tuple[Histogram, ...]
    run: int = 0
    points: Points = ()
    only: Conditions = ()
    spread: Spread = field(default_factory=Spread)
    presence: Presence = field(default_factory=lambda: Presence(1.0, False, ()))
    sizes: tuple[Sizes, ...] = ()
    together: Sizes | None = None
    members: int = 0
    noun: str = ""
    held: int = 0
    around: str = ""

    @property
    def unlike(self) -> bool:
        """Whether the image is unlike those that the model was trained on."""
        return self.presence.unlike

    def line(self, measure: Measure, label: int) -> str:
        """What is said of the range of one label's size, see `range_line`.

        Args:
            measure: how voxels are said.
            label: 0 for the first but the background.
        """
        one = self.ranges[label]
        if self.members:
            ends, given = measure.interval(one.low, one.high), bool(self.points or self.only)
            if one.low == one.high:
                ends = measure.amount(one.low)
            return range_of_members(ends, self.held, self.members, self.count, self.noun, given)
        return range_line(
            measure,
            one.low,
            one.high,
            one.level,
            self.count,
            readers=one.readers,
            patients=one.patients,
            absent=self.absent[label],
            points=len(self.points),
            conditions=len(self.only),
            spread=self.spread.changed,
            outlined=self.presence.apart,
            unlike=self.unlike,
            around=self.around,
        )

    def lines(self, measure: Measure, across: Sequence[Diameter]) -> Iterator[str]:
        """``Nodule: median 1.42 mL · model range 0.95–2.31 mL (90 % of 1,000 hypotheses)``.

        Where the model tells presence apart ``Nodule 1.9 mL · nine in ten readers who outlined it
        drew 1.5–2.4 mL`` and a line on those who would outline nothing; what hardly looks like
        anything is said so before any size. At the end ``mean outline 15 × 12 mm``, and whether
        that is cut off.

        Args:
            measure: how voxels are said.
            across: diameters of each label but the background in the mean.
        """
        presence = self.presence
        if presence.unlikely:
            yield presence.line
        for label, (one, lengths) in enumerate(zip(self.ranges, across, strict=True)):
            if self.members and not one.high and is_number(presence.labels[label]):
                # A gap in the numbers that people drew with: nobody named it and nobody has it.
                continue
            words, name = self.line(measure, label), capital(presence.labels[label])
            if said := measure.across(lengths):
                words += f" · mean outline {said}"
            words = " · ".join([words, *remarks_on(measure, lengths)])
            if presence.apart and not self.members:
                sized = before_a_number(presence.labels[label])
                yield f"{sized} {measure.short_here(one.median, one.high)} · {words}"
            else:
                yield f"{name}: median {measure.amount_here(one.median)} · {words}"
        if presence.line and not presence.unlikely:
            yield presence.line


def count_ranges(
    prediction: Prediction,
    points: Points = (),
    only: Conditions = (),
    count: int | None = None,
    cancel: Cancel = NEVER,
) -> Ranges:
    """Draw hypotheses and state the range of each label's size.

    A calibration was learnt of all hypotheses, with the model's own spread, on images of a kind:
    of some of them, with another spread or on another kind of image the range is that of the
    hypotheses as they are. Where the model tells presence apart it is of those that outline
    anything.

    Args:
        prediction: whose hypotheses.
        points, only: that they are drawn given.
        count: of the draws; `DRAWS` if left out.
        cancel: looked at on the way.
    """
    count = DRAWS if count is None else count
    given = prediction.given
    crowd = crowd_of(prediction, points, only, count, SEED)
    if crowd.of:
        counts = (
            member_counts(prediction, crowd)
            if crowd.members
            else count_sizes(prediction, points, crowd.z, cancel)
        )
        stated = _of_members(prediction, counts, crowd, given.presence(points, only))
        return replace(stated, points=points, only=only, spread=prediction.spread)
    draws = crowd.z
    stated = state_ranges(
        prediction.card,
        count_sizes(prediction, points, draws, cancel),
        prediction.dist.space,
        given.presence(points, only) if given.apart else None,
        own=bool(points or only) or not prediction.in_calibration,
        unlike=prediction.fit.kind == "unlike",
    )
    if prediction.members is not None:
        # Of so many, but still of them: nobody here is a reader.
        many, noun = len(prediction.members), prediction.noun
        stated = replace(stated, around=f"{many} {noun}")
        if not (points or only):
            stated = replace(stated, presence=replace(stated.presence, members=many, noun=noun))
    return replace(stated, run=prediction.run, points=points, only=only, spread=prediction.spread)


def _of_members(prediction: Prediction, counts: Ints, crowd: Crowd, presence: float) -> Ranges:
    """From the smallest to the largest: of so few no share of readers, or of draws, is stated."""
    sizes, noun = counts[:, 1:], prediction.noun
    share = presence if crowd.presence is None else crowd.presence
    agreeing = crowd.agreeing or crowd.of
    whose = noun if agreeing == crowd.of else f"{noun} that agree"
    return Ranges(
        count=len(sizes),
        ranges=tuple(whole_range(one) for one in sizes.T),
        absent=tuple(float(one) for one in (sizes == 0).mean(0)),
        bars=tuple(histogram(column) for column in sizes.T),
        run=prediction.run,
        presence=Presence(share, share < 1, prediction.labels[1:], members=agreeing, noun=whose),
        members=crowd.of,
        noun=noun,
        held=len(crowd.members),
    )


def state_ranges(
    card: ModelCard,
    counts: Ints,
    space: tuple[int, ...],
    presence: float | None,
    own: bool,
    unlike: bool = False,
) -> Ranges:
    """Ranges of the sizes of hypotheses.

    Args:
        card: of the model, with its calibration.
        counts: (n, C) voxels of each label in hypotheses given presence.
        space: shape of their grid.
        presence: how likely a reader outlines anything; None where the model does not tell that
            apart from where the border runs.
        own: whether the range is the model's own, whatever the card says: for hypotheses or images
            that the calibration was not learnt on.
        unlike: whether the image is unlike those that the model was trained on.
    """
    labels, sizes = tuple(label.name for label in card.labels[1:]), counts[:, 1:]
    said = Presence(1.0, False, labels, unlike)
    if presence is not None:
        there = sizes.any(1)
        said = Presence(presence * float(there.mean()), True, labels, unlike)
        sizes = sizes[there] if there.any() else sizes
        # What was learnt of all readings, empty ones too, is no range of outlines.
        own = own or card.calibration is None or card.calibration.patients == 0
    ranges = tuple(
        central_range(column) if own else card.range_of(column, space, label)
        for label, column in enumerate(sizes.T, start=1)
    )
    outlined = said.share if said.apart else 1.0
    return Ranges(
        count=len(sizes),
        ranges=ranges,
        absent=tuple(float(share) for share in (sizes == 0).mean(0)),
        bars=tuple(histogram(column) for column in sizes.T),
        presence=said,
        sizes=tuple(
            _sizes(column, outlined, len(counts), one, card.calibration, label)
            for label, (column, one) in enumerate(zip(sizes.T, ranges, strict=True), start=1)
        ),
        # Nothing was learnt of sums.
        together=_sizes(sizes.sum(1), outlined, len(counts)) if len(labels) > 1 else None,
    )


def _sizes(
    voxels: Ints,
    outlined: float,
    draws: int,
    stated: Range | None = None,
    learnt: Calibration | None = None,
    label: int = 0,
) -> Sizes:
    """What a sidecar says of sizes, with the stated range's ends where that is calibrated."""
    readers, shared, values = 0, 0.0, voxels.astype(np.float64)
    if stated is not None and stated.readers and learnt is not None:
        readers, shared, there = stated.readers, learnt.shared(label), voxels > 0
        if stated.patients and there.any():
            # The range was learnt of outlines, and so is what is said beside it.
            voxels, outlined = voxels[there], outlined * float(there.mean())
        values = calibrated_values(voxels, stated.median, learnt.factors(label))
    return Sizes(
        voxels=np.quantile(values, np.linspace(0, 1, STEPS + 1)).round(3).tolist(),
        draws=draws,
        readers=readers,
        shared=shared,
        outlined=outlined,
    )
