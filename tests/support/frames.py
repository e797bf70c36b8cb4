"""A layer with a time axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from tests.support.helpers import noise_image

FRAMES, SPACE = 5, (16, 20, 18)
WHERE = {"scale": (3.0, 2.0, 0.7, 0.8), "translate": (6.0, -5.0, 4.0, 3.0)}
UNITS = ("s", "mm", "mm", "mm")


def series(viewer: Any, **options: Any) -> np.ndarray:
    data = np.stack([noise_image(SPACE, seed) for seed in range(FRAMES)])
    viewer.add_image(data, name="series", **{**WHERE, "units": UNITS, **options})
    return data
