"""A distribution packed so that a label map costs what it changes, not what the image holds.

For large volumes: half the memory of the dense tensors or less, at half precision. The numbers
kept are the distribution; `PackedDistribution.dense` is the same one in tensors, and every label
map of one equals that of the other bit for bit.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike

from napari_ssn.core.columns import LARGE
from napari_ssn.core.columns.columns import Columns, Places, shell_of
from napari_ssn.core.columns.contests import longest, packed_counts, packed_labels, packed_over
from napari_ssn.core.columns.disk import folder_for
from napari_ssn.core.columns.packing import pack
from napari_ssn.core.columns.rows import Source
from napari_ssn.core.decodable import Decodable
from napari_ssn.core.distribution import LogitDistribution
from napari_ssn.core.margins import Margin
from napari_ssn.core.packed.grams import contenders_in, plain_gram_of
from napari_ssn.core.parallel import in_threads
from napari_ssn.errors import NEVER, Cancel
from napari_ssn.geometry.arrays import Arrays, Between, Floats, Ints, Labels, Singles, Where


def compact(dist: Decodable, cancel: Cancel = NEVER) -> Decodable:
    """The distribution as it is kept after a run: packed at half precision if it is large.

    The one rule for the window and the commands, so that each repeats the other's label maps.

    Args:
        dist: what a model found; what is packed already stays as it is.
        cancel: looked at now and then.
    """
    if not isinstance(dist, LogitDistribution) or dist.nbytes < LARGE:
        return dist
    return PackedDistribution.of(dist, cancel=cancel)


@dataclass(frozen=True, eq=False)
class PackedDistribution(Columns, Decodable):
    """A distribution whose numbers are `Columns`. Lives on the CPU."""

    form = "packed"
    affine: Floats = field(default_factory=lambda: np.eye(4))
    start: tuple[int, ...] = ()
    image_space: tuple[int, ...] = ()
    presence: float = 1.0

    @classmethod
    def of(
        cls,
        dist: LogitDistribution,
        dtype: torch.dtype = torch.float16,
        cancel: Cancel = NEVER,
    ) -> PackedDistribution:
        """Pack a dense distribution, its numbers rounded to a dtype.

        Args:
            dist: the distribution.
            dtype: float16 or float32.
            cancel: looked at between blocks.

        Raises:
            ValueError: another dtype.
            Cancelled: somebody stopped.
        """
        columns = pack(Source.dense(dist), dtype, cancel)
        return cls(**columns.arrays(), **dist.located)

    @classmethod
    def of_numbers(cls, numbers: Arrays, space: Sequence[int], **place: Any) -> PackedDistribution:
        """The distribution of some `numbers`; KeyError or ValueError if they are none's."""
        return cls(**cls.restored(numbers, space).arrays(), **place)

    @property
    def space(self) -> tuple[int, ...]:
        """Shape S of the grid."""
        return self.mean_map.shape

    @property
    def device(self) -> torch.device:
        """Where the parameters lie: the CPU."""
        return torch.device("cpu")

    def reaching(self, radius: float) -> PackedDistribution:
        """The same with the numbers that z of norm up to ``radius`` need, see `Begun`."""
        return self

    def dense(self) -> LogitDistribution:
        """The same distribution in dense float32 tensors; the logit of c* is 0."""
        column = self.dense_block(self.place.reshape(-1))
        mean, factor, diag = (
            part.reshape(*part.shape[:-2], *self.space)
            for part in (column.mean, column.cov_factor, column.cov_diag)
        )
        return LogitDistribution(mean, factor, diag, **self.located)

    def changeable(self, radius: float) -> torch.Tensor:
        """See `Decodable.changeable`: all voxels of the shells that reach so far."""
        dist = self.reaching(radius)
        return torch.from_numpy(dist.place < dist.touched(radius))

    def at(self, voxels: torch.Tensor) -> LogitDistribution:
        """See `Decodable.at`; its label maps are these voxels of this one's, bit for bit."""
        return self.dense_block(self.place[voxels.numpy()])

    def logits_at(self, voxels: Ints) -> tuple[Floats, Floats]:
        """See `Decodable.logits_at`; the logit of the mean's label is 0."""
        logits = self._logits(self.place.reshape(-1)[voxels]).astype(np.float64)
        return logits[-1], logits[:-1]

    def label_map(self, z: ArrayLike | None = None, where: Where = ()) -> Labels:
        """See `Decodable.label_map`; reads only the places that z can change."""
        vector = self.check_z(z).astype(np.float32)
        radius = float(np.linalg.norm(vector.astype(np.float64)))
        if (whole := self.reaching(radius)) is not self:
            return whole.label_map(vector, where)
        reached = self.touched(radius)
        out = np.array(self.mean_map[where], order="C")
        if any(
            not isinstance(part, slice) or part.indices(size) != (0, size, 1)
            for part, size in zip(where, self.space, strict=False)
        ):
            place = self.place[where]
            near = place < reached
            out[near] = self.decode(vector, place[near], radius)
            return out
        flat = out.reshape(-1)
        for block in self.blocks(reached):
            flat[self.order[block]] = self.decode(vector, block, radius)
        return out

    @property
    def large(self) -> bool:
        """See `Decodable.large`."""
        return True

    def label_counts(self, draws: Floats) -> Ints:
        """See `Decodable.label_counts`."""
        return packed_counts(self.reaching(longest(draws)), draws)

    def over_voxels(self, draws: Floats, function: Callable[[Ints, Labels], Any]) -> list[Any]:
        """See `Decodable.over_voxels`; in several threads."""
        return packed_over(self.reaching(longest(draws)), draws, function)

    def changing(self, radius: float) -> tuple[Ints, Callable[[Floats], Labels]]:
        """See `Decodable.changing`."""
        dist = self.reaching(radius)
        reached = dist.touched(radius)

        def decode(z: Floats) -> Labels:
            out = np.empty((len(z), reached), np.uint8)
            for block in dist.blocks(reached):
                for row, vector in zip(out, z.astype(np.float32), strict=True):
                    row[block] = dist.decode(vector, block, radius)
            return out

        return dist.order[:reached].astype(np.int64), decode

    def labels_at(self, z: Floats, voxels: Ints, between: Between = lambda: None) -> Labels:
        """See `Decodable.labels_at`."""
        dist = self.reaching(longest(z))
        return packed_labels(dist, z, np.sort(dist.place.reshape(-1)[voxels]), between)

    def contenders(self, cut: float = math.inf) -> list[Callable[[], Margin]]:
        """See `Decodable.contenders`."""
        return [partial(contenders_in, self, block, cut) for block in self.blocks()]

    def plain_gram(self) -> Floats:
        """See `Decodable.plain_gram`."""
        parts = in_threads(partial(plain_gram_of, self), self.blocks())
        return np.asarray(torch.stack(parts).sum(0).numpy())

    def spread_by(self, factors: Floats, cancel: Cancel) -> Decodable:
        """See `Decodable.spread_by`; packed anew: with another factor other voxels are near."""
        place = self.place.reshape(-1)

        def read(block: slice) -> tuple[torch.Tensor, torch.Tensor]:
            some = self.dense_block(place[block]).spread_by(factors, cancel)
            logits = torch.cat([some.cov_factor, some.mean[None]])
            return logits.squeeze(-1), some.cov_diag.squeeze(-1).sqrt()

        source = Source(self.classes, self.rank, self.space, read)
        dtype, folder = torch.from_numpy(self.margins[:0]).dtype, folder_for(self.nbytes)
        columns = pack(source, dtype, cancel, folder=folder)
        return PackedDistribution(**columns.arrays(), **self.located)

    def decode(self, vector: Singles, at: slice | Places, radius: float) -> Labels:
        """Labels at some places, each margin summed column by column as `logits` does.

        Args:
            vector: (R,), z.
            at: the places, (n,) or a slice.
            radius: norm of z, or more.
        """
        label, rival = self.best[at], self.rivals[0][at]
        value = self._values(vector, 0, at)
        # Ties go to the lowest label.
        label = np.where((value > 0) | ((value == 0) & (rival < label)), rival, label)
        if self.classes == 2:
            return label
        several = np.flatnonzero(self.second[at] <= shell_of(radius))
        if len(several):
            places = at.start + several if isinstance(at, slice) else at[several]
            winner, top = label[several], np.maximum(value[several], 0)
            for slot in range(1, self.classes - 1):
                value, rival = self._values(vector, slot, places), self.rivals[slot][places]
                wins = (value > top) | ((value == top) & (rival < winner))
                winner, top = np.where(wins, rival, winner), np.where(wins, value, top)
            label[several] = winner
        return label

    def _values(self, vector: Singles, slot: int, at: slice | Places) -> Singles:
        """Margins of one rival at some places, (n,)."""
        *columns, mean = self.margins[slot]
        value: Singles = mean[at].astype(np.float32)
        for size, column in zip(vector, columns, strict=True):
            value += size * column[at].astype(np.float32)
        return value

    def _logits(self, block: slice | Places) -> Singles:
        """Factor and, last, mean at some places, (R + 1, C, n); 0 for c*."""
        labels = self.labels(block)
        logits = np.zeros((self.rank + 1, *labels.shape), np.float32)
        logits[:, labels[1:], np.arange(labels.shape[1])] = self.margins[:, :, block].swapaxes(0, 1)
        return logits

    def dense_block(self, block: slice | Places) -> LogitDistribution:
        """Some places as a dense column (n, 1); the logit of c* is 0."""
        labels, logits = self.labels(block), self._logits(block)
        variance = np.empty(labels.shape, np.float32)
        variance[labels, np.arange(labels.shape[1])] = self.noise[:, block].astype(np.float32) ** 2
        mean, factor, diag = (
            torch.from_numpy(part).unsqueeze(-1) for part in (logits[-1], logits[:-1], variance)
        )
        return LogitDistribution(mean, factor, diag, presence=self.presence)

    def probabilities(self, draws: int = 128) -> Singles:
        """See `LogitDistribution.probabilities`."""
        out = np.empty((self.classes, len(self.order)), np.float32)
        for block in self.blocks():
            out[:, self.order[block]] = self.dense_block(block).probabilities(draws)[:, :, 0]
        return out.reshape(self.classes, *self.space)

    def probability(
        self, label: int | None = None, draws: int = 128, between: Between = lambda: None
    ) -> Singles:
        """See `Decodable.probability`."""
        out = np.empty(len(self.order), np.float32)

        def fill(block: slice) -> None:
            between()
            out[self.order[block]] = self.dense_block(block).probability(label, draws)[:, 0]

        in_threads(fill, self.blocks())
        return out.reshape(self.space)

    def noisy_maps(self, draws: Floats, seed: int) -> Labels:
        """See `Decodable.noisy_maps`."""
        generator = np.random.default_rng([seed, 1])
        out = np.empty((len(draws), len(self.order)), np.uint8)
        for row, vector in zip(out, draws.astype(np.float32), strict=True):
            for block in self.blocks():
                names = self.labels(block)
                noise = generator.standard_normal(names.shape, dtype=np.float32)
                logits = self.noise[:, block].astype(np.float32) * noise
                for slot in range(self.classes - 1):
                    logits[slot + 1] += self._values(vector, slot, block)
                winner = logits.argmax(0)
                row[self.order[block]] = np.take_along_axis(names, winner[None], 0)[0]
        return out.reshape(len(draws), *self.space)
