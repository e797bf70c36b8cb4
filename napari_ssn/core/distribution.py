"""A low-rank Gaussian over logits, and the label maps it decodes to.

``η = μ + P z + √D ε`` with z ~ N(0, I_R) and ε ~ N(0, I); the label of a voxel is the class
with the largest logit (Monteiro et al., "Stochastic Segmentation Networks", NeurIPS 2020).

Every decode rounds alike: the logits of a z are summed column by column in float32, one
multiplication and one addition at a time. Elementwise IEEE operations round the same way on
any slice, device or thread count, so a slice decoded alone equals that slice of the whole.
Two classes are decided by one matrix product over their margins; where that comes so near to
zero that its rounding could matter, the column-wise sum decides.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from napari_ssn.core.binary import binary_maps, one_margin
from napari_ssn.core.columns.contests import packed_counts, packed_over
from napari_ssn.core.columns.near import labels_among, near_of, near_within
from napari_ssn.core.deciding import decode
from napari_ssn.core.decodable import EPSILON as EPSILON
from napari_ssn.core.decodable import Decodable
from napari_ssn.core.dense import (
    activation,
    changing_of,
    contenders,
    counts_of,
    labelled,
    maps_of,
    noisy_maps,
    plain_gram_of,
    spread_of,
)
from napari_ssn.core.kept import Kept
from napari_ssn.core.latent import draw_z as draw_z
from napari_ssn.core.marginals import binary_marginals, label_marginal, orthant_marginals
from napari_ssn.core.margins import Margin
from napari_ssn.core.tensors import as_tensor, check_tensors, column_of, forward, taken
from napari_ssn.errors import Cancel
from napari_ssn.geometry.arrays import Arrays, Between, Floats, Ints, Labels, Singles, Where
from napari_ssn.geometry.brief import brief

TENSORS = ("mean", "cov_factor", "cov_diag")

_Made = TypeVar("_Made")


@dataclass(frozen=True, eq=False)
class LogitDistribution(Decodable):
    """A distribution over label maps on one voxel grid.

    Attributes:
        mean: (C, *S) float32, μ.
        cov_factor: (R, C, *S) float32, the columns of P.
        cov_diag: (C, *S) float32, the variances D.
        affine: 4×4 float64 of this grid, voxel index to mm.
        start: index of this grid's first voxel in the image it was cut from.
        image_space: shape of that image; the grid's own shape when it is the whole image.
        presence: P(a reader outlines anything here), in (0, 1], see `Decodable`.

    Examples:
        >>> import numpy as np
        >>> import napari_ssn as ssn
        >>> mean, factor = np.zeros((2, 4, 5)), np.zeros((1, 2, 4, 5))
        >>> mean[1], factor[0, 1] = [-3, 1, 2, -1, -3], 1  # one logit a column of voxels
        >>> dist = ssn.LogitDistribution(mean, factor, np.zeros((2, 4, 5)))
        >>> dist.label_map()
        array([[0, 1, 1, 0, 0],
               [0, 1, 1, 0, 0],
               [0, 1, 1, 0, 0],
               [0, 1, 1, 0, 0]], dtype=uint8)
    """

    form = "dense"
    mean: Tensor
    cov_factor: Tensor
    cov_diag: Tensor
    affine: Floats = field(default_factory=lambda: np.eye(4))
    start: tuple[int, ...] = ()
    image_space: tuple[int, ...] = ()
    presence: float = 1.0
    _kept: Kept = field(default_factory=Kept, init=False, repr=False)

    __repr__ = brief

    def __post_init__(self) -> None:
        for name in TENSORS:
            object.__setattr__(self, name, as_tensor(getattr(self, name)))
        check_tensors(self.mean, self.cov_factor, self.cov_diag)
        super().__post_init__()

    def numbers(self) -> Arrays:
        """See `Decodable.numbers`."""
        return {name: getattr(self, name).cpu().numpy() for name in TENSORS}

    @classmethod
    def of_numbers(cls, numbers: Arrays, space: Sequence[int], **place: Any) -> LogitDistribution:
        """The distribution of some `numbers`; KeyError or ValueError if they are none's."""
        mean, factor, diag = (torch.from_numpy(numbers[name]) for name in TENSORS)
        if {mean.dtype, factor.dtype, diag.dtype} != {torch.float32} or mean.shape[1:] != (*space,):
            raise ValueError(f"expected float32 on a grid of {tuple(space)}")
        return LogitDistribution(mean, factor, diag, **place)

    @property
    def classes(self) -> int:
        """Number of labels C, background included."""
        return int(self.mean.shape[0])

    @property
    def rank(self) -> int:
        """Number of columns R of P."""
        return int(self.cov_factor.shape[0])

    @property
    def space(self) -> tuple[int, ...]:
        """Shape S of the grid."""
        return tuple(self.mean.shape[1:])

    @property
    def nbytes(self) -> int:
        """See `Decodable.nbytes`."""
        return sum(part.nbytes for part in (self.mean, self.cov_factor, self.cov_diag))

    @property
    def device(self) -> torch.device:
        """Where the parameters lie."""
        return self.mean.device

    def logits(self, z: ArrayLike | None = None, where: Where = ()) -> Tensor:
        """``μ + Σ_r z_r P_r`` on the grid or a part of it, (C, *part) float32.

        Args:
            z: (R,) or None for the mean.
            where: index of the part, one slice or integer per leading axis of S.
        """
        vector = self.check_z(z).astype(np.float32)
        ahead, turned = forward(where, self.space)
        part = (slice(None), *ahead)
        logits = self.mean[part].clone()
        scratch = torch.empty_like(logits)
        for value, column in zip(vector.tolist(), self.cov_factor, strict=True):
            # Two steps, so that no compiler can fuse them and round differently.
            torch.mul(column[part], value, out=scratch)
            logits.add_(scratch)
        return logits.flip([axis + 1 for axis in turned]) if turned else logits

    def label_map(self, z: ArrayLike | None = None, where: Where = ()) -> Labels:
        """See `Decodable.label_map`.

        Examples:
            >>> import numpy as np
            >>> import napari_ssn as ssn
            >>> mean, factor = np.zeros((2, 4, 5)), np.zeros((1, 2, 4, 5))
            >>> mean[1], factor[0, 1] = [-3, 1, 2, -1, -3], 1
            >>> dist = ssn.LogitDistribution(mean, factor, np.zeros((2, 4, 5)))
            >>> dist.label_map([1.5])[0]
            array([0, 1, 1, 1, 0], dtype=uint8)
            >>> dist.label_map([-1.5], where=(0,))
            array([0, 0, 1, 0, 0], dtype=uint8)
        """
        vector = self.check_z(z)
        if not where and (near := near_of(self, vector[None])):
            return near.label_map(vector)
        if self.classes == 2 and self.device.type == "cpu":
            margin = one_margin(self, vector, where)
            if margin is not None:
                return (margin > 0).view(np.uint8)
        return decode(self.logits(vector, where))

    def label_maps(self, z: ArrayLike) -> Labels:
        """Label maps of many z, (n, *S) uint8: `label_map` of each, bit for bit."""
        draws = self.check_draws(z)
        if near_of(self, draws):
            return super().label_maps(draws)
        return (binary_maps if self.classes == 2 else maps_of)(self, draws)

    def noisy_maps(self, draws: Floats, seed: int) -> Labels:
        """See `Decodable.noisy_maps`."""
        return noisy_maps(self, draws, seed)

    def changeable(self, radius: float) -> Tensor:
        """See `Decodable.changeable`."""
        return (self.kept("activation", lambda: activation(self)) <= radius).reshape(self.space)

    def at(self, voxels: Tensor) -> LogitDistribution:
        """The distribution of some voxels alone, as a column (n, 1) without a place.

        Args:
            voxels: (*S) bool, n of them True and n at least 1.
        """
        return self._column(lambda values: values[..., voxels])

    def block(self, voxels: slice) -> LogitDistribution:
        """`at` of a slice of the flattened grid; nothing is copied."""
        return self._column(lambda values: values.flatten(-len(self.space))[..., voxels])

    def _column(self, take: Callable[[Tensor], Tensor]) -> LogitDistribution:
        tensors = (self.mean, self.cov_factor, self.cov_diag)
        mean, factor, diag = (take(values).unsqueeze(-1) for values in tensors)
        return column_of(LogitDistribution, mean, factor, diag, self.presence)

    def logits_at(self, voxels: Ints) -> tuple[Floats, Floats]:
        """See `Decodable.logits_at`."""
        where = np.ascontiguousarray(voxels)
        return taken(self.mean.flatten(1), where), taken(self.cov_factor.flatten(2), where)

    def label_counts(self, draws: Floats) -> Ints:
        """See `Decodable.label_counts`."""
        near = near_of(self, draws)
        return packed_counts(near, draws) if near else counts_of(self, draws)

    def over_voxels(self, draws: Floats, function: Callable[[Ints, Labels], Any]) -> list[Any]:
        """See `Decodable.over_voxels`; in one thread, or several if it is large."""
        if near := near_of(self, draws):
            return packed_over(near, draws, function)
        return [function(*block) for block in labelled(self, draws)]

    def changing(self, radius: float) -> tuple[Ints, Callable[[Floats], Labels]]:
        """See `Decodable.changing`."""
        # Finding the voxels costs as much as the columns of them do.
        if near := near_within(self, radius, draws=2):
            return near.changing(radius)
        return changing_of(self, radius)

    def labels_at(self, z: Floats, voxels: Ints, between: Between = lambda: None) -> Labels:
        """See `Decodable.labels_at`."""
        return labels_among(self, z, voxels, between)

    def contenders(self, cut: float = math.inf) -> list[Callable[[], Margin]]:
        """See `Decodable.contenders`: one piece, and nothing is left out."""
        return [partial(contenders, self)]

    def plain_gram(self) -> Floats:
        """See `Decodable.plain_gram`."""
        return plain_gram_of(self)

    def spread_by(self, factors: Floats, cancel: Cancel) -> LogitDistribution:
        """See `Decodable.spread_by`."""
        return spread_of(self, factors)

    def tempered(self, temperature: float) -> LogitDistribution:
        """The same mean with every deviation from it multiplied: ``μ + T (P z + √D ε)``.

        Args:
            temperature: T; 1 changes nothing, 0 leaves the mean alone.

        Raises:
            ValueError: T is negative or not finite.
        """
        if not 0 <= temperature < np.inf:
            raise ValueError(f"temperature: expected 0 or more, got {temperature}")
        return self.around(self.cov_factor * temperature, self.cov_diag * temperature**2)

    def around(self, cov_factor: Tensor, cov_diag: Tensor) -> LogitDistribution:
        """The same mean, place and presence with another covariance."""
        return LogitDistribution(self.mean, cov_factor, cov_diag, **self.located)

    def margin(self) -> tuple[Tensor, Tensor]:
        """Foreground minus background of a two-class distribution: (*S) and (R, *S)."""
        if self.classes != 2:
            raise ValueError(f"margin: expected two classes, got {self.classes}")
        return self.mean[1] - self.mean[0], self.cov_factor[:, 1] - self.cov_factor[:, 0]

    def probabilities(self, draws: int = 128) -> Singles:
        """Marginal probability of each label at each voxel, (C, *S) float32.

        The share of label maps, pixel noise included, that give a voxel the label: those that
        presence leaves empty count too, see `Decodable.probabilities`. Two classes, given
        presence: exactly ``Φ(d / √(‖a‖² + D₀ + D₁))`` with margin d and its factor a. More
        classes: an orthant probability, integrated over ``draws`` quasi-random points (Sobol,
        scrambled with a fixed seed), to about 1e-3.

        Examples:
            >>> import numpy as np
            >>> import napari_ssn as ssn
            >>> mean, factor = np.zeros((2, 4, 5)), np.zeros((1, 2, 4, 5))
            >>> mean[1], factor[0, 1] = [-3, 1, 2, -1, -3], 1
            >>> dist = ssn.LogitDistribution(mean, factor, np.zeros((2, 4, 5)))
            >>> dist.probabilities()[1, 0].round(2)  # Φ(-3), Φ(1), Φ(2), …
            array([0.  , 0.84, 0.98, 0.16, 0.  ], dtype=float32)
        """
        marginals = binary_marginals(self) if self.classes == 2 else orthant_marginals(self, draws)
        if self.presence < 1:
            marginals = marginals * self.presence
            marginals[0] += 1 - self.presence
        return marginals.float().cpu().numpy()

    def probability(
        self, label: int | None = None, draws: int = 128, between: Between = lambda: None
    ) -> Singles:
        """See `Decodable.probability`."""
        found: Singles = label_marginal(self, label, draws, between).cpu().numpy()
        if self.presence < 1:
            found *= np.float32(self.presence)
            found += np.float32(1 - self.presence if label == 0 else 0.0)
        return found

    def kept(self, name: str, make: Callable[[], _Made]) -> _Made:
        """What was made of the tensors, made anew once they were written to: see `Kept`."""
        return self._kept.get((self.mean, self.cov_factor), name, make)
