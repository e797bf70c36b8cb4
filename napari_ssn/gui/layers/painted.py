"""An array-like that draws each slice as lines when somebody looks at it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.uint8]


class Painted:
    """Values of a grid, shown as what a function makes of each plane of them.

    Lines are those of the plane on show, whichever that is; a whole volume, as the 3D view and a
    file ask for, has none, and shows masks instead. Copies are frozen arrays.

    Args:
        values: (*S) uint8, two or three axes.
        lines: from values of a plane to what is shown of it.
        filled: from values of a whole volume to what is shown of it.
    """

    dtype = np.dtype(np.uint8)

    def __init__(
        self,
        values: NDArray[np.uint8],
        lines: Callable[[Plane], Plane],
        filled: Callable[[NDArray[np.uint8]], NDArray[np.uint8]],
    ) -> None:
        self._values, self._lines, self._filled = values, lines, filled
        self.shape, self.ndim = values.shape, values.ndim

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, key: Any) -> NDArray[np.uint8]:
        part = np.asarray(self._values[key])
        # Of a part of a plane the border would be cut.
        return self._lines(part) if part.ndim == 2 else self._filled(part)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self._filled(self._values), dtype=dtype)

    def __setitem__(self, key: Any, value: Any) -> None:
        raise TypeError("This layer is drawn from the hypotheses: it cannot be painted on.")

    def __copy__(self) -> NDArray[np.uint8]:
        return np.array(self)

    def __deepcopy__(self, memo: dict[int, Any]) -> NDArray[np.uint8]:
        return np.array(self)
