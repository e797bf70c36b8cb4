"""Layers of images and label maps, as napari takes them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_ssn.geometry.arrays import Singles
from napari_ssn.geometry.display import (
    IMAGE_KEY,
    NOTE_KEY,
    SOURCE_KEY,
    Display,
)
from napari_ssn.geometry.intensity import ct_window, looks_like_ct, some_values
from napari_ssn.geometry.volume import Volume
from napari_ssn.io.formats import is_image, is_nrrd, stored_of
from napari_ssn.io.labelled import label_kind, looks_like_labels, narrowed
from napari_ssn.io.nrrd_image import frames_of as nrrd_frames
from napari_ssn.io.nrrd_image import read_nrrd_fields
from napari_ssn.io.nrrd_segments import is_segmentation, segments
from napari_ssn.io.opened import Opened, at_hand, label_maps, layers_of
from napari_ssn.io.results import own_results
from napari_ssn.io.stored import Stored

LayerData = tuple[Any, dict[str, Any], str]
Reader = Callable[[str | Sequence[str]], list[LayerData]]

# Frames of a file that does not say to hold labels which may be label maps, a layer each.
_MOST_MAPS = 64


def get_reader(path: str | Sequence[str]) -> Reader | None:
    """Reader of these files, or None if one of them has no name of a kind that is read here."""
    paths = _as_paths(path)
    if not paths or not all(is_image(p) for p in paths):
        return None
    return read_layers


def read_layers(path: str | Sequence[str]) -> list[LayerData]:
    """Layers of files, called by what they show: a file is often named after the patient.

    A segmentation makes a layer of labels per hypothesis, and so does a file whose values can be
    nothing but labels; any other makes an image.
    ImageError or GeometryError, in one sentence, if one fails.
    """
    return [layer for p in _as_paths(path) for layer in _layers(p)]


def _layers(path: Path) -> list[LayerData]:
    """Layers of one file."""
    fields: Mapping[str, Any] = {}
    if is_nrrd(path):
        stored, fields = read_nrrd_fields(path)
        named = is_segmentation(fields)
        stored = stored if named else nrrd_frames(stored, fields)
    else:
        stored, named = stored_of(path), False
    own = own_results(path, stored)
    parts = None if own is None else own[1]
    if named:
        parts = _coloured(segments(stored.values, fields), parts)
    elif parts is None and (stored.labels or is_label_map(stored)):
        parts = label_maps(stored.values, spend=True)
    if parts is not None:
        display = (stored if own is None else own[0]).display
        return layers_of(display, place(display), parts)
    if stored.channels == 1:
        return [plain_layer(stored)]
    volume, step_s = stored.volume(), stored.step_s
    return [series_layer(volume, step_s, name=title(volume))]


def plain_layer(stored: Stored) -> LayerData:
    """The layer of an image that is called by what it shows.

    napari makes labels of whole numbers only, where somebody asks for that: they are what the file
    stores, however high.

    Args:
        stored: of one frame.
    """
    volume = stored.volume()
    data, options, kind = image_layer(volume, name=title(volume))
    dtype = label_kind(stored.values)
    if dtype is not None:
        whole = narrowed(stored.values[0], dtype, spend=True)
        data = at_hand(stored.display.reorientation.apply(whole))
    return data, options, kind


def is_label_map(stored: Stored) -> bool:
    """Whether a file that does not say so holds labels, in each of its frames."""
    if stored.channels > _MOST_MAPS:
        return False
    return all(looks_like_labels(one, stored.whole) for one in stored.values)


def _coloured(segments: list[Opened], own: list[Opened] | None) -> list[Opened]:
    """Segments of a file; what a sidecar says of each, where there is one, with their colours."""
    if own is None:
        return segments
    both = zip(own, segments, strict=True)
    return [replace(part, labels=segment.labels) for part, segment in both]


def title(volume: Volume) -> str:
    """Name of an image's layer: ``CT 512 × 512 × 36``, ``Image 40 × 48``."""
    kind = "CT" if looks_like_ct(some_values(volume.data, volume.data.ndim - 1)) else "Image"
    frames = f" · {volume.channels} frames" if volume.channels > 1 else ""
    return f"{kind} {' × '.join(map(str, volume.space))}{frames}"


def image_layer(volume: Volume, **options: Any) -> LayerData:
    """A volume as napari shows it: axes (z, y, x), and under `IMAGE_KEY` the way back.

    Args:
        volume: of one channel.
        options: further arguments of the layer, as its name.
    """
    display = Display.of(volume)
    metadata: dict[str, Any] = {IMAGE_KEY: display.to_metadata()}
    if volume.source is not None:
        metadata[SOURCE_KEY] = volume.source
    if volume.note is not None:
        metadata[NOTE_KEY] = volume.note
    kwargs: dict[str, Any] = {**place(display), "metadata": metadata}
    limits = None if "contrast_limits" in options else _contrast_limits(volume.data[0])
    if limits is not None:
        kwargs["contrast_limits"] = limits
    return display.reorientation.apply(volume.data[0]), {**kwargs, **options}, "image"


def series_layer(
    volume: Volume, step_s: float | None, axis: str = "t", **options: Any
) -> LayerData:
    """A time series as napari shows it: axes (t, z, y, x), each frame as `image_layer` has it.

    Args:
        volume: its frames are the channels.
        step_s: seconds from frame to frame; None where nobody knows.
        axis: what frames are called: ``t``, or ``c`` for channels.
        options: further arguments of the layer, as its name.
    """
    first = Volume(volume.data[:1], volume.affine, volume.extent, volume.oriented, note=volume.note)
    _, kwargs, kind = image_layer(first, **options)
    limits = _contrast_limits(volume.data)
    time = {
        "scale": (step_s or 1.0, *kwargs["scale"]),
        "translate": (0.0, *kwargs["translate"]),
        "axis_labels": (axis, *kwargs["axis_labels"]),
        "units": ("s" if step_s else "pixel", *kwargs["units"]) if "units" in kwargs else None,
        "contrast_limits": limits,
    }
    shown = Display.of(first).reorientation.apply(volume.data)
    kwargs |= {key: value for key, value in time.items() if value is not None}
    return shown, {**kwargs, **options}, kind


def place(display: Display) -> dict[str, Any]:
    """Transform of a layer that lies on an image; without units where none are known."""
    where = display.placement
    kwargs: dict[str, Any] = {
        "scale": where.scale,
        "translate": where.translate,
        "axis_labels": where.axis_labels,
    }
    if where.units is not None:
        kwargs["units"] = where.units
    return kwargs


def _as_paths(path: str | Sequence[str]) -> list[Path]:
    return [Path(path)] if isinstance(path, str) else [Path(p) for p in path]


def _contrast_limits(data: Singles) -> list[float] | None:
    """A window of CT, else the range of the finite values, as napari trips over NaN."""
    some = some_values(data, data.ndim - 1)
    if looks_like_ct(some):
        return list(ct_window(some).limits)
    low, high = float(np.min(data)), float(np.max(data))
    if not np.isfinite([low, high]).all():
        finite = data[np.isfinite(data)]
        if finite.size == 0:
            return None
        low, high = float(finite.min()), float(finite.max())
    return [low, high] if low < high else None
