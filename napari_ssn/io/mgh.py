"""FreeSurfer's images, ``.mgz`` and ``.mgh``."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
from nibabel.freesurfer.mghformat import MGHHeader
from nibabel.spatialimages import HeaderDataError

from napari_ssn.errors import ImageError
from napari_ssn.geometry.volume import Volume
from napari_ssn.io import source
from napari_ssn.io.stored import Stored

_NO_MGH = "The file is damaged or no image of FreeSurfer: export it again or choose another."
# Bytes of the header before the voxels, and of what nibabel's has.
_START, _LONGEST = 284, 512
_VERSION = 1
# Where it is told whether the position is one.
_FLAG = 28


def read_stored(path: Path) -> Stored:
    """Read an image of FreeSurfer on its own voxel grid; without a position it is no patient's.

    Raises:
        ImageError: the file is missing, damaged, cut off, or of a kind that is not read.
        GeometryError: it has an affine that cannot be used.
    """
    with source.opened(path) as stream:
        raw = source.first(source.unpacked_if(stream), _LONGEST)
        if len(raw) < _START:
            raise ImageError(_NO_MGH)
        header = MGHHeader(raw, check=False)
        if int(header["version"]) != _VERSION:
            raise ImageError(_NO_MGH)
        sizes = [int(size) for size in header["dims"]]
        source.check_sizes(sizes)
        try:
            kind = header.get_data_dtype()
        except (HeaderDataError, KeyError):
            raise ImageError(
                "The image holds no plain numbers: convert it to grey values first."
            ) from None
        # How the image was made is told behind the voxels, at any length.
        tail = max(source.size_of(stream), 1 << 20)
        values = source.numbers(stream, _START, kind, math.prod(sizes), tail)
    data = np.moveaxis(values.reshape(sizes, order="F"), -1, 0)
    # nibabel sets the flag where it fills in a position.
    oriented = raw[_FLAG : _FLAG + 2] != bytes(2)
    affine = np.array(header.get_affine(), dtype=np.float64)
    return Stored(data, affine, "volume", oriented, whole=kind.kind != "f")


def read(path: Path, frame: int | None) -> Volume:
    """See `read_stored`; several frames are no image."""
    return read_stored(path).image(frame)
