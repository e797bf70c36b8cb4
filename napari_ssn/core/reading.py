"""The members of an ensemble as they come: what each outlines, and its logits."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from napari_ssn.core.gathered import Gathering
from napari_ssn.core.parallel import in_threads
from napari_ssn.core.signed import edge_distances
from napari_ssn.errors import DataError
from napari_ssn.geometry.arrays import Array, Floats, Ints, Labels, Singles

# How far the probabilities of a voxel may be from 1 in sum, and below 0: half precision rounds.
_ROUNDED = 0.02
# Of maps with fewer uncertain voxels than this for each at an edge no edge is soft: saturated.
_SOFT = 0.1
_MOST_LABELS = 256
# Bytes of a part of a member that is looked at in one piece, in float32.
_PIECE = 1 << 22


class Reader:
    """Members as they come: their label maps, and logits for as long as those are of use.

    Attributes:
        maps: label map of each.
        clipped: voxels that were clipped of each.
        low, high: that probabilities are clipped to.
        hard: whether distances are taken.
        classes: number of labels, once it is known.
        fractions: how many were probabilities.
    """

    def __init__(
        self,
        low: float,
        high: float,
        hard: bool,
        classes: int | None,
        names: Sequence[str] = (),
    ) -> None:
        self.low, self.high, self.hard, self.classes = low, high, hard, classes
        self.fractions = 0
        self._names = names
        self.maps: list[Labels] = []
        self.clipped: list[int] = []
        self._soft = 0
        self._index: tuple[tuple[int, ...], Ints] | None = None

    def read(self, one: Array, logits: Gathering, stop_at_saturated: bool) -> None:
        """Read the next one."""
        called = self._called(len(self.maps))
        starting = called[0].upper() + called[1:]
        if one.dtype.kind in "biu":
            self._place(starting, one.shape)
            if one.size and not 0 <= int(one.min()) <= int(one.max()) < (self.classes or 256):
                raise DataError(
                    f"{starting} holds labels from {one.min()} to {one.max()}, and labels "
                    f"from 0 to {(self.classes or _MOST_LABELS) - 1} are read."
                )
            self.maps.append(np.ascontiguousarray(one, np.uint8))
            self.clipped.append(0)
            self.hard = True
            return
        if one.dtype.kind != "f" or one.ndim < 3 or len(one) < 2:
            raise DataError(
                f"{starting} is neither a label map of whole numbers nor the probabilities of "
                f"two labels or more: shape {one.shape}, {one.dtype}."
            )
        if len(one) > _MOST_LABELS:
            raise DataError(f"{starting} has {len(one)} labels, and {_MOST_LABELS} are read.")
        self._place(starting, one.shape[1:])
        if self.classes is None or not self.maps:
            self.classes = self.classes or len(one)
            self.low = min(self.low, 0.5 / self.classes)
        if len(one) != self.classes:
            raise DataError(
                f"{starting} has {len(one)} labels and the first {self.classes}: all members "
                "have the same."
            )
        self._probabilities(called, one, logits)
        self.fractions += 1
        if stop_at_saturated and saturated(self.maps[-1], self._soft):
            self.hard = True

    def _called(self, at: int) -> str:
        """Name of a member in a sentence, as who chose them knows it."""
        name = self._names[at] if at < len(self._names) else str(at + 1)
        return f"member {name}" if name.isdecimal() else name

    def _place(self, starting: str, space: tuple[int, ...]) -> None:
        if self.maps and self.maps[0].shape != space:
            first, here = (" × ".join(map(str, s)) for s in (self.maps[0].shape, space))
            raise DataError(
                f"{starting} has {here} voxels and the first {first}: all lie on one grid."
            )

    def _probabilities(self, called: str, one: Array, gathering: Gathering) -> None:
        # Read along the axes as they lie in memory: of archives the image's last one is first.
        axes = tuple(sorted(range(1, one.ndim), key=lambda axis: -abs(one.strides[axis])))
        lying = one.transpose(0, *axes)
        space = lying.shape[1:]
        labels = np.empty(space, np.uint8)
        row = math.prod(space[1:])
        step = max(1, _PIECE * space[0] // (4 * one.size) + 1)
        keep = not self.hard

        def part(first: int) -> tuple[Any, ...]:
            where = slice(first, first + step)
            # A copy: it is changed in place.
            p = torch.from_numpy(np.array(lying[:, where], np.float32, order="C")).flatten(1)
            total, least = p.sum(0), p.amin(0)
            if not float(least.min()) >= -_ROUNDED:
                return math.nan, math.nan, 0, 0, 0
            # What nobody looked at: outside of the box that a network was shown.
            nothing = total == 0
            if bool(nothing.any()):
                p[0].masked_fill_(nothing, 1.0)
                total.masked_fill_(nothing, 1.0)
            # Ties go to the lowest label, which `argmax` of torch does not promise.
            top, second = p[0].clone(), torch.zeros_like(p[0])
            winner = torch.zeros(p.shape[1:], dtype=torch.uint8)
            for label in range(1, len(p)):
                winner.masked_fill_(p[label] > top, label)
                torch.maximum(second, torch.minimum(top, p[label]), out=second)
                torch.maximum(top, p[label], out=top)
            labels[where] = winner.numpy().reshape(-1, *space[1:])
            over = top > self.high
            sums = float(total.min()), float(total.max())
            counts = (
                int((over | (least < self.low)).sum()),
                len(over) - int(over.sum()),
                int(nothing.sum()),
            )
            if not keep:
                return *sums, *counts
            # Clipped, all others have the same logits as every voxel of their label.
            doubt = ((top < self.high) | (second > self.low)).nonzero()[:, 0]
            logits = clipped_logits(p[:, doubt], self.low, self.high)
            return *sums, *counts, doubt.numpy() + first * row, logits

        found = in_threads(part, range(0, space[0], step))
        sums = np.array([parts[:2] for parts in found])
        # NaN fails the comparison.
        if not (sums.min() >= 1 - _ROUNDED and sums.max() <= 1 + _ROUNDED):
            raise DataError(_no_probabilities(called, sums))
        if sum(parts[4] for parts in found) == labels.size:
            raise DataError(
                f"{called[0].upper() + called[1:]} holds zeros alone: of nothing outlined the "
                "background has the probability 1."
            )
        back = tuple(int(axis) for axis in np.argsort(axes))
        self.maps.append(torch.from_numpy(labels).permute(back).contiguous().numpy())
        self.clipped.append(sum(parts[2] for parts in found))
        self._soft = sum(parts[3] for parts in found)
        if keep and self.maps[-1].any():
            voxels = np.concatenate([parts[5] for parts in found])
            if back != tuple(range(len(back))):
                voxels = self._lying(back, one.shape[1:])[voxels]
            gathering.add(self.maps[-1], voxels, torch.cat([parts[6] for parts in found], 1))

    def _lying(self, back: tuple[int, ...], space: tuple[int, ...]) -> Ints:
        """Index in the flattened grid of each voxel as it lies in memory."""
        if self._index is None or self._index[0] != back:
            there = torch.arange(math.prod(space), dtype=torch.int64).view(space)
            axes = np.argsort(back).tolist()
            self._index = back, there.permute(axes).contiguous().view(-1).numpy()
        return self._index[1]

    def check(self) -> None:
        """DataError if there are too few, or none that outlines anything."""
        if len(self.maps) < 2:
            raise DataError(
                f"An ensemble has two members or more, and this one has {len(self.maps)}."
            )
        if not any(one.any() for one in self.maps):
            raise DataError(f"None of the {len(self.maps)} members outlines anything.")


def clipped_logits(p: torch.Tensor, low: float, high: float) -> torch.Tensor:
    """Logarithms of clipped probabilities (C, n), centred over classes."""
    logits = p.clamp(low, high).log_()
    return logits.sub_(logits.mean(0))


def certain_logits(classes: int, low: float, high: float) -> torch.Tensor:
    """`clipped_logits` of a voxel that is certain of each label, (C, C)."""
    return clipped_logits(torch.eye(classes), low, high)


def distance_logits(
    label_map: Labels,
    classes: int,
    spacing_mm: Sequence[float],
    width_mm: float,
    scale: float,
    gathering: Gathering,
) -> None:
    """Gather a label map as signed distances, as large as ``scale`` at the width."""
    voxels, found = edge_distances(label_map, classes, spacing_mm, width_mm)
    gathering.add(label_map, voxels, _centred(found, scale))


def certain_distances(classes: int, scale: float) -> torch.Tensor:
    """Logits of a voxel that lies inside of each label, farther from an edge than the width."""
    return _centred(2 * np.eye(classes, dtype=np.float32) - 1, scale)


def _centred(distances: Singles, scale: float) -> torch.Tensor:
    scaled = distances * np.float32(scale)
    return torch.from_numpy(scaled - scaled.mean(axis=0))


def saturated(label_map: Labels, soft: int) -> bool:
    """Whether probabilities say no more than their label map: no edge is soft.

    ``#{v : max_c p_vc ≤ high} < 0.1 · #{v at an edge}``, where a voxel is at an edge if a neighbour
    across its lower face along any axis has another label.

    Args:
        label_map: (*S).
        soft: voxels of which no label is certain.
    """
    # No more can be: each is what is outlined, or lies above it along one of the axes.
    if soft >= _SOFT * (label_map.ndim + 1) * np.count_nonzero(label_map):
        return False
    edge = np.zeros(label_map.shape, bool)
    for axis in range(label_map.ndim):
        along = np.moveaxis(label_map, axis, 0)
        np.moveaxis(edge, axis, 0)[1:] |= along[1:] != along[:-1]
    return soft < _SOFT * int(edge.sum())


def _no_probabilities(called: str, sums: Floats) -> str:
    if not np.isfinite(sums).all():
        return (
            f"{called[0].upper() + called[1:]} holds values that are no probabilities: below 0 or "
            "not finite."
        )
    low, high = (f"{one:.3g}" for one in (sums.min(), sums.max()))
    return (
        f"The probabilities of {called} sum to {low if low == high else f'{low} … {high}'} in a "
        "voxel and not to 1: logits, or regions that overlap, are not read."
    )
