"""Whole scans for points on no nodule, as a command names them."""

from __future__ import annotations

import numpy as np

from napari_ssn.errors import DataError
from napari_ssn.geometry.affine import Affine
from napari_ssn.io import read
from napari_ssn.network.tiles import check_centre
from napari_ssn.training.lesions import check_physical
from napari_ssn.training.off_nodule import Background


def background_of(text: str) -> Background:
    """A scan and the middles of its nodules in mm, of ``SCAN=i,j,k;i,j,k``.

    DataError where it is no volume in Hounsfield units, or a place is none.
    """
    path, _, places = text.partition("=")
    volume = read(path)
    check_physical("The scan that --background names", volume)
    voxels = []
    for place in filter(None, places.split(";")):
        try:
            voxels.append(tuple(int(i) for i in place.split(",")))
        except ValueError:
            raise DataError(f"--background names voxels as i,j,k and got {place!r}.") from None
        check_centre(voxels[-1], volume.space)
    indices = np.array(voxels, np.float64).reshape(-1, 3)
    return volume, Affine(volume.affine).places(indices)
