"""Where a rare outcome comes true: means of normals to draw from instead of the origin's.

The cross-entropy method walks to one such place, the nearest. A size may be rare at both ends of a
range, or along several directions, and the draws that go to one place never see the others. So what
lies beside the places found is searched again, until nothing comes true there. Who searches from
the origin may miss a place all the same: so draws of more than the normal's width are looked at as
well, and a walk leads to the origin from what comes true on no side that is known.

Source: Rubinstein and Kroese, "The Cross-Entropy Method", 2004, section 3.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from napari_ssn.geometry.arrays import Floats

#: Of draws (n, R) how far each is beyond the edge of every outcome, (n, questions); negative
#: where that does not come true.
Lead = Callable[[Floats], Floats]

# The share of the draws of a step that shows the way, and how many it must be at least; and steps.
_ELITE, _GUIDES, _STEPS = 0.1, 50, 12
# Places at most, and what one must weigh of all to be worth draws.
_PLACES, _SLIGHT = 8, 0.01
# How wide draws are that look for places which were missed, in standard deviations, and the share
# of its way to the origin below which a step from there is the last.
_WIDE, _NEARER = (2.0, 3.0), 0.03
# Of these so many at least: what is missed shows in no error.
_MANY = 1000
# How far towards a place already found what comes true is another's, of the way there.
_HALFWAY = 0.6
# How far towards a place already found another search goes, in standard deviations. Were it zero,
# nothing would be left between two places on opposite sides.
_BESIDE = 0.5
# Where so many steps take less than this share off the way that is left, there is no way.
_PATIENCE, _PROGRESS = 3, 0.1
# Draws of a step at least, where the way is not told by the first search.
_LEAST = 250
# Variance of the guides along an axis from which on they stand on two sides of it; of those on one
# side it is 1 at most, but for chance.
_APART = 1.5


def places(
    lead: Lead,
    rank: int,
    count: int,
    generator: np.random.Generator,
    others: np.random.Generator,
) -> tuple[Floats, bool]:
    """Means of normals of unit width that imitate the draws which come true, (1 … 8, R).

    And whether these are all that weigh anything, as far as a search can tell.

    Args:
        lead: see `Lead`.
        rank: R.
        count: draws of each step of the first search; of the others it is 250 or more.
        generator: of the first search.
        others: of the searches beside it, so that they change nothing where they find nothing.
    """
    nowhere = np.zeros((0, rank))
    anywhere = one = _towards(lead, rank, count, generator, nowhere)
    count = max(count, _LEAST)
    if one.share == 0:
        one = _split(_towards(lead, rank, count, others, nowhere), lead, count, others, nowhere)
    found = list[_Walk]()
    while one.share > 0:
        found.append(one)
        if len(found) == _PLACES:
            break
        sides = np.stack([walk.end / np.linalg.norm(walk.end) for walk in found])
        beside = _towards(lead, rank, count, others, sides)
        one = _split(beside, lead, count, others, sides)
    complete = False
    while not complete:
        missed = _missed(lead, rank, count, others, found)
        complete = missed is None
        if missed is None or len(found) == _PLACES:
            break
        found.append(missed)
    if not found:
        return anywhere.end[None], False
    share = np.array([walk.share for walk in found])
    ends = np.stack([walk.end for walk in found])
    kept: Floats = ends[share >= _SLIGHT * share.sum()]
    return kept, complete


@dataclass(frozen=True, eq=False)
class _Walk:
    """Where a search ended (R,), the probability of what comes true there, and who led it first."""

    end: Floats
    share: float
    guides: Floats


def _split(
    walk: _Walk, lead: Lead, count: int, generator: np.random.Generator, sides: Floats
) -> _Walk:
    """A search that led nowhere begun again, if its guides stood on two sides, on one of them.

    Of draws that lead to opposite places the mean leads nowhere.
    """
    if walk.share > 0 or len(walk.guides) < 2:
        return walk
    rank = len(walk.end)
    spread, axes = np.linalg.eigh(np.cov(walk.guides.T).reshape(rank, rank))
    if spread[-1] < _APART:
        return walk
    for axis in (axes[:, -1], -axes[:, -1]):
        one = _towards(lead, rank, count, generator, np.concatenate([sides, axis[None]]))
        if one.share > 0:
            return one
    return walk


def _missed(
    lead: Lead, rank: int, count: int, generator: np.random.Generator, found: list[_Walk]
) -> _Walk | None:
    """A place that weighs something and lies on the side of none that was found; None of none."""
    ends = np.array([walk.end for walk in found]).reshape(-1, rank)
    far = np.linalg.norm(ends, axis=1)
    sides = ends / far[:, None]
    beside = _HALFWAY * far
    for width in _WIDE:
        z = width * generator.standard_normal((max(count, _MANY), rank))
        z = z[(z @ sides.T < beside).all(1)]
        z = z[lead(z).min(1) >= 0] if len(z) else z
        if len(z):
            nearest = z[np.square(z).sum(1).argmin()]
            walk = _towards(lead, rank, count, generator, sides, beside, nearest)
            if walk.share > _SLIGHT * sum(one.share for one in found):
                return walk
    return None


def _towards(
    lead: Lead,
    rank: int,
    count: int,
    generator: np.random.Generator,
    sides: Floats,
    beside: Floats | float = _BESIDE,
    start: Floats | None = None,
) -> _Walk:
    """Walk to the mean of the normal that best imitates the draws that come true.

    Draws that lie on one of the ``sides``, unit vectors (k, R), do not count, however near to the
    outcome they are; the probability is of the rest, roughly, and 0 where no way leads there. From
    a ``start`` that comes true the walk goes on for as long as it comes nearer to the origin.
    """
    shift, scale, levels = np.zeros(rank) if start is None else start, None, list[float]()
    guides = np.zeros((0, rank))
    for _ in range(_STEPS):
        z = generator.standard_normal((count, rank)) + shift
        z = z[(z @ sides.T < beside).all(1)] if len(sides) else z
        if len(z) < 2:
            break
        every = lead(z)
        if scale is None:
            # Voxels and logits are to count alike. What is the same for all counts as it is.
            spread = every.std(0)
            scale = np.where(spread > 0, spread, 1.0)
        ahead = (every / scale).min(1)
        share = min(0.5, max(_ELITE, _GUIDES / len(z)))
        level = min(0.0, float(np.quantile(ahead, 1 - share)))
        elite = z[ahead >= level]
        guides = guides if levels else elite
        # Logarithms first: far out the ratio of the densities is beyond any number.
        log_ratio = -elite @ shift
        ratio = np.exp(log_ratio - log_ratio.max())
        before, shift = shift, ratio @ elite / ratio.sum()
        nearer = np.linalg.norm(shift) < (1 - _NEARER) * np.linalg.norm(before)
        if level == 0.0 and (start is None or not nearer):
            log_ratio += 0.5 * before @ before
            return _Walk(shift, float(np.exp(log_ratio).sum() / count), guides)
        levels.append(level)
        # The first search has always gone on to the end.
        slow = len(levels) > _PATIENCE and level < (1 - _PROGRESS) * levels[-1 - _PATIENCE]
        if len(sides) and slow:
            break
    return _Walk(shift, 0.0, guides)
