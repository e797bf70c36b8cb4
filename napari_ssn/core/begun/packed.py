"""A packed distribution of which only a part is here."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from typing import Any

import numpy as np
import torch

from napari_ssn.core.begun.awaiting import (
    Awaiting,
    Begin,
    Later,
    beside,
    reach_of,
    seen_of,
    worth,
)
from napari_ssn.core.columns.columns import SHELLS, Columns, at_voxels, check_numbers
from napari_ssn.core.columns.packing import ordered
from napari_ssn.core.distribution import LogitDistribution
from napari_ssn.core.margins import CUT, Margin
from napari_ssn.core.packed.distribution import PackedDistribution
from napari_ssn.core.packed.grams import contenders_in, contending
from napari_ssn.geometry.arrays import Array, Arrays, Floats, Ints, Mask

#: In the place of a shell: the voxel's numbers are here, but no z within reach changes it; and it
#: has its label alone.
BESIDE, FAR = SHELLS, SHELLS + 1

_FAR_APART = "rivals", "margins", "second", "noise"


def begin(dist: PackedDistribution) -> Begin | None:
    """What a label map needs of a distribution; None where that is most of it."""
    place, reach = dist.place.reshape(-1), reach_of(dist.rank)
    near = _reached(dist, reach)
    held = place < near
    seen = (dist.place < dist.touched(seen_of(dist.rank))).reshape(dist.space)
    if not worth(held) or not worth(here := held | beside(seen).reshape(-1)):
        return None
    codes = np.where(here, np.int16(BESIDE), np.int16(FAR))
    codes[held] = np.searchsorted(dist.ends, place[held], side="right")

    def some(voxels: Mask) -> Arrays:
        return {name: at_voxels(getattr(dist, name), place[voxels]) for name in _FAR_APART}

    def rest() -> Arrays:
        later = place[codes >= BESIDE]
        shell = np.searchsorted(dist.ends, later, side="right").astype(np.int16)
        return {"shell": shell, **some(codes == FAR)}

    first = {"best": dist.mean_map.reshape(-1), **some(codes != FAR)}
    return Begin(reach, codes, first, rest)


def _reached(dist: PackedDistribution, reach: float) -> int:
    """The first places, that z within reach can change or that say something of directions."""
    near = dist.touched(reach)
    for block in dist.blocks():
        if block.stop > near and len(some := contending(dist, block, CUT)[0]):
            near = max(near, block.start + int(some[-1]) + 1)
    return near


@dataclass(frozen=True, eq=False)
class Begun(Awaiting, PackedDistribution):
    """A packed distribution that has `Begin.first`, and gets the rest when it is needed.

    Voxels beyond those that some z within reach changes come behind them, in the order of the grid:
    first those whose numbers are here. Of the others there is ``best`` alone.

    Attributes:
        reach: see `Begin`.
        near: places that z within reach can change.
        later: all of it.
    """

    reach: float = field(kw_only=True)
    near: int = field(kw_only=True)
    later: Later[PackedDistribution] = field(kw_only=True, repr=False)

    @classmethod
    def of_first(cls, parts: Begin, space: Sequence[int], **place: Any) -> Begun:
        """The distribution of what comes first.

        Raises:
            KeyError: one of the numbers is missing.
            ValueError: they are of no distribution.
        """
        reach, codes, first, rest = parts
        count, best = math.prod(space), first["best"]
        if codes.shape != (count,) or codes.dtype != np.int16 or best.shape != (count,):
            raise ValueError("codes, best: expected those of every voxel")
        if codes.min() < 0 or codes.max() > FAR or not reach > 0:
            raise ValueError("codes: expected numbers of shells")
        order, at, ends = ordered(codes, FAR + 1)
        held, near = int(ends[BESIDE]), int(ends[BESIDE - 1])
        if any(first[name].shape[-1:] not in ((held,), (0,)) for name in _FAR_APART):
            raise ValueError("expected numbers of the voxels that are here")
        if best.max() > len(first["rivals"]):
            raise ValueError("best: expected labels")
        # Where those that are here lie among themselves.
        among = (np.cumsum(codes != FAR, dtype=np.int32) - 1)[order[:held]]
        numbers: dict[str, Any] = {name: at_voxels(first[name], among) for name in _FAR_APART}
        known = {"order": np.arange(held, dtype=np.int32), "best": best[order[:held]]}
        closed = np.minimum(ends[:SHELLS], held)
        closed[-1] = held
        if held:
            check_numbers({**numbers, **known, "ends": closed}, held)
        return cls(
            best.reshape(space),
            order,
            at.reshape(space),
            ends[:SHELLS],
            best[order],
            **{**numbers, **place},
            reach=float(reach),
            near=near,
            later=Later(rest),
        )

    def first(self) -> Arrays:
        """See `Awaiting.first`."""
        place = self.place.reshape(-1)
        codes = np.searchsorted(self.ends, place, side="right").astype(np.int16)
        here = place < len(self.noise[0])
        codes[~here] = FAR
        some = {name: at_voxels(getattr(self, name), place[here]) for name in _FAR_APART}
        return {"codes": codes, "best": self.mean_map.reshape(-1), **some}

    def reaching(self, radius: float) -> PackedDistribution:
        """See `PackedDistribution.reaching`."""
        return self if radius <= self.reach else self.complete()

    def complete(self) -> PackedDistribution:
        """See `Awaiting.complete`."""
        return self.later.get(self._joined).with_presence(self.presence)

    def _joined(self, rest: Arrays) -> PackedDistribution:
        count, held = len(self.order), len(self.noise[0])
        place = self.place.reshape(-1)
        shell = np.searchsorted(self.ends, place, side="right").astype(np.int16)
        if rest["shell"].shape != (count - self.near,) or rest["shell"].dtype != np.int16:
            raise ValueError("shell: expected those of all voxels that no z within reach changes")
        shell[place >= self.near] = rest["shell"]
        if shell.min() < 0 or shell.max() >= SHELLS:
            raise ValueError("shell: expected numbers of shells")
        order, _, ends = ordered(shell)
        # Where each place's numbers are among those here and then those that came.
        at = place[order]
        numbers: Arrays = {"order": order, "ends": ends, "best": self.best[at]}
        for name in _FAR_APART:
            here, came = getattr(self, name), rest[name]
            if here.shape[:-1] != came.shape[:-1] or here.dtype != came.dtype:
                raise ValueError(f"{name}: expected {here.dtype.name} numbers like those here")
            numbers[name] = here
            if here.shape[-1]:
                if came.shape[-1] != count - held:
                    raise ValueError(f"{name}: expected numbers of all voxels")
                numbers[name] = at_voxels(np.concatenate([here, came], -1), at)
        return PackedDistribution.of_numbers(numbers, self.space, **self.located)

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays that are here."""
        return sum(getattr(self, part.name).nbytes for part in fields(Columns))

    def _has(self, voxels: Array) -> bool:
        """Whether the numbers of some voxels, by index or marked, are here."""
        return bool((self.place.reshape(-1)[voxels] < self.noise.shape[1]).all())

    def arrays(self) -> dict[str, Any]:
        """Those of all of it."""
        return self.complete().arrays()

    def dense(self) -> LogitDistribution:
        """Of all of it."""
        return self.complete().dense()

    def at(self, voxels: torch.Tensor) -> LogitDistribution:
        """See `Decodable.at`."""
        here = self._has(voxels.numpy().reshape(-1))
        return super().at(voxels) if here else self.complete().at(voxels)

    def logits_at(self, voxels: Ints) -> tuple[Floats, Floats]:
        """See `Decodable.logits_at`."""
        return super().logits_at(voxels) if self._has(voxels) else self.complete().logits_at(voxels)

    def contenders(self, cut: float = math.inf) -> list[Callable[[], Margin]]:
        """See `Decodable.contenders`; what is left out is left out of all of it too."""
        if cut > CUT:
            return self.complete().contenders(cut)
        # As many pieces as of all of it, so that their sums are the same bit for bit.
        here = [slice(*(min(end, self.near) for end in (b.start, b.stop))) for b in self.blocks()]
        return [partial(contenders_in, self, block, cut) for block in here]
