"""Two hundred damaged files, the same ones every time.

A damaged file is read rightly if it gives what an independent and obvious reader makes of its
bytes (`plain_nifti`, `plain_nrrd`): of a bit that is flipped in a voxel that is not compressed,
or in a number that nothing else confirms, nobody can know. Whatever a checksum, a length or a
rule of the format covers must come back as it was, or be refused.
"""

from __future__ import annotations

import gzip
import io
import random
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import nibabel as nib
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tests.support.phantom import Phantom, phantom

Read = tuple[NDArray[np.float32], NDArray[np.float64]]

#: How many there are, but those of DICOM.
COUNT = 200
_SEED = 20_240_229
# Longest message that is one sentence.
LONGEST = 220


@dataclass(frozen=True)
class Damaged:
    """A damaged file.

    Attributes:
        name: of the file, with the suffix of its kind.
        how: what was done to it.
        content: its bytes.
    """

    name: str
    how: str
    content: bytes


def damaged_files() -> Iterator[Damaged]:
    """Every one of them, in a fixed order."""
    chance = random.Random(_SEED)
    whole = originals()
    flips = {"a.nii": 40, "b.nii.gz": 24, "c.nrrd": 32, "d.nrrd": 16, "e.png": 16}
    for name, content in whole.items():
        for number in range(flips[name]):
            # Half of them where most of the meaning is.
            end = len(content) if number % 2 else min(len(content), 352)
            bit = chance.randrange(8 * end)
            raw = bytearray(content)
            raw[bit // 8] ^= 1 << bit % 8
            yield Damaged(name, f"bit {bit} flipped", bytes(raw))
        for number in range(8):
            length = chance.randrange(len(content)) if number else len(content) - 1
            yield Damaged(name, f"cut off at {length}", content[:length])
    yield from _by_hand(whole)


def originals() -> dict[str, bytes]:
    """The files before anything happened to them."""
    one = phantom()
    flat = one.data[:, :, 2].astype(np.uint8)
    picture = io.BytesIO()
    Image.fromarray(flat).save(picture, "png")
    return {
        "a.nii": nifti(one),
        "b.nii.gz": gzip.compress(nifti(one), mtime=0),
        "c.nrrd": nrrd_bytes(one, "raw"),
        "d.nrrd": nrrd_bytes(one, "gzip"),
        "e.png": picture.getvalue(),
    }


def nifti(one: Phantom) -> bytes:
    image = nib.Nifti1Image(one.data, one.affine)
    image.header.set_xyzt_units("mm")
    image.set_qform(one.affine, code=1)
    image.set_sform(one.affine, code=1)
    raw: bytes = image.to_bytes()
    return raw


def nrrd_bytes(one: Phantom, encoding: str) -> bytes:
    lps = np.diag([-1.0, -1, 1, 1]) @ one.affine
    vectors = ["(" + ",".join(map(repr, map(float, v))) + ")" for v in lps[:3].T]
    head = [
        "NRRD0004",
        "type: float",
        "dimension: 3",
        "space: left-posterior-superior",
        f"sizes: {' '.join(map(str, one.data.shape))}",
        f"space directions: {' '.join(vectors[:3])}",
        "kinds: domain domain domain",
        "endian: little",
        f"encoding: {encoding}",
        f"space origin: {vectors[3]}",
    ]
    body = one.data.tobytes(order="F")
    content = gzip.compress(body, mtime=0) if encoding == "gzip" else body
    return "\n".join(head).encode() + b"\n\n" + content


def _by_hand(whole: dict[str, bytes]) -> Iterator[Damaged]:
    """The cases that happen, one by one."""
    one = phantom()
    good, slicer = whole["a.nii"], whole["c.nrrd"]

    def put(at: int, form: str, *values: float) -> bytes:
        raw = bytearray(good)
        struct.pack_into("<" + form, raw, at, *values)
        return bytes(raw)

    for name in whole:
        yield Damaged(name, "empty", b"")
        yield Damaged(name, "text", b"This is the report of the patient.\n" * 40)
    yield Damaged("a.nii", "zero quaternion", _qform_only(put(256, "3f", 0, 0, 0)))
    yield Damaged("a.nii", "quaternion too long", _qform_only(put(256, "3f", 1, 1, 1)))
    yield Damaged("a.nii", "quaternion not a number", _qform_only(put(256, "3f", *[np.nan] * 3)))
    moved = np.array(one.affine)
    moved[:3, 3] += (30, 0, 0)
    image = nib.Nifti1Image(one.data, one.affine)
    image.set_sform(one.affine, code=1)
    image.set_qform(moved, code=1)
    yield Damaged("a.nii", "qform and sform disagree", image.to_bytes())
    yield Damaged("a.nii", "no position", put(252, "2h", 0, 0))
    yield Damaged("a.nii", "sform of zeros", put(280, "12f", *[0] * 12))
    bare = bytearray(put(280, "12f", *[0] * 12))
    struct.pack_into("<2h", bare, 252, 0, 1)
    yield Damaged("a.nii", "sform of zeros, no qform", bytes(bare))
    yield Damaged("a.nii", "sform of infinity", put(280, "f", np.inf))
    yield Damaged("a.nii", "voxel size of zero", _no_form(put(80, "3f", 0, 1, 1)))
    yield Damaged("a.nii", "voxel size not a number", _no_form(put(80, "3f", np.nan, 1, 1)))
    yield Damaged("a.nii", "size of zero", put(42, "h", 0))
    yield Damaged("a.nii", "size below zero", put(42, "h", -4))
    yield Damaged("a.nii", "huge size", put(42, "3h", 32767, 32767, 32767))
    yield Damaged("a.nii", "seven axes", put(40, "8h", 7, 4, 5, 6, 2, 2, 2, 2))
    yield Damaged("a.nii", "unknown kind of value", put(70, "h", 3))
    both = nib.Nifti1Image(one.data.astype(np.complex64), one.affine)
    yield Damaged("a.nii", "complex values", both.to_bytes())
    yield Damaged("a.nii", "wrong magic", put(344, "4s", b"xyz\0"))  # type: ignore[arg-type]
    yield Damaged("a.nii", "offset into the header", put(108, "f", 20))
    yield Damaged("a.nii", "offset not a number", put(108, "f", np.nan))
    yield Damaged("a.nii", "compressed, without the suffix", whole["b.nii.gz"])
    yield Damaged("b.nii.gz", "not compressed, with the suffix", good)
    yield Damaged("b.nii.gz", "compressed twice", gzip.compress(whole["b.nii.gz"], mtime=0))
    yield Damaged("b.nii.gz", "a picture", whole["e.png"])
    end = slicer.find(b"\n\n")
    lines = slicer[:end].split(b"\n")
    kept = b"\n".join(line for line in lines if b"space" not in line)
    yield Damaged("c.nrrd", "no space directions", kept + slicer[end:])
    [steps] = [line for line in lines if line.startswith(b"space directions")]
    flat = slicer.replace(steps, b"space directions: (0,0,0) (0,0,0) (0,0,0)")
    yield Damaged("c.nrrd", "directions of zero", flat)
    for how, old, new in (
        ("two directions of three", b"space directions: (", b"space directions: none ("),
        ("no sizes", b"sizes:", b"seizes:"),
        ("sizes that are words", b"sizes: 4", b"sizes: four"),
        ("huge sizes", b"sizes: 4 5 6", b"sizes: 99999 99999 99999"),
        ("unknown encoding", b"encoding: raw", b"encoding: zip"),
        ("unknown type", b"type: float", b"type: flout"),
        ("voxels elsewhere", b"encoding: raw", b"encoding: raw\ndata file: ../other.raw"),
        ("no origin", b"space origin", b"spice origin"),
        ("no directions", b"space directions", b"spade directions"),
        ("unknown space", b"space: left", b"space: lift"),
    ):
        yield Damaged("c.nrrd", how, slicer.replace(old, new))
    yield Damaged("d.nrrd", "compressed bomb", _bomb(whole["d.nrrd"]))
    palette = io.BytesIO()
    Image.fromarray(np.zeros((6, 5), np.uint8)).convert("P").save(palette, "png")
    yield Damaged("e.png", "colours", palette.getvalue())


def _qform_only(raw: bytes) -> bytes:
    changed = bytearray(raw)
    struct.pack_into("<2h", changed, 252, 1, 0)
    return bytes(changed)


def _no_form(raw: bytes) -> bytes:
    changed = bytearray(raw)
    struct.pack_into("<2h", changed, 252, 0, 0)
    return bytes(changed)


def _bomb(content: bytes) -> bytes:
    """A few kilobytes that unpack to a hundred megabytes."""
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    body = b"".join([*(packer.compress(bytes(1 << 20)) for _ in range(100)), packer.flush()])
    return content[: content.find(b"\n\n") + 2] + body


# ---- The obvious readers


def plain_nifti(raw: bytes) -> Read:
    """A NIfTI-1 file, field by field, as the standard describes them; no check of anything."""
    if raw[:2] == b"\x1f\x8b":
        raw = gzip.decompress(raw)
    order = "<" if struct.unpack_from("<i", raw)[0] == 348 else ">"

    def get(form: str, at: int) -> tuple[float, ...]:
        return struct.unpack_from(order + form, raw, at)

    dim = [int(n) for n in get("8h", 40)]
    space = dim[1 : dim[0] + 1]
    while len(space) > 3 and space[-1] == 1:
        space.pop()
    kinds = {2: "u1", 4: "i2", 8: "i4", 16: "f4", 64: "f8", 256: "i1", 512: "u2", 768: "u4",
             1024: "i8", 1280: "u8"}  # fmt: skip
    kind = np.dtype(order + kinds[int(get("h", 70)[0])])
    start, (slope, inter) = int(get("f", 108)[0]), get("2f", 112)
    data = np.frombuffer(raw, kind, int(np.prod(space)), start).reshape(space, order="F")
    if np.isfinite([slope, inter]).all() and slope != 0 and (slope, inter) != (1, 0):
        data = data * slope + inter
    # A size of zero is none; readers fill in 1.
    pixdim = [size or 1.0 for size in get("8f", 76)]
    affine = np.eye(4)
    there = any(np.reshape(get("12f", 280), (3, 4))[:, :3].flat) or get("h", 252)[0] <= 0
    if get("h", 254)[0] > 0 and there:
        affine[:3] = np.reshape(get("12f", 280), (3, 4))
    elif get("h", 252)[0] > 0:
        b, c, d = np.array(get("3f", 256), float)
        a = np.sqrt(max(0.0, 1 - (b * b + c * c + d * d)))
        turn = np.array(
            [
                [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
                [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
                [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
            ]
        )
        sizes = np.array(pixdim[1:4]) * (1, 1, -1 if pixdim[0] < 0 else 1)
        affine[:3, :3], affine[:3, 3] = turn * sizes, get("3f", 268)
    else:
        sizes = np.array(pixdim[1:4])
        # As every reader has it: the middle of the grid at the origin, x towards the left.
        affine[:3, :3] = np.diag(sizes * (-1, 1, 1))
        affine[:3, 3] = -affine[:3, :3] @ ((np.array([*space, 1, 1])[:3] - 1) / 2)
    affine[:3] *= {1: 1000.0, 3: 1e-3}.get(raw[123] & 7, 1.0)
    with np.errstate(over="ignore"):
        return data.astype(np.float32), affine


def plain_nrrd(raw: bytes) -> Read:
    """A NRRD file by splitting its lines."""
    head, body = raw.split(b"\n\n", 1)
    fields = {}
    for line in head.decode().split("\n")[1:]:
        if not line.startswith("#"):
            key, value = line.split(": ", 1)
            fields[key.strip().lower()] = value.strip()
    sizes = [int(n) for n in fields["sizes"].split()]
    kind = np.dtype({"float": "f4", "double": "f8", "uint": "u4", "int": "i4"}[fields["type"]])
    kind = kind.newbyteorder("<" if fields["endian"] == "little" else ">")
    content = gzip.decompress(body) if fields["encoding"] in ("gz", "gzip") else body
    data = np.frombuffer(content, kind, int(np.prod(sizes))).reshape(sizes, order="F")
    affine = np.diag([-1.0, -1, 1, 1])
    if "space directions" in fields:
        signs = {"left": -1, "right": 1, "posterior": -1, "anterior": 1, "superior": 1}
        names = fields.get("space", "left-posterior-superior").lower().split("-")
        turn = np.diag([signs[name] for name in names])
        columns = fields["space directions"].replace("(", " ").replace(")", " ").split()
        steps = [[float(n) for n in column.split(",")] for column in columns]
        affine[:3, :3] = turn @ np.array(steps).T
        origin = fields.get("space origin", "(0,0,0)").strip("()").split(",")
        affine[:3, 3] = turn @ np.array([float(n) for n in origin])
    with np.errstate(over="ignore"):
        return data.astype(np.float32), affine


def plain_picture(raw: bytes) -> Read:
    """A picture whose checksums hold is the picture that it was."""
    del raw
    affine = np.eye(4)
    # Rows run towards posterior, columns towards the left.
    affine[:2, :2] = [[0, -1], [-1, 0]]
    return phantom().data[:, :, 2], affine


PLAIN = {".nii": plain_nifti, ".gz": plain_nifti, ".nrrd": plain_nrrd, ".png": plain_picture}


def as_it_says(file: Damaged) -> Read:
    """What an obvious reader makes of a damaged file."""
    return PLAIN[Path(file.name).suffix](file.content)
