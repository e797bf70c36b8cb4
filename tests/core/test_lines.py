"""Lines of nested masks, by hand."""

from __future__ import annotations

import numpy as np

from napari_ssn.core.summaries.lines import MEDIAN_BIT, boxplot_lines, nested_lines


def test_each_mask_has_a_line_just_inside_it() -> None:
    levels = np.zeros((9, 9), np.uint8)
    levels[1:8, 1:8], levels[2:7, 2:7], levels[3:6, 3:6] = 1, 2, 3
    expected = levels.copy()
    # What is inside the innermost line stays clear.
    expected[4, 4] = 0
    np.testing.assert_array_equal(nested_lines(levels), expected)


def test_where_lines_coincide_the_median_is_drawn() -> None:
    levels = np.zeros((6, 6), np.uint8)
    levels[1:5, 1:5] = 3
    found = nested_lines(levels)
    assert set(found[1]) == {0, 2} and found[2, 2] == 0
    levels[levels > 0] = 1
    assert nested_lines(levels).max() == 1


def test_the_edge_of_the_picture_is_no_border_and_lines_may_be_wide() -> None:
    levels = np.full((5, 7), 1, np.uint8)
    levels[:, 6] = 0
    for width in (1, 2):
        columns = [int(nested_lines(levels, width)[:, x].sum()) for x in range(7)]
        assert columns == [0] * (6 - width) + [5] * width + [0]


def test_a_boxplot_is_bands_and_a_line() -> None:
    values = np.zeros((1, 9), np.uint8)
    values[0, 1:8], values[0, 2:6] = 1, 2
    values[0, :5] += MEDIAN_BIT
    assert boxplot_lines(values).tolist() == [[0, 1, 2, 2, 3, 2, 1, 1, 0]]
