"""A line over bands, by hand."""

from __future__ import annotations

import numpy as np

from napari_ssn.core.summaries.lines import MEDIAN_BIT, boxplot_lines


def test_the_edge_of_the_picture_is_no_border_and_lines_may_be_wide() -> None:
    values = np.full((5, 7), 1 + MEDIAN_BIT, np.uint8)
    values[:, 6] = 1
    for width in (1, 2):
        expected = np.ones_like(values)
        expected[:, 6 - width : 6] = 3
        np.testing.assert_array_equal(boxplot_lines(values, width), expected)


def test_a_boxplot_is_bands_and_a_line() -> None:
    values = np.zeros((1, 9), np.uint8)
    values[0, 1:8], values[0, 2:6] = 1, 2
    values[0, :5] += MEDIAN_BIT
    assert boxplot_lines(values).tolist() == [[0, 1, 2, 2, 3, 2, 1, 1, 0]]
