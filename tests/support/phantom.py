"""The golden phantom: every voxel known by its value, stored along any axes in any direction.

Asymmetric, anisotropic and oblique; its brightest voxel is a marker on the patient's left.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import permutations, product

import numpy as np
from numpy.typing import NDArray

from tests.support.helpers import oblique_affine

SPACE = (4, 5, 6)
#: How far a voxel may end from where it was, in mm.
EXACT_MM = 1e-6


@dataclass(frozen=True, eq=False)
class Phantom:
    """One way to store the phantom.

    Attributes:
        name: orders and directions of the axes, as ``201-+-``.
        data: (*S) float32, each value once, from 1.
        affine: 4×4, index to mm.
    """

    name: str
    data: NDArray[np.float32]
    affine: NDArray[np.float64]

    def places(self) -> NDArray[np.float64]:
        """Where each value lies, (n, 3) in mm: row v − 1 is that of value v."""
        return places_of(self.data, self.affine)

    @property
    def marked(self) -> NDArray[np.uint8]:
        """A label map that no flip leaves alone: the marker, and a few voxels elsewhere."""
        labels = np.zeros(self.data.shape, np.uint8)
        labels[self.data == self.data.max()] = 2
        labels[(self.data > 3) & (self.data < 9)] = 1
        return labels


def places_of(data: NDArray[np.float32], affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where each value of a phantom lies by an affine, (n, 3) in mm, in the order of the values."""
    index = np.indices(data.shape).reshape(data.ndim, -1)
    whole = np.ones((4, index.shape[1]))
    whole[:3] = 0
    whole[: data.ndim], whole[3] = index, 1
    return (affine @ whole)[:3, np.argsort(data, axis=None)].T


def phantom(order: tuple[int, ...] = (0, 1, 2), back: tuple[bool, ...] = (False,) * 3) -> Phantom:
    """The phantom along other axes: stored axis a is axis ``order[a]``, backwards or not."""
    # As a header in single precision has it, so that a file can hold it exactly.
    base = oblique_affine().astype(np.float32).astype(np.float64)
    values = np.arange(1, np.prod(SPACE) + 1, dtype=np.float32).reshape(SPACE)
    # The voxel farthest to the left is the brightest.
    left = np.unravel_index(places_of(values, base)[:, 0].argmin(), SPACE)
    values[left], values[-1, -1, -1] = values[-1, -1, -1], values[left]
    matrix = np.eye(4)
    matrix[:3, :3] = 0
    for axis, (source, flipped) in enumerate(zip(order, back, strict=True)):
        matrix[source, axis] = -1 if flipped else 1
        matrix[source, 3] = SPACE[source] - 1 if flipped else 0
    data = np.flip(values.transpose(order), [axis for axis in range(3) if back[axis]])
    affine = base @ matrix
    name = "".join(map(str, order)) + "".join("+-"[flipped] for flipped in back)
    return Phantom(name, np.ascontiguousarray(data), affine.astype(np.float32).astype(np.float64))


def phantoms() -> Iterator[Phantom]:
    """All 48 orders and directions."""
    for order in permutations(range(3)):
        for back in product((False, True), repeat=3):
            yield phantom(order, back)
