"""Slices of a series that are one image, with the files that they are in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from napari_ssn.errors import GeometryError
from napari_ssn.io.dicom.header import Instance
from napari_ssn.io.dicom.planes import Plane
from napari_ssn.io.dicom.stack import SAME_PLACE_MM, Stack, stack

#: A slice, and the file that it is in.
Home = tuple[Instance, Plane]


@dataclass(frozen=True, eq=False)
class Part:
    """Slices of a series that are one image.

    Attributes:
        homes: the slices.
        stack: their grid; None if they make none.
        problem: why they make none.
        words: what sets them apart from the other parts; empty where there are none.
        differ: names of what they differ in although they make one grid.
        doubt: whether they are an image of their own, one sentence; empty where they are.
    """

    homes: tuple[Home, ...]
    stack: Stack | None
    problem: GeometryError | None = None
    words: str = ""
    differ: tuple[str, ...] = ()
    doubt: str = ""

    @classmethod
    def of(cls, homes: Sequence[Home]) -> Part:
        """Slices as they are."""
        try:
            return cls(tuple(homes), stack([plane for _, plane in homes]))
        except GeometryError as error:
            return cls(tuple(homes), None, error)


def in_order(parts: Sequence[Part], what: str, doubt: str = "") -> list[Part]:
    """Parts that are told apart by their order: ``stack 1 of 2``."""
    words = (f"{what} {n} of {len(parts)}" for n in range(1, len(parts) + 1))
    return [replace(part, words=own, doubt=doubt) for part, own in zip(parts, words, strict=True)]


def places(homes: Sequence[Home]) -> list[int]:
    """Number of the place along the normal at which each slice lies."""
    first = homes[0][1]
    normal = np.cross(first.across, first.down)
    along = np.array([np.dot(plane.position, normal) for _, plane in homes])
    order = np.argsort(along, kind="stable")
    numbers = np.concatenate([[0], np.cumsum(np.diff(along[order]) >= SAME_PLACE_MM)])
    out = np.empty(len(homes), np.intp)
    out[order] = numbers
    return [int(one) for one in out]
