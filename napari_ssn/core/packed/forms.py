"""Distributions of numbers, by the form in which these are stored."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from napari_ssn.core.columns.columns import SHELLS, at_voxels
from napari_ssn.core.columns.packing import ordered
from napari_ssn.core.decodable import Decodable
from napari_ssn.core.distribution import LogitDistribution
from napari_ssn.core.packed.distribution import PackedDistribution
from napari_ssn.geometry.arrays import Arrays

_FORMS: dict[str, type[LogitDistribution] | type[PackedDistribution]] = {
    one.form: one for one in (LogitDistribution, PackedDistribution)
}
# Arrays of a packed distribution whose last axis are the voxels in its own order.
_BY_PLACE = ("best", "rivals", "margins", "second", "noise")


def of_numbers(form: str, numbers: Arrays, space: Sequence[int], **place: Any) -> Decodable:
    """The distribution of some `Decodable.numbers`.

    Args:
        form: see `Decodable`.
        numbers: by their names.
        space: shape S of the grid.
        place: affine, start, image_space and presence.

    Raises:
        KeyError: one of the numbers is missing.
        ValueError: they are of no distribution.
    """
    return _FORMS[form].of_numbers(numbers, space, **place)


def in_grid_order(dist: Decodable) -> Arrays:
    """Numbers of a distribution with the voxels in the order of the grid.

    There neighbours are alike, so that less is left of them when they are compressed. Of a packed
    one the order is that of the shells: of a few words each, where a number for each voxel would
    be as long as two of its columns.
    """
    numbers = dist.numbers()
    if not isinstance(dist, PackedDistribution):
        return numbers
    place = dist.place.reshape(-1)
    shells = np.searchsorted(dist.ends, place, side="right").astype(np.int16)
    return {"shell": shells, **{name: at_voxels(numbers[name], place) for name in _BY_PLACE}}


def from_grid_order(form: str, arrays: Arrays) -> Arrays:
    """`Decodable.numbers` of those that `in_grid_order` gives.

    Raises:
        KeyError: one of them is missing.
        ValueError: they are of no distribution.
    """
    if form != PackedDistribution.form:
        return arrays
    shells = arrays["shell"]
    if shells.ndim != 1 or shells.dtype != np.int16:
        raise ValueError("shell: expected (V,) int16")
    if not len(shells) or shells.min() < 0 or shells.max() >= SHELLS:
        raise ValueError("shell: expected numbers of shells")
    if any(math.prod(arrays[name].shape[-1:]) not in (0, len(shells)) for name in _BY_PLACE):
        raise ValueError("expected numbers of all voxels")
    # As `pack` has it: within a shell the voxels stay in their order.
    order, _, ends = ordered(shells)
    return {
        "order": order,
        "ends": ends,
        **{name: at_voxels(arrays[name], order) for name in _BY_PLACE},
    }
