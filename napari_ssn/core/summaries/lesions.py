"""Separate lesions of one result: where each lies, how surely it is there, and its own z.

A lesion is a connected set of voxels, its **core**, each of which is foreground in at least a
certain share of the hypotheses. Cores are formed over all labels at once: the parts of one
lesion (a tumour and its oedema) touch each other, and so could not move apart.

Every other voxel of the grid goes with the lesion whose core is nearest in mm, so that the
lesions' **parts** divide the grid: their sizes add up to the whole, a label map composed of
several z is well defined, and a lesion that shrinks leaves no rim of the others' z behind.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy import ndimage

from napari_ssn.core.decodable import Decodable
from napari_ssn.core.distribution import draw_z
from napari_ssn.core.given.posterior import Posterior
from napari_ssn.core.measures import Range, central_range, whole_range
from napari_ssn.geometry.affine import Affine
from napari_ssn.geometry.arrays import Between, Floats, Ints, Labels, Mask, Where

#: Lesions told apart at most; smaller ones count among the dropped.
MOST = 99

# Voxels of several hypotheses decoded between two looks at the cancel button.
_BLOCK = 1 << 24


@dataclass(frozen=True)
class Rules:
    """What counts as a lesion. The same rules on the same distribution find the same lesions.

    Attributes:
        smallest: voxels that a core must have.
        share: of the hypotheses in which a voxel of a core is foreground.
        draws, seed: the hypotheses.
    """

    smallest: int
    share: float = 0.05
    draws: int = 200
    seed: int = 0

    def __post_init__(self) -> None:
        if self.smallest < 1 or self.draws < 1:
            raise ValueError(
                f"smallest, draws: expected at least 1, got {self.smallest} and {self.draws}"
            )
        if not 0 < self.share <= 1:
            raise ValueError(f"share: expected in (0, 1], got {self.share}")


@dataclass(frozen=True)
class Lesion:
    """One of several.

    Attributes:
        number: from 1, the largest first.
        centre: a voxel of its core, on the image's grid: of those, the nearest to the mean
            place weighted by how often each is foreground.
        existence: share of the hypotheses in which any voxel of its core is foreground; of all
            readers, those who outline nothing included.
        existence_error: standard error of that share, from the number of draws.
        size: foreground voxels of its part, over the hypotheses in which it is present.
    """

    number: int
    centre: tuple[int, ...]
    existence: float
    existence_error: float
    size: Range


@dataclass(frozen=True, eq=False)
class Lesions:
    """All lesions of a distribution.

    Attributes:
        rules: by which they were found.
        found: the largest first, by the median of their sizes; empty where no core was found.
        dropped: cores that were smaller than the rules ask, or beyond `MOST`.
        parts: (*S) uint8, the number of the lesion that each voxel goes with. All 0 unless
            there are two or more.
    """

    rules: Rules
    found: tuple[Lesion, ...]
    dropped: int
    parts: Labels

    @property
    def several(self) -> bool:
        """Whether there is anything to tell apart."""
        return len(self.found) > 1


def find_lesions(
    dist: Decodable, rules: Rules, between: Between = lambda: None, z: Floats | None = None
) -> Lesions:
    """Tell the lesions of a distribution apart.

    Args:
        dist: the distribution.
        rules: what counts as a lesion.
        between: called now and then; what it raises goes through.
        z: (`Rules.draws`, R) of the members of an ensemble, which are all there is: shares have no
            error, and sizes go from the smallest to the largest. Drawn if left out.
    """
    draws = draw_z(rules.draws, dist.rank, rules.seed) if z is None else dist.check_draws(z)
    if len(draws) != rules.draws:
        raise ValueError(f"z: expected {rules.draws}, got {len(draws)}")
    base = dist.label_map() > 0
    active = dist.changeable(float(np.linalg.norm(draws, axis=1).max())).cpu().numpy()
    votes = np.where(base, rules.draws, 0).astype(np.int32)
    # One bit for each voxel that can change and each hypothesis: the maps are decoded once.
    bits = []
    votes[active] = 0
    for labels in _decoded(dist, active, draws, between):
        block = labels > 0
        votes[active] += block.sum(0)
        bits += [np.packbits(row) for row in block]
    cores, dropped = _cores(votes >= rules.share * rules.draws, rules.smallest)
    count = int(cores.max(initial=0))
    if count == 0:
        return Lesions(rules, (), dropped, np.zeros(dist.space, np.uint8))
    between()
    parts = _nearest(cores, dist.affine) if count > 1 else (cores > 0).astype(np.uint8)
    # Where there is one lesion, all that is foreground is its.
    owner = parts if count > 1 else np.ones_like(parts)
    fixed = base & ~active
    sizes = np.tile(np.bincount(owner[fixed], minlength=count + 1), (rules.draws, 1))
    present = np.tile(np.bincount(cores[fixed], minlength=count + 1), (rules.draws, 1))
    near, inner = owner[active], cores[active]
    for i, row in enumerate(bits):
        on = np.unpackbits(row, count=len(near)).view(bool)
        sizes[i] += np.bincount(near[on], minlength=count + 1)
        present[i] += np.bincount(inner[on], minlength=count + 1)
    tallies = (sizes, present, z is not None)
    return _described(dist, rules, dropped, cores, owner, votes, *tallies)


def _described(
    dist: Decodable,
    rules: Rules,
    dropped: int,
    cores: Labels,
    owner: Labels,
    votes: NDArray[np.int32],
    sizes: Ints,
    present: Ints,
    whole: bool,
) -> Lesions:
    """Lesions in the order of their sizes; ties by the size of the core, then by its place."""
    count = sizes.shape[1] - 1
    core_sizes = np.bincount(cores.reshape(-1), minlength=count + 1)
    # Of no lesion this is empty: a core has voxels that are foreground in some hypothesis.
    said = whole_range if whole else central_range
    spread = {k: said(sizes[present[:, k] > 0, k]) for k in range(1, count + 1)}
    chance = 0.0 if whole else 1 / rules.draws
    order = sorted(spread, key=lambda k: (-spread[k].median, -core_sizes[k], k))
    renumber = np.zeros(count + 1, np.uint8)
    found = []
    for number, k in enumerate(order, start=1):
        renumber[k] = number
        share = float((present[:, k] > 0).mean())
        found.append(
            Lesion(
                number=number,
                centre=_centre(cores == k, votes, dist),
                existence=dist.presence * share,
                existence_error=dist.presence * math.sqrt(share * (1 - share) * chance),
                size=spread[k],
            )
        )
    parts = renumber[owner] if count > 1 else np.zeros(dist.space, np.uint8)
    return Lesions(rules, tuple(found), dropped, parts)


def composed(
    dist: Decodable | Posterior,
    z: ArrayLike | None,
    own: Mapping[int, ArrayLike],
    parts: Labels,
    where: Where = (),
) -> Labels:
    """Label map in which some lesions have a z of their own.

    ``y_v = argmax_c (μ + P z_k(v))_vc`` with k(v) the lesion that v goes with and z_k its own
    z, or the common one where it has none.

    Args:
        dist: the distribution, or what is left of it given some clicks.
        z: the common one, (R,) or None for the mean.
        own: z by the lesion's number.
        parts: of `Lesions`.
        where: decode only this part of the grid, as in `Decodable.label_map`.
    """
    labels = dist.label_map(z, where)
    if not own:
        return labels
    labels, here = np.array(labels), parts[where]
    for number, vector in own.items():
        inside = here == number
        if inside.any():
            labels[inside] = dist.label_map(vector, where)[inside]
    return labels


def lesion_counts(
    dist: Decodable, parts: Labels, z: ArrayLike, between: Between = lambda: None
) -> Ints:
    """Voxels of each label in each lesion's part for each z.

    Args:
        dist: the distribution.
        parts: of `Lesions`, with the numbers 1 … K (and 0, where no lesion is).
        z: (n, R).
        between: called now and then; what it raises goes through.

    Returns:
        (n, K + 1, C); its sum over the second axis is `measures.label_counts`.
    """
    draws = dist.check_draws(z)
    shape = (int(parts.max(initial=0)) + 1, dist.classes)
    longest = float(np.linalg.norm(draws, axis=1).max(initial=0.0))
    active = dist.changeable(longest).cpu().numpy()
    # A voxel's cell in a table of lesions and labels: its lesion's row, its label's column.
    cells = parts.astype(np.int64) * dist.classes
    fixed = (cells + dist.label_map())[~active]
    found = np.bincount(fixed, minlength=shape[0] * shape[1])
    out = np.tile(found.reshape(shape), (len(draws), 1, 1))
    near, first = cells[active], 0
    for block in _decoded(dist, active, draws, between):
        for row in block:
            found = np.bincount(near + row, minlength=shape[0] * shape[1])
            out[first] += found.reshape(shape)
            first += 1
    return out


def _decoded(dist: Decodable, active: Mask, draws: Floats, between: Between) -> Iterator[Labels]:
    """Labels of the voxels that can change, (some draws, voxels), a few hypotheses at a time."""
    count = int(active.sum())
    if count == 0:
        yield np.empty((len(draws), 0), np.uint8)
        return
    changing = dist.at(torch.from_numpy(active).to(dist.device))
    step = max(1, _BLOCK // count)
    for first in range(0, len(draws), step):
        between()
        yield changing.label_maps(draws[first : first + step]).reshape(-1, count)


def _cores(often: Mask, smallest: int) -> tuple[Labels, int]:
    """Number of the core at each voxel, 1 … K in the order of the grid, and how many fell out.

    Voxels that touch at a corner belong together: a thin lesion that runs obliquely is one.
    """
    corners = ndimage.generate_binary_structure(often.ndim, often.ndim)
    labelled, count = ndimage.label(often, corners)
    sizes = np.bincount(labelled.reshape(-1), minlength=count + 1)
    sizes[0] = 0
    kept = np.flatnonzero(sizes >= smallest)
    kept = kept[np.argsort(-sizes[kept], kind="stable")][:MOST]
    number = np.zeros(count + 1, np.uint8)
    number[np.sort(kept)] = np.arange(1, len(kept) + 1)
    return number[labelled], count - len(kept)


def _nearest(cores: Labels, affine: Floats) -> Labels:
    """Number of the core nearest to each voxel, by distance in mm along the grid's axes."""
    spacing = Affine(affine).lengths[: cores.ndim]
    place = ndimage.distance_transform_edt(
        cores == 0, sampling=spacing, return_distances=False, return_indices=True
    )
    return np.asarray(cores[tuple(place)])


def _centre(core: Mask, votes: NDArray[np.int32], dist: Decodable) -> tuple[int, ...]:
    """The core's voxel nearest to its weighted middle, on the image's grid."""
    places = np.argwhere(core)
    middle = np.average(places, axis=0, weights=votes[core])
    at = places[np.square(places - middle).sum(1).argmin()]
    return tuple(int(i) + s for i, s in zip(at, dist.start, strict=True))
