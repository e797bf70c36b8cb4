"""Any ensemble is a low-rank Gaussian over logits: folds, seeds, other people's networks.

With ℓ_m the logits of member m, centred over classes, ``μ = mean_m ℓ_m`` and the columns of P
are such that ``P Pᵀ = Σ_m (ℓ_m − μ)(ℓ_m − μ)ᵀ / (M − 1)``, of rank M − 1. They are found while the
members are read, one after the other (Helmert's contrasts): column r is
``√(r / (r + 1)) (ℓ_{r+1} − mean of the first r) / √(M − 1)``, and member m is at
``z_m = √(M − 1) H_m`` with H the contrasts, where the distribution decodes to its own label map.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike

from napari_ssn.core.columns import LARGE
from napari_ssn.core.decodable import EPSILON, Decodable
from napari_ssn.core.distribution import LogitDistribution
from napari_ssn.core.gathered import Gathering, Logits
from napari_ssn.core.members import Members, Method
from napari_ssn.core.numbering import numbered
from napari_ssn.core.packed.distribution import PackedDistribution
from napari_ssn.core.reading import (
    Reader,
    certain_distances,
    certain_logits,
    distance_logits,
)
from napari_ssn.errors import NEVER, Cancel
from napari_ssn.geometry.affine import Affine
from napari_ssn.geometry.arrays import Between, Floats, Singles
from napari_ssn.geometry.brief import brief

#: Probabilities are clipped to these: else the most certain member would outvote all others.
LOW, HIGH = 0.05, 0.95
#: Millimetres from an edge beyond which all distances count alike.
WIDTH_MM = 10.0


@dataclass(frozen=True)
class Taken:
    """How the members of an ensemble are taken, see `ensemble`; ValueError if that cannot be."""

    rank: int | None = None
    clip: tuple[float, float] = (LOW, HIGH)
    width_mm: float = WIDTH_MM
    distances: bool | None = None

    def __post_init__(self) -> None:
        low, high = self.clip
        if not 0 < low < 0.5 < high < 1:
            raise ValueError(f"clip: expected 0 < low < 0.5 < high < 1, got {self.clip}")
        if not (self.width_mm > 0 and math.isfinite(self.width_mm)):
            raise ValueError(f"width_mm: expected above 0, got {self.width_mm}")
        if self.rank is not None and self.rank < 1:
            raise ValueError(f"rank: expected at least 1, got {self.rank}")


USUAL = Taken()


@dataclass(frozen=True, eq=False)
class Ensemble(LogitDistribution):
    """The distribution that an ensemble is, and its members; made by `ensemble`.

    Of fewer than `MANY` members what stands for all hypotheses are these, each worth as much as any
    other, as in the window: `probabilities` are the shares of their votes, `representatives` and
    `volume_distribution` are of them. `sample`, `ask` and directions are of the Gaussian
    between them.

    Attributes:
        members: what each of them outlined, and where it stands.
    """

    members: Members = field(kw_only=True)

    __repr__ = brief

    def probabilities(self, draws: int = 128) -> Singles:
        """Share of the members that give each voxel a label, (C, *S); of many as a model's."""
        if self.members.many:
            return super().probabilities(draws)
        return np.stack([self.probability(label) for label in range(self.classes)])

    def probability(
        self, label: int | None = None, draws: int = 128, between: Between = lambda: None
    ) -> Singles:
        """See `Decodable.probability` and `probabilities`."""
        if self.members.many:
            return super().probability(label, draws, between)
        members = self.members
        # Given presence those who outline nothing are left out.
        found = members.votes(label, members.outlined if self.presence == 1 else None)
        between()
        return found

    def spread_by(self, factors: Floats, cancel: Cancel) -> Ensemble:
        """See `Decodable.spread_by`: each member stays where it is, and outlines what is there."""
        wider, maps = super().spread_by(factors, cancel), self.members.label_maps.copy()
        for number in self.members.outlined:
            maps[number] = wider.label_map(self.members.z[number])
        return Ensemble(
            *(wider.mean, wider.cov_factor, wider.cov_diag),
            **wider.located,
            members=replace(self.members, label_maps=maps),
        )


def ensemble(
    probabilities: Iterable[ArrayLike],
    affine: ArrayLike | None = None,
    *,
    rank: int | None = None,
    clip: tuple[float, float] = (LOW, HIGH),
    width_mm: float = WIDTH_MM,
    distances: bool | None = None,
    classes: int | None = None,
    between: Between = lambda: None,
) -> Ensemble:
    """The low-rank Gaussian over logits that several maps of one image are.

    ``ℓ_m = log clip(p_m)``, centred over classes; of label maps, and where no edge is soft,
    signed distances in mm to each label's edge, linear up to ``width_mm`` and there as large as
    the logits of probabilities that are clipped. The distribution is that of the *members*, not
    of readers: `Members.counts` are their sizes, and a draw may leave what any of them outlined.
    Where each label map holds one label at most, these are the same, whatever their numbers.
    A member that outlines nothing counts for `LogitDistribution.presence` alone.

    Members are read once, one at a time.

    Args:
        probabilities: of each member (C, *S) floats that sum to 1, or (*S) labels of whole
            numbers; two at least, on one grid.
        affine: 4×4 of that grid, voxel index to mm; voxels of 1 mm if left out.
        rank: columns that are kept, those of the largest variance; all M − 1 if left out.
        clip: of probabilities. Of more than ten labels the lower end is at most 1/(2 C), so that
            the likeliest label stays the likeliest; for that the upper end is above 0.5.
        width_mm: of distances.
        distances: whether signed distances are taken; if left out, where they must be.
        classes: number of labels; of label maps, if left out, those that any of them holds (see
            `Members.numbers`), with the gaps between them up to label 16.
        between: called after each member; what it raises goes through.

    Returns:
        with its `Members`: of rank M − 1, one column of zeros where only one outlines anything.

    Raises:
        DataError: there are fewer than two, their grids or numbers of labels differ, what is in
            them are no probabilities, or none outlines anything.

    Source: Monteiro et al., NeurIPS 2020, for the distribution.

    Examples:
        >>> import numpy as np
        >>> import napari_ssn as ssn
        >>> p = [np.array([0.1, 0.3, edge, 0.9]) for edge in (0.4, 0.6, 0.7)]
        >>> dist = ssn.ensemble([np.stack([1 - one, one])[:, None] for one in p])
        >>> dist.rank, dist.label_map()
        (2, array([[0, 0, 1, 1]], dtype=uint8))
        >>> dist.members.counts[:, 1]  # of the three, in voxels
        array([1, 2, 2])
        >>> dist.label_map(dist.members.z[0])
        array([[0, 0, 0, 1]], dtype=uint8)
    """
    taken = Taken(rank, clip, width_mm, distances)
    return gathered(probabilities, affine, taken, classes=classes, between=between).dense()


@dataclass(frozen=True)
class Gathered:
    """What the members of an ensemble are, before it is said how it is kept.

    Attributes:
        logits: mean and columns.
        members: what each outlined, and where it stands.
        affine: 4×4 of their grid.
    """

    logits: Logits
    members: Members
    affine: Floats

    @property
    def presence(self) -> float:
        """Share of the members that outline anything."""
        return len(self.members.outlined) / len(self.members)

    def dense(self) -> Ensemble:
        """The distribution in tensors."""
        mean, factor = self.logits.dense()
        return Ensemble(
            mean,
            factor,
            torch.full_like(mean, EPSILON),
            self.affine,
            presence=self.presence,
            members=self.members,
        )

    def kept(self, cancel: Cancel = NEVER) -> Decodable:
        """What `compact` makes of `dense`, bit for bit, without taking so much memory."""
        if self.logits.nbytes < LARGE:
            return self.dense()
        columns = self.logits.packed(torch.float16, cancel)
        return PackedDistribution(**columns.arrays(), affine=self.affine, presence=self.presence)


def gathered(
    probabilities: Iterable[ArrayLike],
    affine: ArrayLike | None = None,
    taken: Taken = USUAL,
    *,
    classes: int | None = None,
    between: Between = lambda: None,
    names: Sequence[str] = (),
) -> Gathered:
    """Read the members of an ensemble; arguments and errors as for `ensemble`.

    Args:
        taken: rank, clip, width_mm and distances.
        names: of the members, for who reads what is wrong with one; else their numbers.
    """
    (low, high), distances = taken.clip, taken.distances
    matrix = np.eye(4) if affine is None else np.asarray(affine, np.float64)
    reader, logits = Reader(low, high, distances is True, classes, names), Gathering()
    for one in probabilities:
        reader.read(np.asarray(one), logits, stop_at_saturated=distances is None)
        # Nobody holds it while the next one is read.
        del one
        between()
    reader.check()
    maps, numbers = np.stack(reader.maps), None
    reader.maps.clear()
    if reader.classes is None:
        maps, numbers = numbered(maps)
    count = reader.classes or int(maps.max()) + 1
    certain = certain_logits(count, reader.low, high)
    if reader.hard:
        logits, scale = Gathering(), math.log(high / (1 - high)) / 2
        spacing = Affine(matrix).spacing_mm(maps.ndim - 1)
        certain = certain_distances(count, scale)
        for label_map in maps:
            if label_map.any():
                distance_logits(label_map, count, spacing, taken.width_mm, scale, logits)
            between()
    clipped = np.array([0] * len(maps) if reader.hard else reader.clipped, np.int64)
    found, z = logits.finish(certain, maps.shape[1:], taken.rank)
    positions = np.full((len(maps), len(found.factor)), np.nan)
    positions[maps.reshape(len(maps), -1).any(axis=1)] = z
    kind: Any = "distances" if reader.hard else "probabilities"
    width_mm = taken.width_mm if reader.hard else None
    method = Method(kind, reader.low, high, width_mm, taken.rank)
    hardened = reader.fractions if reader.hard else 0
    members = Members(maps, positions, method, clipped, count, numbers, hardened)
    return Gathered(found, members, matrix)
