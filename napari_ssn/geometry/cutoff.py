"""Outlines that reach the edge of what was looked at: more of them may lie beyond."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from napari_ssn.geometry.arrays import Labels

#: What ends where an outline does: the part of the image that was segmented, or the image.
Edge = Literal["region", "image"]


def cut_off_by(
    label_map: Labels,
    classes: int,
    start: Sequence[int] | None = None,
    space: Sequence[int] | None = None,
) -> tuple[tuple[Edge, ...], ...]:
    """Of each label but the background the edges that one of its voxels lies at.

    A face of the part that was segmented is ``"region"`` where the image goes on behind it, and
    ``"image"`` where it ends there. An axis along which one slice was looked at has no faces: what
    is measured there is that slice.

    Args:
        label_map: (*S) on the image's grid.
        classes: number of labels C, background included.
        start, space: first voxel and shape of the part that was segmented; all by default.

    Returns:
        Of each label ``()``, ``("region",)``, ``("image",)`` or ``("region", "image")``.
    """
    first = (0,) * label_map.ndim if start is None else tuple(start)
    size = label_map.shape if space is None else tuple(space)
    if any(
        s < 0 or s + n > whole for s, n, whole in zip(first, size, label_map.shape, strict=True)
    ):
        raise ValueError(f"start, space: {first} and {size} leave {label_map.shape}")
    found: list[set[Edge]] = [set() for _ in range(classes)]
    for axis, (begin, count, whole) in enumerate(zip(first, size, label_map.shape, strict=True)):
        if count == 1:
            continue
        for at, end in ((begin, 0), (begin + count - 1, whole - 1)):
            for label in np.unique(label_map.take(at, axis)):
                found[label].add("image" if at == end else "region")
    return tuple(tuple(sorted(one, reverse=True)) for one in found[1:])
