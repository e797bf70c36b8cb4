"""What of an outline lies apart: from the lesion that was pointed at, or from most of it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import ndimage

from napari_ssn.geometry.affine import Affine
from napari_ssn.geometry.arrays import Floats, Labels
from napari_ssn.geometry.boxes import boxes_of


def apart_from(
    label_map: Labels, classes: int, point: Sequence[int], affine: Floats
) -> tuple[int, ...]:
    """Of each label but the background the voxels that are not connected to the part at a point.

    Parts of a label are connected sets, and touch at a corner. The main one is that which holds the
    point; where none does, that with the voxel nearest to it in mm. 0 where there is but one part.

    Args:
        label_map: (*S).
        classes: number of labels C, background included.
        point: voxel of it.
        affine: 4×4, index to mm.

    Examples:
        >>> import numpy as np
        >>> from napari_ssn.geometry.apart import apart_from
        >>> apart_from(np.array([[1, 1, 0, 1, 1, 1]], np.uint8), 2, (0, 1), np.eye(4))
        (3,)
    """
    corners = np.ones((3,) * label_map.ndim)
    steps = Affine(affine).steps[:, : label_map.ndim]
    found = [0] * (classes - 1)
    for label, box in enumerate(boxes_of(label_map, classes), start=1):
        if box is None:
            continue
        parts, count = ndimage.label(label_map[box] == label, corners)
        if count == 1:
            continue
        here = np.array(point) - [one.start for one in box]
        inside = (here >= 0).all() and (here < parts.shape).all()
        main = int(parts[tuple(here)]) if inside else 0
        if not main:
            voxels = np.argwhere(parts)
            away = np.linalg.norm((voxels - here) @ steps.T, axis=1)
            main = int(parts[tuple(voxels[away.argmin()])])
        found[label - 1] = int(np.count_nonzero(parts) - np.count_nonzero(parts == main))
    return tuple(found)


def share_apart(label_maps: Labels) -> float:
    """Mean share of what is outlined that is not connected to the largest piece of it.

    Args:
        label_maps: (n, *S); voxels that touch at a corner are connected, empty maps have no say.

    Returns:
        NaN if all are empty.

    Examples:
        >>> import numpy as np
        >>> from napari_ssn.geometry.apart import share_apart
        >>> share_apart(np.array([[1, 1, 0, 1, 1, 1], [0, 1, 1, 0, 0, 0]], np.uint8))
        0.2
    """
    shares = []
    for one in label_maps:
        pieces, _ = ndimage.label(one, np.ones((3,) * one.ndim))
        sizes = np.bincount(pieces.reshape(-1))[1:]
        if len(sizes):
            shares.append(1 - sizes.max() / sizes.sum())
    return float(np.mean(shares)) if shares else float("nan")
