"""Which file is read and written by what, told by its suffix or, for DICOM, its content.

A format is a file of this folder and a line of `FORMATS`. Its file is imported when somebody reads
or writes one: nobody waits for the libraries of formats that they do not use. What it offers:

    read(path, series) -> Volume            each
    read_stored(path) -> Stored, read_frames(path) -> Frames, read_frame(path, frame) -> Volume
                                            those that may hold several images of one grid
    encode(content, path, series) -> bytes  those with suffixes that are written
    encode_several(content, series)         instead, those that write a file beside their own
    remark(content, series) -> str          the same: what to know of what was written; perhaps ""
    label_maps(files, affine, shape, count, labels), checked(files, record)
                                            those of DICOM: what `verify` compares
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from napari_ssn.documents.regular import open_regular
from napari_ssn.errors import ExportError, ImageError
from napari_ssn.geometry.volume import Volume
from napari_ssn.io.dicom.members import may_be_dicom
from napari_ssn.io.frames import Frames
from napari_ssn.io.omezarr_head import is_zarr
from napari_ssn.io.stored import Stored

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from napari_ssn.documents.sidecar import Written
    from napari_ssn.io.content import Content
    from napari_ssn.io.dicom.series import DicomSeries

NIFTI_SUFFIXES = (".nii.gz", ".nii")
NRRD_SUFFIX, DICOM_SUFFIX = ".seg.nrrd", ".dcm"
#: Ends of the names of what goes to an archive beside a segmentation.
REPORT_SUFFIX, STRUCTURES_SUFFIX, PARAMETRIC_SUFFIX = ".sr.dcm", ".rtstruct.dcm", ".pm.dcm"
_LABELLED_SUFFIX, CAPTURED_SUFFIX = ".labelmap.dcm", ".sc.dcm"
_PAIRS = (".hdr", ".img", ".hdr.gz", ".img.gz")
PICTURE_SUFFIXES = (".png", ".tif", ".tiff", ".jpg", ".jpeg", ".bmp", ".pgm")
#: FreeSurfer's, MetaImage's, and the pairs of NIfTI and Analyze.
OTHER_SUFFIXES = (".mgz", ".mgh", ".mha", ".mhd", *_PAIRS)
_READ_AS_DICOM = (".dcm", ".dicom", ".ima", ".zip")
# What Python and torch pickle.
_PICKLED = (".pkl", ".pickle", ".pt", ".pth")
# Bytes in which a sidecar has said that it is one.
_HEAD = 1024


class Format(NamedTuple):
    """A format by the ends of its files' names, and its file in this folder.

    What is written ``beside`` has that end instead of its own: the file that it refers to.
    Files with ``frames`` may hold several images of one grid.
    """

    home: str
    read: tuple[str, ...] = ()
    written: tuple[str, ...] = ()
    beside: str = ""
    frames: bool = False

    def known(self) -> Any:
        """Its file; ImageError or ExportError where a library for it is missing."""
        try:
            return import_module(f"napari_ssn.io.{self.home}")
        except ModuleNotFoundError:
            extra = _EXTRAS.get(self.home)
            if extra is None:
                raise
            error = ExportError if self.written else ImageError
            raise error(
                f"{extra[0]} is {'written' if self.written else 'read'} with libraries that are "
                f'not installed: pip install "napari-ssn[{extra[1]}]".'
            ) from None


_NO_FORMAT = (
    "Results are written as NIfTI, 3D Slicer segmentation or DICOM segmentation: give the "
    "file the suffix .nii.gz, .nii, .seg.nrrd or .dcm."
)
# What needs more than the package itself, in words, and the extra that brings it.
_OF_DICOM = (
    "read",
    "segmentation",
    "structured",
    "structures",
    "parametric",
    "labelled",
    "captured",
)
_EXTRAS = {
    **{f"dicom.{home}": ("DICOM", "dicom") for home in _OF_DICOM},
    "dicom.segments": ("A DICOM segmentation", "dicom"),
}
_CAPTURED = Format("dicom.captured", written=(CAPTURED_SUFFIX,))
_DICOM, _ZARR = Format("dicom.read"), Format("omezarr")
#: DICOM segmentations of whoever wrote them; they are no images.
SEGMENTS = Format("dicom.segments")
#: The first whose suffix fits is the one. DICOM and OME-Zarr are told by more than their names.
FORMATS = (
    Format("nifti", (*NIFTI_SUFFIXES, *_PAIRS), frames=True),
    Format("nifti_write", written=NIFTI_SUFFIXES),
    Format("nrrd", written=(NRRD_SUFFIX,)),
    Format("nrrd_image", (".nrrd", ".nhdr"), frames=True),
    Format("mgh", (".mgz", ".mgh"), frames=True),
    Format("metaimage", (".mha", ".mhd"), frames=True),
    Format("picture", PICTURE_SUFFIXES),
    Format("dicom.structured", written=(REPORT_SUFFIX,), beside=DICOM_SUFFIX),
    Format("dicom.structures", written=(STRUCTURES_SUFFIX,)),
    Format("dicom.parametric", written=(PARAMETRIC_SUFFIX,)),
    Format("dicom.labelled", written=(_LABELLED_SUFFIX,)),
    Format("dicom.segmentation", written=(DICOM_SUFFIX,)),
)


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
    if is_nifti(path) or is_nrrd(path) or is_other(path):
        return False
    if path.suffix.lower() in PICTURE_SUFFIXES:
        return False
    return may_be_dicom(path)


def dicom_reader() -> Callable[[Path, int | None], Volume]:
    """Function that reads a series; ImageError where the libraries for it are missing."""
    read: Callable[[Path, int | None], Volume] = dicom_home().read
    return read


def dicom_home() -> Any:
    """`dicom.read`; ImageError where the libraries for it are missing."""
    return _DICOM.known()


def reader_for(path: Path, series: int | None = None) -> Callable[[Path], Volume]:
    """Function that reads a file of this name, or a series of it; ImageError if there is none."""
    if is_zarr(path):
        return lambda path: _volume(_ZARR, path, series)
    if series is not None and not is_dicom(path):
        raise ImageError("Only DICOM holds several series: leave out the number of the series.")
    found = _reader(path)
    if found is not None:
        return lambda path: _volume(found, path, None)
    if is_dicom(path):
        dicom_reader()  # says so if the libraries are missing
        return lambda path: _volume(_DICOM, path, series)
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
    raise ImageError(
        "Files of this kind are not read: choose a DICOM series (a folder, a zip or a file of "
        "it), NIfTI (.nii, .nii.gz, .hdr), NRRD (.nrrd, .nhdr), MetaImage (.mha, .mhd), "
        "FreeSurfer (.mgz), OME-Zarr (.zarr) or a grey picture (.png, .tif, .jpg)."
    )


def frames_of(path: Path) -> Frames:
    """All frames of a file of this name; of a format without frames the image alone."""
    found = _reader(path)
    if found is None or not found.frames:
        return Frames(reader_for(path)(path))
    frames: Frames = found.known().read_frames(path)
    return frames


def stored_of(path: Path) -> Stored:
    """As `frames_of`, in the type that the file stores, where its format has frames."""
    found = _reader(path)
    if found is None or not found.frames:
        return Stored.of(reader_for(path)(path))
    stored: Stored = found.known().read_stored(path)
    return stored


def frame_of(path: Path, frame: int) -> Volume:
    """A frame, from 0, of a file of this name; ImageError if files of this kind have none."""
    found = _reader(path)
    if found is None or not found.frames:
        raise ImageError(
            "Only NIfTI, NRRD, MetaImage, FreeSurfer's and OME-Zarr are read as several frames: "
            "leave out the frame."
        )
    volume: Volume = found.known().read_frame(path, frame)
    return volume


def _reader(path: Path) -> Format | None:
    name = path.name.lower()
    return next((one for one in FORMATS if name.endswith(one.read or ("\0",))), None)


def _volume(found: Format, path: Path, series: int | None) -> Volume:
    volume: Volume = found.known().read(path, series)
    return volume


def written_by(path: Path) -> Any:
    """The format that a file of this name is written by; ExportError if there is none."""
    found = _writer(path)
    if found is None:
        raise ExportError(_NO_FORMAT)
    return found.known()


def _writer(path: Path) -> Format | None:
    name = path.name.lower()
    return next((one for one in FORMATS if name.endswith(one.written or ("\0",))), None)


def about(path: Path, content: Content, series: DicomSeries | None = None) -> str:
    """What somebody should know of a file of this name that was written; empty if nothing."""
    found = _writer(path)
    return "" if found is None else str(found.known().remark(content, series))


def encode_picture(
    pixels: NDArray[np.uint8], model: str, unlike: bool, series: DicomSeries | None
) -> bytes:
    """A picture (h, w, 3) as DICOM, see `dicom.captured.encode_picture`."""
    whole: bytes = _CAPTURED.known().encode_picture(pixels, model, unlike, series)
    return whole


def about_picture(series: DicomSeries | None) -> str:
    """What somebody should know of a picture that was written as DICOM."""
    return str(_CAPTURED.known().remark(series))


def identity(whole: bytes, refers_to: bytes | None = None) -> Written:
    """What a sidecar says of a DICOM file that was encoded, see `dicom.making.identity`."""
    found: Written = Format("dicom.making").known().identity(whole, refers_to)
    return found


def files_of(path: Path) -> list[Path]:
    """The file of this name, and what is written beside it: the segmentation of a report."""
    found = _writer(path)
    if found is None or not found.beside:
        return [path]
    (end,) = (end for end in found.written if path.name.lower().endswith(end))
    return [path, path.with_name(path.name[: -len(end)] + found.beside)]


def check_replaceable(path: Path) -> None:
    """ExportError if a DICOM file lies there that is no result: a slice of some series."""
    if not path.name.lower().endswith(DICOM_SUFFIX) or not path.is_file():
        return
    if may_be_dicom(path) and not _DICOM.known().is_result(path):
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
    found = _writer(path)
    if found is None:
        raise ExportError(_NO_FORMAT)
    known = found.known()
    if not found.beside:
        return {path: known.encode(content, path, series)}
    encoded = known.encode_several(content, series)
    return dict(zip(files_of(path), encoded, strict=True))
