"""What tells images and results apart: checksums of their values, the same on every computer."""

from __future__ import annotations

import hashlib

import numpy as np

from napari_ssn.core.hypotheses import ProbabilityMap
from napari_ssn.geometry.arrays import Array, Labels
from napari_ssn.geometry.volume import Volume


def image_hash(volume: Volume) -> str:
    """sha256 over shape, dtype, values and affine of an image on its file's grid.

    The values are hashed as little-endian float32 in C order, the affine as little-endian
    float64, so that every computer, and the window as well as the command line, agrees.
    """
    data = np.ascontiguousarray(volume.data, dtype="<f4")
    # Adding zero makes −0.0 and 0.0 one number, as they are everywhere else.
    affine = np.ascontiguousarray(volume.affine + 0.0, dtype="<f8")
    digest = hashlib.sha256()
    digest.update(f"{data.shape} float32\n".encode())
    digest.update(data.data)
    digest.update(affine.tobytes())
    return digest.hexdigest()


def label_map_hash(label_map: Labels) -> str:
    """sha256 of a label map's uint8 values in C order."""
    return hashlib.sha256(np.ascontiguousarray(label_map, dtype=np.uint8).data).hexdigest()


def probability_hash(probability: ProbabilityMap) -> str:
    """sha256 of a probability map's values as little-endian float32 in C order."""
    return map_hash(probability.values)


def map_hash(values: Array) -> str:
    """As `label_map_hash` of labels, as `probability_hash` of fractions."""
    if values.dtype == np.uint8:
        return label_map_hash(values)
    return hashlib.sha256(np.ascontiguousarray(values, dtype="<f4").data).hexdigest()
