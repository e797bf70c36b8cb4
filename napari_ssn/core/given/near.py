"""The voxels near clicks, which are decoded apart because the residual acts on them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from napari_ssn.core.decodable import Decodable
from napari_ssn.core.given.clicks import Indices, Margins
from napari_ssn.core.given.residual import Field
from napari_ssn.geometry.arrays import Floats, Labels, Mask, Where


@dataclass(frozen=True, eq=False)
class Near:
    """Voxels near clicks: flat (V,), mean (C, V), factor (R, C, V), what each takes of ξ (V, A).

    clicked, labels: place among them of every voxel that was clicked with one label, and that;
    number: of that click.
    """

    voxels: Indices
    mean: Floats
    factor: Floats
    reach: Floats
    clicked: Indices
    labels: Indices
    number: Indices

    @classmethod
    def around(cls, voxels: Indices, dist: Decodable, margins: Margins, field: Field) -> Near:
        """What decoding some of the voxels near clicks takes.

        Args:
            voxels: (V,) different ones of the flattened grid.
            dist: the distribution.
            margins: of the clicks.
            field: the residual around them.
        """
        mean, factor = dist.logits_at(voxels)
        clicked, labels = margins.voxels, margins.labels
        kinds, count = np.unique(clicked, return_counts=True)
        single = np.isin(clicked, np.intersect1d(kinds[count == 1], voxels))
        sorter = np.argsort(voxels)
        at = sorter[np.searchsorted(voxels, clicked[single], sorter=sorter)]
        reach, number = field.reach(voxels), np.flatnonzero(single)
        return cls(voxels, mean, factor, reach, at, labels[single], number)


def winner(logits: Floats) -> Labels:
    """argmax over classes of (C, V), lowest label first among equals."""
    return np.asarray(logits.argmax(0).astype(np.uint8))


def within(
    voxels: Indices, space: tuple[int, ...], where: Where
) -> tuple[tuple[Indices, ...], Mask]:
    """Index in a part of the grid of the voxels that lie in it, and which (V,) these are."""
    inside = np.ones(len(voxels), np.bool_)
    index = np.unravel_index(voxels, space)
    place = []
    for axis, size in enumerate(space):
        part = where[axis] if axis < len(where) else slice(None)
        along = index[axis]
        if isinstance(part, slice):
            first, last, step = part.indices(size)
            if step != 1:
                raise ValueError(f"where: expected slices of step 1, got {part}")
            inside &= (along >= first) & (along < last)
            place.append(along - first)
        else:
            inside &= along == part % size
    return tuple(along[inside] for along in place), inside
