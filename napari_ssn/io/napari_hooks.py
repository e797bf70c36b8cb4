"""What napari calls to open NIfTI and NRRD files and to save labels; see ``napari.yaml``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_ssn.core.hypotheses import Hypothesis
from napari_ssn.documents.sidecar import Provenance
from napari_ssn.errors import ExportError
from napari_ssn.geometry.arrays import Labels, Singles
from napari_ssn.geometry.display import (
    IMAGE_KEY,
    NOTE_KEY,
    RESULT_KEY,
    SHOWN_AT,
    SOURCE_KEY,
    Display,
    placed_display,
)
from napari_ssn.geometry.intensity import ct_window, looks_like_ct, some_values
from napari_ssn.geometry.transforms import check_matrix, layer_matrix, same_place
from napari_ssn.geometry.volume import Volume
from napari_ssn.io import write
from napari_ssn.io.content import PlainLabel, PlainModel
from napari_ssn.io.describing import edited
from napari_ssn.io.formats import is_image, is_nrrd, stored_of
from napari_ssn.io.hashes import label_map_hash
from napari_ssn.io.labelled import label_kind, looks_like_labels, narrowed
from napari_ssn.io.nrrd_image import frames_of as nrrd_frames
from napari_ssn.io.nrrd_image import read_nrrd_fields
from napari_ssn.io.nrrd_segments import is_segmentation, segments
from napari_ssn.io.opened import Opened, at_hand, label_maps, layers_of, named_by
from napari_ssn.io.results import own_results
from napari_ssn.io.sidecar import described
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


def write_labels(path: str, data: Any, meta: Mapping[str, Any]) -> list[str]:
    """Write a labels layer as a label map, and its sidecar if the layer carries one.

    A result of this plugin is written on the grid of the image's file; any other layer on its
    own, placed by its scale and translation. napari has asked before it replaces a file.

    Args:
        path: of the label map, NIfTI or ``.seg.nrrd``; ``.nii.gz`` is added if it has no suffix.
        data: (*S) whole numbers from 0 to 255.
        meta: the layer's state, as napari passes it.

    Returns:
        the paths of the files written.

    Raises:
        ExportError: the layer has too many axes or labels, or the disk refuses.
    """
    target = Path(path)
    if not target.suffix:
        target = target.with_name(f"{target.name}.nii.gz")
    result = dict(meta.get("metadata", {})).get(RESULT_KEY, {})
    label_map, display = _on_source_grid(_as_labels(data), meta, result)
    hypothesis = Hypothesis(label_map, display.affine, None, int(label_map.max()) + 1)
    provenance, model = None, named_by(meta, hypothesis.classes - 1)
    if "provenance" in result:
        provenance = Provenance.model_validate(result["provenance"])
        if provenance.label_map_sha256 != label_map_hash(label_map):
            provenance = edited(provenance, hypothesis)
        model = described(provenance)
    if model is not None:
        # Labels that do not occur in this map are labels nevertheless.
        hypothesis = replace(hypothesis, classes=len(model.labels))
    model = _in_colours(model, meta)
    written = write(hypothesis, target, model=model, provenance=provenance, overwrite=True)
    return [str(p) for p in written]


def _in_colours(model: PlainModel | None, meta: Mapping[str, Any]) -> PlainModel | None:
    """A model whose labels have the colours that they are shown in."""
    shown = getattr(meta.get("colormap"), "color_dict", None)
    if model is None or shown is None:
        return model
    labels = []
    for value, label in enumerate(model.labels):
        parts = np.rint(255 * np.asarray(shown.get(value, ()), np.float64)).astype(int)[:3]
        colour = "#" + "".join(f"{part:02x}" for part in parts) if len(parts) == 3 else ""
        labels.append(PlainLabel(label.name, colour or label.colour))
    return replace(model, labels=labels)


def _as_paths(path: str | Sequence[str]) -> list[Path]:
    return [Path(path)] if isinstance(path, str) else [Path(p) for p in path]


def _as_labels(data: Any) -> Labels:
    array = np.asarray(data)
    if array.ndim not in (2, 3):
        raise ExportError(f"The layer has {array.ndim} axes; label maps of two or three are saved.")
    if array.size == 0:
        raise ExportError("The layer is empty: there is nothing to save.")
    low, high = int(array.min()), int(array.max())
    if low < 0 or high > 255:
        raise ExportError(f"The layer has labels from {low} to {high}; 0 to 255 can be saved.")
    return array.astype(np.uint8)


def _on_source_grid(
    shown: Labels, meta: Mapping[str, Any], result: Mapping[str, Any]
) -> tuple[Labels, Display]:
    """Label map on the grid that it is written on, and that grid's place."""
    if "reorientation" in result:
        display = Display.from_metadata(result)
        # A layer that was cropped or resampled since is no longer on the image's grid.
        if display.shape == shown.shape:
            _check_unmoved(meta, result, shown.ndim)
            return np.ascontiguousarray(display.reorientation.undo(shown)), display
    matrix = layer_matrix(meta, shown.ndim)
    check_matrix(matrix)
    return shown, placed_display(shown.shape, matrix, meta.get("units"))


def _check_unmoved(meta: Mapping[str, Any], result: Mapping[str, Any], ndim: int) -> None:
    """ExportError if a result no longer lies on its image: nobody could say where it belongs."""
    if SHOWN_AT not in result:
        return
    if not same_place(layer_matrix(meta, ndim), np.asarray(result[SHOWN_AT], dtype=np.float64)):
        raise ExportError(
            "This layer was turned or moved since it was made and no longer lies on its image: "
            "undo that, or export it from the window of napari-ssn."
        )


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
