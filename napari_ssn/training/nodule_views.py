"""Random views of nodules, as a model that is pointed at one will see them.

A view is cut around a point on the nodule, or on something else, and resampled with the very
lines that inference uses; what varies is the point, the size, the mirror image, the thickness of
the slices and the scanner's intensities. Every view is a function of the seed and its own number.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from pydantic import Field
from scipy import ndimage
from torch import Tensor
from torch.utils.data import Dataset

from napari_ssn.core.tensors import tensor_of
from napari_ssn.documents.card import ModelCard
from napari_ssn.documents.closed import Closed
from napari_ssn.geometry.arrays import Array, Ints, Labels, Mask, Singles
from napari_ssn.network.intensity import Scale
from napari_ssn.network.lattice import Line, sample
from napari_ssn.training.lesions import LesionSet
from napari_ssn.training.off_nodule import Background, Scan, elsewhere_of
from napari_ssn.training.views import Key, epoch_case

# Slices are made thicker up to this.
_THICKEST_MM = 5.0


class NoduleViews(Closed):
    """How views of nodules stray.

    ``elsewhere``: share of views of a point that is on no nodule; ``background``: of these, the
    share from whole scans where there are some. ``scale``: of all axes together, and ``stretch``
    of each beside, as fractions. ``thicker``: share of views whose slices are made thicker.
    ``cut``: share of views that lose slices at an end. ``beyond``: share of views that gain
    slices at both ends, made of the last ones without the nodule. HU: ``offset`` and ``noise``
    are standard deviations (noise: the largest), ``gain`` a fraction; ``blur``: share of views
    that are smoothed.
    """

    elsewhere: float = Field(default=0.25, ge=0, lt=1)
    background: float = Field(default=0.5, ge=0, le=1)
    scale: float = Field(default=0.15, ge=0, lt=1)
    stretch: float = Field(default=0.08, ge=0, lt=1)
    thicker: float = Field(default=0.3, ge=0, le=1)
    cut: float = Field(default=0.3, ge=0, le=1)
    beyond: float = Field(default=0.5, ge=0, le=1)
    offset: float = Field(default=15.0, ge=0)
    gain: float = Field(default=0.03, ge=0, lt=1)
    noise: float = Field(default=40.0, ge=0)
    blur: float = Field(default=0.3, ge=0, le=1)


class _Piece(NamedTuple):
    """What a view is cut from: (Z, Y, X) in HU, (K, Z, Y, X), voxel size in mm, and the point."""

    hu: Singles
    masks: Labels
    spacing: tuple[float, ...]
    point: tuple[int, ...]


class NoduleViewSet(Dataset[dict[str, Tensor]]):
    """Views by `Key`: the parts of a `napari_ssn.training.batch.Batch`.

    Args:
        cases: lesions to learn from.
        card: of the model to be: spacing, window, orientation SPL.
        views: how far a view may stray.
        seed: of all views.
        backgrounds: whole scans for points on no nodule.
    """

    def __init__(
        self,
        cases: LesionSet,
        card: ModelCard,
        views: NoduleViews,
        seed: int,
        backgrounds: Sequence[Background] = (),
    ) -> None:
        if card.voxel_mm is None or card.window_hu is None:
            raise ValueError("card: expected a voxel size and a window in HU")
        self.cases, self.card, self.views, self.seed = cases, card, views, seed
        self._voxel_mm = card.voxel_mm
        self._window = card.window_hu
        self._backgrounds = [Scan.of(*one) for one in backgrounds]
        self._order: dict[int, Ints] = {}

    def __getitem__(self, key: Key) -> dict[str, Tensor]:
        random = np.random.default_rng([self.seed, key.number])
        index = epoch_case(self._order, self.seed, key.number, len(self.cases))
        elsewhere = random.random() < self.views.elsewhere
        if elsewhere and self._backgrounds and random.random() < self.views.background:
            one = self._backgrounds[random.integers(len(self._backgrounds))]
            hu, point = one.around(random, key.size, self._voxel_mm)
            nothing = np.zeros((self.cases.raters, *hu.shape), np.uint8)
            piece, share = _Piece(hu, nothing, one.spacing_mm, point), 0.0
        else:
            hu, masks = self.cases.hu(index), self.cases.masks(index)
            spacing = self.cases.spacing_mm(index)
            share = float(masks.any((1, 2, 3)).mean())
            # Where nobody outlined anything every point is on no nodule.
            elsewhere |= not share
            found = elsewhere_of(hu, masks, spacing, random) if elsewhere else None
            elsewhere = found is not None
            # Of a case that fewer raters saw the others outlined nothing that is learnt from.
            masks = np.pad(masks, [(0, self.cases.raters - len(masks)), *[(0, 0)] * 3])
            point = _on_nodule(masks, random) if found is None else found
            piece = self._ends(_Piece(hu, masks, spacing, point), random)
        piece = self._thicker(piece, random)
        return self._seen(piece, key.size, 0.0 if elsewhere else share, random)

    def _ends(self, piece: _Piece, random: np.random.Generator) -> _Piece:
        """Lose slices at an end, or gain some without the nodule at both.

        Stacks end where the last radiologist ends, and scans do not: without this a network
        learns that there is something in every slice.
        """
        hu, masks, _, point = piece
        first, last = 0, len(hu)
        if random.random() < self.views.cut and len(hu) > 2:
            lost = int(random.integers(1, max(2, len(hu) // 3 + 1)))
            if random.random() < 0.5:
                first = min(lost, point[0])
            else:
                last = max(last - lost, point[0] + 1)
        hu, masks = hu[first:last], masks[:, first:last]
        point = (point[0] - first, *point[1:])
        if random.random() < self.views.beyond:
            count = int(random.integers(2, 7))
            below, above = (
                _without(hu[end], masks[:, end].max(0) > 0, count, random) for end in (0, -1)
            )
            # What was cut away is no place to end.
            below, above = below[: count * (first == 0)], above[: count * (last == first + len(hu))]
            hu = np.concatenate([below, hu, above])
            pads = (len(below), len(above))
            masks = np.pad(masks, [(0, 0), pads, (0, 0), (0, 0)])
            point = (point[0] + len(below), *point[1:])
        return _Piece(hu, masks, piece.spacing, point)

    def _thicker(self, piece: _Piece, random: np.random.Generator) -> _Piece:
        """Make thick slices of thin ones, by averaging neighbours or by leaving some out."""
        hu, masks, spacing, point = piece
        most = int(min(_THICKEST_MM / spacing[0], len(hu) // 2))
        if most < 2 or random.random() >= self.views.thicker:
            return piece
        by = int(random.integers(2, most + 1))
        first = min(int(random.integers(by)), point[0])
        count = max(1, (len(hu) - first) // by)
        inside = slice(first, first + count * by)
        if random.random() < 0.5:
            thick = hu[inside].reshape(count, by, *hu.shape[1:]).mean(1)
        else:
            thick = hu[inside][by // 2 :: by]
        parts = masks[:, inside].reshape(len(masks), count, by, *hu.shape[1:])
        at = min((point[0] - first) // by, count - 1)
        most_of = (2 * parts.sum(2) >= by).astype(np.uint8)
        size = (spacing[0] * by, *spacing[1:])
        return _Piece(thick.astype(np.float32), most_of, size, (at, *point[1:]))

    def _seen(
        self, piece: _Piece, size: tuple[int, ...], share: float, random: np.random.Generator
    ) -> dict[str, Tensor]:
        views = self.views
        hu, masks, spacing, point = piece
        hu = hu * (1 + views.gain * random.standard_normal()) + np.float32(
            views.offset * random.standard_normal()
        )
        scaled = Scale.of(hu[None], "hu", self._window).apply(hu[None].astype(np.float32))
        overall = np.exp(random.uniform(-views.scale, views.scale))
        lines, valid = [], np.ones(size, np.bool_)
        for axis, (count, wanted, have, n) in enumerate(
            zip(size, self._voxel_mm, spacing, hu.shape, strict=True)
        ):
            step = wanted / have * overall * np.exp(random.uniform(-views.stretch, views.stretch))
            first = point[axis] + random.uniform(-0.5, 0.5) - count // 2 * step
            line = Line(float(first), float(step), count, n)
            at = line.first + line.step * np.arange(count)
            there = (at >= -0.5) & (at <= n - 0.5)
            shape = [1] * len(size)
            shape[axis] = count
            valid &= there.reshape(shape)
            lines.append(line)
        image = sample(scaled, lines)[0]
        raters = (sample(masks.astype(np.float32), lines) >= 0.5) & valid
        width = self._window[1] - self._window[0]
        if views.blur and random.random() < views.blur:
            image = ndimage.gaussian_filter(image, random.uniform(0.3, 0.9) * np.array([0, 1, 1]))
        if views.noise:
            sd = views.noise * random.random() / width
            grain = random.standard_normal(image.shape, dtype=np.float32)
            if random.random() < 0.5:
                # Reconstruction smooths noise in the plane: neighbours share some of it.
                grain = 1.8 * ndimage.gaussian_filter(grain, [0, 0.6, 0.6])
            image = image + np.float32(sd) * grain
        image = image.clip(0, 1)
        image, raters, valid = _mirrored(image, raters, valid, random)
        drew = raters.any((1, 2, 3)) & (share > 0)
        return {
            "image": tensor_of(image[None].astype(np.float32, copy=False)),
            "raters": tensor_of(raters.astype(np.uint8)),
            "valid": tensor_of(valid),
            "drew": torch.from_numpy(drew),
            "presence": torch.tensor(share, dtype=torch.float32),
        }


def _mirrored(
    image: Singles,
    raters: Mask,
    valid: Mask,
    random: np.random.Generator,
) -> tuple[Singles, Mask, Mask]:
    """One of the sixteen mirror images and quarter turns that leave slices slices.

    On a grid of even size the middle voxel does not stay the middle when an axis is turned
    round, so a voxel is rolled over: it holds what lay at the other end.
    """
    turns = [axis for axis in range(3) if random.random() < 0.5]
    swap = image.shape[1] == image.shape[2] and random.random() < 0.5
    out: list[Array] = []
    arrays: tuple[Array, ...] = (image, raters, valid)
    for array in arrays:
        lead = array.ndim - 3
        axes = [lead + axis for axis in turns]
        moved = np.flip(array, tuple(axes))
        even = [axis for axis in axes if array.shape[axis] % 2 == 0]
        moved = np.roll(moved, [1] * len(even), even)
        out.append(moved.swapaxes(lead + 1, lead + 2) if swap else moved)
    return out[0], out[1], out[2]


def _on_nodule(masks: Labels, random: np.random.Generator) -> tuple[int, ...]:
    """A voxel of what some rater outlined, any of the raters and any of the voxels."""
    drew = np.flatnonzero(masks.any((1, 2, 3)))
    there = np.argwhere(masks[random.choice(drew)])
    return tuple(int(i) for i in there[random.integers(len(there))])


def _without(plane: Singles, nodule: Mask, count: int, random: np.random.Generator) -> Singles:
    """Slices like one, with lung from beside it where its nodule is; (count, Y, X).

    The piece is moved over from a random side, with a soft edge, so that it is made of the
    same tissue at the same noise.
    """
    if not nodule.any():
        return np.repeat(plane[None], count, 0)
    wide = ndimage.binary_dilation(nodule, iterations=3)
    soft = ndimage.gaussian_filter(wide.astype(np.float32), 1.5)
    rows, columns = (np.ptp(axis) + 5 for axis in np.nonzero(nodule))
    out = []
    side = random.uniform(0, 2 * np.pi)
    for _ in range(count):
        side += random.normal(0, 0.2)
        shift = (round(float(rows * np.sin(side))), round(float(columns * np.cos(side))))
        beside = np.roll(plane, shift, (0, 1))
        out.append(plane + soft * (beside - plane))
    return np.stack(out).astype(np.float32)
