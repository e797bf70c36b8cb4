"""What makes a large dense distribution fast: its voxels that some z can change, in columns.

Far voxels have the mean's label whatever the z, so that a label map costs what it changes. The
label maps are those of the dense tensors bit for bit: a matrix product of margins decides nearly
everything, and where it comes so near to a tie that rounding could matter, the logits themselves
do, summed as `LogitDistribution.logits` sums them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from napari_ssn.core.columns import LARGE
from napari_ssn.core.columns.columns import Columns, Places
from napari_ssn.core.columns.contests import longest, packed_labels
from napari_ssn.core.columns.packing import pack
from napari_ssn.core.columns.rows import Source
from napari_ssn.core.counts import count_labels
from napari_ssn.core.deciding import decode, exact_logits
from napari_ssn.core.dense import changeable
from napari_ssn.geometry.arrays import Between, Floats, Ints, Labels, Singles

if TYPE_CHECKING:
    from napari_ssn.core.distribution import LogitDistribution

# Label maps of the whole that are decoded densely before columns are made: one costs as much.
_BEFORE = 1
# A draw is hardly ever longer than √R by so much, nor is a z that a slider leads to from one.
_BEYOND = 6.0


@dataclass(frozen=True, eq=False)
class Near(Columns):
    """Columns of those voxels of a dense distribution that z of some norm can change.

    Attributes:
        mean_map, order: as in `Columns`, of the whole grid; ``place`` is that among the voxels.
        mean, factor: the dense tensors (C, *S) and (R, C, *S), not copied.
        largest: (2, V) float32, of each place the largest |μ_c| and the largest Σ_r |P_rc|.
    """

    mean: Tensor
    factor: Tensor
    largest: Singles

    @classmethod
    def of(cls, dist: LogitDistribution) -> Near:
        """The voxels that any z can change that is likely to be asked for."""
        voxels = changeable(dist, _reach(dist))
        voxels.view(-1)[0] = True  # Nothing at all cannot be packed.
        return cls.among(dist, voxels)

    @classmethod
    def among(cls, dist: LogitDistribution, voxels: Tensor) -> Near:
        """Some voxels alone, (*S) bool."""
        sizes = torch.empty(2, int(voxels.sum()))
        columns = pack(Source.dense(dist.at(voxels)), torch.float32, sizes=sizes)
        index = np.flatnonzero(voxels.cpu().numpy()).astype(np.int32)
        whole = {"mean_map": decode(dist.mean), "order": index[columns.order]}
        return cls(
            **{**columns.arrays(), **whole},
            mean=dist.mean,
            factor=dist.cov_factor,
            largest=sizes.numpy()[:, columns.order],
        )

    @cached_property
    def mean_counts(self) -> Ints:
        """Voxels of each label in the mean's label map, (C,)."""
        return count_labels(self.mean_map, self.classes)

    def sizes(self, places: Places, columns: list[Tensor]) -> tuple[float, float]:
        """See `Columns.sizes`; of logits, which round more coarsely than margins do."""
        largest, reach = self.largest[:, places].max(1).tolist()
        return largest, reach

    def settled(self, z: Tensor, places: Places, columns: list[Tensor]) -> Tensor:
        """See `Columns.settled`; by the logits."""
        # Not flattened: what is no block of memory would be copied as a whole.
        at = np.unravel_index(self.order[places], self.mean_map.shape)
        where: tuple[Any, ...] = tuple(torch.from_numpy(n).to(self.mean.device) for n in at)
        mean, factor = self.mean[(slice(None), *where)], self.factor[(slice(None),) * 2 + where]
        label = decode(exact_logits(mean, factor, z.to(mean.device)))
        return torch.from_numpy((self.labels(places, len(columns)) == label).argmax(0)).byte()

    def label_map(self, z: Floats) -> Labels:
        """Label map of (R,) z that changes no other voxels, (*S)."""
        out = self.mean_map.copy()
        voxels, labels = self.changing(longest(z[None]))
        out.reshape(-1)[voxels] = labels(z[None])[0]
        return out

    def changing(self, radius: float) -> tuple[Ints, Callable[[Floats], Labels]]:
        """See `Decodable.changing`."""
        places = np.arange(self.touched(radius))
        return self.order[places].astype(np.int64), lambda z: packed_labels(self, z, places)


def near_of(dist: LogitDistribution, z: Floats) -> Near | None:
    """`near_within` for (n, R) z that are decoded on the whole grid."""
    return near_within(dist, longest(z), len(z)) if _large(dist) else None


def near_within(dist: LogitDistribution, radius: float, draws: int) -> Near | None:
    """Columns to decode z of a large dense distribution by, if they reach so far.

    They are made when so many label maps were asked for that making them pays.

    Args:
        dist: the distribution.
        radius: the largest norm of the z.
        draws: how many z are to be decoded on the whole grid.
    """
    if not _large(dist) or radius > _reach(dist):
        return None
    asked = dist.kept("label maps asked for", lambda: [0])
    asked[0] += draws
    return dist.kept("near", lambda: Near.of(dist)) if asked[0] > _BEFORE else None


def _large(dist: LogitDistribution) -> bool:
    """Whether decoding every voxel takes long; a GPU is quick enough."""
    size = (dist.mean.numel() + dist.cov_factor.numel()) * 4
    return size >= LARGE and dist.device.type == "cpu"


def labels_among(dist: LogitDistribution, z: Floats, voxels: Ints, between: Between) -> Labels:
    """`Decodable.labels_at` of a dense distribution."""
    if len(voxels) == 0:
        return np.zeros((len(z), 0), np.uint8)
    there = torch.zeros(dist.space, dtype=torch.bool, device=dist.device)
    there.view(-1)[torch.from_numpy(voxels).to(dist.device)] = True
    return packed_labels(Near.among(dist, there), z, np.arange(len(voxels)), between)


def _reach(dist: LogitDistribution) -> float:
    return math.sqrt(dist.rank) + _BEYOND
