"""Where a region goes when what was found there does not lie in its middle.

A model that looks at a region around a point has learnt from points in the middle of objects more
than from points at their edges. So what it finds around a point anywhere on an object says where
the middle is, and another look from there says what the object is, and where its middle is once
more. Where that stays, no later look would find anything else, and whoever points at an object
anywhere else comes to the same place. Where places lead to each other one of them is taken, always
the same. Where the first finds nothing at the point, at the tip of a
long object perhaps, there is no second.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from napari_ssn.core.decodable import Decodable
from napari_ssn.geometry.affine import Affine

if TYPE_CHECKING:
    from napari_ssn.network.inference import Inference

#: An object this far from the point, in mm, is another than the one that is pointed at.
REACH_MM = 3.0
#: A middle less than this from the point, half a pixel of a CT, is where the point is.
LEAST_MM = 0.4
#: After so many looks the last counts: the places of most have settled before.
MOST_LOOKS = 5
#: As it was when there was one look more at most, of what was made then.
LEAST_TWICE_MM = 1.5

#: Whether no more of a distribution is needed than its mean's label map.
Enough = Callable[[Decodable], bool]


def settle(
    look: Callable[[tuple[int, ...], Enough | None], Inference],
    centre: tuple[int, ...],
    twice: bool,
) -> tuple[Inference, tuple[int, ...], int]:
    """Look from a point, from the middle of what is found there, and on until that stays.

    Args:
        look: runs the network around a voxel; is told when the mean's label map will do.
        centre: the point.
        twice: whether two looks are the most, and short ways are none. Only for what was made so.

    Returns:
        what the last look found, where that was, and how many there were.
    """
    most, least_mm = (2, LEAST_TWICE_MM) if twice else (MOST_LOOKS, LEAST_MM)
    places = [centre]

    def onward(dist: Decodable) -> tuple[int, ...] | None:
        middle = outlined_middle(dist, places[-1], least_mm)
        if middle in places:
            # Places that lead to each other: from wherever one comes to them it is the same.
            middle = min(places[places.index(middle) :])
        return None if middle == places[-1] else middle

    def goes_on(dist: Decodable) -> bool:
        return onward(dist) is not None

    while True:
        last = len(places) == most or places[-1] in places[:-1]
        found = look(places[-1], None if last else goes_on)
        middle = None if last else onward(found.dist)
        if middle is None:
            return found, places[-1], len(places)
        places.append(middle)
        # What is known of this look is of no use to the next, and may be large.
        del found


def outlined_middle(
    dist: Decodable, point: tuple[int, ...], least_mm: float = LEAST_MM
) -> tuple[int, ...] | None:
    """Middle of what the mean of a distribution outlines at a point.

    Of the voxels of all labels but the first that hang together, corners included, the piece that
    lies nearest to the point, at most `REACH_MM` from it; its centroid.

    Args:
        dist: on a part of an image, or all of it.
        point: voxel of the image.
        least_mm: below which a middle is where the point is.

    Returns:
        A voxel of the image; None where the mean outlines nothing there, or the middle is no
        farther than that from the point.

    Examples:
        >>> import numpy as np, torch
        >>> from napari_ssn.core.distribution import LogitDistribution
        >>> logit = torch.full((1, 9, 9), -1.0)
        >>> logit[0, 4:, 2:7] = 1.0
        >>> mean = torch.cat([torch.zeros(1, 9, 9), logit])
        >>> dist = LogitDistribution(mean, torch.zeros(1, 2, 9, 9), torch.ones(2, 9, 9), np.eye(4))
        >>> [outlined_middle(dist, point) for point in ((4, 4), (6, 4), (0, 4))]
        [(6, 4), None, None]
    """
    there = dist.label_map() > 0
    voxels = np.argwhere(there)
    if not len(voxels):
        return None
    steps = Affine(dist.affine).steps[:, : there.ndim]
    apart = np.linalg.norm((voxels + dist.start - np.array(point)) @ steps.T, axis=1)
    nearest = int(apart.argmin())
    if apart[nearest] > REACH_MM:
        return None
    pieces, _ = ndimage.label(there, np.ones((3,) * there.ndim))
    piece = pieces[tuple(voxels.T)] == pieces[tuple(voxels[nearest])]
    middle = voxels[piece].mean(0) + dist.start
    if np.linalg.norm(steps @ (middle - np.array(point))) <= least_mm:
        return None
    found = tuple(int(i) for i in np.rint(middle))
    return None if found == tuple(point) else found
