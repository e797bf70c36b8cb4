"""Numbers of labels that nobody named: which mean the same, and which nobody uses."""

from __future__ import annotations

import numpy as np

from napari_ssn.geometry.arrays import Labels

# Up to this number a gap costs little, and who drew with these numbers knows them.
_KEPT = 16


def numbered(maps: Labels) -> tuple[Labels, tuple[int, ...] | None]:
    """Label maps with few numbers, and the number that each label had where it is another one.

    Where each map holds one label at most, all of these are the same thing, label 1: masks of 255,
    or people who drew with numbers of their own. Where a label is above 16, those that no map
    holds are left out, so that nobody computes with 253 empty ones.

    Args:
        maps: (M, *S) of the members; kept as they are.
    """
    held = [np.flatnonzero(np.bincount(one.reshape(-1), minlength=256)) for one in maps]
    inside = [one[one > 0] for one in held]
    used = np.unique(np.concatenate(inside))
    if all(len(one) <= 1 for one in inside):
        if not used.size or used[-1] == 1:
            return maps, None
        return (maps > 0).astype(np.uint8), (0, int(used[-1]))
    if used[-1] <= _KEPT or used[-1] == len(used):
        return maps, None
    to = np.zeros(256, np.uint8)
    to[used] = np.arange(1, len(used) + 1, dtype=np.uint8)
    return to[maps], (0, *(int(one) for one in used))
