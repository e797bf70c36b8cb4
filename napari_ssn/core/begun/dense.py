"""A dense distribution of which only a part is here."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike

from napari_ssn.core.begun.awaiting import (
    Awaiting,
    Begin,
    Later,
    beside,
    reach_of,
    seen_of,
    worth,
)
from napari_ssn.core.columns.contests import longest
from napari_ssn.core.dense import contenders
from napari_ssn.core.distribution import TENSORS, LogitDistribution
from napari_ssn.core.margins import CUT, Margin
from napari_ssn.geometry.arrays import Arrays, Between, Bytes, Floats, Ints, Labels, Mask, Where

# Standard deviations from a tie beyond which a voxel changes no bit of what all add up to: each
# adds less than 10⁻²⁷.
_CUT = 8.0

#: Of a voxel: some z within reach changes it, or it says something of directions; none does, and
#: its numbers are here; it has its label alone.
NEAR, BESIDE, FAR = 0, 1, 2


def begin(dist: LogitDistribution) -> Begin | None:
    """What a label map needs of a distribution; None where that is most of it."""
    reach = reach_of(dist.rank)
    margin = contenders(dist)
    saying = (margin.mean.abs() <= _CUT * margin.deviation).reshape(dist.space)
    near = (dist.changeable(reach) | saying).cpu().numpy()
    if not worth(near):
        return None
    here = near | beside(dist.changeable(seen_of(dist.rank)).cpu().numpy())
    if not worth(here):
        return None
    codes = np.where(near, np.uint8(NEAR), np.where(here, np.uint8(BESIDE), np.uint8(FAR)))
    codes = codes.reshape(-1)

    def some(voxels: Mask) -> Arrays:
        there = torch.from_numpy(voxels).to(dist.device)
        flat = {name: getattr(dist, name).flatten(-len(dist.space)) for name in TENSORS}
        return {name: values[..., there].cpu().numpy() for name, values in flat.items()}

    first = {"best": dist.label_map().reshape(-1), **some(codes != FAR)}
    return Begin(reach, codes, first, lambda: some(codes == FAR))


@dataclass(frozen=True, eq=False)
class Begun(Awaiting):
    """A dense distribution that has `Begin.first`, and gets the rest when it is needed.

    Attributes:
        mean_map: (*S) uint8, the mean's label map.
        codes: (*S) uint8, see `NEAR`.
        here: the voxels that are not far, a column (n, 1) in the order of the grid.
        reach: see `Begin`.
        later: all of it.
    """

    form = "dense"
    mean_map: Labels
    codes: Bytes
    here: LogitDistribution
    reach: float
    later: Later[LogitDistribution] = field(repr=False)
    affine: Floats = field(default_factory=lambda: np.eye(4))
    start: tuple[int, ...] = ()
    image_space: tuple[int, ...] = ()
    presence: float = 1.0

    @classmethod
    def of_first(cls, parts: Begin, space: Sequence[int], **place: Any) -> Begun:
        """The distribution of what comes first.

        Raises:
            KeyError: one of the numbers is missing.
            ValueError: they are of no distribution.
        """
        reach, codes, first, rest = parts
        count, best = math.prod(space), first["best"]
        for name, array in (("codes", codes), ("best", best)):
            if array.shape != (count,) or array.dtype != np.uint8:
                raise ValueError(f"{name}: expected ({count},) uint8")
        if codes.max() > FAR or not (codes == NEAR).any() or not reach > 0:
            raise ValueError("codes: expected what voxels are, and some that can change")
        held = int(np.count_nonzero(codes != FAR))
        tensors = {name: np.array(first[name])[..., None] for name in TENSORS}
        here = LogitDistribution.of_numbers(tensors, (held, 1))
        if best.max() >= here.classes:
            raise ValueError("best: expected labels")
        grid = (best.reshape(space), codes.reshape(space))
        return cls(*grid, here, float(reach), Later(rest), **place)

    def first(self) -> Arrays:
        """See `Awaiting.first`."""
        held = {name: values[..., 0] for name, values in self.here.numbers().items()}
        return {"codes": self.codes.reshape(-1), "best": self.mean_map.reshape(-1), **held}

    def complete(self) -> LogitDistribution:
        """See `Awaiting.complete`."""
        return self.later.get(self._joined).with_presence(self.presence)

    def _joined(self, rest: Arrays) -> LogitDistribution:
        far, numbers = self.codes.reshape(-1) == FAR, {}
        for name, held in self.here.numbers().items():
            if rest[name].dtype != np.float32:
                raise ValueError(f"{name}: expected float32")
            values = np.empty((*held.shape[:-2], far.size), np.float32)
            values[..., ~far], values[..., far] = held[..., 0], rest[name]
            numbers[name] = values.reshape(*held.shape[:-2], *self.space)
        return LogitDistribution.of_numbers(numbers, self.space, **self.located)

    def _near(self) -> tuple[LogitDistribution, Ints]:
        """The column of those voxels that can change, and where they are in the flattened grid."""
        return self.here.kept("near", self._found_near)

    def _found_near(self) -> tuple[LogitDistribution, Ints]:
        flat = self.codes.reshape(-1)
        among = torch.from_numpy(flat[flat != FAR] == NEAR)
        return self.here.at(among[:, None]), np.flatnonzero(flat == NEAR)

    def _places(self, voxels: Ints) -> Ints | None:
        """Where some voxels are in `here`; None where one is not."""
        flat = self.codes.reshape(-1)
        if (flat[voxels] == FAR).any():
            return None
        return self.here.kept("places", lambda: np.cumsum(flat != FAR) - 1)[voxels]

    @property
    def classes(self) -> int:
        """Number of labels C, background included."""
        return self.here.classes

    @property
    def rank(self) -> int:
        """Number of columns R of P."""
        return self.here.rank

    @property
    def space(self) -> tuple[int, ...]:
        """Shape S of the grid."""
        return self.mean_map.shape

    @property
    def nbytes(self) -> int:
        """Bytes of all numbers that are here."""
        return self.here.nbytes + self.mean_map.nbytes + self.codes.nbytes

    @property
    def device(self) -> torch.device:
        """Where the parameters lie: the CPU."""
        return self.here.device

    def label_map(self, z: ArrayLike | None = None, where: Where = ()) -> Labels:
        """See `Decodable.label_map`."""
        vector = self.check_z(z)
        if longest(vector[None]) > self.reach:
            return self.complete().label_map(vector, where)
        out = np.array(self.mean_map[where], order="C")
        near = self.codes[where] == NEAR
        if near.any():
            column = self._column(self._index[where][near]) if where else self._near()[0]
            out[near] = column.label_map(vector)[:, 0]
        return out

    @cached_property
    def _index(self) -> Ints:
        """Number of each voxel in the flattened grid, (*S)."""
        return np.arange(self.codes.size).reshape(self.space)

    def _column(self, voxels: Ints) -> LogitDistribution:
        """Some voxels that are here as a column (n, 1), in their order."""
        places = self._places(voxels)
        assert places is not None
        return self._taken(places)

    def _taken(self, places: Ints) -> LogitDistribution:
        there = torch.from_numpy(places)
        tensors = (getattr(self.here, name)[..., there, :] for name in TENSORS)
        return LogitDistribution(*tensors).with_presence(self.presence)

    def changeable(self, radius: float) -> torch.Tensor:
        """See `Decodable.changeable`."""
        if radius > self.reach:
            return self.complete().changeable(radius)
        column, voxels = self._near()
        out = torch.zeros(self.mean_map.size, dtype=torch.bool)
        out[torch.from_numpy(voxels)] = column.changeable(radius)[:, 0]
        return out.reshape(self.space)

    def at(self, voxels: torch.Tensor) -> LogitDistribution:
        """See `Decodable.at`."""
        places = self._places(np.flatnonzero(voxels.numpy()))
        if places is None:
            return self.complete().at(voxels)
        return self._taken(places)

    def logits_at(self, voxels: Ints) -> tuple[Floats, Floats]:
        """See `Decodable.logits_at`."""
        places = self._places(voxels)
        if places is None:
            return self.complete().logits_at(voxels)
        return self.here.logits_at(places)

    def label_counts(self, draws: Floats) -> Ints:
        """See `Decodable.label_counts`."""
        if longest(draws) > self.reach:
            return self.complete().label_counts(draws)
        column, voxels = self._near()
        always = self.mean_counts - np.bincount(
            self.mean_map.reshape(-1)[voxels], minlength=self.classes
        )
        return column.label_counts(draws) + always

    def over_voxels(self, draws: Floats, function: Callable[[Ints, Labels], Any]) -> list[Any]:
        """See `Decodable.over_voxels`."""
        if longest(draws) > self.reach:
            return self.complete().over_voxels(draws, function)
        column, voxels = self._near()
        return column.over_voxels(draws, lambda some, labels: function(voxels[some], labels))

    def changing(self, radius: float) -> tuple[Ints, Callable[[Floats], Labels]]:
        """See `Decodable.changing`."""
        if radius > self.reach:
            return self.complete().changing(radius)
        column, voxels = self._near()
        some, decode = column.changing(radius)
        return voxels[some], decode

    def labels_at(self, z: Floats, voxels: Ints, between: Between = lambda: None) -> Labels:
        """See `Decodable.labels_at`."""
        if longest(z) > self.reach:
            return self.complete().labels_at(z, voxels, between)
        near = voxels[self.codes.reshape(-1)[voxels] == NEAR]
        others = voxels[self.codes.reshape(-1)[voxels] != NEAR]
        still = np.broadcast_to(self.mean_map.reshape(-1)[others], (len(z), len(others)))
        if not len(near):
            return np.array(still)
        column = self._column(near)
        return np.concatenate([still, column.labels_at(z, np.arange(len(near)), between)], 1)

    def contenders(self, cut: float = math.inf) -> list[Callable[[], Margin]]:
        """See `Decodable.contenders`."""
        return self.complete().contenders(cut) if cut > CUT else [self._contenders]

    def _contenders(self) -> Margin:
        """Of every voxel, so that sums are those of all of it: what is far weighs nothing."""
        column, voxels = self._near()
        found, at = contenders(column), torch.from_numpy(voxels)

        def spread(values: torch.Tensor, other: float) -> torch.Tensor:
            out = values.new_full((*values.shape[:-1], self.mean_map.size), other)
            out[..., at] = values
            return out

        return Margin(
            spread(found.mean, torch.finfo(torch.float32).max),
            spread(found.factor, 0.0),
            spread(found.deviation, 1.0),
            spread(found.from_background, False),
        )
