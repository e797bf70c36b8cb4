"""The formats that are known: how files are called, and what reads and writes them.

A format is a file of this folder and a line of `FORMATS` or `WRITTEN`, from which window, commands,
cohorts and sentences have it; what napari hands over is in ``napari.yaml``. It is imported when
somebody reads or writes one: nobody waits for the libraries of formats that they do not use. What
it offers:

    read(path, number) -> Volume            each but OME-Zarr; number: of a series or frame
    read_stored(path) -> Stored             those that may hold several images of one grid
    encode(content, path, series) -> bytes  those with suffixes that are written
    encode_several(content, series)         instead, those that write a file beside their own
    remark(content) -> str                  those but DICOM: what to know of it; perhaps ""
    label_maps(files, affine, shape, count, labels), checked(files, record)
                                            those of DICOM: what `verify` compares
"""

from __future__ import annotations

from functools import partial
from importlib import import_module
from typing import Any, Literal, NamedTuple

from napari_ssn.errors import ExportError, ImageError

#: What of a result a file can hold: a label map, those of several hypotheses, probabilities, or
#: the report as a picture.
Held = Literal["one", "several", "likely", "report"]
NIFTI_SUFFIXES = (".nii.gz", ".nii")
NRRD_SUFFIX, DICOM_SUFFIX = ".seg.nrrd", ".dcm"
#: Ends of the names of what goes to an archive beside a segmentation.
REPORT_SUFFIX, STRUCTURES_SUFFIX, PARAMETRIC_SUFFIX = ".sr.dcm", ".rtstruct.dcm", ".pm.dcm"
CAPTURED_SUFFIX, LABELLED_SUFFIX = ".sc.dcm", ".labelmap.dcm"
#: Who made what is written in DICOM; by this our own files are known.
MANUFACTURER = "napari-ssn contributors"
#: Ends of the names of a NIfTI pair's files.
PAIRS = (".hdr", ".img", ".hdr.gz", ".img.gz")
PICTURE_SUFFIXES = (".png", ".tif", ".tiff", ".jpg", ".jpeg", ".bmp", ".pgm")


class Format(NamedTuple):
    """A format by the ends of its files' names, and its file in this folder.

    Files with ``frames`` may hold several images of one grid. It is ``said`` so, with its usual
    ends, and ``needs`` an extra of the package.

    Of what is ``written`` with an end, ``holds`` says what of a result it can hold, ``word`` what
    it is called after ``--format`` and ``title`` what in a box. The file that it refers to is
    written ``beside``, with that end instead; of what was written there is a ``caution``.
    """

    home: str
    read: tuple[str, ...] = ()
    frames: bool = False
    said: str = ""
    needs: str = ""
    written: str = ""
    holds: frozenset[Held] = frozenset()
    word: str = ""
    title: str = ""
    beside: str = ""
    caution: str = ""

    @property
    def name(self) -> str:
        """What it is called, without its ends."""
        return self.said.partition(" (")[0]

    def known(self) -> Any:
        """Its file; ImageError or ExportError where a library for it is missing."""
        try:
            return import_module(f"napari_ssn.io.{self.home}")
        except ModuleNotFoundError:
            if not self.needs:
                raise
            error = ExportError if self.written else ImageError
            raise error(
                f"{self.name} is {'written' if self.written else 'read'} with libraries that are "
                f'not installed: pip install "napari-ssn[{self.needs}]".'
            ) from None


#: A format of DICOM.
_dicom = partial(Format, said="DICOM", needs="dicom")
_MAPS: frozenset[Held] = frozenset({"one", "several"})
_ANY: frozenset[Held] = _MAPS | {"likely"}
#: What is written, but for tables and pages of the web; that with the longest end that fits is it.
WRITTEN = (
    Format("nifti_write", written=".nii.gz", holds=_ANY, word="nifti", title="NIfTI, compressed"),
    Format("nifti_write", written=".nii", holds=_ANY, word="nii", title="NIfTI, not compressed"),
    Format(
        "nrrd", written=NRRD_SUFFIX, holds=_MAPS, word="seg.nrrd", title="3D Slicer segmentation"
    ),
    _dicom(
        "dicom.segmentation",
        written=DICOM_SUFFIX,
        holds=_MAPS,
        word="dicom-seg",
        title="DICOM segmentation",
    ),
    _dicom(
        "dicom.structured",
        written=REPORT_SUFFIX,
        holds=_MAPS,
        word="dicom-sr",
        title="DICOM structured report, with its segmentation",
        beside=DICOM_SUFFIX,
    ),
    _dicom(
        "dicom.structures",
        written=STRUCTURES_SUFFIX,
        holds=_MAPS,
        word="rtstruct",
        title="DICOM contours for radiotherapy, with what 95, 50 and 5 % agree on",
    ),
    _dicom(
        "dicom.parametric",
        written=PARAMETRIC_SUFFIX,
        holds=frozenset({"likely"}),
        word="dicom-pm",
        title="DICOM parametric map of probabilities",
    ),
    _dicom(
        "dicom.segmentation",
        written=".fractional.dcm",
        holds=frozenset({"likely"}),
        word="dicom-fractional",
        title="DICOM segmentation of probabilities, in steps of 1/255",
    ),
    _dicom(
        "dicom.segmentation",
        written=LABELLED_SUFFIX,
        holds=frozenset({"one"}),
        word="dicom-labelmap",
        title="DICOM segmentation of the newer kind, which few viewers read yet",
        caution="few viewers read this kind yet",
    ),
    _dicom(
        "dicom.captured",
        written=CAPTURED_SUFFIX,
        holds=frozenset({"report"}),
        word="dicom-sc",
        title="DICOM picture",
    ),
)
MAKING = _dicom("dicom.making")
DICOM = _dicom("dicom.read", said="a DICOM series (a folder, a zip or a file of it)")
ZARR = Format("omezarr", frames=True, said="OME-Zarr (.zarr)")
#: DICOM segmentations of whoever wrote them; they are no images.
SEGMENTS = _dicom("dicom.segments", said="A DICOM segmentation")
PICTURE = Format("picture", PICTURE_SUFFIXES, said="a grey picture (.png, .tif, .jpg)")
#: What is read by the ends of names; DICOM and OME-Zarr are told by more than these.
FORMATS = (
    Format("nifti", (*NIFTI_SUFFIXES, *PAIRS), frames=True, said="NIfTI (.nii, .nii.gz, .hdr)"),
    Format("nrrd_image", (".nrrd", ".nhdr"), frames=True, said="NRRD (.nrrd, .nhdr)"),
    Format("metaimage", (".mha", ".mhd"), frames=True, said="MetaImage (.mha, .mhd)"),
    Format("mgh", (".mgz", ".mgh"), frames=True, said="FreeSurfer (.mgz)"),
    PICTURE,
)
#: Images that are read, by what a person calls them.
READ = (DICOM, *(one for one in FORMATS if one is not PICTURE), ZARR, PICTURE)


def holding(what: Held) -> tuple[Format, ...]:
    """Formats that can hold that of a result."""
    return tuple(one for one in WRITTEN if what in one.holds)
