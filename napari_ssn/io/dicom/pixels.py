"""From stored pixels to values."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from napari_ssn.core.errors import ImageError
from napari_ssn.io.dicom.apart import apart
from napari_ssn.io.dicom.damage import reading

if TYPE_CHECKING:
    from pydicom import Dataset

_CUT_OFF = "A slice is cut off: it holds fewer pixels than it says; copy or export it again."
# The library that decodes in a process of its own.
_APART = "gdcm"
_DAMAGED = "The pixels of a slice are damaged: copy or export the series again."


def check_readable(dataset: Dataset) -> None:
    """ImageError if pixels are missing, coloured, or stored in a way that is not read."""
    syntax = dataset.file_meta.TransferSyntaxUID
    if "PixelData" not in dataset:
        raise ImageError("The series holds headers without pixels.")
    if not str(dataset.get("PhotometricInterpretation", "")).startswith("MONOCHROME"):
        raise ImageError("The images have colours, not grey values: they are not read.")
    if "ModalityLUTSequence" in dataset:
        raise ImageError(
            "The values of the images go through a table (Modality LUT), which is not read."
        )
    if syntax.is_compressed and not syntax.is_deflated and _decoder(syntax) is None:
        raise ImageError(
            f"The images are compressed as {_name(syntax)}, which is not read here: export the "
            "series uncompressed."
        )


def stored_pixels(dataset: Dataset) -> NDArray[Any]:
    """Stored whole numbers of an instance, (frames, rows, columns).

    Bits beside those stored, in which old scanners drew overlays, are dropped, and the highest
    bit stored is the sign of signed ones.

    Raises:
        ImageError: see `check_readable`; or the pixels are damaged or cut off.
    """
    with reading(_DAMAGED):
        check_readable(dataset)
        syntax = dataset.file_meta.TransferSyntaxUID
        frames = int(dataset.get("NumberOfFrames") or 1)
        shape = (frames, int(dataset.Rows), int(dataset.Columns))
        if syntax.is_encapsulated:
            return _decoded(dataset, shape)
        return _native(dataset, shape, "<" if syntax.is_little_endian else ">")


def _native(dataset: Dataset, shape: tuple[int, int, int], order: str) -> NDArray[Any]:
    allocated, stored = int(dataset.BitsAllocated), int(dataset.BitsStored)
    high, signed = int(dataset.HighBit), int(dataset.PixelRepresentation)
    if allocated not in (8, 16, 32) or not 0 < stored <= high + 1 <= allocated:
        raise ImageError(f"Pixels of {stored} bits in {allocated} are not read.")
    kind = np.dtype(f"{order}{'i' if signed else 'u'}{allocated // 8}")
    count = int(np.prod(shape))
    raw = dataset.PixelData
    if len(raw) < count * kind.itemsize:
        raise ImageError(_CUT_OFF)
    pixels = np.frombuffer(raw, kind, count).reshape(shape)
    if stored == allocated:
        return pixels
    # Up to the top and down again: what lies above is pushed out, and the sign comes along.
    native = pixels.astype(kind.newbyteorder("="))
    above = np.left_shift(native, allocated - 1 - high)
    below: NDArray[Any] = np.right_shift(above, allocated - stored)
    return below


def _decoded(dataset: Dataset, shape: tuple[int, int, int]) -> NDArray[Any]:
    from pydicom.pixels import pixel_array

    plugin = _decoder(dataset.file_meta.TransferSyntaxUID)
    if plugin == _APART:
        pixels = apart.decode(dataset)
    else:
        pixels = np.asarray(pixel_array(dataset, decoding_plugin=plugin))
    if pixels.size != np.prod(shape):
        raise ImageError(_CUT_OFF)
    return pixels.reshape(shape)


def _decoder(syntax: Any) -> str | None:
    """The library that decodes a transfer syntax; None if none is there that does.

    One that may end the program on damaged data is the last choice.
    """
    from pydicom.pixels import get_decoder

    try:
        there = get_decoder(syntax).available_plugins
    except NotImplementedError:
        return None
    return min(there, key=lambda plugin: plugin == _APART, default=None)


def _name(syntax: Any) -> str:
    """Name of a transfer syntax; a private one has none, and its number names nobody."""
    return str(syntax.name)
