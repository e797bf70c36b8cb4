"""Headers of NIfTI-1 and NIfTI-2 files: checked one thing at a time, each with words of its own."""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from typing import Any

import nibabel as nib
import numpy as np
from nibabel.spatialimages import HeaderDataError

from napari_ssn.errors import GeometryError, ImageError
from napari_ssn.geometry.affine import Affine
from napari_ssn.geometry.arrays import Floats
from napari_ssn.geometry.transforms import corners_apart_mm
from napari_ssn.geometry.volume import Extent
from napari_ssn.io.source import check_sizes
from napari_ssn.io.stored import Place

NO_NIFTI = "The file is damaged or no NIfTI file: export it again or choose another."

# Length of a header, which is its first field in either byte order, and its class.
_HEADERS = {348: nib.Nifti1Header, 540: nib.Nifti2Header}
#: Bytes of the longest.
LONGEST = max(_HEADERS)
# Where the voxels of a single file may begin: behind the header and what says whether more follows.
_MARK, _PAIR = {348: b"n+1\0", 540: b"n+2\0"}, {348: b"ni1\0", 540: b"ni2\0"}
# Extensions of a header, as DICOM's in NIfTI, are shorter.
_FARTHEST = 1 << 28
# Millimetres in a unit of the header; "unknown" counts as mm.
_MM = {1: 1000.0, 2: 1.0, 3: 1e-3}
# Seconds in a unit of time of the header.
_SECONDS = {8: 1.0, 16: 1e-3, 24: 1e-6}
# Intent of a file whose values are labels.
LABELS = 1002
# Intents of CIFTI-2, whose first four axes are of one voxel.
_CIFTI = range(3000, 3100)
# Values that are no numbers of one grey value each, by their code.
_COLOURS = {128, 2304}
_COMPLEX = {32, 1792, 2048}
_BITS = 1
# What the two transforms of a header may differ by: so much of a voxel, and of its size.
_ROUNDING, _SIZE = 0.1, 0.01
# What the sum of squares of a quaternion's three numbers, of three digits, may be above 1.
_TURN = 5e-3
# The sform that ITK takes where there is a qform as well.
_SCANNER = 1


@dataclass(frozen=True, eq=False)
class Header:
    """What a NIfTI file says of itself.

    Attributes:
        fields: nibabel's; voxel sizes below zero are turned round in it, and those of zero are 1.
        sizes: the voxel sizes as they are written.
        shape: sizes of all axes, none of them zero.
        kind: of the stored numbers, in the file's byte order.
        start: byte of the first voxel.
    """

    fields: Any
    sizes: Floats
    shape: tuple[int, ...]
    kind: np.dtype[Any]
    start: int

    @property
    def needed(self) -> int:
        """Bytes of the voxels."""
        return math.prod(self.shape) * self.kind.itemsize

    @property
    def labels(self) -> bool:
        """Whether the file calls itself a label map (its intent)."""
        return int(self.fields["intent_code"]) == LABELS

    @property
    def step_s(self) -> float | None:
        """Seconds from frame to frame; None where the file does not say."""
        step = float(self.fields["pixdim"][4])
        seconds = _SECONDS.get(int(self.fields["xyzt_units"]) & 56)
        return step * seconds if seconds is not None and math.isfinite(step) and step > 0 else None

    def scaling(self) -> tuple[float | None, float | None]:
        """Slope and intercept of the values; None where there are none."""
        try:
            slope, inter = self.fields.get_slope_inter()
        except HeaderDataError:
            raise ImageError(
                "The file's values have no scale: its intercept is damaged; export it again."
            ) from None
        return slope, inter

    @property
    def plain(self) -> bool:
        """Whether the values are the stored numbers themselves."""
        slope, inter = self.scaling()
        return slope in (None, 1.0) and inter in (None, 0.0)


def parse_header(raw: bytes, single: bool = True) -> Header:
    """The header at the beginning of a file.

    Args:
        raw: the first `LONGEST` bytes, fewer where there are no more.
        single: whether the voxels have to follow in the same file; of a pair (``.hdr`` and
            ``.img``) they lie in the other.

    Raises:
        ImageError: it is no header, damaged, or of a file that is not read; the sentence says of
            which.
        GeometryError: of no axes or too many.
    """
    lengths = [struct.unpack(order + "i", raw[:4])[0] for order in "<>"] if len(raw) > 4 else []
    length = next((length for length in lengths if length in _HEADERS), 0)
    if len(raw) < length or not length:
        raise ImageError(NO_NIFTI)
    # By whom the first number is 348: nibabel would guess from the number of axes.
    order = "<" if lengths[0] == length else ">"
    fields = _HEADERS[length](raw[:length], endianness=order, check=False)
    mark = bytes(fields["magic"].tobytes())[:4]
    if single and mark == _PAIR[length] and float(fields["vox_offset"]) < length + 4:
        raise ImageError("The voxels lie in another file (.img): open the pair by its .hdr.")
    if not single and not mark.rstrip(b"\0"):
        # Analyze 7.5, which says nothing of the patient's axes; what lies there is something else.
        fields["sform_code"] = fields["qform_code"] = fields["xyzt_units"] = 0
    elif mark not in (_MARK[length], _PAIR[length]):
        raise ImageError(f"{NO_NIFTI[:-1]} (its header lacks the mark of the format).")
    return _checked(fields, single)


def _checked(fields: Any, single: bool) -> Header:
    axes = int(fields["dim"][0])
    if not 1 <= axes <= 7:
        raise GeometryError(f"The file says that its image has {axes} axes: it is damaged.")
    shape = tuple(int(size) for size in fields["dim"][1 : axes + 1])
    check_sizes(shape)
    if axes > 4 and set(shape[:4]) == {1} and int(fields["intent_code"]) in _CIFTI:
        raise ImageError(
            "The file is CIFTI: values at points of the brain's surface and of its nuclei, which "
            "make no image of voxels; choose the image that they were made from."
        )
    kind = kind_of(int(fields["datatype"]), fields)
    start = float(fields["vox_offset"])
    if not math.isfinite(start) or (start < 0 or start > _FARTHEST):
        raise ImageError("The file is damaged: its header puts the voxels nowhere in it.")
    least = fields.sizeof_hdr + 4 if single else 0
    if start < least:
        raise ImageError("The file is damaged: its header puts the voxels into the header itself.")
    sizes = np.array(fields["pixdim"][1:4], dtype=np.float64)
    # As nibabel and ITK have it.
    fields["pixdim"][1:4] = np.where(sizes == 0, 1, np.abs(fields["pixdim"][1:4]))
    fields["pixdim"][0] = -1 if float(fields["pixdim"][0]) < 0 else 1
    return Header(fields, sizes, shape, kind, int(start))


def kind_of(code: int, fields: Any) -> np.dtype[Any]:
    """Kind of the stored numbers by their code; ImageError names what is not read."""
    what = {_BITS: "single bits"}.get(code)
    what = "colours" if code in _COLOURS else "complex numbers" if code in _COMPLEX else what
    if what is not None:
        raise ImageError(f"The image holds {what}, not grey values: convert it first.")
    try:
        kind: np.dtype[Any] = fields.get_data_dtype()
    except (HeaderDataError, KeyError):
        raise ImageError(
            f"The file is damaged: the kind of its numbers is {code}, which NIfTI does not know."
        ) from None
    if kind.names is not None or kind.kind not in "iuf":
        raise ImageError(f"The image holds numbers of the kind {code}, which are not read here.")
    return kind


def place_of(header: Header, space: tuple[int, ...]) -> Place:
    """Where the voxels lie: by the sform, else by the qform, else by their sizes alone.

    Args:
        header: of the file.
        space: sizes of the grid.

    Raises:
        GeometryError: none of these can be used.
    """
    fields, ndim = header.fields, len(space)
    affine, code, note = _stated(fields, ndim)
    affine[:3] *= _MM.get(int(fields["xyzt_units"]) & 7, 1.0)
    oriented = code != "sizes"
    if not _is_sized(header, ndim, code):
        return Place(Affine.checked(affine).matrix, "unknown", False, note)
    extent: Extent = "volume"
    # A single slice: its thickness is known only if a transform with a third column says so.
    if ndim < 3 and not (oriented and np.any(affine[:3, 2])):
        affine, extent = Affine(affine).upright(), "plane"
    affine = Affine.checked(affine).matrix
    if note is None and code == "sform" and ndim == 3:
        note = _disagreement(fields, affine, space)
    return Place(affine, extent, oriented, note)


def _stated(fields: Any, ndim: int) -> tuple[Floats, str, str | None]:
    """Affine in the file's unit, which field it is of, and what is to be said of that."""
    sform, qform = int(fields["sform_code"]) > 0, int(fields["qform_code"]) > 0
    if sform:
        affine = np.array(fields.get_sform(), dtype=np.float64)
        if not qform or _is_place(affine, ndim):
            return affine, "sform", None
        # Some programs set its code and never write it.
        wrong = "cannot be used" if affine[:3, :3].any() else "is empty"
        try:
            other = _qform(fields)
        except GeometryError:
            return affine, "sform", None  # which is then refused for what it is
        note = f"The file's first position (its sform) {wrong}: its qform was taken."
        return other, "qform", note
    if qform:
        return _qform(fields), "qform", None
    return np.array(fields.get_base_affine(), dtype=np.float64), "sizes", None


def _is_place(affine: Floats, ndim: int) -> bool:
    """Whether voxels have a size there; of a plane, whose thickness may be unknown, its pixels."""
    if not np.isfinite(affine).all():
        return True  # and damaged, which is said of it
    place = Affine(affine)
    return place.area_mm2(0, 1) > 0 if ndim < 3 else not place.singular


def _qform(fields: Any) -> Floats:
    """Affine of the qform; the three numbers of its turn may be too long by their rounding."""
    turn = np.array([float(fields[f"quatern_{axis}"]) for axis in "bcd"])
    squares = float(turn @ turn)
    if not math.isfinite(squares):
        raise GeometryError("The image's affine matrix holds values that are not finite.")
    if squares > 1 + _TURN:
        raise GeometryError(
            "The file's position is damaged: the turn in its qform is none (its numbers are too "
            "large)."
        )
    if squares > 1:
        fields = fields.copy()
        for axis, value in zip("bcd", turn / math.sqrt(squares), strict=True):
            fields[f"quatern_{axis}"] = value
    return np.array(fields.get_qform(), dtype=np.float64)


def _is_sized(header: Header, ndim: int, code: str) -> bool:
    """Whether a file states its voxel size: in its sform, or as numbers that mean something.

    1 mm without a unit and a position is what programs write that know no size.
    """
    if code == "sform":
        return True
    sizes = header.sizes[:ndim]
    if not np.isfinite(sizes).all() or not sizes.all():
        return False
    named = code == "qform" or int(header.fields["xyzt_units"]) & 7
    return bool(named) or not bool((sizes == 1).all())


def _disagreement(fields: Any, affine: Floats, space: tuple[int, ...]) -> str | None:
    """What is to be said of a header that contradicts itself; None if it does not.

    The standard prefers the sform. Some programs write a position in another space into it, and
    others move an image by one of the two alone: a person has to know which was taken. ITK takes
    the qform wherever there is one, unless the sform is the scanner's (code 1).
    """
    unit = _MM.get(int(fields["xyzt_units"]) & 7, 1.0)
    sizes = Affine(affine).lengths
    if int(fields["qform_code"]) > 0:
        try:
            other = _qform(fields)
        except GeometryError:
            return "The file's second position (its qform) is damaged: its sform was taken."
        other[:3] *= unit
        apart = corners_apart_mm(affine, other, space)
        if not apart <= _ROUNDING * sizes.min():
            others = ""
            if int(fields["sform_code"]) != _SCANNER:
                others = "; 3D Slicer, ITK-SNAP and others built on ITK take the qform"
            return (
                f"The file states two positions, {apart:.3g} mm apart (its sform and its qform): "
                f"the sform was taken{others}."
            )
        return None
    stated = np.abs(np.asarray(fields["pixdim"][1:4], dtype=np.float64)) * unit
    if not np.allclose(stated, sizes, rtol=_SIZE, atol=0):
        one, two = (" × ".join(f"{mm:.3g}" for mm in each) for each in (sizes, stated))
        return f"The file states two voxel sizes, {one} and {two} mm: that of its sform was taken."
    return None
