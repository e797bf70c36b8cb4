"""What a step of training sees."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor


class Batch(NamedTuple):
    """Views of a step.

    Attributes:
        image: (B, channels, *S) float32.
        raters: (B, K, *S) integer label maps.
        valid: (B, *S) bool, voxels that raters have seen; None for all.
        drew: (B, K) bool, raters whose outline counts; None for all.
        presence: (B,) share of raters who outlined something at the middle; None where a model
            does not ask.
    """

    image: Tensor
    raters: Tensor
    valid: Tensor | None = None
    drew: Tensor | None = None
    presence: Tensor | None = None

    def to(self, device: torch.device) -> Batch:
        """The same on another device."""
        return self._replace(
            **{
                n: p.to(device, non_blocking=p.is_pinned())
                for n, p in self._asdict().items()
                if p is not None
            }
        )

    def chunk(self, parts: int) -> list[Batch]:
        """At most so many batches that make up this one."""
        pieces = {n: p.chunk(parts) for n, p in self._asdict().items() if p is not None}
        count = len(pieces["image"])
        return [Batch(**{n: p[i] for n, p in pieces.items()}) for i in range(count)]
