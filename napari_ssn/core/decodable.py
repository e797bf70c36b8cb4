"""What every distribution over label maps offers, however its numbers are stored."""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Self, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_ssn.core import latent
from napari_ssn.core.counts import count_labels
from napari_ssn.core.kinds import Form
from napari_ssn.core.presence import check_presence, draw_present
from napari_ssn.core.spread import Spread, spread_out
from napari_ssn.errors import Cancel
from napari_ssn.geometry.affine import Affine
from napari_ssn.geometry.arrays import Arrays, Between, Floats, Ints, Labels, Mask, Singles, Where
from napari_ssn.geometry.boxes import checked_place

if TYPE_CHECKING:
    import torch

    from napari_ssn.core.distribution import LogitDistribution
    from napari_ssn.core.margins import Margin

#: ε₀: the smallest variance of a logit.
EPSILON = 1e-5
Number = TypeVar("Number", bound=np.generic)


class Decodable(ABC):
    """A distribution over label maps on one grid, each the decoding of a latent vector z.

    Attributes:
        affine: 4×4 float64 of this grid, voxel index to mm.
        start: index of this grid's first voxel in the image it was cut from.
        image_space: shape of that image; the grid's own shape when it is the whole image.
        form: how its numbers are stored.
        presence: P(a reader outlines anything here), in (0, 1]; 1 for organs and whole images.
            `label_map`, `label_maps` and everything that takes a z are given presence; `sample`
            and `probabilities` are of the mixture.
    """

    form: ClassVar[Form]
    affine: Floats
    start: tuple[int, ...]
    image_space: tuple[int, ...]
    presence: float

    @property
    @abstractmethod
    def classes(self) -> int:
        """Number of labels C, background included."""

    @property
    @abstractmethod
    def rank(self) -> int:
        """Number of columns R of P."""

    @property
    @abstractmethod
    def space(self) -> tuple[int, ...]:
        """Shape S of the grid."""

    @property
    @abstractmethod
    def nbytes(self) -> int:
        """Bytes of all its numbers."""

    @property
    @abstractmethod
    def device(self) -> torch.device:
        """Where the parameters lie."""

    @abstractmethod
    def numbers(self) -> Arrays:
        """Those arrays by name that all others follow from; never written to."""

    @abstractmethod
    def label_map(self, z: ArrayLike | None = None, where: Where = ()) -> Labels:
        """Label map of a z, ``argmax_c (μ + P z)``; ties go to the lowest label.

        Args:
            z: (R,) or None for the mean.
            where: decode only this part of the grid, one slice or integer per leading axis.

        Returns:
            (*S) uint8, or the shape of the part.
        """

    @abstractmethod
    def probabilities(self, draws: int = 128) -> Singles:
        """Marginal probability of each label at each voxel, (C, *S) float32.

        Of the mixture, ``p · P(c | presence)``, and what is missing to 1 more for the background:
        how many of all readers would give the voxel the label. That of those who outline
        anything is ``dist.given_presence().probabilities()``.
        """

    @abstractmethod
    def probability(
        self, label: int | None = None, draws: int = 128, between: Between = lambda: None
    ) -> Singles:
        """Marginal probability of one label, (*S) float32: as `probabilities` has it.

        Beside the result it takes a hundred megabytes at most, however large the grid.

        Args:
            label: None for all but the background together.
            draws: as in `probabilities`.
            between: called now and then; what it raises goes through.
        """

    def sample(self, n: int, seed: int = 0, pixel_noise: bool = False) -> Labels:
        """Draw n label maps, (n, *S) uint8.

        Draw i is ``label_map(draw_z(n, rank, seed)[i])``; with ``pixel_noise`` the term
        ``√D ε`` is added to its logits. The same seed gives the same maps. With a presence below
        1 those that ``present(n, seed)`` says False of are empty.

        Examples:
            >>> import numpy as np
            >>> import napari_ssn as ssn
            >>> mean, factor = np.zeros((2, 4, 5)), np.zeros((1, 2, 4, 5))
            >>> mean[1], factor[0, 1] = [-3, 1, 2, -1, -3], 1
            >>> dist = ssn.LogitDistribution(mean, factor, np.zeros((2, 4, 5)))
            >>> dist.sample(4, seed=6)[:, 0]  # the first row of voxels of each
            array([[0, 1, 1, 1, 0],
                   [0, 1, 1, 1, 0],
                   [0, 0, 0, 0, 0],
                   [0, 1, 1, 0, 0]], dtype=uint8)
        """
        draws = latent.draw_z(n, self.rank, seed)
        maps = self.noisy_maps(draws, seed) if pixel_noise else self.label_maps(draws)
        return self.emptied(maps, seed)

    @abstractmethod
    def noisy_maps(self, draws: Floats, seed: int) -> Labels:
        """Label maps of (n, R) z with ``√D ε`` added to their logits, (n, *S)."""

    @abstractmethod
    def changeable(self, radius: float) -> torch.Tensor:
        """Voxels whose label some z of norm up to ``radius`` can change, (*S) bool.

        Every voxel that can is among them; one that is cannot always.
        """

    @abstractmethod
    def at(self, voxels: torch.Tensor) -> LogitDistribution:
        """The distribution of some voxels alone, as a dense column (n, 1) without a place.

        Args:
            voxels: (*S) bool, n of them True and n at least 1.
        """

    @abstractmethod
    def logits_at(self, voxels: Ints) -> tuple[Floats, Floats]:
        """Mean (C, n) and factor (R, C, n) of some voxels, float64, up to what all classes share.

        Args:
            voxels: (n,) of the flattened grid, in any order.
        """

    @abstractmethod
    def label_counts(self, draws: Floats) -> Ints:
        """Voxels of each label in the label map of each of (n, R) z, (n, C).

        Row i is ``count_labels(self.label_map(draws[i]), C)``; the maps are not kept.
        """

    @abstractmethod
    def over_voxels(self, draws: Floats, function: Callable[[Ints, Labels], Any]) -> list[Any]:
        """Apply a function to the labels of (n, R) z, one block of voxels after the other.

        Args:
            draws: n at least 1.
            function: gets voxels of the flattened grid (b,) and labels (n, b), those of
                ``label_map(draws[i])`` bit for bit; perhaps in several threads. A voxel that never
                comes has the label of the mean in all of them.
        """

    @abstractmethod
    def changing(self, radius: float) -> tuple[Ints, Callable[[Floats], Labels]]:
        """Voxels that some z of norm up to ``radius`` can change, and what decodes them.

        Returns:
            voxels of the flattened grid (v,), in whatever order, and a function from (n, R) z of
            norm up to ``radius`` to their labels (n, v), those of `label_map` bit for bit.
        """

    @abstractmethod
    def labels_at(self, z: Floats, voxels: Ints, between: Between = lambda: None) -> Labels:
        """Labels of each z at some voxels, (n, v), those of `label_map`, in whichever order.

        Args:
            z: (n, R).
            voxels: (v,) of the flattened grid, each once.
            between: called between blocks, from any thread; what it raises goes through.
        """

    @abstractmethod
    def contenders(self, cut: float = math.inf) -> list[Callable[[], Margin]]:
        """Margins of each voxel's two likeliest labels, in pieces for several threads.

        Voxels surely more than ``cut`` standard deviations from a tie may be left out.
        """

    @abstractmethod
    def plain_gram(self) -> Floats:
        """``Σ_v P̃_vᵀ P̃_v`` with ``P̃ = (I − 11ᵀ/C) P``, (R, R): see `principal_directions`."""

    @abstractmethod
    def spread_by(self, factors: Floats, cancel: Cancel) -> Decodable:
        """The same with deviations multiplied label by label, see `Spread`; stored as this is.

        Args:
            factors: (C,), not all 1.
            cancel: looked at now and then.
        """

    def complete(self) -> Decodable:
        """The same with all its numbers here, see `Begun`; SSNError if they cannot be had now."""
        return self

    @property
    def whole(self) -> bool:
        """Whether all its numbers are here."""
        return True

    @property
    def large(self) -> bool:
        """Whether it is so large that decoding one z takes milliseconds."""
        return False

    @property
    def mean_counts(self) -> Ints:
        """Voxels of each label in the mean's label map, (C,)."""
        return count_labels(self.label_map(), self.classes)

    def spread(self, overall: float = 1.0, per_label: Sequence[float] = ()) -> Decodable:
        """The same mean with hypotheses farther from it or nearer, see `Spread`.

        Args:
            overall: factor of all deviations.
            per_label: a further factor for each label, background first; empty for 1.

        ValueError if a factor is negative or not finite, or there is another number of them.

        Examples:
            >>> import numpy as np
            >>> import napari_ssn as ssn
            >>> mean, factor = np.zeros((2, 4, 5)), np.zeros((1, 2, 4, 5))
            >>> mean[1], factor[0, 1] = [-3, 1, 2, -1, -3], 1
            >>> dist = ssn.LogitDistribution(mean, factor, np.zeros((2, 4, 5)))
            >>> dist.spread(2.0).probabilities()[1, 0].round(2)  # Φ(-1.5), Φ(0.5), Φ(1), …
            array([0.07, 0.69, 0.84, 0.31, 0.07], dtype=float32)
        """
        return spread_out(self, Spread(overall, tuple(per_label)))

    def present(self, n: int, seed: int = 0) -> Mask:
        """Which of ``sample(n, seed)`` are of a reader who outlines something, (n,) bool.

        ``u_i < p``; all are where presence is 1. Some of the others may be empty too, by their z.
        """
        return draw_present(n, self.presence, seed)

    def emptied(self, maps: Labels, seed: int) -> Labels:
        """Maps of ``draw_z(n, rank, seed)`` with those emptied, in place, that are not present."""
        if self.presence < 1:
            maps[~self.present(len(maps), seed)] = 0
        return maps

    def with_presence(self, presence: float) -> Self:
        """The same distribution, sharing its numbers, with another presence, in (0, 1]."""
        out = copy.copy(self)
        object.__setattr__(out, "presence", check_presence(presence))
        return out

    def given_presence(self) -> Self:
        """The same distribution of those readers alone who outline something: presence 1.

        Examples:
            >>> import numpy as np
            >>> import napari_ssn as ssn
            >>> mean, factor = np.zeros((2, 4, 5)), np.zeros((1, 2, 4, 5))
            >>> mean[1], factor[0, 1] = [-3, 1, 2, -1, -3], 1
            >>> dist = ssn.LogitDistribution(mean, factor, np.zeros((2, 4, 5)))
            >>> half = dist.with_presence(0.5)  # every second reader outlines nothing
            >>> half.probabilities()[1, 0].round(2)
            array([0.  , 0.42, 0.49, 0.08, 0.  ], dtype=float32)
            >>> half.given_presence().probabilities()[1, 0].round(2)
            array([0.  , 0.84, 0.98, 0.16, 0.  ], dtype=float32)
        """
        return self if self.presence == 1 else self.with_presence(1.0)

    def label_maps(self, z: ArrayLike) -> Labels:
        """Label maps of many z, (n, *S) uint8: `label_map` of each, bit for bit."""
        draws = self.check_draws(z)
        out = np.empty((len(draws), *self.space), np.uint8)
        for row, vector in zip(out, draws, strict=True):
            row[...] = self.label_map(vector)
        return out

    def check_z(self, z: ArrayLike | None) -> Floats:
        """Return z as (R,) float64; None is the zero vector. ValueError if it does not fit."""
        return latent.checked(z, self.rank)

    def check_draws(self, z: ArrayLike) -> Floats:
        """Return many z as (n, R) float64; ValueError if they do not fit."""
        return latent.checked_draws(z, self.rank)

    def placed(self, values: NDArray[Number]) -> NDArray[Number]:
        """Put label maps, or other values, (…, *S) of this grid into the image; the rest is 0."""
        axes = len(self.space)
        if values.shape[-axes:] != self.space:
            raise ValueError(f"values: expected shape (…, {self.space}), got {values.shape}")
        if self.image_space == self.space:
            return values
        out = np.zeros((*values.shape[:-axes], *self.image_space), values.dtype)
        inside: tuple[Any, ...] = (..., *self.window)
        out[inside] = values
        return out

    @property
    def located(self) -> dict[str, Any]:
        """Where it lies and whether there is anything, as each way of storing it takes them."""
        names = ("affine", "start", "image_space", "presence")
        return {name: getattr(self, name) for name in names}

    @property
    def window(self) -> tuple[slice, ...]:
        """The part of the image that this grid was cut from."""
        return tuple(slice(s, s + n) for s, n in zip(self.start, self.space, strict=True))

    def image_affine(self) -> Floats:
        """Affine of the image this grid was cut from, 4×4."""
        return Affine(self.affine).from_voxel(tuple(-s for s in self.start))

    def __post_init__(self) -> None:
        """Check affine, start, image_space and presence of a frozen dataclass; () is the whole."""
        object.__setattr__(self, "presence", check_presence(self.presence))
        object.__setattr__(self, "affine", Affine.checked(self.affine).matrix)
        start, whole = checked_place(self.space, self.start, self.image_space)
        object.__setattr__(self, "start", start)
        object.__setattr__(self, "image_space", whole)
