"""How likely an outcome is, and the hypotheses in which it comes true."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from napari_ssn.core.clicks import Click, Floats, local_index, margins_of
from napari_ssn.core.conditioning import Posterior
from napari_ssn.core.distribution import LogitDistribution
from napari_ssn.core.measures import label_counts, voxel_volume_ml

#: Below this probability an outcome is too rare to be conditioned on without a warning.
RARE = 1e-4

# Draws of each step towards a rare outcome, the share of them that shows the way, and steps.
_STEP, _ELITE, _STEPS = 500, 0.1, 12
# Share of the final draws that come from the distribution itself: no weight exceeds its inverse.
_PLAIN = 0.2


@dataclass(frozen=True)
class VolumeAtLeast:
    """The volume of a label is ``volume_ml`` or more."""

    volume_ml: float
    label: int = 1

    def __post_init__(self) -> None:
        if not np.isfinite(self.volume_ml) or self.volume_ml < 0:
            raise ValueError(f"volume_ml: expected 0 or more, got {self.volume_ml}")


@dataclass(frozen=True, eq=False)
class Outcome:
    """What was found out about a question.

    Attributes:
        probability: that it comes true.
        error: standard error of that, from the number of draws; where no draw came true, a third
            of the largest probability that such a run of bad luck leaves possible (95 %).
        z: (k, R) draws in which it comes true.
        weight: (k,) of each, sum 1: the draws so weighted are the distribution given the outcome.
    """

    probability: float
    error: float
    z: Floats
    weight: Floats

    @property
    def rare(self) -> bool:
        """Whether it is below 1e-4, or was never seen."""
        return self.probability < RARE

    @property
    def effective(self) -> float:
        """How many equally weighted draws the weighted ones are worth, ``1 / Σ weight²``."""
        return 1 / float(np.square(self.weight).sum()) if len(self.weight) else 0.0


def ask(
    dist: LogitDistribution,
    question: VolumeAtLeast | Click,
    posterior: Posterior | None = None,
    n: int = 4000,
    seed: int = 0,
) -> Outcome:
    """Probability of an outcome, and the hypotheses given that it comes true.

    Before any click by importance sampling: a normal of the same width is moved step by step
    to where the outcome comes true, and the draws carry the ratio of the densities, so that one
    in a million is estimated as well as one in ten. With a posterior by the share of its draws.

    Args:
        dist: the distribution.
        question: a volume; or a click, "the label reaches this voxel".
        posterior: of the clicks so far.
        n: draws.
        seed: of the draws.

    Raises:
        GeometryError: the voxel lies outside the region.
        ValueError: a label the distribution does not have, or no draws.

    Source: Rubinstein and Kroese, "The Cross-Entropy Method", 2004, section 3.
    """
    if n < 1:
        raise ValueError(f"n: expected at least 1, got {n}")
    if not 0 <= question.label < dist.classes:
        raise ValueError(f"label: expected below {dist.classes}, got {question.label}")
    lead = _lead(dist, question, posterior)
    generator = np.random.default_rng([seed, 5])
    if posterior is not None:
        z = posterior.sample(n, seed)
        ratio = np.ones(n)
    else:
        shift = _towards(lead, dist.rank, generator)
        z = generator.standard_normal((n, dist.rank))
        z[int(_PLAIN * n) :] += shift
        # Density of N(0, I) over that of the mixture which the draws come from.
        ratio = 1 / (_PLAIN + (1 - _PLAIN) * np.exp(z @ shift - 0.5 * shift @ shift))
    true = lead(z) >= 0
    weight = ratio * true
    total = float(weight.sum())
    if total == 0:
        return Outcome(0.0, 1 / n, np.zeros((0, dist.rank)), np.zeros(0))
    error = float(weight.std() / np.sqrt(n))
    return Outcome(min(1.0, total / n), error, z[true], weight[true] / total)


def _lead(
    dist: LogitDistribution, question: VolumeAtLeast | Click, posterior: Posterior | None
) -> Callable[[Floats], Floats]:
    """A function of draws (n, R) that is at least zero where the outcome comes true."""
    if isinstance(question, VolumeAtLeast):
        counts = posterior.label_counts if posterior is not None else None
        # A volume that is exactly so many voxels is reached, whatever the division rounded.
        least = question.volume_ml / voxel_volume_ml(dist.affine) * (1 - 1e-12)

        def volume(z: Floats) -> Floats:
            found = label_counts(dist, z) if counts is None else counts(z)
            return found[:, question.label] - np.float64(least)

        return volume
    if posterior is not None:
        voxel = int(np.ravel_multi_index(local_index(dist, question.index), dist.space))
        return lambda z: np.where(
            posterior.labels_at(z, np.array([voxel]))[:, 0] == question.label, 0.0, -1.0
        )
    margins = margins_of(dist, [question])

    def margin(z: Floats) -> Floats:
        found: Floats = (z @ margins.factor.T + margins.mean).min(1)
        return found

    return margin


def _towards(lead: Callable[[Floats], Floats], rank: int, generator: np.random.Generator) -> Floats:
    """Mean of the normal, of unit width, that best imitates the draws that come true."""
    shift = np.zeros(rank)
    for _ in range(_STEPS):
        z = generator.standard_normal((_STEP, rank)) + shift
        ahead = lead(z)
        level = min(0.0, float(np.quantile(ahead, 1 - _ELITE)))
        elite = z[ahead >= level]
        # Logarithms first: far out the ratio of the densities is beyond any number.
        log_ratio = -elite @ shift
        ratio = np.exp(log_ratio - log_ratio.max())
        shift = ratio @ elite / ratio.sum()
        if level == 0.0:
            break
    return shift
