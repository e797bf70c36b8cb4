"""Files that hold one slice twice.

Only their pixels tell a copy from another echo or phase at the same place, so these are read
and compared where two files say that they lie at one place and differ in nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from io import BytesIO
from typing import Any

from pydicom import dcmread

from napari_ssn.io.dicom.damage import check_inflates, reading
from napari_ssn.io.dicom.header import DAMAGED, Instance

# Elements that say what stored pixels mean.
_MEANING = ("TransferSyntaxUID", "BitsStored", "HighBit", "PixelRepresentation")


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
    seen, out = set[bytes](), []
    for one in sorted(same, key=lambda one: (one.instance_number or 0, one.uid)):
        digest = _digest(one)
        if digest in seen:
            out.append(one)
        seen.add(digest)
    return out


def _digest(one: Instance) -> bytes:
    """Hash of the pixels of a file, and of what they mean."""
    whole = one.member.whole()
    check_inflates(whole, one.most_bytes)
    with reading(DAMAGED):
        dataset = dcmread(BytesIO(whole), force=True)
        said = [str(dataset.get(keyword, "")) for keyword in _MEANING[1:]]
        said.append(str(dataset.file_meta.get(_MEANING[0], "")))
        pixels = dataset.get("PixelData", b"")
        return hashlib.sha256("|".join(said).encode() + pixels).digest()
