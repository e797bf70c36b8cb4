"""Directions in which a distribution's label map is uncertain.

z ~ N(0, I) does not change under a rotation, so any orthonormal basis of z describes the same
distribution. The basis chosen here orders directions by what they do to the label map.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_ssn.core.distribution import EPSILON, LogitDistribution
from napari_ssn.core.measures import label_counts, voxel_volume_ml

#: The effects of a direction are measured between −REACH and +REACH standard deviations.
REACH = 2.0

# Length of the mean of unit vectors (0 all around, 1 all one way) above which a change is on
# one side. Voxels spread evenly over half a circle give 2/π = 0.64.
_ONE_SIDED = 0.5
# |gain − loss| / (gain + loss) below which a change moves the label rather than grow it.
_BALANCED = 0.5
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


def _contenders(dist: LogitDistribution) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Margin of each voxel's two likeliest labels, oriented from the lower to the higher.

    Returns mean (V,), factor (R, V), standard deviation (V,) of the margin, and whether the
    lower label is background (V,).
    """
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
    return difference(mean), columns, deviation, lower[0] == 0


def label_gram(dist: LogitDistribution) -> NDArray[np.float64]:
    """Gram matrix of the margins' factors, weighted by how easily each label changes.

    ``G = Σ_v w_v a_v a_vᵀ`` with ``w_v = (φ(d_v/s_v)/s_v)²``; d, a, s are mean, factor and
    standard deviation of the margin between a voxel's two likeliest labels. A constant added
    to all classes of P leaves it as it is.

    Returns:
        (R, R) float64.
    """
    return _gram(dist)[0]


def _gram(dist: LogitDistribution) -> tuple[NDArray[np.float64], Tensor]:
    """The Gram matrix, and ``φ(d/s)/s · a`` of the margins against background, (R, V)."""
    margin, columns, deviation, from_background = _contenders(dist)
    scale = margin.double() / deviation.double()
    density = torch.exp(-0.5 * scale.square()) / (math.sqrt(2 * math.pi) * deviation.double())
    weighted = columns.double() * density
    return (weighted @ weighted.T).cpu().numpy(), weighted * from_background


def principal_directions(dist: LogitDistribution) -> Directions:
    """Rotate z so that its axes are ordered by their effect on the label map.

    The eigenvectors of `label_gram`, largest eigenvalue first; the sign of each is the one
    that grows the foreground (or, where that is undecided, makes its largest component
    positive). Plain principal components of P would be led by voxels whose label never
    changes.
    """
    gram, growth = _gram(dist)
    values, vectors = np.linalg.eigh(gram)
    values = values.clip(min=0)
    total = float(values.sum())
    share = values / total if total > 0 else np.zeros_like(values)
    along = torch.from_numpy(vectors.T.copy()).to(growth.device) @ growth  # (R, V)
    pull = along.sum(1).cpu().numpy()
    gross = along.abs().sum(1).cpu().numpy()
    order = np.lexsort((-np.abs(pull), -np.round(share / _EQUAL_SHARE)))
    share, vectors, pull, gross = share[order], vectors[:, order], pull[order], gross[order]
    biggest = vectors[np.abs(vectors).argmax(0), np.arange(len(share))]
    # What grows and what shrinks cancel to within the rounding of float32.
    undecided = np.abs(pull) <= 1e-6 * gross
    vectors = vectors * np.where(np.where(undecided, biggest, pull) < 0, -1.0, 1.0)
    effects = tuple(_effect(dist, vectors[:, k]) for k in range(len(share)))
    return Directions(np.ascontiguousarray(vectors), share, effects)


def _effect(dist: LogitDistribution, direction: NDArray[np.float64]) -> Effect:
    ends = np.stack([-REACH * direction, REACH * direction])
    before, after = dist.label_maps(ends)
    none = Effect("none", 1, 0.0, 0.0, 0.0, (0.0, 0.0, 0.0))
    per_voxel = voxel_volume_ml(dist.affine)
    changes = [int(np.count_nonzero((before == c) != (after == c))) for c in range(1, dist.classes)]
    label = 1 + int(np.argmax(changes))
    near = label_counts(dist, np.stack([-direction, direction]))[:, label]
    slope = float(near[1] - near[0]) / 2 * per_voxel
    first, last = before == label, after == label
    if changes[label - 1] == 0:
        volume = float(last.sum()) * per_voxel
        return Effect("none", label, volume, volume, slope, none.side)
    low, high = sorted((float(first.sum()) * per_voxel, float(last.sum()) * per_voxel))
    if not first.any() or not last.any():
        return Effect("presence", label, low, high, slope, none.side)
    gained, lost = last & ~first, first & ~last
    centre = _middle(first | last, dist.affine)
    pull = _towards(gained, centre, dist.affine) * gained.sum()
    pull = pull - _towards(lost, centre, dist.affine) * lost.sum()
    changed = int(gained.sum() + lost.sum())
    strength = float(np.linalg.norm(pull)) / changed
    if strength < _ONE_SIDED:
        return Effect("size", label, low, high, slope, none.side)
    x, y, z = pull / np.linalg.norm(pull)
    balanced = abs(int(gained.sum()) - int(lost.sum())) < _BALANCED * changed
    kind: Kind = "shift" if balanced else "edge"
    return Effect(kind, label, low, high, slope, (float(x), float(y), float(z)))


def _points(mask: NDArray[np.bool_], affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """Positions in mm of the voxels of a mask, (n, 3)."""
    index = np.argwhere(mask).astype(np.float64)
    index = np.pad(index, ((0, 0), (0, 3 - index.shape[1])))
    return index @ affine[:3, :3].T + affine[:3, 3]


def _middle(mask: NDArray[np.bool_], affine: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(_points(mask, affine).mean(0))


def _towards(
    mask: NDArray[np.bool_], centre: NDArray[np.float64], affine: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Mean unit vector from the centre to the voxels of a mask; zero for an empty one."""
    if not mask.any():
        return np.zeros(3)
    rays = _points(mask, affine) - centre
    lengths = np.linalg.norm(rays, axis=1, keepdims=True)
    return np.asarray((rays / np.where(lengths > 0, lengths, 1)).mean(0))
