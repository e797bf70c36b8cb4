"""Colours of labels: those of napari, and nothing is compiled for them."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap

from napari_ssn.gui.layers.colours import LabelColours, one_colour
from napari_ssn.gui.layers.overlays import tones

TABLE: dict[int | None, Any] = {None: "transparent", 0: "transparent", 1: "#ff8000", 3: "#4080c0"}
# Of napari: loops that numba compiles.
LOOPS = sys.modules["napari.utils.colormaps._accelerated_cmap"]


def test_they_are_those_of_napari() -> None:
    values = np.array([[0, 1, 2], [3, 255, 1]], np.uint8)
    ours, theirs = LabelColours(color_dict=TABLE), DirectLabelColormap(color_dict=TABLE)
    np.testing.assert_array_equal(ours.map(values), theirs.map(values))
    for value in (0, 1, 2, 3):
        np.testing.assert_array_equal(ours.map(value), theirs.map(value))


@pytest.mark.parametrize(
    "made", [one_colour(2, "#ff8000"), tones(), LabelColours(color_dict=TABLE)]
)
def test_a_layer_in_them_has_nothing_compiled(
    made: LabelColours, monkeypatch: pytest.MonkeyPatch
) -> None:
    def compiled(*_: Any) -> Any:
        raise AssertionError("napari has a loop compiled")

    for name in ("labels_raw_to_texture_direct", "zero_preserving_modulo"):
        monkeypatch.setattr(LOOPS, name, compiled)
    data = np.zeros((6, 20, 20), np.uint8)
    data[:, 5:9, 5:9] = 1
    layer = Labels(data, colormap=made)
    layer.colormap = made
    layer.refresh()
    assert layer.thumbnail[..., :3].max() > 0
    layer.contour = 1
    layer.refresh()
