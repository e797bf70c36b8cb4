"""Any ensemble is a low-rank Gaussian over logits: folds, seeds, other people's networks.

With ℓ_m the logits of member m, centred over classes, ``μ = mean_m ℓ_m`` and the columns of P
are such that ``P Pᵀ = Σ_m (ℓ_m − μ)(ℓ_m − μ)ᵀ / (M − 1)``, of rank M − 1. They are found while the
members are read, one after the other (Helmert's contrasts): column r is
``√(r / (r + 1)) (ℓ_{r+1} − mean of the first r) / √(M − 1)``, and member m is at
``z_m = √(M − 1) H_m`` with H the contrasts, where the distribution decodes to its own label map.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sized
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from napari_ssn.core.contrasts import PIECE, Helmert
from napari_ssn.core.decodable import EPSILON
from napari_ssn.core.distribution import LogitDistribution
from napari_ssn.core.members import Members, Method
from napari_ssn.core.parallel import in_threads
from napari_ssn.core.signed import signed_distances
from napari_ssn.errors import DataError
from napari_ssn.geometry.affine import Affine
from napari_ssn.geometry.brief import brief

#: Probabilities are clipped to these: else the most certain member would outvote all others.
LOW, HIGH = 0.05, 0.95
#: Millimetres from an edge beyond which all distances count alike.
WIDTH_MM = 10.0

# How far the probabilities of a voxel may be from 1 in sum, and below 0: half precision rounds.
_ROUNDED = 0.02
# Of maps with fewer uncertain voxels than this for each at an edge no edge is soft: saturated.
_SOFT = 0.1
_MOST_LABELS = 256


@dataclass(frozen=True, eq=False)
class Ensemble(LogitDistribution):
    """The distribution that an ensemble is, and its members; made by `ensemble`.

    Attributes:
        members: what each of them outlined, and where it stands.
    """

    members: Members = field(kw_only=True)

    __repr__ = brief


def ensemble(
    probabilities: Iterable[ArrayLike],
    affine: ArrayLike | None = None,
    *,
    rank: int | None = None,
    clip: tuple[float, float] = (LOW, HIGH),
    width_mm: float = WIDTH_MM,
    distances: bool | None = None,
    classes: int | None = None,
    between: Callable[[], None] = lambda: None,
) -> Ensemble:
    """The low-rank Gaussian over logits that several maps of one image are.

    ``ℓ_m = log clip(p_m)``, centred over classes; of label maps, and where no edge is soft,
    signed distances in mm to each label's edge, linear up to ``width_mm`` and there as large as
    the logits of probabilities that are clipped. The distribution is that of the *members*, not
    of readers: `Members.counts` are their sizes, and a draw may leave what any of them outlined.
    A member that outlines nothing counts for `LogitDistribution.presence` alone.

    Members are read once, one at a time.

    Args:
        probabilities: of each member (C, *S) floats that sum to 1, or (*S) labels of whole
            numbers; two at least, on one grid.
        affine: 4×4 of that grid, voxel index to mm; voxels of 1 mm if left out.
        rank: columns that are kept, those of the largest variance; all M − 1 if left out.
        clip: of probabilities. Of more than ten labels the lower end is at most 1/(2 C), so that
            the likeliest label stays the likeliest.
        width_mm: of distances.
        distances: whether signed distances are taken; if left out, where they must be.
        classes: number of labels; of label maps, if left out, the largest of all and one.
        between: called after each member; what it raises goes through.

    Returns:
        with its `Members`: of rank M − 1, one column of zeros where only one outlines anything.

    Raises:
        DataError: there are fewer than two, their grids or numbers of labels differ, what is in
            them are no probabilities, or none outlines anything.

    Source: Monteiro et al., NeurIPS 2020, for the distribution.

    Examples:
        >>> import numpy as np
        >>> import napari_ssn as ssn
        >>> p = [np.array([0.1, 0.3, edge, 0.9]) for edge in (0.4, 0.6, 0.7)]
        >>> dist = ssn.ensemble([np.stack([1 - one, one])[:, None] for one in p])
        >>> dist.rank, dist.label_map()
        (2, array([[0, 0, 1, 1]], dtype=uint8))
        >>> dist.members.counts[:, 1]  # of the three, in voxels
        array([1, 2, 2])
        >>> dist.label_map(dist.members.z[0])
        array([[0, 0, 0, 1]], dtype=uint8)
    """
    low, high = clip
    if not 0 < low < high < 1:
        raise ValueError(f"clip: expected 0 < low < high < 1, got {clip}")
    if not (width_mm > 0 and math.isfinite(width_mm)):
        raise ValueError(f"width_mm: expected above 0, got {width_mm}")
    if rank is not None and rank < 1:
        raise ValueError(f"rank: expected at least 1, got {rank}")
    matrix = np.eye(4) if affine is None else np.asarray(affine, np.float64)
    reader = _Reader(low, high, distances is True, classes)
    columns = Helmert(len(probabilities) if isinstance(probabilities, Sized) else None)
    for one in probabilities:
        reader.read(np.asarray(one), columns, stop_at_saturated=distances is None)
        between()
    reader.check()
    maps = np.stack(reader.maps)
    classes = reader.classes or int(maps.max()) + 1
    if reader.hard:
        columns = Helmert(len(maps))
        spacing = Affine(matrix).spacing_mm(maps.ndim - 1)
        scale = math.log(high / (1 - high)) / 2
        for label_map in maps:
            if label_map.any():
                found = signed_distances(label_map, classes, spacing, width_mm)
                found *= scale
                found -= found.mean(axis=0)
                columns.add(torch.from_numpy(found))
            between()
    clipped = np.array([0] * len(maps) if reader.hard else reader.clipped, np.int64)
    mean, factor, z = columns.finish(rank)
    positions = np.full((len(maps), len(factor)), np.nan)
    positions[maps.reshape(len(maps), -1).any(axis=1)] = z
    kind: Any = "distances" if reader.hard else "probabilities"
    method = Method(kind, reader.low, high, width_mm if reader.hard else None, rank)
    return Ensemble(
        mean,
        factor,
        torch.full_like(mean, EPSILON),
        matrix,
        presence=len(z) / len(maps),
        members=Members(maps, positions, method, clipped, classes),
    )


class _Reader:
    """Members as they come: their label maps, and logits for as long as those are of use.

    Attributes:
        maps: label map of each.
        clipped: voxels that were clipped of each.
        hard: whether distances are taken.
    """

    def __init__(self, low: float, high: float, hard: bool, classes: int | None) -> None:
        self.low, self.high, self.hard, self.classes = low, high, hard, classes
        self.maps: list[NDArray[np.uint8]] = []
        self.clipped: list[int] = []
        self._soft = 0

    def read(self, one: NDArray[Any], columns: Helmert, stop_at_saturated: bool) -> None:
        """Read the next one."""
        number = len(self.maps) + 1
        if one.dtype.kind in "biu":
            self._place(number, one.shape)
            if one.size and not 0 <= int(one.min()) <= int(one.max()) < (self.classes or 256):
                raise DataError(
                    f"Member {number} holds labels from {one.min()} to {one.max()}, and labels "
                    f"from 0 to {(self.classes or _MOST_LABELS) - 1} are read."
                )
            self.maps.append(np.ascontiguousarray(one, np.uint8))
            self.clipped.append(0)
            self.hard = True
            return
        if one.dtype.kind != "f" or one.ndim < 3 or len(one) < 2:
            raise DataError(
                f"Member {number} is neither a label map of whole numbers nor the probabilities of "
                f"two labels or more: shape {one.shape}, {one.dtype}."
            )
        if len(one) > _MOST_LABELS:
            raise DataError(f"Member {number} has {len(one)} labels, and {_MOST_LABELS} are read.")
        self._place(number, one.shape[1:])
        if self.classes is None or not self.maps:
            self.classes = self.classes or len(one)
            self.low = min(self.low, 0.5 / self.classes)
        if len(one) != self.classes:
            raise DataError(
                f"Member {number} has {len(one)} labels and the first {self.classes}: all members "
                "have the same."
            )
        self._probabilities(number, one, columns)
        if stop_at_saturated and saturated(self.maps[-1], self._soft):
            self.hard = True

    def _place(self, number: int, space: tuple[int, ...]) -> None:
        if self.maps and self.maps[0].shape != space:
            first, here = (" × ".join(map(str, s)) for s in (self.maps[0].shape, space))
            raise DataError(
                f"Member {number} has {here} voxels and the first {first}: all lie on one grid."
            )

    def _probabilities(self, number: int, one: NDArray[Any], columns: Helmert) -> None:
        space = one.shape[1:]
        labels = np.empty(space, np.uint8)
        step = max(1, PIECE * space[0] // (4 * one.size) + 1)
        logits = None if self.hard else torch.empty(one.shape)

        def part(first: int) -> tuple[int, int, float, float]:
            where = slice(first, first + step)
            # A copy: it is changed in place.
            p = torch.from_numpy(np.array(one[:, where], np.float32, order="C"))
            total = p.sum(0)
            # What nobody looked at: outside of the box that a network was shown.
            p[0].masked_fill_(total == 0, 1.0)
            total.masked_fill_(total == 0, 1.0)
            if float(p.amin()) < -_ROUNDED:
                return 0, 0, math.nan, math.nan
            # Ties go to the lowest label, which `argmax` of torch does not promise.
            top, winner = p[0].clone(), torch.zeros(p.shape[1:], dtype=torch.uint8)
            for label in range(1, len(p)):
                winner.masked_fill_(p[label] > top, label)
                torch.maximum(top, p[label], out=top)
            labels[where] = winner.numpy()
            beyond = (top > self.high) | (p.amin(0) < self.low)
            soft = int((top <= self.high).sum())
            if logits is not None:
                p.clamp_(self.low, self.high).log_()
                torch.sub(p, p.mean(0), out=logits[:, where])
            return int(beyond.sum()), soft, float(total.amin()), float(total.amax())

        found = in_threads(part, range(0, space[0], step))
        sums = np.array([parts[2:] for parts in found])
        # NaN fails the comparison.
        if not (sums.min() >= 1 - _ROUNDED and sums.max() <= 1 + _ROUNDED):
            raise DataError(self._no_probabilities(number, sums))
        self.maps.append(labels)
        self.clipped.append(sum(parts[0] for parts in found))
        self._soft = sum(parts[1] for parts in found)
        if logits is not None and labels.any():
            columns.add(logits)

    @staticmethod
    def _no_probabilities(number: int, sums: NDArray[np.float64]) -> str:
        if not np.isfinite(sums).all():
            return f"Member {number} holds values that are no probabilities: below 0 or not finite."
        return (
            f"The probabilities of member {number} sum to {sums.min():.3g} … {sums.max():.3g} in a "
            "voxel and not to 1: logits, or regions that overlap, are not read."
        )

    def check(self) -> None:
        """DataError if there are too few, or none that outlines anything."""
        if len(self.maps) < 2:
            raise DataError(
                f"An ensemble has two members or more, and this one has {len(self.maps)}."
            )
        if not any(one.any() for one in self.maps):
            raise DataError(f"None of the {len(self.maps)} members outlines anything.")


def saturated(label_map: NDArray[np.uint8], soft: int) -> bool:
    """Whether probabilities say no more than their label map: no edge is soft.

    ``#{v : max_c p_vc ≤ high} < 0.1 · #{v at an edge}``, where a voxel is at an edge if a neighbour
    across its lower face along any axis has another label.

    Args:
        label_map: (*S).
        soft: voxels of which no label is certain.
    """
    edge = np.zeros(label_map.shape, bool)
    for axis in range(label_map.ndim):
        along = np.moveaxis(label_map, axis, 0)
        np.moveaxis(edge, axis, 0)[1:] |= along[1:] != along[:-1]
    return soft < _SOFT * int(edge.sum())
