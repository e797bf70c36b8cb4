"""nnU-Net's raw layout: reading it, and naming what is wrong with it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from napari_ssn.errors import DataError
from napari_ssn.training.cases import Subset, check_alike, hold_out
from napari_ssn.training.nnunet import VolumeSet
from napari_ssn.training.reading import load_cases
from tests.support.helpers import noise_image
from tests.support.sets import AFFINE, nnunet_folder, save


def test_channels_raters_and_place_are_read(tmp_path: Path) -> None:
    folder = nnunet_folder(tmp_path / "set", count=3, raters=2, channels=2)
    cases = load_cases(folder)
    assert isinstance(cases, VolumeSet) and len(cases) == 3
    assert cases.names == ("case_0", "case_1", "case_2")
    assert cases.channels == ("sequence 0", "sequence 1")
    assert cases.labels == ("background", "head", "tail")
    assert cases.raters == 2 and cases.licence == "CC0-1.0" and cases.spatial_dims == 3
    case = cases[1]
    assert case.volume.data.shape == (2, 17, 18, 16) and case.raters.shape == (2, 17, 18, 16)
    second = nib.load(folder / "imagesTr" / "case_1_0001.nii.gz").get_fdata(dtype=np.float32)
    np.testing.assert_array_equal(case.volume.data[1], second)
    np.testing.assert_allclose(case.volume.affine, AFFINE, atol=1e-5)
    np.testing.assert_allclose(cases.spacing_mm(0), (0.7, 1.3, 2.5), rtol=1e-5)
    assert (case.raters[1] > 0).sum() > (case.raters[0] > 0).sum() > 0


def test_a_zip_holds_what_its_folder_holds(tmp_path: Path) -> None:
    folder = nnunet_folder(tmp_path / "set")
    archive = Path(shutil.make_archive(str(tmp_path / "packed"), "zip", tmp_path, "set"))
    inside, outside = load_cases(archive), load_cases(folder)
    assert inside.sha256 == outside.sha256 and inside.names == outside.names
    np.testing.assert_array_equal(inside[0].raters, outside[0].raters)
    # What macOS leaves beside files, and packs with them.
    for there in (folder, tmp_path / "set" / "__MACOSX"):
        for name in ("imagesTr", "labelsTr"):
            (there / name).mkdir(parents=True, exist_ok=True)
            (there / name / "._a_0000.nii.gz").write_bytes(b"\0\5\x16\7")
    archive = Path(shutil.make_archive(str(tmp_path / "again"), "zip", tmp_path, "set"))
    assert load_cases(archive).names == load_cases(folder).names == outside.names


def test_cases_beyond_the_room_in_memory_are_read_again(tmp_path: Path) -> None:
    cases = load_cases(nnunet_folder(tmp_path / "set", count=3))
    assert isinstance(cases, VolumeSet)
    small = VolumeSet(cases.name, cases.files, cases.channels, cases.labels, _room=30_000)
    small.check()
    assert 0 < len(small._kept) < 3 and small.sha256 == cases.sha256
    for i in range(3):
        np.testing.assert_array_equal(small[i].volume.data, cases[i].volume.data)


def test_a_single_slice_is_two_dimensional(tmp_path: Path) -> None:
    cases = load_cases(nnunet_folder(tmp_path / "set", depth=1))
    assert cases.spatial_dims == 2 and cases[0].raters.shape == (1, 16, 18)


def test_splits_choose_cases(tmp_path: Path) -> None:
    folder = nnunet_folder(tmp_path / "set", count=3)
    lists = {"train": ["case_2", "case_0"], "val": ["case_1"], "lost": ["case_9"], "none": []}
    (folder / "splits.json").write_text(json.dumps(lists))
    assert load_cases(folder, "train").names == ("case_2", "case_0")
    assert len(load_cases(folder)) == 3
    for split, words in (
        ("lost", "names case_9, and there is no such case"),
        ("none", "'none' is empty"),
        ("test", r"has no list 'test' \(there: lost, none, train, val\)"),
    ):
        with pytest.raises(DataError, match=words):
            load_cases(folder, split)


def test_patients_are_held_out_whole(tmp_path: Path) -> None:
    cases = load_cases(nnunet_folder(tmp_path / "set", count=10))
    learn, watch = hold_out(cases)
    assert len(learn) == 8 and len(watch) == 2
    assert not set(learn.names) & set(watch.names)
    place = cases.names.index(watch.names[0])
    np.testing.assert_array_equal(watch[0].raters, cases[place].raters)
    assert watch.space(0) == cases.space(place) and watch.sha256 != learn.sha256
    with pytest.raises(DataError, match="single patient"):
        hold_out(Subset(cases, [0]))


Change = Callable[[Path], object]


def remove(name: str) -> Change:
    return lambda folder: (folder / name).unlink()


def put(name: str, data: np.ndarray, affine: np.ndarray = AFFINE) -> Change:
    return lambda folder: save(folder / name, data, affine)


def text(name: str, content: str) -> Change:
    return lambda folder: (folder / name).write_text(content)


def about(**changes: object) -> Change:
    def change(folder: Path) -> None:
        path = folder / "dataset.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))

    return change


SPACE = (16, 18, 16)
IMAGE, LABEL = "imagesTr/case_0_0000.nii.gz", "labelsTr/case_0.nii.gz"
NOISE = noise_image(SPACE)
HOLED = np.where(np.arange(16) == 3, np.nan, NOISE).astype(np.float32)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (remove(LABEL), "case_0 has an image, but no label map"),
        (remove(IMAGE), "labelsTr/case_0.nii.gz has no image"),
        (put(LABEL, np.ones((16, 18, 15), np.uint8)), "16 × 18 × 15 voxels, but"),
        (put(LABEL, np.full(SPACE, 3, np.uint8)), "holds the label 3, which"),
        (put(LABEL, np.full(SPACE, 0.5, np.float32)), "holds the label 0.5, which"),
        (put(LABEL, np.ones(SPACE, np.uint8), np.eye(4)), "lies in another place"),
        (put(IMAGE, np.ones(SPACE, np.float32)), "the same value everywhere"),
        (put(IMAGE, HOLED), "NaN or infinite"),
        (text(IMAGE, "no NIfTI"), "case_0_0000.nii.gz: The file is"),
        (put("imagesTr/case_0_0001.nii.gz", NOISE), "a channel that dataset.json does not name"),
        (put("imagesTr/other.nii.gz", NOISE), "does not end in a channel"),
        (about(channel_names={"0": "a", "1": "b"}), "imagesTr lacks case_0_0001.nii.gz"),
        (about(channel_names=["a"]), "channel_names should be"),
        (about(channel_names={}), "names no channel"),
        (about(labels={"background": 0, "head": 2}), "without a gap"),
        (about(labels={"background": 0, "both": [1, 2]}), "regions of several labels"),
        (about(file_ending=".mha"), "holds no images"),
        (text("dataset.json", "{"), "dataset.json is no JSON"),
        (remove("dataset.json"), "has no dataset.json"),
        (text("splits.json", '{"train": "case_0"}'), "lists of cases by name"),
    ],
)
def test_bad_data_is_named(tmp_path: Path, change: Change, words: str) -> None:
    folder = nnunet_folder(tmp_path / "set")
    change(folder)
    with pytest.raises(DataError) as caught:
        load_cases(folder, "train" if (folder / "splits.json").exists() else None)
    assert words in str(caught.value)
    assert str(tmp_path) not in str(caught.value)


def test_sets_that_differ_are_refused(tmp_path: Path) -> None:
    one = load_cases(nnunet_folder(tmp_path / "one"))
    check_alike([one, load_cases(nnunet_folder(tmp_path / "same", raters=2))])
    with pytest.raises(DataError, match="'two' has other channels than 'one'"):
        check_alike([one, load_cases(nnunet_folder(tmp_path / "two", channels=2))])


def test_an_empty_folder_and_a_broken_zip(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="neither imagesTr"):
        load_cases(tmp_path / "empty")
    (tmp_path / "empty" / "imagesTr").mkdir()
    with pytest.raises(DataError, match="has no dataset"):
        load_cases(tmp_path / "empty")
    folder = nnunet_folder(tmp_path / "set")
    archive = Path(shutil.make_archive(str(tmp_path / "packed"), "zip", folder))
    content = bytearray(archive.read_bytes())
    content[200] ^= 0xFF
    archive.write_bytes(content)
    with pytest.raises(DataError, match=r"packed\.zip"):
        load_cases(archive)
