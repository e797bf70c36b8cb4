"""A hypothesis, one label map with its z, and how likely each label is over all of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from napari_ssn.core.counts import count_labels
from napari_ssn.core.decodable import Decodable
from napari_ssn.core.latent import check_near
from napari_ssn.geometry.affine import Affine
from napari_ssn.geometry.arrays import Floats, Ints, Labels, Singles
from napari_ssn.geometry.brief import brief


@dataclass(frozen=True, eq=False)
class Hypothesis:
    """One label map, on the grid of the image it belongs to.

    Attributes:
        label_map: (*S) uint8.
        affine: 4×4 float64 of that grid, voxel index to mm.
        z: (R,) float64, the latent vector; None for a map that was edited by hand, and for the
            hypothesis that there is nothing.
        classes: number of labels C, background included.
        probability: share of the model's hypotheses it stands for; None if it is a single
            draw or a point on a walk, which have no probability.
        probability_error: standard error of that share, from the number of draws.
        beyond: what a draw given clicks holds beyond z, see `Posterior.draw`; else None.

    Examples:
        >>> import numpy as np
        >>> import napari_ssn as ssn
        >>> mean, factor = np.zeros((2, 4, 5)), np.zeros((1, 2, 4, 5))
        >>> mean[1], factor[0, 1] = [-3, 1, 2, -1, -3], 1
        >>> dist = ssn.LogitDistribution(mean, factor, np.zeros((2, 4, 5)))
        >>> hypothesis = ssn.Hypothesis.from_z(dist, [1.5])
        >>> hypothesis.label_map[0]
        array([0, 1, 1, 1, 0], dtype=uint8)
        >>> hypothesis.volume_ml  # 12 voxels of 1 mm³
        0.012
    """

    label_map: Labels
    affine: Floats
    z: Floats | None
    classes: int = 2
    probability: float | None = None
    probability_error: float | None = None
    beyond: Floats | None = None

    __repr__ = brief

    def __post_init__(self) -> None:
        if self.label_map.dtype != np.uint8:
            raise TypeError(f"label_map: expected uint8, got {self.label_map.dtype}")
        if self.label_map.ndim not in (2, 3):
            raise ValueError(f"label_map: expected two or three axes, got {self.label_map.shape}")
        if self.label_map.size and int(self.label_map.max()) >= self.classes:
            raise ValueError(
                f"label_map: expected labels below {self.classes}, got {self.label_map.max()}"
            )
        if self.z is not None:
            check_near(self.z)
        object.__setattr__(self, "affine", Affine.checked(self.affine).matrix)

    @classmethod
    def from_z(cls, dist: Decodable, z: ArrayLike | None = None) -> Hypothesis:
        """Decode a z (None: the mean) on the grid of the image that was segmented."""
        vector = dist.check_z(z)
        label_map = dist.placed(dist.label_map(vector))
        return cls(label_map, dist.image_affine(), vector, dist.classes)

    @classmethod
    def nothing(cls, dist: Decodable, z: ArrayLike | None = None) -> Hypothesis:
        """The empty map of a reader who outlines nothing; of a draw with the z that it has."""
        label_map = dist.placed(np.zeros(dist.space, np.uint8))
        vector = None if z is None else dist.check_z(z)
        return cls(label_map, dist.image_affine(), vector, dist.classes)

    @property
    def drawn(self) -> Floats | None:
        """z and what the draw holds beyond it, as a posterior takes it; None without a z."""
        if self.z is None or self.beyond is None:
            return self.z
        return np.concatenate([self.z, self.beyond])

    @property
    def counts(self) -> Ints:
        """Voxels of each label, (C,)."""
        return count_labels(self.label_map, self.classes)

    @property
    def volumes_ml(self) -> Floats:
        """Millilitres of each label, (C,)."""
        return self.counts.astype(np.float64) * np.float64(Affine(self.affine).voxel_ml)

    @property
    def volume_ml(self) -> float:
        """Millilitres of everything that is not background."""
        return float(self.volumes_ml[1:].sum())


@dataclass(frozen=True, eq=False)
class ProbabilityMap:
    """How likely each label is at each voxel, on the grid of the image it belongs to.

    Attributes:
        values: (C − 1, *S) float32 in 0 … 1, of every label but the background.
        affine: 4×4 float64 of that grid, voxel index to mm.

    Examples:
        >>> import numpy as np
        >>> import napari_ssn as ssn
        >>> mean, factor = np.zeros((2, 4, 5)), np.zeros((1, 2, 4, 5))
        >>> mean[1], factor[0, 1] = [-3, 1, 2, -1, -3], 1
        >>> dist = ssn.LogitDistribution(mean, factor, np.zeros((2, 4, 5)))
        >>> ssn.ProbabilityMap.of(dist).values[0, 0].round(2)
        array([0.  , 0.84, 0.98, 0.16, 0.  ], dtype=float32)
    """

    values: Singles
    affine: Floats

    __repr__ = brief

    def __post_init__(self) -> None:
        if self.values.dtype != np.float32:
            raise TypeError(f"values: expected float32, got {self.values.dtype}")
        if self.values.ndim not in (3, 4) or 0 in self.values.shape:
            raise ValueError(f"values: expected (C − 1, *S), got shape {self.values.shape}")
        if not (self.values.min() >= 0 and self.values.max() <= 1):  # false for NaN
            raise ValueError("values: expected probabilities from 0 to 1")
        object.__setattr__(self, "affine", Affine.checked(self.affine).matrix)

    @classmethod
    def of(cls, dist: Decodable, values: Singles | None = None) -> ProbabilityMap:
        """Marginal probabilities of a distribution, on the grid of the image it was made of.

        Args:
            dist: the distribution.
            values: (C, *S) on its own grid, if they are known already.
        """
        found = dist.probabilities() if values is None else values
        out = np.zeros((dist.classes - 1, *dist.image_space), np.float32)
        # Sums of rounded numbers may end a hair beyond 1.
        out[(slice(None), *dist.window)] = found[1:].clip(0, 1)
        return cls(out, dist.image_affine())

    @property
    def classes(self) -> int:
        """Number of labels C, background included."""
        return len(self.values) + 1
