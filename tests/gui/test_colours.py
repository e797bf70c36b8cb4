"""Colours of labels: those of napari, and nothing is compiled for them."""

from __future__ import annotations

import sys
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from napari.layers import Labels
from napari.utils.colormaps import DirectLabelColormap
from skimage.color import deltaE_ciede2000, rgb2lab
from vispy.color import Color

from napari_ssn.gui.layers.colours import (
    CALIPERS,
    COPIES,
    GREY,
    REGION,
    TONES,
    LabelColours,
    one_colour,
)
from napari_ssn.gui.layers.overlays import tones
from napari_ssn.gui.layers.strokes import HALO

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


# What people see of linear RGB whose eyes lack one kind of cone (Machado, Oliveira and Fernandes,
# IEEE Trans. Vis. Comput. Graph. 15, 2009, severity 1).
EYES = {
    "all cones": np.eye(3),
    "no red": [
        [0.152286, 1.052583, -0.204868],
        [0.114503, 0.786281, 0.099216],
        [-0.003882, -0.048116, 1.051998],
    ],
    "no green": [
        [0.367322, 0.860646, -0.227968],
        [0.280085, 0.672501, 0.047413],
        [-0.011820, 0.042940, 0.968881],
    ],
    "no blue": [
        [1.255528, -0.076749, -0.178779],
        [-0.078411, 0.930809, 0.147602],
        [0.004733, 0.691367, 0.303900],
    ],
}
#: The colours that the models here give their first label.
ORANGES = ("#ffb000", "#e69f00")


#: What is drawn beside samples.
OTHERS = (*TONES, *ORANGES, REGION, GREY, CALIPERS)


def linear(colour: Any) -> np.ndarray:
    values = np.asarray(colour)
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4)


def seen(colour: str, eyes: str) -> np.ndarray:
    """A colour in CIELAB."""
    light = np.clip(np.asarray(EYES[eyes]) @ linear(Color(colour).rgb), 0, 1)
    return rgb2lab(np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055))


@pytest.mark.parametrize("eyes", EYES)
def test_samples_are_told_apart_whichever_cones_are_missing(eyes: str) -> None:
    def difference(one: str, other: str) -> float:
        return float(deltaE_ciede2000(seen(one, eyes), seen(other, eyes)))

    apart = {pair: difference(*pair) for pair in combinations(COPIES, 2)}
    assert min(apart.values()) >= 12, sorted(apart.items(), key=lambda one: one[1])[:3]
    other = {(a, b): difference(a, b) for a in COPIES for b in OTHERS}
    assert min(other.values()) >= 9, sorted(other.items(), key=lambda one: one[1])[:3]


@pytest.mark.parametrize("colour", [*COPIES, *TONES, *ORANGES])
def test_a_line_is_seen_on_black_and_with_its_halo_on_any_tissue(colour: str) -> None:
    def contrast(grey: float) -> float:
        """Of the line to its halo, over tissue of a grey; see WCAG 2.2."""
        around = linear([grey * (1 - HALO[3])] * 3)
        weights = (0.2126, 0.7152, 0.0722)
        light = sorted(float(np.dot(weights, one)) for one in (linear(Color(colour).rgb), around))
        return (light[1] + 0.05) / (light[0] + 0.05)

    assert contrast(0.0) >= 4.5
    assert contrast(0.5) >= 4.5
    # As it is asked of what is no text.
    assert contrast(1.0) >= 3
