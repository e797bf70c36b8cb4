"""Where the next click would tell most."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_ssn.core.decodable import Decodable
from napari_ssn.core.given.conditioning import condition
from napari_ssn.core.given.posterior import Posterior
from napari_ssn.geometry.arrays import Floats, Ints, Labels

# Voxels that stand for the map, and those of them that are compared as places to click.
_MAP, _PLACES = 4000, 500


@dataclass(frozen=True, eq=False)
class Suggestion:
    """A voxel worth pointing at.

    Attributes:
        index: of the voxel, in the grid of the image, as `Click` takes it.
        probability: (C,) share of the hypotheses that give it each label.
        gain: share of the disagreement between two hypotheses that an answer removes on
            average, 0 … 1.
    """

    index: tuple[int, ...]
    probability: Floats
    gain: float


def suggest_click(
    dist: Decodable, posterior: Posterior | None = None, n: int = 256, seed: int = 0
) -> Suggestion | None:
    """The voxel whose label, once known, leaves the least doubt about the whole label map.

    Hypotheses are decoded without pixel noise, so z decides every label and the mutual
    information of a voxel's label with z is its entropy: all voxels that split the hypotheses
    evenly tie, one alone in a corner with one whose answer settles the whole outline. What is
    maximised instead is the information about the map: the expected fall of the number of voxels
    on which two hypotheses differ,
    ``Σ_w Σ_c [ Σ_l P(y_v = l) P(y_w = c | y_v = l)² − P(y_w = c)² ]``,
    which is largest for even splits that many other voxels go along with.

    Args:
        dist: the distribution.
        posterior: of the clicks so far; None before any. Clicked voxels are not suggested.
        n: hypotheses that it is estimated from.
        seed: of their draws, and of the voxels that are compared where there are very many.

    Returns:
        None when all hypotheses are one label map.

    Examples:
        >>> import numpy as np
        >>> import napari_ssn as ssn
        >>> mean, factor = np.zeros((2, 4, 5)), np.zeros((1, 2, 4, 5))
        >>> mean[1], factor[0, 1] = [-3, 1, 2, -1, -3], 1
        >>> dist = ssn.LogitDistribution(mean, factor, np.zeros((2, 4, 5)))
        >>> suggestion = ssn.suggest_click(dist)
        >>> suggestion.index, suggestion.probability.round(1)
        ((0, 1), array([0.2, 0.8]))
    """
    if n < 2:
        raise ValueError(f"n: expected at least 2, got {n}")
    known = condition(dist, []) if posterior is None else posterior
    z = known.draw(n, seed)
    generator = np.random.default_rng([seed, 4])
    reach = float(np.linalg.norm(z[:, : dist.rank], axis=1).max())
    changing = np.flatnonzero(dist.changeable(reach).cpu().numpy())
    changing = np.union1d(changing, known.near)
    chosen = _some(changing, 4 * _MAP, generator)
    labels = known.labels_at(z, chosen)
    split = np.flatnonzero((labels != labels[0]).any(0))
    split = _some(split, _MAP, generator)
    labels, chosen = labels[:, split], chosen[split]
    clicked = [
        int(np.ravel_multi_index(np.subtract(c.index, dist.start), dist.space))
        for c in known.clicks
    ]
    places = _some(np.flatnonzero(~np.isin(chosen, clicked)), _PLACES, generator)
    if not len(places):
        return None
    fall, disagreement = _fall(labels, places, dist.classes)
    best = places[int(fall.argmax())]
    local = np.unravel_index(int(chosen[best]), dist.space)
    share = np.bincount(labels[:, best], minlength=dist.classes) / n
    return Suggestion(
        tuple(int(i) + s for i, s in zip(local, dist.start, strict=True)),
        share,
        float(fall.max() / disagreement),
    )


def _some(values: Ints, count: int, generator: np.random.Generator) -> Ints:
    """So many of the values at most, drawn without repetition, in their order."""
    if len(values) <= count:
        return values
    return np.sort(generator.choice(values, count, replace=False))


def _fall(labels: Labels, places: Ints, classes: int) -> tuple[Floats, float]:
    """Expected fall of the disagreement for an answer at each place, and the disagreement now.

    labels (n, V), places (K,) of its columns; (K,) and Σ_w (1 − Σ_c p_wc²).
    """
    n = len(labels)
    # Float32 counts zeros and ones exactly up to 2²⁴ of them, in whatever order the processor's
    # kernel adds them up; n² times a covariance is then a whole number that float64 holds.
    ones = [(labels == c).astype(np.float32) for c in range(classes)]
    counts = [np.count_nonzero(labels == c, axis=0).astype(np.float64) for c in range(classes)]
    fall = np.zeros(len(places))
    for answer, count in zip(ones, counts, strict=True):
        there = count[places] > 0
        together = np.zeros(int(there.sum()))
        for other, others in zip(ones, counts, strict=True):
            both = answer[:, places[there]].T @ other  # (K, V)
            covariance = n * both.astype(np.float64) - np.outer(count[places][there], others)
            together += np.square(covariance).sum(1)
        fall[there] += together / (count[places][there] / n) / float(n) ** 4
    disagreement = float(sum((count * (n - count)).sum() for count in counts)) / n**2
    return fall, disagreement
