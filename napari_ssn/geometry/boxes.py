"""Where labels lie in an image that is large beside them."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import find_objects

from napari_ssn.geometry.arrays import Array, Labels

Box = tuple[slice, ...]


def box_of(marked: Array, margin: int = 0) -> Box | None:
    """The box of all that is not 0, and so many voxels more around it; None where all is.

    As ``scipy.ndimage.find_objects``, which looks at every voxel by itself: here whole rows are
    looked at, and the next axis within the box of those before.

    Args:
        marked: (*S).
        margin: of voxels; beyond the end of the grid there are none.

    Examples:
        >>> import numpy as np
        >>> from napari_ssn.geometry.boxes import box_of
        >>> box_of(np.array([[0, 0, 1, 1, 0]]), margin=1)
        (slice(0, 2, None), slice(1, 5, None))
    """
    box: list[slice] = []
    for axis in range(marked.ndim):
        inner = marked[tuple(box)]
        there = np.flatnonzero(inner.any(tuple(k for k in range(marked.ndim) if k != axis)))
        if not len(there):
            return None
        box.append(slice(int(there[0]), int(there[-1]) + 1))
    return tuple(slice(max(0, one.start - margin), one.stop + margin) for one in box)


def boxes_of(label_map: Labels, classes: int) -> list[Box | None]:
    """Of each label but the background the box that it lies in; None where it is nowhere.

    As ``scipy.ndimage.find_objects``, which here looks at the voxels of a box alone, see `box_of`.

    Args:
        label_map: (*S).
        classes: number of labels C, background included.

    Examples:
        >>> import numpy as np
        >>> from napari_ssn.geometry.boxes import boxes_of
        >>> boxes_of(np.array([[0, 1, 1, 0]], np.uint8), 3)
        [(slice(0, 1, None), slice(1, 3, None)), None]
    """
    outer = box_of(label_map)
    if outer is None or classes < 2:
        return [None] * (classes - 1)
    found = find_objects(label_map[outer], max_label=classes - 1)
    return [
        None
        if one is None
        else tuple(
            slice(part.start + around.start, part.stop + around.start)
            for part, around in zip(one, outer, strict=True)
        )
        for one in found
    ]


def checked_place(
    space: tuple[int, ...], start: tuple[int, ...], image_space: tuple[int, ...]
) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Where a part of an image starts, and the image's shape; () for the part that is all of it.

    ValueError unless the part, of shape ``space``, lies inside.
    """
    first = tuple(map(int, start or (0,) * len(space)))
    whole = tuple(map(int, image_space or space))
    if len(first) != len(space) or len(whole) != len(space):
        raise ValueError(f"start, image_space: expected {len(space)} axes, got {first} and {whole}")
    if any(s < 0 or s + n > w for s, n, w in zip(first, space, whole, strict=True)):
        raise ValueError(f"start: expected the grid {space} at {first} to lie inside {whole}")
    return first, whole
