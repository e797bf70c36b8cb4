"""What arrays hold, and what is done between two pieces of work: by one name in all signatures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Of any kind.
Array = NDArray[Any]
#: By name, as they are stored and sent.
Arrays = dict[str, Array]
Floats = NDArray[np.float64]
#: In single precision: intensities, logits, probabilities.
Singles = NDArray[np.float32]
#: Counts, and places in a grid.
Ints = NDArray[np.int64]
#: Labels of voxels, 0 for the background.
Labels = NDArray[np.uint8]
#: Grey values or colours of a picture.
Pixels = NDArray[np.uint8]
#: Small numbers that are no labels: codes, packed bits.
Bytes = NDArray[np.uint8]
Mask = NDArray[np.bool_]
#: An index of a grid or a part of it, along the first axes or all.
Where = tuple[slice | int, ...]
#: Looks at the cancel button, and raises if it was pressed.
Between = Callable[[], None]
