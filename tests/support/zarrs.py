"""OME-Zarr made in a test."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

zarr = pytest.importorskip("zarr")
NAME = "DOE_JANE"
MICRO = "micrometer"


def make(
    path: Path,
    levels: list[np.ndarray],
    axes: str,
    version: str = "0.4",
    unit: str | None = MICRO,
    **options: Any,
) -> Path:
    """An image whose first level has voxels of 2, 0.5 and 0.4 units along z, y and x."""
    root = zarr.open_group(str(path), mode="w", zarr_format=2 if version == "0.4" else 3)
    steps = {"t": 3.0, "c": 1.0, "z": 2.0, "y": 0.5, "x": 0.4}
    kinds = {"t": "time", "c": "channel"}
    sets = []
    for k, one in enumerate(levels):
        array = root.create_array(
            str(k), shape=one.shape, dtype=one.dtype, chunks=options.get("chunks") or one.shape,
            **{key: value for key, value in options.items() if key != "chunks"},
        )  # fmt: skip
        array[...] = one
        coarse = [levels[0].shape[n] / one.shape[n] for n in range(one.ndim)]
        scale = [steps[name] * by for name, by in zip(axes, coarse, strict=True)]
        # The middle of the first voxel of a coarser level lies further in.
        shift = [steps[name] * (by - 1) / 2 for name, by in zip(axes, coarse, strict=True)]
        moves = [{"type": "scale", "scale": scale}, {"type": "translation", "translation": shift}]
        sets.append({"path": str(k), "coordinateTransformations": moves})
    named = [{"name": n, "type": kinds.get(n, "space")} for n in axes]
    for axis in named:
        if axis["name"] == "t":
            axis["unit"] = "second"
        elif axis["type"] == "space" and unit is not None:
            axis["unit"] = unit
    scales: dict[str, Any] = {"axes": named, "datasets": sets, "name": NAME}
    if version == "0.4":
        root.attrs["multiscales"] = [{**scales, "version": version}]
    else:
        root.attrs["ome"] = {"version": version, "multiscales": [scales]}
    return path
