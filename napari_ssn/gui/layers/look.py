"""How outlines are drawn, as the settings ask for it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from napari_ssn.text.forms import asked

_display = partial(asked, section="Display")


@dataclass(frozen=True)
class Look:
    """How hypotheses are drawn.

    As lines that cross voxels, when nothing is seen of label layers in two dimensions; else as
    contours of voxels, or filled; their width in pixels of the image, and their opacity.
    """

    lines: bool = _display(
        True,
        "Thin lines between voxels",
        "Where the border runs, as thin lines that leave the voxels to be seen; "
        "without them the voxels themselves are marked",
    )
    calipers: bool = _display(
        True,
        "Diameters on the picture",
        "Longest diameter and the longest across it, in the slice where they are",
    )
    outline: bool = _display(True, "Outlines only")
    width: int = _display(
        1, "Outline width", "Width of an outline, in pixels of the image", min=1, max=10
    )
    opacity: float = _display(
        0.9,
        "Opacity",
        "Opacity of outlines (A and D change it for the one on show)",
        min=0.05,
        max=1,
        step=0.01,
        widget_type="FloatSlider",
    )
