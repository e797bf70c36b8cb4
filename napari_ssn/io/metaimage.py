"""MetaImage files (``.mha``, and ``.mhd`` with its voxels beside it), read by ITK."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from napari_ssn.errors import GeometryError, ImageError
from napari_ssn.geometry.affine import LPS, Affine
from napari_ssn.geometry.arrays import Array, Floats
from napari_ssn.geometry.volume import Extent, Volume
from napari_ssn.io import source
from napari_ssn.io.stored import Stored

_MISSING = (
    'MetaImage files are read with a library that is not installed: pip install "napari-ssn[itk]".'
)
_NO_META = "The file is damaged or no MetaImage: export it again or choose another."
_HERE = "LOCAL"
# Bytes that may follow the voxels, such as an end of a line.
_PADDING = 16
# Longer ones hold no header.
_LONGEST = 1 << 16
# Fields that say where the image lies, and how large a voxel is.
_POSITION = ("offset", "position", "origin", "transformmatrix", "orientation", "rotation")
_SIZES = ("elementspacing", "elementsize")
_BYTES = {
    "CHAR": 1, "UCHAR": 1, "SHORT": 2, "USHORT": 2, "INT": 4, "UINT": 4, "LONG": 4, "ULONG": 4,
    "LONG_LONG": 8, "ULONG_LONG": 8, "FLOAT": 4, "DOUBLE": 8,
}  # fmt: skip


class _Kept:
    """Voxels of ITK as an array that keeps their image, and that may be written to."""

    def __init__(self, image: Any, view: Array) -> None:
        self._image = image
        shared = view.__array_interface__
        self.__array_interface__ = {**shared, "data": (shared["data"][0], False)}


def read_stored(path: Path) -> Stored:
    """Read a MetaImage on its own voxel grid; a fourth axis is one of frames.

    A plane lies in no patient; nor does a volume of which the file says no position.

    Raises:
        ImageError: the file is missing, damaged, cut off, of a kind that is not read, or ITK is
            not installed.
        GeometryError: several values per voxel, five axes, or an affine that cannot be used.
    """
    fields = _fields(path)
    sizes = _check(fields, path)
    try:
        import SimpleITK as sitk
    except ModuleNotFoundError:
        raise ImageError(_MISSING) from None
    reader = sitk.ImageFileReader()
    reader.SetImageIO("MetaImageIO")
    reader.SetFileName(str(path))
    # A warning of ITK's would name the file.
    sitk.ProcessObject.SetGlobalWarningDisplay(False)
    try:
        image = reader.Execute()
        values = np.asarray(_Kept(image, sitk.GetArrayViewFromImage(image)))
        steps = np.reshape(image.GetDirection(), (len(sizes), len(sizes))) * image.GetSpacing()
        origin = np.array(image.GetOrigin())
    except RuntimeError:
        raise ImageError(
            "The voxels of the file are damaged or cut off: copy or export it again."
        ) from None
    if values.shape != sizes[::-1]:
        raise ImageError(_NO_META)
    axes = min(len(sizes), 3)
    if steps[axes:, :axes].any() or steps[:axes, axes:].any():
        raise GeometryError("The fourth axis of the image leans into those of space.")
    affine = np.eye(4)
    affine[:axes, :axes], affine[:axes, 3] = steps[:axes, :axes], origin[:axes]
    # ITK's last axis is the fastest.
    frames = values if values.ndim == 4 else values[None]
    frames = frames.transpose(0, *range(frames.ndim - 1, 0, -1))
    return _placed(fields, frames, LPS @ affine + 0.0)


def _placed(fields: dict[str, str], values: Array, affine: Floats) -> Stored:
    """These values, as far as the header says where they lie."""
    extent: Extent = "volume"
    oriented = False
    if not any(name in fields for name in _SIZES):
        extent = "unknown"
    elif values.ndim == 3:
        affine, extent = Affine(affine).upright(), "plane"
    else:
        oriented = any(name in fields for name in _POSITION)
    return Stored(values, affine, extent, oriented, whole=values.dtype.kind != "f")


def _fields(path: Path) -> dict[str, str]:
    """Fields of the header by their names in small letters; the last says where the voxels are.

    Under no name stands how long the header is.
    """
    with source.opened(path) as stream:
        head = stream.read(_LONGEST)
    fields: dict[str, str] = {}
    length = 0
    for line in head.split(b"\n"):
        name, equals, value = line.decode("latin-1").partition("=")
        if not equals:
            break
        fields[name.strip().lower()] = value.strip()
        length += len(line) + 1
        if name.strip().lower() == "elementdatafile":
            return {**fields, "": str(length)}
    raise ImageError(_NO_META)


def _check(fields: dict[str, str], path: Path) -> tuple[int, ...]:
    """Sizes of the image, once its voxels are known to be there: ITK asks neither."""
    try:
        sizes = tuple(int(size) for size in fields["dimsize"].split())
    except (KeyError, ValueError):
        raise ImageError(
            "The file is damaged: the DimSize in its header cannot be understood."
        ) from None
    if len(sizes) not in (2, 3, 4) or str(len(sizes)) != fields.get("ndims"):
        raise GeometryError(f"The image has {len(sizes)} axes; two or three can be segmented.")
    source.check_sizes(sizes)
    if fields.get("elementnumberofchannels", "1") != "1":
        raise GeometryError("The file holds several values per voxel; images of one are read.")
    kind = fields.get("elementtype", "").removeprefix("MET_")
    if kind not in _BYTES:
        raise ImageError("The image holds no plain numbers: convert it to grey values first.")
    packed = fields.get("compresseddata", "False").lower() in ("true", "1")
    count = math.prod(sizes)
    name = fields["elementdatafile"]
    if name == "LIST" or "%" in name:
        raise ImageError("The voxels lie in several files: save the image as one .mha.")
    voxels = path if name.upper() == _HERE else path.parent / name
    start = int(fields[""]) if voxels == path else 0
    needed = count * _BYTES[kind]
    try:
        with source.opened(voxels) as stream:
            size = source.size_of(stream) - start
            source.check_fits(needed, size, 4 * count, source.GZIP_RATIO if packed else 1)
            # ITK reads what there is, and leaves the rest as it comes, at either end.
            stream.seek(start)
            if packed:
                source.surplus(source.unpacked(stream), needed, _PADDING)
            elif "headersize" not in fields and size > needed + _PADDING:
                raise ImageError(source.TOO_LONG)
    except ImageError as error:
        if voxels == path:
            raise
        raise ImageError(f"The voxels lie in another file beside this one. {error}") from None
    return sizes


def read(path: Path, frame: int | None) -> Volume:
    """See `read_stored`; several frames are no image."""
    return read_stored(path).image(frame)
