"""Products of small matrices, without waking another thread."""

from __future__ import annotations

import numpy as np

from napari_ssn.geometry.arrays import Floats

# Multiplications of one product, and numbers of a matrix that meets a vector: a library of linear
# algebra does so few in the calling thread. To wake another for some microseconds of work costs
# more than that, and milliseconds where that thread has to wait for a processor.
_MATRIX, _VECTOR = 1 << 17, 1 << 12


def product(a: Floats, b: Floats) -> Floats:
    """``a @ b`` of (n, k) and (k, m) or (k,), a few rows of ``a`` at a time."""
    if b.ndim == 1:
        return product(a, b[:, None])[:, 0]
    out = np.empty((len(a), b.shape[1]))
    step = max(1, (_MATRIX if b.shape[1] > 1 else _VECTOR) // max(1, b.size))
    for first in range(0, len(a), step):
        np.matmul(a[first : first + step], b, out=out[first : first + step])
    return out
