"""`read` and `write`: images in, hypotheses out, by the file's suffix."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from pathlib import Path

from napari_ssn.core.hypotheses import Hypothesis, ProbabilityMap
from napari_ssn.documents.sidecar import Provenance
from napari_ssn.errors import ExportError
from napari_ssn.geometry.volume import Volume
from napari_ssn.io.channels import chosen, read_channels
from napari_ssn.io.content import Content, Loaded, Model
from napari_ssn.io.dicom.series import DicomSeries
from napari_ssn.io.files import check_targets, write_files
from napari_ssn.io.formats import about, check_replaceable, encode, read_one
from napari_ssn.io.known import DICOM_SUFFIX
from napari_ssn.io.sidecar import described, write_content

__all__ = ["read", "write"]


def read(
    path: str | os.PathLike[str] | Sequence[str | os.PathLike[str]],
    series: int | Sequence[int] | None = None,
) -> Volume:
    """Read an image, by its name: DICOM, NIfTI, NRRD, MetaImage, FreeSurfer's, OME-Zarr, a picture.

    ``.nii``, ``.nii.gz``, pairs ``.hdr``/``.img``, also of Analyze; ``.nrrd``, ``.nhdr``;
    ``.mha``, ``.mhd`` (extra ``itk``); ``.mgz``, ``.mgh``; folders of OME-Zarr (extra ``zarr``);
    ``.png``, ``.tif``, ``.jpg`` and others.

    Several files are read as one image of several channels, in their order, on the grid of the
    first: ``read(["t1.nii.gz", "t1ce.nii.gz"])``. What lies on another grid is resampled by its
    place in mm, which `Volume.note` says. A folder with the files of one case in nnU-Net's names
    (``CASE_0000.nii.gz``, ``CASE_0001.nii.gz``, …) is such a list.

    Args:
        path: of the file; for DICOM of a folder, a zip or one file of a series. Or several.
        series: which DICOM series, by its number in `napari_ssn.io.dicom.list_series`; needed
            where there are several. Of OME-Zarr the level, from 1, see
            `napari_ssn.io.omezarr.list_levels`; the finest if left out. Several of one path are
            its channels; of several paths there is one for each, or none.

    Raises:
        ImageError: a file is missing, damaged, or of a kind that is not read; or the images are
            of different patients.
        GeometryError: the image has too many axes, its voxels no size, or its slices make no
            volume; or several lie on grids of which nobody knows how they lie over each other.

    Examples:
        >>> import nibabel, numpy as np
        >>> import napari_ssn as ssn
        >>> image = nibabel.Nifti1Image(np.ones((4, 5, 6), np.int16), np.diag([0.7, 0.7, 5.0, 1.0]))
        >>> nibabel.save(image, "scan.nii.gz")
        >>> volume = ssn.read("scan.nii.gz")
        >>> volume.space, [round(mm, 3) for mm in volume.spacing_mm]
        ((4, 5, 6), [0.7, 0.7, 5.0])
        >>> nibabel.save(image, "other.nii.gz")
        >>> ssn.read(["scan.nii.gz", "other.nii.gz"]).channels
        2
    """
    single = isinstance(path, str | os.PathLike)
    paths = [Path(path)] if isinstance(path, str | os.PathLike) else [Path(one) for one in path]
    if not paths:
        raise ValueError("path: expected one or more, got none")
    numbers = [series] if series is None or isinstance(series, int) else list(series)
    found, numbers = chosen(paths, numbers)
    if single and len(found) == 1:
        return read_one(found[0], numbers[0])
    return read_channels(found, numbers)


def write(
    what: Hypothesis | Sequence[Hypothesis] | ProbabilityMap,
    path: str | os.PathLike[str],
    *,
    model: Loaded | Model | None = None,
    names: Sequence[str] | None = None,
    source: Volume | DicomSeries | str | os.PathLike[str] | None = None,
    provenance: Provenance | None = None,
    overwrite: bool = False,
    deidentified: bool = False,
) -> list[Path]:
    """Write hypotheses or the probability map, by suffix, and return what was written.

    ``.nii.gz`` and ``.nii`` are NIfTI, several hypotheses along a fourth axis; ``.seg.nrrd`` is
    3D Slicer's segmentation, several as overlapping layers; ``.dcm`` is a DICOM segmentation,
    several as overlapping segments; ``.sr.dcm`` a structured report of sizes and ranges, and with
    it the segmentation that it refers to. DICOM repeats from its source who the patient is and
    which study it is of, as the standard demands; nothing else that is written here does. A NIfTI
    that programs built on ITK cannot open, as one of a tilted gantry, is warned of.

    Args:
        what: on the grid of the image it belongs to.
        path: of the file.
        model: that was loaded, or its card: for names, colours and coded terms of the labels.
        names: of several hypotheses; ``hypothesis 1`` … by default.
        source: what a DICOM segmentation refers to: the volume that was read from DICOM, its
            series, or a path that `read` reads.
        provenance: written beside it as JSON; none if left out.
        overwrite: whether files that exist may be replaced.
        deidentified: whether a DICOM segmentation leaves out patient, dates and numbers of the
            study; its UIDs stay.

    Raises:
        ExportError: the suffix is unknown, the format cannot hold it, a DICOM segmentation has
            no source or another grid, a file exists, or the disk refuses; nothing is left
            behind then.
        ImageError, GeometryError: the source cannot be read.

    Examples:
        >>> import numpy as np
        >>> import napari_ssn as ssn
        >>> hypothesis = ssn.Hypothesis(np.eye(4, 5, dtype=np.uint8), np.eye(4), z=None)
        >>> [path.name for path in ssn.write(hypothesis, "outline.nii.gz")]
        ['outline.nii.gz']
        >>> ssn.read("outline.nii.gz").data[0].astype(int)
        array([[1, 0, 0, 0, 0],
               [0, 1, 0, 0, 0],
               [0, 0, 1, 0, 0],
               [0, 0, 0, 1, 0]])
    """
    target = Path(path)
    if model is None and provenance is not None:
        model = described(provenance)
    content = Content.of(what, model.card if isinstance(model, Loaded) else model, names)
    series = None
    if target.name.lower().endswith(DICOM_SUFFIX):
        if source is None:
            raise ExportError(
                "A DICOM segmentation belongs to a DICOM series: name it with source=, as the "
                "volume that was read from it or its folder."
            )
        check_targets([target], overwrite)
        series = _series(source)
        series = series.unnamed() if deidentified and series is not None else series
    if provenance is not None:
        written = write_content(content, target, provenance, overwrite, series)
    else:
        check_replaceable(target)
        written = write_files(encode(content, target, series), overwrite)
    if series is None and (caution := about(target, content)):
        warnings.warn(f"{caution}.", stacklevel=2)
    return written


def _series(source: Volume | DicomSeries | str | os.PathLike[str]) -> DicomSeries | None:
    """Series that something is, holds, or is a path to; None where it is not of DICOM."""
    if isinstance(source, DicomSeries):
        return source
    found = source.source if isinstance(source, Volume) else read(source).source
    return found if isinstance(found, DicomSeries) else None
