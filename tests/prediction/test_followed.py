"""What is seen of two scans: the same millimetres, and places that lie on one another."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_ssn.documents.card import Label
from napari_ssn.errors import ExportError
from napari_ssn.io.changes import add_row
from napari_ssn.prediction.followed import View, ends_of, pictures, shifted
from tests.support.helpers import oblique_affine
from tests.support.sessions import source


def test_a_shift_is_one_of_millimetres() -> None:
    one = source(np.zeros((30, 30, 30), np.float32), (1.0, 1.0, 1.0))
    other = replace(one, affine=oblique_affine(), space=(40, 40, 40))
    here, there = (10, 11, 12), (20, 19, 18)
    for voxel in ((10, 11, 12), (14, 9, 12), (7, 15, 20)):
        found = shifted(one, here, other, there, voxel)
        moved = one.affine[:3, :3] @ np.subtract(voxel, here)
        landed = other.affine[:3, :3] @ np.subtract(found, there)
        # To half a voxel along each axis of the other.
        off = np.linalg.solve(other.affine[:3, :3], moved - landed)
        assert np.abs(off).max() <= 0.5 + 1e-6
    assert shifted(one, here, other, there, here) == there
    beyond = [shifted(one, here, other, (0, 0, 0), (at, 11, 12)) for at in (2, 18)]
    assert None in beyond
    flat = source(np.zeros((8, 9), np.float32), (2.0, 2.0))
    assert shifted(flat, (4, 4), flat, (2, 3), (5, 4)) == (3, 3)


def view(spacing: tuple[float, float, float], reach: float = 5.0) -> View:
    """A cube of 4 mm, bright, in the middle of 40 mm; on every voxel of it a label."""
    shape = tuple(round(40 / step) for step in spacing)
    middle = tuple(size // 2 for size in shape)
    labels = np.zeros(shape, np.uint8)
    half = [round(2 / step) for step in spacing]
    labels[tuple(slice(m - h, m + h + 1) for m, h in zip(middle, half, strict=True))] = 1
    names = (Label(name="lesion", colour="#ff0000"),)
    return View(labels.astype(np.float32), labels, spacing, middle, reach, names)


def red(picture: np.ndarray) -> np.ndarray:
    return (picture[..., 0].astype(int) - picture[..., 1] > 60).nonzero()


def test_both_are_shown_in_the_same_size() -> None:
    fine, coarse = view((1.0, 1.0, 1.0)), view((2.0, 0.5, 0.5))
    one, two = pictures([fine, coarse])
    assert one is not None and two is not None and one.shape == two.shape == (128, 128, 3)
    for axis in (0, 1):
        spans = [np.ptp(red(picture)[axis]) for picture in (one, two)]
        # Of 5 and 4.5 mm of 31 mm.
        assert spans[0] == pytest.approx(128 * 5 / 31, abs=5)
        assert spans[1] == pytest.approx(128 * 4.5 / 30.5, abs=5)
    # The larger reach is that of both.
    wide = pictures([fine, view((1.0, 1.0, 1.0), reach=20.0)])[0]
    assert wide is not None and np.ptp(red(wide)[0]) < np.ptp(red(one)[0])
    assert ends_of([fine, coarse]) == (-20.0, 19.0)
    ended = pictures([fine, coarse], 19.5)
    assert ended[0] is None and ended[1] is None
    assert [len(red(one)[0]) for one in pictures([fine, coarse], 10.0) if one is not None] == [0, 0]


def test_of_two_ct_a_grey_means_the_same() -> None:
    """A nodule that is brighter in one scan is so in its picture; of MRI no value is another's."""
    dark = view((1.0, 1.0, 1.0))
    bright = replace(dark, image=3 * dark.image)
    middle = (64, 64)
    one, two = (picture[middle] for picture in pictures([dark, bright]))
    assert (one == two).all()
    counted = [replace(each, counted=True) for each in (dark, bright)]
    one, two = (picture[middle] for picture in pictures(counted))
    assert one.tolist() == [85] * 3 and two.tolist() == [255] * 3


def test_of_many_that_add_a_row_at_a_time_each_has_one(tmp_path: Path) -> None:
    table = tmp_path / "changes.csv"
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: add_row(table, {"a": str(number)}), range(40)))
    assert sorted(table.read_text().split()[1:], key=int) == [str(number) for number in range(40)]


def test_a_table_that_is_none_is_left(tmp_path: Path) -> None:
    table = tmp_path / "changes.csv"
    add_row(table, {"a": "1"})
    # Who edits it may leave out the last line's end.
    table.write_text(table.read_text().rstrip("\n"))
    add_row(table, {"a": "2"})
    assert table.read_text() == "a\n1\n2\n"
    table.write_bytes(b"\xff\xfe")
    with pytest.raises(ExportError, match="cannot be read"):
        add_row(table, {"a": "3"})
    assert table.read_bytes() == b"\xff\xfe"
