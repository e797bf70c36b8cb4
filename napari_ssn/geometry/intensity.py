"""Contrast windows: what of an image's values lies between black and white."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from napari_ssn.geometry.arrays import Floats
from napari_ssn.geometry.computed import computed


@dataclass(frozen=True)
class Window:
    """A window of CT numbers.

    Attributes:
        name: as radiologists call it.
        centre, width: in Hounsfield units.
    """

    name: str
    centre: float
    width: float

    @property
    def limits(self) -> tuple[float, float]:
        """What is black and what is white, HU."""
        return self.centre - self.width / 2, self.centre + self.width / 2


#: Windows of CT in common use.
CT_WINDOWS = (
    Window("Lung", -600, 1500),
    Window("Bone", 400, 1800),
    Window("Soft tissue", 40, 400),
    Window("Brain", 40, 80),
)

_LUNG_WINDOW, _, _SOFT_TISSUE_WINDOW, _ = CT_WINDOWS

#: Hounsfield units; the same without the offset of −1,024; something else.
Units = Literal["hu", "shifted", "other"]

#: Share of the values, in percent, below black and below white where units mean nothing.
PERCENTILES = (0.5, 99.5)

# Air in a CT, and lung; scanners pad with numbers down to the last of these.
_AIR, _LUNG, _PADDING = -700, -500, -4100
# Fat, soft tissue and what is denser: a CT has some, whatever else it shows.
_TISSUE, _DENSEST = -150, 32768
# Below this there is air in a voxel, and the usual offset of Hounsfield units.
_SOME_AIR, _SHIFT = -400, 1024
# Share of the voxels that must be air, and tissue.
_SOME = 0.01
# Aerated lung, without the air around the patient; and how much of lung and tissue it must be
# for a chest.
_AERATED, _CHEST = (-950, -600), 0.1
# Slices, and values within one, that are looked at.
_SLICES, _VALUES = 5, 40_000


def looks_like_ct(values: ArrayLike) -> bool:
    """Whether values seem to be Hounsfield units: air and tissue, and little in between.

    A CT that was cropped until no air was left is not recognised; it is then treated like every
    other image.
    """
    array = np.asarray(values, dtype=np.float64).ravel()
    array = array[np.isfinite(array)]
    if array.size == 0 or array.min() < _PADDING or array.max() >= _DENSEST:
        return False
    air, tissue = (array <= _AIR).mean(), (array >= _TISSUE).mean()
    # Between lung and fat there is nothing but the blur at their edges; noise has most there.
    lung = (array <= _LUNG).mean()
    return bool(air >= _SOME and tissue >= _SOME and lung > 1 - lung - tissue)


def units_of(values: ArrayLike) -> Units:
    """What the values of a chest CT, or of a piece of one, seem to be counted in.

    A chest holds air, far below water: without one voxel in two hundred below −400 they are no
    Hounsfield units. Where a thousand and twenty-four less would be some, the scanner's offset
    was left out; what a scanner puts beyond its field of view, one low value, is no air then.
    """
    array = np.asarray(values, dtype=np.float64).ravel()
    array = array[np.isfinite(array)]
    if array.size == 0 or array.max() >= _DENSEST:
        return "other"
    if not _holds_air(array):
        return "shifted" if _lacks_offset(array - _SHIFT) else "other"
    seen = array[array > array.min()]
    if seen.size and not _holds_air(seen) and _holds_lung(seen - _SHIFT):
        return "shifted"
    return "hu"


def _holds_air(array: Floats) -> bool:
    """Whether some values are those of air in Hounsfield units, and not all."""
    return bool((array < _SOME_AIR).mean() >= _SOME / 2 and np.ptp(array) > -_SOME_AIR)


def _holds_lung(array: Floats) -> bool:
    """Whether values that lack an offset would be a chest's with it, and not only soft tissue's.

    Of a head whose surroundings were set to one value brain would be air, and skull tissue.
    """
    lung = ((array >= _AERATED[0]) & (array < _AERATED[1])).mean()
    return bool(lung >= _CHEST and _lacks_offset(array))


def _lacks_offset(array: Floats) -> bool:
    """Whether values seem to be a CT's that was given its offset.

    Any image of many grey values may have some at either end. Of a CT little lies between lung
    and fat even around a nodule, 0.14 of it at most and half as much as tissue; of magnetic
    resonance more than a third.
    """
    between = ((array > _LUNG) & (array < _TISSUE)).mean()
    return bool(looks_like_ct(array) and 2 * between <= (array >= _TISSUE).mean())


def seems_ct(values: ArrayLike) -> bool:
    """Whether an image seems to be a CT, or a piece of one, whatever offset was left out of it."""
    return looks_like_ct(values) or units_of(values) != "other"


def ct_window(values: ArrayLike) -> Window:
    """Window to open a CT at: that of lung where much of it is lung, else of soft tissue.

    Args:
        values: of it, in Hounsfield units.
    """
    array = np.asarray(values).ravel()
    lung = ((array >= _AERATED[0]) & (array < _AERATED[1])).sum()
    tissue = (array >= _TISSUE).sum()
    return _LUNG_WINDOW if lung > _CHEST * (lung + tissue) else _SOFT_TISSUE_WINDOW


def percentile_limits(values: ArrayLike) -> tuple[float, float] | None:
    """Values below which 0.5 and 99.5 % lie; None where that leaves no contrast."""
    array = np.asarray(values, dtype=np.float64).ravel()
    array = array[np.isfinite(array)]
    if array.size == 0:
        return None
    low, high = (float(value) for value in np.percentile(array, PERCENTILES))
    return (low, high) if low < high else None


def some_values(data: Any, axis: int = 0) -> Floats:
    """Values of a few slices of an image, spread evenly; a lazy array computes no others.

    Args:
        data: any array-like with a shape, two axes or more.
        axis: along which the slices lie; a plane is looked at as a whole.
    """
    shape: Sequence[int] = data.shape
    if len(shape) < 3:
        return _thinned(computed(data))
    places = np.unique(np.linspace(0, shape[axis] - 1, _SLICES + 2).round().astype(int)[1:-1])
    before = (slice(None),) * axis
    return np.concatenate([_thinned(computed(data[(*before, int(at))])) for at in places])


def _thinned(values: NDArray[np.generic]) -> Floats:
    return values.reshape(-1)[:: max(1, values.size // _VALUES)].astype(np.float64)
