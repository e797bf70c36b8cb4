"""Which class wins at some places in columns of margins, for many z at once.

One matrix product per rival decides nearly everything. Where two classes come so near to each
other that the rounding of a product could matter, `Columns.settled` decides as a single label map
is decided; so the results are equal bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from napari_ssn.core.columns.columns import Columns, Places, shell_of
from napari_ssn.core.deciding import product_rounding, signs
from napari_ssn.core.parallel import in_threads
from napari_ssn.geometry.arrays import Between, Bytes, Floats, Ints, Labels

# Numbers of one product at once, so that it stays in a core's cache.
_BLOCK = 1 << 18
# Draws decided together: few enough to be of nearly one length.
_DRAWS = 128


@dataclass(frozen=True, eq=False)
class Draws:
    """Some z of nearly one length.

    Attributes:
        index: (n,) of them among all.
        rows: (n, R) float32.
        radius: the largest norm.
    """

    index: Ints
    rows: Tensor
    radius: float

    @classmethod
    def groups(cls, z: Floats, size: int = _DRAWS) -> Iterator[Draws]:
        """All of (n, R), shortest first: short ones reach few voxels."""
        vectors = z.astype(np.float32)
        norms = np.linalg.norm(vectors.astype(np.float64), axis=1)
        order = np.argsort(norms, kind="stable")
        for first in range(0, len(order), size):
            index = order[first : first + size]
            yield cls(index, torch.from_numpy(vectors[index]), float(norms[index].max()))


def longest(z: Floats) -> float:
    """Largest norm of (n, R) z, rounded to float32 as those that are decoded are."""
    return float(np.linalg.norm(z.astype(np.float32).astype(np.float64), axis=1).max(initial=0))


def contests(dist: Columns, draws: Draws, among: Ints | None = None) -> Iterator[tuple[Ints, int]]:
    """All places that some of the draws can change, in blocks of few enough for a product.

    Args:
        dist: the distribution.
        draws: some z.
        among: (v,) places in ascending order that are looked at; None for all.

    Yields:
        places (b,), and how many rivals, in the order of the distribution, can win there: 1, as
        nearly everywhere, or all of them.
    """
    reached = dist.touched(draws.radius)
    places = np.arange(reached) if among is None else among[: np.searchsorted(among, reached)]
    if dist.classes == 2:
        parts = [(places, 1)]
    else:
        several = dist.second[places] <= shell_of(draws.radius)
        parts = [(places[~several], 1), (places[several], dist.classes - 1)]
    for places, rivals in parts:
        step = max(1, _BLOCK // (rivals * max(1, len(draws.rows))))
        for first in range(0, len(places), step):
            yield places[first : first + step], rivals


def winners(dist: Columns, rows: Tensor, places: Places, rivals: int) -> Bytes:
    """For each z and place 0 where the mean's label stays, k where the k-th rival wins.

    Args:
        dist: the distribution.
        rows: (n, R) float32, the z.
        places: (b,).
        rivals: how many of them can win, from the first; as `contests` gives them.

    Returns:
        (n, b) uint8.
    """
    columns = [torch.from_numpy(m.take(places, 1)).float() for m in dist.margins[:rivals]]
    biased = torch.cat([rows, torch.ones_like(rows[:, :1])], 1)  # (n, R + 1)
    values = [biased @ column for column in columns]
    largest, reach = dist.sizes(places, columns)
    longest = rows.abs().amax(1, keepdim=True)
    # Two rivals may each be off.
    doubt = 2 * product_rounding(dist.rank) * (largest + longest * reach)  # (n, 1)
    if rivals == 1:
        wins, draw, at = signs(values[0], doubt)
        slot = wins.numpy().view(np.uint8)
    else:
        top = values[0].clamp_min(0)
        for each in values[1:]:
            torch.maximum(top, each, out=top)
        # Compared as by `signs`.
        least = (top - doubt).numpy()
        near = (least <= 0).view(np.uint8)
        slot = np.zeros_like(near)
        for k, each in enumerate(values, start=1):
            won = (each.numpy() >= least).view(np.uint8)
            near += won
            slot += k * won
        draw, at = map(torch.from_numpy, np.divmod(np.flatnonzero(near > 1), near.shape[1]))
    if len(at):
        some = [column[:, at] for column in columns]
        slot[draw.numpy(), at.numpy()] = dist.settled(rows[draw], places[at.numpy()], some).numpy()
    return slot


def changes(dist: Columns, slot: Bytes, places: Ints, rivals: int) -> Ints:
    """Voxels that each label gains over the mean's label map, (n, C), among some places.

    slot (n, b): `winners` there.
    """
    names = torch.eye(dist.classes)
    lost = names[torch.from_numpy(dist.best[places]).long()]
    total = torch.zeros(len(slot), dist.classes)
    for k in range(1, rivals + 1):
        gained = names[torch.from_numpy(dist.rivals[k - 1][places]).long()]  # (b, C)
        wins = slot if rivals == 1 else slot == k
        # Sums of a block's ones are exact in float32.
        total += torch.from_numpy(wins).float() @ (gained - lost)
    return total.round().long().numpy()


def packed_labels(
    dist: Columns, z: Floats, places: Ints, between: Between = lambda: None
) -> Labels:
    """Labels of each z at some places, (n, v) of (n, R): `PackedDistribution.label_map` there.

    Args:
        dist: the distribution.
        z: the draws.
        places: (v,), in ascending order.
        between: called between blocks, from any thread; what it raises goes through.
    """
    out = np.empty((len(z), len(places)), np.uint8)
    out[:] = dist.best[places]
    tasks = [
        (draws, block, rivals)
        for draws in Draws.groups(z)
        for block, rivals in contests(dist, draws, places)
    ]

    def decide(task: tuple[Draws, Ints, int]) -> None:
        draws, block, rivals = task
        between()
        slot = winners(dist, draws.rows, block, rivals)
        label = np.broadcast_to(dist.best[block], slot.shape)
        for k in range(1, rivals + 1):
            label = np.where(slot == k, dist.rivals[k - 1][block], label)
        out[draws.index[:, None], np.searchsorted(places, block)] = label

    in_threads(decide, tasks)
    return out


def packed_counts(dist: Columns, z: Floats) -> Ints:
    """Voxels of each label in the label map of each z, (n, C) of (n, R)."""
    out = np.tile(dist.mean_counts, (len(z), 1))
    tasks = [
        (draws, places, rivals)
        for draws in Draws.groups(z)
        for places, rivals in contests(dist, draws)
    ]

    def count(task: tuple[Draws, Ints, int]) -> Ints:
        draws, places, rivals = task
        return changes(dist, winners(dist, draws.rows, places, rivals), places, rivals)

    for (draws, _, _), gained in zip(tasks, in_threads(count, tasks), strict=True):
        out[draws.index] += gained
    return out


def packed_over(dist: Columns, z: Floats, function: Callable[[Ints, Labels], Any]) -> list[Any]:
    """See `Decodable.over_voxels`."""
    draws = Draws(np.arange(len(z)), torch.from_numpy(z.astype(np.float32)), longest(z))

    def labels_of(task: tuple[Ints, int]) -> Any:
        places, rivals = task
        slot = winners(dist, draws.rows, places, rivals)
        best = dist.best[places]
        labels = np.broadcast_to(best, slot.shape).copy()
        for k in range(rivals):
            wins = slot if rivals == 1 else (slot == k + 1).view(np.uint8)
            # Modulo 256, as differences of uint8 are.
            labels += wins * (dist.rivals[k, places] - best)
        return function(dist.order[places].astype(np.int64), labels)

    return in_threads(labels_of, list(contests(dist, draws)))
