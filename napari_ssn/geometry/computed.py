"""Values of arrays that are computed when they are asked for."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def computed(data: Any) -> NDArray[Any]:
    """Values of an array, read or computed now, by whichever thread asks for them.

    While napari slices a layer of dask's, a cache of napari's is told of all that dask computes
    anywhere. It is made for one thread: what another computes meanwhile ends napari's slicing with
    a KeyError (https://github.com/dask/dask/issues/10396). So nobody is told of this.

    Args:
        data: of numpy, dask, xarray, zarr and the like.

    Examples:
        >>> computed([[1, 2]]).shape
        (1, 2)
    """
    graph = getattr(data, "__dask_graph__", None)
    if callable(graph) and graph() is not None:
        data = data.compute(callbacks=())
    return np.asarray(data)
