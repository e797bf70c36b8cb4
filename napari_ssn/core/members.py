"""The members of an ensemble: what each of them outlined, and where it stands in z."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from napari_ssn.core.counts import count_labels
from napari_ssn.core.kinds import MemberKind
from napari_ssn.core.odd import Odd, odd_ones
from napari_ssn.geometry.arrays import Floats, Ints, Labels, Singles
from napari_ssn.geometry.brief import brief

#: From so many members on hypotheses are drawn; of fewer, cards, shares and sizes are theirs.
MANY = 20


@dataclass(frozen=True)
class Method:
    """How members became logits.

    Attributes:
        kind: logarithms of probabilities, or signed distances.
        low, high: that probabilities were clipped to, or that stand for a voxel farther than the
            width from an edge.
        width_mm: of distances, beyond which all count alike; None of probabilities.
        rank: columns that were kept of those there are; None for all.
    """

    kind: MemberKind
    low: float
    high: float
    width_mm: float | None = None
    rank: int | None = None


@dataclass(frozen=True, eq=False)
class Members:
    """What each member of an ensemble outlined.

    Attributes:
        label_maps: (M, *S) uint8, the likeliest label of each voxel.
        z: (M, R) float64, where each stands in the ensemble's distribution: its label map is that
            of this z, but for the rounding of what is next to a tie, unless columns were left out.
            NaN for one that outlines nothing.
        method: how they became logits.
        clipped: (M,) voxels with a probability beyond ``low`` and ``high``.
        classes: number of labels C, background included.
        numbers: that each label has in the maps where it is another one here; None where they
            are the same.
        hardened: how many of them were probabilities, of which but the likeliest label of each
            voxel counts, because distances were taken.
    """

    label_maps: Labels
    z: Floats
    method: Method
    clipped: Ints
    classes: int
    numbers: tuple[int, ...] | None = None
    hardened: int = 0

    __repr__ = brief

    def __len__(self) -> int:
        return len(self.label_maps)

    @cached_property
    def counts(self) -> Ints:
        """Voxels of each label in each member's map, (M, C)."""
        return np.stack([count_labels(one, self.classes) for one in self.label_maps])

    @cached_property
    def outlined(self) -> Ints:
        """Numbers of those that outline anything, from 0."""
        return np.flatnonzero(self.counts[:, 1:].any(axis=1)).astype(np.int64)

    @cached_property
    def odd(self) -> Odd:
        """Which of them may be stored otherwise than the rest, or of something else."""
        return odd_ones(list(self.label_maps), self.classes)

    @property
    def many(self) -> bool:
        """Whether they are so many that hypotheses drawn around them say more than they."""
        return len(self) >= MANY

    def votes(self, label: int | None = None, of: Ints | None = None) -> Singles:
        """Share of the members that give a voxel the label, (*S).

        Args:
            label: None for any but the background.
            of: numbers of the members that are asked, from 0; all if left out.
        """
        out = np.zeros(self.label_maps.shape[1:], np.uint16)
        asked = range(len(self)) if of is None else of.tolist()
        for one in asked:
            found = self.label_maps[one]
            out += (found > 0) if label is None else (found == label)
        return out.astype(np.float32) / np.float32(len(asked))

    def reach(self, direction: Floats) -> tuple[float, float]:
        """How far the outermost members stand along a direction, in standard deviations.

        ``min_m z_m · v`` and ``max_m z_m · v``: a walk beyond them leaves what anybody outlined.

        Args:
            direction: (R,) of length one.
        """
        along = self.z[self.outlined] @ direction
        return min(0.0, float(along.min())), max(0.0, float(along.max()))
