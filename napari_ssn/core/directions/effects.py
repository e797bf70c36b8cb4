"""What walking a direction does to the label map, in millilitres, millimetres and sides."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from napari_ssn.core.decodable import Decodable
from napari_ssn.core.kinds import EffectKind, Tissue
from napari_ssn.core.parallel import in_threads
from napari_ssn.core.surface import boundary_size
from napari_ssn.geometry.affine import Affine
from napari_ssn.geometry.arrays import Floats, Ints, Labels

#: The effects of a direction are measured between −REACH and +REACH standard deviations.
REACH = 2.0

# Length of the mean of unit vectors (0 all around, 1 all one way) above which a change is on
# one side, by the axes along which a label changes. Seen from the middle of the mean, which stays
# where it is however far the border goes, voxels spread evenly over half a circle give 2/π = 0.64
# and over two thirds of its width 0.49; over half a sphere 1/2, over two thirds 1/3.
_ONE_SIDED = {2: 0.52, 3: 0.38}
# |gain − loss| / (gain + loss) below which a change moves the label rather than grow it.
_BALANCED = 0.5
# Share of the changed voxels of the label that changes most from which on another one matters
# too, and share of all changed voxels from which on what moves is the border of those two.
_MATTERS, _BETWEEN = 0.5, 0.5

_NOWHERE = (0.0, 0.0, 0.0)


@dataclass(frozen=True)
class Effect:
    """What walking one direction from −2 to +2 standard deviations does to a label.

    Attributes:
        kind: ``presence`` (the label appears), ``size`` (grows all around), ``edge`` (grows
            on one side), ``shift`` (grows on one side and shrinks on the other), ``border``
            (what it gains, the first of `others` loses), ``none``.
        label: the label; of a direction the one that changes most.
        low_ml, high_ml: volume of that label at the two ends, the smaller first.
        ml_per_sigma: change of its volume per standard deviation, around the mean.
        side: unit vector in the patient (right, anterior, superior) towards which the label
            grows; zero unless kind is ``edge`` or ``shift``.
        mm_per_sigma: how far its boundary moves per standard deviation around the mean: the
            volume gained and lost between −1 and +1, by two, by the area of the mean's
            boundary (`boundary_size`). Averaged over all of the boundary, so that one side
            that moves alone moves farther than that. 0 where the mean has no boundary.
        others: effects on the other labels that matter, those that change by half as many
            voxels or more; the most changed first, without any `others` of their own.
        tissue: what the label takes in as it grows, where the image tells; else None.
    """

    kind: EffectKind
    label: int
    low_ml: float
    high_ml: float
    ml_per_sigma: float
    side: tuple[float, float, float]
    mm_per_sigma: float = 0.0
    others: tuple[Effect, ...] = ()
    tissue: Tissue | None = None


def effects(dist: Decodable, vectors: Floats) -> tuple[Effect, ...]:
    """The effect of walking along each column of (R, R)."""
    changing = _Changing.of(dist)
    steps = np.array([-REACH, REACH, -1.0, 1.0])
    z = steps[:, None] * vectors.T[:, None]  # (R, 4, R)
    return tuple(in_threads(changing.effect, z))


@dataclass(frozen=True, eq=False)
class _Changing:
    """The voxels that some z as long as `REACH` can change, n of them, and what stays.

    Attributes:
        decode: labels of these voxels for each z, (k, R) to (k, n).
        classes: C.
        index: (n, axes), places in the grid.
        kept: (C,) voxels of each label among all others.
        middles: (C, axes), the middle of each label in the mean's map; NaN where it has none.
        boundary: (C,) size of each label's boundary in the mean's map, 0 of the background.
        affine, spacing_mm: of the grid.
    """

    decode: Callable[[Floats], Labels]
    classes: int
    index: Ints
    kept: Ints
    middles: Floats
    boundary: Floats
    affine: Floats
    spacing_mm: tuple[float, ...]

    @classmethod
    def of(cls, dist: Decodable) -> _Changing:
        voxels, decode = dist.changing(REACH)
        mean = dist.label_map()
        there = np.zeros(mean.shape, np.bool_)
        there.reshape(-1)[voxels] = True
        spacing = Affine(dist.affine).spacing_mm(mean.ndim)
        kept = np.zeros(dist.classes, np.int64)
        middles = np.full((dist.classes, mean.ndim), np.nan)
        boundary = np.zeros(dist.classes)
        for label in range(dist.classes):
            own = mean == label
            kept[label] = np.count_nonzero(own & ~there)
            if label > 0 and own.any():
                # From sums along the other axes alone: no index of every voxel.
                axes = range(mean.ndim)
                sums = [own.sum(axis=tuple(a for a in axes if a != axis)) for axis in axes]
                middles[label] = [float(np.arange(len(s)) @ s) / s.sum() for s in sums]
                boundary[label] = boundary_size(own, spacing)
        return cls(
            decode,
            dist.classes,
            np.stack(np.unravel_index(voxels, dist.space), axis=1),
            kept,
            middles,
            boundary,
            dist.affine,
            spacing,
        )

    def effect(self, z: Floats) -> Effect:
        """Effect of one direction, (4, R): its z at −REACH, REACH, −1 and 1."""
        maps = self.decode(z)
        before, after, shorter, longer = maps
        changed, near = before != after, shorter != longer
        walked = _Walked(
            self,
            before,
            after,
            np.stack([np.bincount(row, minlength=self.classes) for row in maps]) + self.kept,
            _moves(before[changed], after[changed], self.classes),
            _moves(shorter[near], longer[near], self.classes),
        )
        # The most changed first; of equal ones the lower label.
        order = 1 + np.argsort(-walked.moves[1:], kind="stable")
        least = max(1, _MATTERS * walked.moves[order[0]])
        labels = [int(label) for label in order if walked.moves[label] >= least]
        first = walked.effect_on(labels[0] if labels else int(order[0]))
        others = tuple(walked.effect_on(label) for label in labels[1:])
        if others and walked.between(labels[0], labels[1]) >= _BETWEEN * changed.sum():
            return replace(first, kind="border", side=_NOWHERE, others=others)
        return replace(first, others=others)


@dataclass(frozen=True, eq=False)
class _Walked:
    """One direction, at the voxels that can change.

    Attributes:
        at: those voxels.
        before, after: (n,) labels at the two ends.
        counts: (4, C) voxels of each label in all of the grid, at −REACH, REACH, −1 and 1.
        moves, near: (C,) voxels that each label gains or loses between the ends, and from −1
            to 1.
    """

    at: _Changing
    before: Labels
    after: Labels
    counts: Ints
    moves: Ints
    near: Ints

    def effect_on(self, label: int) -> Effect:
        """What the direction does to one label."""
        first, last, shorter, longer = (int(n) for n in self.counts[:, label])
        per_voxel = Affine(self.at.affine).voxel_ml
        low, high = sorted((first * per_voxel, last * per_voxel))
        slope, far = (longer - shorter) / 2 * per_voxel, self._extent(label)
        if not self.moves[label]:
            return Effect("none", label, low, high, slope, _NOWHERE)
        if not first or not last:
            return Effect("presence", label, low, high, slope, _NOWHERE, far)
        was, will = self.before == label, self.after == label
        gained, lost = (
            _points(self.at.index[which], self.at.affine) for which in (will & ~was, was & ~will)
        )
        either = self.at.index[was | will]
        middle = self.at.middles[label]
        # What both ends have and the mean has not lies between them.
        middle = either.mean(0) if np.isnan(middle).any() else middle
        centre = _points(middle[None], self.at.affine)[0]
        pull = _towards(gained, centre) - _towards(lost, centre)
        strength = float(np.linalg.norm(pull)) / (len(gained) + len(lost))
        # In a volume a disc of one slice is as flat as in a picture.
        axes = int(np.count_nonzero(np.ptp(either, axis=0))) if len(either) else 2
        if strength < _ONE_SIDED[min(3, max(2, axes))]:
            return Effect("size", label, low, high, slope, _NOWHERE, far)
        x, y, z = pull / np.linalg.norm(pull)
        balanced = abs(len(gained) - len(lost)) < _BALANCED * (len(gained) + len(lost))
        kind: EffectKind = "shift" if balanced else "edge"
        return Effect(kind, label, low, high, slope, (float(x), float(y), float(z)), far)

    def between(self, one: int, two: int) -> int:
        """How many voxels go from one of two labels to the other."""
        there = (self.before == one) & (self.after == two)
        return int(np.count_nonzero(there | ((self.before == two) & (self.after == one))))

    def _extent(self, label: int) -> float:
        size, voxel = self.at.boundary[label], math.prod(self.at.spacing_mm)
        return float(self.near[label] * voxel / (2 * size)) if size > 0 else 0.0


def _moves(old: Labels, new: Labels, classes: int) -> Ints:
    """How many voxels each label gains and loses, (C,)."""
    return np.bincount(old, minlength=classes) + np.bincount(new, minlength=classes)


def _points(index: NDArray[np.floating | np.integer], affine: Floats) -> Floats:
    """Positions in mm of voxel indices, (n, 3)."""
    return Affine(affine).places(index)


def _towards(points: Floats, centre: Floats) -> Floats:
    """Sum of the unit vectors from the centre to some points in mm; zero for none."""
    rays = points - centre
    lengths = np.linalg.norm(rays, axis=1, keepdims=True)
    return np.asarray((rays / np.where(lengths > 0, lengths, 1)).sum(0))
