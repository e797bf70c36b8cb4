"""Segmentations as a viewer shows them: label maps with names and colours, and probabilities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from napari_ssn.geometry.arrays import Array
from napari_ssn.geometry.display import RESULT_KEY, SHOWN_AT, Display
from napari_ssn.io.content import Label, PlainLabel, PlainModel
from napari_ssn.io.labelled import label_kind, narrowed

# Of a probability of which no file says the colour.
_ORANGE = "#e69f00"


@dataclass(frozen=True, eq=False)
class Opened:
    """One layer of a segmentation.

    Attributes:
        values: (*S) on the file's grid: a label map of unsigned numbers, or float32 probabilities
            from 0 to 1.
        name: of the layer; says what it is and never where it came from.
        labels: what the values of a label map mean, or by 1 what is probable; empty where
            nobody says.
        record: the sidecar as plain values, of a label map that it describes.
    """

    values: Array
    name: str
    labels: Mapping[int, Label] = field(default_factory=dict)
    record: Mapping[str, Any] | None = None


def label_maps(values: Array, spend: bool = False) -> list[Opened] | None:
    """Label maps without names; None if they are none after all.

    Args:
        values: (n, *S) of a file.
        spend: see `narrowed`.
    """
    kind = label_kind(values)
    if kind is None:
        return None
    name = f"Labels {' × '.join(map(str, values.shape[1:]))}"
    return [
        Opened(one, f"{name} · {k}" if len(values) > 1 else name)
        for k, one in enumerate(narrowed(values, kind, spend), start=1)
    ]


def named_after(labels: Mapping[int, Label], layer: int | None = None) -> str:
    """Name of a layer: its one label's, what the names of several end in, or how many there are.

    Args:
        labels: in the layer.
        layer: its number, from 1, where the file has several.
    """
    names = [label.name for label in labels.values()]
    # This plugin writes ``anterior, hypothesis 1``.
    ends = {name.rpartition(", ")[2] for name in names}
    if len(names) > 1 and len(ends) == 1 and all(", " in name for name in names):
        return ends.pop()
    if 1 <= len(names) <= 2:
        return " + ".join(names)
    which = f" {layer}" if layer is not None else ""
    return f"Segmentation{which} · {len(names)} segments"


def layers_of(
    display: Display, place: Mapping[str, Any], parts: Sequence[Opened], seen: bool = True
) -> list[tuple[Any, dict[str, Any], str]]:
    """Layers of a segmentation; the first is seen and lies on top, the others are hidden.

    Args:
        display: how the file's grid is shown.
        place: the layers' transform.
        parts: what the file holds, in its order.
        seen: whether the first of them is.
    """
    origin = {**display.to_metadata(), SHOWN_AT: display.placement.matrix.tolist()}
    layers = []
    for part in reversed(parts):
        record = {} if part.record is None else {"provenance": dict(part.record)}
        options = {
            **place,
            "name": part.name,
            "visible": seen and part is parts[0],
            "metadata": {RESULT_KEY: {**origin, **record}},
        }
        shown = at_hand(display.reorientation.apply(part.values))
        if part.values.dtype.kind == "u":
            layers.append((shown, {**options, **_look(part.labels)}, "labels"))
        else:
            layers.append((shown, {**options, **_ramp(part.labels)}, "image"))
    return layers


def at_hand(values: Array) -> Array:
    """Values that can be painted on, their planes as they lie in memory; copied if need be."""
    steps = [abs(step) for step in values.strides]
    if values.flags.writeable and steps == sorted(steps, reverse=True):
        return values
    return np.ascontiguousarray(values) if values.flags.writeable else values.copy()


def named_by(meta: Mapping[str, Any], highest: int) -> PlainModel | None:
    """Names of the labels of a layer that `layers_of` made, as they are now; None of others.

    Args:
        meta: the layer's state.
        highest: label that occurs in it.
    """
    features = meta.get("features")
    if features is None or not {"index", "label"} <= set(features):
        return None
    names = {
        int(i): str(name) for i, name in zip(features["index"], features["label"], strict=True)
    }
    labels = [names.get(i) or f"label {i}" for i in range(max(highest, *names) + 1)]
    return PlainModel("napari-ssn", "", "", [PlainLabel(name, _ORANGE) for name in labels])


def _look(labels: Mapping[int, Label]) -> dict[str, Any]:
    """Colours of labels, and their names, which the viewer's status bar says under the mouse."""
    if not labels:
        return {}
    colours: dict[int | None, str] = {None: "transparent", 0: "transparent"}
    colours |= {value: label.colour or _ORANGE for value, label in labels.items()}
    return {
        "colormap": colours,
        "features": {
            "index": [0, *labels],
            "label": ["background", *(label.name for label in labels.values())],
        },
    }


def _ramp(labels: Mapping[int, Label]) -> dict[str, Any]:
    """The image below is seen where nothing is probable."""
    colour = (labels[1].colour if 1 in labels else "") or _ORANGE
    red, green, blue = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    return {
        "contrast_limits": (0.0, 1.0),
        "colormap": {
            "name": f"SSN {colour}",
            "colors": [[red, green, blue, 0.0], [red, green, blue, 1.0]],
        },
        "blending": "translucent",
    }
