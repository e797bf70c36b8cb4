"""A few hundred of the damaged files of ``make fuzz``, the same ones every time."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from napari_ssn.errors import DataError
from napari_ssn.training.nnunet import is_nnunet
from napari_ssn.training.slices import load_slices
from tests.support.fuzz import inputs, kinds, run
from tests.support.zips import WORDS, marked, zipped


def test_every_kind_is_read_before_anything_happens_to_it(tmp_path: Path) -> None:
    for number, kind in enumerate(kinds()):
        path = tmp_path / str(number) / kind.name
        path.parent.mkdir()
        path.write_bytes(kind.whole)
        kind.read(path)


def test_the_same_seed_makes_the_same_files() -> None:
    assert [one[1] for one in inputs(30, 5)] == [one[1] for one in inputs(30, 5)]
    assert [one[1] for one in inputs(30, 5)] != [one[1] for one in inputs(30, 6)]


def test_a_damaged_file_is_read_or_refused_in_words_of_ours() -> None:
    words, bad = run(300, seed=20_240_229)
    assert not bad, "\n".join(bad)
    assert words["read"] > 10 and words["refused"] > 100


def archive(path: Path, how: int, table: str) -> Path:
    with zipfile.ZipFile(path, "w", how) as out:
        out.writestr("slices.csv", table)
        out.writestr("image/0001_1_001.png", b"no picture")
        out.writestr("raters/0001_1_001.png", b"no picture")
    return path


HEAD = "patient,nodule,slice,raters,pixel_spacing_mm,slice_spacing_mm\n"


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (HEAD + "1,1\n", "should be whole numbers"),
        (HEAD + "1,1,1\n", "not a readable PNG"),
        (HEAD + "\n", "does not list"),
        ("", "lacks the column"),
    ],
)
def test_a_row_that_is_too_short_is_named(tmp_path: Path, table: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        load_slices(archive(tmp_path / "a.zip", zipfile.ZIP_LZMA, table))


@pytest.mark.parametrize("kind", WORDS)
def test_a_zip_that_cannot_be_opened_here_is_said(tmp_path: Path, kind: str) -> None:
    path = marked(archive(tmp_path / "a.zip", zipfile.ZIP_STORED, HEAD), kind)
    with pytest.raises(DataError, match=WORDS[kind]):
        load_slices(path)


def test_a_training_zip_that_unpacks_to_gigabytes_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    path.write_bytes(zipped(1100 << 20, name="imagesTr/a_0000.nii"))
    assert path.stat().st_size < 3e6
    with pytest.raises(DataError, match="which no data set is"):
        is_nnunet(path)
    with pytest.raises(DataError, match="which no data set is"):
        load_slices(path)
