"""Where labels lie in an image that is large beside them."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import find_objects

from napari_ssn.geometry.arrays import Labels

Box = tuple[slice, ...]


def boxes_of(label_map: Labels, classes: int) -> list[Box | None]:
    """Of each label but the background the box that it lies in; None where it is nowhere.

    As ``scipy.ndimage.find_objects``, which looks at every voxel by itself: here it looks at those
    of a box alone, which is found by whole rows.

    Args:
        label_map: (*S).
        classes: number of labels C, background included.

    Examples:
        >>> import numpy as np
        >>> from napari_ssn.geometry.boxes import boxes_of
        >>> boxes_of(np.array([[0, 1, 1, 0]], np.uint8), 3)
        [(slice(0, 1, None), slice(1, 3, None)), None]
    """
    if classes < 2:
        return []
    box: list[slice] = []
    for axis in range(label_map.ndim):
        inner = label_map[tuple(box)]
        there = np.flatnonzero(inner.any(tuple(k for k in range(label_map.ndim) if k != axis)))
        if not len(there):
            return [None] * (classes - 1)
        box.append(slice(int(there[0]), int(there[-1]) + 1))
    found = find_objects(label_map[tuple(box)], max_label=classes - 1)
    return [
        None
        if one is None
        else tuple(
            slice(part.start + outer.start, part.stop + outer.start)
            for part, outer in zip(one, box, strict=True)
        )
        for one in found
    ]
