"""What a ``.seg.nrrd`` says of its segments: 3D Slicer's fields, whoever wrote them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from napari_ssn.errors import ImageError
from napari_ssn.geometry.arrays import Array
from napari_ssn.io.content import PlainLabel
from napari_ssn.io.labelled import label_kind, narrowed
from napari_ssn.io.opened import Opened, named_after

_FIELD = re.compile(r"Segment(\d{1,6})_(Name|ID|LabelValue|Layer|Color)")
_DAMAGED = "What the file says of its segments is damaged: export it again from where it comes."
_NO_LABELS = "The segmentation has values that are no labels (whole numbers): it is not opened."


def is_segmentation(fields: Mapping[str, Any]) -> bool:
    """Whether the header of a NRRD file names segments."""
    return any(_FIELD.fullmatch(key) for key in fields)


def segments(layers: Array, fields: Mapping[str, Any]) -> list[Opened]:
    """Label maps of a segmentation, one per layer of the file.

    Slicer 4 wrote neither layers nor values where every segment had a layer of its own.

    Args:
        layers: (layers, *S) as the file stores them; they are spent.
        fields: of the header.

    Raises:
        ImageError: a segment is said to lie where nothing is, or a value is no label.
    """
    names: list[dict[int, PlainLabel]] = [{} for _ in layers]
    for number, segment in sorted(_segments(fields).items()):
        try:
            layer = int(segment.get("Layer", number if len(layers) > 1 else 0))
            value = int(segment.get("LabelValue", 1))
            there = names[layer] if layer >= 0 else None
        except (ValueError, IndexError):
            raise ImageError(_DAMAGED) from None
        if there is None or value < 1:
            raise ImageError(_DAMAGED)
        name = segment.get("Name") or segment.get("ID") or f"segment {number + 1}"
        there[value] = PlainLabel(name, _colour(segment.get("Color", "")))
    kind = label_kind(layers)
    if kind is None:
        raise ImageError(_NO_LABELS)
    maps = narrowed(layers, kind, spend=True)
    return [
        Opened(values, named_after(labels, k if len(maps) > 1 else None), labels)
        for k, (values, labels) in enumerate(zip(maps, names, strict=True), start=1)
    ]


def _segments(fields: Mapping[str, Any]) -> dict[int, dict[str, str]]:
    found: dict[int, dict[str, str]] = {}
    for key, value in fields.items():
        match = _FIELD.fullmatch(key)
        if match is not None:
            found.setdefault(int(match[1]), {})[match[2]] = str(value).strip()
    return found


def _colour(text: str) -> str:
    """``#rrggbb`` of three numbers from 0 to 1; empty where they are not."""
    try:
        parts = [float(part) for part in text.split()]
    except ValueError:
        return ""
    if len(parts) != 3 or not all(0 <= part <= 1 for part in parts):
        return ""
    return "#" + "".join(f"{round(255 * part):02x}" for part in parts)
