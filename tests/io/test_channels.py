"""Several files as one image: on one grid, on others, and what cannot be put together."""

from __future__ import annotations

import itertools
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PIL import Image
from pydicom.uid import generate_uid

import napari_ssn as ssn
from napari_ssn.errors import GeometryError, ImageError
from napari_ssn.geometry.channels import join, joint_of, resampled
from napari_ssn.geometry.volume import Volume
from napari_ssn.io.channels import channels_beside, channels_in
from tests.support.dicoms import make_series
from tests.support.helpers import noise_image, oblique_affine

SPACE = (9, 8, 7)


def volume(space: tuple[int, ...] = SPACE, affine: np.ndarray | None = None, seed: int = 0):
    where = oblique_affine() if affine is None else affine
    return Volume(noise_image(space, seed)[None], where)


def other_grid(spacing: tuple[float, float, float] = (1.1, 0.9, 2.0)) -> np.ndarray:
    """Turned against `oblique_affine`, finer along one axis and coarser along others."""
    found = oblique_affine(spacing, (0.25, -0.2, 0.1))
    return found


def slow(image: Volume, onto: Volume) -> np.ndarray:
    """Voxel by voxel: eight neighbours, each by how near it is."""
    out = np.zeros(onto.space)
    values = image.data[0] if image.data.ndim == 4 else image.data[0][..., None]
    sizes = values.shape
    for index in np.ndindex(*onto.space):
        at = [*index, 0, 0, 0][:3]
        mm = onto.affine @ [*at, 1]
        place = np.linalg.solve(image.affine, mm)[:3]
        if any(x < -0.5 - 1e-6 or x > n - 0.5 + 1e-6 for x, n in zip(place, sizes, strict=True)):
            out[index] = values.min()
            continue
        place = [min(max(x, 0.0), n - 1.0) for x, n in zip(place, sizes, strict=True)]
        total = 0.0
        for corner in itertools.product((0, 1), repeat=3):
            share, where = 1.0, []
            for x, n, up in zip(place, sizes, corner, strict=True):
                low = min(int(np.floor(x)), n - 1)
                share *= (x - low) if up else 1 - (x - low)
                where.append(min(low + up, n - 1))
            total += share * values[tuple(where)]
        out[index] = total
    return out


@pytest.mark.parametrize(
    ("space", "onto"), [((11, 9, 8), SPACE), ((12, 10), (9, 8)), ((6, 5, 1), (4, 5, 3))]
)
def test_resampled_values_are_those_of_a_slow_twin(
    space: tuple[int, ...], onto: tuple[int, ...]
) -> None:
    first = volume(onto)
    affine = other_grid() if len(onto) == 3 else oblique_affine((1.1, 0.9, 2.5))
    other = volume(space, affine, seed=1)
    found = resampled(other, first)
    expected = slow(other, first)
    assert found.dtype == np.float32 and found.shape == onto
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-3)
    # Something is inside, something is between voxels.
    assert len(np.unique(found)) > 10


def test_a_place_on_the_edge_is_inside_whatever_its_rounding() -> None:
    first = volume()
    half = first.affine.copy()
    # The same box in voxels of half the size: its middles begin a quarter of a voxel outside.
    half[:3, :3] /= 2
    half[:3, 3] -= first.affine[:3, :3] @ (0.25, 0.25, 0.25)
    fine = Volume(np.repeat(first.data, 2, 1).repeat(2, 2).repeat(2, 3), half)
    joint = joint_of([first, fine])
    assert joint.ways == ("there", "resampled")
    assert joint.note == "Channel 2 was resampled to the grid of the first."
    np.testing.assert_allclose(resampled(fine, first), first.data[0], atol=1e-3)
    assert joint_of([fine, first]).note == "Channel 2 was resampled to the grid of the first."


def test_images_on_one_grid_are_put_together_bit_for_bit() -> None:
    first, other = volume(), volume(seed=1)
    moved = other.affine.copy()
    moved[0, 3] += 5e-5
    near = Volume(other.data, moved)
    for second in (other, near):
        found = join([first, second])
        assert found.note is None and found.channels == 2
        np.testing.assert_array_equal(found.data, np.concatenate([first.data, other.data]))
        np.testing.assert_array_equal(found.affine, first.affine)
    moved[0, 3] += 1e-3
    assert join([first, Volume(other.data, moved)]).note is not None


def test_what_was_resampled_or_taken_is_said() -> None:
    first, there = volume(), volume(seed=1)
    shifted = other_grid()
    shifted[:3, 3] += (2.0, 3.0, 4.0)
    other, more = volume((11, 9, 8), other_grid(), 2), volume((30, 20, 16), shifted, 3)
    found = join([first, there, other, replace(more, note="Slices were doubled.")])
    assert found.note is not None and found.note.startswith(
        "Channel 4: Slices were doubled. Channels 3 and 4 were resampled to the grid of the first."
    )
    assert "not cover that grid" in found.note
    np.testing.assert_array_equal(found.data[0], first.data[0])
    np.testing.assert_array_equal(found.data[1], there.data[0])
    np.testing.assert_array_equal(found.data[2], resampled(other, first))
    unknown = replace(there, extent="unknown", affine=np.eye(4))
    taken = join([first, unknown])
    assert taken.note is not None and "Channel 2 was taken voxel for voxel" in taken.note
    np.testing.assert_array_equal(taken.data[1], there.data[0])
    unsided = [replace(one, oriented=False) for one in (first, other)]
    note = join(unsided).note
    assert note is not None and "None of them says how it lies in the patient" in note


@pytest.mark.parametrize(
    ("other", "words"),
    [
        (replace(volume((11, 9, 8)), extent="unknown"), "Image 2 does not say its voxel size"),
        (replace(volume((11, 9, 8)), oriented=False), "Image 2 does not say its place in the"),
        (volume((9, 8)), "Image 2 has 2 axes and Image 1 has 3"),
        (volume(affine=oblique_affine(origin=(500.0, 0.0, 0.0))), "do not overlap"),
    ],
)
def test_what_cannot_be_put_together_is_refused(other: Volume, words: str) -> None:
    with pytest.raises(GeometryError, match=words):
        join([volume(), other])
    with pytest.raises(GeometryError, match=words.replace("Image 1", "T1").replace("Image 2", "B")):
        joint_of([volume(), other], ["T1", "B"])


def test_boxes_overlap_where_a_sample_of_points_says_so() -> None:
    rng, seen = np.random.default_rng(0), set()
    first = volume((6, 5, 4))
    points = rng.uniform(-0.5, np.array(first.space) - 0.5, (20_000, 3))
    for _ in range(60):
        affine = oblique_affine((0.8, 1.2, 3.0), tuple(rng.uniform(-1, 1, 3)))
        affine[:3, 3] = first.affine[:3, 3] + rng.normal(scale=6, size=3)
        other = volume((7, 6, 3), affine)
        mm = points @ first.affine[:3, :3].T + first.affine[:3, 3]
        places = np.linalg.solve(affine[:3, :3], (mm - affine[:3, 3]).T).T
        inside = ((places > -0.5) & (places < np.array(other.space) - 0.5)).all(1)
        try:
            joint_of([first, other])
            found = True
        except GeometryError:
            found = False
        # What a thousandth of the points misses may overlap at a corner all the same.
        if inside.any() or not found:
            assert found == inside.any()
            seen.add(found)
    assert seen == {True, False}


def save(path: Path, values: np.ndarray, affine: np.ndarray | None = None) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(values, oblique_affine() if affine is None else affine), path)
    return path


def test_several_paths_are_read_as_channels(tmp_path: Path) -> None:
    first = save(tmp_path / "t1.nii.gz", noise_image(SPACE))
    second = save(tmp_path / "t1ce.nii", noise_image((11, 9, 8), 1), other_grid())
    found = ssn.read([first, str(second)])
    assert found.channels == 2 and found.space == SPACE
    assert found.note is not None and "Channel 2 was resampled" in found.note
    np.testing.assert_array_equal(found.data[0], ssn.read(first).data[0])
    np.testing.assert_array_equal(found.data[1], resampled(ssn.read(second), ssn.read(first)))
    assert ssn.read([first]).channels == 1
    with pytest.raises(ImageError, match=r"^Image 2: The file does not exist\.$"):
        ssn.read([first, tmp_path / "DOE.nii.gz"])
    frames = save(tmp_path / "frames.nii.gz", noise_image((*SPACE, 2)))
    with pytest.raises(GeometryError, match=r"^Image 2: Time series .* are not read as a whole"):
        ssn.read([first, frames])


def test_the_files_of_a_case_are_found_by_their_numbers(tmp_path: Path) -> None:
    folder = tmp_path / "case"
    files = [save(folder / f"a_b_{k:04d}.nii.gz", noise_image(SPACE, k)) for k in range(3)]
    (folder / "dataset.json").write_text("{}")
    (folder / "._a_b_0000.nii.gz").write_bytes(b"\0\5\x16\7")
    assert channels_in(folder) == channels_beside(files[1]) == files
    found = ssn.read(folder)
    assert found.channels == 3 and found.note is None
    np.testing.assert_array_equal(found.data[2], noise_image(SPACE, 2))
    # One file is one image.
    assert ssn.read(files[1]).channels == 1
    files[1].unlink()
    for find in (lambda: channels_in(folder), lambda: channels_beside(files[0])):
        with pytest.raises(ImageError, match="_0001 is missing beside _0002"):
            find()
    save(folder / "other_0000.nii.gz", noise_image(SPACE))
    with pytest.raises(ImageError, match="holds 2 cases"):
        ssn.read(folder)
    # A year is no channel, and DICOM stays DICOM.
    assert channels_beside(save(tmp_path / "scan_2019.nii", noise_image(SPACE))) == []
    assert channels_in(tmp_path) == []
    make_series(tmp_path / "dicom", noise_image(SPACE) % 500, oblique_affine())
    save(tmp_path / "dicom" / "mask_0000.nii.gz", noise_image(SPACE))
    assert channels_in(tmp_path / "dicom") == []
    assert ssn.read(tmp_path / "dicom").channels == 1


def test_pictures_of_one_size_make_channels(tmp_path: Path) -> None:
    for k in range(2):
        values = np.random.default_rng(k).integers(0, 255, (6, 7), dtype=np.uint8)
        Image.fromarray(values).save(tmp_path / f"x_{k:04d}.png")
    found = ssn.read(tmp_path)
    assert found.channels == 2 and found.note is None
    assert (found.data[0] != found.data[1]).any()


def test_series_of_one_study_are_its_channels(tmp_path: Path) -> None:
    study, frame = generate_uid(entropy_srcs=["s"]), generate_uid(entropy_srcs=["f"])
    same = {"study": study, "frame_of_reference": frame, "modality": "MR", "intercept": 0.0}
    values = [noise_image(SPACE, k).round() - noise_image(SPACE, k).min() for k in range(3)]
    for k, one in enumerate(values):
        make_series(
            tmp_path / "study" / str(k), one, oblique_affine(), number=k + 1, seed=k, **same
        )
    found = ssn.read(tmp_path / "study", series=[1, 3])
    apart = ssn.read([tmp_path / "study" / "0", tmp_path / "study" / "2"])
    np.testing.assert_array_equal(found.data, apart.data)
    np.testing.assert_array_equal(found.data, np.stack([values[0], values[2]]))
    assert found.source is not None and "SeriesNumber" in found.source.headers[0]
    assert found.source.headers[0].SeriesNumber == 1
    assert ssn.read(tmp_path / "study", series=2).channels == 1
    with pytest.raises(ImageError, match="2 images and 3 numbers of series"):
        ssn.read([tmp_path / "study", tmp_path / "study"], series=[1, 2, 3])
    with pytest.raises(ImageError, match=r"^Image 2: .*series"):
        ssn.read(tmp_path / "study", series=[1, 9])

    def stranger(k: int, dataset) -> None:
        dataset.PatientID = "ANOTHER"

    make_series(tmp_path / "other", values[0], oblique_affine(), seed=9, change=stranger, **same)
    with pytest.raises(ImageError, match="different patients"):
        ssn.read([tmp_path / "study" / "0", tmp_path / "other"])
    make_series(tmp_path / "before", values[0], oblique_affine(), seed=10, modality="MR",
                intercept=0.0)  # fmt: skip
    note = ssn.read([tmp_path / "study" / "0", tmp_path / "before"]).note
    assert note is not None and "of different studies" in note
