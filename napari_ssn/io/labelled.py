"""Which files hold labels, though they do not say so: masks of most other programs.

Label maps of a whole body are long: they are looked at piece by piece in the order that they have
in memory, each piece small enough for the processor's cache, and nothing of their size is made.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from napari_ssn.geometry.arrays import Array

# Whole numbers that float32 holds exactly, and those that labels may be.
_EXACT, _LABELS = 1 << 24, 1 << 32
# More labels than an atlas has.
_MOST = 1024
# Of so many labels a map is never taken for a picture.
_FEW = 16
# Share of the neighbours in which two voxels that are something are the same thing. In pictures
# of eight bits it is about a tenth, in label maps nearly all.
_ALIKE = 0.6
# Voxels that are looked at at once.
_PIECE = 1 << 18
# Bytes of labels for which room is made beside what was read.
_SPARE = 400 << 20


def label_kind(values: Array) -> np.dtype[Any] | None:
    """Smallest unsigned kind that holds all values; None if one is not whole or below zero."""
    high = 0.0
    fractions = values.dtype.kind == "f"
    most = _EXACT if fractions else _LABELS
    for piece in _pieces(values):
        part = _single(piece)
        # NaN fails the comparison.
        low, top = float(part.min()), float(part.max())
        if not (low >= 0 and top < most):
            return None
        if fractions and not np.array_equal(part, np.rint(part)):
            return None
        high = max(high, top)
    return np.dtype(np.uint8 if high < 256 else np.uint16 if high < 65536 else np.uint32)


def narrowed(values: Array, kind: np.dtype[Any], spend: bool = False) -> Array:
    """Values as labels of the kind that `label_kind` found, in the same order in memory.

    Args:
        values: any shape.
        kind: of unsigned numbers.
        spend: whether the values are of no more use: then they are not copied where that takes
            much room.
    """
    own = values.dtype
    if own.kind in "iu" and own.isnative and own.itemsize == kind.itemsize:
        return (values if spend else values.copy("K")).view(kind)
    order = _order(values)
    there = values.transpose(order)
    in_place = (
        spend
        and values.size * kind.itemsize > _SPARE
        and there.flags.c_contiguous
        and there.flags.writeable
    )
    if in_place:
        # What is written never reaches what is still to be read: labels take no more room.
        out = there.reshape(-1).view(kind)[: values.size].reshape(there.shape)
    else:
        out = np.empty(there.shape, kind)
    step = _step(there)
    for low in range(0, len(there), step):
        out[low : low + step] = _single(there[low : low + step]).astype(kind)
    return out.transpose(np.argsort(order))


def looks_like_labels(values: Array, whole: bool) -> bool:
    """Whether an image (*S) that does not say so is a label map.

    Its values are whole numbers, few, with the background 0 among them; and either there is but
    one label, or neighbours that are no background are mostly alike:

        #{(v, w) neighbours : x_v = x_w ≠ 0}  ≥  0.6 · #{(v, w) neighbours : x_v, x_w ≠ 0}

    An image of intensities has noise and shading and is neither.

    Args:
        values: of the image.
        whole: whether they are stored as whole numbers; a map of nothing but background is a
            label map only then.
    """
    kind = label_kind(values)
    if kind is None:
        return False
    found = _distinct(values, kind)
    if 0 not in found or len(found) > _MOST or (len(found) == 1 and not whole):
        return False
    return len(found) <= 2 or mostly_alike(values, kind)


def _distinct(values: Array, kind: np.dtype[Any]) -> set[int]:
    """The different labels; counting stops where they are too many."""
    seen: set[int] = set()
    for piece in _pieces(values):
        labels = _single(piece).astype(kind, copy=False).reshape(-1)
        # In a label map few voxels differ from the one before.
        seen.add(int(labels[0]))
        seen.update(np.unique(labels[1:][labels[1:] != labels[:-1]]).tolist())
        if len(seen) > _MOST:
            break
    return seen


def mostly_alike(values: Array, kind: np.dtype[Any] | None = None) -> bool:
    """The inequality of `looks_like_labels`.

    Args:
        values: whole numbers.
        kind: of labels that holds them; their own if left out.
    """
    kind = values.dtype if kind is None else kind
    there = values.transpose(_order(values))
    step = _step(there)
    alike = both = 0
    for low in range(0, len(there), step):
        # With the plane before, whose neighbours lie in this piece.
        first = min(low, 1)
        labels = _single(there[low - first : low + step]).astype(kind, copy=False)
        some = labels != 0
        if not some.any():
            continue
        for axis in range(labels.ndim):
            behind: tuple[slice, ...] = (slice(first if axis else 0, None),)
            one = np.moveaxis(labels[behind], axis, 0)
            filled = np.moveaxis(some[behind], axis, 0)
            two = filled[:-1] & filled[1:]
            both += int(np.count_nonzero(two))
            alike += int(np.count_nonzero(two & (one[:-1] == one[1:])))
    return alike >= _ALIKE * both


def seems_a_picture(labels: Array) -> bool:
    """Whether whole numbers, of which some are high, lie as those of a picture, not as labels do.

    Args:
        labels: unsigned whole numbers, (*S).
    """
    return int(labels.max()) > _FEW and not mostly_alike(labels)


def _pieces(values: Array) -> Iterator[Array]:
    """An array in pieces, one behind the other in memory."""
    there = values.transpose(_order(values))
    step = _step(there)
    for low in range(0, len(there), step):
        yield there[low : low + step]


def _order(values: Array) -> tuple[int, ...]:
    """Axes of an array, the slowest in memory first, and last those of a single place."""
    far = [
        abs(step) if size > 1 else -1
        for step, size in zip(values.strides, values.shape, strict=True)
    ]
    return tuple(sorted(range(values.ndim), key=lambda axis: -far[axis]))


def _step(there: Array) -> int:
    return max(1, _PIECE * len(there) // max(there.size, 1))


def _single(values: Array) -> Array:
    """Fractions as images have them, float32, which makes whole numbers of what was nearly so."""
    if values.dtype.kind != "f":
        return values
    with np.errstate(over="ignore"):
        return values.astype(np.float32, copy=False)
