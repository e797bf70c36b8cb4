"""NIfTI-1 and NIfTI-2 files, single or as pairs, and the pairs of Analyze 7.5."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import numpy as np
from nibabel.volumeutils import apply_read_scaling
from numpy.typing import NDArray

from napari_ssn.errors import GeometryError, ImageError
from napari_ssn.geometry.arrays import Array, Singles
from napari_ssn.geometry.volume import Volume
from napari_ssn.io import source
from napari_ssn.io.known import PAIRS
from napari_ssn.io.nifti_header import LONGEST, Header, parse_header, place_of
from napari_ssn.io.stored import Stored, no_frame, not_whole

# Values that are scaled at once: the sums are made in float64.
_AT_ONCE = 1 << 22


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
    header, stored = _stored(path, lambda header: _space(header.shape, frame))
    data = np.empty((1, *_space(header.shape, frame)), np.float32)
    _values(header, stored, frame or 0, data[0])
    return Stored(data, *place_of(header, data.shape[1:])).volume()


def read_stored(path: Path) -> Stored:
    """Read a NIfTI file with all of its frames, as it stores them; scaled values are fractions.

    Raises:
        ImageError, GeometryError: as `read_nifti`; five axes are too many.

    Args:
        path: of the file; without time it has one frame.
    """
    header, stored = _stored(path, _frames)
    frames, space = _frames(header)
    values: Array = stored.reshape(*space, frames, order="F")
    values = np.moveaxis(values, -1, 0)
    if not header.plain:
        values = np.empty((frames, *space), np.float32)
        for frame in range(frames):
            _values(header, stored, frame, values[frame])
    step_s = header.step_s if frames > 1 else None
    whole = header.kind.kind != "f"
    return Stored(values, *place_of(header, space), step_s, header.labels, whole)


def _frames(header: Header) -> tuple[int, tuple[int, ...]]:
    """Number of frames, and the grid of each."""
    frames = header.shape[3] if len(header.shape) > 3 else 1
    return frames, _space(header.shape, None if frames == 1 else 0)


def _stored(path: Path, check: Callable[[Header], object]) -> tuple[Header, NDArray[np.generic]]:
    """Header and stored numbers, one after the other.

    Args:
        path: of the file; of a pair (``.hdr`` and ``.img``) either of the two.
        check: is asked whether the header is that of what is wanted, before the voxels are read.
    """
    if path.name.lower().endswith(PAIRS):
        about, voxels = _pair(path)
        with source.opened(about) as stream:
            header = parse_header(source.first(source.unpacked_if(stream), LONGEST), single=False)
        try:
            with source.opened(voxels) as stream:
                return header, _numbers(stream, header, check)
        except ImageError as error:
            raise ImageError(f"The voxels lie in another file (.img). {error}") from None
    with source.opened(path) as stream:
        header = parse_header(source.first(source.unpacked_if(stream), LONGEST))
        return header, _numbers(stream, header, check)


def _numbers(
    stream: BinaryIO, header: Header, check: Callable[[Header], object]
) -> NDArray[np.generic]:
    """Stored numbers behind a header, or of the file that it belongs to."""
    check(header)
    header.scaling()
    place_of(header, _space(header.shape, 0 if len(header.shape) > 3 else None))
    # A file may be padded, but not by a slice: then one of its sizes is wrong.
    padding = max(header.needed // max(header.shape) - 1, 0)
    return source.numbers(stream, header.start, header.kind, math.prod(header.shape), padding)


def _pair(path: Path) -> tuple[Path, Path]:
    """Header and voxels of a pair, by the name of either; either may be packed."""
    name = path.name[:-3] if path.name.lower().endswith(".gz") else path.name
    stem, upper = name[:-4], name[-4:].isupper()
    both = []
    for suffix in (".hdr", ".img"):
        one = path.with_name(stem + (suffix.upper() if upper else suffix))
        both.append(one if one.exists() else one.with_name(f"{one.name}.gz"))
    return both[0], both[1]


def _space(shape: tuple[int, ...], frame: int | None) -> tuple[int, ...]:
    """Shape of the voxel grid: axes of one voxel behind the third are dropped, and time."""
    space = shape
    while len(space) > 3 and space[-1] == 1:
        space = space[:-1]
    if frame is not None:
        frames = shape[3] if len(shape) > 3 else 0
        if len(space) > 4 or not 0 <= frame < frames:
            raise no_frame(frame, shape)
        return space[:3]
    if len(space) > 3:
        raise not_whole(shape)
    if len(space) < 2:
        raise GeometryError(f"The image has one axis only ({shape[0]}); two or three are needed.")
    return space


def _values(header: Header, stored: NDArray[np.generic], frame: int, out: Singles) -> None:
    """Scaled values of a frame, put into ``out`` (*S) in the byte order of this computer."""
    slope, inter = header.scaling()
    one = stored[frame * out.size :][: out.size].reshape(out.shape, order="F")
    step = max(16, _AT_ONCE * out.shape[-1] // out.size)
    with np.errstate(over="ignore"):  # inference refuses infinity in words of its own
        for low in range(0, out.shape[-1], step):
            part = slice(low, low + step)
            out[..., part] = apply_read_scaling(one[..., part], slope, inter)


def read(path: Path, frame: int | None) -> Volume:
    """See `read_nifti`."""
    return read_nifti(path, frame)
