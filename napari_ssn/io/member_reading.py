"""Members of an ensemble, one after the other, on the grid of their image."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from napari_ssn.errors import DataError, GeometryError
from napari_ssn.geometry.arrays import Array
from napari_ssn.geometry.onto import onto
from napari_ssn.geometry.volume import Volume
from napari_ssn.io import source
from napari_ssn.io.formats import stored_of
from napari_ssn.io.member_archives import read_archive
from napari_ssn.io.member_maps import filled, label_map, map_of, on_grid
from napari_ssn.io.outline import holds_segments, read_outline


def read_member(paths: Sequence[Path], image: Volume) -> tuple[Array, str | None]:
    """One member on the grid of its image: (C, *S) probabilities, or (*S) uint8 labels.

    Args:
        paths: its file, or one for each label.
        image: that it is of.

    Returns:
        the map, and what a person should know of how it was read.

    Raises:
        DataError, ImageError: it is damaged, no map, or lies on another grid.
    """
    if len(paths) > 1:
        return _one_a_label(paths, image), None
    (path,) = paths
    if path.suffix.lower() == ".npz":
        return read_archive(path, image)
    if holds_segments(path):
        return label_map(read_outline(path, image).values), None
    found = stored_of(path).volume()
    try:
        lying = on_grid(found, image)
    except DataError:
        if (labels := _of_a_part(found, image)) is None:
            raise
        return labels, "of a part of the image; all else is background"
    return map_of(lying), None


def _of_a_part(found: Volume, image: Volume) -> Array | None:
    """A label map whose voxels are some of the image's; None for anything else.

    Of probabilities nobody knows what they are outside.
    """
    if found.channels > 1 or "unknown" in (found.extent, image.extent):
        return None
    if found.oriented != image.oriented or len(found.space) != len(image.space):
        return None
    if sorted(found.space) == sorted(image.space):
        # As large and elsewhere it is of another image.
        return None
    try:
        labels = map_of(found.data)
        if labels.dtype != np.uint8:
            return None
        return onto(labels, found.affine, image.affine, image.space)
    except (DataError, GeometryError):
        return None


def _one_a_label(paths: Sequence[Path], image: Volume) -> Array:
    """Labels that have files of their own; the rest is background.

    Where all are masks they are a label map: TotalSegmentator writes a hundred of a volume.
    """
    labels = np.zeros(image.space, np.uint8)
    for number, path in enumerate(paths, start=1):
        mask = _of_one_label(path, image)
        # Whatever number it was drawn with.
        top = mask.max()
        if top < 0 or top % 1 or not np.isin(mask, (0, top)).all():
            break
        inside = mask > 0
        if labels[inside].any():
            # Said as of all others that overlap.
            break
        labels[inside] = number
    else:
        return labels
    source.check_memory(4 * (len(paths) + 1) * math.prod(image.space))
    out = np.zeros((len(paths) + 1, *image.space), np.float32)
    for values, path in zip(out[1:], paths, strict=True):
        values[...] = _of_one_label(path, image)
    return filled(out)


def _of_one_label(path: Path, image: Volume) -> Array:
    one = stored_of(path).volume()
    if one.channels != 1:
        raise DataError("One of several files of a member holds several maps itself.")
    found: Array = on_grid(one, image)[0]
    return found


def sum_of(file: Path) -> str:
    """sha256 of what a file holds, unpacked where it is packed."""
    with source.opened(file) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
