"""What napari calls to open OME-Zarr: the user is asked which level to open."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_ssn.errors import GeometryError, ImageError
from napari_ssn.geometry.volume import Volume
from napari_ssn.io.napari_hooks import (
    image_layer,
    is_label_map,
    place,
    plain_layer,
    series_layer,
    title,
)
from napari_ssn.io.omezarr import list_levels, read_frames
from napari_ssn.io.opened import Opened, label_maps, layers_of

if TYPE_CHECKING:
    from napari_ssn.io.napari_hooks import LayerData
    from napari_ssn.io.omezarr import LevelInfo

# A plane that changes with time is a layer for each point in time, and more of them help nobody.
_MOST_LAYERS = 16
# The level that is proposed takes no more memory than this, where there is one.
_LIGHT = 1 << 30


def read_layers(path: str | Sequence[str]) -> list[Any]:
    """Layers of the levels that were chosen, with the label images inside.

    ImageError or GeometryError, in one sentence, if one cannot be opened.
    """
    paths = [path] if isinstance(path, str) else list(path)
    layers: list[Any] = []
    for one in map(Path, paths):
        infos = list_levels(one)
        numbers = [1] if len(infos) == 1 else choose(infos)
        for number in numbers:
            layers += _layers(one, number)
    return layers or [(None,)]


def choose(infos: Sequence[LevelInfo]) -> Sequence[int]:
    """Ask the user which levels to open; the finest where there is nobody to ask."""
    try:
        from napari_ssn.gui.widgets.series_dialog import ask, can_ask
    except ImportError:
        return [1]  # napari can be used without a window
    if not can_ask():
        return [1]
    usable = [info for info in infos if info.problem is None]
    light = [info for info in usable if info.bytes <= _LIGHT] or usable[-1:]
    first = light[0].number if light else None
    return ask([(info.number, info.words, info.problem) for info in infos], first, "levels")


def _layers(path: Path, number: int) -> Iterator[LayerData]:
    found = read_frames(path, number)
    stored, display = found.stored, found.stored.display
    if found.labelled or is_label_map(stored):
        parts = label_maps(stored.values, spend=True)
        if parts is None:
            raise ImageError(
                "The labels hold values that are no whole numbers from 0 to 4,294,967,295: nothing "
                "to open."
            )
        yield from layers_of(display, place(display), parts)
        return
    if stored.channels == 1:
        yield plain_layer(stored)
    elif len(stored.space) == 3:
        volume = stored.volume()
        yield series_layer(volume, found.step_s, found.axis, name=title(volume))
    elif stored.channels <= _MOST_LAYERS:
        # A plane with an axis more would be taken for a volume.
        volume = stored.volume()
        for k, plane in enumerate(volume.data):
            one = Volume(plane[None], volume.affine, volume.extent, False, note=volume.note)
            yield image_layer(one, name=f"{title(one)} · {found.axis} {k + 1}", visible=k == 0)
    else:
        raise GeometryError(
            f"The image is a plane with {stored.channels} frames: save one of them, or name it to "
            "the command (--frame)."
        )
    for label, beside in found.labels.items():
        parts = label_maps(beside.values, spend=True)
        if parts is None:
            warnings.warn(
                f"{label} beside the image holds values that are no labels and was left out.",
                stacklevel=2,
            )
            continue
        yield from layers_of(
            display, place(display), [Opened(part.values, label) for part in parts], seen=False
        )
