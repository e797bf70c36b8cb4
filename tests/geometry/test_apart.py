"""What of an outline lies apart from the lesion that was pointed at."""

from __future__ import annotations

import numpy as np

from napari_ssn.geometry.apart import apart_from
from napari_ssn.geometry.size import across_of
from tests.support.helpers import oblique_affine


def test_what_touches_at_a_corner_belongs_to_it() -> None:
    label_map = np.zeros((9, 9, 5), np.uint8)
    label_map[1:3, 1:3, 1] = 1
    label_map[3, 3, 2] = 1
    label_map[6:8, 6:8, 3] = 1
    for point, apart in (((2, 2, 1), 4), ((3, 3, 2), 4), ((6, 6, 3), 5)):
        assert apart_from(label_map, 2, point, oblique_affine()) == (apart,)
    # Labels each by itself; one that is nowhere, and one in one piece, have nothing apart.
    label_map[0, 8, 0] = 3
    assert apart_from(label_map, 4, (2, 2, 1), np.eye(4)) == (4, 0, 0)


def test_beside_all_of_it_the_nearest_counts_in_mm() -> None:
    label_map = np.zeros((12, 1, 7), np.uint8)
    label_map[1, 0, 3], label_map[6, 0, :2] = 1, 1
    # Two voxels of 5 mm are farther than four of 1 mm.
    assert apart_from(label_map, 2, (4, 0, 3), np.diag([1.0, 1.0, 5.0, 1.0])) == (2,)
    assert apart_from(label_map, 2, (5, 0, 3), np.diag([1.0, 1.0, 0.2, 1.0])) == (1,)
    # The point may lie outside of the box of all of it.
    assert apart_from(label_map, 2, (11, 0, 6), np.eye(4)) == (1,)


def test_it_is_measured_where_there_is_a_point() -> None:
    label_map = np.zeros((9, 9), np.uint8)
    label_map[1:3, 1:3], label_map[6, 6] = 1, 1
    args = (label_map, np.eye(4), 2, "plane")
    assert across_of(*args)[0].apart == 0 and across_of(*args, point=(1, 1))[0].apart == 1
