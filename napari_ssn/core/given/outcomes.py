"""How likely an outcome is, and the hypotheses in which it comes true."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import betaincinv

from napari_ssn.core.decodable import Decodable
from napari_ssn.core.given.clicks import Click, local_index, margins_of
from napari_ssn.core.given.importance import Lead, places
from napari_ssn.core.given.posterior import Posterior
from napari_ssn.core.measures import label_counts
from napari_ssn.geometry.affine import Affine
from napari_ssn.geometry.arrays import Between, Floats, Ints

#: Below this probability an outcome is too rare to be conditioned on.
RARE = 1e-4

# From this share of plain draws on they are enough by themselves.
_COMMON = 0.1
# Of all draws the part that each step towards a rare outcome takes.
_PART = 0.125
# Draws counted between two looks at whether to stop.
_BATCH = 250
# Share of the final draws that come from the distribution itself: no weight exceeds its inverse.
_PLAIN = 0.2
# Draws that an estimate must be worth to be stated as a number; and what nothing outlined may weigh
# less than all that is left open, for this not to matter.
_RELIABLE, _SURE = 30, 0.1
# How sure the largest probability is that is left possible.
_LEVEL = 0.99
# A volume that is exactly so many voxels is reached, whatever the division rounded.
_ROUNDING = 1e-12


@dataclass(frozen=True)
class _Volume:
    volume_ml: float
    label: int = 1

    def __post_init__(self) -> None:
        if not np.isfinite(self.volume_ml) or self.volume_ml < 0:
            raise ValueError(f"volume_ml: expected 0 or more, got {self.volume_ml}")


class VolumeAtLeast(_Volume):
    """The volume of a label is ``volume_ml`` or more.

    Examples:
        >>> import numpy as np
        >>> import napari_ssn as ssn
        >>> mean, factor = np.zeros((2, 4, 5)), np.zeros((1, 2, 4, 5))
        >>> mean[1], factor[0, 1] = [-3, 1, 2, -1, -3], 1
        >>> dist = ssn.LogitDistribution(mean, factor, np.zeros((2, 4, 5)))
        >>> round(ssn.ask(dist, ssn.VolumeAtLeast(0.012)).probability, 2)  # z > 1: 0.16
        0.16
    """


class VolumeAtMost(_Volume):
    """The volume of a label is ``volume_ml`` or less.

    Examples:
        >>> import numpy as np
        >>> import napari_ssn as ssn
        >>> mean, factor = np.zeros((2, 4, 5)), np.zeros((1, 2, 4, 5))
        >>> mean[1], factor[0, 1] = [-3, 1, 2, -1, -3], 1
        >>> dist = ssn.LogitDistribution(mean, factor, np.zeros((2, 4, 5)))
        >>> round(ssn.ask(dist, ssn.VolumeAtMost(0.004)).probability, 2)  # z < -1: 0.16
        0.16
    """


#: What may be asked; a click, whether its voxel has its label.
Question = VolumeAtLeast | VolumeAtMost | Click


@dataclass(frozen=True, eq=False)
class Outcome:
    """What was found out about a question.

    Attributes:
        probability: that it comes true.
        error: standard error of that, from the number of draws; where no draw came true, a third
            of the largest probability that such a run of bad luck leaves possible (95 %).
        z: (k, R) draws in which it comes true.
        weight: (k,) of each, sum 1: the draws so weighted are the distribution given the outcome.
        centre: (R,) their mean where that comes true itself, else the draw nearest to it; the
            origin where none came true.
        presence: P(a reader outlines anything | the outcome), see `ask`.
        most: the largest probability that the draws leave possible (99 %), by how many of those
            that were not moved towards the outcome come true: exact, however the others fell.
        reliable: whether enough draws came true for probability and error to be stated, and none of
            the places where it does is known to be left out. Of a few with large weights both are
            too small as often as not, for what was missed shows in neither.
    """

    probability: float
    error: float
    z: Floats
    weight: Floats
    centre: Floats
    presence: float = 1.0
    most: float = 1.0
    reliable: bool = True

    @property
    def rare(self) -> bool:
        """Whether it is below 1e-4, or was never seen."""
        return self.probability < RARE

    @property
    def effective(self) -> float:
        """How many equally weighted draws the weighted ones are worth, ``1 / Σ weight²``."""
        return _worth(self.weight)

    def draw(self, n: int, seed: int = 0) -> Floats:
        """Take n of the draws by their weights, (n, R), one and the same more than once.

        ValueError if there are none.
        """
        if not len(self.z):
            raise ValueError("z: expected at least one draw in which the outcome comes true")
        generator = np.random.default_rng([seed, 6])
        return self.z[generator.choice(len(self.z), n, p=self.weight)]


def ask(
    dist: Decodable,
    question: Question | Sequence[Question],
    posterior: Posterior | None = None,
    n: int = 4000,
    seed: int = 0,
    between: Between = lambda: None,
) -> Outcome:
    """Probability of an outcome, and the hypotheses given that it comes true.

    By the share of n draws. What fewer than one in ten of them shows is, before any click, found
    by importance sampling: normals of the same width are moved step by step to where the outcome
    comes true, to both ends of a range where it does at both (`importance`), and the draws carry
    the ratio of the densities, so that one in a million is estimated as well as one in ten. Given
    clicks the draws are those of the posterior.

    With a presence p below 1 the probability is that of all readers, ``p P + (1 − p) 1[∅]`` with P
    that given presence and 1[∅] whether the outcome is true of an empty label map; the draws are
    given presence, and `Outcome.presence` is how likely that is when the outcome comes true.

    Args:
        dist: the distribution.
        question: a volume; or a click, "the label reaches this voxel"; of several all come true.
        posterior: of the clicks so far.
        n: draws.
        seed: of the draws.
        between: called now and then; what it raises goes through.

    Raises:
        GeometryError: the voxel lies outside the region.
        ValueError: a label the distribution does not have, no question, or no draws.

    Source: Rubinstein and Kroese, "The Cross-Entropy Method", 2004, section 3.

    Examples:
        >>> import numpy as np
        >>> import napari_ssn as ssn
        >>> mean, factor = np.zeros((2, 4, 5)), np.zeros((1, 2, 4, 5))
        >>> mean[1], factor[0, 1] = [-3, 1, 2, -1, -3], 1
        >>> dist = ssn.LogitDistribution(mean, factor, np.zeros((2, 4, 5)))
        >>> both = ssn.ask(dist, [ssn.VolumeAtLeast(0.008), ssn.VolumeAtMost(0.008)])
        >>> round(both.probability, 2)  # -1 < z < 1: 0.68
        0.68
        >>> dist.label_map(both.centre)[0]
        array([0, 1, 1, 0, 0], dtype=uint8)
    """
    if n < 1:
        raise ValueError(f"n: expected at least 1, got {n}")
    questions = (question,) if isinstance(question, Question) else tuple(question)
    if not questions:
        raise ValueError("question: expected at least one")
    for one in questions:
        if not 0 <= one.label < dist.classes:
            raise ValueError(f"label: expected below {dist.classes}, got {one.label}")
    lead = _lead(dist, questions, posterior, between)
    generator = np.random.default_rng([seed, 5])
    z = generator.standard_normal((n, dist.rank)) if posterior is None else posterior.draw(n, seed)
    complete = True
    true, ratio = lead(z).min(1) >= 0, np.ones(n)
    presence = dist.presence if posterior is None else posterior.presence
    empty = 1 - presence if all(_of_nothing(dist, one) for one in questions) else 0.0
    open_ = presence * _at_most(int(true.sum()), n)
    if posterior is None and true.mean() < _COMMON:
        first, said = z, true
        others = np.random.default_rng([seed, 10])
        shifts, complete = places(lead, dist.rank, math.ceil(_PART * n), generator, others)
        z = generator.standard_normal((n, dist.rank))
        plain, k = int(_PLAIN * n), len(shifts)
        for i, shift in enumerate(shifts):
            z[plain + i :: k] += shift
        count = np.array([len(range(plain + i, n, k)) for i in range(k)])
        true = lead(z).min(1) >= 0
        ratio = _ratio(z, shifts, plain, count)
        if not complete or _worth(ratio[true]) < _RELIABLE:
            # What comes true here and there, between the places too, the plain draws see as well.
            z, true = np.concatenate([first, z]), np.concatenate([said, true])
            ratio = _ratio(z, shifts, n + plain, count)
            # So many that the plain ones alone say it hang on no search.
            complete = complete or int(said.sum()) >= _RELIABLE
    weight = ratio * true
    total = float(weight.sum())
    sure = open_ <= _SURE * empty
    if total == 0:
        nothing = np.zeros((0, dist.rank))
        kept = 0.0 if empty else presence
        return Outcome(
            empty, presence / n, nothing, np.zeros(0), np.zeros(dist.rank), kept,
            empty + open_, sure,
        )  # fmt: skip
    error = presence * float(weight.std() / np.sqrt(len(z)))
    found, z, weight = presence * min(1.0, total / len(z)), z[true], weight[true] / total
    centre = weight @ z
    if lead(centre[None]).min() < 0:
        centre = z[np.square(z - centre).sum(1).argmin()]
    both = found + empty
    of_both = found / both if both else presence
    most = empty + max(open_, found)
    reliable = sure or (complete and _worth(weight) >= _RELIABLE)
    return Outcome(both, error, z, weight, centre, of_both, most, reliable)


def _ratio(z: Floats, shifts: Floats, plain: int, count: Ints) -> Floats:
    """Density of N(0, I) over that of the mixture which the draws come from, (n,).

    plain: of the draws those that were not moved; count: those that were, by shift.
    """
    moved = np.exp(z @ shifts.T - 0.5 * np.square(shifts).sum(1))
    return np.asarray(1 / (plain / len(z) + moved @ (count / len(z))))


def _worth(weight: Floats) -> float:
    """How many equally weighted draws weighted ones are worth, ``(Σ w)² / Σ w²``."""
    return float(weight.sum()) ** 2 / float(np.square(weight).sum()) if len(weight) else 0.0


def _at_most(k: int, n: int) -> float:
    """Upper end of the Clopper–Pearson interval of a share, k of n, one-sided."""
    return 1.0 if k == n else float(betaincinv(k + 1, n - k, _LEVEL))


def _lead(
    dist: Decodable, questions: Sequence[Question], posterior: Posterior | None, between: Between
) -> Lead:
    voxel_ml, source = Affine(dist.affine).voxel_ml, dist if posterior is None else posterior
    sized = [one for one in questions if not isinstance(one, Click)]

    def counts(z: Floats) -> Floats:
        parts = []
        for first in range(0, len(z), _BATCH):
            between()
            part = z[first : first + _BATCH]
            parts.append(label_counts(source, part).astype(np.float64))
        return np.concatenate(parts)

    def lead(z: Floats) -> Floats:
        between()
        # Counted once, whatever is asked of the sizes.
        size = counts(z) if sized else None
        columns = []
        for one in questions:
            if isinstance(one, Click):
                columns.append(_reach(dist, one, posterior, z))
                continue
            assert size is not None
            edge = one.volume_ml / voxel_ml
            beyond = size[:, one.label] - edge
            beyond = beyond if isinstance(one, VolumeAtLeast) else -beyond
            columns.append(beyond + _ROUNDING * edge)
        return np.stack(columns, 1)

    return lead


def _of_nothing(dist: Decodable, question: Question) -> bool:
    """Whether something is so where nothing is outlined: all of the grid is background."""
    if isinstance(question, Click):
        return question.label == 0
    size = 0.0 if question.label else math.prod(dist.space) * Affine(dist.affine).voxel_ml
    edge = question.volume_ml
    return size >= edge if isinstance(question, VolumeAtLeast) else size <= edge


def _reach(dist: Decodable, click: Click, posterior: Posterior | None, z: Floats) -> Floats:
    """How far the click's label leads all others in its voxel; given clicks only whether."""
    if posterior is None:
        margins = margins_of(dist, [click])
        return np.asarray((z @ margins.factor.T + margins.mean).min(1))
    voxel = int(np.ravel_multi_index(local_index(dist, click.index), dist.space))
    labels = posterior.labels_at(z, np.array([voxel]))[:, 0]
    return np.where(labels == click.label, 0.0, -1.0)
