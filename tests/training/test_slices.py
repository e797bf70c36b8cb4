"""Slices with raters: reading and refusing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from napari_ssn.errors import DataError
from napari_ssn.training.slices import load_slices, unpack
from tests.support.sets import HEADER, png, slice_files, write


def test_zip_folder_and_nested_folder_hold_the_same(tmp_path: Path) -> None:
    files = slice_files()
    sets = [
        load_slices(write(tmp_path / "a.zip", files)),
        load_slices(write(tmp_path / "b", files)),
        load_slices(write(tmp_path / "c.zip", {f"top/{n}": c for n, c in files.items()})),
    ]
    assert len({s.sha256 for s in sets}) == 1
    for s in sets:
        assert s.names == ("0001_0_000", "0002_0_001", "0003_0_002")
        assert s.patients.tolist() == [1, 2, 3]
        np.testing.assert_array_equal(s.images, sets[0].images)
        np.testing.assert_array_equal(s.spacings_mm[0], [2.5, 0.7, 0.7])
        assert np.isnan(s.spacings_mm[2, 1:]).all() and s.spacings_mm[2, 0] == 2.5
        assert s.spacing_mm(0) == (0.7, 0.7) and s.space(0) == (32, 32)
        case = s[1]
        np.testing.assert_array_equal(case.volume.data[0], s.images[1])
        np.testing.assert_array_equal(case.raters, unpack(s.bits[1]))


def test_bit_k_is_rater_k() -> None:
    maps = unpack(np.array([[0, 1, 2, 8, 15]], np.uint8))
    assert maps[:, 0].tolist() == [
        [0, 1, 0, 0, 1],
        [0, 0, 1, 0, 1],
        [0, 0, 0, 0, 1],
        [0, 0, 0, 1, 1],
    ]


def drop(name: str) -> Callable[[dict[str, bytes]], object]:
    return lambda files: files.pop(name)


def put(name: str, content: bytes) -> Callable[[dict[str, bytes]], object]:
    return lambda files: files.update({name: content})


IMAGE, RATERS = "image/0002_0_001.png", "raters/0002_0_001.png"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (drop("slices.csv"), "one slices.csv, but holds 0"),
        (drop(RATERS), "image/0002_0_001.png has no partner in raters/"),
        (drop(IMAGE), "raters/0002_0_001.png has no partner in image/"),
        (put(IMAGE, b"not a picture"), "image/0002_0_001.png is not a readable PNG"),
        (put(IMAGE, png(np.zeros((4, 4, 3), np.uint8))), "8-bit grey image, but is RGB"),
        (put(RATERS, png(np.zeros((8, 8), np.uint8))), "but its masks are"),
        (put(RATERS, png(np.full((32, 32), 16, np.uint8))), "beyond the fourth"),
        (put("slices.csv", b"patient,slice\n1,2"), "lacks the column 'nodule'"),
        (put("slices.csv", f"{HEADER}\n1,0,0,4,0.7,2.5".encode()), "does not list 0002_0_001"),
        (put("slices.csv", f"{HEADER}\nx,0,0,4,0.7,2.5".encode()), "line 2"),
        (put("slices.csv", f"{HEADER}\n1,0,0,4,wide,2.5".encode()), "'wide', not a number"),
    ],
)
@pytest.mark.parametrize("form", ["data.zip", "data"])
def test_bad_data_is_named(
    tmp_path: Path, form: str, change: Callable[[dict[str, bytes]], object], words: str
) -> None:
    files = slice_files()
    change(files)
    with pytest.raises(DataError) as caught:
        load_slices(write(tmp_path / form, files))
    assert words in str(caught.value)


def test_a_corrupt_zip_and_an_empty_folder(tmp_path: Path) -> None:
    whole = write(tmp_path / "a.zip", slice_files()).read_bytes()
    (tmp_path / "cut.zip").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError, match="not a readable zip"):
        load_slices(tmp_path / "cut.zip")
    flipped = bytearray(whole)
    flipped[200] ^= 0xFF  # inside the first image's data
    (tmp_path / "flipped.zip").write_bytes(flipped)
    with pytest.raises(DataError, match=r"image/0001_0_000\.png"):
        load_slices(tmp_path / "flipped.zip")
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"one slices\.csv"):
        load_slices(tmp_path / "empty")
    with pytest.raises(DataError, match="no such file"):
        load_slices(tmp_path / "absent.zip")
