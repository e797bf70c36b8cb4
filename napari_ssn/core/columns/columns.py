"""What packing gives: voxels in the order of what it takes to change them, their margins."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from napari_ssn.geometry.arrays import Array, Arrays, Ints, Labels

# A radius counts as the lower end of its shell, of which there are 64 between r and 2 r: its
# float32 bits without the last 17. All radii from `_FAR` on are one shell: no draw gets there,
# and voxels that lie together in the image stay together.
_DROPPED = 17
_FAR = 32.0
#: Number of shells.
SHELLS = (int(np.float32(_FAR).view(np.int32)) >> _DROPPED) + 1
# Arrays that follow from the others.
_FOLLOWING = ("mean_map", "place")
# Voxels decoded at once: their numbers stay in cache.
_BLOCK = 1 << 15

Places = Ints | NDArray[np.int32]


def shell_of(radius: float) -> int:
    """Number of the shell a radius lies in; larger radii never lie in lower shells."""
    with np.errstate(over="ignore"):
        return min(int(np.float32(radius).view(np.int32)) >> _DROPPED, SHELLS - 1)


def shells_of(radius: Tensor) -> Tensor:
    """`shell_of` each radius, int16."""
    return (radius.clamp_max(_FAR).view(torch.int32) >> _DROPPED).to(torch.int16)


def lowest_radius(shell: int) -> float:
    """Smallest radius that lies in a shell."""
    return float(np.int32(shell << _DROPPED).view(np.float32))


def at_voxels(array: Array, index: Array) -> Array:
    """An array whose last axis are voxels, at some of them; none where it has none.

    Row after row in memory, where indexing would put voxel after voxel.
    """
    return np.take(array, index, -1) if array.shape[-1] else array


def check_numbers(numbers: Arrays, count: int) -> None:
    """ValueError for arrays that no packing of so many voxels makes."""
    halves, margins = ("float16", "float32"), numbers["margins"]
    if margins.ndim != 3:
        raise ValueError(f"margins: expected (C − 1, R + 1, V), got {margins.shape}")
    rivals, columns, _ = margins.shape
    expected: dict[str, tuple[tuple[int, ...], tuple[str, ...]]] = {
        "order": ((count,), ("int32",)),
        "ends": ((SHELLS,), ("int64",)),
        "best": ((count,), ("uint8",)),
        "rivals": ((rivals, count), ("uint8",)),
        "margins": ((rivals, columns, count), halves),
        "second": ((count if rivals > 1 else 0,), ("int16",)),
        "noise": ((rivals + 1, count), halves),
    }
    for name, (shape, kinds) in expected.items():
        if numbers[name].shape != shape or numbers[name].dtype.name not in kinds:
            raise ValueError(f"{name}: expected {shape} of {' or '.join(kinds)}")
    order, ends = numbers["order"], numbers["ends"]
    if order.min() < 0 or order.max() >= count:
        raise ValueError("order: expected places among the voxels")
    labels = np.concatenate([numbers["best"][None], numbers["rivals"]])
    labels.sort(axis=0)
    sound = (
        len(np.unique(order)) == count
        and ends[0] >= 0
        and ends[-1] == count
        and bool((np.diff(ends) >= 0).all())
        and bool((labels == np.arange(rivals + 1, dtype=np.uint8)[:, None]).all())
        and all(bool(np.isfinite(numbers[name]).all()) for name in ("margins", "noise"))
    )
    if not sound:
        raise ValueError("expected every voxel and label once, and finite numbers")


@dataclass(frozen=True, eq=False)
class Columns:
    """Margins over the mean's label, voxels sorted by activation radius.

    The logit of the mean's label c* is 0 and that of another class its margin over c*. V voxels;
    n-th *place*: the n-th voxel in the order of the radii. A rival is a class other than c*; the
    nearest, with the smallest radius, is the first of a voxel.

    Attributes:
        mean_map: (*S) uint8, c*.
        order: (V,) int32, flattened index of the voxel at each place.
        place: (*S) int32, place of each voxel.
        ends: (shells,) int64, places in a shell of radii and all shells before it.
        best: (V,) uint8, c* by place.
        rivals: (C − 1, V) uint8, the other classes by place.
        margins: (C − 1, R + 1, V) float16 or float32, of each rival ``P_c − P_c*`` and, last,
            ``μ_c − μ_c*``. Numbers too large for the type are divided by a power of two, with
            all others of their voxel, which changes no label.
        second: (V,) int16, shell in which any rival but the first can win; (0,) for two classes.
        noise: (C, V), ``√D`` of c* and of the rivals.
    """

    mean_map: Labels
    order: NDArray[np.int32]
    place: NDArray[np.int32]
    ends: Ints
    best: Labels
    rivals: Labels
    margins: NDArray[np.floating]
    second: NDArray[np.int16]
    noise: NDArray[np.floating]

    @property
    def classes(self) -> int:
        """Number of labels C, background included."""
        return len(self.rivals) + 1

    @property
    def rank(self) -> int:
        """Number of columns R of P."""
        return int(self.margins.shape[1]) - 1

    def arrays(self) -> dict[str, Any]:
        """Those that packing made, by name."""
        return {part.name: getattr(self, part.name) for part in fields(Columns)}

    def numbers(self) -> Arrays:
        """`arrays` without those that `restored` makes again."""
        return {name: array for name, array in self.arrays().items() if name not in _FOLLOWING}

    @classmethod
    def restored(cls, numbers: Arrays, space: Sequence[int]) -> Columns:
        """Columns from their `numbers`.

        Raises:
            KeyError: one of them is missing.
            ValueError: no packing makes them; what indexes by them relies on that.
        """
        order, best = numbers["order"], numbers["best"]
        check_numbers(numbers, math.prod(space))
        mean_map, place = np.empty_like(best), np.empty_like(order)
        mean_map[order] = best
        place[order] = np.arange(len(order), dtype=np.int32)
        whole = {"mean_map": mean_map.reshape(space), "place": place.reshape(space)}
        return Columns(**{part.name: {**numbers, **whole}[part.name] for part in fields(Columns)})

    @property
    def nbytes(self) -> int:
        """Bytes of all arrays."""
        return sum(array.nbytes for array in self.arrays().values())

    @cached_property
    def mean_counts(self) -> Ints:
        """Voxels of each label in the mean's label map, (C,)."""
        return np.bincount(self.mean_map.reshape(-1), minlength=self.classes).astype(np.int64)

    def touched(self, radius: float) -> int:
        """Places whose label some z of norm up to ``radius`` can change: the first so many."""
        return int(self.ends[shell_of(radius)])

    def radius(self, place: int) -> float:
        """What all voxels from a place on have at least as their activation radius."""
        return lowest_radius(int(np.searchsorted(self.ends, place, side="right")))

    def blocks(self, count: int | None = None) -> Iterator[slice]:
        """The first places, or all, in slices whose numbers stay in cache."""
        last = len(self.order) if count is None else count
        for first in range(0, last, _BLOCK):
            yield slice(first, min(first + _BLOCK, last))

    def labels(self, block: slice | Places, rivals: int | None = None) -> Labels:
        """c* and the first rivals, or all, at some places, (1 + rivals, n)."""
        return np.concatenate([self.best[None, block], self.rivals[:rivals, block]])

    def sizes(self, places: Places, columns: list[Tensor]) -> tuple[float, float]:
        """Largest number of the mean and largest sum of the factor's, of some places.

        What the rounding of a margin is in proportion to.

        Args:
            places: (b,).
            columns: (R + 1, b) of each rival that is looked at.
        """
        return (
            max(float(column[-1].abs().amax()) for column in columns),
            max(float(column[:-1].abs().sum(0).amax()) for column in columns),
        )

    def settled(self, z: Tensor, places: Places, columns: list[Tensor]) -> Tensor:
        """Who wins at single pairs of a z and a place, summed column by column, (m,) uint8.

        Args:
            z: (m, R) float32.
            places: (m,).
            columns: (R + 1, m) of each rival that can win.

        Returns:
            0 where the mean's label stays, k where the k-th rival wins.
        """
        label = torch.from_numpy(self.best[places])
        top, slot = torch.zeros(len(z)), torch.zeros(len(z), dtype=torch.uint8)
        for k, column in enumerate(columns, start=1):
            value = column[-1]
            for size, factor in zip(z.T, column[:-1], strict=True):
                value = value + size * factor
            rival = torch.from_numpy(self.rivals[k - 1][places])
            wins = (value > top) | ((value == top) & (rival < label))
            label = torch.where(wins, rival, label)
            top = torch.where(wins, value, top)
            slot.masked_fill_(wins, k)
        return slot
