"""Colours of labels, of copies, and of what shares of the hypotheses hold."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from napari.utils.colormaps import DirectLabelColormap
from numpy.typing import NDArray

from napari_ssn.session import Preview

if TYPE_CHECKING:
    # These modules import torch, which only the worker does.
    from napari_ssn.prediction.prediction import Prediction

#: Of what is about another image than the one looked at.
GREY = "#9a9a9a"
#: Outer, median and inner: one hue, told apart by lightness alone, and unlike the labels' colours
#: for every kind of colour vision.
TONES = ("#4f84ff", "#6fb7f2", "#c4f0ff")
#: The same of what any, half and all of several people outlined.
PEOPLE = ("#e0524d", "#f58a80", "#ffcdc6")
#: The same of a result that is stale.
GREYS = ("#6e6e6e", "#9a9a9a", "#cfcfcf")


class LabelColours(DirectLabelColormap):
    """Colours of few labels, looked up.

    napari has numba compile a loop for its own when the first layer comes, and the window stands
    still for a second; what it makes of it is a table of 256 rows.
    """

    def _map_without_cache(self, values: NDArray[np.integer]) -> NDArray[np.float32]:
        """Colours of labels, as `map` has them one by one."""
        rows = [self.color_dict.get(int(value), self.default_color) for value in values.flat]
        return np.array(rows, np.float32).reshape(*values.shape, 4)


def of(result: Prediction | Preview, grey: bool = False) -> LabelColours:
    """One colour per label, from the model's card; all grey for a result that is stale."""
    return by_number([GREY if grey else label.colour for label in result.card.labels[1:]])


def by_number(tones: Iterable[Any]) -> LabelColours:
    """Colours of the labels from 1 on; nothing is seen of the background."""
    table: dict[int | None, Any] = {None: "transparent", 0: "transparent"}
    return LabelColours(color_dict=table | dict(enumerate(tones, start=1)))


#: Of where a direction leads, to the left and to the right on its slider: magenta and green are
#: told apart by every kind of colour vision.
WAYS = ("#e667b8", "#00c48c")
#: Of the region that a model looks at, and of its middle.
REGION, MIDDLE = "#bdbdbd", "#56b4e9"
#: Of diameters.
CALIPERS = "#ffffff"
#: Of the hypothesis that another is compared with.
PLAIN = "#ffffff"
#: Of copies, one after the other: told apart from each other, from the shares, from orange and from
#: greys with all cones and without red, green or blue ones (tests/gui/test_colours.py).
COPIES = (
    "#ff4444", "#88ffcc", "#aa88bb", "#ddff00", "#00aa77", "#cccc77",
)  # fmt: skip


def one_colour(classes: int, colour: str) -> LabelColours:
    """The same colour for every label."""
    return by_number([colour] * (classes - 1))
