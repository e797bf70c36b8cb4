"""Which file is read and written by what, told by its suffix."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from napari_ssn.core.errors import ExportError, ImageError
from napari_ssn.core.hypotheses import Hypothesis
from napari_ssn.core.volume import Volume

NIFTI_SUFFIXES = (".nii.gz", ".nii")
PICTURE_SUFFIXES = (".png", ".tif", ".tiff", ".jpg", ".jpeg", ".bmp", ".pgm")


def is_nifti(path: Path) -> bool:
    """Whether a file's name is that of a NIfTI file."""
    return path.name.lower().endswith(NIFTI_SUFFIXES)


def stem(path: Path) -> str:
    """Name of a file without its suffix, of which ``.nii.gz`` is one."""
    for suffix in NIFTI_SUFFIXES:
        if path.name.lower().endswith(suffix):
            return path.name[: -len(suffix)]
    return path.stem


def reader_for(path: Path) -> Callable[[Path], Volume]:
    """Function that reads a file of this name; ImageError if there is none."""
    if is_nifti(path):
        from napari_ssn.io.nifti import read_nifti

        return read_nifti
    if path.suffix.lower() in PICTURE_SUFFIXES:
        from napari_ssn.io.picture import read_picture

        return read_picture
    if path.is_dir():
        raise ImageError("This is a folder: choose a NIfTI file (.nii.gz) or a picture (.png).")
    raise ImageError(
        "Files of this kind are not read: choose a NIfTI file (.nii, .nii.gz) or a grey picture "
        "(.png, .tif, .jpg)."
    )


def encode(hypothesis: Hypothesis, path: Path) -> bytes:
    """Content of a label map file of this name; ExportError if its suffix is unknown."""
    if is_nifti(path):
        from napari_ssn.io.nifti import encode_nifti

        return encode_nifti(hypothesis, compressed=path.name.lower().endswith(".gz"))
    raise ExportError("Label maps are written as NIfTI: give the file the suffix .nii.gz or .nii.")
