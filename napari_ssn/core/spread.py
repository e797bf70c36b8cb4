"""Spread: hypotheses that lie farther from the mean than the model draws them, or nearer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from napari_ssn.errors import NEVER, Cancel
from napari_ssn.geometry.arrays import Floats

if TYPE_CHECKING:
    from napari_ssn.core.decodable import Decodable


@dataclass(frozen=True)
class Spread:
    """Factors by which what a draw adds to the mean is multiplied, label by label.

    ``η'_c = μ_c + s_c (P̃_c z + √D_c ε_c)`` with ``s_c = overall · per_label_c`` and
    ``P̃ = (I − 11ᵀ/C) P``. The projection takes away what all logits of a voxel share, which
    changes no label: without it the result would depend on that meaningless part.

    * z ~ N(0, I) stays; the factor becomes ``diag(s) P̃`` and the variances ``s² D``. The mean's
      label map is the same for every spread, that of any other z is not.
    * Equal factors T for all labels are a scaling of z: the label map of z is the former one of
      ``T z``. Directions weighted by labels may change even so, as other voxels come within
      reach of a change; plain components do not.
    * Where there are two labels, only the mean of their factors counts.
    * A click conditions the new distribution: what it rules out, and its evidence, are other.
    * Volumes and their range follow; a calibration learnt on the model's own spread does not
      hold for another.

    Attributes:
        overall: factor of all labels; 1 is the model's own spread, 0 the mean alone.
        per_label: a further factor for each label, background first; empty for 1.

    Source: Monteiro et al., "Stochastic segmentation networks", NeurIPS 2020, the manipulation
    of samples: there the deviation of one class's logit is scaled.
    """

    overall: float = 1.0
    per_label: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        for name, factors in (("overall", (self.overall,)), ("per_label", self.per_label)):
            for factor in factors:
                if not (math.isfinite(factor) and factor >= 0):
                    raise ValueError(f"{name}: expected 0 or more, got {factor}")

    @property
    def changed(self) -> bool:
        """Whether it is another than the model's own."""
        return self.overall != 1 or any(factor != 1 for factor in self.per_label)

    def factors(self, classes: int) -> Floats:
        """``s``, (C,); ValueError if there are factors of another number of labels."""
        if len(self.per_label) not in (0, classes):
            raise ValueError(f"per_label: expected {classes} factors, got {len(self.per_label)}")
        return self.overall * np.array(self.per_label or (1.0,) * classes)


def spread_out(dist: Decodable, spread: Spread, cancel: Cancel = NEVER) -> Decodable:
    """A distribution with another spread, stored as the former is.

    Args:
        dist: with the model's own spread.
        spread: the one to have.
        cancel: looked at now and then.

    Raises:
        ValueError: factors of another number of labels.
    """
    factors = spread.factors(dist.classes)
    return dist if (factors == 1).all() else dist.spread_by(factors, cancel)
