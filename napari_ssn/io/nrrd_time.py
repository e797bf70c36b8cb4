"""NRRD files whose space has time for a fourth dimension, as ITK writes series of images."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from napari_ssn.errors import GeometryError
from napari_ssn.geometry.arrays import Floats

#: Under this name the header says how many seconds lie between frames, or None.
TIME_STEP = "\0step"
_SECONDS = {"s": 1.0, "sec": 1.0, "ms": 1e-3, "us": 1e-6}
# Spaces of four dimensions by their short names.
_SHORT = {"rast": "ras", "last": "las", "lpst": "lps"}


def in_space(header: dict[str, Any]) -> dict[str, Any]:
    """The header with three dimensions of space, and under `TIME_STEP` what the fourth says.

    An axis that runs along the fourth dimension alone gets no direction, as frames have none.

    Raises:
        GeometryError: an axis leans into both.
    """
    space = str(header.get("space", ""))
    short = _SHORT.get(space.lower(), space.lower().removesuffix("-time"))
    rows = header.get("space directions")
    four = rows is not None and any(row is not None and len(_vector(row)) == 4 for row in rows)
    if not four:
        return {**header, TIME_STEP: None}
    assert rows is not None
    directions: list[Floats | None] = []
    step = None
    for row in rows:
        vector = None if row is None else _vector(row)
        if vector is None or np.isnan(vector).all():
            directions.append(None)
        elif len(vector) == 4 and not vector[:3].any():
            directions.append(None)
            step = float(vector[3])
        elif len(vector) == 4 and vector[3] == 0:
            directions.append(vector[:3])
        else:
            raise GeometryError("The fourth axis of the image leans into those of space.")
    units = [str(unit).strip('"').lower() for unit in header.get("space units") or []]
    changed: dict[str, Any] = {"space directions": directions}
    if "space" in header:
        changed["space"] = short
    if "space origin" in header:
        changed["space origin"] = _vector(header["space origin"])[:3]
    if len(units) == 4:
        changed["space units"] = units[:3]
        scale = _SECONDS.get(units[3])
        step = None if scale is None or step is None else step * scale
    else:
        step = None
    known = step is not None and math.isfinite(step) and step > 0
    return {**header, **changed, TIME_STEP: step if known else None}


def _vector(row: Any) -> Floats:
    return np.asarray(row, dtype=np.float64).reshape(-1)
