"""An array-like that decodes the hypothesis on show, and only the part somebody looks at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

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

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, key: Any) -> NDArray[np.uint8]:
        parts = self._expanded(key)
        if parts is None:
            whole: NDArray[np.uint8] = np.asarray(self)[key]
            return whole
        box, rest = [], []
        for part, size in zip(parts, self.shape, strict=True):
            first, last, inner = _bounds(part, size)
            box.append((first, last))
            rest.append(inner)
        # napari goes through the slice several times: fastest along its rows.
        return np.ascontiguousarray(self._decode(box)[tuple(rest)])

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.asarray(self._decode([(0, n) for n in self.shape]), dtype=dtype)

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

    def _decode(self, box: list[tuple[int, int]]) -> NDArray[np.uint8]:
        """Labels of a box of the picture, shaped as the picture is."""
        source: list[tuple[int, int]] = [(0, 0)] * self.ndim
        for (first, last), axis, back in zip(box, self._turn.order, self._turn.flip, strict=True):
            size = self._space[axis]
            source[axis] = (size - last, size - first) if back else (first, last)
        lengths = [last - first for first, last in source]
        asked, placed = [], []
        for (first, last), start, size in zip(source, self._start, self._region, strict=True):
            low, high = max(first, start), min(last, start + size)
            if low >= high:
                return self._turn.apply(np.zeros(lengths, np.uint8))
            asked.append(slice(low - start, high - start))
            placed.append(slice(low - first, high - first))
        labels = self._read(tuple(asked))
        if labels is not None and labels.shape == tuple(lengths):
            return self._turn.apply(labels)
        out = np.zeros(lengths, np.uint8)
        if labels is not None:
            out[tuple(placed)] = labels
        return self._turn.apply(out)


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
