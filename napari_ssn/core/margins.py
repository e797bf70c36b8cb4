"""Margins between the two likeliest labels of voxels."""

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch import Tensor

#: Standard deviations from a tie beyond which a voxel says nothing about the directions, unless
#: all do.
CUT = 9.0


class Margin(NamedTuple):
    """Margin of some voxels' two likeliest labels, oriented from the lower to the higher.

    mean (V,), factor (R, V) and standard deviation (V,) of the margin, and whether the lower
    label is background (V,).
    """

    mean: Tensor
    factor: Tensor
    deviation: Tensor
    from_background: Tensor

    def weighted(self) -> Tensor:
        """``φ(d/s)/s · a`` in float64, (R, V)."""
        scale = self.mean.double() / self.deviation.double()
        density = torch.exp(-0.5 * scale.square())
        return self.factor.double() * (density / (math.sqrt(2 * math.pi) * self.deviation.double()))
