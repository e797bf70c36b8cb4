"""From stored pixels to values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from pydicom import Dataset
from pydicom.dataset import FileMetaDataset
from pydicom.pixels import get_decoder, pixel_array
from pydicom.uid import (
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEGExtended12Bit,
)

from napari_ssn.errors import ImageError
from napari_ssn.geometry.arrays import Array, Mask
from napari_ssn.io.dicom.apart import apart
from napari_ssn.io.dicom.damage import reading

_CUT_OFF = "A slice is cut off: it holds fewer pixels than it says; copy or export it again."
# The library that decodes in a process of its own.
_APART = "gdcm"
_DAMAGED = "The pixels of a slice are damaged: copy or export the series again."


_NO_SYNTAX = "A DICOM file is damaged: it does not say how it is encoded. Copy or export it again."
_UNSAID = (
    "The images are compressed, and the files do not say how, as their first bytes are missing: "
    "export the series again."
)
# Ways to compress that are younger than pydicom's list of them.
_NEWER = {"1.2.840.10008.1.2.8.1": "Deflated Image Frame Compression"}
_HIGH_BIT = (
    "The images say that {stored} bits of a pixel are used and that the highest is number {high}: "
    "programs read such pixels differently. Export the series again."
)


@dataclass(frozen=True, eq=False)
class Stored:
    """Stored pixels of an instance.

    Attributes:
        values: whole numbers, (frames, rows, columns).
        padding: which of them are no measurement, but fill the picture outside of what was
            scanned (PixelPaddingValue); None where the file names no such value.
    """

    values: Array
    padding: Mask | None = None


def complete(dataset: Dataset) -> Dataset:
    """A data set that says how it is encoded, where the file lacks the part that says it.

    ImageError if it has that part and it does not say so or names a way that nobody here knows,
    or if its pixels are compressed, which nothing else tells of.
    """
    meta = getattr(dataset, "file_meta", None) or FileMetaDataset()
    if "TransferSyntaxUID" not in meta:
        if getattr(dataset, "preamble", None):
            raise ImageError(_NO_SYNTAX)
        if "PixelData" in dataset and dataset["PixelData"].is_undefined_length:
            raise ImageError(_UNSAID)
        implicit, little = dataset.original_encoding
        explicit = ExplicitVRLittleEndian if little else ExplicitVRBigEndian
        meta.TransferSyntaxUID = ImplicitVRLittleEndian if implicit else explicit
    if not meta.TransferSyntaxUID.is_transfer_syntax:
        raise ImageError(
            f"A DICOM file is encoded as {_name(meta.TransferSyntaxUID)}, which is not read here: "
            "export it uncompressed."
        )
    dataset.file_meta = meta
    return dataset


def check_readable(dataset: Dataset) -> None:
    """ImageError if pixels are missing, coloured, or stored in a way that is not read."""
    if "FloatPixelData" in dataset or "DoubleFloatPixelData" in dataset:
        raise ImageError(
            "The pixels are floating-point numbers, as those of a parametric map, which are not "
            "read: export the same map as NIfTI."
        )
    if "PixelData" not in dataset:
        raise ImageError("The series holds headers without pixels.")
    if not str(dataset.get("PhotometricInterpretation", "")).startswith("MONOCHROME"):
        raise ImageError("The images have colours, not grey values: they are not read.")
    if "ModalityLUTSequence" in dataset:
        raise ImageError(
            "The values of the images go through a table (Modality LUT), which is not read."
        )
    check_decodable(dataset, "The images are")


def check_decodable(dataset: Dataset, what: str) -> None:
    """ImageError, beginning with ``what``, if pixels are compressed in a way that is not read."""
    syntax = dataset.file_meta.TransferSyntaxUID
    if syntax.is_compressed and not syntax.is_deflated and _decoder(dataset) is None:
        raise ImageError(
            f"{what} compressed as {_name(syntax)}, which is not read here: export the series "
            "uncompressed."
        )


def undecodable(dataset: Dataset, what: str) -> str:
    """A sentence, beginning with ``what``, of compressed pixels that a library does not decode."""
    name = _name(dataset.file_meta.TransferSyntaxUID)
    return (
        f"{what}, compressed as {name}, could not be decoded: they are damaged or of a kind that "
        "is not read here. Export the series uncompressed."
    )


def stored_pixels(dataset: Dataset) -> Stored:
    """Stored whole numbers of an instance, and which of them are padding.

    Bits above those stored, in which old scanners drew overlays, are dropped, and the highest
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
            values = _decoded(dataset, shape)
            return Stored(values, _padding(dataset, values, values))
        return _native(dataset, shape, "<" if syntax.is_little_endian else ">")


def _native(dataset: Dataset, shape: tuple[int, int, int], order: str) -> Stored:
    allocated, stored = int(dataset.BitsAllocated), int(dataset.BitsStored)
    high, signed = int(dataset.HighBit), int(dataset.PixelRepresentation)
    if allocated not in (8, 16, 32) or not 0 < stored <= allocated:
        raise ImageError(f"Pixels of {stored} bits in {allocated} are not read.")
    if high != stored - 1:
        raise ImageError(_HIGH_BIT.format(stored=stored, high=high))
    kind = np.dtype(f"{order}{'i' if signed else 'u'}{allocated // 8}")
    count = int(np.prod(shape))
    raw = dataset.PixelData
    if order == ">" and dataset["PixelData"].VR == "OW" and allocated != 16:
        # Words of 16 bits are what big endian files turn round, not pixels.
        if allocated != 8:
            raise ImageError("Pixels of 32 bits in big endian order are not read.")
        raw = np.frombuffer(raw[: len(raw) // 2 * 2], ">u2").astype("<u2").tobytes()
    if len(raw) < count * kind.itemsize:
        raise ImageError(_CUT_OFF)
    # In the order of this machine, so that shifts do what they say.
    pixels = (
        np.frombuffer(raw, kind, count).reshape(shape).astype(kind.newbyteorder("="), copy=False)
    )
    if stored == allocated:
        return Stored(pixels, _padding(dataset, pixels, pixels))
    # Up to the top and down again: what lies above is pushed out, and the sign comes along.
    above = np.left_shift(pixels, allocated - 1 - high)
    values: Array = np.right_shift(above, allocated - stored)
    return Stored(values, _padding(dataset, values, pixels))


def _padding(dataset: Dataset, values: Array, raw: Array) -> Mask | None:
    """Where pixels are padding: of the padding value, or between it and its limit (PS3.3 C.7.5.1).

    Some files give the value with the wrong sign, 63536 for −2000, or with bits that are not
    stored, which only the raw pixels have.
    """
    value = dataset.get("PixelPaddingValue")
    if value is None or value == "":
        return None
    limit = dataset.get("PixelPaddingRangeLimit")
    bits = 8 * raw.dtype.itemsize
    ends = sorted(
        _wrapped(int(one), bits, raw.dtype.kind == "i")
        for one in (value, value if limit is None or limit == "" else limit)
    )
    signed = int(dataset.PixelRepresentation)
    high = (1 << (int(dataset.BitsStored) - signed)) - 1
    low = -high - 1 if signed else 0
    pixels = values if low <= ends[0] and ends[1] <= high else raw
    found: Mask = (pixels >= ends[0]) & (pixels <= ends[1])
    return found if found.any() else None


def _wrapped(value: int, bits: int, signed: bool) -> int:
    """A whole number as so many bits hold it."""
    value &= (1 << bits) - 1
    return value - (1 << bits) if signed and value >> (bits - 1) else value


def _decoded(dataset: Dataset, shape: tuple[int, int, int]) -> Array:
    plugin = _decoder(dataset)
    try:
        if plugin == _APART:
            pixels = apart.decode(dataset)
        else:
            pixels = np.asarray(pixel_array(dataset, decoding_plugin=plugin))
    except (NotImplementedError, RuntimeError, ValueError):
        # What a library cannot decode may be damaged or a kind that it does not know: it does
        # not tell which.
        raise ImageError(undecodable(dataset, "The pixels of a slice")) from None
    if pixels.size != np.prod(shape):
        raise ImageError(_CUT_OFF)
    return pixels.reshape(shape)


def _decoder(dataset: Dataset) -> str | None:
    """The library that decodes the pixels of an image; None if none is there that does.

    One that may end the program on damaged data is the last choice.
    """
    syntax = dataset.file_meta.TransferSyntaxUID
    # Of this kind, the libraries decode what has 8 bits alone.
    if syntax == JPEGExtended12Bit and int(dataset.BitsStored) != 8:
        return None
    try:
        there = get_decoder(syntax).available_plugins
    except NotImplementedError:
        return None
    return min(there, key=lambda plugin: plugin == _APART, default=None)


def _name(syntax: Any) -> str:
    """Name of a transfer syntax; a private one has none, and its number names nobody."""
    name = _NEWER.get(str(syntax), str(syntax.name))
    if name == str(syntax) and not syntax.is_valid:
        return "nothing that DICOM knows"
    return name
