"""What a file may cost before it is refused: seconds, and memory above its own size."""

from __future__ import annotations

import gzip
import os
import struct
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest

import napari_ssn as ssn
from napari_ssn.errors import ImageError
from napari_ssn.io.dicom import header as headers
from tests.support.dicoms import make_series
from tests.support.zips import zeros, zipped

# As the project promises it.
SECONDS, MEGABYTES = 5.0, 500

Costs = Callable[[Path], tuple[float, float, str]]

# Started once, and forked for each file: what is imported costs seconds, and no file is to blame.
_CHILD = r"""
import os, re, resource, sys, time
from pathlib import Path
import napari_ssn as ssn
from napari_ssn.errors import SSNError
import napari_ssn.io.dicom, napari_ssn.io.nifti, napari_ssn.io.nrrd_image, napari_ssn.io.picture
import psutil

def read(path):
    before = psutil.Process().memory_info().rss
    began = time.process_time()
    try:
        ssn.read(path)
        said = "opened"
    except SSNError as error:
        said = str(error)
    if sys.platform == "linux":
        # Not ru_maxrss: Linux hands on what the process that started this one had.
        peak = 1024 * int(re.search(r"VmHWM:\s*(\d+)", Path("/proc/self/status").read_text())[1])
    else:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(time.process_time() - began, (peak - before) / 1e6, said, flush=True)

try:
    # What reading imports, beside what is imported above.
    ssn.read("nowhere")
except SSNError:
    pass

for line in sys.stdin:
    one = os.fork()
    if not one:
        read(line.rstrip("\n"))
        os._exit(0)
    if os.waitpid(one, 0)[1]:
        print(0, 0, "the process ended", flush=True)
"""


@pytest.fixture(scope="module")
def costs() -> Iterator[Costs]:
    """Reads a file in a process of its own: seconds of a processor, most megabytes, words."""
    child = subprocess.Popen(
        [sys.executable, "-c", _CHILD], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdin is not None and child.stdout is not None

    def read(path: Path) -> tuple[float, float, str]:
        print(path, file=child.stdin, flush=True)
        seconds, megabytes, said = child.stdout.readline().split(" ", 2)
        return float(seconds), float(megabytes), said.strip()

    with child:
        yield read
        child.stdin.close()


def slice_of_a_ct() -> bytes:
    """A whole DICOM file."""
    with tempfile.TemporaryDirectory() as folder:
        [path] = make_series(Path(folder) / "s", np.zeros((4, 4, 1)), np.eye(4))
        return path.read_bytes()


def header(shape: tuple[int, ...]) -> bytes:
    image = nib.Nifti1Image(np.zeros((1, 1, 1), np.uint8), np.eye(4))
    raw = bytearray(image.to_bytes()[:352])
    struct.pack_into("<8h", raw, 40, 3, *shape, 1, 1, 1, 1)
    return bytes(raw)


def nrrd(shape: tuple[int, ...]) -> bytes:
    sizes = " ".join(map(str, shape))
    return f"NRRD0004\ntype: uchar\ndimension: 3\nsizes: {sizes}\nencoding: gzip\n\n".encode()


def beginning() -> bytes:
    """A DICOM file as far as its meta information goes."""
    syntax = b"1.2.840.10008.1.2.1\0"
    return bytes(128) + b"DICM\x02\0\x10\0UI" + struct.pack("<H", len(syntax)) + syntax


# A sequence of no defined length, of items that hold nothing.
EMPTY = b"\x08\0\x40\x11SQ\0\0\xff\xff\xff\xff" + b"\xfe\xff\0\xe0\0\0\0\0" * 3_750_000
HUGE = (2048, 2048, 384)
LARGE = (1024, 1024, 700)
CASES: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "1.5 GB of zeros as they are promised": (
        "a.nii.gz",
        lambda: zeros(3 << 29, header(HUGE)),
        "which no image is",
    ),
    "1.5 GB of zeros behind a small header": (
        "a.nii.gz",
        lambda: zeros(3 << 29, header((8, 8, 8))),
        "more voxels than it says",
    ),
    "700 MB, cut off": (
        "a.nii.gz",
        lambda: zeros(700 << 20, header(LARGE))[:-1000],
        "cut off",
    ),
    "700 MB promised, few there": ("a.nii.gz", lambda: zeros(1 << 20, header(LARGE)), "cut off"),
    "more than gzip can pack": ("a.nii.gz", lambda: gzip.compress(header(HUGE)), "cut off"),
    "not packed, few there": ("a.nii", lambda: header(HUGE) + bytes(1000), "cut off"),
    "NRRD, 1.5 GB of zeros": ("a.nrrd", lambda: nrrd(HUGE) + zeros(3 << 29), "which no image is"),
    "NRRD, 1.5 GB behind a small header": (
        "a.nrrd",
        lambda: nrrd((8, 8, 8)) + zeros(3 << 29),
        "more voxels than it says",
    ),
    "DICOM in a zip, 1.5 GB": (
        "a.zip",
        lambda: zipped(3 << 29, bytes(128) + b"DICM"),
        "which no study is",
    ),
    "DICOM in a zip, 900 MB of zeros": (
        "a.zip",
        lambda: zipped(900 << 20, bytes(128) + b"DICM"),
        "damaged",
    ),
    "DICOM in a zip, 900 MB behind a slice": (
        "a.zip",
        lambda: zipped(900 << 20, slice_of_a_ct()),
        "far more than its pixels",
    ),
    "DICOM, 30 MB of zeros": ("a.dcm", lambda: beginning() + bytes(30_000_000), "damaged"),
    "DICOM, 30 MB of empty items": ("a.dcm", lambda: beginning() + EMPTY, "damaged"),
    "NRRD without an end of the header": ("a.nrrd", lambda: b"NRRD0004\n" + bytes(99), "damaged"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_file_is_refused_before_it_costs(costs: Costs, tmp_path: Path, case: str) -> None:
    name, make, words = CASES[case]
    (tmp_path / name).write_bytes(make())
    seconds, megabytes, said = costs(tmp_path / name)
    assert words in said
    assert seconds < SECONDS
    assert megabytes < MEGABYTES + (tmp_path / name).stat().st_size / 1e6


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="a system without named pipes")
def test_a_pipe_is_not_waited_for(costs: Costs, tmp_path: Path) -> None:
    suffixes = ("nii", "nii.gz", "nrrd", "nhdr", "png", "tif", "dcm")
    for pipe in [tmp_path / f"a.{suffix}" for suffix in suffixes]:
        os.mkfifo(pipe)
        seconds, _, said = costs(pipe)
        assert seconds < SECONDS and ("regular file" in said or "no file" in said)


def test_a_data_set_of_more_elements_than_any_image_has_is_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (path, *_) = make_series(tmp_path / "scan", np.zeros((4, 5, 1)), np.eye(4))
    count = len(pydicom.dcmread(path))
    monkeypatch.setattr(headers, "_MOST_ELEMENTS", count + 1)
    assert ssn.read(tmp_path / "scan").space == (4, 5, 1)
    monkeypatch.setattr(headers, "_MOST_ELEMENTS", count // 2)
    with pytest.raises(ImageError, match="damaged"):
        ssn.read(tmp_path / "scan")
