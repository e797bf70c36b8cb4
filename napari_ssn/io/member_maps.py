"""Maps of other people's networks and label maps of several people, on the grid of an image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from napari_ssn.errors import DataError
from napari_ssn.geometry.arrays import Array, Floats, Labels
from napari_ssn.geometry.orientation import Reorientation
from napari_ssn.geometry.transforms import NEAR_MM, corners_apart_mm
from napari_ssn.geometry.volume import Volume
from napari_ssn.io.labelled import seems_a_picture

# Sums of what is rounded to half precision.
_ROUNDED = 0.02
#: Labels that a map may have, the background included.
MOST_LABELS = 256


def map_of(data: Array) -> Array:
    """What the channels of an image, (n, *S), are: labels, or probabilities."""
    if len(data) == 1:
        (values,) = data
        if np.array_equal(values, np.rint(values)):
            labels = label_map(values)
            if seems_a_picture(labels):
                raise DataError(
                    f"It holds whole numbers up to {labels.max()} that lie as in a picture, not as "
                    "labels do: probabilities are fractions from 0 to 1."
                )
            return labels
        _check_finite(values)
        if not -_ROUNDED <= values.min() <= values.max() <= 1 + _ROUNDED:
            raise DataError(
                f"Its values go from {values.min():.3g} to {values.max():.3g}: probabilities are "
                "fractions from 0 to 1."
            )
        return with_background(values)
    total = data.sum(0)
    _check_finite(total)
    if total.min() >= 1 - _ROUNDED:
        return data
    out = np.empty((len(data) + 1, *data.shape[1:]), np.float32)
    out[1:] = data
    return filled(out)


def _check_finite(values: Array) -> None:
    if not np.isfinite(values).all():
        raise DataError(
            "It holds values that are not finite: a map is of labels, or of fractions from 0 to 1."
        )


def label_map(values: Array) -> Labels:
    """Whole numbers as labels."""
    if not 0 <= values.min() <= values.max() < MOST_LABELS:
        raise DataError("It is a label map with labels below 0 or above 255.")
    return values.astype(np.uint8)


def with_background(values: Array) -> Array:
    """Probabilities (2, *S) of those of one label."""
    out = np.empty((2, *values.shape), np.float32)
    np.subtract(1, values, out=out[0])
    out[1] = values
    return out


def filled(out: Array) -> Array:
    """Fill in the background, which is what the other labels leave over."""
    total = out[1:].sum(0)
    if not total.max() <= 1 + _ROUNDED:
        raise DataError(
            f"The probabilities of its labels sum to {total.max():.3g} in a voxel: regions that "
            "overlap are not read."
        )
    np.subtract(1, total, out=out[0])
    np.maximum(out[0], 0, out=out[0])
    return out


def on_grid(found: Volume, image: Volume) -> Array:
    """Channels of a file on the grid of its image; DataError if it lies on another."""
    if found.space == (*image.space, 1):
        # A slice has two axes, or a third one of one voxel: programs write either.
        found = replace(found, data=found.data[..., 0])
    elif (*found.space, 1) == image.space:
        found = replace(found, data=found.data[..., None])
    known = "unknown" not in (found.extent, image.extent) and found.oriented == image.oriented
    if not known and found.space == image.space:
        return found.data
    if len(found.space) != len(image.space) or not known:
        raise DataError(other_grid(found.space, image.space))
    if found.space == image.space and _apart_mm(found.affine, image) <= NEAR_MM:
        return found.data
    # The same voxels stored along other axes, or backwards.
    steps = np.linalg.inv(image.affine) @ found.affine
    ndim = len(image.space)
    axes = np.abs(steps[:ndim, :ndim]).argmax(axis=0)
    signs = np.sign(steps[axes, np.arange(ndim)])
    if sorted(axes.tolist()) == list(range(ndim)):
        order = np.argsort(axes)
        turn = Reorientation(tuple(order), tuple(signs[order] < 0))
        if turn.shape(found.space) == image.space:
            apart = _apart_mm(turn.affine(found.affine, found.space), image)
            if apart <= NEAR_MM:
                return turn.apply(found.data)
            raise DataError(
                f"It has as many voxels as the image ({_size(image.space)}), and they lie up to "
                f"{apart:.2g} mm beside the image's: was it made of another image? Write it on the "
                "grid of the image."
            )
    raise DataError(other_grid(found.space, image.space))


def _apart_mm(affine: Floats, image: Volume) -> float:
    return corners_apart_mm(affine, image.affine, image.space)


def _size(space: Sequence[int]) -> str:
    return " × ".join(map(str, space))


def other_grid(here: Sequence[int], there: Sequence[int]) -> str:
    """Why a map is on another grid than its image, in words.

    Args:
        here, there: voxels of the two along each axis.
    """
    ours, theirs = _size(there), _size(here)
    if sorted(here) == sorted(there):
        return (
            f"It has {theirs} voxels and the image {ours}: its axes are in another order, and "
            "nothing says how they lie. Write it on the grid of the image."
        )
    return (
        f"It has {theirs} voxels and the image {ours}: it was cropped or resampled. Write it on "
        "the grid of the image."
    )


def reordered(found: Array, order: Sequence[int]) -> Array:
    """A map with its labels in another order: label c of the result is label ``order[c]``."""
    if list(order) == list(range(len(order))):
        return found
    if found.dtype == np.uint8:
        to = np.zeros(MOST_LABELS, np.uint8)
        to[list(order)] = np.arange(len(order), dtype=np.uint8)
        return to[found]
    return found[list(order)]


def of_one_thing(found: Array) -> bool:
    """Whether it is a label map with one label."""
    top = found.max()
    return bool(found.dtype == np.uint8 and top > 0 and np.isin(found, (0, top)).all())
