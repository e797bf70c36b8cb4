"""The hypotheses that cards, shares, ranges and pictures are of.

Of a model they are draws. Of an ensemble of few members they are the members themselves, each
worth as much as any other: a Gaussian draw leaves what any of them outlined.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_ssn.core.counts import count_labels
from napari_ssn.core.few import has_labels
from napari_ssn.geometry.arrays import Floats, Ints, Labels
from napari_ssn.prediction.choice import Choice, Conditions, Points
from napari_ssn.prediction.prediction import Prediction


@dataclass(frozen=True, eq=False)
class Crowd:
    """Hypotheses that stand for all.

    Attributes:
        z: (n, R), or what draws given points hold.
        points, only: that they are given.
        seed: of draws.
        members: numbers of the members that they are, from 0; empty where they were drawn.
        agreeing: how many members agree, those that outline nothing among them.
        of: members in all, of an ensemble of few; 0 else.
    """

    z: Floats
    points: Points
    only: Conditions
    seed: int
    members: tuple[int, ...] = ()
    agreeing: int = 0
    of: int = 0

    @property
    def presence(self) -> float | None:
        """Share of those who agree that outline anything; None where the distribution says it."""
        return len(self.members) / self.agreeing if self.members else None

    def choice(self, number: int) -> Choice:
        """What shows one of them."""
        if self.members:
            return Choice(points=self.points, only=self.only, member=self.members[number])
        return Choice(number, self.seed, points=self.points, only=self.only)


def crowd_of(
    prediction: Prediction,
    points: Points,
    only: Conditions,
    n: int,
    seed: int,
    fewest: int = 1,
) -> Crowd:
    """Hypotheses given points and conditions: members that agree with them, else n draws.

    Args:
        prediction: whose.
        points, only: that hold in all of them.
        n, seed: of draws.
        fewest: members that must outline anything to stand for all.
    """
    members = prediction.members
    if members is None or members.many:
        return Crowd(prediction.given.draws(points, n, seed, only), points, only, seed)
    agreeing = [m for m in range(len(members)) if agrees(prediction, m, points, only)]
    there = tuple(m for m in agreeing if m in members.outlined)
    count = len(members)
    if len(there) < fewest:
        return Crowd(prediction.given.draws(points, n, seed, only), points, only, seed, of=count)
    return Crowd(members.z[list(there)], points, only, seed, there, len(agreeing), count)


def agrees(prediction: Prediction, member: int, points: Points, only: Conditions) -> bool:
    """Whether a member of an ensemble has the labels of some points, and meets conditions."""
    if not (points or only):
        return True
    label_map = map_of(prediction, member)
    if not has_labels(label_map, ((one.index, one.label) for one in points)):
        return False
    counts = count_labels(label_map, prediction.dist.classes)
    for one in only:
        size = counts[one.label]
        met = {"at least": size >= one.voxels, "at most": size <= one.voxels}
        met["reaches"] = one.kind == "reaches" and label_map[one.index] == one.label
        if not met[one.kind]:
            return False
    return True


def map_of(prediction: Prediction, member: int) -> Labels:
    """Label map of a member, with the spread that the prediction has."""
    members = prediction.members
    assert members is not None
    if prediction.spread.changed and member in members.outlined:
        return prediction.dist.label_map(members.z[member])
    return np.asarray(members.label_maps[member])


def member_counts(prediction: Prediction, crowd: Crowd) -> Ints:
    """Voxels of each label in each of the members that a crowd is, (n, C)."""
    classes = prediction.dist.classes
    return np.stack([count_labels(map_of(prediction, m), classes) for m in crowd.members])


def member_choice(prediction: Prediction, member: int) -> Choice:
    """What shows a member of an ensemble, from 0."""
    members = prediction.members
    assert members is not None
    return Choice(member=member, nothing=member not in members.outlined)


def stepped(prediction: Prediction) -> int:
    """Members that one steps through in the place of draws; 0 of a model, or of many members."""
    members = prediction.members
    return 0 if members is None or members.many else len(members)
