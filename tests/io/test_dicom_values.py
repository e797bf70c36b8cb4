"""DICOM whose values, or the files that belong together, a reader easily gets wrong."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.data import get_testdata_file
from pydicom.sequence import Sequence
from pydicom.uid import (
    CTImageStorage,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    NuclearMedicineImageStorage,
    RLELossless,
)

import napari_ssn as ssn
from napari_ssn.errors import GeometryError, ImageError
from napari_ssn.hooks import dicom as opening
from napari_ssn.hooks import glance
from napari_ssn.io.dicom import list_series
from napari_ssn.io.dicom.members import begins_bare
from tests.support.dicoms import SECRETS, make_series
from tests.support.helpers import noise_image, oblique_affine

SPACE = (7, 6, 5)
AXIAL = np.array([[-0.7, 0, 0, 30.5], [0, -0.7, 0, 20.25], [0, 0, 2.0, -12.0], [0, 0, 0, 1]])
Change = Callable[[int, Dataset], None]


def values() -> np.ndarray:
    return np.maximum(noise_image(SPACE), -1000)


def at(k: int, **elements: Any) -> Change:
    """Set elements of slice k, or delete those that are None."""

    def change(i: int, dataset: Dataset) -> None:
        for keyword, value in elements.items() if i == k else ():
            if value is None:
                del dataset[keyword]
            else:
                setattr(dataset, keyword, value)

    return change


# Pixels.


@pytest.mark.parametrize("vr", ["OW", "OB"])
@pytest.mark.parametrize("columns", [6, 7])
def test_pixels_of_8_bits_in_big_endian_words(tmp_path: Path, vr: str, columns: int) -> None:
    data = np.arange(columns * 5 * 2).reshape(columns, 5, 2) % 251
    for path in make_series(tmp_path, data, AXIAL, bits=8, intercept=0):
        one = dcmread(path)
        raw = one.PixelData
        if vr == "OW":
            raw = np.frombuffer(raw, "<u2").astype(">u2").tobytes()
        one.PixelData = raw
        one["PixelData"].VR = vr
        one.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
        dcmwrite(path, one, implicit_vr=False, little_endian=False, enforce_file_format=True)
    np.testing.assert_array_equal(ssn.read(tmp_path).data[0], data)


@pytest.mark.parametrize(
    ("signed", "value", "limit"),
    [
        (True, -2000, None),
        # The same bits with the wrong sign, as GE writes them.
        (True, 63536, None),
        (False, 0, None),
        (False, 60000, 60010),
        (False, 60010, 60000),
    ],
)
def test_padding_is_air_in_a_ct(
    tmp_path: Path, signed: bool, value: int, limit: int | None
) -> None:
    stored = np.abs(noise_image(SPACE)).astype(np.int64) + 5
    corner = np.add.outer(np.arange(7), np.arange(6)) < 4
    inside = -2000 if signed else value

    def pad(k: int, dataset: Dataset) -> None:
        pixels = np.frombuffer(dataset.PixelData, "<i2" if signed else "<u2").reshape(6, 7).copy()
        pixels[corner.T] = inside
        dataset.PixelData = pixels.tobytes()
        vr = "US" if value > 0 or not signed else "SS"
        dataset.add_new("PixelPaddingValue", vr, value)
        if limit is not None:
            dataset.add_new("PixelPaddingRangeLimit", vr, limit)

    make_series(tmp_path, stored - 1024, AXIAL, signed=signed, change=pad)
    expected = (stored - 1024).astype(np.float32)
    expected[corner] = -1024
    np.testing.assert_array_equal(ssn.read(tmp_path).data[0], expected)


def test_padding_that_only_unused_bits_hold(tmp_path: Path) -> None:
    def pad(k: int, dataset: Dataset) -> None:
        pixels = np.frombuffer(dataset.PixelData, "<u2").copy()
        pixels[0] = 0xF830
        dataset.PixelData = pixels.tobytes()
        dataset.add_new("PixelPaddingValue", "US", 0xF830)

    data = np.abs(values())
    # 0x830, which is what its stored bits say, is a value like any other.
    data[3, 3] = 0x830 - 1024
    make_series(tmp_path, data, AXIAL, bits=12, change=pad)
    data[0, 0] = -1024
    np.testing.assert_array_equal(ssn.read(tmp_path).data[0], data)


def test_padding_of_an_mr_is_its_smallest_value(tmp_path: Path) -> None:
    data = np.abs(values()) + 40
    data[:2, :, 1] = 9999

    def pad(k: int, dataset: Dataset) -> None:
        dataset.add_new("PixelPaddingValue", "US", 9999)

    make_series(tmp_path, data, AXIAL, modality="MR", intercept=0, change=pad)
    measured = data[data != 9999].min()
    np.testing.assert_array_equal(
        ssn.read(tmp_path).data[0], np.where(data == 9999, measured, data)
    )


def test_a_highest_bit_that_programs_read_differently_is_refused(tmp_path: Path) -> None:
    make_series(tmp_path, values(), AXIAL, bits=12, change=at(0, HighBit=15))
    with pytest.raises(ImageError, match="12 bits of a pixel are used and that the highest is num"):
        ssn.read(tmp_path)


def test_jpeg_of_12_bits_is_not_called_damaged(tmp_path: Path) -> None:
    one = dcmread(str(get_testdata_file("JPGExtended.dcm", download=False)))
    one.ImagePositionPatient, one.ImageOrientationPatient = [0, 0, 0], [1, 0, 0, 0, 1, 0]
    one.PixelSpacing = [1, 1]
    one.save_as(tmp_path / "a.dcm")
    with pytest.raises(ImageError, match="compressed as JPEG Extended") as caught:
        ssn.read(tmp_path)
    assert "not read here" in str(caught.value) and "damaged" not in str(caught.value)


def test_what_a_decoder_refuses_is_named_with_its_compression(tmp_path: Path) -> None:
    for path in make_series(tmp_path, values(), AXIAL, syntax=RLELossless):
        one = dcmread(path)
        one.PixelData = one.PixelData[:16] + bytes(80) + one.PixelData[96:]
        one.save_as(path)
    with pytest.raises(ImageError, match="compressed as RLE Lossless, could not be decoded"):
        ssn.read(tmp_path)


def test_an_element_that_is_missing_is_named(tmp_path: Path) -> None:
    make_series(tmp_path, values(), AXIAL, change=at(1, BitsStored=None))
    with pytest.raises(ImageError, match="lacks BitsStored"):
        ssn.read(tmp_path)


# Files that belong together.


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"PatientID": "PID-4711-2"}, "different patients"),
        ({"PatientName": "ROE^RICHARD"}, "different patients"),
        ({"PatientBirthDate": "19510704"}, "different patients"),
        ({"PatientSex": "M"}, "different patients"),
        ({"IssuerOfPatientID": "ANOTHER"}, "different patients"),
        ({"StudyInstanceUID": "1.2.3"}, "different studies"),
        ({"Manufacturer": "ANOTHER"}, "different scanners"),
        ({"ManufacturerModelName": "OTHER"}, "different scanners"),
        ({"DeviceSerialNumber": "2"}, "different scanners"),
        ({"Modality": "MR"}, "different kinds"),
        ({"PhotometricInterpretation": "MONOCHROME1"}, "MONOCHROME1"),
        ({"RescaleType": "US"}, "different units"),
        ({"RescaleSlope": None}, "1 of 5 slices does not say how stored numbers become values"),
        ({"RescaleSlope": None, "RescaleIntercept": None}, "1 of 5 slices does not say"),
    ],
)
def test_what_must_be_the_same_is_compared(tmp_path: Path, change: dict, words: str) -> None:
    def all_of_one(k: int, dataset: Dataset) -> None:
        dataset.Manufacturer, dataset.ManufacturerModelName = "MAKER", "MODEL"
        dataset.DeviceSerialNumber, dataset.PatientSex = "1", "F"
        dataset.IssuerOfPatientID = "HOSPITAL"
        if k:  # A CT that says nothing is in HU.
            dataset.RescaleType = "HU"
        at(3, **change)(k, dataset)

    make_series(tmp_path, values(), AXIAL, change=all_of_one)
    with pytest.raises(ImageError) as caught:
        ssn.read(tmp_path)
    assert words in str(caught.value)
    assert not any(secret in str(caught.value) for secret in (*SECRETS, "ROE", "ANOTHER"))


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"PatientPosition": "FFS"}, "position of the patient"),
        ({"Laterality": "R"}, "side of the body"),
        ({"ContrastBolusAgent": "DOE"}, "contrast agent"),
        ({"BodyPartExamined": "JANE"}, "part of the body"),
        ({"SliceThickness": "7"}, "slice thickness"),
        ({"GantryDetectorTilt": "12.5"}, "tilt of the gantry"),
        ({"TemporalPositionIdentifier": "2"}, "time point"),
        ({"StudyDate": "19990101"}, "date of the study"),
        ({"StationName": "DOE"}, "station"),
        ({"InstitutionName": "DOE"}, "institution"),
        ({"SoftwareVersions": ["VA1", "2"]}, "software of the scanner"),
        ({"ProtocolName": "JANE"}, "protocol"),
        ({"PatientAge": "003Y"}, "age of the patient"),
        ({"StudyID": "7"}, "number of the study"),
        ({"AccessionNumber": "DOE"}, "accession number"),
        ({"SeriesNumber": 7}, "number of the series"),
        ({"SeriesDate": "19990101"}, "date of the series"),
        ({"SeriesDescription": "JANE"}, "description of the series"),
        ({"LossyImageCompression": "01"}, "lossy compression"),
        # Said by one and not by the others: what is not said contradicts nothing.
        ({"ManufacturerModelName": "DOE"}, "model of the scanner"),
        ({"DeviceSerialNumber": "2"}, "serial number of the scanner"),
        ({"PatientBirthDate": ""}, "birth date of the patient"),
        ({"PatientSex": None}, "sex of the patient"),
        ({"IssuerOfPatientID": "DOE"}, "issuer of the patient's number"),
    ],
)
def test_what_may_differ_in_a_series_is_told(tmp_path: Path, change: dict, name: str) -> None:
    make_series(tmp_path, values(), AXIAL, change=at(3, **change))
    volume = ssn.read(tmp_path)
    np.testing.assert_array_equal(volume.data[0], values())
    assert volume.note == (
        f"The slices differ in what one image has in common ({name}): look whether they belong "
        "together."
    )


@pytest.mark.parametrize("modality", ["CT", "MR"])
def test_a_ct_whose_slices_are_rescaled_each_in_its_way_is_told_of(
    tmp_path: Path, modality: str
) -> None:
    """Of PET and MR each slice has its own slope; of a CT one slice lay 1,024 HU higher."""
    change = at(3, RescaleIntercept="0")
    make_series(tmp_path, values(), AXIAL, modality=modality, change=change)
    volume = ssn.read(tmp_path)
    expected = values().astype(np.float32)
    expected[..., 3] += 1024
    np.testing.assert_array_equal(volume.data[0], expected)
    assert ("(how stored values become HU)" in (volume.note or "")) == (modality == "CT")
    # However the same number is written.
    thick = {"RescaleIntercept": "-1024.00", "GantryDetectorTilt": "0.0"}

    def written(k: int, dataset: Dataset) -> None:
        dataset.GantryDetectorTilt = "0"
        at(3, **thick, SliceThickness=f"{float(dataset.SliceThickness):.3f}")(k, dataset)

    make_series(tmp_path, values(), AXIAL, change=written)
    assert ssn.read(tmp_path).note is None


@pytest.mark.parametrize("modality", ["CT", "MR", "PT"])
@pytest.mark.parametrize("count", [1, 100])
def test_values_that_are_multiplied_by_nothing_are_none(
    tmp_path: Path, modality: str, count: int
) -> None:
    def lost(k: int, dataset: Dataset) -> None:
        dataset.Modality = modality
        if k < count:
            dataset.RescaleSlope = "0"

    make_series(tmp_path, values(), AXIAL, modality="MR", intercept=-1024, change=lost)
    if modality == "PT":  # a slice in which nothing was counted
        assert not (ssn.read(tmp_path).data[0, ..., 0] + 1024).any()
        return
    with pytest.raises(ImageError, match="multiplied by 0"):
        ssn.read(tmp_path)


def test_one_name_written_in_two_ways_is_one_patient(tmp_path: Path) -> None:
    make_series(tmp_path, values(), AXIAL, change=at(3, PatientName="Doe^Jane^"))
    assert ssn.read(tmp_path).space == SPACE


def test_a_ct_without_any_rescale_is_no_hu(tmp_path: Path) -> None:
    def bare(k: int, dataset: Dataset) -> None:
        del dataset.RescaleSlope, dataset.RescaleIntercept

    make_series(tmp_path, values(), AXIAL, change=bare)
    volume = ssn.read(tmp_path)
    assert volume.note is not None and "how stored values become HU" in volume.note
    np.testing.assert_array_equal(volume.data[0], values() + 1024)


def test_one_number_and_place_and_other_pixels_are_no_copy(tmp_path: Path) -> None:
    paths = make_series(tmp_path, values(), AXIAL)
    one = dcmread(paths[1])
    one.PixelData = dcmread(paths[2]).PixelData
    one.save_as(tmp_path / "other.dcm")
    with pytest.raises(GeometryError, match="Slices 2 and 3 lie at the same place"):
        ssn.read(tmp_path)
    shutil.copy(paths[1], tmp_path / "other.dcm")
    assert ssn.read(tmp_path).note == (
        "1 file that is there twice with the same pixels was left out."
    )


@pytest.mark.parametrize("syntax", [ImplicitVRLittleEndian, ExplicitVRLittleEndian])
@pytest.mark.parametrize("with_meta", [False, True])
def test_files_without_the_first_bytes_are_read(
    tmp_path: Path, syntax: str, with_meta: bool
) -> None:
    for number, path in enumerate(make_series(tmp_path, values(), AXIAL)):
        one = dcmread(path)
        one.file_meta.TransferSyntaxUID = syntax
        path.unlink()
        target = tmp_path / f"I{number}"
        if number == 0:
            one.save_as(target, enforce_file_format=True)
            continue
        one.preamble = None
        if not with_meta:
            del one.file_meta
        implicit = syntax == ImplicitVRLittleEndian
        one.save_as(target, implicit_vr=implicit, little_endian=True, enforce_file_format=False)
    for place in (tmp_path, tmp_path / "I3"):
        volume = ssn.read(place)
        np.testing.assert_array_equal(volume.data[0], values())
        assert volume.note is None
    assert glance.get_reader(str(tmp_path / "I3")) is not None
    [layer] = opening.read_layers(str(tmp_path / "I3"))
    # Two parts are an image too.
    assert layer[2:] in ((), ("image",))
    one_hypothesis = ssn.Hypothesis(np.ones(SPACE, np.uint8), volume.affine, None)
    assert ssn.write(one_hypothesis, tmp_path / "out.dcm", source=volume)


def test_bytes_of_other_files_are_no_dicom(tmp_path: Path) -> None:
    for content in (b"\x89PNG\r\n\x1a\n", bytes(200), b"II*\0\x08\0\0\0", b"\x08\0\x05\0CS" * 40):
        assert not begins_bare(content.ljust(140, b"\0"))


def test_a_file_without_suffix_that_is_none_is_told_of(tmp_path: Path) -> None:
    paths = make_series(tmp_path, values(), AXIAL)
    for number, path in enumerate(paths):
        path.rename(tmp_path / f"I{number}")
    (tmp_path / "I4").write_bytes((tmp_path / "I4").read_bytes()[9:])
    volume = ssn.read(tmp_path)
    assert volume.space[2] == 4
    assert volume.note is not None and volume.note.startswith("1 file named as DICOM is none")


def _tiles(syntax_vr: str, block: int = 0x10) -> Callable[[int, Dataset], None]:
    """Siemens' own number of tiles, of an image whose kind does not say that it has some."""

    def change(k: int, dataset: Dataset) -> None:
        dataset.add_new(0x00190000 | block, "LO", "SIEMENS MR HEADER")
        value = 36 if syntax_vr == "US" else (36).to_bytes(2, "little")
        dataset.add_new(0x0019000A | block << 8, syntax_vr, value)

    return change


@pytest.mark.parametrize(
    "change",
    [
        at(0, ImageType=["ORIGINAL", "PRIMARY", "M", "ND", "MOSAIC"]),
        at(0, ImageType=["ORIGINAL", "PRIMARY", "M", "VFRAME"]),
        _tiles("US"),
        _tiles("UN"),
        # Where another program had the first block before.
        _tiles("US", 0x11),
    ],
)
def test_a_mosaic_is_refused(tmp_path: Path, change: Callable[[int, Dataset], None]) -> None:
    make_series(tmp_path, np.abs(values())[:, :, :1], AXIAL, modality="MR", intercept=0,
                change=change)  # fmt: skip
    with pytest.raises(ImageError, match="mosaics"):
        ssn.read(tmp_path)


@pytest.mark.parametrize("how", ["no pixels", "cut off", "zeros"])
def test_a_bad_file_of_another_series_blocks_nothing(tmp_path: Path, how: str) -> None:
    make_series(tmp_path / "ct", values(), AXIAL, seed=1)
    [path] = make_series(
        tmp_path / "other", np.abs(values())[:, :, :1], AXIAL, modality="MR", intercept=0, seed=2
    )
    whole = path.read_bytes()
    if how == "no pixels":
        one = dcmread(path)
        del one.PixelData, one.Rows, one.Columns
        one.save_as(path)
    elif how == "cut off":
        path.write_bytes(whole[: whole.index(b"\x28\x00\x10\x00US")])
    else:
        path.write_bytes(bytes(128) + b"DICM" + bytes(30_000_000))
    began = time.process_time()
    for options in ({}, {"series": 1}):
        volume = ssn.read(tmp_path, **options)
        np.testing.assert_array_equal(volume.data[0], values())
        assert volume.note is not None and "left out" in volume.note
    assert len(list_series(tmp_path)) == 1
    assert time.process_time() - began < 5
    # A bad file of the series itself is another matter.
    shutil.copy(path, tmp_path / "ct" / "z.dcm")
    one = dcmread(next((tmp_path / "ct").glob("IM*")))
    del one.PixelData, one.Rows, one.Columns
    one.save_as(tmp_path / "ct" / "z.dcm")
    # A header alone need not be damaged.
    with pytest.raises(ImageError, match="holds no pixels: it is a header alone, or ends before"):
        ssn.read(tmp_path)


# Places.


@pytest.mark.parametrize("between", [0.625, 1.25, 0.3, 2.5])
def test_positions_rounded_to_a_tenth_of_a_millimetre(tmp_path: Path, between: float) -> None:
    affine = AXIAL.copy()
    affine[2, 2], affine[2, 3] = between, -133.7
    data = np.maximum(noise_image((7, 6, 40)), -1000)

    def rounded(k: int, dataset: Dataset) -> None:
        x, y, z = (float(one) for one in dataset.ImagePositionPatient)
        dataset.ImagePositionPatient = [x, y, round(z, 1)]

    paths = make_series(tmp_path / "s", data, affine, change=rounded)
    volume = ssn.read(tmp_path / "s")
    np.testing.assert_array_equal(volume.data[0], data)
    assert volume.spacing_mm[2] == pytest.approx(between, rel=0.01)
    # A result goes to DICOM and is found again on the same grid.
    labels = np.zeros(data.shape, np.uint8)
    labels[2:5, 1:4, 3:37] = 1
    one = ssn.Hypothesis(labels, volume.affine, None)
    ssn.write(one, tmp_path / "seg.dcm", source=volume)
    from napari_ssn.io.dicom.segments import label_maps

    back = label_maps([tmp_path / "seg.dcm"], volume.affine, labels.shape, 1, 1)
    np.testing.assert_array_equal(back[0], labels)
    # A slice that is missing is found out all the same.
    paths[20].unlink()
    with pytest.raises(GeometryError, match="1 slice is missing after slice 20"):
        ssn.read(tmp_path / "s")


def test_rounding_does_not_hide_an_uneven_series(tmp_path: Path) -> None:
    def uneven(k: int, dataset: Dataset) -> None:
        x, y, z = (float(one) for one in dataset.ImagePositionPatient)
        dataset.ImagePositionPatient = [x, y, round(z + (0.3 if k == 2 else 0), 1)]

    make_series(tmp_path, values(), AXIAL, change=uneven)
    with pytest.raises(GeometryError, match="not evenly spaced"):
        ssn.read(tmp_path)


# Many frames in a file that has no functional groups.


def many_frames(path: Path, data: np.ndarray, affine: np.ndarray, modality: str) -> Dataset:
    """One file of all slices, which says where the first lies."""
    made = make_series(path.parent / "made", data, affine)
    one = dcmread(made[0])
    shutil.rmtree(path.parent / "made")
    one.NumberOfFrames, one.Modality = data.shape[2], modality
    uid = CTImageStorage if modality == "CT" else NuclearMedicineImageStorage
    one.SOPClassUID = one.file_meta.MediaStorageSOPClassUID = uid
    one.PixelData = (data + 1024).transpose(2, 1, 0).astype("<u2").tobytes()
    one.PixelData += bytes(len(one.PixelData) % 2)
    return one


def right_handed(affine: np.ndarray) -> np.ndarray:
    """The same with its slices along ``across × down``."""
    out = affine.copy()
    if np.linalg.det(out) < 0:
        out[:3, 2] *= -1
    return out


@pytest.mark.parametrize("by", ["SpacingBetweenSlices", "SliceThickness"])
def test_a_dental_ct_of_many_frames(tmp_path: Path, by: str) -> None:
    affine = right_handed(oblique_affine((0.2, 0.2, 0.2)))
    one = many_frames(tmp_path / "a.dcm", values(), affine, "CT")
    one.SliceThickness = "0.2"
    if by == "SpacingBetweenSlices":
        one.SliceThickness, one.SpacingBetweenSlices = "0.4", "0.2"
    one.save_as(tmp_path / "a.dcm")
    volume = ssn.read(tmp_path / "a.dcm")
    np.testing.assert_array_equal(volume.data[0], values())
    np.testing.assert_allclose(volume.affine, affine, atol=1e-6)
    assert volume.note is not None and "on which side" in volume.note
    labels = (values() > 0).astype(np.uint8)
    hypothesis = ssn.Hypothesis(labels, volume.affine, None)
    ssn.write(hypothesis, tmp_path / "seg.dcm", source=volume)
    from napari_ssn.io.dicom.segments import label_maps

    back = label_maps([tmp_path / "seg.dcm"], volume.affine, SPACE, 1, 1)
    np.testing.assert_array_equal(back[0], labels)


@pytest.mark.parametrize("sign", [1, -1])
def test_nuclear_medicine_says_on_which_side_its_slices_are(tmp_path: Path, sign: int) -> None:
    affine = right_handed(oblique_affine())
    one = many_frames(tmp_path / "a.dcm", values(), affine, "NM")
    detector = Dataset()
    detector.ImagePositionPatient = one.ImagePositionPatient
    detector.ImageOrientationPatient = one.ImageOrientationPatient
    del one.ImagePositionPatient, one.ImageOrientationPatient
    one.DetectorInformationSequence = Sequence([detector])
    one.ImageType = ["ORIGINAL", "PRIMARY", "RECON TOMO", "EMISSION"]
    one.FrameIncrementPointer = 0x00540080
    one.SliceVector = list(range(1, SPACE[2] + 1))
    one.SpacingBetweenSlices = str(sign * 2.5)
    one.save_as(tmp_path / "a.dcm")
    volume = ssn.read(tmp_path / "a.dcm")
    assert volume.note is None
    data, expected = values(), affine
    if sign < 0:
        data = data[:, :, ::-1]
        expected = affine.copy()
        expected[:3, 3] -= 4 * affine[:3, 2]
    np.testing.assert_array_equal(volume.data[0], data)
    np.testing.assert_allclose(volume.affine, expected, atol=1e-6)


def test_a_gated_heart_is_a_volume_per_time_slot(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    first, second = (rng.integers(0, 900, SPACE).astype(np.float32) for _ in range(2))
    both = np.concatenate([first, second], axis=2)
    one = many_frames(tmp_path / "a.dcm", both, AXIAL, "NM")
    detector = Dataset()
    detector.ImagePositionPatient = one.ImagePositionPatient
    detector.ImageOrientationPatient = one.ImageOrientationPatient
    del one.ImagePositionPatient, one.ImageOrientationPatient
    one.DetectorInformationSequence = Sequence([detector])
    one.ImageType = ["ORIGINAL", "PRIMARY", "RECON GATED TOMO", "EMISSION"]
    # Heartbeats of one length, in two time slots each (PS3.3 C.8.4.8).
    one.FrameIncrementPointer = [0x00540060, 0x00540070, 0x00540080]
    one.RRIntervalVector = [1] * 2 * SPACE[2]
    one.TimeSlotVector = [1] * SPACE[2] + [2] * SPACE[2]
    one.SliceVector = 2 * list(range(1, SPACE[2] + 1))
    one.SpacingBetweenSlices = "2.0"
    one.save_as(tmp_path / "a.dcm")
    with pytest.raises(ImageError, match=r"time point 1 of 2.*time point 2 of 2"):
        ssn.read(tmp_path / "a.dcm")
    for number, data in enumerate((first, second), start=1):
        volume = ssn.read(tmp_path / "a.dcm", series=number)
        np.testing.assert_array_equal(volume.data[0], data)
        np.testing.assert_allclose(volume.affine, AXIAL, atol=1e-6)


@pytest.mark.parametrize("image_type", [["ORIGINAL", "PRIMARY", "TOMO", "EMISSION"], None])
def test_projections_and_films_are_no_slices(tmp_path: Path, image_type: list | None) -> None:
    one = many_frames(tmp_path / "a.dcm", values(), AXIAL, "NM" if image_type else "CT")
    one.SpacingBetweenSlices = "2.0"
    if image_type:
        one.ImageType = image_type
    else:
        one.FrameIncrementPointer, one.FrameTime = 0x00181063, "33"
    one.save_as(tmp_path / "a.dcm")
    # The first frame has a place, the others have none.
    words = "where in the patient each of them lies, as X-ray pictures, films, projections"
    with pytest.raises(GeometryError, match=words):
        ssn.read(tmp_path / "a.dcm")


# What is shown.


@pytest.mark.filterwarnings("ignore:Invalid value for VR CS")
@pytest.mark.parametrize("modality", ["DOE JANE", "CT\x1b[2J", "DOE"])
def test_a_modality_that_is_none_is_not_shown(tmp_path: Path, modality: str) -> None:
    make_series(tmp_path, np.abs(values()), AXIAL, modality="MR", intercept=0,
                change=lambda k, d: setattr(d, "Modality", modality))  # fmt: skip
    assert list_series(tmp_path)[0].title == "DICOM 7 × 6 × 5"
    [(_, meta, _)] = opening.read_layers(str(tmp_path))
    assert meta["name"] == "DICOM thorax · 2020-01-02 · 7 × 6 × 5"
    assert pydicom.dcmread(next(tmp_path.iterdir())).Modality == modality
