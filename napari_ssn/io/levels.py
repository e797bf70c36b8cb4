"""OME-Zarr as napari shows it: the levels that are chosen, with the label images inside."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path

from napari_ssn.errors import GeometryError, ImageError
from napari_ssn.geometry.volume import Volume
from napari_ssn.io.asking import Ask, Several
from napari_ssn.io.layers import (
    LayerData,
    image_layer,
    is_label_map,
    place,
    plain_layer,
    series_layer,
    title,
)
from napari_ssn.io.omezarr import list_levels, read_frames
from napari_ssn.io.opened import Opened, label_maps, layers_of

# A plane that changes with time is a layer for each point in time, and more of them help nobody.
_MOST_LAYERS = 16
# The level that is proposed takes no more memory than this, where there is one.
_LIGHT = 1 << 30


def layers_of_levels(path: Path, ask: Ask | None) -> Iterator[LayerData]:
    """Layers of the levels that were chosen, with the label images inside.

    ImageError or GeometryError, in one sentence, if one cannot be opened.

    Args:
        path: of the folder.
        ask: is asked which of several; where there is nobody to ask it is the finest.
    """
    infos = list_levels(path)
    numbers: Sequence[int] = [1]
    if len(infos) > 1 and ask is not None:
        usable = [info for info in infos if info.problem is None]
        light = [info for info in usable if info.bytes <= _LIGHT] or usable[-1:]
        entries = tuple((info.number, info.words, info.problem) for info in infos)
        numbers = ask(Several(entries, light[0].number if light else None, "levels"))
    for number in numbers:
        yield from _layers(path, number)


def _layers(path: Path, number: int) -> Iterator[LayerData]:
    found = read_frames(path, number)
    stored, display = found.stored, found.stored.display
    if stored.labels or is_label_map(stored):
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
        yield series_layer(volume, stored.step_s, found.axis, name=title(volume))
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
