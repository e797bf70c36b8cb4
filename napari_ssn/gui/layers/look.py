"""How outlines are drawn, as the settings ask for it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from napari_ssn.text.forms import asked

_display = partial(asked, section="Display")


@dataclass(frozen=True)
class Look:
    """How label layers are drawn: contours or filled, their width, and their opacity."""

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
