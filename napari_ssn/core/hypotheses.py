"""A hypothesis: one label map together with the z it was decoded from."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_ssn.core.decodable import Decodable
from napari_ssn.core.measures import count_labels, voxel_volume_ml
from napari_ssn.core.volume import check_affine


@dataclass(frozen=True, eq=False)
class Hypothesis:
    """One label map, on the grid of the image it belongs to.

    Attributes:
        label_map: (*S) uint8.
        affine: 4×4 float64 of that grid, voxel index to mm.
        z: (R,) float64, the latent vector; None for a map that was edited by hand.
        classes: number of labels C, background included.
        probability: share of the model's hypotheses it stands for; None if it is a single
            draw or a point on a walk, which have no probability.
        probability_error: standard error of that share, from the number of draws.
    """

    label_map: NDArray[np.uint8]
    affine: NDArray[np.float64]
    z: NDArray[np.float64] | None
    classes: int = 2
    probability: float | None = None
    probability_error: float | None = None

    def __post_init__(self) -> None:
        if self.label_map.dtype != np.uint8:
            raise TypeError(f"label_map: expected uint8, got {self.label_map.dtype}")
        if self.label_map.ndim not in (2, 3):
            raise ValueError(f"label_map: expected two or three axes, got {self.label_map.shape}")
        if self.label_map.size and int(self.label_map.max()) >= self.classes:
            raise ValueError(
                f"label_map: expected labels below {self.classes}, got {self.label_map.max()}"
            )
        object.__setattr__(self, "affine", check_affine(self.affine))

    @classmethod
    def from_z(cls, dist: Decodable, z: ArrayLike | None = None) -> Hypothesis:
        """Decode a z (None: the mean) on the grid of the image that was segmented."""
        vector = dist.check_z(z)
        label_map = dist.placed(dist.label_map(vector))
        return cls(label_map, dist.image_affine(), vector, dist.classes)

    @property
    def counts(self) -> NDArray[np.int64]:
        """Voxels of each label, (C,)."""
        return count_labels(self.label_map, self.classes)

    @property
    def volumes_ml(self) -> NDArray[np.float64]:
        """Millilitres of each label, (C,)."""
        return self.counts.astype(np.float64) * np.float64(voxel_volume_ml(self.affine))

    @property
    def volume_ml(self) -> float:
        """Millilitres of everything that is not background."""
        return float(self.volumes_ml[1:].sum())
