"""A label map of another file laid onto an image's grid, voxel for voxel; nothing is resampled."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from napari_ssn.errors import GeometryError
from napari_ssn.geometry.arrays import Array, Floats

# How far a corner may lie off a voxel of the image, in voxels: affines are rounded when written.
_NEAR = 0.02


def onto(values: Array, affine: Floats, image_affine: Floats, image_space: Sequence[int]) -> Array:
    """Values of a grid whose voxels are voxels of an image, on the whole grid of that; else 0.

    The axes may run in another order or backwards, and the grid may be a part of the image's, or
    reach beyond it where its values are 0.

    Args:
        values: (*S), two or three axes.
        affine, image_affine: 4×4, voxel index to mm.
        image_space: shape of the image, with two or three axes too.

    Raises:
        GeometryError: the voxels are others than the image's, or values lie outside it.
    """
    shape = (*values.shape, 1)[:3]
    whole = (*image_space, 1)[:3]
    # From an index of the values to one of the image.
    step = np.linalg.inv(image_affine) @ affine
    turn = np.rint(step[:3, :3]).astype(int)
    corners = np.indices((2, 2, 2)).reshape(3, -1) * (np.array(shape) - 1)[:, None]
    first = np.rint(step[:3, 3]).astype(int)
    exact = step[:3, :3] @ corners + step[:3, 3:]
    permutes = (np.abs(turn).sum(0) == 1).all() and (np.abs(turn).sum(1) == 1).all()
    apart = np.abs(exact - (turn @ corners + first[:, None]))
    if not permutes or apart.max() > _NEAR:
        theirs, ours = (" × ".join(map(str, one)) for one in (values.shape, image_space))
        how = "of another size or direction"
        if permutes and np.abs(step[:3, :3] - turn).max() * max(shape) <= _NEAR:
            how = f"up to {apart.max():.2g} of a voxel beside those of the image"
        raise GeometryError(
            f"The outline lies on another grid than the image: {theirs} voxels, {how}, where the "
            f"image has {ours}. Draw on the image itself, or resample the outline onto it."
        )
    axes = np.abs(turn).argmax(1)
    signs = turn[np.arange(3), axes]
    there = values.reshape(shape).transpose(axes)
    there = there[tuple(slice(None, None, int(sign)) for sign in signs)]
    low = first + np.minimum(turn * (np.array(shape) - 1), 0).sum(1)
    out = np.zeros(whole, values.dtype)
    inside = [
        (max(0, int(a)), min(int(a) + size, limit))
        for a, size, limit in zip(low, there.shape, whole, strict=True)
    ]
    part = tuple(
        slice(a - int(b), max(a, z) - int(b)) for (a, z), b in zip(inside, low, strict=True)
    )
    kept = there[part]
    if np.count_nonzero(kept) != np.count_nonzero(there):
        raise GeometryError("The outline reaches beyond the image: it is of another one.")
    out[tuple(slice(a, max(a, z)) for a, z in inside)] = kept
    return out.reshape(tuple(image_space))
