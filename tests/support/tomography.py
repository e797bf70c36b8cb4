"""Values as those of a CT."""

from __future__ import annotations

import numpy as np

from tests.support.helpers import noise_image

SPACE = (16, 20, 18)


def hounsfield(space: tuple[int, ...]) -> np.ndarray:
    data = noise_image(space) / 10
    data[..., : space[-1] // 2] -= 900
    return data
