"""Packed distributions of which a part comes when it is needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from napari_ssn.core.begun.awaiting import Awaiting
from napari_ssn.core.begun.parts import begin, begun
from napari_ssn.core.distribution import LogitDistribution
from napari_ssn.core.packed.distribution import PackedDistribution

Arrays = dict[str, NDArray[Any]]


def begun_of(
    dist: LogitDistribution | PackedDistribution,
    between: Callable[[Arrays], Arrays] = lambda rest: rest,
) -> Awaiting:
    """The same, its rest as ``between`` leaves it, which is called whenever it is asked for."""
    parts = begin(dist)
    assert parts is not None

    def rest() -> Arrays:
        return between(parts.rest())

    place: dict[str, Any] = {name: getattr(dist, name) for name in ("affine", "start")}
    place |= {"image_space": dist.image_space, "presence": dist.presence}
    return begun(dist.form, parts._replace(rest=rest), dist.space, **place)


def blob(space: Sequence[int], classes: int = 2, rank: int = 3) -> LogitDistribution:
    """One label inside another, sure away from their borders; P is small there, and noise."""
    rng = np.random.default_rng(classes)
    at = np.stack(np.meshgrid(*(np.arange(n) - n / 2 for n in space), indexing="ij"))
    apart = np.linalg.norm(at, axis=0)
    mean, factor = np.zeros((classes, *space)), np.zeros((rank, classes, *space))
    for label in range(1, classes):
        inside = 0.33 * min(space) - 2 * label + 2 - apart
        mean[label] = mean[label - 1] + 3 * inside
        weight = np.exp(-np.square(inside / 3))
        factor[:, label] = weight * rng.normal(size=(rank, *space)).clip(-1, 1) + 0.02
    return LogitDistribution(mean, factor, rng.uniform(0.01, 0.1, mean.shape))
