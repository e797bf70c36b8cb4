"""Resampling as nnU-Net does it, from one shape to another: splines, along thick slices apart.

Source: nnU-Net v2 (Isensee et al., Nature Methods 2021), ``default_resampling.py``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import skimage
from scipy.ndimage import map_coordinates

from napari_ssn.errors import ModelError
from napari_ssn.geometry.arrays import Array

# Voxels whose longest edge is more than so many times the shortest are thick slices.
_THICK = 3.0
_KNOWN = {"order", "order_z", "force_separate_z", "is_seg", "separate_z_anisotropy_threshold"}


def check_resampling(name: str, arguments: dict[str, Any]) -> None:
    """ModelError for a way of resampling that is not known here."""
    if name == "no_resampling_hack":
        return
    told = {key: value for key, value in arguments.items() if key in _KNOWN}
    orders = (told.get("order", 3), told.get("order_z", 0))
    if (
        name != "resample_data_or_seg_to_shape"
        or len(told) < len(arguments)
        or told.get("is_seg")
        or not all(type(order) is int and 0 <= order <= 5 for order in orders)
        or not isinstance(told.get("force_separate_z"), bool | None)
    ):
        raise ModelError(
            f"Its plans resample with “{name[:60]}” in a way that is not known here: only "
            "“resample_data_or_seg_to_shape” is, with what nnU-Net gives it."
        )


def new_shape(
    shape: Sequence[int], here: Sequence[float], there: Sequence[float]
) -> tuple[int, ...]:
    """Voxels along each axis with voxels of another size."""
    return tuple(round(a / b * n) for n, a, b in zip(shape, here, there, strict=True))


def resampled(
    data: Array,
    shape: Sequence[int],
    here: Sequence[float],
    there: Sequence[float],
    name: str,
    arguments: dict[str, Any],
) -> Array:
    """Channels on a grid of another shape, in the numbers' own precision.

    Args:
        data: (C, *S), S of three axes.
        shape: wanted.
        here, there: voxel sizes of both grids; where they differ much along an axis, that one is
            resampled apart from the others.
        name, arguments: of the plans, which `check_resampling` has seen.
    """
    wanted = tuple(shape)
    if data.shape[1:] == wanted or name == "no_resampling_hack":
        return data
    order, order_z = arguments.get("order", 3), arguments.get("order_z", 0)
    axis = _apart(arguments, here, there)
    out = np.empty((len(data), *wanted), data.dtype)
    for channel, one in zip(out, data, strict=True):
        values = one.astype(np.float64)
        if axis is None:
            channel[...] = _resized(values, wanted, order)
            continue
        flat = tuple(n for a, n in enumerate(wanted) if a != axis)
        slices = [_resized(part, flat, order) for part in np.moveaxis(values, axis, 0)]
        stack = np.stack(slices, axis)
        if stack.shape != wanted:
            scale = [a / b for a, b in zip(stack.shape, wanted, strict=True)]
            grid = np.indices(wanted, np.float64)
            places = [s * (g + 0.5) - 0.5 for s, g in zip(scale, grid, strict=True)]
            stack = map_coordinates(stack, places, order=order_z, mode="nearest")
        channel[...] = stack
    return out


def _resized(values: Array, shape: tuple[int, ...], order: int) -> Array:
    # Through the package's own door, which is opened when it is needed.
    found: Array = skimage.transform.resize(values, shape, order, mode="edge", anti_aliasing=False)
    return found


def _apart(arguments: dict[str, Any], here: Sequence[float], there: Sequence[float]) -> int | None:
    """The axis that is resampled apart; None for none."""
    forced = arguments.get("force_separate_z")
    limit = arguments.get("separate_z_anisotropy_threshold", _THICK)
    if forced is False:
        return None
    for spacing in (here, there):
        if forced or max(spacing) / min(spacing) > limit:
            longest = [axis for axis, size in enumerate(spacing) if max(spacing) / size == 1]
            return longest[0] if len(longest) == 1 else None
    return None
