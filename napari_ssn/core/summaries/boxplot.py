"""Which hypotheses lie in the middle of all others, and which are unlike them.

A contour boxplot: hypotheses are sorted by how often they lie between two others. The deepest is
the median, the deeper half spans the box, and what is far from the median is an outlier.

Source: Whitaker, Mirzargar and Kirby, "Contour Boxplots: A Method for Characterizing Uncertainty
in Feature Sets from Simulation Ensembles", IEEE TVCG 19(12), 2013.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike

from napari_ssn.core.decodable import Decodable
from napari_ssn.core.few import grid_of
from napari_ssn.core.given.posterior import Posterior
from napari_ssn.core.parallel import in_threads
from napari_ssn.core.summaries.voxelwise import over_voxels
from napari_ssn.geometry.arrays import Between, Bytes, Floats, Ints, Labels, Mask

#: Interquartile ranges above the upper quartile beyond which a distance is unlike the others.
FENCE = 1.5

# Mean depth below which nearly-between counts as between.
_MEAN_DEPTH = 1 / 6
# Kinds of voxels in one matrix product.
_BLOCK = 1 << 13


@dataclass(frozen=True, eq=False)
class Boxplot:
    """N hypotheses sorted by depth; masks are of one label, (*S) bool.

    Attributes:
        depth: (N,), share of the pairs of others that a hypothesis lies between.
        tolerance: the share of a set that may lie elsewhere for it to count as between.
        median: number of the deepest.
        outliers: numbers of those that are unlike the others, farthest first.
        inside: of the median hypothesis.
        box: voxels in some, but not all, of the deeper half.
        whole: voxels in some, but not all, of those that are no outliers.
    """

    depth: Floats
    tolerance: float
    median: int
    outliers: tuple[int, ...]
    inside: Mask
    box: Mask
    whole: Mask


def boxplot(
    dist: Decodable | Posterior,
    z: ArrayLike,
    label: int | None = None,
    between: Between = lambda: None,
) -> Boxplot:
    """Sort hypotheses by contour band depth, and find the median, the box and the outliers.

    S_i is the set of voxels with the label. With J = 2 a hypothesis lies between j and k if
    ``S_j ∩ S_k ⊆ S_i ⊆ S_j ∪ S_k``, up to a tolerance ε: ::

        m_ijk = max(|S_j ∩ S_k \\ S_i| / |S_j ∩ S_k|, |S_i \\ (S_j ∪ S_k)| / |S_i|) ≤ ε
        depth_i = share of the pairs j < k of others with m_ijk ≤ ε

    ε is the smallest for which the mean depth is 1/6 at least, a common choice: 0 where strict
    inclusion gives that much. Equally deep ones are sorted by their mean m_i.

    The rule for outliers is ours, because in a set a hypothesis can leave the box in many places,
    a little in each: named is what differs from the median m in more voxels than Tukey's fence
    allows, ``d_i = |S_i Δ S_m| > Q₃ + 1.5 (Q₃ − Q₁)`` with quartiles of all d. At most a quarter
    are named, and none where all differ from the median about as much.

    All sizes of intersections of three come from N matrix products over the kinds of voxels on
    which the hypotheses differ, a kind being which of them hold the voxel. It takes N³/3
    multiplications and N bytes a kind, N / 8 bytes a differing voxel, and 40 N³ bytes.

    Args:
        dist: the distribution, or what is left of it given some clicks.
        z: (N, R), N at least 3.
        label: whose sets; None for all labels but the background together.
        between: called now and then; what it raises goes through.

    Examples:
        >>> import numpy as np
        >>> import napari_ssn as ssn
        >>> mean, factor = np.zeros((2, 4, 5)), np.zeros((1, 2, 4, 5))
        >>> mean[1], factor[0, 1] = [-3, 1, 2, -1, -3], 1
        >>> dist = ssn.LogitDistribution(mean, factor, np.zeros((2, 4, 5)))
        >>> box = ssn.boxplot(dist, [[-1.5], [0.0], [0.5], [1.5]])
        >>> box.median, box.outliers
        (1, ())
        >>> box.whole[0]
        array([False,  True, False,  True, False])
    """
    whole = grid_of(dist)
    draws = dist.check_draws(z)
    n = len(draws)
    if n < 3:
        raise ValueError(f"z: expected at least 3 draws, got {n}")
    label_map = whole.label_map()
    alike: Mask = label_map > 0 if label is None else label_map == label

    voxels, holds = _differing(dist, draws, label, alike.reshape(-1), between)
    alike.reshape(-1)[voxels] = False
    kinds, kind, weight = _kinds(holds, n)
    between()
    common = int(np.count_nonzero(alike))
    depth, tolerance, apart = _depths(kinds, weight, common, between)
    order = np.lexsort((np.arange(n), apart, -depth))
    half = order[: math.ceil(n / 2)]
    box = _spread(kinds[half])
    distance = (kinds != kinds[order[0]]) @ weight
    low, high = np.quantile(distance, (0.25, 0.75))
    far = np.flatnonzero(distance > high + FENCE * (high - low))
    rest = np.setdiff1d(np.arange(n), far)

    def mask(of_kind: Mask, others: Mask) -> Mask:
        out = others.copy()
        out.reshape(-1)[voxels] = of_kind[kind]
        return out

    nowhere = np.zeros_like(alike)
    return Boxplot(
        depth,
        tolerance,
        int(order[0]),
        tuple(int(i) for i in sorted(far, key=lambda i: (-distance[i], i))),
        mask(kinds[order[0]], alike),
        mask(box, nowhere),
        mask(_spread(kinds[rest]), nowhere),
    )


def _differing(
    dist: Decodable | Posterior, z: Floats, label: int | None, alike: Mask, between: Between
) -> tuple[Ints, Bytes]:
    """Voxels where not all sets say what the mean's does, (V,), and who holds them.

    The second is (V, ⌈N/8⌉) uint8, one bit for each hypothesis.
    """

    def pack(voxels: Ints, labels: Labels) -> tuple[Ints, Bytes]:
        holds = labels > 0 if label is None else labels == label
        kept = (holds != alike[voxels]).any(0)
        return voxels[kept], np.packbits(holds[:, kept], axis=0).T

    found = over_voxels(dist, z, pack, between)
    none = np.zeros((0, (len(z) + 7) // 8), np.uint8)
    voxels = np.concatenate([np.zeros(0, np.int64), *(voxels for voxels, _ in found)])
    return voxels, np.concatenate([none, *(holds for _, holds in found)])


def _kinds(holds: Bytes, n: int) -> tuple[Mask, Ints, Floats]:
    """Kinds of voxels: who holds each (N, K), which is whose (V,), and how many of each (K,)."""
    as_one = np.ascontiguousarray(holds).view(np.dtype((np.void, holds.shape[1]))).reshape(-1)
    _, first, kind, count = np.unique(
        as_one, return_index=True, return_inverse=True, return_counts=True
    )
    held = np.unpackbits(holds[first], axis=1, count=n).T.astype(bool)
    return np.ascontiguousarray(held), kind.reshape(-1), count.astype(np.float64)


def _spread(kinds: Mask) -> Mask:
    """Which kinds of voxels are in some, but not all, of these sets."""
    return np.asarray(kinds.any(0) & ~kinds.all(0))


def _depths(
    kinds: Mask, weight: Floats, common: int, between: Between
) -> tuple[Floats, float, Floats]:
    """Depth of each set (N,), the tolerance, and mean mismatch of each (N,)."""
    n = len(kinds)
    triple = _triples(kinds, weight, between) + common
    pair = np.einsum("ijj->ij", triple)
    size = np.diagonal(pair)
    first, second = np.triu_indices(n, 1)
    mismatch = np.empty((n, (n - 1) * (n - 2) // 2))
    for i in range(n):
        others = (first != i) & (second != i)
        j, k = first[others], second[others]
        both, all_three = pair[j, k], triple[i, j, k]
        beyond = size[i] - pair[i, j] - pair[i, k] + all_three
        missing = np.divide(both - all_three, both, out=np.zeros(len(j)), where=both > 0)
        mismatch[i] = np.maximum(missing, beyond / size[i] if size[i] else 0.0)
    tolerance = float(np.quantile(mismatch, _MEAN_DEPTH, method="inverted_cdf"))
    return (mismatch <= tolerance).mean(1), tolerance, mismatch.mean(1)


def _triples(kinds: Mask, weight: Floats, between: Between) -> Floats:
    """``Σ_v w_v [v ∈ S_i ∩ S_j ∩ S_k]``, (N, N, N)."""
    n = len(kinds)
    total = np.zeros((n, n, n))

    def first_is(i: int) -> Floats:
        """Of all triples whose smallest number is i, (N − i, N − i)."""
        # Outside of its set nothing counts.
        inside = np.flatnonzero(kinds[i])
        found = torch.zeros(n - i, n - i, dtype=torch.float64)
        for start in range(0, len(inside), _BLOCK):
            between()
            block = inside[start : start + _BLOCK]
            held = torch.from_numpy(kinds[i:, block]).float()
            found += (held * torch.from_numpy(weight[block]).float()) @ held.T
        return found.numpy()

    for i, found in enumerate(in_threads(first_is, range(n))):
        total[i, i:, i:] = found
    # In whichever order, the three are the same.
    np.maximum(total, total.transpose(1, 0, 2), out=total)
    return np.maximum(total, total.transpose(1, 2, 0))
