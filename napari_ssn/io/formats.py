"""Which file is read and written by what, told by its suffix or, for DICOM, its content."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from napari_ssn.core.errors import ExportError, ImageError
from napari_ssn.core.volume import Volume
from napari_ssn.io.omezarr_head import is_zarr

if TYPE_CHECKING:
    from napari_ssn.io.content import Content
    from napari_ssn.io.dicom.series import DicomSeries

NIFTI_SUFFIXES = (".nii.gz", ".nii")
NRRD_SUFFIX, DICOM_SUFFIX = ".seg.nrrd", ".dcm"
#: Suffixes that a result may have; each names a format.
WRITTEN_SUFFIXES = (*NIFTI_SUFFIXES, NRRD_SUFFIX, DICOM_SUFFIX)
PICTURE_SUFFIXES = (".png", ".tif", ".tiff", ".jpg", ".jpeg", ".bmp", ".pgm")
#: FreeSurfer's, MetaImage's, and the pairs of NIfTI and Analyze.
OTHER_SUFFIXES = (".mgz", ".mgh", ".mha", ".mhd", ".hdr", ".img", ".hdr.gz", ".img.gz")
_READ_AS_DICOM = (".dcm", ".dicom", ".ima", ".zip")


def is_nifti(path: Path) -> bool:
    """Whether a file's name is that of a NIfTI file."""
    return path.name.lower().endswith(NIFTI_SUFFIXES)


def is_nrrd(path: Path) -> bool:
    """Whether a file's name is that of a NRRD file, of which 3D Slicer's segmentations are some."""
    return path.suffix.lower() in (".nrrd", ".nhdr")


def is_other(path: Path) -> bool:
    """Whether a file's name is that of an image that is read, and never written, by a library."""
    return path.name.lower().endswith(OTHER_SUFFIXES)


def stem(path: Path) -> str:
    """Name of a file without its suffix, of which ``.nii.gz`` is one."""
    for suffix in NIFTI_SUFFIXES:
        if path.name.lower().endswith(suffix):
            return path.name[: -len(suffix)]
    return path.stem


def is_dicom(path: Path) -> bool:
    """Whether a path is read as DICOM: a folder, a zip, or a file by its suffix or content.

    DICOM files often have no suffix, or end in a part of a UID that looks like one.
    """
    if path.is_dir():
        return not is_zarr(path)
    if path.suffix.lower() in _READ_AS_DICOM:
        return True
    if is_nifti(path) or is_nrrd(path) or is_other(path):
        return False
    if path.suffix.lower() in PICTURE_SUFFIXES:
        return False
    from napari_ssn.io.dicom.members import may_be_dicom

    return may_be_dicom(path)


def dicom_reader() -> Callable[[Path, int | None], Volume]:
    """Function that reads a series; ImageError where the libraries for it are missing."""
    try:
        from napari_ssn.io.dicom.read import read_dicom
    except ModuleNotFoundError:
        raise ImageError(
            'DICOM is read with libraries that are not installed: pip install "napari-ssn[dicom]".'
        ) from None
    return read_dicom


def reader_for(path: Path, series: int | None = None) -> Callable[[Path], Volume]:
    """Function that reads a file of this name, or a series of it; ImageError if there is none."""
    if is_zarr(path):
        from napari_ssn.io.omezarr import read_omezarr

        return lambda path: read_omezarr(path, series)
    if series is not None and not is_dicom(path):
        raise ImageError("Only DICOM holds several series: leave out the number of the series.")
    if is_nifti(path):
        from napari_ssn.io.nifti import read_nifti

        return read_nifti
    if path.suffix.lower() in PICTURE_SUFFIXES:
        from napari_ssn.io.picture import read_picture

        return read_picture
    if is_nrrd(path):
        from napari_ssn.io.nrrd_image import read_nrrd

        return read_nrrd
    if is_other(path):
        return _other_reader(path.name.lower())
    if is_dicom(path):
        read = dicom_reader()
        return lambda path: read(path, series)
    if not path.exists():
        raise ImageError("There is no file or folder of that name.")
    raise ImageError(
        "Files of this kind are not read: choose a DICOM series (a folder, a zip or a file of "
        "it), NIfTI (.nii, .nii.gz, .hdr), NRRD (.nrrd, .nhdr), MetaImage (.mha, .mhd), "
        "FreeSurfer (.mgz), OME-Zarr (.zarr) or a grey picture (.png, .tif, .jpg)."
    )


def _other_reader(name: str) -> Callable[[Path], Volume]:
    if name.endswith((".mgz", ".mgh")):
        from napari_ssn.io.mgh import read_mgh

        return read_mgh
    if name.endswith((".mha", ".mhd")):
        from napari_ssn.io.metaimage import read_metaimage

        return read_metaimage
    from napari_ssn.io.nifti import read_nifti

    return read_nifti


def check_series(series: DicomSeries | None) -> DicomSeries:
    """The series that a DICOM segmentation belongs to; ExportError if there is none."""
    if series is None:
        raise ExportError(
            "A DICOM segmentation belongs to a DICOM series, and this image did not come from "
            "one: write .nii.gz or .seg.nrrd."
        )
    return series


def about(path: Path, content: Content, series: DicomSeries | None = None) -> str:
    """What somebody should know of a file of this name that was written; empty if nothing."""
    if path.name.lower().endswith(DICOM_SUFFIX):
        from napari_ssn.io.dicom.segmentation import about_file

        return about_file(check_series(series))
    if is_nifti(path):
        from napari_ssn.io.nifti_write import NOT_IN_ITK, opens_in_itk

        return "" if opens_in_itk(content.affine, content.space) else NOT_IN_ITK
    return ""


def check_replaceable(path: Path) -> None:
    """ExportError if a DICOM file lies there that is no segmentation: a slice of some series."""
    if not path.name.lower().endswith(DICOM_SUFFIX) or not path.is_file():
        return
    from napari_ssn.io.dicom.members import may_be_dicom

    if may_be_dicom(path):
        from napari_ssn.io.dicom.read import is_segmentation

        if not is_segmentation(path):
            raise ExportError(
                "A DICOM image of that name lies there, which is not replaced: choose another name."
            )


def encode(content: Content, path: Path, series: DicomSeries | None = None) -> bytes:
    """Content of a file of this name.

    Args:
        content: what is written.
        path: its suffix says the format.
        series: that a DICOM segmentation belongs to.

    Raises:
        ExportError: the suffix is unknown, the format cannot hold the content, or a DICOM
            segmentation has no series to belong to.
    """
    name = path.name.lower()
    if name.endswith(NIFTI_SUFFIXES):
        from napari_ssn.io.nifti_write import encode_content

        return encode_content(content, compressed=name.endswith(".gz"))
    if name.endswith(NRRD_SUFFIX):
        from napari_ssn.io.nrrd import encode_seg_nrrd

        return encode_seg_nrrd(content)
    if name.endswith(DICOM_SUFFIX):
        from napari_ssn.io.dicom.segmentation import encode_dicom_seg

        return encode_dicom_seg(content, check_series(series))
    raise ExportError(
        "Results are written as NIfTI, 3D Slicer segmentation or DICOM segmentation: give the "
        "file the suffix .nii.gz, .nii, .seg.nrrd or .dcm."
    )
