"""Which files hold labels, though they do not say so: masks of most other programs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

# Whole numbers that float32 holds exactly.
_EXACT = 1 << 24
# More labels than an atlas has.
_MOST = 1024
# Share of the neighbours in which two voxels that are something are the same thing. In pictures
# of eight bits it is about a tenth, in label maps nearly all.
_ALIKE = 0.6


def label_kind(values: NDArray[np.float32]) -> np.dtype[Any] | None:
    """Smallest unsigned kind that holds all values; None if one is not whole or below zero."""
    high = 0.0
    for part in values:
        # NaN fails the comparison.
        low, top = float(part.min()), float(part.max())
        if not (low >= 0 and top < _EXACT) or not np.array_equal(part, np.rint(part)):
            return None
        high = max(high, top)
    return np.dtype(np.uint8 if high < 256 else np.uint16 if high < 65536 else np.uint32)


def looks_like_labels(values: NDArray[np.float32], whole: bool) -> bool:
    """Whether an image (*S) that does not say so is a label map.

    Its values are whole numbers, few, with the background 0 among them; and either there is but
    one label, or neighbours that are no background are mostly alike:

        #{(v, w) neighbours : x_v = x_w ≠ 0}  ≥  0.6 · #{(v, w) neighbours : x_v, x_w ≠ 0}

    An image of intensities has noise and shading and is neither.

    Args:
        values: of the image.
        whole: whether they are stored as whole numbers; a map of nothing but background is a
            label map only then.
    """
    kind = label_kind(values)
    if kind is None:
        return False
    labels = values.astype(kind)
    if labels.min() > 0:
        return False
    found = _distinct(labels)
    if found > _MOST or (found == 1 and not whole):
        return False
    if found <= 2:
        return True
    alike = both = 0
    for axis in range(labels.ndim):
        one = np.moveaxis(labels, axis, 0)
        there = (one[:-1] != 0) & (one[1:] != 0)
        both += int(there.sum())
        alike += int((there & (one[:-1] == one[1:])).sum())
    return alike >= _ALIKE * both


def _distinct(labels: NDArray[Any]) -> int:
    """How many different labels there are; counting stops where they are too many."""
    seen: set[int] = set()
    for part in labels:
        seen.update(np.unique(part).tolist())
        if len(seen) > _MOST:
            break
    return len(seen)
