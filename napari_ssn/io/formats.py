"""Which file is read and written by what, told by its suffix or, for DICOM, its content.

Which formats there are says `known`.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from napari_ssn.documents.regular import open_regular
from napari_ssn.errors import ExportError, ImageError
from napari_ssn.geometry.volume import Volume
from napari_ssn.io.dicom.members import may_be_dicom
from napari_ssn.io.known import (
    DICOM,
    DICOM_SUFFIX,
    FORMATS,
    MAKING,
    NIFTI_SUFFIXES,
    PICTURE,
    READ,
    WRITTEN,
    ZARR,
    Format,
    holding,
)
from napari_ssn.io.omezarr_head import is_zarr
from napari_ssn.io.stored import Stored

if TYPE_CHECKING:
    from napari_ssn.documents.ran import Written
    from napari_ssn.geometry.arrays import Pixels
    from napari_ssn.io.content import Content
    from napari_ssn.io.dicom.series import DicomSeries

_READ_AS_DICOM = (".dcm", ".dicom", ".ima", ".zip")
# What Python and torch pickle.
_PICKLED = (".pkl", ".pickle", ".pt", ".pth")
# Bytes in which a sidecar has said that it is one.
_HEAD = 1024


def is_nifti(path: Path) -> bool:
    """Whether a file's name is that of a NIfTI file."""
    return path.name.lower().endswith(NIFTI_SUFFIXES)


def is_nrrd(path: Path) -> bool:
    """Whether a file's name is that of a NRRD file, of which 3D Slicer's segmentations are some."""
    return path.suffix.lower() in (".nrrd", ".nhdr")


def is_image(path: Path) -> bool:
    """Whether a file's name is that of an image; of pictures, which napari opens itself, no."""
    return _reader(path) not in (None, PICTURE)


def patterns() -> tuple[str, ...]:
    """Of the names of files that are read, pictures among them: ``*.nii.gz`` and others."""
    return tuple(f"*{end}" for one in FORMATS for end in one.read)


def stem(path: Path) -> str:
    """Name of a file without its suffix, of which ``.nii.gz`` is one."""
    for suffix in NIFTI_SUFFIXES:
        if path.name.lower().endswith(suffix):
            return path.name[: -len(suffix)]
    return path.stem


def sidecar_path(path: Path) -> Path:
    """Where the sidecar of a file lies.

    ``hypothesis.nii.gz`` → ``hypothesis.json``, ``hypothesis.dcm`` → ``hypothesis.dcm.json``: so
    one hypothesis may lie in one folder in several formats.
    """
    return path.with_name((stem(path) if is_nifti(path) else path.name) + ".json")


def is_sidecar(path: Path) -> bool:
    """Whether a file seems to be a sidecar, by its name and how it begins."""
    if path.suffix.lower() != ".json":
        return False
    try:
        with open_regular(path) as stream:
            head = stream.read(_HEAD).decode("utf-8", "ignore")
    except OSError:
        return False
    return all(one in head for one in ('"schema_version"', "Research use only", '"created"'))


def is_dicom(path: Path) -> bool:
    """Whether a path is read as DICOM: a folder, a zip, or a file by its suffix or content.

    DICOM files often have no suffix, or end in a part of a UID that looks like one.
    """
    if path.is_dir():
        return not is_zarr(path)
    if path.suffix.lower() in _READ_AS_DICOM:
        return True
    return _reader(path) is None and may_be_dicom(path)


def dicom_home() -> Any:
    """`dicom.read`; ImageError where the libraries for it are missing."""
    return DICOM.known()


def read_one(path: Path, series: int | None = None) -> Volume:
    """Read a file by its name, or a series of it; ImageError if files of this kind are not read."""
    if is_zarr(path):
        return _of_level(path, series)
    if series is not None and not is_dicom(path):
        raise ImageError("Only DICOM holds several series: leave out the number of the series.")
    found = _reader(path)
    if found is not None:
        return _volume(found, path, None)
    if is_dicom(path):
        return _volume(DICOM, path, series)
    if not path.exists():
        raise ImageError("There is no file or folder of that name.")
    if path.suffix.lower() in _PICKLED:
        raise ImageError(
            "A pickled file is never opened, since that may run a program. Of nnU-Net's "
            "predictions the .npz and the label map beside it say all that is read."
        )
    if path.suffix.lower() == ".npz":
        raise ImageError(
            "An archive of probabilities is a member of an ensemble, and no image and no outline."
        )
    *others, last = (one.said for one in READ)
    raise ImageError(f"Files of this kind are not read: choose {', '.join(others)} or {last}.")


def stored_of(path: Path) -> Stored:
    """All frames of a file of this name; of a format without frames the image alone."""
    found = _reader(path)
    if found is None or not found.frames:
        return Stored.of(read_one(path))
    stored: Stored = found.known().read_stored(path)
    return stored


def frame_of(path: Path, frame: int, level: int | None = None) -> Volume:
    """A frame, from 0, of a file of this name; ImageError if files of this kind have none.

    Args:
        path: of the file.
        frame: its number.
        level: of OME-Zarr, see `omezarr.read_omezarr`.
    """
    if is_zarr(path):
        return _of_level(path, level, frame)
    found = _reader(path)
    if found is None or not found.frames:
        *others, last = (one.name for one in READ if one.frames)
        raise ImageError(
            f"Only {', '.join(others)} and {last} are read as several frames: leave out the frame."
        )
    return _volume(found, path, frame)


def _reader(path: Path) -> Format | None:
    name = path.name.lower()
    return next((one for one in FORMATS if name.endswith(one.read)), None)


def _volume(found: Format, path: Path, number: int | None) -> Volume:
    volume: Volume = found.known().read(path, number)
    return volume


def _of_level(path: Path, level: int | None, frame: int | None = None) -> Volume:
    volume: Volume = ZARR.known().read_omezarr(path, level, frame)
    return volume


def written_by(path: Path) -> Any:
    """The format that a file of this name is written by; ExportError if there is none."""
    if (found := _writer(path)) is None:
        *others, last = (one.written for one in WRITTEN if "report" not in one.holds)
        raise ExportError(
            "Results are written as label maps or probabilities of several formats: give the file "
            f"the suffix {', '.join(others)} or {last}."
        )
    return found.known()


def _writer(path: Path) -> Format | None:
    name = path.name.lower()
    fitting = (one for one in WRITTEN if "report" not in one.holds and name.endswith(one.written))
    return max(fitting, key=lambda one: len(one.written), default=None)


def about(path: Path, content: Content, series: DicomSeries | None = None) -> str:
    """What somebody should know of a file of this name that was written; empty if nothing."""
    found = _writer(path)
    if found is None or not found.needs:
        return "" if found is None else str(found.known().remark(content))
    return "; ".join(filter(None, (about_picture(series), found.caution)))


def encode_picture(pixels: Pixels, model: str, unlike: bool, series: DicomSeries | None) -> bytes:
    """A picture (h, w, 3) as DICOM, see `dicom.captured.encode_picture`."""
    series = check_series(series)
    (captured,) = holding("report")
    return bytes(captured.known().encode_picture(pixels, model, unlike, series))


def about_picture(series: DicomSeries | None) -> str:
    """What somebody should know of a picture that was written as DICOM."""
    return str(MAKING.known().about_file(check_series(series)))


def check_series(series: DicomSeries | None) -> DicomSeries:
    """The series that a DICOM segmentation belongs to; ExportError if there is none."""
    if series is None:
        raise ExportError(
            "A DICOM segmentation belongs to a DICOM series, and this image did not come from "
            "one: write .nii.gz or .seg.nrrd."
        )
    return series


def identity(whole: bytes, refers_to: bytes | None = None) -> Written:
    """What a sidecar says of a DICOM file that was encoded, see `dicom.making.identity`."""
    found: Written = MAKING.known().identity(whole, refers_to)
    return found


def files_of(path: Path) -> list[Path]:
    """The file of this name, and what is written beside it: the segmentation of a report."""
    found = _writer(path)
    if found is None or not found.beside:
        return [path]
    return [path, path.with_name(path.name[: -len(found.written)] + found.beside)]


def check_replaceable(path: Path) -> None:
    """ExportError if a DICOM file lies there that is no result: a slice of some series."""
    if not path.name.lower().endswith(DICOM_SUFFIX) or not path.is_file():
        return
    if may_be_dicom(path) and not DICOM.known().is_result(path):
        raise ExportError(
            "A DICOM image of that name lies there, which is not replaced: choose another name."
        )


def encode(content: Content, path: Path, series: DicomSeries | None = None) -> dict[Path, bytes]:
    """Content of a file of this name, and of those that `files_of` names beside it.

    Args:
        content: what is written.
        path: its suffix says the format.
        series: that DICOM belongs to.

    Raises:
        ExportError: the suffix is unknown, the format cannot hold the content, or DICOM has no
            series to belong to.
    """
    known, files = written_by(path), files_of(path)
    if path.name.lower().endswith(DICOM_SUFFIX):
        check_series(series)
    if len(files) == 1:
        return {path: known.encode(content, path, series)}
    return dict(zip(files, known.encode_several(content, series), strict=True))
