"""The few hypotheses that stand for all: chosen, counted, and drawn as thumbnails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from napari_ssn.core.hypotheses import Hypothesis
from napari_ssn.core.summaries.representatives import representatives
from napari_ssn.errors import NEVER, Cancel
from napari_ssn.geometry.affine import Affine
from napari_ssn.geometry.arrays import Ints, Labels, Pixels
from napari_ssn.geometry.diameters import Diameter
from napari_ssn.prediction.choice import Choice, Conditions, Points
from napari_ssn.prediction.crowd import Crowd, crowd_of
from napari_ssn.prediction.decode import across_in, hypothesis_of
from napari_ssn.prediction.prediction import Prediction
from napari_ssn.prediction.wish import CARDS, DRAWS, SEED, SIDE
from napari_ssn.text.ensembles import member_tip, share_of_members
from napari_ssn.text.pictures import drawn, fitting, grey_canvas, label_lines, view_around
from napari_ssn.text.sizes import Measure
from napari_ssn.text.steering import card_lines, card_tip

# Voxels of the image around the outlines, and the least that a thumbnail shows along a side.
_MARGIN, _LEAST = 4, 24


@dataclass(frozen=True, eq=False)
class Card:
    """One hypothesis that stands for some of the draws.

    Attributes:
        choice: shows it.
        share: of the readers, or of the draws, it stands for.
        error: standard error of that share, from the number of draws.
        counts: (C,) voxels of each label.
        across: diameters of each label but the background.
        picture: (SIDE, SIDE, 3) uint8, its outlines over the image.
    """

    choice: Choice
    share: float
    error: float
    counts: Ints
    across: tuple[Diameter, ...]
    picture: Pixels

    @property
    def empty(self) -> bool:
        """Whether it is the hypothesis that there is nothing."""
        return not self.counts[1:].any()


@dataclass(frozen=True)
class Cards:
    """The cards of one run, the likeliest first.

    Attributes:
        run: that they belong to.
        draws: that they stand for.
        cards: one or more.
        voxel: of the source's grid, in the middle of what the thumbnails show.
        points, only: that the hypotheses were drawn given.
        noun: what the draws are where they are the members of an ensemble.
        apart: whether shares are of readers, of whom some outline nothing (see `card_tip`).
    """

    run: int
    draws: int
    cards: tuple[Card, ...]
    voxel: tuple[int, ...]
    points: Points = ()
    only: Conditions = ()
    noun: str = ""
    apart: bool = False

    def lines(self, measure: Measure, card: Card) -> tuple[str, str]:
        """What stands below a card, see `card_lines`; of an ensemble ``2 of 5 networks``."""
        share, size = card_lines(measure, card.share, card.error, card.counts)
        return (share_of_members(card.share, self.draws, self.noun) if self.noun else share), size

    def short(self, measure: Measure, card: Card) -> tuple[str, str]:
        """As `lines`, for the little room below a thumbnail: ``2 of 5``, ``nothing``."""
        first, second = self.lines(measure, card)
        second = second.removesuffix(measure.here).removesuffix(" outlined")
        return first.removesuffix(f" {self.noun}"), second

    def tip(self, card: Card, size: str) -> str:
        """What the numbers of a card mean, see `card_tip`."""
        if self.noun:
            return member_tip(card.share, self.draws, self.noun, size)
        return card_tip(card.share, card.error, self.draws, size, self.apart, card.empty)


def deal_cards(
    prediction: Prediction,
    points: Points = (),
    only: Conditions = (),
    most: int = CARDS,
    cancel: Cancel = NEVER,
) -> Cards:
    """Choose the cards of a prediction and draw them where they differ most.

    Args:
        prediction: of the run.
        points, only: that the hypotheses are drawn given.
        most: cards.
        cancel: looked at on the way.
    """
    crowd = crowd_of(prediction, points, only, DRAWS, SEED)
    # What is so in all draws speaks of presence too, so that it is not the source's own.
    presence = crowd.presence or prediction.given.presence(points, only)
    source = prediction.given.source(points)
    found = representatives(source, most, z=crowd.z, between=cancel.check, presence=presence)
    if crowd.members:
        found = [_member(prediction, crowd, one) for one in found]
    cancel.check()
    pictures, voxel = draw(prediction, [one.label_map for one in found])
    cards = tuple(
        Card(
            _choice(crowd, one),
            one.probability or 0.0,
            one.probability_error or 0.0,
            one.counts,
            across_in(prediction, one.label_map),
            picture,
        )
        for one, picture in zip(found, pictures, strict=True)
    )
    draws, noun = (crowd.agreeing, prediction.noun) if crowd.members else (DRAWS, "")
    apart = prediction.given.apart and not crowd.members
    return Cards(prediction.run, draws, cards, voxel, points, only, noun, apart)


def _member(prediction: Prediction, crowd: Crowd, one: Hypothesis) -> Hypothesis:
    """A member's own label map in the place of what it decodes to; its share has no error."""
    made = one if one.z is None else hypothesis_of(prediction, _choice(crowd, one), None)
    return replace(made, probability=one.probability, probability_error=0.0)


def _choice(crowd: Crowd, one: Hypothesis) -> Choice:
    if one.z is None:
        return Choice(points=crowd.points, only=crowd.only, nothing=True)
    # A representative is one of the draws: its number says all about it.
    return crowd.choice(int(np.flatnonzero((crowd.z == one.drawn).all(1))[0]))


def draw(
    prediction: Prediction, found: Sequence[Labels], side: int = SIDE
) -> tuple[list[Pixels], tuple[int, ...]]:
    """A picture of each label map, all of one view where they differ most, and its middle voxel.

    Args:
        prediction: that they are hypotheses of.
        found: label maps on the source's grid.
        side: pixels of a picture's side.
    """
    source = prediction.source
    turn = source.turn
    image = turn.apply(source.load().data[0])
    maps = turn.apply(np.stack(found))
    at: tuple[int, ...] = ()
    if image.ndim == 3:
        at = (where_they_differ(maps),)
        image, maps = image[at], maps[(slice(None), *at)]
    spacing = _spacing(prediction)
    box = view_around(maps.max(0) > 0, spacing, _LEAST, _MARGIN)
    canvas = grey_canvas(image[box], fitting(image[box].shape, spacing, side))
    labels, width = prediction.card.labels[1:], 3.0 * side / SIDE
    pictures = [_square(drawn(canvas, [label_lines(one[box], labels, width)])) for one in maps]
    middle = tuple((part.start + part.stop) // 2 for part in box)
    return pictures, turn.index_to_source((*at, *middle), source.space)


def _spacing(prediction: Prediction) -> tuple[float, float]:
    """Distance of rows and of columns in the picture, in any unit."""
    lengths = Affine(prediction.source.affine).lengths
    rows, columns = (float(lengths[axis]) for axis in prediction.source.turn.order[-2:])
    return rows, columns


def _square(picture: Pixels) -> Pixels:
    """A picture in the middle of a black square."""
    height, width = picture.shape[:2]
    side = max(height, width)
    out = np.zeros((side, side, 3), np.uint8)
    top, left = (side - height) // 2, (side - width) // 2
    out[top : top + height, left : left + width] = picture
    return out


def where_they_differ(maps: Labels) -> int:
    """Slice of the first axis on which the fewest voxels are labelled alike.

    Of those, where there are any, on which each outlines something that does so anywhere: a picture
    without an outline beside a size looks as if nothing were outlined.

    Args:
        maps: (n, Z, Y, X) label maps.
    """
    apart = (maps != maps[:1]).any(0).sum((1, 2))
    there = np.any(maps > 0, axis=(2, 3))
    in_all = np.all(there[np.any(there, axis=1)], axis=0)
    if (apart * in_all).any():
        apart = apart * in_all
    if not apart.any():
        apart = maps.any(0).sum((1, 2))
    return int(apart.argmax()) if apart.any() else maps.shape[1] // 2
