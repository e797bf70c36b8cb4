"""Which scans there are, in a tree and in a table."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from napari_ssn.cohort.folders import PICTURE, folder_of
from napari_ssn.cohort.looking import look, stamp_of
from napari_ssn.cohort.manifest import Manifest
from napari_ssn.cohort.reading import read_scan
from napari_ssn.documents.cohort import Wanted
from napari_ssn.errors import DataError, ImageError
from tests.support.dicoms import make_series
from tests.support.helpers import oblique_affine

WANTED = Wanted(model="tiny 0.1", weights_sha256="0" * 64, card_sha256="0" * 64)


def image(path: Path, value: int = 1) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(np.full((4, 5, 6), value, np.int16), np.eye(4)), path)
    return path


def titles(found: object) -> list[str]:
    return [scan.image for scan, _ in found.scans]  # type: ignore[attr-defined]


def test_a_tree(tmp_path: Path) -> None:
    tree, out = tmp_path / "in", tmp_path / "in" / "results"
    image(tree / "a.nii.gz")
    image(tree / "deep" / "er" / "b.nii")
    image(tree / ".hidden" / "c.nii.gz")
    image(out / "scans" / "000001" / "mean.nii.gz")
    # Of a result its sidecar says that it is one.
    sidecar = '{"schema_version": 1, "notice": "Research use only", "created": "today"}'
    image(tree / "mean.nii.gz").with_name("mean.json").write_text(sidecar)
    # BIDS lays another JSON beside each image.
    image(tree / "sub-01_T1w.nii.gz").with_name("sub-01_T1w.json").write_text("{}")
    (tree / "notes.txt").write_text("none of ours")
    make_series(tree / "patient" / "ct", np.zeros((4, 5, 3)), oblique_affine())
    make_series(tree / "patient" / "mr" / "t1", np.zeros((4, 5, 3)), oblique_affine())
    found = look(tree, out, channels=1)
    assert titles(found) == ["a.nii.gz", "sub-01_T1w.nii.gz", "deep/er/b.nii"]
    assert [one.relative_to(tree).as_posix() for one in found.places] == [
        "patient/ct",
        "patient/mr/t1",
    ]
    assert (found.results, found.others) == (1, 2)


def test_links_between_folders_are_followed_once(tmp_path: Path) -> None:
    tree, elsewhere = tmp_path / "in", tmp_path / "elsewhere"
    image(tree / "a.nii.gz")
    image(elsewhere / "b.nii.gz")
    (tree / "linked").symlink_to(elsewhere)
    (tree / "linked too").symlink_to(elsewhere)
    (elsewhere / "back").symlink_to(tree)
    assert titles(look(tree, tmp_path / "out", channels=1)) == ["a.nii.gz", "linked/b.nii.gz"]


def test_nothing_that_is_called_an_image_vanishes(tmp_path: Path) -> None:
    """A patient whose zip was cut off, or whose file was not fetched, has a row that says so."""
    tree = tmp_path / "in"
    image(tree / "a.nii.gz")
    (tree / "not fetched.nii.gz").symlink_to(tree / "nowhere")
    (tree / "notes").symlink_to(tree / "nowhere")
    ct = tree / "ct"
    make_series(ct, np.zeros((4, 5, 3)), oblique_affine())
    whole = Path(shutil.make_archive(str(tree / "ct"), "zip", ct))
    (tree / "cut.zip").write_bytes(whole.read_bytes()[:-200])
    (tree / "empty.zip").touch()
    (tree / "lone").mkdir()
    (tree / "lone" / "cut.dcm").touch()
    found = look(tree, tmp_path / "out", channels=1)
    assert titles(found) == ["a.nii.gz", "not fetched.nii.gz"]
    there = [one.relative_to(tree).as_posix() for one in found.places]
    assert there == ["ct.zip", "cut.zip", "empty.zip", "ct", "lone"]
    assert found.others == 1
    with pytest.raises(ImageError, match="does not exist"):
        read_scan(found.scans[1][0])


def test_results_of_other_cohorts_are_no_scans(tmp_path: Path) -> None:
    """Their pictures have no sidecar that says what they are."""
    tree = tmp_path / "in"
    image(tree / "a.nii.gz")
    before = tree / "first"
    with Manifest(before, write=True):
        pass
    for number in (1, 2):
        folder_of(before, number).mkdir(parents=True)
        (folder_of(before, number) / PICTURE).write_bytes(b"\x89PNG")
    found = look(tree, tree / "second", channels=1)
    assert titles(found) == ["a.nii.gz"] and found.results == 2
    # A folder of that name alone is anybody's.
    image(tree / "scans" / "b.nii.gz")
    assert titles(look(tree, tree / "second", 1)) == ["a.nii.gz", "scans/b.nii.gz"]
    for source, out in ((tree, tree), (tree / "scans", tree), (before, before)):
        with pytest.raises(DataError, match="a folder of their own"):
            look(source, out, channels=1)


@pytest.mark.skipif(sys.platform != "linux", reason="names are texts there")
def test_names_that_are_no_text_are_kept_apart_and_refused_in_words(tmp_path: Path) -> None:
    tree = tmp_path / "in"
    for name in (b"\xff", b"\xfe", b"line\xe2\x80\xa8"):
        image(tree / os.fsdecode(name + b".nii.gz"))
        make_series(tree / os.fsdecode(name), np.zeros((4, 5, 3)), oblique_affine())
    found = look(tree, tmp_path / "out", channels=1)
    called = ["<U+DCFE>", "<U+DCFF>", "line<U+2028>"]
    assert sorted(titles(found)) == sorted([*called, *(f"{one}.nii.gz" for one in called)])
    assert not found.places
    with Manifest(tmp_path / "out", write=True) as manifest:
        manifest.meet(found.scans, WANTED)
        kept = [one.scan for one in manifest.records()]
    assert len(kept) == 6
    for scan in kept:
        with pytest.raises(ImageError, match="rename it"):
            read_scan(scan)


def test_files_of_a_case_go_together_where_the_model_has_channels(tmp_path: Path) -> None:
    for case in ("a", "b"):
        for channel in range(2):
            image(tmp_path / f"{case}_{channel:04d}.nii.gz")
    assert len(look(tmp_path, tmp_path / "out", channels=1).scans) == 4
    scans = [scan for scan, _ in look(tmp_path, tmp_path / "out", channels=2).scans]
    assert [[Path(one).name for one in scan.paths] for scan in scans] == [
        ["a_0000.nii.gz", "a_0001.nii.gz"],
        ["b_0000.nii.gz", "b_0001.nii.gz"],
    ]
    (tmp_path / "a_0000.nii.gz").unlink()
    # What is left of a case is a scan that is refused, and holds up no other.
    scans = [scan for scan, _ in look(tmp_path, tmp_path / "out", channels=2).scans]
    assert [len(scan.paths) for scan in scans] == [1, 2]


def test_a_table(tmp_path: Path) -> None:
    table = tmp_path / "scans.csv"
    table.write_text(
        "\ufeffimage,lesion,centre,channels,frame,remark\n"
        "one.nii.gz,left,1 2 3,,,\n"
        'one.nii.gz,right,"3, 2, 1",,2,nothing\n'
        "sub/two.nii.gz,,,three.nii.gz;four.nii.gz,,\n"
    )
    scans = [scan for scan, _ in look(table, tmp_path / "out", channels=1).scans]
    assert [scan.centre for scan in scans] == [(1, 2, 3), (3, 2, 1), None]
    assert [scan.lesion for scan in scans] == ["left", "right", ""]
    assert [scan.frame for scan in scans] == [None, 2, None]
    assert [Path(one).relative_to(tmp_path).as_posix() for one in scans[2].paths] == [
        "sub/two.nii.gz",
        "three.nii.gz",
        "four.nii.gz",
    ]
    assert len({scan.key for scan in scans}) == 3


@pytest.mark.parametrize("between", [",", ";", "\t"])
def test_a_table_as_spreadsheets_write_it(tmp_path: Path, between: str) -> None:
    table = tmp_path / "scans.csv"
    rows = [
        ["Image ", "CENTRE", "Center", "channels", "", ""],
        ["", "", "", "", "", ""],
        ["one.nii", "1 2 3", "9 9 9", '"b.nii;c.nii"', "", ""],
        ['"two\u2028.nii"', "3 2 1", "", "", "", ""],
        ["", "", "", "", "", ""],
    ]
    table.write_text("\r\n".join(between.join(row) for row in rows), encoding="utf-8-sig")
    found = look(table, tmp_path / "out", channels=1)
    assert titles(found) == ["one.nii", "two .nii"]
    assert [scan.centre for scan, _ in found.scans] == [(1, 2, 3), (3, 2, 1)]
    assert [len(scan.paths) for scan, _ in found.scans] == [3, 1]
    # What is not looked at is said: it may be a slip.
    assert found.unused == ("center",)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("image,centre\n\n\na.nii,1 x 2\n", "Row 4 of the table: a centre"),
        ("image,centre,Centre\na.nii,,\n", 'column "centre" twice'),
        ("", 'no column "image", nor "study" and "series"; its columns: none.'),
        ("picture;middle\na.nii;1 2 3\n", 'its columns: "picture", "middle".'),
        ("image,centre\n\n", "has no row below its head"),
        ("image,centre\na.nii,1 2\nb.nii,1 x 2\n", "Row 3 of the table: a centre"),
        ("image,centre\na.nii,-1 2 3\n", "Row 2 of the table: a centre"),
        ("image,frame\na.nii,0\n", "Row 2 of the table: frame"),
        ("image,series\nct,first\n", "Row 2 of the table: series"),
        ("image\na.nii,b\n", "Row 2 of the table has other cells"),
        ("image,centre\na.nii\n", "Row 2 of the table has other cells"),
        ("image,centre\n,1 2\n", "Row 2 of the table names no image"),
        ("image,lesion\na.nii,x\nb.nii,x\na.nii,x\n", "Row 4 of the table says the same as row 2"),
    ],
)
def test_what_a_table_cannot_say(tmp_path: Path, text: str, words: str) -> None:
    table = tmp_path / "scans.csv"
    table.write_text(text)
    with pytest.raises(DataError, match=words):
        look(table, tmp_path / "out", channels=1)


def test_nothing_is_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no file or folder"):
        look(tmp_path / "nowhere", tmp_path, channels=1)
    with pytest.raises(DataError, match="No image is there"):
        look(tmp_path, tmp_path / "out", channels=1)
    (tmp_path / "bad.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match=r"cannot be read.*CSV UTF-8"):
        look(tmp_path / "bad.csv", tmp_path, channels=1)


def test_a_stamp_is_of_names_sizes_and_times(tmp_path: Path) -> None:
    path = image(tmp_path / "a.nii")
    before = stamp_of([path])
    assert stamp_of([path]) == before
    os.utime(path, ns=(1, 1))
    touched = stamp_of([path])
    assert touched != before
    folder = tmp_path / "ct"
    folder.mkdir()
    (folder / "1").write_text("x")
    first = stamp_of([folder], below=False)
    (folder / "deeper").mkdir()
    (folder / "deeper" / "2").write_text("y")
    assert stamp_of([folder], below=False) == first != stamp_of([folder])
    (folder / "1").rename(folder / "3")
    assert stamp_of([folder], below=False) != first
    path.unlink()
    assert stamp_of([path]) not in (before, touched)
