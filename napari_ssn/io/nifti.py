"""NIfTI-1 and NIfTI-2 files."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

import nibabel as nib
import numpy as np
from nibabel.filebasedimages import ImageFileError
from nibabel.spatialimages import HeaderDataError
from nibabel.wrapstruct import WrapStructError
from numpy.typing import NDArray

from napari_ssn.core.errors import GeometryError, ImageError
from napari_ssn.core.hypotheses import Hypothesis
from napari_ssn.core.transforms import NEAR_MM, corners_apart_mm
from napari_ssn.core.volume import Extent, Volume, check_affine, stand_upright
from napari_ssn.io.content import Content, stacked

_DAMAGED = "The file is damaged or no NIfTI file: export it again or choose another."
_CUT_OFF = "The file is cut off: it holds fewer voxels than it says; copy or export it again."
_TOO_LONG = "The file holds more voxels than it says: copy or export it again."

# Length of a header, which is its first field in either byte order, and its class.
_HEADERS = {348: nib.Nifti1Image, 540: nib.Nifti2Image}
# Millimetres in a unit of the header; "unknown" counts as mm.
_MM = {1: 1000.0, 2: 1.0, 3: 1e-3}
# Seconds in a unit of time of the header.
_SECONDS = {8: 1.0, 16: 1e-3, 24: 1e-6}
# Intent of a file whose values are labels.
_LABELS = 1002
# What the two transforms of a header may differ by: so much of a voxel, and of its size.
_ROUNDING, _SIZE = 0.5, 0.01
# Largest size of an axis in a NIfTI-1 header.
_NIFTI1_AXIS = 32767


def read_nifti(path: Path, frame: int | None = None) -> Volume:
    """Read a 2D or 3D NIfTI file, or a frame of a time series, on its own voxel grid.

    Values are scaled as the header says, NaN is kept. The affine is the header's sform, else
    its qform, else the plain voxel sizes; the last says nothing about the patient's axes.

    Raises:
        ImageError: the file is missing, damaged, cut off, or holds colours or complex numbers.
        GeometryError: a time series of which no frame is named, or one without that frame,
            several channels, or an affine that cannot be used.

    Args:
        path: of the file.
        frame: which one of a time series, from 0.
    """
    raw = _content(path)
    image = _parse(raw)
    space = _space(image.shape, frame)
    return _volume(image, raw, _values(image, frame).reshape(1, *space))


class Frames(NamedTuple):
    """A NIfTI file with all of its frames.

    Attributes:
        volume: its channels are the frames.
        step_s: seconds from frame to frame; None where the file does not say.
        labels: whether the file calls itself a label map (its intent).
    """

    volume: Volume
    step_s: float | None
    labels: bool


def read_nifti_frames(path: Path) -> Frames:
    """Read a NIfTI file with all of its frames, which become the channels of the volume.

    Raises:
        ImageError, GeometryError: as `read_nifti`; five axes are too many.

    Args:
        path: of the file; without time it has one frame.
    """
    raw = _content(path)
    image = _parse(raw)
    labels = int(image.header["intent_code"]) == _LABELS
    frames = image.shape[3] if len(image.shape) > 3 else 1
    if frames == 1:
        space = _space(image.shape, None)
        volume = _volume(image, raw, _values(image, None).reshape(1, *space))
        return Frames(volume, None, labels)
    space = _space(image.shape, 0)
    # Frame by frame: the scaled values of all at once would take twice the memory.
    data = np.empty((frames, *space), np.float32)
    for frame in range(frames):
        data[frame] = _values(image, frame).reshape(space)
    step = float(image.header["pixdim"][4])
    seconds = _SECONDS.get(int(image.header["xyzt_units"]) & 56)
    known = seconds is not None and math.isfinite(step) and step > 0
    step_s = step * seconds if known and seconds is not None else None
    return Frames(_volume(image, raw, data), step_s, labels)


def _volume(image: Any, raw: bytes, data: NDArray[np.float32]) -> Volume:
    """Volume of an image with these values, (frames, *S)."""
    affine, extent, oriented = _place(image, raw, data.ndim - 1)
    affine = check_affine(affine)
    note = _disagreement(image.header, affine, data.shape[1:]) if oriented else None
    return Volume(data, affine, extent, oriented, note=note)


def encode_nifti(hypothesis: Hypothesis, *, compressed: bool) -> bytes:
    """Content of a uint8 NIfTI label map; the same hypothesis gives the same bytes."""
    return _encode(
        hypothesis.label_map, hypothesis.affine, hypothesis.classes - 1, compressed=compressed
    )


def encode_content(content: Content, *, compressed: bool) -> bytes:
    """Content of a NIfTI file of one or several hypotheses, or of the probability map.

    Several hypotheses are uint8 label maps along a fourth axis, in their order; probabilities
    are float32, those of several labels along a fourth axis, without the background.
    """
    if content.probability is not None:
        maps, largest = list(content.probability.values), 1
    else:
        if len(content.hypotheses) == 1:
            return encode_nifti(content.hypotheses[0], compressed=compressed)
        maps, largest = [one.label_map for one in content.hypotheses], content.classes - 1
    if len(maps) == 1:
        return _encode(maps[0], content.affine, largest, compressed=compressed)
    return _encode(stacked(maps), content.affine, largest, compressed=compressed)


def _encode(
    data: NDArray[np.uint8] | NDArray[np.float32],
    affine: NDArray[np.float64],
    largest: int,
    *,
    compressed: bool,
) -> bytes:
    """NIfTI file of an array.

    The sform holds the affine; the qform too, where one can hold it (no shear). NIfTI-1 as long
    as its float32 numbers put the grid within `NEAR_MM`: NIfTI-2, which has float64, is not
    read by ITK 5 nor by what is built on it, 3D Slicer and ITK-SNAP among others. What was read
    from NIfTI-1 goes back into it unchanged; the sidecar has the affine to its last bit.
    """
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
        header.set_intent(_LABELS)
    image.set_sform(affine, code="scanner")
    try:
        image.set_qform(affine, code="scanner", strip_shears=False)
    except HeaderDataError:
        # Sets the voxel sizes; code 0 tells readers not to use the rotation.
        image.set_qform(affine, code="unknown", strip_shears=True)
    raw: bytes = image.to_bytes()
    # No time in the header of the compressed file, so that equal results are equal files.
    return gzip.compress(raw, compresslevel=6, mtime=0) if compressed else raw


def _content(path: Path) -> bytes:
    """Bytes of the file, uncompressed and checked against the checksum of the compression."""
    # `from None`: the causes' messages hold the path, and the path may hold a patient's name.
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise ImageError("The file does not exist.") from None
    except OSError as error:
        reason = error.strerror or "no reason given"
        raise ImageError(f"The file cannot be opened ({reason}).") from None
    # Told by the content, as compressed files are often renamed and others renamed .gz.
    if content[:2] != b"\x1f\x8b":
        return content
    try:
        return gzip.decompress(content)
    except (EOFError, OSError, zlib.error, struct.error):
        raise ImageError(
            "The compressed file is damaged or cut off: copy or export it again."
        ) from None


def _parse(raw: bytes) -> Any:
    """nibabel's image of these bytes, its header checked."""
    lengths = [struct.unpack(order + "i", raw[:4])[0] for order in "<>"] if len(raw) > 4 else []
    kind = next((_HEADERS[length] for length in lengths if length in _HEADERS), None)
    if kind is None:
        raise ImageError(_DAMAGED)
    try:
        image = kind.from_stream(BytesIO(raw))
        shape = tuple(int(size) for size in image.shape)
        needed = math.prod(shape) * image.get_data_dtype().itemsize
        offset = int(image.dataobj.offset)
    except (
        HeaderDataError,
        ImageFileError,
        WrapStructError,
        KeyError,
        OverflowError,
        ValueError,
    ):
        raise ImageError(_DAMAGED) from None
    if any(size < 0 for size in shape) or offset < 0:
        raise ImageError(_DAMAGED)
    if 0 in shape:
        raise ImageError("The image holds no voxels.")
    if offset + needed > len(raw):
        raise ImageError(_CUT_OFF)
    # A file may be padded, but not by a slice: then one of its sizes is wrong.
    if len(raw) - offset - needed >= needed / max(shape):
        raise ImageError(_TOO_LONG)
    return image


def _space(shape: tuple[int, ...], frame: int | None) -> tuple[int, ...]:
    """Shape of the voxel grid: axes of one voxel behind the third are dropped, and time."""
    space = shape
    while len(space) > 3 and space[-1] == 1:
        space = space[:-1]
    size = " × ".join(map(str, shape))
    if frame is not None:
        frames = shape[3] if len(shape) > 3 else 0
        if len(space) > 4 or not 0 <= frame < frames:
            raise GeometryError(f"There is no frame {frame + 1} in this image ({size}).")
        return space[:3]
    if len(space) > 3:
        raise GeometryError(
            f"Time series and images of several channels are not read as a whole ({size}): "
            "name a frame, or save one 3D image of it as its own file."
        )
    if len(space) < 2:
        raise GeometryError(f"The image has one axis only ({size}); two or three are needed.")
    return space


def _place(image: Any, raw: bytes, ndim: int) -> tuple[NDArray[np.float64], Extent, bool]:
    """Affine in mm, what it measures, and whether it is the patient's."""
    header = image.header
    oriented = int(header["sform_code"]) > 0 or int(header["qform_code"]) > 0
    affine = np.array(image.affine, dtype=np.float64)
    affine[:3] *= _MM.get(int(header["xyzt_units"]) & 7, 1.0)
    if not _is_sized(header, raw, ndim):
        return affine, "unknown", False
    if ndim == 3:
        return affine, "volume", oriented
    # A single slice: its thickness is known only if a transform with a third column says so.
    if oriented and np.any(affine[:3, 2]):
        return affine, "volume", True
    return stand_upright(affine), "plane", oriented


def _is_sized(header: Any, raw: bytes, ndim: int) -> bool:
    """Whether a file states its voxel size: in its sform, or as numbers that mean something.

    nibabel makes 1 of a size of zero; and 1 mm without a unit and a position is what programs
    write that know no size.
    """
    if int(header["sform_code"]) > 0:
        return True
    written = type(header)(raw[: header.sizeof_hdr], check=False)
    sizes = np.asarray(written["pixdim"], dtype=np.float64)[1 : ndim + 1]
    if not np.isfinite(sizes).all() or not sizes.all():
        return False
    named = int(header["qform_code"]) > 0 or int(header["xyzt_units"]) & 7
    return bool(named) or not bool((sizes == 1).all())


def _disagreement(header: Any, affine: NDArray[np.float64], space: tuple[int, ...]) -> str | None:
    """What is to be said of a header that contradicts itself; None if it does not.

    The standard prefers the sform. Some programs write a position in another space into it, and
    others move an image by one of the two alone: a person has to know which was taken.
    """
    if int(header["sform_code"]) <= 0 or len(space) < 3:
        return None
    unit = _MM.get(int(header["xyzt_units"]) & 7, 1.0)
    sizes = np.linalg.norm(affine[:3, :3], axis=0)
    if int(header["qform_code"]) > 0:
        try:
            other = np.array(header.get_qform(), dtype=np.float64)
        except (HeaderDataError, ValueError):
            return "The file's second position (its qform) is damaged: its sform was taken."
        other[:3] *= unit
        apart = corners_apart_mm(affine, other, space)
        if not apart <= _ROUNDING * sizes.min():
            return (
                f"The file states two positions, {apart:.3g} mm apart (its sform and its qform): "
                "the sform was taken."
            )
        return None
    stated = np.abs(np.asarray(header["pixdim"][1:4], dtype=np.float64)) * unit
    if not np.allclose(stated, sizes, rtol=_SIZE, atol=0):
        one, two = (" × ".join(f"{mm:.3g}" for mm in each) for each in (sizes, stated))
        return f"The file states two voxel sizes, {one} and {two} mm: that of its sform was taken."
    return None


def _values(image: Any, frame: int | None) -> NDArray[np.float32]:
    """Scaled values of an image or a frame as float32, in the byte order of this computer."""
    kind = image.get_data_dtype()
    if kind.names is not None or kind.kind not in "iuf":
        what = "complex numbers" if kind.kind == "c" else "colours"
        raise ImageError(f"The image holds {what}, not grey values: convert it first.")
    try:
        part = ... if frame is None else (slice(None), slice(None), slice(None), frame)
        scaled = np.asanyarray(image.dataobj[part])
    except (HeaderDataError, OSError, ValueError):
        raise ImageError(_DAMAGED) from None
    with np.errstate(over="ignore"):  # inference refuses infinity in words of its own
        return np.ascontiguousarray(scaled, dtype=np.float32)
