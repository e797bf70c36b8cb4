"""Make the sample nodule in 3D: ``python docs/sample_nodule.py CT SLICES``.

CT is the series of LIDC-IDRI-0001, and SLICES a set of slices of LIDC-IDRI with the tables that
make volumes of them (docs/training.md), in which nodule 0 of patient 1 is. Neither is part of the
project. Written are a piece of the scan around the nodule, in Hounsfield units and at its place in
the patient, and what each of four radiologists outlined in it, a bit each, on the same grid. The
same input gives the same bytes.
"""

from __future__ import annotations

import gzip
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray

from napari_ssn import read
from napari_ssn.errors import DataError
from napari_ssn.network.models import replace_file
from napari_ssn.samples import FOLDER, sample
from napari_ssn.training.nodules import load_nodules

NUMBER = 4
# Slices of the piece, and how far its values may lie from those of the set, whose slices are
# rounded to eight bits, in the middle of all.
SLICES, ROUNDING_HU = 25, 10.0


def main(scan: Path, slices: Path) -> None:
    """Cut the piece, see that it is the set's nodule, and write it beside the other samples."""
    about, nodules = sample(NUMBER), load_nodules(slices)
    index = nodules.names.index(about.case)
    ct, masks, hu = read(scan), nodules.masks(index), nodules.hu(index)
    # The set's crop lies at these rows and columns of the scan, its first slice at this height.
    row, column, first_mm = nodules.stacks[index].corner
    heights = ct.affine[2, 3] + ct.affine[2, 2] * np.arange(ct.space[2])
    lowest = int(np.abs(heights - first_mm).argmin())
    count, rows, columns = hu.shape
    start = (int(column), int(row), lowest - (SLICES - count) // 2)
    piece = tuple(slice(a, a + n) for a, n in zip(start, (columns, rows, SLICES), strict=True))
    values = ct.data[0][piece].astype(np.int16)
    inside = slice(lowest - start[2], lowest - start[2] + count)
    off = np.abs(values[..., inside].transpose(2, 1, 0) - hu)
    if ct.affine[2, 2] <= 0 or np.median(off) > ROUNDING_HU:
        raise DataError("These slices are not those of the scan: the nodule was found elsewhere.")
    bits = np.zeros(values.shape, np.uint8)
    packed = sum(mask.astype(np.uint8) << bit for bit, mask in enumerate(masks))
    bits[..., inside] = np.asarray(packed).transpose(2, 1, 0)
    affine = ct.affine.copy()
    affine[:3, 3] += ct.affine[:3, :3] @ start
    for name, array in ((about.image, values), (about.raters, bits)):
        replace_file(FOLDER / name, _packed(array, affine))


def _packed(array: NDArray[np.generic], affine: NDArray[np.float64]) -> bytes:
    image = nib.Nifti1Image(array, affine)
    image.header.set_xyzt_units("mm")
    image.set_sform(affine, code="scanner")
    image.set_qform(affine, code="scanner")
    return gzip.compress(image.to_bytes(), 9, mtime=0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
