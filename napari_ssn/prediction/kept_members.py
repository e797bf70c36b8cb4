"""The members of an ensemble as a study keeps them, and back."""

from __future__ import annotations

import numpy as np

from napari_ssn.core.decodable import Decodable
from napari_ssn.core.latent import FARTHEST
from napari_ssn.core.members import Members, Method
from napari_ssn.documents.ran import EnsembleRun
from napari_ssn.errors import DataError
from napari_ssn.geometry.arrays import Arrays

_DAMAGED = "The study is damaged: the members of an ensemble do not fit its result."


def arrays_of(members: Members) -> Arrays:
    """What cannot be made again without the members' files."""
    return {"label_maps": members.label_maps, "z": members.z, "clipped": members.clipped}


def members_from(told: EnsembleRun, arrays: Arrays, dist: Decodable) -> Members:
    """Members of some arrays; DataError where they are none of the distribution's.

    Args:
        told: what the study says of them.
        arrays: from `arrays_of`.
        dist: of their result.
    """
    count = len(told.members)
    shapes = {
        "label_maps": ((count, *dist.space), "uint8"),
        "z": ((count, dist.rank), "float64"),
        "clipped": ((count,), "int64"),
    }
    for name, (shape, kind) in shapes.items():
        found = arrays.get(name)
        if found is None or found.shape != shape or found.dtype.name != kind:
            raise DataError(_DAMAGED)
    label_maps, z = arrays["label_maps"], arrays["z"]
    if label_maps.max(initial=0) >= dist.classes:
        raise DataError(_DAMAGED)
    method = Method(told.kind, told.low, told.high, told.width_mm, told.rank)
    made = Members(label_maps, z, method, arrays["clipped"], dist.classes)
    stands = z[made.outlined]
    if not (len(stands) and np.isfinite(stands).all() and np.abs(stands).max() <= FARTHEST):
        raise DataError(_DAMAGED)
    return made
