"""Files that hold one slice twice.

Only their pixels tell a copy from another echo or phase at the same place, so these are read
and compared where two files say that they lie at one place and differ in nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from io import BytesIO
from typing import Any

from pydicom import Dataset, dcmread

from napari_ssn.io.dicom.apart import apart
from napari_ssn.io.dicom.damage import reading
from napari_ssn.io.dicom.header import DAMAGED, Instance
from napari_ssn.io.dicom.pixels import complete, stored_pixels

# Elements that say what compressed pixels mean.
_MEANING = ("BitsStored", "HighBit", "PixelRepresentation", "PixelPaddingValue")


def without_doubles(instances: Sequence[Instance]) -> tuple[list[Instance], int]:
    """Instances without those that repeat another one's pixels at its place, and their number.

    Of several the one with the smallest number, then UID, stays. ImageError if a file that has
    to be looked into is damaged.
    """
    groups: dict[Any, list[Instance]] = {}
    for one in instances:
        groups.setdefault((one.size, one.planes), []).append(one)
    left_out: set[int] = set()
    # Where each place has as many images they are echoes or phases, thousands at times: those
    # that say of themselves to be different ones need no look at their pixels.
    even = len({len(group) for group in groups.values()}) == 1
    for group in groups.values():
        alike: dict[Any, list[Instance]] = {}
        for one in group:
            mark = tuple(plane.traits for plane in one.planes) if even else ()
            alike.setdefault(mark, []).append(one)
        for same in alike.values():
            left_out |= {id(one) for one in _repeated(same)}
    return [one for one in instances if id(one) not in left_out], len(left_out)


def _repeated(same: Sequence[Instance]) -> list[Instance]:
    if len(same) < 2:
        return []
    ordered = sorted(same, key=lambda one: (one.instance_number or 0, one.uid))
    files = [data_set_of(one) for one in ordered]
    # One slice may be there as it was scanned and compressed without loss: only decoded they
    # are equal. To decode what is compressed in one way alone would take as long as to read it.
    mixed = len({file.file_meta.TransferSyntaxUID for file in files}) > 1
    seen, out = set[bytes](), []
    try:
        for one, file in zip(ordered, files, strict=True):
            encoded = file.file_meta.TransferSyntaxUID.is_encapsulated
            digest = _of_bytes(file) if encoded and not mixed else _of_values(file)
            if digest in seen:
                out.append(one)
            seen.add(digest)
    finally:
        apart.close()
    return out


def data_set_of(one: Instance) -> Dataset:
    """What a file of a series holds; ImageError if it is damaged."""
    whole = one.whole()
    with reading(DAMAGED):
        return complete(dcmread(BytesIO(whole), force=True))


def _of_bytes(dataset: Dataset) -> bytes:
    """Hash of the compressed pixels of a file, and of what they mean."""
    with reading(DAMAGED):
        said = "|".join(str(dataset.get(keyword, "")) for keyword in _MEANING)
        return hashlib.sha256(said.encode() + dataset.get("PixelData", b"")).digest()


def _of_values(dataset: Dataset) -> bytes:
    """Hash of the stored numbers of a file, and of which of them are padding."""
    stored = stored_pixels(dataset)
    digest = hashlib.sha256(stored.values.astype("<i8").tobytes())
    if stored.padding is not None:
        digest.update(stored.padding.tobytes())
    return digest.digest()
