"""The few hypotheses that stand for all of them."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_ssn.core.activation import PackedDistribution
from napari_ssn.core.conditioning import Posterior
from napari_ssn.core.decodable import Decodable
from napari_ssn.core.distribution import draw_z
from napari_ssn.core.hypotheses import Hypothesis
from napari_ssn.core.metrics import pairwise_iou

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
    and their share is its probability. "Nothing there" is a hypothesis in its own right.

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
    flat, common = _maps(whole, z, between)
    if given is not None:
        flat, common = _corrected(given, z, flat, common)
    between()
    flat, common = _differing(flat, common, between)
    # Equal draws are one point with a weight: fewer distances, and medoids that differ.
    first, place = _kinds(flat)
    maps = flat[first]
    weight = np.bincount(place, minlength=len(maps)).astype(np.float64)
    between()
    # Where no voxel differs, all draws are one.
    distance = np.zeros((1, 1))
    if maps.size:
        distance = 1 - pairwise_iou(maps, maps, whole.classes, common)
    empty = np.flatnonzero(~maps.any(axis=1) & (common[1:].sum() == 0))
    fixed = [int(i) for i in empty if weight[i] >= _NOTHING * n]
    medoids = k_medoids(distance, weight, min(k, len(maps)), fixed)
    nearest = distance[:, medoids].argmin(axis=1)
    shares = np.bincount(nearest, weights=weight, minlength=len(medoids)) / n
    found = [
        replace(
            _hypothesis(dist, z[first[medoid]]),
            probability=float(share),
            probability_error=math.sqrt(share * (1 - share) / n),
        )
        for medoid, share in zip(medoids, shares, strict=True)
    ]
    return sorted(found, key=lambda h: -(h.probability or 0.0))


def _maps(
    dist: Decodable, z: NDArray[np.float64], between: Callable[[], None]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Labels for each z of the voxels that may differ, (n, v), and counts of all others, (C,)."""
    if not isinstance(dist, PackedDistribution):
        return dist.label_maps(z).reshape(len(z), -1), np.zeros(dist.classes, np.int64)
    vectors = z.astype(np.float32)
    radius = float(np.linalg.norm(vectors.astype(np.float64), axis=1).max())
    reached = dist.touched(radius)
    flat = np.empty((len(z), reached), np.uint8)
    for block in dist.blocks(reached):
        between()
        for row, vector in zip(flat, vectors, strict=True):
            row[block] = dist.decode(vector, block, radius)
    inside = np.bincount(dist.best[:reached], minlength=dist.classes)
    return flat, dist.mean_counts - inside


def _differing(
    flat: NDArray[np.uint8], common: NDArray[np.int64], between: Callable[[], None]
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """As `_maps`, of the voxels that really differ: most have one label in every draw."""
    differs = np.zeros(flat.shape[1], bool)
    for row in flat[1:]:
        differs |= row != flat[0]
    between()
    alike = np.bincount(flat[0, ~differs], minlength=len(common))
    # Row by row, because a mask over both axes at once would hold the whole twice.
    return np.stack([row[differs] for row in flat]), common + alike


def _kinds(flat: NDArray[np.uint8]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """First row of each kind, and the kind of each row.

    Rows are told apart by a hash: sorting them would compare label maps voxel by voxel.
    """
    seen: dict[bytes, int] = {}
    digests = (hashlib.sha256(row.tobytes()).digest() for row in flat)
    place = np.array([seen.setdefault(digest, len(seen)) for digest in digests], np.int64)
    return np.unique(place, return_index=True)[1].astype(np.int64), place


def _corrected(
    given: Posterior,
    z: NDArray[np.float64],
    flat: NDArray[np.uint8],
    common: NDArray[np.int64],
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """What `_maps` found, with the labels that the voxels near clicks have instead."""
    near, dist = given.near, given.dist
    labels = given.labels_at(z, near)
    if not isinstance(dist, PackedDistribution):
        flat[:, near] = labels
        return flat, common
    place = dist.place.reshape(-1)[near]
    known = place < flat.shape[1]
    flat[:, place[known]] = labels[:, known]
    # Near a click a voxel may differ that no z alone would change.
    gone = np.bincount(dist.best[place[~known]], minlength=dist.classes)
    return np.concatenate([flat, labels[:, ~known]], 1), common - gone


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
