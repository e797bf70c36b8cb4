"""Members of ensembles as other programs write them: recognised, or refused in a sentence."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import nibabel
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import napari_ssn as ssn
from napari_ssn.errors import DataError, ImageError, SSNError
from napari_ssn.io import members as files
from napari_ssn.io.members import MemberFiles, find_members
from tests.support import segmentations
from tests.support.dicoms import make_series
from tests.support.ensembles import AFFINE, NAMES, SPACE, fold, folds, image, members, nifti
from tests.support.zips import WORDS, marked

OTHER = {"background": 0, "back": 1, "front": 2}


def found(paths: list[Path], at: Path) -> MemberFiles:
    path = image(at)
    return find_members(paths, ssn.read(path), path.name)


def same(one: NDArray[np.generic], other: NDArray[np.generic]) -> bool:
    return one.shape == other.shape and np.allclose(one, other, atol=1e-6)


def test_folds_of_nnunet_lie_on_the_image(tmp_path: Path) -> None:
    read = found([folds(tmp_path / "out")], tmp_path)
    assert (read.names, read.labels, read.notes) == (
        tuple(f"fold {n}" for n in range(4)),
        NAMES,
        [],
    )
    assert all(same(one, wanted) for one, wanted in zip(read, members(), strict=True))


def test_half_precision_and_its_sums(tmp_path: Path) -> None:
    for number, one in enumerate(members(3)):
        fold(tmp_path / f"fold_{number}", one.astype(np.float16), one.argmax(0).astype(np.uint8))
    dist = ssn.ensemble(found([tmp_path], tmp_path), AFFINE)
    wanted = ssn.ensemble(members(3), AFFINE)
    np.testing.assert_allclose(dist.mean, wanted.mean, atol=5e-3)


@pytest.mark.parametrize("kind", ["fortran", "big-endian", "double", "version 2"])
def test_however_an_archive_stores_its_numbers(kind: str, tmp_path: Path) -> None:
    for number, one in enumerate(members(3)):
        folder = fold(tmp_path / f"fold_{number}", one)
        stored = np.ascontiguousarray(one.transpose(0, 3, 2, 1))
        if kind == "fortran":
            stored = np.asfortranarray(stored)
        elif kind != "version 2":
            stored = stored.astype(">f4" if kind == "big-endian" else np.float64)
        version = (2, 0) if kind == "version 2" else None
        with (
            zipfile.ZipFile(folder / "case.npz", "w", zipfile.ZIP_DEFLATED) as archive,
            archive.open("probabilities.npy", "w") as stream,
        ):
            np.lib.format.write_array(stream, stored, version)
    read = found([tmp_path], tmp_path)
    assert all(same(one, wanted) for one, wanted in zip(read, members(3), strict=True))


def test_an_archive_that_ends_too_soon_or_was_changed_is_damaged(tmp_path: Path) -> None:
    folds(tmp_path, 3)
    path = tmp_path / "fold_1" / "case.npz"
    whole = np.load(path)["probabilities"]
    form = {"descr": "<f4", "fortran_order": False, "shape": whole.shape}
    with (
        zipfile.ZipFile(path, "w") as archive,
        archive.open("probabilities.npy", "w") as stream,
    ):
        np.lib.format.write_array_header_1_0(stream, form)
        stream.write(whole.tobytes()[:-4])
    with pytest.raises(ImageError, match="Fold 1: The archive is damaged or cut off"):
        list(found([tmp_path], tmp_path))
    np.savez(path, probabilities=whole)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1  # what only the checksum tells
    path.write_bytes(content)
    with pytest.raises(ImageError, match="Fold 1: The archive is damaged or cut off"):
        list(found([tmp_path], tmp_path))


@pytest.mark.parametrize(("limit", "most"), [(1 << 28, 3), (0, 2)])
def test_of_large_members_two_are_held_at_most_and_of_others_three(
    limit: int, most: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folds(tmp_path / "out", 4)
    read = found([tmp_path / "out"], tmp_path)
    begun, plain = [], files.read_member

    def counted(paths: tuple[Path, ...], image: ssn.Volume) -> object:
        begun.append(paths)
        return plain(paths, image)

    monkeypatch.setattr(files, "read_member", counted)
    monkeypatch.setattr(files, "_SMALL", limit)
    for number, (one, wanted) in enumerate(zip(read, members(), strict=True)):
        assert same(one, wanted)
        assert len(begun) <= number + most
    assert begun == [one.paths for one in read.files]


def test_archives_are_files_too_in_the_order_they_are_named(tmp_path: Path) -> None:
    folds(tmp_path / "out", 3)
    paths = [tmp_path / "out" / f"fold_{n}" / "case.npz" for n in (2, 0)]
    read = found(paths, tmp_path)
    # By number where all have one, so that the same folds are the same ensemble.
    assert [one.fold for one in read.files] == [0, 2]
    assert read.notes == ["There is no fold 1: the ensemble is of the 2 others."]


def test_a_model_folder_without_its_plans_is_said(tmp_path: Path) -> None:
    for number in (0, 1):
        (tmp_path / "model" / f"fold_{number}").mkdir(parents=True)
        (tmp_path / "model" / f"fold_{number}" / "checkpoint_final.pth").write_bytes(b"never read")
    with pytest.raises(DataError, match=r"^Fold 0 holds weights of a network and no map\."):
        found([tmp_path / "model"], tmp_path)


def test_a_fold_without_the_image_is_said(tmp_path: Path) -> None:
    folds(tmp_path / "out", 3)
    for file in (tmp_path / "out" / "fold_1").iterdir():
        file.unlink()
    with pytest.raises(DataError, match=r"^Fold 1 holds no map of this image\.$"):
        found([tmp_path / "out"], tmp_path)


def test_of_several_cases_that_of_the_image_is_taken(tmp_path: Path) -> None:
    folds(tmp_path / "out", 2)
    for number in range(2):
        np.savez(tmp_path / "out" / f"fold_{number}" / "another.npz", probabilities=np.zeros(3))
    read = found([tmp_path / "out"], tmp_path)
    assert all(same(one, wanted) for one, wanted in zip(read, members(2), strict=True))
    (tmp_path / "out" / "fold_1" / "case.npz").rename(tmp_path / "out" / "fold_1" / "third.npz")
    with pytest.raises(DataError, match="Fold 1 holds maps of 2 images, and none is named as"):
        found([tmp_path / "out"], tmp_path)


def test_labels_in_another_order_are_put_in_the_first_ones(tmp_path: Path) -> None:
    one, two = members(2)
    fold(tmp_path / "fold_0", one)
    fold(tmp_path / "fold_1", two[[0, 2, 1]], names=OTHER)
    read = list(found([tmp_path], tmp_path))
    assert same(read[0], one) and same(read[1], two)
    for number, maps in enumerate((one.argmax(0), two[[0, 2, 1]].argmax(0))):
        (tmp_path / f"fold_{number}" / "case.npz").unlink()
        nifti(tmp_path / f"fold_{number}" / "case.nii.gz", maps.astype(np.uint8))
    read = list(found([tmp_path], tmp_path))
    assert same(read[0], one.argmax(0)) and same(read[1], two.argmax(0))


def test_what_is_so_of_some_members_is_said_once(tmp_path: Path) -> None:
    for number, one in enumerate(members(4)):
        turned = one.transpose(0, 3, 2, 1) if number == 1 else one
        folder = tmp_path / f"fold_{number}"
        folder.mkdir()
        np.savez(folder / "case.npz", probabilities=turned)
        nifti(folder / "case.nii.gz", one.argmax(0).astype(np.uint8))
    read = found([tmp_path], tmp_path)
    assert all(same(a, b) for a, b in zip(read, members(4), strict=True))
    assert read.notes == ["Folds 0, 2 and 3: axes taken in the order of the image's file."]


def test_numbers_in_names_are_in_their_order(tmp_path: Path) -> None:
    """Members are called by their place, and ``reader10`` is nobody's second."""
    (tmp_path / "all").mkdir()
    maps = [np.zeros(SPACE, np.uint8) for _ in range(11)]
    for number, one in enumerate(maps, start=1):
        one[2:8, 3:9, : number - 1] = 1
        nifti(tmp_path / "all" / f"reader{number}.nii.gz", one)
    read = found([tmp_path / "all"], tmp_path)
    assert [int(one.sum()) for one in read] == [int(one.sum()) for one in maps]


def test_a_file_that_is_two_members_is_said(tmp_path: Path) -> None:
    one, two = members(2)
    outlines = [p.argmax(0).astype(np.uint8) for p in (one, two)]
    paths = [nifti(tmp_path / f"{k}.nii.gz", p) for k, p in enumerate(outlines)]
    assert not found(paths, tmp_path).notes
    assert found([*paths, paths[0]], tmp_path).notes == [
        "Members 1 and 3 hold the very same, which counts 2 times."
    ]


def test_a_member_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"^There is no file or folder of that name\.$"):
        found([tmp_path / "nowhere"], tmp_path)
    path = nifti(tmp_path / "0.nii.gz", members()[0].argmax(0).astype(np.uint8))
    with pytest.raises(ImageError, match=r"of that name, for member 2 of 2\.$"):
        found([path, tmp_path / "nowhere.npz"], tmp_path)


def test_labels_of_other_names_are_refused(tmp_path: Path) -> None:
    fold(tmp_path / "fold_0", members()[0])
    fold(tmp_path / "fold_1", members()[1], names={"background": 0, "liver": 1, "back": 2})
    with pytest.raises(DataError, match=r"^Fold 1 has other labels \(.*\) than the first \("):
        found([tmp_path], tmp_path)


def test_axes_in_the_order_of_the_file_are_recognised(tmp_path: Path) -> None:
    for number, one in enumerate(members(2)):
        np.savez(tmp_path / f"{number}.npz", probabilities=one)
    read = found([tmp_path / "0.npz", tmp_path / "1.npz"], tmp_path)
    assert all(same(one, wanted) for one, wanted in zip(read, members(2), strict=True))
    assert read.notes == ["All members: axes taken in the order of the image's file."]


def test_axes_that_run_backwards_are_told_by_the_label_map_beside_them(tmp_path: Path) -> None:
    one, two = members(2)
    fold(tmp_path / "fold_0", one)
    # As an image reader of nnU-Net stores it that turns to right, anterior, superior first.
    fold(tmp_path / "fold_1", two[:, ::-1, ::-1], two.argmax(0).astype(np.uint8))
    read = found([tmp_path], tmp_path)
    assert all(same(a, b) for a, b in zip(read, (one, two), strict=True))
    assert read.notes == [
        "Fold 1: stored backwards along some axes, as the label map beside it shows."
    ]
    fold(tmp_path / "fold_1", two, one.argmax(0).astype(np.uint8)[::-1, ::-1, ::-1] * 0 + 1)
    with pytest.raises(DataError, match="not those of the label map that lies beside it"):
        list(found([tmp_path], tmp_path))


def test_axes_in_another_order_are_told_by_the_label_map_beside_them(tmp_path: Path) -> None:
    """Of a sagittal image TotalSegmentator, and nnU-Net that reorients, write the canonical one."""
    one, two = members(2)
    # Axes of the file towards anterior, superior and left.
    affine = np.array([[0, 0, -2, 20], [1.5, 0, 0, 30], [0, 1, 0, -40], [0, 0, 0, 1.0]])
    path = nifti(tmp_path / "case_0000.nii.gz", np.zeros(SPACE, np.float32), affine)
    for number, p in enumerate((one, two)):
        folder = fold(tmp_path / "maps" / f"fold_{number}", p)
        nifti(folder / "case.nii.gz", p.argmax(0).astype(np.uint8), affine)
        stored = nibabel.Nifti1Image(np.moveaxis(p, 0, -1), affine)
        turned = nibabel.as_closest_canonical(stored).get_fdata(dtype=np.float32)
        assert turned.shape[:3] == (11, 17, 14)
        np.savez(folder / "case.npz", probabilities=turned.transpose(3, 2, 1, 0))
    read = find_members([tmp_path / "maps"], ssn.read(path), path.name)
    assert all(same(a, b) for a, b in zip(read, (one, two), strict=True))
    assert read.notes == ["All members: stored along other axes, as the label map beside it shows."]
    (tmp_path / "maps" / "fold_1" / "case.nii.gz").unlink()
    with pytest.raises(DataError, match=r"^Fold 1: Its axes .* put beside it under the same name"):
        list(find_members([tmp_path / "maps"], ssn.read(path), path.name))


def test_a_cube_is_turned_as_the_label_map_beside_it_shows(tmp_path: Path) -> None:
    """Of equal lengths no shape tells axes apart."""
    one, two = (p[:, 3:14, 1:12] for p in members(2))
    assert one.shape[1:] == (11, 11, 11)
    path = nifti(tmp_path / "case_0000.nii.gz", np.zeros((11, 11, 11), np.float32))
    fold(tmp_path / "maps" / "fold_0", one)
    turned = two.transpose(0, 2, 3, 1)[:, :, ::-1]
    fold(tmp_path / "maps" / "fold_1", turned, two.argmax(0).astype(np.uint8))
    read = find_members([tmp_path / "maps"], ssn.read(path), path.name)
    assert all(same(a, b) for a, b in zip(read, (one, two), strict=True))


def test_a_slice_of_nnunet_has_a_third_axis_of_one_voxel(tmp_path: Path) -> None:
    """(C, 1, y, x), of which the image has (x, y); of a square the label map beside it says so."""
    one, two = (p[:, :, :, 5] for p in members(2))
    path = nifti(tmp_path / "case_0000.nii.gz", np.zeros(SPACE[:2], np.float32))
    for number, p in enumerate((one, two)):
        np.savez(tmp_path / f"{number}.npz", probabilities=p.transpose(0, 2, 1)[:, None])
    archives = [tmp_path / "0.npz", tmp_path / "1.npz"]
    read = find_members(archives, ssn.read(path), path.name)
    assert all(same(a, b) for a, b in zip(read, (one, two), strict=True))
    square = nifti(tmp_path / "square_0000.nii.gz", np.zeros((12, 12), np.float32))
    for number, p in enumerate((one, two)):
        part = p[:, 2:14, 1:13]
        np.savez(tmp_path / f"{number}.npz", probabilities=part.transpose(0, 2, 1)[:, None])
    with pytest.raises(DataError, match=r"^Member 1: The image is one square slice: nobody"):
        list(find_members(archives, ssn.read(square), square.name))
    for number, p in enumerate((one, two)):
        nifti(tmp_path / f"{number}.nii.gz", p[:, 2:14, 1:13].argmax(0).astype(np.uint8))
    read = find_members(archives, ssn.read(square), square.name)
    wanted = (one[:, 2:14, 1:13], two[:, 2:14, 1:13])
    assert all(same(a, b) for a, b in zip(read, wanted, strict=True))


@pytest.mark.parametrize("third", [False, True])
def test_a_slice_has_two_axes_or_a_third_of_one_voxel(third: bool, tmp_path: Path) -> None:
    drawn = [p[:, :, :, 5].argmax(0).astype(np.uint8) for p in members(2)]
    space = (*SPACE[:2], 1) if third else SPACE[:2]
    path = nifti(tmp_path / "case_0000.nii.gz", np.zeros(space, np.float32))
    maps = [
        nifti(tmp_path / "0.nii.gz", drawn[0]),
        nifti(tmp_path / "1.nii.gz", drawn[1][..., None]),
    ]
    read = list(find_members(maps, ssn.read(path), path.name))
    assert all(same(a, b.reshape(space)) for a, b in zip(read, drawn, strict=True))
    elsewhere = AFFINE.copy()
    elsewhere[0, 3] += 3
    maps[1] = nifti(tmp_path / "2.nii.gz", drawn[1][..., None], elsewhere)
    with pytest.raises(DataError, match="up to 3 mm beside the image's"):
        list(find_members(maps, ssn.read(path), path.name))


def test_pictures_are_members_of_a_picture(tmp_path: Path) -> None:
    """Also those of a folder, and the label map that nnU-Net writes beside an archive."""
    p = [one[:, :, :, 5] for one in members(3)]
    image_file = tmp_path / "case_0000.png"
    Image.fromarray(np.full(SPACE[:2], 90, np.uint8)).save(image_file)
    volume = ssn.read(image_file)
    assert volume.space == SPACE[:2]
    drawn = [(one.argmax(0) > 0).astype(np.uint8) for one in p]
    (tmp_path / "people").mkdir()
    for number, one in enumerate(drawn):
        Image.fromarray(255 * one).save(tmp_path / "people" / f"{number}.png")
    read = list(find_members([tmp_path / "people"], volume, image_file.name))
    assert all(same(a > 0, b > 0) for a, b in zip(read, drawn, strict=True))
    # Backwards, as only the label map shows.
    for number, one in enumerate(p[:2]):
        folder = tmp_path / "maps" / f"fold_{number}"
        folder.mkdir(parents=True)
        np.savez(folder / "case.npz", probabilities=one[:, None, ::-1])
        Image.fromarray(one.argmax(0).astype(np.uint8)).save(folder / "case.png")
    folds_read = find_members([tmp_path / "maps"], volume, image_file.name)
    assert all(same(a, b) for a, b in zip(folds_read, p, strict=False))
    # Beside maps, pictures show something.
    nifti(tmp_path / "people" / "a.nii.gz", drawn[0])
    with pytest.raises(DataError, match=r"\(1 found\)"):
        find_members([tmp_path / "people"], volume, image_file.name)


def test_where_the_first_axis_is_as_long_as_the_last_that_is_said(tmp_path: Path) -> None:
    """Nobody can tell z, y, x from x, y, z then, unless a label map lies beside it."""
    affine = np.abs(AFFINE)
    path = nifti(tmp_path / "case_0000.nii.gz", np.zeros((14, 11, 14), np.float32), affine)
    for number, p in enumerate(members(2)):
        part = p[:, :14, :11].copy()
        part = np.concatenate([part, part[..., ::-1]], -1)[..., :14]
        folder = fold(tmp_path / "maps" / f"fold_{number}", part)
        nifti(folder / "case.nii.gz", part.argmax(0).astype(np.uint8), affine)
    read = find_members([tmp_path / "maps"], ssn.read(path), path.name)
    assert len(list(read)) == 2 and not read.notes
    (tmp_path / "maps" / "fold_1" / "case.nii.gz").unlink()
    read = find_members([tmp_path / "maps"], ssn.read(path), path.name)
    assert len(list(read)) == 2
    (note,) = read.notes
    assert note.startswith("Fold 1: no label map beside the archive shows which way axes run")


def test_what_a_system_leaves_in_a_folder_is_no_member(tmp_path: Path) -> None:
    """macOS leaves files with the same suffix, and nothing of an image in them."""
    folds(tmp_path / "out", 2)
    for number in (0, 1):
        folder = tmp_path / "out" / f"fold_{number}"
        for end in (".npz", ".nii.gz"):
            (folder / f"._case{end}").write_bytes(b"\0\5\x16\7\0\2\0\0Mac OS X")
        nifti(tmp_path / "people" / f"{number}.nii.gz", members(2)[number].argmax(0).astype("u1"))
    (tmp_path / "people" / "._0.nii.gz").write_bytes(b"\0\5\x16\7\0\2\0\0Mac OS X")
    (tmp_path / "people" / ".DS_Store").write_bytes(b"\0\0\0\1Bud1")
    for folder in ("out", "people"):
        read = found([tmp_path / folder], tmp_path)
        assert len(read) == len(list(read)) == 2 and not read.notes


def test_soft_maps_of_one_label_and_of_several(tmp_path: Path) -> None:
    whole, front = members(2)
    nifti(tmp_path / "a" / "soft.nii.gz", np.moveaxis(whole, 0, -1))
    nifti(tmp_path / "b" / "soft.nii.gz", np.moveaxis(front[1:], 0, -1))
    read = list(found([tmp_path / "a", tmp_path / "b"], tmp_path))
    assert same(read[0], whole) and same(read[1], front)
    binary = [nifti(tmp_path / f"{n}.nii", one[1]) for n, one in enumerate(members(2))]
    read = list(found(binary, tmp_path))
    assert same(read[0], np.stack([1 - whole[1], whole[1]]))


def test_masks_of_each_structure_are_a_label_map(tmp_path: Path) -> None:
    """As TotalSegmentator writes them; of a hundred, probabilities would fill the memory."""
    one, two = (p.argmax(0).astype(np.uint8) for p in members(2))
    for number, labels in enumerate((one, two)):
        for label, name in ((1, "liver"), (2, "spleen")):
            mask = (labels == label).astype(np.uint8)
            nifti(tmp_path / "maps" / f"run_{number}" / f"{name}.nii.gz", mask)
    read = found([tmp_path / "maps"], tmp_path)
    assert read.labels == ("background", "liver", "spleen")
    first, second = read
    assert first.dtype == second.dtype == np.uint8
    np.testing.assert_array_equal(first, one)
    np.testing.assert_array_equal(second, two)
    # One of them is soft: then all are probabilities.
    nifti(tmp_path / "maps" / "run_1" / "spleen.nii.gz", 0.75 * (two == 2).astype(np.float32))
    _, soft = found([tmp_path / "maps"], tmp_path)
    np.testing.assert_array_equal(soft[1], two == 1)
    np.testing.assert_allclose(soft[2], 0.75 * (two == 2))
    np.testing.assert_allclose(soft.sum(0), 1)
    nifti(tmp_path / "maps" / "run_1" / "spleen.nii.gz", (two > 0).astype(np.uint8))
    with pytest.raises(DataError, match="sum to 2 in a voxel: regions that overlap are not read"):
        list(found([tmp_path / "maps"], tmp_path))


def test_a_mask_alone_is_not_taken_for_the_first_label_of_others(tmp_path: Path) -> None:
    """Its one file, a spleen, would count as a liver."""
    one, two = (p.argmax(0).astype(np.uint8) for p in members(2))
    for label, name in ((1, "liver"), (2, "spleen")):
        # Drawn with any number.
        nifti(tmp_path / "maps" / "a" / f"{name}.nii.gz", (one == label) * np.uint8(255))
    nifti(tmp_path / "maps" / "b" / "spleen.nii.gz", (two == 2).astype(np.uint8))
    with pytest.raises(DataError, match=r"^Member 2 outlines one thing, and others have a file"):
        list(found([tmp_path / "maps"], tmp_path))
    # Who outlines nothing needs no label.
    nifti(tmp_path / "maps" / "b" / "spleen.nii.gz", 0 * two)
    assert not list(found([tmp_path / "maps"], tmp_path))[1].any()
    nifti(tmp_path / "maps" / "b" / "spleen.nii.gz", (two == 2).astype(np.uint8))
    nifti(tmp_path / "maps" / "b" / "liver.nii.gz", 0 * two)
    first, second = found([tmp_path / "maps"], tmp_path)
    np.testing.assert_array_equal(first, one)
    np.testing.assert_array_equal(second, 2 * (two == 2))


def test_a_file_for_each_label(tmp_path: Path) -> None:
    for number, one in enumerate(members(2)):
        for label, name in ((1, "spleen"), (2, "liver")):
            nifti(tmp_path / "out" / str(number) / f"{name}.nii.gz", one[label])
    read = found([tmp_path / "out"], tmp_path)
    assert read.labels == ("background", "liver", "spleen")
    assert all(same(one, wanted[[0, 2, 1]]) for one, wanted in zip(read, members(2), strict=True))


def test_label_maps_of_several_people_and_other_axes(tmp_path: Path) -> None:
    maps = [one.argmax(0).astype(np.uint8) for one in members(3)]
    nifti(tmp_path / "out" / "a.nii.gz", maps[0])
    # The same voxels, stored along other axes and backwards.
    turned = maps[1].transpose(2, 0, 1)[:, ::-1]
    affine = AFFINE[:, [2, 0, 1, 3]].copy()
    affine[:3, 3] += affine[:3, 1] * (SPACE[0] - 1)
    affine[:3, 1] *= -1
    nifti(tmp_path / "out" / "b.nii.gz", turned, affine)
    nifti(tmp_path / "out" / "c.nii.gz", maps[2].astype(np.float32))
    read = found([tmp_path / "out"], tmp_path)
    assert read.names == ("1", "2", "3")
    for one, wanted in zip(read, maps, strict=True):
        assert one.dtype == np.uint8
        np.testing.assert_array_equal(one, wanted)


def test_members_are_found_again_by_their_sums(tmp_path: Path) -> None:
    read = found([folds(tmp_path / "out", 3)], tmp_path)
    sums = [one.sha256 for one in read.files]
    again = read.some([sums[2], sums[0]])
    assert [one.fold for one in again.files] == [2, 0]
    with pytest.raises(DataError, match="Of the 2 members that the sidecar names one is not among"):
        read.some([sums[0], "0" * 64])


def broken(kind: str, path: Path) -> None:
    """One member that is refused."""
    p = members()[1]
    if kind == "pickled":
        np.savez(path, probabilities=np.array([{}, {}]))
    elif kind == "cropped":
        np.savez(path, probabilities=p[:, 2:-2, 1:].transpose(0, 3, 2, 1))
    elif kind == "v1":
        np.savez(path, softmax=p[:, 2:-2, 1:].transpose(0, 3, 2, 1))
    elif kind == "other axes":
        np.savez(path, probabilities=p.transpose(0, 2, 3, 1))
    elif kind == "labels last":
        np.savez(path, probabilities=p.transpose(3, 2, 1, 0))
    elif kind == "no key":
        np.savez(path, p)
    elif kind == "whole numbers":
        np.savez(path, probabilities=np.zeros((3, *SPACE[::-1]), np.int16))
    elif kind == "cut off":
        np.savez(path, probabilities=p.transpose(0, 3, 2, 1))
        path.write_bytes(path.read_bytes()[:-3000])
    elif kind == "no archive":
        path.write_bytes(b"no archive")
    elif kind == "damaged":
        np.savez(path, probabilities=p.transpose(0, 3, 2, 1))
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 255
        path.write_bytes(data)
    elif kind in ("locked", "deflate64"):
        np.savez(path, probabilities=p.transpose(0, 3, 2, 1))
        marked(path, kind)
    else:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("probabilities.npy", b'\x93NUMPY\x01\x00\x04\x00{"a')


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("pickled", "pickled objects in the place of numbers"),
        ("cropped", "has 13 × 13 × 11 voxels and the image 17 × 14 × 11: it was cropped or"),
        ("cropped", r"grid of the image. \(Most tasks of TotalSegmentator crop and resample"),
        ("v1", "of nnU-Net 1, which crops its probabilities"),
        ("other axes", "axes are in another order than nnU-Net's: 14 × 11 × 17 voxels where 11 ×"),
        ("labels last", r"shape \(11, 14, 17, 3\), with the labels last"),
        ("no key", "no array called “probabilities”"),
        ("whole numbers", "holds int16 numbers, and probabilities are fractions"),
        ("cut off", "damaged or cut off"),
        ("no archive", "damaged or cut off"),
        ("damaged", "damaged or cut off"),
        ("header", "damaged or cut off"),
        *WORDS.items(),
    ],
)
def test_what_is_no_member_is_said(kind: str, words: str, tmp_path: Path) -> None:
    np.savez(tmp_path / "0.npz", probabilities=members()[0].transpose(0, 3, 2, 1))
    broken(kind, tmp_path / "1.npz")
    with pytest.raises((DataError, ImageError), match=words) as said:
        list(found([tmp_path / "0.npz", tmp_path / "1.npz"], tmp_path))
    assert str(said.value).startswith("Member 2: ")
    assert str(tmp_path) not in str(said.value)


def test_labels_of_the_decathlon_are_numbered_the_other_way_round(tmp_path: Path) -> None:
    folder = folds(tmp_path / "out") / "fold_0"
    text = json.dumps({"labels": {str(at): name for at, name in enumerate(NAMES)}})
    (folder / "dataset.json").write_text(text)
    assert found([tmp_path / "out"], tmp_path).labels == NAMES


@pytest.mark.parametrize(
    "text",
    [
        "{",
        "[]",
        "{}",
        '{"labels": 3}',
        '{"labels": {"a": 0, "b": 2}}',
        '{"labels": {"a": 0.5}}',
        "\udcff",
    ],
)
def test_labels_that_nobody_can_read_are_not_guessed(text: str, tmp_path: Path) -> None:
    folder = folds(tmp_path / "out") / "fold_0"
    (folder / "dataset.json").write_bytes(text.encode(errors="surrogateescape"))
    with pytest.raises(DataError, match=r"dataset\.json beside it does not say the labels"):
        found([tmp_path / "out"], tmp_path)


def test_an_archive_whose_label_map_lies_elsewhere_is_of_another_image(tmp_path: Path) -> None:
    folds(tmp_path / "out", 2)
    affine = AFFINE.copy()
    affine[0, 3] += 20
    labels = members()[1].argmax(0).astype(np.uint8)
    nifti(tmp_path / "out" / "fold_1" / "case.nii.gz", labels, affine)
    with pytest.raises(DataError, match=r"^Fold 1: The label map beside it is of another image"):
        list(found([tmp_path / "out"], tmp_path))


def test_that_an_archive_has_another_name_than_the_image_is_said(tmp_path: Path) -> None:
    folds(tmp_path / "out", 2)
    assert not found([tmp_path / "out"], tmp_path).notes
    for end in (".npz", ".nii.gz"):
        (tmp_path / "out" / "fold_1" / f"case{end}").rename(
            tmp_path / "out" / "fold_1" / f"other{end}"
        )
    (note,) = found([tmp_path / "out"], tmp_path).notes
    assert "not named as the image" in note


@pytest.mark.parametrize("upright", [True, False])
def test_without_a_label_map_beside_it_an_archive_may_be_turned(
    upright: bool, tmp_path: Path
) -> None:
    """TotalSegmentator turns images to right, anterior, superior, and nothing in it says so."""
    affine = np.abs(AFFINE) if upright else AFFINE
    path = nifti(tmp_path / "case.nii.gz", np.zeros(SPACE, np.float32), affine)
    for number, one in enumerate(members(2)):
        np.savez(tmp_path / f"{number}.npz", probabilities=one.transpose(0, 3, 2, 1))
    files = find_members([tmp_path / f"{k}.npz" for k in (0, 1)], ssn.read(path), path.name)
    assert len(list(files)) == 2
    assert [("shows which way axes run" in note) for note in files.notes] == (
        # What is so of all is said once.
        [] if upright else [True]
    )


@pytest.mark.parametrize(
    ("scale", "kind", "words"),
    [
        (255, np.uint8, "whole numbers up to 2.. that lie as in a picture, not as labels do"),
        (np.nan, np.float32, "values that are not finite"),
        (100, np.float32, "values go from .* to 9.*: probabilities are fractions from 0 to 1"),
    ],
)
def test_probabilities_of_another_scale_are_no_labels(
    scale: int, kind: type[np.generic], words: str, tmp_path: Path
) -> None:
    paths = [
        nifti(tmp_path / f"{number}.nii.gz", (one[1] * scale).astype(kind))
        for number, one in enumerate(members(2))
    ]
    with pytest.raises(DataError, match=f"^Member 1: It[s ].*{words}"):
        list(found(paths, tmp_path))


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("elsewhere", "and they lie up to 3 mm beside the image's"),
        ("fine", "17 × 14 × 22 voxels and the image 17 × 14 × 11"),
        ("overlap", "regions that overlap are not read"),
        ("beyond", "labels below 0 or above 255"),
    ],
)
def test_label_maps_on_other_grids_are_refused(kind: str, words: str, tmp_path: Path) -> None:
    p, affine = members()[1], AFFINE.copy()
    values: NDArray[np.generic] = p.argmax(0).astype(np.uint8)
    if kind == "elsewhere":
        affine[0, 3] += 3
    elif kind == "fine":
        values = np.repeat(values, 2, axis=2)
        affine[:, 2] /= 2
    elif kind == "overlap":
        values = np.moveaxis(np.stack([p[1], p[1] * 0 + 0.9]), 0, -1)
    else:
        values = values.astype(np.int16) + 300
    first = nifti(tmp_path / "0.nii.gz", members()[0].argmax(0).astype(np.uint8))
    with pytest.raises(SSNError, match=f"^Member 2: .*{words}"):
        list(found([first, nifti(tmp_path / "1.nii.gz", values, affine)], tmp_path))


def test_segmentations_of_dicom_and_of_slicer_are_members(tmp_path: Path) -> None:
    """What somebody outlined in an archive's viewer or in 3D Slicer, beside a NIfTI of others."""
    affine = segmentations.AFFINES["oblique"]
    make_series(tmp_path / "scan", segmentations.image(), affine)
    volume, made = ssn.read(tmp_path / "scan"), segmentations.maps(3, affine)
    for number, end in enumerate(("dcm", "seg.nrrd", "nii.gz")):
        path = tmp_path / "all" / f"{number}.{end}"
        path.parent.mkdir(exist_ok=True)
        ssn.write(made[number], path, model=segmentations.card(), source=volume)
    paths = sorted(one for one in (tmp_path / "all").iterdir() if one.suffix != ".json")
    read = list(find_members(paths, volume, "scan"))
    assert all(same(one, wanted.label_map) for one, wanted in zip(read, made, strict=True))
    # A folder of nothing else holds members, too.
    for number in (1, 2):
        path = tmp_path / "seg" / f"{number}.dcm"
        path.parent.mkdir(exist_ok=True)
        ssn.write(made[number], path, model=segmentations.card(), source=volume)
    seen = list(find_members([tmp_path / "seg"], volume, "scan"))
    assert same(seen[0], read[1]) and same(seen[1], read[2])


@pytest.mark.parametrize("turned", [False, True])
def test_a_label_map_of_a_part_lies_where_it_belongs(turned: bool, tmp_path: Path) -> None:
    one, two = (p.argmax(0).astype(np.uint8) for p in members(2))
    part = np.zeros_like(two)
    part[4:12, 3:9, 2:8] = two[4:12, 3:9, 2:8]
    affine, values = AFFINE.copy(), part[2:14, 2:12, 1:10]
    affine[:3, 3] = (AFFINE @ [2, 2, 1, 1])[:3]
    if turned:
        values, affine = values.transpose(2, 0, 1), affine[:, [2, 0, 1, 3]]
    paths = [nifti(tmp_path / "0.nii.gz", one), nifti(tmp_path / "1.nii.gz", values, affine)]
    read = found(paths, tmp_path)
    assert all(same(a, b) for a, b in zip(read, (one, part), strict=True))
    assert read.notes == ["Member 2: of a part of the image; all else is background."]
    # Of probabilities nobody knows what they are outside.
    soft = np.ascontiguousarray(members(2)[1][1][2:14, 2:12, 1:10])
    affine = AFFINE.copy()
    affine[:3, 3] = (AFFINE @ [2, 2, 1, 1])[:3]
    with pytest.raises(DataError, match=r"^Member 2: .* cropped or resampled"):
        list(found([paths[0], nifti(tmp_path / "2.nii.gz", soft, affine)], tmp_path))


def test_one_member_and_a_folder_of_several_images_are_no_ensemble(tmp_path: Path) -> None:
    fold(tmp_path / "out", members()[0])
    with pytest.raises(DataError, match=r"two members or more.*\(1 found\)"):
        found([tmp_path / "out"], tmp_path)
    np.savez(tmp_path / "out" / "another.npz", probabilities=members()[1])
    with pytest.raises(DataError, match="named as the image, and others that are not"):
        found([tmp_path / "out"], tmp_path)
