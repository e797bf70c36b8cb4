"""What a person says of the hypotheses: of single voxels, and of what is to be so in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, order=True)
class Point:
    """A voxel that somebody has given a label.

    Attributes:
        index: of the voxel, in the source's grid.
        label: 0 for the background.
    """

    index: tuple[int, ...]
    label: int


@dataclass(frozen=True, order=True)
class Question:
    """Something that is so in some hypotheses and not in others.

    Attributes:
        kind: the label is ``voxels`` large at least, or at most, or reaches the voxel ``index``.
        label: that it is about.
        voxels: of a size.
        index: of a voxel, in the source's grid.
    """

    kind: Literal["at least", "at most", "reaches"]
    label: int
    voxels: float = 0.0
    index: tuple[int, ...] = ()
