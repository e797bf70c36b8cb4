"""Directions in which a distribution's label map is uncertain.

z ~ N(0, I) does not change under a rotation, so any orthonormal basis of z describes the same
distribution. The basis chosen here orders directions by what they do to the label map.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import get_args

import numpy as np
import torch
from torch import Tensor

from napari_ssn.core.decodable import Decodable
from napari_ssn.core.directions.effects import Effect, effects
from napari_ssn.core.directions.varimax import fourth_moments, pairs, varimax
from napari_ssn.core.kinds import DirectionKind
from napari_ssn.core.margins import CUT, Margin
from napari_ssn.core.parallel import in_threads
from napari_ssn.geometry.arrays import Floats
from napari_ssn.geometry.brief import brief

# Shares nearer than this count as equal and are ordered by change of volume.
_EQUAL_SHARE = 1e-6

# Least share of the label-relevant variance that varimax turns a direction for.
_TURNED = 0.005
# Voxels whose products of loadings are summed at once: they stay in cache.
_AT_ONCE = 1 << 13


@dataclass(frozen=True, eq=False)
class Directions:
    """A rotation of z whose columns are ordered by how much of the uncertainty they hold.

    Attributes:
        basis: (R, R) float64, orthonormal; column k is direction k.
        share: (R,) of the variance that their kind weighs, descending, sum 1 (or all zero when
            no voxel is uncertain).
        effects: one per column.
        kind: how they were chosen.

    Examples:
        >>> import numpy as np
        >>> import napari_ssn as ssn
        >>> mean, factor = np.zeros((2, 4, 5)), np.zeros((1, 2, 4, 5))
        >>> mean[1], factor[0, 1] = [-3, 1, 2, -1, -3], 1
        >>> dist = ssn.LogitDistribution(mean, factor, np.zeros((2, 4, 5)))
        >>> directions = ssn.principal_directions(dist)
        >>> directions.share
        array([1.])
        >>> dist.label_map(directions.z(0, 1.5))[0]  # +1.5 σ: larger
        array([0, 1, 1, 1, 0], dtype=uint8)
    """

    basis: Floats
    share: Floats
    effects: tuple[Effect, ...]
    kind: DirectionKind = "label-weighted"

    __repr__ = brief

    def z(self, k: int, t: float, anchor: Floats | None = None) -> Floats:
        """``z₀ + t v_k``: t standard deviations along direction k from an anchor.

        What an anchor holds beyond z (`Posterior.draw`) stays as it is.
        """
        rank = len(self.basis)
        found = np.zeros(rank) if anchor is None else anchor.copy()
        found[:rank] += t * self.basis[:, k]
        return found


_Pieces = list[Callable[[], Margin]]


def _total(pieces: _Pieces, sum_up: Callable[[Margin], Tensor]) -> Floats:
    """Sum over all voxels of what ``sum_up`` makes of some of them."""
    if len(pieces) == 1:
        return np.asarray(sum_up(pieces[0]()).cpu().numpy())
    # In the order of the pieces, so that the sum is the same every time.
    parts = in_threads(lambda piece: sum_up(piece()), pieces)
    return np.asarray(torch.stack(parts).sum(0).numpy())


def _gram(margin: Margin) -> Tensor:
    weighted = margin.weighted()
    return weighted @ weighted.T


def label_gram(dist: Decodable) -> Floats:
    """Gram matrix of the margins' factors, weighted by how easily each label changes.

    ``G = Σ_v w_v a_v a_vᵀ`` with ``w_v = (φ(d_v/s_v)/s_v)²``; d, a, s are mean, factor and
    standard deviation of the margin between a voxel's two likeliest labels. A constant added
    to all classes of P leaves it as it is.

    Returns:
        (R, R) float64.
    """
    return _gram_and_pieces(dist)[0]


def _gram_and_pieces(dist: Decodable) -> tuple[Floats, _Pieces]:
    pieces = dist.contenders(CUT)
    gram = _total(pieces, _gram)
    # Each voxel left out would have added at most φ(cut)², as ‖a‖ ≤ s.
    left = math.prod(dist.space) * math.exp(-(CUT**2)) / (2 * math.pi)
    if left >= 1e-12 * float(np.trace(gram)):
        pieces = dist.contenders()
        gram = _total(pieces, _gram)
    return gram, pieces


def plain_gram(dist: Decodable) -> Floats:
    """Gram matrix of the factor, every voxel alike: ``Σ_v P̃_vᵀ P̃_v`` with ``P̃ = (I − 11ᵀ/C) P``.

    What all classes share is projected out, as it changes no label and no probability.

    Returns:
        (R, R) float64.
    """
    return dist.plain_gram()


def principal_directions(dist: Decodable, kind: DirectionKind = "label-weighted") -> Directions:
    """Rotate z so that its axes are ordered by how much of the uncertainty they hold.

    The sign of each is the one that grows the foreground (or, where that is undecided, makes
    its largest component positive).

    Args:
        dist: the distribution.
        kind: ``label-weighted``: the eigenvectors of `label_gram`, which asks what changes
            labels. ``plain``: those of `plain_gram`, which are led by voxels whose label never
            changes wherever logits vary most there. ``varimax``: the label-weighted ones that
            hold 0.5 % or more, turned among themselves so that each moves few places and moves
            them much, see `core.directions.varimax.varimax`; their loadings are ``φ(d/s)/s · a``.

    Raises:
        ValueError: another kind.

    Examples:
        >>> import numpy as np
        >>> import napari_ssn as ssn
        >>> mean, factor = np.zeros((2, 4, 5)), np.zeros((2, 2, 4, 5))
        >>> mean[1] = [-3, 1, 2, -1, -3]
        >>> factor[0, 1, :, 1], factor[1, 1, :, 3] = 1, 0.5  # left edge, right edge
        >>> dist = ssn.LogitDistribution(mean, factor, np.zeros((2, 4, 5)))
        >>> directions = ssn.principal_directions(dist)
        >>> directions.share.round(2)
        array([0.95, 0.05])
        >>> dist.label_map(directions.z(0, -1.5))[0], dist.label_map(directions.z(1, 2.5))[0]
        (array([0, 0, 1, 0, 0], dtype=uint8), array([0, 1, 1, 1, 0], dtype=uint8))
    """
    if kind not in get_args(DirectionKind):
        raise ValueError(
            f"kind: expected one of {', '.join(get_args(DirectionKind))}, got {kind!r}"
        )
    gram, pieces = _gram_and_pieces(dist)
    share, vectors = _principal(plain_gram(dist) if kind == "plain" else gram)
    if kind == "varimax":
        vectors = _turned(vectors, share, pieces, math.prod(dist.space))
        share = np.einsum("rk,rs,sk->k", vectors, gram, vectors)
        share = share / share.sum() if share.sum() > 0 else share
    rotation = torch.from_numpy(vectors.T.copy()).to(dist.device)

    def growth(margin: Margin) -> Tensor:
        along = rotation @ (margin.weighted() * margin.from_background)  # (R, V)
        return torch.stack([along.sum(1), along.abs().sum(1)])

    pull, gross = _total(pieces, growth)
    order = np.lexsort((-np.abs(pull), -np.round(share / _EQUAL_SHARE)))
    share, vectors, pull, gross = share[order], vectors[:, order], pull[order], gross[order]
    biggest = vectors[np.abs(vectors).argmax(0), np.arange(len(share))]
    # What grows and what shrinks cancel to within the rounding of float32.
    undecided = np.abs(pull) <= 1e-6 * gross
    vectors = vectors * np.where(np.where(undecided, biggest, pull) < 0, -1.0, 1.0)
    return Directions(np.ascontiguousarray(vectors), share, effects(dist, vectors), kind)


def _principal(gram: Floats) -> tuple[Floats, Floats]:
    """Shares (R,) of the eigenvalues of a Gram matrix, and eigenvectors (R, R)."""
    values, vectors = np.linalg.eigh(gram)
    values = values.clip(min=0)
    total = float(values.sum())
    return (values / total if total > 0 else np.zeros_like(values)), vectors


def _turned(vectors: Floats, share: Floats, pieces: _Pieces, count: int) -> Floats:
    """Those of the directions that matter, turned by varimax; the others as they are."""
    leading = np.flatnonzero(share >= _TURNED)
    if len(leading) < 2:
        return vectors
    first, second = pairs(len(leading))

    def products(margin: Margin) -> Tensor:
        weighted = margin.weighted()  # (R, V)
        rotation = torch.from_numpy(vectors[:, leading].T.copy()).to(weighted.device)
        loadings = rotation @ weighted
        total = torch.zeros(len(first) + 1, len(first), dtype=torch.float64, device=loadings.device)
        for block in loadings.split(_AT_ONCE, 1):
            both = block[first] * block[second]  # (K, v)
            total[:-1] += both @ both.T
            total[-1] += both.sum(1)
        return total

    *fours, twos = _total(pieces, products)
    square = np.empty((len(leading),) * 2)
    square[first, second] = square[second, first] = twos
    out = vectors.copy()
    out[:, leading] = vectors[:, leading] @ varimax(fourth_moments(np.array(fours)), square, count)
    return out
