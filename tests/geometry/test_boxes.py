"""Where labels lie, as scipy has it that looks at every voxel."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import find_objects

from napari_ssn.geometry.boxes import boxes_of


@pytest.mark.parametrize("space", [(7,), (6, 9), (5, 8, 7)])
@pytest.mark.parametrize("turned", [False, True])
def test_boxes_are_those_of_scipy(space: tuple[int, ...], turned: bool) -> None:
    generator = np.random.default_rng(len(space))
    for empty in (0.5, 0.9, 0.97, 1.0):
        drawn = generator.random(space) > empty
        label_map = (drawn * generator.integers(1, 4, space)).astype(np.uint8)
        label_map = label_map.T if turned else label_map
        assert boxes_of(label_map, 5) == find_objects(label_map, max_label=4)
    assert boxes_of(label_map, 1) == []
