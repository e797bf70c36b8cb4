"""What a person points at, as margins that have to be positive.

"Voxel v is class c" says that the logit of c beats that of every other class k there:
``m = (μ_vc − μ_vk) + (P_vc − P_vk) z > 0``, C − 1 half-spaces of z for each click.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from napari_ssn.core.decodable import Decodable
from napari_ssn.core.distribution import EPSILON
from napari_ssn.errors import GeometryError
from napari_ssn.geometry.arrays import Floats, Ints

#: Width of an exact click's edge, in standard deviations of its margin. It moves a probability by
#: a millionth, and keeps apart in double precision what contradicts itself.
EDGE = 1e-3
#: The same for draws, which need no matrix of it: one draw in a million is on the wrong side.
SHARP_EDGE = 1e-6

Indices = Ints


@dataclass(frozen=True)
class Click:
    """One voxel that a person has given a label.

    Attributes:
        index: of the voxel, one number per axis, in the grid of the image that the distribution
            was cut from (`Decodable.image_space`); for a distribution made by hand that
            is its own grid.
        label: 0 (background) … C − 1.

    Examples:
        >>> import napari_ssn as ssn
        >>> ssn.Click((0, 3), label=1)
        Click(index=(0, 3), label=1)
        >>> ssn.Click((0, 1), label=0)  # this voxel is background
        Click(index=(0, 1), label=0)
    """

    index: tuple[int, ...]
    label: int = 1

    def __post_init__(self) -> None:
        # A TypeError for what is no whole number; numpy's integers become Python's.
        object.__setattr__(self, "index", tuple(operator.index(i) for i in self.index))
        object.__setattr__(self, "label", operator.index(self.label))
        if self.label < 0:
            raise ValueError(f"label: expected 0 or more, got {self.label}")


def local_index(dist: Decodable, index: tuple[int, ...]) -> tuple[int, ...]:
    """Index in the distribution's own grid of a voxel of the image.

    Raises:
        GeometryError: the voxel lies outside the image or outside the region that was segmented.
    """
    if len(index) != len(dist.space):
        raise GeometryError(
            f"A point has one index for each of the {len(dist.space)} axes, not {len(index)}."
        )
    shown = ", ".join(map(str, index))
    if any(not 0 <= i < n for i, n in zip(index, dist.image_space, strict=True)):
        size = " × ".join(map(str, dist.image_space))
        raise GeometryError(f"The point ({shown}) lies outside the image of {size} voxels.")
    found = tuple(i - s for i, s in zip(index, dist.start, strict=True))
    if any(not 0 <= i < n for i, n in zip(found, dist.space, strict=True)):
        raise GeometryError(f"The point ({shown}) lies outside the region that was segmented.")
    return found


def _voxels(dist: Decodable, clicks: tuple[Click, ...]) -> Indices:
    """`local_index` of each click, in the flattened grid, (n,)."""
    for one in clicks:
        if len(one.index) != len(dist.space):
            local_index(dist, one.index)
    local = np.array([one.index for one in clicks], np.int64) - dist.start
    outside = ((local < 0) | (local >= dist.space)).any(1)
    if outside.any():
        local_index(dist, clicks[int(outside.argmax())].index)
    return np.asarray(np.ravel_multi_index(tuple(local.T), dist.space))


@dataclass(frozen=True, eq=False)
class Margins:
    """The n different clicks of a set, and the M = n (C − 1) margins they ask to be positive.

    Attributes:
        clicks: themselves, sorted by voxel.
        voxels: (n,) of each click, in the distribution's flattened grid.
        labels: (n,).
        click: (M,) which click each margin belongs to.
        rival: (M,) class that is to lose.
        mean: (M,).
        factor: (M, R).
    """

    clicks: tuple[Click, ...]
    voxels: Indices
    labels: Indices
    click: Indices
    rival: Indices
    mean: Floats
    factor: Floats

    def noise(self, tolerance: float, edge: float = EDGE) -> Floats:
        """Standard deviation that softens each click, (M,), for a tolerance in those of m."""
        deviation = np.sqrt(np.square(self.factor).sum(1))
        return np.asarray(np.hypot(tolerance, edge) * deviation + EPSILON)


def margins_of(dist: Decodable, clicks: Iterable[Click]) -> Margins:
    """Margins of a set of clicks: neither their order nor a repetition matters.

    Raises:
        GeometryError: a click outside the region.
        ValueError: a label that the distribution does not have.
    """
    # Sorted by index they are sorted by voxel of the grid too.
    made = tuple(sorted(set(clicks), key=lambda one: (one.index, one.label)))
    labels = np.array([one.label for one in made], np.int64)
    n, classes = len(made), dist.classes
    if n == 0:
        nothing = np.zeros(0, np.int64)
        nowhere = np.zeros((0, dist.rank))
        return Margins(made, nothing, labels, nothing, nothing, np.zeros(0), nowhere)
    if labels.max() >= classes:
        raise ValueError(f"label: expected below {classes}, got {labels.max()}")
    voxels = _voxels(dist, made)
    mean, factor = dist.logits_at(voxels)  # (C, n), (R, C, n)
    click = np.repeat(np.arange(n), classes - 1)
    rival = np.tile(np.arange(classes - 1), n)
    rival += rival >= labels[click]  # every class but the label itself
    winner = labels[click]
    return Margins(
        made,
        voxels,
        labels,
        click,
        rival,
        mean[winner, click] - mean[rival, click],
        (factor[:, winner, click] - factor[:, rival, click]).T.copy(),
    )
