"""Outlines over an image: where lines lie, and what is in view."""

from __future__ import annotations

import numpy as np

from napari_ssn.text import pictures as drawing
from napari_ssn.text.pictures import fitting, view_around


def test_the_view_holds_all_that_is_drawn_and_64_voxels() -> None:
    marked = np.zeros((200, 300), bool)
    marked[150:160, 20:24] = True
    assert view_around(marked, (1.0, 1.0), 64, 8) == (slice(123, 187), slice(0, 64))
    marked[40, 20] = True
    rows, columns = view_around(marked, (1.0, 1.0), 64, 8)
    assert (rows, columns) == (slice(32, 168), slice(0, 136))
    # Twice as many rows where they lie twice as close.
    rows, columns = view_around(np.ones((9, 400), bool), (0.5, 1.0), 64, 8)
    assert rows == slice(0, 9) and columns == slice(0, 400)
    assert view_around(np.zeros((200, 200), bool), (0.5, 1.0), 64, 8) == (
        slice(36, 164),
        slice(68, 132),
    )


def test_borders_lie_between_voxels() -> None:
    mask = np.zeros((4, 4), bool)
    mask[1:3, 1:3] = True
    distance = drawing._border_distance(mask, (40, 40))
    # The border is at 10 and 30; the middle of pixel 10 is half a pixel inside.
    assert distance[20, 9:11].tolist() == [-0.5, 0.5]
    assert distance[20, 29:31].tolist() == [0.5, -0.5]
    # A region that fills the view ends at its edge.
    assert drawing._border_distance(np.ones((4, 4), bool), (40, 40))[0, 0] == 0.5


def test_a_plane_is_drawn_true_to_its_spacing() -> None:
    assert fitting((10, 20), (1.0, 1.0), 100) == (50, 100)
    assert fitting((10, 20), (2.0, 1.0), 100) == (100, 100)
    assert fitting((1, 400), (1.0, 1.0), 100) == (1, 100)
