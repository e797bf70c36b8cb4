"""From a choice to its label map: the only way, for window, commands, `verify` and Python."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from napari_ssn.core.hypotheses import Hypothesis
from napari_ssn.core.summaries.lesions import Lesions, composed
from napari_ssn.geometry.arrays import Floats, Labels, Where
from napari_ssn.geometry.diameters import Diameter
from napari_ssn.geometry.size import across_of
from napari_ssn.prediction.choice import Choice, Conditions, Points
from napari_ssn.prediction.prediction import Prediction


@dataclass(frozen=True, eq=False)
class Position:
    """Where a hypothesis stands in a distribution: all that its label map hangs on.

    Attributes:
        z: (R,) and what a draw given points holds beyond; None of no draw that outlines nothing.
        points: that the distribution is given.
        own: z of each lesion that stands elsewhere, by its number.
        nothing: whether it is a reader who outlines nothing, whatever z.
        member: whose own label map it is, of an ensemble; None where z says all.
    """

    z: Floats | None
    points: Points = ()
    own: dict[int, Floats] = field(default_factory=dict)
    nothing: bool = False
    member: int | None = None


def position_of(prediction: Prediction, choice: Choice) -> Position:
    """Where a choice stands: ``z_anchor + sigma · v_direction`` in float64, and lesions alone."""
    if choice.nothing and choice.sample is None:
        return Position(None, choice.points, nothing=True, member=choice.member)
    anchor = anchor_z(prediction, choice)
    if choice.kind != "walk":
        own_map = choice.member if not choice.points else None
        return Position(anchor, choice.points, nothing=choice.nothing, member=own_map)
    directions = prediction.bases.known(choice.basis)
    own = {number: directions.z(choice.direction, at, anchor) for number, at in choice.own}
    z = directions.z(choice.direction, choice.sigma, anchor)
    return Position(z, choice.points, own)


def anchor_z(prediction: Prediction, choice: Choice) -> Floats:
    """What a walk starts from: the z of the mean, a draw, a member, or nearest to a drawing."""
    if choice.drawing is not None:
        return np.array(choice.drawing.z)
    if choice.member is not None:
        return member_z(prediction, choice.member)
    return prediction.given.anchor(choice.points, choice.sample, choice.seed, choice.only)


def member_z(prediction: Prediction, member: int) -> Floats:
    """Where a member of an ensemble stands; ValueError for one that outlines nothing, or is none.

    Its label map is there but for the rounding of what is next to a tie.
    """
    members = prediction.members
    if members is None or member not in members.outlined:
        raise ValueError(f"member: expected one that outlines anything, got {member}")
    return np.asarray(members.z[member])


def labels_in(
    prediction: Prediction, position: Position, lesions: Lesions | None, where: Where = ()
) -> Labels:
    """Label map of a hypothesis in a part of the region that was segmented."""
    if position.nothing or position.z is None:
        return np.zeros(prediction.dist.space, np.uint8)[where]
    if position.member is not None and not prediction.spread.changed:
        assert prediction.members is not None
        # Its own, bit for bit: what was counted and what was voted.
        return np.array(prediction.members.label_maps[position.member][where])
    source = prediction.given.source(position.points)
    if not position.own:
        return source.label_map(position.z, where)
    assert lesions is not None
    return composed(source, position.z, position.own, lesions.parts, where)


def decode(prediction: Prediction, position: Position, lesions: Lesions | None) -> Hypothesis:
    """Label map of a hypothesis on the image's grid.

    Args:
        prediction: that it is a hypothesis of.
        position: where it stands.
        lesions: told apart as ``position.own`` numbers them; None where no lesion stands alone.
    """
    dist, affine = prediction.dist, prediction.source.affine
    label_map = dist.placed(labels_in(prediction, position, lesions))
    # The source's own affine: the one of the region, taken back, would be rounded.
    if position.z is None:
        return Hypothesis(label_map, affine, None, dist.classes)
    z, beyond = np.split(position.z, [dist.rank])
    rest = beyond if len(beyond) and not position.nothing else None
    return Hypothesis(label_map, affine, z, dist.classes, beyond=rest)


def hypothesis_of(prediction: Prediction, choice: Choice, lesions: Lesions | None) -> Hypothesis:
    """`decode` of a choice."""
    return decode(prediction, position_of(prediction, choice), lesions)


def sample_choice(
    prediction: Prediction, sample: int, seed: int, points: Points = (), only: Conditions = ()
) -> Choice:
    """The draw of a seed and number, which is empty where its reader outlines nothing."""
    present = prediction.given.present(points, sample + 1, seed, only)[-1]
    return Choice(sample, seed, points=points, only=only, nothing=not present)


def across_in(prediction: Prediction, label_map: Labels) -> tuple[Diameter, ...]:
    """Diameters of each label but the background in a label map on the image's grid."""
    source, dist = prediction.source, prediction.dist
    return across_of(
        label_map,
        source.affine,
        dist.classes,
        source.extent,
        dist.space,
        dist.start,
        prediction.moved_to or prediction.centre,
    )
