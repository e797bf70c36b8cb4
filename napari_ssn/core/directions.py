"""Directions in which a distribution's label map is uncertain.

z ~ N(0, I) does not change under a rotation, so any orthonormal basis of z describes the same
distribution. The basis chosen here orders directions by what they do to the label map.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Literal, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_ssn.core.activation import PackedDistribution
from napari_ssn.core.decodable import Decodable
from napari_ssn.core.distribution import EPSILON, LogitDistribution
from napari_ssn.core.measures import label_counts, voxel_volume_ml
from napari_ssn.core.parallel import in_threads

#: The effects of a direction are measured between −REACH and +REACH standard deviations.
REACH = 2.0

# Length of the mean of unit vectors (0 all around, 1 all one way) above which a change is on
# one side. Voxels spread evenly over half a circle give 2/π = 0.64.
_ONE_SIDED = 0.5
# |gain − loss| / (gain + loss) below which a change moves the label rather than grow it.
_BALANCED = 0.5
# Standard deviations from a tie beyond which a voxel says nothing about the directions, unless
# all do.
_CUT = 9.0
# Shares nearer than this count as equal and are ordered by change of volume.
_EQUAL_SHARE = 1e-6

Kind = Literal["none", "presence", "size", "edge", "shift"]


@dataclass(frozen=True)
class Effect:
    """What walking one direction from −2 to +2 standard deviations does to the label map.

    Attributes:
        kind: ``presence`` (the label appears), ``size`` (grows all around), ``edge`` (grows
            on one side), ``shift`` (grows on one side and shrinks on the other), ``none``.
        label: the label that changes most.
        low_ml, high_ml: volume of that label at the two ends, the smaller first.
        ml_per_sigma: change of its volume per standard deviation, around the mean.
        side: unit vector in the patient (right, anterior, superior) towards which the label
            grows; zero unless kind is ``edge`` or ``shift``.
    """

    kind: Kind
    label: int
    low_ml: float
    high_ml: float
    ml_per_sigma: float
    side: tuple[float, float, float]


@dataclass(frozen=True, eq=False)
class Directions:
    """A rotation of z whose columns are ordered by their effect on the label map.

    Attributes:
        basis: (R, R) float64, orthonormal; column k is direction k.
        share: (R,) of the label-relevant variance, descending, sum 1 (or all zero when no
            voxel is uncertain).
        effects: one per column.
    """

    basis: NDArray[np.float64]
    share: NDArray[np.float64]
    effects: tuple[Effect, ...]

    def z(self, k: int, t: float, anchor: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """``z₀ + t v_k``: t standard deviations along direction k from an anchor."""
        start = np.zeros(len(self.basis)) if anchor is None else anchor
        return start + t * self.basis[:, k]


class _Margin(NamedTuple):
    """Margin of some voxels' two likeliest labels, oriented from the lower to the higher.

    mean (V,), factor (R, V) and standard deviation (V,) of the margin, and whether the lower
    label is background (V,).
    """

    mean: Tensor
    factor: Tensor
    deviation: Tensor
    from_background: Tensor

    def weighted(self) -> Tensor:
        """``φ(d/s)/s · a`` in float64, (R, V)."""
        scale = self.mean.double() / self.deviation.double()
        density = torch.exp(-0.5 * scale.square())
        return self.factor.double() * (density / (math.sqrt(2 * math.pi) * self.deviation.double()))


def _contenders(dist: LogitDistribution) -> _Margin:
    mean = dist.mean.reshape(dist.classes, -1)
    diag = dist.cov_diag.reshape(dist.classes, -1)
    factor = dist.cov_factor.reshape(dist.rank, dist.classes, -1)
    pair = mean.topk(2, dim=0).indices.sort(dim=0).values  # (2, V)
    lower, upper = pair[0:1], pair[1:2]

    def difference(values: Tensor) -> Tensor:
        return (values.gather(0, upper) - values.gather(0, lower))[0]

    columns = torch.stack([difference(column) for column in factor])
    noise = (diag.gather(0, upper) + diag.gather(0, lower))[0]
    deviation = (columns.square().sum(0) + noise + EPSILON**2).sqrt()
    return _Margin(difference(mean), columns, deviation, lower[0] == 0)


def _packed_contenders(dist: PackedDistribution, block: slice, cut: float) -> _Margin:
    """The same at some places of a packed distribution, whose margins are over the likeliest.

    Places surely more than ``cut`` standard deviations from a tie are left out.
    """
    leads = torch.from_numpy(dist.margins[:, -1, block]).float().neg_()  # (C − 1, v)
    lead, second = (leads[0], None) if dist.classes == 2 else leads.min(0)
    spread = torch.from_numpy(dist.noise[:, block])
    beside = spread[1] if second is None else spread[1:].gather(0, second[None])[0]
    noise = spread[0].float().square() + beside.float().square()
    # ‖a‖ is at most d/ρ, so that d/s is at least 1/√(1/ρ² + D/d²).
    radius = dist.radius(block.start)
    least = radius**-2 if radius > 0 else math.inf
    near = ((least + noise / lead.square().clamp_min(1e-30)) * cut**2 >= 1).nonzero()[:, 0]
    at = near.numpy() + block.start
    if second is None:
        chosen, rival = torch.from_numpy(dist.margins[0][:, at]).float(), dist.rivals[0][at]
    else:
        slot = second[near].numpy()
        rows = np.arange(dist.rank + 1)[:, None]
        chosen = torch.from_numpy(dist.margins[slot, rows, at]).float()
        rival = dist.rivals[slot, at]
    best = dist.best[at]
    deviation = (chosen[:-1].square().sum(0) + noise[near] + EPSILON**2).sqrt()
    chosen *= torch.from_numpy(np.where(rival > best, np.float32(1), np.float32(-1)))
    background = torch.from_numpy(np.minimum(rival, best) == 0)
    return _Margin(chosen[-1], chosen[:-1], deviation, background)


_Pieces = list[Callable[[], _Margin]]


def _pieces(dist: Decodable, cut: float = math.inf) -> _Pieces:
    """The margins of all voxels, in pieces that can be made in several threads."""
    if isinstance(dist, PackedDistribution):
        return [partial(_packed_contenders, dist, block, cut) for block in dist.blocks()]
    assert isinstance(dist, LogitDistribution)
    whole = _contenders(dist)
    return [lambda: whole]


def _total(pieces: _Pieces, sum_up: Callable[[_Margin], Tensor]) -> NDArray[np.float64]:
    """Sum over all voxels of what ``sum_up`` makes of some of them."""
    if len(pieces) == 1:
        return np.asarray(sum_up(pieces[0]()).cpu().numpy())
    # In the order of the pieces, so that the sum is the same every time.
    parts = in_threads(lambda piece: sum_up(piece()), pieces)
    return np.asarray(torch.stack(parts).sum(0).numpy())


def _gram(margin: _Margin) -> Tensor:
    weighted = margin.weighted()
    return weighted @ weighted.T


def label_gram(dist: Decodable) -> NDArray[np.float64]:
    """Gram matrix of the margins' factors, weighted by how easily each label changes.

    ``G = Σ_v w_v a_v a_vᵀ`` with ``w_v = (φ(d_v/s_v)/s_v)²``; d, a, s are mean, factor and
    standard deviation of the margin between a voxel's two likeliest labels. A constant added
    to all classes of P leaves it as it is.

    Returns:
        (R, R) float64.
    """
    return _gram_and_pieces(dist)[0]


def _gram_and_pieces(dist: Decodable) -> tuple[NDArray[np.float64], _Pieces]:
    if isinstance(dist, PackedDistribution):
        pieces = _pieces(dist, _CUT)
        gram = _total(pieces, _gram)
        # Each voxel left out would have added at most φ(cut)², as ‖a‖ ≤ s.
        left = len(dist.order) * math.exp(-(_CUT**2)) / (2 * math.pi)
        if left < 1e-12 * float(np.trace(gram)):
            return gram, pieces
    pieces = _pieces(dist)
    return _total(pieces, _gram), pieces


def principal_directions(dist: Decodable) -> Directions:
    """Rotate z so that its axes are ordered by their effect on the label map.

    The eigenvectors of `label_gram`, largest eigenvalue first; the sign of each is the one
    that grows the foreground (or, where that is undecided, makes its largest component
    positive). Plain principal components of P would be led by voxels whose label never
    changes.
    """
    gram, pieces = _gram_and_pieces(dist)
    values, vectors = np.linalg.eigh(gram)
    values = values.clip(min=0)
    total = float(values.sum())
    share = values / total if total > 0 else np.zeros_like(values)
    rotation = torch.from_numpy(vectors.T.copy()).to(dist.device)

    def growth(margin: _Margin) -> Tensor:
        along = rotation @ (margin.weighted() * margin.from_background)  # (R, V)
        return torch.stack([along.sum(1), along.abs().sum(1)])

    pull, gross = _total(pieces, growth)
    order = np.lexsort((-np.abs(pull), -np.round(share / _EQUAL_SHARE)))
    share, vectors, pull, gross = share[order], vectors[:, order], pull[order], gross[order]
    biggest = vectors[np.abs(vectors).argmax(0), np.arange(len(share))]
    # What grows and what shrinks cancel to within the rounding of float32.
    undecided = np.abs(pull) <= 1e-6 * gross
    vectors = vectors * np.where(np.where(undecided, biggest, pull) < 0, -1.0, 1.0)
    return Directions(np.ascontiguousarray(vectors), share, _effects(dist, vectors))


def _effects(dist: Decodable, vectors: NDArray[np.float64]) -> tuple[Effect, ...]:
    steps = np.array([-REACH, REACH, -1.0, 1.0])
    z = steps[:, None] * vectors.T[:, None]  # (R, 4, R)
    counts = label_counts(dist, z.reshape(-1, dist.rank)).reshape(len(z), len(steps), -1)
    return tuple(_effect(dist, ends, sizes) for ends, sizes in zip(z, counts, strict=True))


def _effect(dist: Decodable, ends: NDArray[np.float64], counts: NDArray[np.int64]) -> Effect:
    """Effect of one direction: ends (4, R), its z at `_effects`' steps; counts (4, C) there."""
    before, after = dist.label_map(ends[0]), dist.label_map(ends[1])
    none = Effect("none", 1, 0.0, 0.0, 0.0, (0.0, 0.0, 0.0))
    per_voxel = voxel_volume_ml(dist.affine)
    changed = np.nonzero(before != after)
    old, new = before[changed], after[changed]
    moves = np.bincount(old, minlength=dist.classes) + np.bincount(new, minlength=dist.classes)
    label = 1 + int(np.argmax(moves[1:]))
    first, last, shorter, longer = (int(n) for n in counts[:, label])
    slope = (longer - shorter) / 2 * per_voxel
    low, high = sorted((first * per_voxel, last * per_voxel))
    if moves[label] == 0:
        return Effect("none", label, low, high, slope, none.side)
    if not first or not last:
        return Effect("presence", label, low, high, slope, none.side)
    index = np.stack(changed, axis=1)
    gained, lost = index[new == label], index[old == label]
    centre = _middle((before == label) | (after == label), dist.affine)
    pull = _towards(gained, centre, dist.affine) - _towards(lost, centre, dist.affine)
    strength = float(np.linalg.norm(pull)) / (len(gained) + len(lost))
    if strength < _ONE_SIDED:
        return Effect("size", label, low, high, slope, none.side)
    x, y, z = pull / np.linalg.norm(pull)
    balanced = abs(len(gained) - len(lost)) < _BALANCED * (len(gained) + len(lost))
    kind: Kind = "shift" if balanced else "edge"
    return Effect(kind, label, low, high, slope, (float(x), float(y), float(z)))


def _points(
    index: NDArray[np.floating | np.integer], affine: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Positions in mm of voxel indices, (n, 3)."""
    padded = np.pad(index.astype(np.float64), ((0, 0), (0, 3 - index.shape[1])))
    return padded @ affine[:3, :3].T + affine[:3, 3]


def _middle(mask: NDArray[np.bool_], affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """Mean position in mm of the voxels of a mask, (3,); from sums along each axis alone."""
    axes = range(mask.ndim)
    sums = [mask.sum(axis=tuple(a for a in axes if a != axis)) for axis in axes]
    index = [float(np.arange(len(s)) @ s) / float(s.sum()) for s in sums]
    return np.asarray(_points(np.array([index]), affine)[0])


def _towards(
    index: NDArray[np.int64], centre: NDArray[np.float64], affine: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Sum of the unit vectors from the centre to some voxels; zero for none."""
    rays = _points(index, affine) - centre
    lengths = np.linalg.norm(rays, axis=1, keepdims=True)
    return np.asarray((rays / np.where(lengths > 0, lengths, 1)).sum(0))
