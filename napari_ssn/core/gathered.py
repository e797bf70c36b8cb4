"""The logits of members that came one after the other, kept where one of them is in doubt.

Where a member is certain, its logits follow from its label alone: its probabilities lie beyond
what they are clipped to, or its edges farther than the width of distances. Where all are certain
of one label the mean is theirs and P is 0. So what is kept is one vector for each label, and the
numbers of all members at the voxels in doubt, which are a few in a hundred of an image.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from napari_ssn.core.columns.certain import pack_doubtful
from napari_ssn.core.columns.columns import Columns
from napari_ssn.core.columns.rows import Source
from napari_ssn.core.contrasts import Helmert
from napari_ssn.core.decodable import EPSILON
from napari_ssn.errors import Cancel
from napari_ssn.geometry.arrays import Floats, Ints, Labels


@dataclass(frozen=True)
class Logits:
    """Mean and columns of an ensemble.

    Attributes:
        labels: (*S) of the voxels that are certain.
        certain: (C, C) float32, column w the logits of a voxel that is certain of label w.
        voxels: (n,) the others in the flattened grid, ascending.
        mean, factor: theirs, (C, n) and (R, C, n).
    """

    labels: Labels
    certain: torch.Tensor
    voxels: Ints
    mean: torch.Tensor
    factor: torch.Tensor

    def dense(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Mean (C, *S) and columns (R, C, *S) of the whole grid."""
        at = torch.from_numpy(self.voxels)
        mean = torch.empty(len(self.certain), self.labels.size)
        for row, values in zip(mean, self.certain, strict=True):
            row.copy_(torch.from_numpy(values.numpy()[self.labels.reshape(-1)]))
        mean[:, at] = self.mean
        factor = torch.zeros(len(self.factor), *mean.shape)
        factor[:, :, at] = self.factor
        space = self.labels.shape
        return mean.unflatten(1, space), factor.unflatten(2, space)

    @property
    def nbytes(self) -> int:
        """Bytes that a dense distribution of these takes."""
        return 4 * (len(self.factor) + 2) * len(self.certain) * self.labels.size

    def packed(self, dtype: torch.dtype, cancel: Cancel) -> Columns:
        """What `pack` makes of `dense`, bit for bit."""
        classes, rank = len(self.certain), len(self.factor)
        mean = torch.cat([self.mean, self.certain], 1)
        factor = torch.cat([self.factor, torch.zeros(rank, classes, classes)], 2)

        def read(block: slice) -> tuple[torch.Tensor, torch.Tensor]:
            logits = torch.cat([factor[:, :, block], mean[None, :, block]])
            return logits, torch.full(logits.shape[1:], EPSILON).sqrt_()

        source = Source(classes, rank, (mean.shape[1],), read)
        return pack_doubtful(source, self.voxels, self.labels, dtype, cancel)


class Gathering:
    """Members as they come."""

    def __init__(self) -> None:
        self._members: list[tuple[Labels, Ints, torch.Tensor]] = []
        self._doubt = np.empty(0, bool)

    def add(self, label_map: Labels, voxels: Ints, logits: torch.Tensor) -> None:
        """Take a member.

        Args:
            label_map: (*S), its label of each voxel.
            voxels: (n,) in the flattened grid, those that it is not certain of.
            logits: (C, n) float32 there.
        """
        flat = label_map.reshape(-1)
        if self._members:
            self._doubt |= flat != self._members[0][0]
        else:
            self._doubt = np.zeros(flat.size, bool)
        self._doubt[voxels] = True
        self._members.append((flat, voxels, logits))

    def finish(
        self, certain: torch.Tensor, space: tuple[int, ...], rank: int | None
    ) -> tuple[Logits, Floats]:
        """Logits of all, and z (M, R) of each member; what was gathered is let go of.

        Args:
            certain: (C, C), see `Logits`.
            space: S.
            rank: as for `Helmert.finish`.
        """
        voxels = np.flatnonzero(self._doubt)
        place = np.zeros(self._doubt.size, np.int32)
        place[voxels] = np.arange(len(voxels), dtype=np.int32)
        columns, labels = Helmert(len(self._members)), self._members[0][0]
        while self._members:
            flat, own, logits = self._members.pop(0)
            here = certain[:, torch.from_numpy(flat[voxels]).long()]
            here[:, torch.from_numpy(place[own]).long()] = logits
            columns.add(here)
        mean, factor, z = columns.finish(rank)
        return Logits(labels.reshape(space), certain, voxels, mean, factor), z
