"""Round lesions on a small grid, each with a direction of its own."""

from __future__ import annotations

import numpy as np
import torch

from napari_ssn.core.distribution import LogitDistribution


def bumps(
    space: tuple[int, ...],
    places: list[tuple[tuple[int, ...], float, float]],
    classes: int = 2,
    affine: np.ndarray | None = None,
    start: tuple[int, ...] | None = None,
    image_space: tuple[int, ...] | None = None,
) -> LogitDistribution:
    """Round lesions, each moved by a column of its own and by a last, common one.

    places: centre, radius, and how much the margin moves with z.
    """
    grid = np.stack(np.meshgrid(*[np.arange(n) for n in space], indexing="ij"))
    margin = np.full(space, -9.0)
    factor = np.zeros((len(places) + 1, *space))
    for k, (centre, radius, move) in enumerate(places):
        away = np.sqrt(sum((g - c) ** 2 for g, c in zip(grid, centre, strict=True)))
        margin = np.maximum(margin, 2 * (radius - away))
        factor[k] = move * np.exp(-((away / (2 * radius)) ** 2))
        factor[-1] += 0.3 * factor[k]
    mean, columns = np.zeros((classes, *space)), np.zeros((len(factor), classes, *space))
    mean[1], columns[:, 1] = margin, factor
    if classes > 2:
        # The inner third of every lesion has a label of its own.
        mean[2], columns[:, 2] = 2 * margin - 2, 1.2 * factor
    return LogitDistribution(
        torch.tensor(mean),
        torch.tensor(columns),
        torch.full((classes, *space), 1e-5),
        np.diag([1.0, 1, 1, 1]) if affine is None else affine,
        start,
        image_space,
    )


TWO = [((6, 6), 3.0, 2.0), ((6, 22), 4.0, 1.0)]
