"""Resampling between an image's voxels and the nodes of a network's grid, axis by axis.

All is linear interpolation. On the way back it is linear in the parameters, so that for one z
the logits ``μ + P z`` of interpolated parameters are the interpolated logits.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Line:
    """Nodes along one axis of an image: node j lies at the index ``first + j · step``.

    Attributes:
        first, step: in voxels of the image.
        count: number of nodes.
        size: voxels of the image along the axis.
    """

    first: float
    step: float
    count: int
    size: int

    @classmethod
    def whole(cls, size: int, step: float) -> Line:
        """Nodes over a whole axis, as far from one end as from the other."""
        count = max(1, round(size / step))
        return cls((size - 1) / 2 - (count - 1) / 2 * step, step, count, size)

    @classmethod
    def around(cls, centre: int, count: int, step: float, size: int) -> tuple[Line, int]:
        """Nodes whose number ``count // 2`` lies on a voxel, without those beyond the image.

        Returns:
            the nodes, and how many before them were left out.
        """
        first = centre - count // 2 * step
        low = max(0, math.ceil((-0.5 - first) / step))
        high = min(count - 1, math.floor((size - 0.5 - first) / step))
        return cls(first + low * step, step, high - low + 1, size), low

    @property
    def plain(self) -> bool:
        """Whether every node is a voxel and no voxel lies between two."""
        return self.step == 1 and float(self.first).is_integer()

    @property
    def covered(self) -> range:
        """Voxels within half a step of a node."""
        low = math.ceil(self.first - self.step / 2)
        high = math.floor(self.first + (self.count - 0.5) * self.step)
        return range(max(0, low), min(self.size - 1, high) + 1)

    @property
    def reach(self) -> tuple[int, int]:
        """First voxel that a node is made of, and the one after the last."""
        voxels, _ = self.taps()
        return int(voxels.min()), int(voxels.max()) + 1

    def cut(self, first: int, last: int) -> Line:
        """The same nodes on an image that holds only the voxels from one to before another."""
        return Line(self.first - first, self.step, self.count, last - first)

    def taps(self) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
        """Voxels that make each node, and their weights, both (count, K).

        A tent over the node, as wide as the step where that is more than a voxel: detail finer
        than the nodes is averaged and does not alias. Voxels beyond the image repeat its edge.
        """
        at = self.first + self.step * np.arange(self.count)[:, None]
        width = max(1.0, self.step)
        voxel = np.floor(at - width) + 1 + np.arange(math.ceil(2 * width))
        weight = np.maximum(0.0, 1 - np.abs(voxel - at) / width)
        weight /= weight.sum(1, keepdims=True)
        return np.clip(voxel, 0, self.size - 1).astype(np.intp), weight.astype(np.float32)

    def between(
        self, voxels: range
    ) -> tuple[NDArray[np.intp], NDArray[np.intp], NDArray[np.float32]]:
        """Nodes before and after each voxel, and the weight of the later; ends are repeated."""
        at = np.clip((np.asarray(voxels) - self.first) / self.step, 0, self.count - 1)
        low = np.floor(at)
        high = np.minimum(low + 1, self.count - 1)
        return low.astype(np.intp), high.astype(np.intp), (at - low).astype(np.float32)

    def nodes_of(self, voxel: int) -> range:
        """Nodes that a voxel's value is interpolated from."""
        low, high, later = self.between(range(voxel, voxel + 1))
        return range(int(low[0]), int(high[0] if later[0] else low[0]) + 1)


def sample(data: NDArray[np.float32], lines: Sequence[Line]) -> NDArray[np.float32]:
    """Values of an image (channels, *S) at the nodes of its lines, (channels, *counts)."""
    inside = tuple(
        slice(int(line.first), int(line.first) + line.count) if line.plain else slice(None)
        for line in lines
    )
    out = data[(slice(None), *inside)]
    for axis, line in enumerate(lines, start=1):
        if line.plain:
            continue
        voxels, weights = line.taps()
        behind = [1] * (out.ndim - 1 - axis)
        total = np.zeros((*out.shape[:axis], line.count, *out.shape[axis + 1 :]), np.float32)
        for voxel, weight in zip(voxels.T, weights.T, strict=True):
            total += np.take(out, voxel, axis) * weight.reshape(-1, *behind)
        out = total
    return np.ascontiguousarray(out, np.float32)
