"""A prediction and its hypotheses as a sidecar tells of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from napari_ssn.core.given.residual import Residual
from napari_ssn.core.hypotheses import Hypothesis
from napari_ssn.core.latent import FARTHEST
from napari_ssn.core.spread import Spread, spread_out
from napari_ssn.core.summaries.lesions import Lesions, Rules
from napari_ssn.documents import adjudicated, chosen
from napari_ssn.documents.chosen import Choice as Told
from napari_ssn.errors import DataError
from napari_ssn.geometry.arrays import Floats
from napari_ssn.prediction.choice import Conditions, MadeOf, Person, Point, Points, Question
from napari_ssn.prediction.decode import Position, decode
from napari_ssn.prediction.lesions import by_rules
from napari_ssn.prediction.prediction import Prediction


class Recall:
    """Makes hypotheses again from what sidecars say of them.

    What several of them were given, or how far they were spread, is found out once.

    Args:
        prediction: what the sidecars' model makes of their image.
    """

    def __init__(self, prediction: Prediction) -> None:
        self.prediction = prediction
        self._made: dict[tuple[str, float | None], Prediction] = {}

    def stated(self, told: Told, slip: float | None = None) -> Prediction:
        """The prediction with the spread, and the way of taking points, that a choice states.

        Args:
            told: the choice.
            slip: how likely a point is one, where not as in the draws of ``told``: in files of
                before draws and presence had different ones.

        Raises:
            DataError: it states what the model has not.
        """
        key = told.model_dump_json(
            include={"pointing", "spread"}, exclude={"pointing": {"points", "rest", "slips"}}
        )
        if (key, slip) not in self._made:
            self._made[key, slip] = self._stated(told, slip)
        return self._made[key, slip]

    def asked(
        self, told: Told, slip: float | None = None
    ) -> tuple[Prediction, tuple[Point, ...], tuple[Question, ...]]:
        """As `stated`, with the points and conditions that a choice states."""
        made = self.stated(told, slip)
        return made, points_in(made, told), conditions_in(made, told)

    def _stated(self, told: Told, slip: float | None) -> Prediction:
        made, pointing = self.prediction, told.pointing
        if told.spread is not None:
            spread = spread_in(made, told.spread)
            made = replace(made, dist=spread_out(made.dist, spread), spread=spread)
        if pointing is None:
            return made
        residual = Residual(pointing.length_mm, pointing.amplitude, chance=pointing.chance)
        edges = made.source.load().data[0]
        return replace(
            made,
            residual=residual.within(self.prediction.dist, edges, pointing.edge_share),
            slip=pointing.stray if slip is None else slip,
            tolerance=pointing.tolerance,
        )

    def hypothesis(self, told: Told) -> Hypothesis:
        """The label map of a choice, with its points and the lesions that it moved alone.

        DataError if it states what the model has not.
        """
        prediction = self.stated(told)
        lesions = None if told.lesions is None else _lesions(prediction, told.lesions)
        return decode(prediction, position_in(prediction, told), lesions)


def spread_in(prediction: Prediction, told: chosen.Spread) -> Spread:
    """The spread that a sidecar states; DataError for one of other labels than the model's."""
    per_label = tuple(told.per_label)
    if len(per_label) not in (0, prediction.dist.classes):
        raise DataError("The spread in the sidecar is one of other labels than the model's.")
    # As a person has it who changed none of them.
    return Spread(told.overall, per_label if set(per_label) != {1.0} else ())


def position_in(prediction: Prediction, told: Told) -> Position:
    """Where a sidecar's hypothesis stands in the prediction that it states; or a DataError."""
    rank, points = prediction.dist.rank, points_in(prediction, told)
    z = None if told.z is None else np.array(told.z, np.float64)
    if z is not None and len(z) != rank:
        raise DataError(f"The sidecar's z has {len(z)} numbers, the model's {rank}.")
    member = _member_in(prediction, told)
    if told.nothing:
        return Position(z, points, nothing=True, member=member)
    if z is None:
        raise DataError("The sidecar says of no z where its hypothesis stands.")
    beyond = _beyond(prediction, points, told.pointing)
    moved = () if told.lesions is None else told.lesions.own
    if any(len(one.z) != rank for one in moved):
        raise DataError(f"The z of a lesion in the sidecar has not the model's {rank} numbers.")
    own = {one.lesion: np.concatenate([one.z, beyond]) for one in moved}
    return Position(np.concatenate([z, beyond]), points, own, member=None if points else member)


def _member_in(prediction: Prediction, told: Told) -> int | None:
    """The member whose own label map a sidecar tells of; DataError for one that there is not."""
    if told.member is None:
        return None
    if prediction.members is None or told.member > len(prediction.members):
        raise DataError("The sidecar names a member that the ensemble has not.")
    return told.member - 1 if told.kind == "member" else None


def points_in(prediction: Prediction, told: Told) -> Points:
    """The points that a sidecar states; DataError for one with a label or axes that are none."""
    dist, stated = prediction.dist, () if told.pointing is None else told.pointing.points
    if any(one.label >= dist.classes or len(one.index) != len(dist.space) for one in stated):
        raise DataError("A point of the sidecar has a label or axes that the model has not.")
    return tuple(Point(tuple(one.index), one.label) for one in stated)


def conditions_in(prediction: Prediction, told: Told) -> Conditions:
    """The conditions that a sidecar states; DataError for one about what the model has not."""
    dist, out = prediction.dist, list[Question]()
    for one in told.conditions or ():
        needed = one.index if one.kind == "reaches" else one.voxels
        if (
            one.label >= dist.classes
            or needed is None
            or (one.index is not None and len(one.index) != len(dist.space))
        ):
            raise DataError(
                "A condition of the sidecar has a label or axes that the model has not."
            )
        out.append(Question(one.kind, one.label, one.voxels or 0.0, tuple(one.index or ())))
    return tuple(out)


def made_of(told: adjudicated.Adjudicated | None) -> MadeOf | None:
    """The people that a sidecar or a study names behind a drawing; `record.adjudicated_of` back."""
    if told is None:
        return None
    people = tuple(
        Person(one.name, one.sha256, one.share, None if one.dice is None else tuple(one.dice))
        for one in told.readers
    )
    return MadeOf(told.how, people, told.corrected_voxels)


def check_reach(told: Told) -> None:
    """DataError for a z that nothing here makes: so far out logits are lost in their rounding."""
    own = [] if told.lesions is None else told.lesions.own
    rest = None if told.pointing is None else told.pointing.rest
    numbers = [told.z, told.anchor, rest, *(move.z for move in own)]
    if any(abs(value) > FARTHEST for each in numbers for value in each or ()):
        raise DataError(
            f"The sidecar's z is more than {FARTHEST:,.0f} standard deviations from the model's "
            "mean, which no hypothesis is."
        )


def _beyond(prediction: Prediction, points: Points, pointing: chosen.Pointing | None) -> Floats:
    """What a draw holds beyond its z, of a sidecar; empty where it says nothing of it."""
    if pointing is None or pointing.rest is None:
        return np.zeros(0)
    slips = {points[i - 1] for i in pointing.slips or () if i <= len(points)}
    given = prediction.given.posterior(points)
    flags = [float(Point(click.index, click.label) in slips) for click in given.clicks]
    found = np.array([*pointing.rest, *flags])
    if given.dist.rank + len(found) != given.width:
        raise DataError("The sidecar says of its correction by other numbers than the points take.")
    return found


def _lesions(prediction: Prediction, moved: chosen.LesionMoves) -> Lesions:
    rules = Rules(moved.smallest_voxels, moved.share, moved.draws, moved.seed)
    return by_rules(prediction, rules)
