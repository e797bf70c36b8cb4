"""Points on no nodule: beside one, and in whole scans."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from napari_ssn.geometry.affine import Affine
from napari_ssn.geometry.arrays import Floats, Ints, Labels, Mask, Singles
from napari_ssn.geometry.orientation import Reorientation, named_directions
from napari_ssn.geometry.volume import Volume

# Ends of the kinds of tissue, in HU, that a point on no nodule is drawn from alike: air, lung,
# its borders and vessels, soft tissue, and bone or contrast medium.
_TISSUE = (-950.0, -600.0, -100.0, 150.0)
# A point this far from every outline is on no nodule.
_CLEAR_MM = 6.0

#: A whole scan in HU, and the middles (n, 3) in mm of the nodules in it.
Background = tuple[Volume, Floats]


def elsewhere_of(
    hu: Singles,
    masks: Labels,
    spacing: tuple[float, ...],
    random: np.random.Generator,
) -> tuple[int, ...] | None:
    """A voxel off the nodule, of one kind of tissue or another; None if there is none."""
    near = masks.any(0)
    # A box is quick, and a little more than asked does no harm.
    reach = [int(np.ceil(_CLEAR_MM / s)) for s in spacing]
    near = ndimage.maximum_filter(near, size=[2 * r + 1 for r in reach])
    free = np.flatnonzero(~near)
    if len(free) == 0:
        return None
    # A sample is enough to find each kind.
    some = random.choice(free, min(len(free), 4096))
    return _of_some_tissue(hu, some, random)


def _of_some_tissue(hu: Singles, some: Ints, random: np.random.Generator) -> tuple[int, ...]:
    kinds = np.digitize(hu.reshape(-1)[some], _TISSUE)
    chosen = some[kinds == random.choice(np.unique(kinds))]
    return tuple(int(i) for i in np.unravel_index(random.choice(chosen), hu.shape))


class Scan:
    """A whole scan in the order of a network's axes, and which of its voxels are no nodule."""

    def __init__(self, hu: Singles, spacing_mm: tuple[float, ...], clear: Mask) -> None:
        self.hu, self.spacing_mm, self.clear = hu, spacing_mm, clear

    @classmethod
    def of(cls, volume: Volume, nodules: Floats) -> Scan:
        """Of a volume, and the middles (n, 3) in mm of the nodules in it."""
        turn = Reorientation.along(volume.affine, named_directions("SPL"))
        hu = np.maximum(turn.apply(volume.data)[0], -1024.0)
        lengths = Affine(volume.affine).lengths
        spacing = tuple(float(lengths[axis]) for axis in turn.order)
        clear = np.ones(hu.shape, np.bool_)
        for middle in nodules:
            at = Affine(volume.affine).index_of(middle)
            index = turn.index_to_display(tuple(round(float(i)) for i in at), volume.space)
            # Nodules are at most 3 cm across, and a point beside one is on nothing of its own.
            clear[
                tuple(
                    slice(max(0, i - int(30 / s)), i + int(30 / s) + 1)
                    for i, s in zip(index, spacing, strict=True)
                )
            ] = False
        return cls(np.ascontiguousarray(hu, np.float32), spacing, clear)

    def around(
        self, random: np.random.Generator, size: tuple[int, ...], voxel_mm: tuple[float, ...]
    ) -> tuple[Singles, tuple[int, ...]]:
        """A piece that is large enough for a view around a point on no nodule, and the point."""
        some = random.integers(self.hu.size, size=8192)
        some = some[self.clear.reshape(-1)[some]]
        point = _of_some_tissue(self.hu, some, random)
        cut, at = [], []
        for i, n, s, count, wanted in zip(
            point, self.hu.shape, self.spacing_mm, size, voxel_mm, strict=True
        ):
            reach = int(np.ceil(0.7 * count * wanted / s)) + 2
            low = max(0, i - reach)
            cut.append(slice(low, min(n, i + reach + 1)))
            at.append(i - low)
        return self.hu[tuple(cut)], tuple(at)
