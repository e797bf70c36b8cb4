"""Several images as the channels of one, on the grid of the first.

Whether and how they can be joined is told from their grids alone, before a value is read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np
from scipy.ndimage import map_coordinates

from napari_ssn.errors import GeometryError
from napari_ssn.geometry.affine import Affine
from napari_ssn.geometry.arrays import Floats, Singles
from napari_ssn.geometry.orientation import direction_cosines
from napari_ssn.geometry.transforms import NEAR_MM, Matrix, corners_apart_mm
from napari_ssn.geometry.volume import Extent, Volume

#: How a channel comes onto the grid of the first: it lies there; voxel for voxel, because nobody
#: knows where it lies; by its place in mm.
Way = Literal["there", "voxel for voxel", "resampled"]

# A voxel reaches half its size beyond its middle; rounding of a place, in voxels.
_HALF, _ROUNDING = 0.5, 1e-6


class Placed(Protocol):
    """What is known of an image before its values are read."""

    @property
    def channels(self) -> int:
        """Number of channels."""

    @property
    def space(self) -> tuple[int, ...]:
        """Voxels along each axis."""

    @property
    def affine(self) -> Floats:
        """4×4, voxel index to mm."""

    @property
    def extent(self) -> Extent:
        """What the voxel size is known to measure."""

    @property
    def oriented(self) -> bool:
        """Whether the axes are known to be the patient's."""


@dataclass(frozen=True)
class Joint:
    """How images become the channels of one.

    Attributes:
        ways: one for each of them.
        note: what a person should know of it; None where all of them lie on one grid.
    """

    ways: tuple[Way, ...]
    note: str | None


def joint_of(images: Sequence[Placed], names: Sequence[str] = ()) -> Joint:
    """How images can be the channels of one.

    Args:
        images: in the order of the channels.
        names: of them in messages; ``Image 1`` … by default.

    Raises:
        GeometryError: nobody can say where one lies on the grid of the first, or it lies
            elsewhere altogether.
    """
    called = names or [f"Image {number}" for number in range(1, len(images) + 1)]
    first = images[0]
    ways = tuple(
        _way(first, one, called[0], name) for one, name in zip(images, called, strict=True)
    )
    return Joint(ways, _note(images, ways))


def join(volumes: Sequence[Volume], names: Sequence[str] = ()) -> Volume:
    """Several images of one channel each as one image on the grid of the first.

    What lies elsewhere is resampled linearly; where it ends, its lowest value goes on.

    Args:
        volumes: in the order of the channels.
        names: of them in messages, as for `joint_of`.

    Raises:
        GeometryError: as `joint_of`.
    """
    if any(one.channels != 1 for one in volumes):
        raise ValueError(f"volumes: expected one channel each, got {[v.channels for v in volumes]}")
    first, joint = volumes[0], joint_of(volumes, names)
    data = np.empty((len(volumes), *first.space), np.float32)
    for out, one, way in zip(data, volumes, joint.ways, strict=True):
        out[...] = resampled(one, first) if way == "resampled" else one.data[0]
    told = [_told(k, one.note) for k, one in enumerate(volumes, start=1) if one.note is not None]
    note = " ".join([*told, *([joint.note] if joint.note is not None else [])]) or None
    return Volume(data, first.affine, first.extent, first.oriented, first.source, note)


def resampled(volume: Volume, onto: Placed) -> Singles:
    """Values of an image of one channel at the voxels of another grid, (*S) of that.

    ``v(A⁻¹ B i)`` for index i of the grid, with A and B the affines of image and grid and v
    linear between the middles of voxels; a voxel reaches half its size beyond its middle, and
    outside of all of them v is the image's lowest value.
    """
    values = volume.data[0].reshape((*volume.space, 1)[:3])
    to, sizes = np.linalg.inv(volume.affine) @ onto.affine, np.array(values.shape)
    space = (*onto.space, 1)[:3]
    out, lowest = np.empty(space, np.float32), values.min()
    along, across = np.indices(space[1:])
    plane = to[:3, 1, None, None] * along + to[:3, 2, None, None] * across
    high = (sizes - _HALF + _ROUNDING)[:, None, None]
    # Slice by slice: the places of all voxels would take six times the memory of the image.
    for i, slab in enumerate(out):
        places = plane + (to[:3, 0] * i + to[:3, 3])[:, None, None]
        map_coordinates(values, places, output=slab, order=1, mode="nearest")
        slab[((places < -_HALF - _ROUNDING) | (places > high)).any(0)] = lowest
    return out.reshape(onto.space)


def _told(number: int, note: str) -> str:
    """What is said of one of several images."""
    return note if number == 1 else f"Channel {number}: {note}"


def _way(first: Placed, one: Placed, named: str, name: str) -> Way:
    """How an image comes onto the grid of the first; GeometryError if it cannot."""
    if one is first:
        return "there"
    if len(one.space) != len(first.space):
        raise GeometryError(
            f"{name} has {len(one.space)} axes and {named} has {len(first.space)}: the channels of "
            "an image have the same."
        )
    placed = "unknown" not in (one.extent, first.extent) and one.oriented == first.oriented
    near = corners_apart_mm(one.affine, first.affine, first.space) <= NEAR_MM
    if one.space == first.space:
        alike = one.oriented == first.oriented and one.extent == first.extent
        if near and (alike or placed):
            return "there"
        if not placed:
            return "voxel for voxel"
    if not placed:
        missing = (
            "voxel size" if "unknown" in (one.extent, first.extent) else "place in the patient"
        )
        lacks, other = (name, named) if _knows_less(one, first) else (named, name)
        raise GeometryError(
            f"{lacks} does not say its {missing}, and its size in voxels is not that of "
            f"{other}: nobody can tell how they lie over each other."
        )
    if not _overlap(one, first):
        raise GeometryError(f"{name} and {named} do not overlap: they are of different places.")
    return "resampled"


def _knows_less(one: Placed, other: Placed) -> bool:
    if "unknown" in (one.extent, other.extent):
        return one.extent == "unknown"
    return not one.oriented


def _note(images: Sequence[Placed], ways: Sequence[Way]) -> str | None:
    words, first = [], images[0]
    taken = [k for k, way in enumerate(ways, start=1) if way == "voxel for voxel"]
    if taken:
        words.append(
            f"{_channels(taken)} taken voxel for voxel on the grid of the first: how they lie to "
            "each other in mm is not known."
        )
    moved = [k for k, way in enumerate(ways, start=1) if way == "resampled"]
    if moved:
        words.append(f"{_channels(moved)} resampled to the grid of the first.")
    if moved and not first.oriented:
        words.append(
            "None of them says how it lies in the patient: they were laid over each other by the "
            "places that they state."
        )
    short = [k for k in moved if not _covers(images[k - 1], first)]
    if short:
        does, its = ("does", "its") if len(short) == 1 else ("do", "their")
        words.append(
            f"{_listed(short)} {does} not cover that grid: beyond the edge stands {its} lowest "
            "value."
        )
    return " ".join(words) or None


def _channels(numbers: Sequence[int]) -> str:
    return f"{_listed(numbers)} {'was' if len(numbers) == 1 else 'were'}"


def _listed(numbers: Sequence[int]) -> str:
    """``Channel 2``; ``Channels 2, 3 and 4``."""
    if len(numbers) == 1:
        return f"Channel {numbers[0]}"
    return f"Channels {', '.join(map(str, numbers[:-1]))} and {numbers[-1]}"


def _corners(one: Placed, beyond: float) -> Matrix:
    """Corners of a grid in mm, (8, 3), so many voxels beyond the middles of the outermost."""
    far = np.array((*one.space, 1)[:3]) - 1 + 2 * beyond
    index = np.indices((2, 2, 2)).reshape(3, -1).T * far - beyond
    return Affine(one.affine).places(index)


def _covers(one: Placed, other: Placed) -> bool:
    """Whether the middle of every voxel of another grid lies in a voxel of this one."""
    to = np.linalg.inv(one.affine)
    places = _corners(other, 0.0) @ to[:3, :3].T + to[:3, 3]
    sizes = np.array((*one.space, 1)[:3])
    low, high = -_HALF - _ROUNDING, sizes - _HALF + _ROUNDING
    return bool(((places >= low) & (places <= high)).all())


def _overlap(one: Placed, other: Placed) -> bool:
    """Whether two boxes of voxels share a part.

    Two parallelepipeds do unless they lie apart along the normal of a face of either or a
    direction upright on an edge of each (the theorem of separating axes).
    """
    edges = [direction_cosines(grid.affine).T for grid in (one, other)]
    axes = [np.cross(own[i], own[i - 1]) for own in edges for i in range(3)]
    axes += [np.cross(a, b) for a in edges[0] for b in edges[1]]
    here, there = (_corners(grid, _HALF) for grid in (one, other))
    for axis in axes:
        if np.linalg.norm(axis) < _ROUNDING:
            continue  # parallel edges: no direction of its own
        a, b = here @ axis, there @ axis
        if min(a.max(), b.max()) - max(a.min(), b.min()) <= NEAR_MM:
            return False
    return True
