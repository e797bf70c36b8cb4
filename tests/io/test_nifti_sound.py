"""NIfTI files that are sound though they are odd, and those of which another program reads more."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from napari_ssn.core.hypotheses import Hypothesis
from napari_ssn.errors import GeometryError, ImageError
from napari_ssn.io import write
from napari_ssn.io.nifti import read_nifti
from tests.support.helpers import noise_image, oblique_affine

SPACE = (6, 5, 4)
STRAIGHT = np.diag([-0.9, -0.9, 2.0, 1.0])


def raw_of(sform: np.ndarray | None, qform: np.ndarray | None, s: int = 1, q: int = 1) -> bytearray:
    image = nib.Nifti1Image(noise_image(SPACE), None)
    image.set_sform(sform, s if sform is not None else 0)
    image.set_qform(qform, q if qform is not None else 0)
    image.header.set_xyzt_units("mm")
    return bytearray(image.to_bytes())


def read(folder: Path, raw: bytes):
    path = folder / "a.nii"
    path.write_bytes(raw)
    return read_nifti(path)


@pytest.mark.parametrize("squares", [1.0000005, 1.0002, 1.004])
def test_a_turn_that_is_too_long_by_its_rounding_is_that_turn(
    tmp_path: Path, squares: float
) -> None:
    """(0, 0, 1) is half a turn about the third axis; ITK too makes the numbers as long as 1."""
    raw = raw_of(None, STRAIGHT)
    assert struct.unpack_from("<3f", raw, 256) == (0, 0, 1)
    struct.pack_into("<f", raw, 264, np.sqrt(squares))
    volume = read(tmp_path, raw)
    np.testing.assert_allclose(volume.affine, STRAIGHT, rtol=0, atol=1e-6)
    assert volume.oriented and volume.note is None


def test_a_turn_that_is_none_is_damage(tmp_path: Path) -> None:
    raw = raw_of(None, STRAIGHT)
    struct.pack_into("<f", raw, 264, 1.1)
    with pytest.raises(GeometryError, match="turn in its qform is none"):
        read(tmp_path, raw)


def test_an_empty_sform_gives_way_to_the_qform(tmp_path: Path) -> None:
    raw = raw_of(None, oblique_affine())
    struct.pack_into("<h", raw, 254, 2)
    volume = read(tmp_path, raw)
    np.testing.assert_allclose(volume.affine, oblique_affine(), rtol=0, atol=1e-5)
    assert volume.oriented
    assert volume.note == "The file's first position (its sform) is empty: its qform was taken."


@pytest.mark.parametrize(
    ("row", "code"), [((0, 0, 0, 0), 1), ((0, 0, 0, 7), 2), ((0.9, 0, 0, 0), 4)]
)
def test_an_sform_without_a_size_gives_way_to_the_qform(
    tmp_path: Path, row: tuple[float, ...], code: int
) -> None:
    """Its third row is put over: empty, an origin alone, or the first once more."""
    raw = raw_of(STRAIGHT, STRAIGHT, s=code)
    struct.pack_into("<4f", raw, 312, *row)
    volume = read(tmp_path, raw)
    np.testing.assert_allclose(volume.affine, STRAIGHT, rtol=0, atol=1e-6)
    assert volume.oriented
    assert volume.note == (
        "The file's first position (its sform) cannot be used: its qform was taken."
    )
    struct.pack_into("<f", raw, 264, 1.1)  # no sound qform either
    with pytest.raises(GeometryError, match="affine is singular"):
        read(tmp_path, raw)


def test_cifti_is_called_that(tmp_path: Path) -> None:
    axes = nib.cifti2.ScalarAxis(list("abc")), nib.cifti2.SeriesAxis(0, 1, 5)
    made = nib.Cifti2Image(np.ones((3, 5), np.float32), nib.cifti2.Cifti2Header.from_axes(axes))
    nib.save(made, tmp_path / "a.dscalar.nii")
    with pytest.raises(ImageError, match="CIFTI: values at points of the brain's surface"):
        read_nifti(tmp_path / "a.dscalar.nii")


@pytest.mark.parametrize("code", [1, 2, 3, 4])
def test_who_takes_which_of_two_positions_is_said(tmp_path: Path, code: int) -> None:
    itk = pytest.importorskip("SimpleITK")
    moved = oblique_affine(origin=(-1.5, 12.25, 80.125))
    volume = read(tmp_path, raw_of(oblique_affine(), moved, code))
    np.testing.assert_allclose(volume.affine, oblique_affine(), rtol=0, atol=1e-5)
    origin = np.array(itk.ReadImage(str(tmp_path / "a.nii")).GetOrigin()) * (-1, -1, 1)
    takes_qform = np.allclose(origin, moved[:3, 3], atol=1e-4)
    assert takes_qform == (code != 1)
    assert volume.note is not None and "30 mm apart" in volume.note
    assert ("built on ITK take the qform" in volume.note) == takes_qform


@pytest.mark.parametrize(
    ("at", "form", "value", "words"),
    [
        (40, "h", 9, "9 axes"),
        (42, "h", -6, "a size in its header is negative"),
        (70, "h", 1, "single bits"),
        (70, "h", 128, "colours"),
        (70, "h", 7777, "kind of its numbers is 7777"),
        (108, "f", 20.0, "into the header itself"),
        (108, "f", np.inf, "nowhere in it"),
        (116, "f", np.nan, "intercept is damaged"),
        (344, "4s", b"abc\0", "lacks the mark"),
    ],
)
def test_each_thing_that_is_wrong_has_words_of_its_own(
    tmp_path: Path, at: int, form: str, value: object, words: str
) -> None:
    raw = raw_of(STRAIGHT, STRAIGHT)
    struct.pack_into("<f", raw, 112, 1.0)
    struct.pack_into(f"<{form}", raw, at, value)
    with pytest.raises((ImageError, GeometryError), match=words):
        read(tmp_path, raw)


def test_a_pair_is_opened_by_its_header(tmp_path: Path) -> None:
    raw = raw_of(STRAIGHT, STRAIGHT)
    struct.pack_into("<f", raw, 108, 0.0)
    struct.pack_into("<4s", raw, 344, b"ni1\0")
    with pytest.raises(ImageError, match=r"another file \(.img\)"):
        read(tmp_path, raw)


def test_what_extensions_hold_is_no_reason_to_refuse(tmp_path: Path) -> None:
    """Of a size that is no multiple of 16, as some programs write it."""
    raw = raw_of(STRAIGHT, STRAIGHT)
    extension = struct.pack("<2i", 13, 4) + b"hello"
    raw[348:352] = b"\1\0\0\0"
    struct.pack_into("<f", raw, 108, 352.0 + len(extension))
    volume = read(tmp_path, raw[:352] + extension + raw[352:])
    np.testing.assert_array_equal(volume.data[0], noise_image(SPACE))


@pytest.mark.parametrize(("off_mm", "said"), [(0.4, True), (0.2, True), (0.05, False)])
def test_two_positions_less_than_half_a_voxel_apart_are_two(
    tmp_path: Path, off_mm: float, said: bool
) -> None:
    """ITK lays a result as much beside, and nobody is told; what a quaternion rounds is less."""
    image = nib.Nifti1Image(np.zeros((5, 4, 3), np.int16), None)
    affine = np.diag([-0.9, -0.9, 2.0, 1.0])
    image.set_qform(affine, 1)
    affine[0, 3] += off_mm
    image.set_sform(affine, 2)
    nib.save(image, tmp_path / "a.nii")
    note = read_nifti(tmp_path / "a.nii").note
    assert ("ITK take the qform" in (note or "")) == said


def test_of_what_other_programs_cannot_open_python_warns_too(tmp_path: Path) -> None:
    """Of a tilted gantry; window and command say so at the export."""
    tilted = np.diag([-0.7, -0.7, 2.3, 1.0])
    tilted[1, 2] = 0.9
    hypothesis = Hypothesis(np.eye(6, dtype=np.uint8)[..., None].repeat(5, 2), tilted, None)
    with pytest.warns(UserWarning, match=r"cannot open it.* a \.seg\.nrrd or DICOM"):
        write(hypothesis, tmp_path / "a.nii.gz")
    # pytest makes an error of any warning.
    write(hypothesis, tmp_path / "a.seg.nrrd")
    write(replace(hypothesis, affine=np.diag([-0.7, -0.7, 2.3, 1.0])), tmp_path / "b.nii.gz")
