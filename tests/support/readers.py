"""What other plugins' readers make of a NIfTI file, as was found by running them.

napari-nifti 0.0.20 (medvol 0.0.22) and napari-itk-io 0.4.1 (itk 5.4.7, itk-napari-conversion
0.5.1), on files of all 48 axis orders and directions: the functions here give the same arrays,
scales, translations and metadata.
"""

from __future__ import annotations

from typing import Any

import nibabel as nib
import numpy as np
from nibabel.orientations import io_orientation
from numpy.typing import NDArray

LayerData = tuple[NDArray[Any], dict[str, Any], str]


def napari_nifti(data: NDArray[Any], affine: NDArray[np.float64]) -> LayerData:
    """The axes of its affine in reverse order, each from its far end, scales negative.

    It means its axes to be (superior, anterior, right); of a file whose axes are in another order
    they are not. Its affine is that of what it shows all the same, and the name of its coordinate
    system that of the affine's axes.
    """
    image = nib.Nifti1Image(data, affine)
    image.header.set_xyzt_units("mm")
    header = image.header
    turn = io_orientation(affine)
    order = tuple(int(axis) for axis in turn[:, 0])
    back = tuple(axis for axis in range(3) if turn[axis, 1] < 0)
    inner = np.flip(data.transpose(order), back)
    # Index of the file from an index of `inner`.
    matrix = np.eye(4)
    matrix[:3, :3] = 0
    for axis, source in enumerate(order):
        matrix[source, axis] = -1 if axis in back else 1
        matrix[source, 3] = data.shape[source] - 1 if axis in back else 0
    # It rounds to so many digits.
    known = (affine @ matrix).round(6)
    sizes = np.linalg.norm(known[:3, :3], axis=0)
    metadata = {
        "affine": known,
        "spacing": sizes,
        "origin": known[:3, 3],
        "direction": known[:3, :3] / sizes,
        "header": header,
        "coordinate_system": "".join(nib.aff2axcodes(known)) + "+",
    }
    shown = inner.transpose()
    scale = [-sizes[2 - axis] for axis in range(3)]
    translate = [
        known[2 - axis, 3] + (shown.shape[axis] - 1) * sizes[2 - axis] for axis in range(3)
    ]
    return shown, {"scale": scale, "translate": translate, "metadata": metadata}, "image"


def napari_itk_io(data: NDArray[Any], affine: NDArray[np.float64]) -> LayerData:
    """The file's axes in reverse order, towards left, posterior, superior; the direction is lost.

    Spacing, origin and direction stand in the metadata, in the order (z, y, x), among every field
    of the header as text.
    """
    lps = np.diag([-1.0, -1, 1, 1]) @ affine
    sizes = np.linalg.norm(lps[:3, :3], axis=0)
    spacing, origin = sizes[::-1].copy(), lps[2::-1, 3].copy()
    direction = (lps[:3, :3] / sizes)[::-1, ::-1].copy()
    metadata = {
        "descrip": "",
        "qto_xyz": affine,
        "spacing": spacing,
        "origin": origin,
        "direction": direction,
    }
    kwargs = {
        "channel_axis": None,
        "rgb": False,
        "metadata": metadata,
        "scale": spacing,
        "translate": origin,
    }
    return data.transpose(), kwargs, "image"
