"""Random views of cases for training, drawn and resampled by MONAI in worker processes.

Every view is a function of the seed and its own number alone: a run that is resumed, or split
among several processes, sees the views that one uninterrupted process would have seen.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib import import_module
from typing import Any, NamedTuple

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from napari_ssn.documents.card import ModelCard
from napari_ssn.documents.closed import Closed
from napari_ssn.geometry.arrays import Array, Ints, Labels
from napari_ssn.network.frame import frame_of
from napari_ssn.network.intensity import normalise
from napari_ssn.network.tiles import window_around
from napari_ssn.network.tracking import tracking
from napari_ssn.training.batch import Batch
from napari_ssn.training.cases import Cases

# A crop is cut larger than the view by this much before it is turned, so that no corner of the
# view falls outside of it: half the diagonal of a square against half its side.
_MARGIN = 1.45


class Views(Closed):
    """How far a training view may stray from the case it shows.

    Rotation in degrees about every axis, shift in voxels (of the middle of a view, as a
    clinician's click would stray), mirrored axes, quarter turns in the plane of the first two
    axes, scale, contrast and brightness as fractions, noise as the largest standard deviation.
    ``bend`` moves the nodes of a coarse grid by up to that fraction of their distance, and what
    lies between follows. ``gamma`` bends the intensities between darkest and brightest, by an
    exponent of 1 / (1 + gamma) … 1 + gamma.
    Where the region is not centred on a lesion, ``foreground`` is the share of views whose
    middle lies on some label, and the others lie anywhere.
    """

    rotation: float = Field(default=15.0, ge=0)
    scale: float = Field(default=0.15, ge=0, lt=1)
    shift: float = Field(default=5.0, ge=0)
    mirror: list[int] = Field(default=[0, 1])
    quarter_turns: bool = True
    contrast: float = Field(default=0.15, ge=0, lt=1)
    brightness: float = Field(default=0.05, ge=0)
    noise: float = Field(default=0.0, ge=0)
    bend: float = Field(default=0.0, ge=0, lt=0.5)
    gamma: float = Field(default=0.0, ge=0)
    foreground: float = Field(default=0.5, ge=0, le=1)


class Key(NamedTuple):
    """A view: its number in the run, and the size of its grid."""

    number: int
    size: tuple[int, ...]


class ViewSet(Dataset[dict[str, Tensor]]):
    """Views by `Key`: image (channels, *size) and raters (K, *size) uint8 of a `Batch`."""

    def __init__(self, cases: Cases, card: ModelCard, views: Views, seed: int) -> None:
        self.cases = cases
        self.card = card
        self.views = views
        self.seed = seed
        self._order: dict[int, Ints] = {}
        self._pipes: dict[tuple[int, ...], Any] = {}
        # Once here, and not in each of the processes that divide to make views: it takes a second.
        _monai()

    def __getitem__(self, key: Key) -> dict[str, Tensor]:
        random = np.random.default_rng([self.seed, key.number])
        case = self.cases[epoch_case(self._order, self.seed, key.number, len(self.cases))]
        # As inference shows it to the network, whichever way the file stores it.
        turn = frame_of(self.card, case.volume).turn
        image = turn.apply(normalise(case.volume.data, self.card.normalisation))
        raters = self._even_raters(turn.apply(case.raters), random)
        space = image.shape[1:]
        middle = (
            tuple(n // 2 for n in space)
            if self.card.centred
            else self._middle(raters, key.size, random)
        )
        box = tuple(s + 2 * int(np.ceil((_MARGIN - 1) / 2 * s)) for s in key.size)
        parts = {
            "image": torch.from_numpy(_cut(image, middle, box, "edge")),
            "raters": torch.from_numpy(_cut(raters, middle, box, "constant")).float(),
        }
        pipe = self._pipe(key.size)
        pipe.set_random_state(seed=int(random.integers(2**32)))
        with tracking(False):
            seen = pipe(parts)
        return {"image": seen["image"], "raters": seen["raters"].to(torch.uint8)}

    def _even_raters(self, raters: Labels, random: np.random.Generator) -> Labels:
        """As many label maps as the case with most raters has: a batch needs one shape."""
        have, want = len(raters), self.cases.raters
        if have == want:
            return raters
        # Everyone as often as everyone else, and chance decides who comes once more.
        order = random.permutation(have)
        return raters[order[np.arange(want) % have]]

    def _middle(
        self, raters: Labels, size: tuple[int, ...], random: np.random.Generator
    ) -> tuple[int, ...]:
        space = raters.shape[1:]
        if random.random() < self.views.foreground:
            there = raters[random.integers(len(raters))]
            # First a label, then a voxel of it: small structures are seen as often as large ones.
            labels = np.unique(there[there > 0])
            if len(labels):
                places = np.flatnonzero(there == random.choice(labels))
                return tuple(int(i) for i in np.unravel_index(random.choice(places), space))
        middle = []
        for n, s in zip(space, size, strict=True):
            first, last = s // 2, n - (s - s // 2)
            middle.append(int(random.integers(first, last + 1)) if last > first else n // 2)
        return tuple(middle)

    def _pipe(self, size: tuple[int, ...]) -> Any:
        if size not in self._pipes:
            self._pipes[size] = _transforms(self.views, size)
        return self._pipes[size]


def epoch_case(orders: dict[int, Ints], seed: int, number: int, cases: int) -> int:
    """Case of a view: each epoch visits every case once, in an order of its own.

    ``orders`` keeps the order of the last epoch that was asked for.
    """
    epoch, place = divmod(number, cases)
    if epoch not in orders:
        orders.clear()
        # Apart from the views' own numbers, which have two parts.
        orders[epoch] = np.random.default_rng([seed, epoch, 1]).permutation(cases)
    return int(orders[epoch][place])


def _cut(array: Array, middle: tuple[int, ...], size: tuple[int, ...], mode: Any) -> Array:
    """A box of (channels, *S) around a voxel, padded where it overhangs."""
    window = window_around(middle, size, array.shape[1:])
    inside = array[(slice(None), *window.inside)]
    overhang = zip(window.before, window.after, strict=True)
    return np.pad(inside, [(0, 0), *overhang], mode=mode)


def _monai() -> Any:
    return import_module("monai.transforms")


def _transforms(views: Views, size: tuple[int, ...]) -> Any:
    transforms, both = _monai(), ["image", "raters"]
    dims = len(size)
    angle = float(np.deg2rad(views.rotation))
    steps: list[Any] = [
        transforms.RandAffined(
            both,
            spatial_size=size,
            prob=1.0,
            rotate_range=[angle] * (1 if dims == 2 else 3),
            scale_range=[views.scale] * dims,
            translate_range=[views.shift] * dims,
            mode=["bilinear", "nearest"],
            padding_mode=["border", "zeros"],
        )
    ]
    if views.bend:
        steps.append(
            transforms.RandGridDistortiond(
                both,
                num_cells=4,
                prob=0.75,
                distort_limit=views.bend,
                mode=["bilinear", "nearest"],
                padding_mode=["border", "zeros"],
            )
        )
    steps += [transforms.RandFlipd(both, prob=0.5, spatial_axis=axis) for axis in views.mirror]
    if views.quarter_turns and size[0] == size[1]:
        steps.append(transforms.RandRotate90d(both, prob=0.75, max_k=3, spatial_axes=(0, 1)))
    for wanted, step in (
        (views.contrast, transforms.RandScaleIntensityd),
        (views.brightness, transforms.RandShiftIntensityd),
    ):
        if wanted:
            steps.append(step("image", wanted, prob=1.0, channel_wise=True))
    if views.gamma:
        exponents = (1 / (1 + views.gamma), 1 + views.gamma)
        steps.append(transforms.RandAdjustContrastd("image", prob=0.5, gamma=exponents))
    if views.noise:
        steps.append(transforms.RandGaussianNoised("image", prob=0.5, std=views.noise))
    return transforms.Compose(steps)


class Plan(NamedTuple):
    """Which views each step of a run sees.

    A share of the steps sees whole regions in batches of as many voxels as the crops have.
    """

    crop: tuple[int, ...]
    batch: int
    whole: tuple[int, ...]
    whole_batch: int
    whole_share: float

    def is_whole(self, step: int) -> bool:
        """Whether a step sees whole regions."""
        return int((step + 1) * self.whole_share) > int(step * self.whole_share)

    def keys(self, step: int) -> list[Key]:
        """Views of one step, all processes taken together."""
        whole_before = int(step * self.whole_share)
        first = whole_before * self.whole_batch + (step - whole_before) * self.batch
        size, count = (
            (self.whole, self.whole_batch) if self.is_whole(step) else (self.crop, self.batch)
        )
        return [Key(first + i, size) for i in range(count)]


class _Steps(Sampler[list[Key]]):
    """Keys of each step from one to another, those of one process."""

    def __init__(self, plan: Plan, first: int, last: int, rank: int, processes: int) -> None:
        self.plan, self.first, self.last = plan, first, last
        self.rank, self.processes = rank, processes

    def __iter__(self) -> Iterator[list[Key]]:
        for step in range(self.first, self.last):
            yield self.plan.keys(step)[self.rank :: self.processes]

    def __len__(self) -> int:
        return self.last - self.first


def view_loader(
    views: Dataset[dict[str, Tensor]],
    plan: Plan,
    steps: Sequence[int],
    *,
    rank: int = 0,
    processes: int = 1,
    workers: int = 1,
    pinned: bool = False,
) -> Iterator[Batch]:
    """Yield the views of each step of a range.

    Args:
        views: where the views come from.
        plan: which views a step sees.
        steps: first step and the one after the last.
        rank, processes: this process takes every ``processes``-th view, from its ``rank`` on.
        workers: processes that make views while the network learns; 0 makes them in between.
        pinned: whether they lie where a GPU fetches them from without waiting.
    """
    first, last = steps
    loader: DataLoader[dict[str, Tensor]] = DataLoader(
        views,
        batch_sampler=_Steps(plan, first, last, rank, processes),
        num_workers=workers,
        prefetch_factor=4 if workers else None,
        pin_memory=pinned,
    )
    for batch in loader:
        yield Batch(**batch)
