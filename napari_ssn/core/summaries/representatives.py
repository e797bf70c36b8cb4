"""The few hypotheses that stand for all of them."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import linear_sum_assignment

from napari_ssn.core.decodable import Decodable
from napari_ssn.core.distribution import draw_z
from napari_ssn.core.few import Few, few_of, grid_of
from napari_ssn.core.given.posterior import Posterior
from napari_ssn.core.hypotheses import Hypothesis
from napari_ssn.core.measures import label_counts
from napari_ssn.core.metrics import pairwise_iou
from napari_ssn.core.summaries.drawn import Drawn
from napari_ssn.geometry.arrays import Between, Floats, Ints, Labels

# Voxels that are compared at most, see `representatives`: what they leave uncertain of a distance
# is less than what a few hundred draws leave uncertain of a share.
_VOXELS = 1 << 16
# "Nothing there" becomes a hypothesis of its own from this share of the draws on; below, the
# draws without foreground count for whichever representative is nearest.
_NOTHING = 0.01
# Halves of the draws that say how much of a share is chance: their spread is known to a tenth.
_HALVES = 50


def representatives(
    dist: Decodable | Posterior,
    k: int = 4,
    n: int = 400,
    seed: int = 0,
    z: ArrayLike | None = None,
    between: Between = lambda: None,
    presence: float | None = None,
) -> list[Hypothesis]:
    """Choose up to k label maps that stand for n draws, the likeliest first.

    The medoids of the draws under ``d = 1 − IoU``; each stands for the draws nearest to it,
    and their share is its probability. "Nothing there" is a hypothesis in its own right, and stands
    for the draws that are empty and for no others: one that overlaps no medoid counts for the one
    that is nearest in size. Where more than 65,536 voxels may differ, one of every two is compared,
    or of every three, and so on; the hypotheses themselves are whole.

    With a presence p below 1 "nothing outlined" has no z, and with the share e of the draws that
    are empty by theirs ``P(none) = 1 − p (1 − e)``; a hypothesis that a share s of the others is
    nearest to has ``p (1 − e) s``.

    Of an ensemble of few (`few_of`) the members take the place of draws: each hypothesis is one of
    them, and its share is of them, without an error.

    Args:
        dist: the distribution, or what is left of it given some clicks.
        k: how many at most; fewer when the draws hold fewer different label maps.
        n: draws, without pixel noise.
        seed: of the draws.
        z: (n, R) draws made already, given presence, in the place of n and seed.
        between: called now and then; what it raises goes through.
        presence: p, where z were drawn given more than ``dist`` knows of; by default its own.

    Returns:
        Hypotheses whose ``probability`` sums to one. ``probability_error`` is its standard
        deviation from one set of n draws to another, the medoids of each chosen anew: with other
        draws other hypotheses would stand for all, which changes a share by more than the number
        of draws alone. With presence below 1 and k = 1 the likelier of nothing and one medoid,
        with what it has.

    Examples:
        >>> import numpy as np
        >>> import napari_ssn as ssn
        >>> mean, factor = np.zeros((2, 4, 5)), np.zeros((1, 2, 4, 5))
        >>> mean[1], factor[0, 1] = [-3, 1, 2, -1, -3], 1
        >>> dist = ssn.LogitDistribution(mean, factor, np.zeros((2, 4, 5)))
        >>> [(h.volume_ml, round(h.probability, 2)) for h in ssn.representatives(dist, k=4)]
        [(0.008, 0.67), (0.012, 0.15), (0.004, 0.15), (0.0, 0.02)]
    """
    if k < 1 or n < 1:
        raise ValueError(f"k, n: expected at least 1, got {k} and {n}")
    given = dist if isinstance(dist, Posterior) else None
    whole = grid_of(dist)
    if z is None and (few := few_of(dist)) is not None:
        share = few.presence if presence is None else presence
        of_them = representatives(dist, k, n, seed, few.z, between, share)
        return [_member(dist, few, one) for one in of_them]
    if z is None:
        z = draw_z(n, whole.rank, seed) if given is None else given.draw(n, seed)
    z = dist.check_draws(z)
    n = len(z)
    found = Drawn.of(whole, z, given, _VOXELS, between)
    between()
    flat, common = _differing(found, between)
    # Equal draws are one point with a weight: fewer distances, and medoids that differ.
    first, place = _kinds(flat)
    maps = flat[first]
    weight = np.bincount(place, minlength=len(maps)).astype(np.float64)
    between()
    # Where no voxel differs, all draws are one.
    distance = np.zeros((1, 1))
    if maps.size:
        distance = 1 - pairwise_iou(maps, maps, whole.classes, common)
    between()
    groups = _Groups(distance, (maps > 0).sum(axis=1), weight)
    apart, none = whole.presence < 1, None
    for kind in np.flatnonzero(~maps.any(axis=1) & (common[1:].sum() == 0)):
        empty = np.flatnonzero(place == kind)
        if found.step > 1:
            # There may be something in the voxels that were not compared.
            something = label_counts(dist, z[empty])[:, 1:].any(axis=1)
            if something.any():
                first = np.append(first, empty[something][0])
                groups = groups.split(int(kind), int(something.sum()))
            empty = empty[~something]
        if apart and len(empty):
            none = int(kind)
        elif len(empty) >= _NOTHING * n:
            first[kind] = empty[0]
            groups = replace(groups, nothing=int(kind))
    hypotheses, scale = [], _Scale()
    if apart:
        p = dist.presence if presence is None else presence
        e = 0.0 if none is None else float(groups.weight[none]) / n
        nothing = (1 - p) + p * e
        if nothing >= _NOTHING:
            if k > 1 or nothing >= 0.5:
                error = p * math.sqrt(e * (1 - e) / n)
                made = Hypothesis.nothing(whole)
                hypotheses = [replace(made, probability=nothing, probability_error=error)]
                k -= 1
            if none is not None:
                groups = groups.without(none)
            scale = _Scale(p, e, n)
    medoids = groups.medoids(k) if k and groups.total else []
    if not medoids:
        return hypotheses
    shares = groups.shares(medoids)
    errors = scale.errors(shares, _errors(groups, medoids, seed, between))
    hypotheses += [
        replace(
            _hypothesis(dist, z[first[medoid]]),
            probability=float(share),
            probability_error=float(error),
        )
        for medoid, share, error in zip(medoids, scale.shares(shares), errors, strict=True)
    ]
    return sorted(hypotheses, key=lambda h: -(h.probability or 0.0))


def _member(dist: Decodable | Posterior, few: Few, one: Hypothesis) -> Hypothesis:
    """A member's own label map where no clicks correct it; nobody has drawn it by chance."""
    label_map = one.label_map
    if one.z is not None and isinstance(dist, Decodable):
        row = int(np.flatnonzero((few.z == one.z).all(1))[0])
        label_map = dist.placed(few.label_maps[few.outlining[row]])
    return replace(one, label_map=label_map, probability_error=0.0)


class _Scale(NamedTuple):
    """From shares of the draws that are not empty to shares of all readers, ``p (1 − e)``.

    p: presence; e: share of n draws that are empty by their z.
    """

    p: float = 1.0
    e: float = 0.0
    n: int = 1

    def shares(self, shares: Floats) -> Floats:
        """Of all readers."""
        return np.asarray(self.p * (1 - self.e) * shares)

    def errors(self, shares: Floats, errors: Floats) -> Floats:
        """Standard errors of these, from those of the shares and of e."""
        chance = math.sqrt(self.e * (1 - self.e) / self.n)
        return np.asarray(self.p * np.hypot((1 - self.e) * errors, shares * chance))


@dataclass(frozen=True, eq=False)
class _Groups:
    """Different label maps among the draws.

    Attributes:
        distance: (m, m) between them.
        sizes: (m,) voxels that are not background, of those compared.
        weight: (m,) draws of each.
        nothing: which one is "nothing there", if it is a hypothesis of its own.
    """

    distance: Floats
    sizes: Ints
    weight: Floats
    nothing: int | None = None

    def split(self, kind: int, count: int) -> _Groups:
        """With so many draws of a kind as one of its own, alike in all that was compared."""
        order = [*range(len(self.weight)), kind]
        weight = self.weight[order]
        weight[kind] -= count
        weight[-1] = count
        return _Groups(self.distance[np.ix_(order, order)], self.sizes[order], weight)

    def without(self, kind: int) -> _Groups:
        """Without the draws of a kind."""
        weight = self.weight.copy()
        weight[kind] = 0
        return replace(self, weight=weight)

    def medoids(self, k: int) -> list[int]:
        """Up to k of them that stand for all; nothing among them where it is one."""
        alone = k == 1 and self.nothing is not None and self.weight[self.nothing] < self.total
        # A single hypothesis is to stand for something.
        fixed = [] if self.nothing is None or alone else [self.nothing]
        there = np.flatnonzero(self.weight > 0)
        at = {int(kind): i for i, kind in enumerate(there)}
        part = self.distance[np.ix_(there, there)]
        found = k_medoids(
            part, self.weight[there], min(k, len(there)), [at[kind] for kind in fixed]
        )
        return [int(there[i]) for i in found]

    @property
    def total(self) -> float:
        """Draws in all."""
        return float(self.weight.sum())

    def shares(self, medoids: list[int]) -> Floats:
        """Share of the draws that each medoid stands for, sum 1."""
        apart = self.distance[:, medoids]
        if self.nothing in medoids and len(medoids) > 1:
            apart[:, medoids.index(self.nothing)] = np.inf
        # Of equally near ones, as of those that a draw overlaps none of, the nearest in size.
        near = apart <= apart.min(axis=1, keepdims=True)
        gap = np.abs(self.sizes[:, None] - self.sizes[medoids])
        nearest = np.where(near, gap, np.iinfo(np.int64).max).argmin(axis=1)
        if self.nothing in medoids:
            nearest[self.nothing] = medoids.index(self.nothing)
        found = np.bincount(nearest, weights=self.weight, minlength=len(medoids))
        return np.asarray(found / self.total)


def _errors(groups: _Groups, medoids: list[int], seed: int, between: Between) -> Floats:
    """Standard deviation of each share over halves of the draws, each clustered anew.

    A half taken without replacement differs from another as much as sets of all the draws do,
    ``1/(n/2) − 1/n = 1/n``. (With replacement, most draws
    return and the medoids with them.)
    A medoid of a half is taken for that of ours which is nearest, one for one.

    Source: Politis and Romano, Annals of Statistics 1994.
    """
    generator = np.random.default_rng([seed, 8])
    draws = int(groups.total)
    if draws < 2:
        return np.zeros(len(medoids))
    shares = np.zeros((_HALVES, len(medoids)))
    for row in shares:
        between()
        half = generator.multivariate_hypergeometric(groups.weight.astype(np.int64), draws // 2)
        weight = half.astype(np.float64)
        there = groups.nothing is not None and weight[groups.nothing] > 0
        again = replace(groups, weight=weight, nothing=groups.nothing if there else None)
        chosen = again.medoids(len(medoids))
        ours, theirs = linear_sum_assignment(groups.distance[np.ix_(medoids, chosen)])
        row[ours] = again.shares(chosen)[theirs]
    return np.asarray(shares.std(axis=0))


def _differing(found: Drawn, between: Between) -> tuple[Labels, Floats]:
    """Labels of the voxels that really differ, (n, v): most have one label in every draw.

    Also the voxels of each label that all share, (C,), in numbers of those that were compared.
    """
    flat = found.labels
    differs = np.zeros(flat.shape[1], bool)
    for row in flat[1:]:
        differs |= row != flat[0]
    between()
    alike = np.bincount(flat[0, ~differs], minlength=len(found.common))
    # Row by row, because a mask over both axes at once would hold the whole twice.
    return np.stack([row[differs] for row in flat]), found.common / found.step + alike


def _kinds(flat: Labels) -> tuple[Ints, Ints]:
    """First row of each kind, and the kind of each row.

    Rows are told apart by a hash: sorting them would compare label maps voxel by voxel.
    """
    seen: dict[bytes, int] = {}
    digests = (hashlib.sha256(row.tobytes()).digest() for row in flat)
    place = np.array([seen.setdefault(digest, len(seen)) for digest in digests], np.int64)
    return np.unique(place, return_index=True)[1].astype(np.int64), place


def _hypothesis(dist: Decodable | Posterior, z: Floats) -> Hypothesis:
    return dist.hypothesis(z) if isinstance(dist, Posterior) else Hypothesis.from_z(dist, z)


def k_medoids(distance: Floats, weight: Floats, k: int, fixed: list[int]) -> list[int]:
    """Partition around medoids: greedy build, then the best swap until none helps.

    Minimises ``Σ_i w_i min_m d(i, m)`` over sets of k medoids that include ``fixed``.

    Args:
        distance: (n, n), zero on the diagonal.
        weight: (n,).
        k: number of medoids, at most n.
        fixed: medoids that stay.

    Source: Kaufman and Rousseeuw, "Finding Groups in Data", 1990, chapter 2.
    """
    medoids = list(fixed[:k])
    near = distance[:, medoids].min(axis=1) if medoids else np.full(len(distance), np.inf)
    while len(medoids) < k:
        cost = weight @ np.minimum(near[:, None], distance)
        cost[medoids] = np.inf
        medoids.append(int(cost.argmin()))
        near = np.minimum(near, distance[:, medoids[-1]])
    best = float(weight @ near)
    while True:
        swap: tuple[int, int] | None = None
        for slot in range(len(fixed[:k]), k):
            others = [m for i, m in enumerate(medoids) if i != slot]
            rest = distance[:, others].min(axis=1) if others else np.full(len(distance), np.inf)
            cost = weight @ np.minimum(rest[:, None], distance)
            cost[medoids] = np.inf
            # A gain smaller than rounding would swap for ever.
            if cost.min() < best * (1 - 1e-12):
                best, swap = float(cost.min()), (slot, int(cost.argmin()))
        if swap is None:
            return medoids
        medoids[swap[0]] = swap[1]
