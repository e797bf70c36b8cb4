"""An array-like that decodes the hypothesis on show, and only the part somebody looks at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from napari_ssn.geometry.orientation import Reorientation

#: Labels of a part of the region, on the source's grid; None while there is no result.
Read = Callable[[tuple[slice | int, ...]], NDArray[np.uint8] | None]


class Walking:
    """Labels of the hypothesis on show, as the picture is shown, decoded when asked for.

    Outside the region the labels are 0 and cost nothing. Copies are frozen arrays: a layer
    duplicated or saved from this one does not walk on.

    Args:
        read: decodes a part of the region.
        image_space: shape of the image, on the source's grid.
        start, region_space: where the region lies in it.
        reorientation: from the source's grid to the one shown.
    """

    dtype = np.dtype(np.uint8)

    def __init__(
        self,
        read: Read,
        image_space: Sequence[int],
        start: Sequence[int],
        region_space: Sequence[int],
        reorientation: Reorientation,
    ) -> None:
        self._read = read
        self._space = tuple(image_space)
        self._start = tuple(start)
        self._region = tuple(region_space)
        self._turn = reorientation
        self.shape = reorientation.shape(self._space)
        self.ndim = len(self.shape)
        # What was asked for last, how that is decoded, and the part of it.
        self._last: tuple[list[slice | int], _Way, tuple[slice | int, ...]] | None = None

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> NDArray[np.uint8]:
        parts = self._expanded(key)
        if parts is None:
            whole: NDArray[np.uint8] = np.asarray(self)[key]
            return whole
        if self._last is None or self._last[0] != parts:
            # While the slider moves the same slice is asked for in every frame.
            box, rest = [], []
            for part, size in zip(parts, self.shape, strict=True):
                first, last, inner = _bounds(part, size)
                box.append((first, last))
                rest.append(inner)
            self._last = parts, self._way_to(box), tuple(rest)
        _, way, inside = self._last
        # napari goes through the slice several times: fastest along its rows.
        return np.ascontiguousarray(self._decode(way)[inside])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self._decode(self._way_to([(0, n) for n in self.shape])), dtype=dtype)

    def __setitem__(self, key: Any, value: Any) -> None:
        raise TypeError("This layer follows the slider: keep the hypothesis, then edit its copy.")

    def __copy__(self) -> NDArray[np.uint8]:
        return np.array(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> NDArray[np.uint8]:
        return np.array(self)

    def _expanded(self, key: Any) -> list[slice | int] | None:
        """One slice or integer per axis; None for an index of another kind."""
        parts = list(key) if isinstance(key, tuple) else [key]
        if any(part is Ellipsis for part in parts):
            at = next(i for i, part in enumerate(parts) if part is Ellipsis)
            missing = self.ndim - (len(parts) - 1)
            parts[at : at + 1] = [slice(None)] * missing
        parts += [slice(None)] * (self.ndim - len(parts))
        plain = all(isinstance(part, slice | int | np.integer) for part in parts)
        return parts if plain and len(parts) == self.ndim else None

    def _way_to(self, box: list[tuple[int, int]]) -> _Way:
        """What has to be decoded for a box of the picture."""
        source: list[tuple[int, int]] = [(0, 0)] * self.ndim
        for (first, last), axis, back in zip(box, self._turn.order, self._turn.flip, strict=True):
            size = self._space[axis]
            source[axis] = (size - last, size - first) if back else (first, last)
        lengths = tuple(last - first for first, last in source)
        asked, placed = [], []
        for (first, last), start, size in zip(source, self._start, self._region, strict=True):
            low, high = max(first, start), min(last, start + size)
            if low >= high:
                return _Way(None, (), lengths)
            asked.append(slice(low - start, high - start))
            placed.append(slice(low - first, high - first))
        return _Way(tuple(asked), tuple(placed), lengths)

    def _decode(self, way: _Way) -> NDArray[np.uint8]:
        """Labels of a box of the picture, shaped as the picture is."""
        labels = None if way.asked is None else self._read(way.asked)
        if labels is None or labels.shape != way.lengths:
            out = np.zeros(way.lengths, np.uint8)
            if labels is not None:
                out[way.placed] = labels
            labels = out
        return self._turn.apply(labels)


class _Way(NamedTuple):
    """How a box of the picture is decoded.

    Attributes:
        asked: part of the region; None where the box is outside it.
        placed: where that lies in the box, on the source's axes.
        lengths: of the box, on the source's axes.
    """

    asked: tuple[slice, ...] | None
    placed: tuple[slice, ...]
    lengths: tuple[int, ...]


def _bounds(part: slice | int, size: int) -> tuple[int, int, slice | int]:
    """Smallest interval that holds an index, and the index within that interval."""
    if not isinstance(part, slice):
        at = int(part)
        if not -size <= at < size:
            raise IndexError(f"index {at} is out of bounds for an axis of {size}")
        at %= size
        return at, at + 1, 0
    picked = range(*part.indices(size))
    if not picked:
        return 0, 0, slice(None)
    low, high = min(picked[0], picked[-1]), max(picked[0], picked[-1]) + 1
    return low, high, slice(None, None, part.step)
