"""Which of the open images is which channel of a model, as far as that can be told."""

from __future__ import annotations

import re
from collections.abc import Sequence


def preset(channels: Sequence[str], images: Sequence[str], first: int) -> tuple[int | None, ...]:
    """Index of the image of each channel; None where nobody can tell.

    An image whose name has the channel's as a word is the one, else one whose name holds it; of
    several names the longest first, so that T1ce is none of T1. What is left goes by its order,
    unless there are more images left than channels.

    Args:
        channels: their names.
        images: names of those that are open, in their order.
        first: the image that was to be segmented alone.
    """
    found = _by_name(channels, images)
    left = [k for k in range(len(channels)) if k not in found]
    free = [i for i in range(len(images)) if i not in found.values()]
    if 0 in left and not free:
        # A grid there must be: the names mean something else.
        found, left, free = {}, list(range(len(channels))), list(range(len(images)))
    if len(free) <= len(left):
        found |= dict(zip(left, free, strict=False))
    elif 0 in left:
        found[0] = first if first in free else free[0]
    return tuple(found.get(k) for k in range(len(channels)))


def _by_name(channels: Sequence[str], images: Sequence[str]) -> dict[int, int]:
    found: dict[int, int] = {}
    order = sorted(range(len(channels)), key=lambda k: -len(channels[k]))
    words = [re.split(r"[^a-z0-9]+", name.lower()) for name in images]
    for whole in (True, False):
        for k in order:
            wanted = channels[k].lower()
            fitting = (
                i
                for i, name in enumerate(images)
                if i not in found.values()
                and (wanted in words[i] if whole else wanted in name.lower())
            )
            if k not in found and (at := next(fitting, None)) is not None:
                found[k] = at
    return found
