"""NIfTI files of results."""

from __future__ import annotations

import gzip
from collections.abc import Sequence
from pathlib import Path

import nibabel as nib
import numpy as np

from napari_ssn.geometry.arrays import Array, Floats
from napari_ssn.geometry.transforms import NEAR_MM, corners_apart_mm
from napari_ssn.io.content import Content, stacked
from napari_ssn.io.nifti_header import LABELS

#: How far a corner of the grid may lie from where the qform of the nearest rotation puts it.
QFORM_MM = 0.01
#: What is said of a file whose grid has no such qform.
NOT_IN_ITK = (
    "3D Slicer, ITK-SNAP and others built on ITK cannot open it, as its slices are tilted against "
    "their stack; a .seg.nrrd or DICOM segmentation keeps the place for them"
)
# How far an sform may be from right angles for ITK, less the rounding of its numbers.
_SKEWED = 9.9e-5
# Largest size of an axis in a NIfTI-1 header.
_NIFTI1_AXIS = 32767


def encode(content: Content, path: Path, series: object) -> bytes:
    """Content of a NIfTI file of one or several hypotheses, or of the probability map.

    Several hypotheses are uint8 label maps along a fourth axis, in their order; probabilities
    are float32, those of several labels along a fourth axis, without the background. The same
    content gives the same bytes.

    The sform holds the affine; the qform that of the nearest rotation, where that is as near as
    `QFORM_MM`: ITK opens no sform that is off a right angle, and takes the qform beside it.
    Elsewhere there is no qform, and ITK refuses the file, see `opens_in_itk`, rather than misplace
    it. NIfTI-1 as long
    as its float32 numbers put the grid within `NEAR_MM`: NIfTI-2, which has float64, is not
    read by ITK 5 nor by what is built on it, 3D Slicer and ITK-SNAP among others. What was read
    from NIfTI-1 goes back into it unchanged; the sidecar has the affine to its last bit.
    """
    if content.probability is not None:
        maps, largest = list[Array](content.probability.values), 1
    else:
        maps, largest = [one.label_map for one in content.hypotheses], content.classes - 1
    data, affine = maps[0] if len(maps) == 1 else stacked(maps), content.affine
    rounded = affine.astype(np.float32).astype(np.float64)
    near = corners_apart_mm(rounded, affine, data.shape[:3]) <= NEAR_MM
    small = max(data.shape) <= _NIFTI1_AXIS
    kind = nib.Nifti1Image if small and near else nib.Nifti2Image
    image = kind(data, None)
    header = image.header
    header.set_data_dtype(data.dtype)
    header.set_xyzt_units("mm")
    header["descrip"] = b"napari-ssn"
    header["cal_max"] = largest
    if data.dtype == np.uint8:
        header.set_intent(LABELS)
    image.set_sform(affine, code="scanner")
    # Sets the voxel sizes too; code 0 tells readers not to use the rotation.
    code = "scanner" if fits_qform(affine, data.shape) else "unknown"
    image.set_qform(affine, code=code, strip_shears=True)
    raw: bytes = image.to_bytes()
    if not path.name.lower().endswith(".gz"):
        return raw
    # No time in the header of the compressed file, so that equal results are equal files.
    return gzip.compress(raw, compresslevel=6, mtime=0)


def opens_in_itk(affine: Floats, shape: Sequence[int]) -> bool:
    """Whether ITK opens a file of this grid: by its qform, or by an sform of right angles.

        max |D Dᵀ − I| ≤ 1e-4,  D the columns of the affine, each of length one

    is what ITK 5 asks of an sform; what is just at that limit counts as refused.

    Args:
        affine: 4×4, index to mm.
        shape: of the grid.
    """
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    return fits_qform(affine, shape) or bool(np.abs(axes @ axes.T - np.eye(3)).max() <= _SKEWED)


def fits_qform(affine: Floats, shape: Sequence[int]) -> bool:
    """Whether a qform can hold an affine, to `QFORM_MM` in every corner of a grid.

        max ‖(A − Q) v‖ ≤ 0.01 mm over the corners v,  Q = R diag(‖aᵢ‖),  R the nearest rotation

    Args:
        affine: 4×4 A, index to mm.
        shape: of the grid; axes behind the third are not of space.
    """
    header = nib.Nifti1Header()
    header.set_qform(affine, code="scanner", strip_shears=True)
    return corners_apart_mm(header.get_qform(), affine, tuple(shape[:3])) <= QFORM_MM


def remark(content: Content) -> str:
    """That programs which take a straight grid alone cannot open it, where that is so."""
    return "" if opens_in_itk(content.affine, content.space) else NOT_IN_ITK
