"""What napari calls to save labels as a label map."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from napari_ssn.core.hypotheses import Hypothesis
from napari_ssn.documents.sidecar import Provenance
from napari_ssn.errors import ExportError
from napari_ssn.geometry.arrays import Labels
from napari_ssn.geometry.display import (
    RESULT_KEY,
    SHOWN_AT,
    Display,
    placed_display,
)
from napari_ssn.geometry.transforms import check_matrix, layer_matrix, same_place
from napari_ssn.io import write
from napari_ssn.io.content import PlainLabel, PlainModel
from napari_ssn.io.describing import edited
from napari_ssn.io.hashes import label_map_hash
from napari_ssn.io.opened import named_by
from napari_ssn.io.sidecar import described


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
