"""DICOM series become volumes at exactly the right place, or are refused by name."""

from __future__ import annotations

import os
import shutil
import sys
import time
import zipfile
import zlib
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.encaps import encapsulate
from pydicom.sequence import Sequence
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    HTJ2KLossless,
    JPEG2000Lossless,
    JPEGLSLossless,
    MediaStorageDirectoryStorage,
    RLELossless,
    SegmentationStorage,
    generate_uid,
)

import napari_ssn as ssn
from napari_ssn.errors import GeometryError, ImageError, SSNError
from napari_ssn.geometry.volume import Volume
from napari_ssn.io.dicom import DicomSeries, list_series
from tests.support.dicoms import SECRETS, make_multiframe, make_series, name_syntax
from tests.support.helpers import noise_image, oblique_affine
from tests.support.zips import WORDS, marked, zeros

SPACE = (7, 6, 5)
AXIAL = np.array([[-0.7, 0, 0, 30.5], [0, -0.7, 0, 20.25], [0, 0, 2.0, -12.0], [0, 0, 0, 1]])


def values(space: tuple[int, int, int] = SPACE) -> np.ndarray:
    return np.maximum(noise_image(space), -1000)


def same(volume: Volume, data: np.ndarray, affine: np.ndarray) -> None:
    np.testing.assert_array_equal(volume.data[0], data)
    np.testing.assert_allclose(volume.affine, affine, rtol=0, atol=1e-9)
    assert volume.oriented and volume.data.flags.c_contiguous


def refusal(path: Path, kind: type[SSNError] = GeometryError, **options: Any) -> str:
    """The sentence that reading ends in; it names neither patient nor place."""
    with pytest.raises(kind) as caught:
        ssn.read(path, **options)
    text = str(caught.value)
    assert not any(secret in text for secret in (*SECRETS, str(path)))
    assert text.endswith(".") and "\n" not in text
    return text


def zipped(folder: Path, method: int = zipfile.ZIP_DEFLATED) -> Path:
    target = folder.with_name("DOE_JANE.zip")
    with zipfile.ZipFile(target, "w", method) as archive:
        for file in folder.rglob("*"):
            archive.write(file, file.relative_to(folder))
    return target


# In.


@pytest.mark.parametrize("affine", [AXIAL, oblique_affine()], ids=["axial", "oblique"])
def test_a_folder_a_zip_and_a_file_are_the_same_volume(tmp_path: Path, affine: np.ndarray) -> None:
    paths = make_series(tmp_path / "DOE", values(), affine)
    (tmp_path / "DOE" / "notes.txt").write_text("DOE, JANE")
    for place in (tmp_path / "DOE", zipped(tmp_path / "DOE"), paths[2]):
        same(ssn.read(place), values(), affine)


@pytest.mark.parametrize("turn", range(8))
def test_every_direction_of_the_axes(tmp_path: Path, turn: int) -> None:
    """Flips of the axes; slices are put in order along the normal, whatever they came from."""
    flips = [1 - 2 * (turn >> axis & 1) for axis in range(3)]
    affine = oblique_affine() @ np.diag([*flips, 1])
    make_series(tmp_path / "s", values(), affine)
    data, expected = values(), affine
    if np.linalg.det(affine[:3, :3]) < 0:
        data = data[:, :, ::-1]
        expected = affine @ np.diag([1, 1, -1, 1])
        expected[:3, 3] += affine[:3, 2] * (SPACE[2] - 1)
    same(ssn.read(tmp_path / "s"), data, expected)


def test_the_affine_is_what_the_standard_says(tmp_path: Path) -> None:
    """Against PS3.3 C.7.6.2.1.1, written out slowly for every corner of every slice."""
    paths = make_series(tmp_path / "s", values(), oblique_affine())
    volume = ssn.read(tmp_path / "s")
    for k, path in enumerate(paths):
        header = dcmread(path)
        x = np.array(header.ImageOrientationPatient[:3], float)
        y = np.array(header.ImageOrientationPatient[3:], float)
        rows_mm, columns_mm = map(float, header.PixelSpacing)
        for i in (0, SPACE[0] - 1):
            for j in (0, SPACE[1] - 1):
                left, back, up = (
                    np.array(header.ImagePositionPatient, float)
                    + x * columns_mm * i
                    + y * rows_mm * j
                )
                found = volume.affine @ (i, j, k, 1)
                np.testing.assert_allclose(found[:3], (-left, -back, up), atol=1e-6)
                assert volume.data[0, i, j, k] == int(header.pixel_array[j, i]) - 1024


def test_highdicom_finds_the_same_order(tmp_path: Path) -> None:
    from highdicom.spatial import sort_datasets

    paths = make_series(tmp_path / "s", values(), oblique_affine())
    source = ssn.read(tmp_path / "s").source
    assert isinstance(source, DicomSeries)
    # Its axes are (slice, row, column), right-handed too: the slices run the other way.
    expected = reversed(sort_datasets([dcmread(path) for path in sorted(paths)]))
    assert [h.SOPInstanceUID for h in source.headers] == [h.SOPInstanceUID for h in expected]


def test_the_source_holds_the_headers_in_the_order_of_the_slices(tmp_path: Path) -> None:
    paths = make_series(tmp_path / "s", values(), AXIAL)
    source = ssn.read(tmp_path / "s").source
    assert isinstance(source, DicomSeries) and source.frames is None
    assert [h.SOPInstanceUID for h in source.headers] == [dcmread(p).SOPInstanceUID for p in paths]
    assert not any("PixelData" in header for header in source.headers)
    assert source.headers[0].PatientName == "DOE^JANE" and "JANE" not in repr(source)


@pytest.mark.parametrize(
    ("signed", "bits", "slope", "intercept"),
    [
        (False, 16, 1, -1024),
        (True, 16, 1, 0),
        (False, 12, 1, -1024),
        (True, 12, 1, 0),
        (False, 16, 0.5, -2000.25),
        (True, 16, 2.5, 10),
        (False, 8, 1, 0),
        (True, 8, 1, 0),
    ],
)
def test_stored_values_become_values(
    tmp_path: Path, signed: bool, bits: int, slope: float, intercept: float
) -> None:
    stored = np.arange(np.prod(SPACE)).reshape(SPACE) % (1 << (bits - 1))
    stored = stored * 7 % (1 << (bits - 1)) - (signed << (bits - 2))
    data = (stored * slope + intercept).astype(np.float32)

    def dirty(k: int, dataset: Dataset) -> None:
        # As old scanners did: an overlay drawn in the bits that are not used.
        if 8 < bits < 16:
            pixels = np.frombuffer(dataset.PixelData, np.uint16)
            dataset.PixelData = ((pixels & ((1 << bits) - 1)) | (0xA000 if k % 2 else 0)).tobytes()

    options = {"signed": signed, "bits": bits, "slope": slope, "intercept": intercept}
    make_series(tmp_path / "s", data, AXIAL, **options, change=dirty)
    same(ssn.read(tmp_path / "s"), data, AXIAL)


def test_each_slice_has_its_own_rescale(tmp_path: Path) -> None:
    def rescale(k: int, dataset: Dataset) -> None:
        dataset.RescaleSlope, dataset.RescaleIntercept = str(k + 1), str(10 * k)

    make_series(tmp_path / "s", values(), AXIAL, intercept=-1024, change=rescale)
    expected = (values() + 1024) * np.arange(1, 6) + 10 * np.arange(5)
    np.testing.assert_array_equal(ssn.read(tmp_path / "s").data[0], expected)


def test_an_mr_without_a_rescale_is_as_it_is_stored(tmp_path: Path) -> None:
    data = np.abs(values())
    make_series(tmp_path / "s", data, AXIAL, modality="MR", intercept=0)
    same(ssn.read(tmp_path / "s"), data, AXIAL)


def test_monochrome1_changes_no_value(tmp_path: Path) -> None:
    def bright(k: int, dataset: Dataset) -> None:
        dataset.PhotometricInterpretation = "MONOCHROME1"

    make_series(tmp_path / "s", values(), AXIAL, change=bright)
    same(ssn.read(tmp_path / "s"), values(), AXIAL)


@pytest.mark.parametrize("syntax", [RLELossless, JPEGLSLossless])
@pytest.mark.parametrize("signed", [False, True])
def test_compressed_without_loss_is_the_same(tmp_path: Path, syntax: str, signed: bool) -> None:
    intercept = 0 if signed else -1024
    make_series(tmp_path / "s", values(), AXIAL, signed=signed, intercept=intercept, syntax=syntax)
    same(ssn.read(tmp_path / "s"), values(), AXIAL)


def test_jpeg_2000_without_loss_is_the_same(tmp_path: Path) -> None:
    for path in make_series(tmp_path / "s", values(), AXIAL, bits=12):
        dataset, stream = dcmread(path), BytesIO()
        picture = Image.fromarray(dataset.pixel_array)
        picture.save(stream, "JPEG2000", irreversible=False, num_resolutions=1, no_jp2=True)
        dataset.PixelData = encapsulate([stream.getvalue()])
        dataset["PixelData"].VR = "OB"
        dataset.file_meta.TransferSyntaxUID = JPEG2000Lossless
        dataset.save_as(path)
    same(ssn.read(tmp_path / "s"), values(), AXIAL)


def test_big_endian_is_the_same(tmp_path: Path) -> None:
    for path in make_series(tmp_path / "s", values(), AXIAL):
        dataset = dcmread(path)
        dataset.PixelData = np.frombuffer(dataset.PixelData, "<u2").astype(">u2").tobytes()
        dataset.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
        dcmwrite(path, dataset, little_endian=False, implicit_vr=False, enforce_file_format=True)
    same(ssn.read(tmp_path / "s"), values(), AXIAL)


@pytest.mark.parametrize("shared", [False, True])
@pytest.mark.parametrize("modality", ["CT", "MR"])
def test_enhanced_multi_frame(tmp_path: Path, modality: str, shared: bool) -> None:
    order = [3, 0, 4, 1, 2]
    path = make_multiframe(
        tmp_path / "m.dcm",
        values(),
        oblique_affine(),
        modality=modality,
        order=order,
        shared_rescale=shared,
    )
    volume = ssn.read(path)
    same(volume, values(), oblique_affine())
    source = volume.source
    assert isinstance(source, DicomSeries) and len(source.headers) == 1
    # Slice k is the frame, from 1, in which it was stored.
    assert source.frames == tuple(order.index(k) + 1 for k in range(5))
    assert "PixelData" not in source.headers[0]


def test_a_long_header_is_read_to_its_end(tmp_path: Path) -> None:
    def long(dataset: Dataset) -> None:
        dataset.add_new(0x00091010, "OB", bytes(200_000))

    path = make_multiframe(tmp_path / "m.dcm", values(), AXIAL, change=long)
    same(ssn.read(path), values(), AXIAL)


def test_a_tilted_gantry_keeps_its_shear(tmp_path: Path) -> None:
    sheared = AXIAL.copy()
    sheared[1, 2] = 0.9
    make_series(tmp_path / "s", values(), sheared)
    volume = ssn.read(tmp_path / "s")
    same(volume, values(), sheared)
    # A voxel is as large as pixel × distance of the slices, not as the way between them.
    assert abs(np.linalg.det(volume.affine[:3, :3])) == pytest.approx(0.7 * 0.7 * 2.0)


@pytest.mark.parametrize("thickness", ["3", None])
def test_a_single_slice_is_as_thick_as_it_says(tmp_path: Path, thickness: str | None) -> None:
    def thick(k: int, dataset: Dataset) -> None:
        dataset.SliceThickness = thickness

    make_series(tmp_path / "s", values((7, 6, 1)), AXIAL, change=thick)
    volume = ssn.read(tmp_path / "s")
    assert volume.space == (7, 6, 1)
    assert volume.extent == ("volume" if thickness else "plane")
    assert not thickness or volume.spacing_mm == pytest.approx((0.7, 0.7, 3))


def test_copies_of_an_instance_count_once(tmp_path: Path) -> None:
    paths = make_series(tmp_path / "s", values(), AXIAL)
    shutil.copy(paths[1], tmp_path / "s" / "copy of it")
    same(ssn.read(tmp_path / "s"), values(), AXIAL)


def test_rounded_positions_are_even_enough(tmp_path: Path) -> None:
    affine = AXIAL.copy()
    affine[2, 2] = 0.625

    def rounded(k: int, dataset: Dataset) -> None:
        x, y, z = dataset.ImagePositionPatient
        dataset.ImagePositionPatient = [x, y, round(float(z), 2)]

    make_series(tmp_path / "s", values(), affine, change=rounded)
    assert ssn.read(tmp_path / "s").spacing_mm[2] == pytest.approx(0.625)


# Several.


@pytest.fixture
def study(tmp_path: Path) -> Path:
    folder = tmp_path / "DOE"
    make_series(folder / "b", values(), AXIAL, seed=1, number=2)
    make_series(folder / "a", values((4, 4, 3)), AXIAL, seed=2, number=1, modality="MR")
    return folder


def test_several_series_are_listed_and_chosen(study: Path) -> None:
    first, second = list_series(study)
    assert (first.number, first.modality, first.size) == (1, "MR", (4, 4, 3))
    assert second.words == "CT 7 × 6 × 5 · 0.7 × 0.7 × 2 mm" and second.problem is None
    text = refusal(study, ImageError)
    assert "2 series, choose one by its number: 1: MR 4 × 4 × 3" in text and second.words in text
    same(ssn.read(study, series=2), values(), AXIAL)
    assert ssn.read(study, 1).space == (4, 4, 3)
    assert "no series 3: there are 2 series" in refusal(study, ImageError, series=3)


def test_a_file_stands_for_its_own_series(tmp_path: Path) -> None:
    paths = make_series(tmp_path / "s", values(), AXIAL, seed=1)
    for path in make_series(tmp_path / "t", values((4, 4, 3)), AXIAL, seed=2):
        path.rename(tmp_path / "s" / f"other {path.name}")
    same(ssn.read(paths[3]), values(), AXIAL)


def test_only_dicom_has_series(tmp_path: Path) -> None:
    (tmp_path / "a.nii.gz").write_bytes(b"")
    assert "Only DICOM" in refusal(tmp_path / "a.nii.gz", ImageError, series=1)


def test_what_is_no_image_is_left_out(tmp_path: Path) -> None:
    folder = tmp_path / "s"
    make_series(folder, values(), AXIAL)
    report(folder / "report.dcm", "SR")
    report(folder / "seg.dcm", "SEG", Rows=6, Columns=7)
    same(ssn.read(folder), values(), AXIAL)


def report(path: Path, modality: str, **more: Any) -> None:
    """An instance without pixels of the patient, made of another one's header."""
    [made] = make_series(path.parent / "made", values((2, 2, 1)), AXIAL, seed=99)
    dataset = dcmread(made)
    shutil.rmtree(path.parent / "made")
    for keyword in ("PixelData", "Rows", "Columns", "ImagePositionPatient"):
        del dataset[keyword]
    dataset.Modality = modality
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = SegmentationStorage
    dataset.SeriesInstanceUID = generate_uid()
    for keyword, value in more.items():
        setattr(dataset, keyword, value)
    path.parent.mkdir(exist_ok=True)
    dataset.save_as(path, enforce_file_format=True)


def test_a_folder_without_images_says_what_is_in_it(tmp_path: Path) -> None:
    assert "No DICOM file" in refusal(tmp_path, ImageError)
    report(tmp_path / "s" / "1", "SR")
    report(tmp_path / "s" / "2", "SEG")
    report(tmp_path / "s" / "3", "SEG")
    assert "only 2 SEG, 1 SR" in refusal(tmp_path / "s", ImageError)
    assert "only 1 SR" in refusal(tmp_path / "s" / "1", ImageError)


def test_an_index_stands_for_its_folder(tmp_path: Path) -> None:
    make_series(tmp_path / "disc" / "A0", values(), AXIAL)
    [index] = make_series(tmp_path / "made", values((2, 2, 1)), AXIAL)
    dataset = dcmread(index)
    for keyword in ("PixelData", "Rows", "Columns", "Modality", "SeriesInstanceUID"):
        del dataset[keyword]
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = MediaStorageDirectoryStorage
    dataset.save_as(tmp_path / "disc" / "DICOMDIR", enforce_file_format=True)
    same(ssn.read(tmp_path / "disc" / "DICOMDIR"), values(), AXIAL)
    same(ssn.read(tmp_path / "disc"), values(), AXIAL)
    shutil.rmtree(tmp_path / "disc" / "A0")
    assert "index of DICOM files" in refusal(tmp_path / "disc", ImageError)


# Refused.


def moved(**places: tuple[float, float, float]) -> Any:
    """Change that moves slices, ``s3=(0, 0, 1)`` the one of index 3, mm in DICOM's axes."""

    def change(k: int, dataset: Dataset) -> None:
        by = places.get(f"s{k}", (0, 0, 0))
        position = np.array(dataset.ImagePositionPatient, float) + by
        dataset.ImagePositionPatient = [float(x) for x in position]

    return change


def test_a_missing_slice_is_named_with_its_gap(tmp_path: Path) -> None:
    paths = make_series(tmp_path / "s", values(), AXIAL)
    paths[2].unlink()
    assert refusal(tmp_path / "s") == (
        "1 slice is missing after slice 2: a gap of 4 mm, where others are 2 mm apart."
    )
    # Of two gaps the smaller is the usual one.
    paths[1].unlink()
    assert refusal(tmp_path / "s").startswith("2 slices are missing after slice 1: a gap of 6 mm")


def test_several_gaps_are_named(tmp_path: Path) -> None:
    paths = make_series(tmp_path / "s", values((4, 4, 12)), AXIAL)
    for k in (2, 6, 7):
        paths[k].unlink()
    text = refusal(tmp_path / "s")
    assert text.startswith("3 slices are missing: 1 after slice 2, 2 after slice 5; the widest")


@pytest.mark.parametrize(
    ("places", "words"),
    [
        ({"s2": (0, 0, 0.7)}, "slices 2 and 3 are 2.7 mm apart and most others 2 mm"),
        ({"s1": (0, 0, -2)}, "Slices 1 and 2 lie at the same place"),
        ({"s3": (5, 0, 0)}, "do not lie in line: slice 4 is 5 mm away"),
        ({"s0": (np.nan, 0, 0)}, "not a finite number"),
    ],
)
def test_slices_out_of_order_are_named(tmp_path: Path, places: dict, words: str) -> None:
    make_series(tmp_path / "s", values(), AXIAL, change=moved(**places))
    assert words in refusal(tmp_path / "s")


def test_distances_that_grow_are_no_even_ones(tmp_path: Path) -> None:
    """No gap differs much from its neighbours, and the last slice is far from its place."""
    drift = {f"s{k}": (0.0, 0.0, 0.002 * k * k) for k in range(30)}
    make_series(tmp_path / "s", values((4, 4, 30)), AXIAL, change=moved(**drift))
    assert "do not lie in line" in refusal(tmp_path / "s")


def test_repeated_places_are_phases(tmp_path: Path) -> None:
    make_series(tmp_path / "s", values(), AXIAL, series="1.2.3", seed=1)
    for path in make_series(tmp_path / "t", values() + 1, AXIAL, series="1.2.3", seed=2):
        dataset = dcmread(path)
        dataset.SOPInstanceUID = generate_uid()
        dataset.save_as(tmp_path / "s" / f"second {path.name}")
    assert "2 slices at each place" in refusal(tmp_path / "s")


def test_a_scout_in_the_series_is_named(tmp_path: Path) -> None:
    def scout(k: int, dataset: Dataset) -> None:
        dataset.ImageType = ["ORIGINAL", "PRIMARY", "LOCALIZER"]

    make_series(tmp_path / "s", values(), AXIAL, series="1.2.3", seed=1)
    sagittal = AXIAL[:, [1, 2, 0, 3]] @ np.diag([1, -1, 1, 1])
    for path in make_series(
        tmp_path / "t", values((6, 5, 1)), sagittal, series="1.2.3", seed=2, change=scout
    ):
        path.rename(tmp_path / "s" / "scout")
    text = refusal(tmp_path / "s", ImageError)
    assert "2 series, choose one by its number: 1: CT 7 × 6 × 5" in text
    assert "axial; 2: CT 6 × 5 × 1" in text and text.endswith("sagittal · localizer.")
    same(ssn.read(tmp_path / "s", 1), values(), AXIAL)
    assert ssn.read(tmp_path / "s", 2).space == (6, 5, 1)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"PixelSpacing": [0.7, 0.8]}, "pixels of different sizes"),
        ({"PixelSpacing": None}, "how large their pixels are"),
        ({"ImagePositionPatient": None}, "1 of 5 images of the series do not say"),
        ({"ImageOrientationPatient": [1, 0, 0, 0.6, 0.8, 0]}, "upright"),
    ],
)
def test_one_slice_unlike_the_others_is_named(tmp_path: Path, change: dict, words: str) -> None:
    def other(k: int, dataset: Dataset) -> None:
        if k == 2:
            for keyword, value in change.items():
                setattr(dataset, keyword, value)

    make_series(tmp_path / "s", values(), AXIAL, change=other)
    assert words in refusal(tmp_path / "s")


def test_mixed_sizes_are_named(tmp_path: Path) -> None:
    make_series(tmp_path / "s", values(), AXIAL, series="1.2.3", seed=1)
    for path in make_series(tmp_path / "t", values((8, 6, 2)), AXIAL, series="1.2.3", seed=2):
        path.rename(tmp_path / "s" / f"other {path.name}")
    assert "1: CT 7 × 6 × 5" in refusal(tmp_path / "s", ImageError)
    assert ssn.read(tmp_path / "s", 2).space == (8, 6, 2)


def changed(**elements: Any) -> Any:
    def change(k: int, dataset: Dataset) -> None:
        for keyword, value in elements.items():
            if value is None:
                del dataset[keyword]
            else:
                setattr(dataset, keyword, value)

    return change


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"PixelData": None}, "headers without pixels"),
        ({"SamplesPerPixel": 3, "PhotometricInterpretation": "RGB"}, "colours"),
        ({"PhotometricInterpretation": "PALETTE COLOR"}, "colours"),
        ({"ModalityLUTSequence": Sequence([Dataset()])}, "Modality LUT"),
        ({"PixelData": b"\0\0"}, "cut off"),
        ({"BitsStored": 20}, "Pixels of 20 bits in 16"),
    ],
)
def test_pixels_that_are_not_read_are_named(tmp_path: Path, change: dict, words: str) -> None:
    make_series(tmp_path / "s", values(), AXIAL, change=changed(**change))
    assert words in refusal(tmp_path / "s", ImageError)


def test_pictures_without_a_place_are_named(tmp_path: Path) -> None:
    change = changed(ImagePositionPatient=None, ImageOrientationPatient=None)
    make_series(tmp_path / "s", values(), AXIAL, change=change)
    assert "do not say where in the patient each of them lies" in refusal(tmp_path / "s")
    # Where there is a volume beside them, they are left out.
    make_series(tmp_path / "s" / "t", values(), AXIAL, seed=3)
    same(ssn.read(tmp_path / "s"), values(), AXIAL)


@pytest.mark.parametrize(
    ("syntax", "name"),
    [
        (HTJ2KLossless, "High-Throughput JPEG 2000"),
        ("1.2.840.10008.1.2.4.100", "MPEG2"),
    ],
)
def test_compressions_that_are_not_read_are_named(tmp_path: Path, syntax: str, name: str) -> None:
    for path in make_series(tmp_path / "s", values(), AXIAL, syntax=RLELossless):
        dataset = dcmread(path)
        dataset.file_meta.TransferSyntaxUID = syntax
        dataset.save_as(path)
    text = refusal(tmp_path / "s", ImageError)
    assert f"compressed as {name}" in text and "uncompressed" in text


@pytest.mark.parametrize(
    ("syntax", "name"),
    [
        ("1.2.840.10008.1.2.8.1", "Deflated Image Frame Compression"),
        ("1.2.840.113619.5.2", "1.2.840.113619.5.2"),
    ],
)
@pytest.mark.parametrize("twice", [False, True])
def test_encodings_that_no_library_knows_are_named(
    tmp_path: Path, syntax: str, name: str, twice: bool
) -> None:
    for path in make_series(tmp_path / "s", values(), AXIAL):
        name_syntax(path, syntax)
        if twice:
            shutil.copy(path, path.with_suffix(".again.dcm"))
    text = refusal(tmp_path / "s", ImageError)
    assert f"encoded as {name}, which is not read here" in text and "damaged" not in text


# Damaged.


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    for name in ("DOE.dcm", "DOE.zip"):
        assert refusal(tmp_path / name, ImageError) == "The file does not exist."


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pipes of this kind")
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    make_series(tmp_path / "s", values(), AXIAL)
    os.mkfifo(tmp_path / "s" / "pipe.dcm")
    assert "no file" in refusal(tmp_path / "s" / "pipe.dcm", ImageError)
    same(ssn.read(tmp_path / "s"), values(), AXIAL)


@pytest.mark.parametrize("name", ["DOE.dcm", "DOE.zip", "DOE.ima"])
@pytest.mark.parametrize("content", [b"", b"text", bytes(200), bytes(128) + b"DICM"])
def test_a_name_does_not_make_it_dicom(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    refusal(tmp_path / name, ImageError)


def test_a_zip_that_is_locked_damaged_or_packed_otherwise_is_said(tmp_path: Path) -> None:
    make_series(tmp_path / "s", values((40, 40, 5)), AXIAL)
    path = zipped(tmp_path / "s", zipfile.ZIP_STORED)
    whole = bytearray(path.read_bytes())
    path.write_bytes(whole[: len(whole) // 2])
    assert "zip file is damaged" in refusal(path, ImageError)
    middle = bytes(whole).index(b"DICM") + 3000
    path.write_bytes(whole[:middle] + bytes([whole[middle] ^ 255]) + whole[middle + 1 :])
    assert "zip file is damaged" in refusal(path, ImageError)
    for kind, words in WORDS.items():
        path.write_bytes(whole)
        assert f"The zip file {words}" in refusal(marked(path, kind), ImageError)


def test_a_zip_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    make_series(tmp_path / "s", values(), AXIAL, change=changed(Rows=65535, Columns=65535))
    assert "cut off" in refusal(zipped(tmp_path / "s"), ImageError) or "memory" in refusal(
        zipped(tmp_path / "s"), ImageError
    )
    bomb = tmp_path / "bomb.zip"
    with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in (tmp_path / "s").iterdir():
            content = bytearray(path.read_bytes())
            archive.writestr(path.name, bytes(content))
    # The directory says that a file is a terabyte.
    raw = bytearray(bomb.read_bytes())
    at = raw.index(b"PK\x01\x02")
    raw[at + 24 : at + 28] = (0xFFFFFFF0).to_bytes(4, "little")
    bomb.write_bytes(raw)
    refusal(bomb, ImageError)


@pytest.mark.parametrize(
    ("keyword", "words"),
    [
        ("PatientID", "belong to different patients"),
        ("StudyInstanceUID", "belong to different studies"),
        ("SOPInstanceUID", "have the same number"),
    ],
)
def test_slices_that_do_not_belong_together(tmp_path: Path, keyword: str, words: str) -> None:
    paths = make_series(tmp_path, values(), AXIAL)
    first, second = dcmread(paths[0]), dcmread(paths[1])
    others = {"PatientID": "PID-4711-2", "StudyInstanceUID": "1.2.3"}
    other = others.get(keyword, first.SOPInstanceUID)
    setattr(second, keyword, other)
    second.save_as(paths[1])
    assert words in refusal(tmp_path, ImageError)


def test_a_header_that_ends_too_early_is_cut_off(tmp_path: Path) -> None:
    path = make_series(tmp_path, values(), AXIAL)[0]
    whole = path.read_bytes()
    # Behind the modality and before rows and columns.
    end = whole.index(b"\x28\x00\x10\x00US")
    for length in (end, end - 40):
        path.write_bytes(whole[:length])
        assert "holds no pixels: it is a header alone, or ends before" in refusal(path, ImageError)


def test_a_deflated_series_is_read_and_a_bomb_of_one_is_not(tmp_path: Path) -> None:
    paths = make_series(tmp_path / "s", values(), AXIAL)
    whole = ssn.read(tmp_path / "s").data
    for path in paths:
        one = dcmread(path)
        one.file_meta.TransferSyntaxUID = DeflatedExplicitVRLittleEndian
        one.save_as(path)
    np.testing.assert_array_equal(ssn.read(tmp_path / "s").data, whole)
    one.PixelData = bytes(16)
    one.save_as(paths[0])
    # 1.2 GB of zeros instead of these, which are the last of it.
    saved, size = paths[0].read_bytes(), 1144 << 20
    began = 144 + int.from_bytes(saved[140:144], "little")
    content = zlib.decompressobj(-zlib.MAX_WBITS).decompress(saved[began:])
    assert content[-28:-24] == b"\xe0\x7f\x10\x00"
    start = content[:-20] + size.to_bytes(4, "little")
    paths[0].write_bytes(saved[:began] + zeros(size, start)[10:-8])
    assert paths[0].stat().st_size < 2_000_000
    # Of this process alone: how busy the computer is has nothing to do with it.
    start = time.process_time()
    assert "unpacks to more than 1 GB" in refusal(tmp_path / "s", ImageError)
    assert time.process_time() - start < 5


@pytest.mark.parametrize("seed", range(30))
def test_damage_is_refused_or_harmless(tmp_path: Path, seed: int) -> None:
    """Bits flipped or the end cut off anywhere: read, or refused in one sentence."""
    rng = np.random.default_rng(seed)
    paths = make_series(tmp_path / "s", values(), AXIAL)
    victim = paths[int(rng.integers(len(paths)))]
    content = bytearray(victim.read_bytes())
    if seed % 3:
        for _ in range(int(rng.integers(1, 20))):
            content[int(rng.integers(len(content)))] ^= 1 << int(rng.integers(8))
    else:
        del content[int(rng.integers(132, len(content))) :]
    victim.write_bytes(content)
    said = ""
    try:
        assert ssn.read(tmp_path / "s").space[:2] == SPACE[:2]
    except SSNError as error:
        said = str(error)
    assert not any(secret in said for secret in (*SECRETS, str(tmp_path)))


@pytest.mark.parametrize("packed", [False, True])
def test_files_named_as_dicom_that_are_none_are_told_of(tmp_path: Path, packed: bool) -> None:
    # A slice at the end that lost its first bytes leaves no gap: only its name tells of it.
    paths = make_series(tmp_path / "s", values(), AXIAL)
    (tmp_path / "s" / "notes.txt").write_text("no slice")
    # macOS leaves files of the same name that hold nothing of it.
    for folder, name in (("s", f"._{paths[0].name}"), ("s/__MACOSX", paths[1].name)):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / name).write_bytes(b"\0\5\x16\7\0\2\0\0Mac OS X")
    where = zipped(tmp_path / "s") if packed else tmp_path / "s"
    assert ssn.read(where).note is None
    paths[-1].write_bytes(paths[-1].read_bytes()[7:])
    volume = ssn.read(zipped(tmp_path / "s") if packed else tmp_path / "s")
    assert volume.space[2] == values().shape[2] - 1
    assert volume.note is not None and volume.note.startswith("1 file named as DICOM is none")
