"""A packed distribution beside the dense one that it stands for, and clicks on both."""

from __future__ import annotations

import numpy as np

from napari_ssn.core.distribution import LogitDistribution
from napari_ssn.core.given.clicks import Click
from napari_ssn.core.given.conditioning import condition
from napari_ssn.core.given.posterior import Posterior
from napari_ssn.core.given.residual import Residual
from napari_ssn.core.packed.distribution import PackedDistribution


def distributions(classes: int) -> tuple[PackedDistribution, LogitDistribution]:
    rng = np.random.default_rng(classes)
    space = (4, 9, 8)
    mean = rng.normal(size=(classes, *space))
    # Far from any other label: places that no z reaches, but a click may.
    mean[0, :, :, 5:] += 40
    dist = LogitDistribution(
        mean, rng.normal(size=(3, classes, *space)), np.full((classes, *space), 0.1),
        start=(1, 2, 0), image_space=(7, 12, 9),
    )  # fmt: skip
    packed = PackedDistribution.of(dist)
    return packed, packed.dense()


def both(classes: int, residual: Residual | None) -> tuple[Posterior, Posterior]:
    packed, dense = distributions(classes)
    clicks = [Click((2, 5, 3), 1), Click((3, 4, 6), classes - 1), Click((1, 2, 0), 0)]
    return condition(packed, clicks, 0.1, residual), condition(dense, clicks, 0.1, residual)
