"""Lesions of a result, and hypotheses in which some of them stand on their own."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from napari_ssn.session.curve import Curve, stop_of
from napari_ssn.session.records import Choice, Point, Result

if TYPE_CHECKING:
    # These modules import torch, which only the worker does.
    from napari_ssn.core.lesions import Lesions, Rules
    from napari_ssn.io.provenance import LesionMoves

# What is smaller is noise rather than a lesion: a ball of 2.7 mm across, and of pixels.
_SMALLEST_ML = 0.01
_SMALLEST_VOXELS = 8


def rules_for(result: Result) -> Rules:
    """What counts as a lesion in a result: at least 0.01 mL, or 8 voxels where they are large.

    In a single slice, or where the size of a voxel is unknown, 8 pixels.
    """
    from napari_ssn.core.lesions import Rules

    measure, smallest = result.measure, _SMALLEST_VOXELS
    if measure.extent == "volume" and not measure.flat:
        smallest = max(smallest, math.ceil(1000 * _SMALLEST_ML / measure.voxel_mm3))
    return Rules(smallest)


def lesions_job(result: Result, between: Callable[[], None]) -> Lesions:
    """Tell the lesions of a result apart."""
    from napari_ssn.core.lesions import find_lesions

    return find_lesions(result.dist, rules_for(result), between)


def own_z(
    result: Result, choice: Choice, anchor: NDArray[np.float64]
) -> dict[int, NDArray[np.float64]]:
    """``z_anchor + sigma_k · v_direction`` of each lesion k that has a position of its own."""
    directions = result.bases.known(choice.basis)
    return {number: directions.z(choice.direction, at, anchor) for number, at in choice.own}


def decode(
    result: Result,
    points: tuple[Point, ...],
    z: NDArray[np.float64],
    own: dict[int, NDArray[np.float64]],
    lesions: Lesions | None,
    where: tuple[slice | int, ...] = (),
) -> NDArray[np.uint8]:
    """Label map of a choice in a part of the region."""
    source = result.given.source(points)
    if not own:
        return source.label_map(z, where)
    from napari_ssn.core.lesions import composed

    assert lesions is not None
    return composed(source, z, own, lesions.parts, where)


def counts(
    result: Result,
    points: tuple[Point, ...],
    lesions: Lesions,
    z: NDArray[np.float64],
    between: Callable[[], None],
) -> NDArray[np.int64]:
    """Voxels of each label in each lesion's part for each z, (n, K + 1, C)."""
    from napari_ssn.core.lesions import lesion_counts

    plain_z = z[:, : result.dist.rank]
    out = lesion_counts(result.dist, lesions.parts, plain_z, between)
    if not points:
        return out
    given = result.given.posterior(points)
    near = given.near
    if not len(near):
        return out
    import torch

    # Only near points is anything else than without them.
    there = torch.zeros(result.dist.space, dtype=torch.bool, device=result.dist.device)
    there.view(-1)[torch.from_numpy(near).to(there.device)] = True
    plain = result.dist.at(there).label_maps(plain_z).reshape(len(z), -1)
    cells = lesions.parts.reshape(-1)[near].astype(np.int64) * result.dist.classes
    for row, before, after in zip(out, plain, given.labels_at(z, near), strict=True):
        row += _tally(cells + after, row.shape) - _tally(cells + before, row.shape)
    return out


def _tally(cells: NDArray[np.int64], shape: tuple[int, ...]) -> NDArray[np.int64]:
    return np.bincount(cells, minlength=math.prod(shape)).reshape(shape)


def counts_by_lesion(curve: Curve, choice: Choice) -> NDArray[np.int64] | None:
    """Voxels of each label in each lesion's part, (K + 1, C); None where they are not known."""
    if curve.by_lesion is None:
        return None
    counts: NDArray[np.int64] = curve.by_lesion[stop_of(choice.sigma, curve.reach)].copy()
    for number, sigma in choice.own:
        counts[number] = curve.by_lesion[stop_of(sigma, curve.reach), number]
    return counts


def middle(label_map: NDArray[np.uint8]) -> tuple[int, ...] | None:
    """Of each axis the slice in which most is labelled; None where nothing is.

    Where there are several such slices, the one in their middle.
    """
    on = label_map > 0
    if not on.any():
        return None
    place = []
    for axis in range(on.ndim):
        areas = on.sum(tuple(other for other in range(on.ndim) if other != axis))
        largest = np.flatnonzero(areas == areas.max())
        place.append(int(largest[len(largest) // 2]))
    return tuple(place)


def moves(
    choice: Choice, own: dict[int, NDArray[np.float64]], lesions: Lesions, rank: int
) -> LesionMoves:
    """What a sidecar says of lesions that have positions of their own."""
    from napari_ssn.io.provenance import LesionMove, LesionMoves

    rules = lesions.rules
    return LesionMoves(
        smallest_voxels=rules.smallest,
        share=rules.share,
        draws=rules.draws,
        seed=rules.seed,
        found=len(lesions.found),
        own=[
            LesionMove(
                lesion=number,
                centre=list(lesions.found[number - 1].centre),
                sigma=sigma,
                z=own[number][:rank].tolist(),
            )
            for number, sigma in choice.own
        ],
    )
