"""Two scans laid on each other by a rigid registration: the later one as the earlier one lies."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.ndimage import map_coordinates

from napari_ssn.errors import NEVER, Cancel
from napari_ssn.io.registration import Motion, register
from napari_ssn.prediction.followed import View, Voxel, reach_of
from napari_ssn.prediction.source import Source


@dataclass(frozen=True, eq=False)
class Laid:
    """A scan as it lies on an earlier one.

    Attributes:
        motion: mm of the earlier one to its own.
        view: of it, on the grid of the earlier one's.
    """

    motion: Motion
    view: View


def motion_between(views: Sequence[View], cancel: Cancel = NEVER) -> Motion:
    """How the first of two views lies on the second, see `io.registration.register`."""
    places = [one.affine[:3, :3] @ one.place + one.affine[:3, 3] for one in views]
    images, affines = [one.image for one in views], [one.affine for one in views]
    return register(images, affines, places, cancel)


def laid_on(first: View, second: View, motion: Motion) -> View:
    """The second view on the grid of the first; its slices end where it ends.

    Values are interpolated, labels are those of the nearest voxel; what the second does not hold is
    as dark as its darkest voxel, and has no label.
    """
    # From an index in the first to one in the second.
    there = np.linalg.inv(second.affine) @ motion.matrix @ first.affine
    index = np.indices(first.image.shape).reshape(3, -1)
    where = (there[:3, :3] @ index + there[:3, 3:]).reshape(3, *first.image.shape)
    dark = float(second.image.min())
    image = map_coordinates(second.image, where, order=1, cval=dark)
    labels = map_coordinates(second.labels, where, order=0, cval=0)
    last = np.array(second.image.shape).reshape(3, 1, 1, 1) - 1
    held = np.all((where >= -0.5) & (where <= last + 0.5), axis=0)
    slices = np.flatnonzero(np.any(held, axis=(1, 2)))
    start, end = (int(slices[0]), int(slices[-1]) + 1) if len(slices) else (0, 1)
    place = (first.place[0] - start, *first.place[1:])
    labels = np.ascontiguousarray(labels[start:end])
    affine = first.affine.copy()
    affine[:3, 3] += start * first.affine[:3, 0]
    return replace(
        second,
        image=np.ascontiguousarray(image[start:end], np.float32),
        labels=labels,
        spacing=first.spacing,
        place=place,
        reach=reach_of(labels, place, first.spacing),
        affine=affine,
    )


def carried(motion: Motion, back: bool, one: Source, other: Source, voxel: Voxel) -> Voxel | None:
    """Where a voxel of one image lies in another; None where that has no such voxel.

    ``A₂⁻¹ M A₁ voxel``, rounded, with the affines A of both.

    Args:
        motion: mm of the earlier scan to those of the later one.
        back: whether it is the later one that the voxel is of.
        one, other: the images.
        voxel: of the first.
    """
    matrix = np.linalg.inv(motion.matrix) if back else motion.matrix
    found = np.linalg.inv(other.affine) @ matrix @ one.affine @ np.array([*voxel, 1.0])
    index = tuple(int(value) for value in np.rint(found[:3]))
    inside = all(0 <= at < size for at, size in zip(index, other.space, strict=True))
    return index if inside else None
