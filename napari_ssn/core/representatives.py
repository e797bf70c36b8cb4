"""The few hypotheses that stand for all of them."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_ssn.core.conditioning import Posterior
from napari_ssn.core.decodable import Decodable
from napari_ssn.core.distribution import draw_z
from napari_ssn.core.drawn import Drawn
from napari_ssn.core.hypotheses import Hypothesis
from napari_ssn.core.measures import label_counts
from napari_ssn.core.metrics import pairwise_iou

# Voxels that are compared at most, see `representatives`: what they leave uncertain of a distance
# is less than what a few hundred draws leave uncertain of a share.
_VOXELS = 1 << 16
# "Nothing there" becomes a hypothesis of its own from this share of the draws on; below, the
# draws without foreground count for whichever representative is nearest.
_NOTHING = 0.01


def representatives(
    dist: Decodable | Posterior,
    k: int = 4,
    n: int = 400,
    seed: int = 0,
    z: ArrayLike | None = None,
    between: Callable[[], None] = lambda: None,
) -> list[Hypothesis]:
    """Choose up to k label maps that stand for n draws, the likeliest first.

    The medoids of the draws under ``d = 1 − IoU``; each stands for the draws nearest to it,
    and their share is its probability. "Nothing there" is a hypothesis in its own right. Where
    more than 65,536 voxels may differ, one of every two is compared, or of every three, and so
    on; the hypotheses themselves are whole.

    Args:
        dist: the distribution, or what is left of it given some clicks.
        k: how many at most; fewer when the draws hold fewer different label maps.
        n: draws, without pixel noise.
        seed: of the draws.
        z: (n, R) draws made already, in the place of n and seed.
        between: called now and then; what it raises goes through.

    Returns:
        Hypotheses whose ``probability`` sums to one, with ``probability_error``
        ``√(p (1 − p) / n)``.
    """
    if k < 1 or n < 1:
        raise ValueError(f"k, n: expected at least 1, got {k} and {n}")
    given = dist if isinstance(dist, Posterior) else None
    whole = dist.dist if isinstance(dist, Posterior) else dist
    if z is None:
        z = draw_z(n, whole.rank, seed) if given is None else given.sample(n, seed)
    z = whole.check_draws(z)
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
    fixed = []
    for kind in np.flatnonzero(~maps.any(axis=1) & (common[1:].sum() == 0)):
        empty = np.flatnonzero(place == kind)
        if found.step > 1:
            # There may be something in the voxels that were not compared.
            empty = empty[~_counts(dist, z[empty])[:, 1:].any(axis=1)]
        if len(empty) >= _NOTHING * n:
            first[kind] = empty[0]
            fixed.append(int(kind))
    medoids = k_medoids(distance, weight, min(k, len(maps)), fixed)
    nearest = distance[:, medoids].argmin(axis=1)
    shares = np.bincount(nearest, weights=weight, minlength=len(medoids)) / n
    hypotheses = [
        replace(
            _hypothesis(dist, z[first[medoid]]),
            probability=float(share),
            probability_error=math.sqrt(share * (1 - share) / n),
        )
        for medoid, share in zip(medoids, shares, strict=True)
    ]
    return sorted(hypotheses, key=lambda h: -(h.probability or 0.0))


def _differing(
    found: Drawn, between: Callable[[], None]
) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
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


def _counts(dist: Decodable | Posterior, z: NDArray[np.float64]) -> NDArray[np.int64]:
    return dist.label_counts(z) if isinstance(dist, Posterior) else label_counts(dist, z)


def _kinds(flat: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First row of each kind, and the kind of each row.

    Rows are told apart by a hash: sorting them would compare label maps voxel by voxel.
    """
    seen: dict[bytes, int] = {}
    digests = (hashlib.sha256(row.tobytes()).digest() for row in flat)
    place = np.array([seen.setdefault(digest, len(seen)) for digest in digests], np.int64)
    return np.unique(place, return_index=True)[1].astype(np.int64), place


def _hypothesis(dist: Decodable | Posterior, z: NDArray[np.float64]) -> Hypothesis:
    return dist.hypothesis(z) if isinstance(dist, Posterior) else Hypothesis.from_z(dist, z)


def k_medoids(
    distance: NDArray[np.float64], weight: NDArray[np.float64], k: int, fixed: list[int]
) -> list[int]:
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
