"""DICOM segmentations of others that lack or contradict something, and what ours leave out."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path

import highdicom
import numpy as np
import pytest
from pydicom import Dataset, dcmread, dcmwrite
from pydicom.datadict import dictionary_VR, tag_for_keyword
from pydicom.dataelem import RawDataElement
from pydicom.encaps import encapsulate
from pydicom.sr.codedict import codes
from pydicom.tag import Tag
from pydicom.uid import ExplicitVRBigEndian, generate_uid

import napari_ssn as ssn
from napari_ssn.errors import GeometryError, ImageError
from napari_ssn.io.dicom.segments import WHOSE, read_dicom_seg, whose
from napari_ssn.io.dicom.series import told_of
from tests.support.dicoms import check_leaves_out, make_series, name_syntax, told
from tests.support.helpers import command, noise_image, tiny_model
from tests.support.segmentations import complaints

SPACE = (7, 6, 5)
AXIAL = np.array([[-0.7, 0, 0, 30.5], [0, -0.7, 0, 20.25], [0, 0, 2.5, -12.0], [0, 0, 0, 1]])


def values() -> np.ndarray:
    return np.maximum(noise_image(SPACE), -1000)


@pytest.fixture
def two(tmp_path: Path) -> tuple[Path, np.ndarray]:
    """A segmentation of two segments by another program; slice 2 of five is empty."""
    marks = np.random.default_rng(0).integers(0, 3, (5, 6, 7)).astype(np.uint8)
    marks[2] = 0
    return foreign(tmp_path, marks), marks.transpose(2, 1, 0)


def foreign(folder: Path, marks: np.ndarray, kind: str = "BINARY", **more: object) -> Path:
    """What another program makes of (slices, rows, columns), two segments; 42 pixels a frame."""
    paths = make_series(folder / "scan", values(), AXIAL)
    described = [
        highdicom.seg.SegmentDescription(n, name, codes.SCT.Tissue, codes.SCT.Liver, "MANUAL")
        for n, name in enumerate(("one", "two"), start=1)
    ]
    seg = highdicom.seg.Segmentation(
        source_images=[dcmread(path) for path in paths],
        pixel_array=marks,
        segmentation_type=kind,
        segment_descriptions=described[: 1 if kind == "FRACTIONAL" else 2],
        series_instance_uid=generate_uid(),
        series_number=9,
        sop_instance_uid=generate_uid(),
        instance_number=1,
        manufacturer="A",
        manufacturer_model_name="x",
        software_versions="1",
        device_serial_number="1",
        **more,
    )
    seg.save_as(folder / "seg.dcm")
    return folder / "seg.dcm"


def opened(path: Path, change: Callable[[Dataset], None]) -> tuple[np.ndarray, list[str]]:
    """Its label map, and the names of its labels."""
    seg = dcmread(path)
    change(seg)
    seg.save_as(path)
    found = read_dicom_seg(path.read_bytes())
    assert found is not None
    display, parts = found
    np.testing.assert_allclose(display.affine, AXIAL, atol=1e-6)
    [part] = parts
    return part.values, [label.name for label in part.labels.values()]


def measures(seg: Dataset) -> Dataset:
    return seg.SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]


def of_all(keyword: str, *values_: object) -> Callable[[Dataset], None]:
    def change(seg: Dataset) -> None:
        for segment, value in zip(seg.SegmentSequence, values_ * 2, strict=False):
            if value is None:
                del segment[keyword]
            else:
                setattr(segment, keyword, value)

    return change


@pytest.mark.parametrize(
    ("change", "names"),
    [
        (lambda seg: None, ["one", "two"]),
        (of_all("SegmentAlgorithmType", None), ["one", "two"]),
        (of_all("SegmentedPropertyTypeCodeSequence", None), ["one", "two"]),
        (of_all("SegmentedPropertyCategoryCodeSequence", None), ["one", "two"]),
        (of_all("SegmentLabel", None), ["segment 1", "segment 2"]),
        (of_all("SegmentLabel", "left\\upper", "a\x1b[2J\nb"), ["left\\upper", "a [2J b"]),
        (of_all("SegmentNumber", None), ["one", "two"]),
        # Colours that no screen shows: L = 0 with a and b, and the brightest of all.
        (of_all("RecommendedDisplayCIELabValue", [0, 32768, 32768], [65535] * 3), ["one", "two"]),
        (lambda seg: setattr(measures(seg), "SpacingBetweenSlices", 0), ["one", "two"]),
        (lambda seg: setattr(measures(seg), "SpacingBetweenSlices", 5), ["one", "two"]),
        (lambda seg: setattr(measures(seg), "SpacingBetweenSlices", 99), ["one", "two"]),
        # A sign that the standard allows to nuclear medicine only, and others write.
        (lambda seg: setattr(measures(seg), "SpacingBetweenSlices", -2.5), ["one", "two"]),
    ],
)
def test_what_says_nothing_of_voxels_may_lack(
    two: tuple[Path, np.ndarray], change: Callable[[Dataset], None], names: list[str]
) -> None:
    path, marks = two
    found, said = opened(path, change)
    assert said == names
    np.testing.assert_array_equal(found, marks)


def test_sparse_frames_stay_where_they_are(two: tuple[Path, np.ndarray]) -> None:
    """Slice 2 of five has no frame, and the distance of slices is the source's."""
    path, marks = two
    seg = dcmread(path)
    assert len(seg.PerFrameFunctionalGroupsSequence) == 8 and "SpacingBetweenSlices" in measures(
        seg
    )
    found, _ = opened(path, lambda seg: None)
    np.testing.assert_array_equal(found, marks)


def test_slices_lie_one_behind_the_other_in_memory(two: tuple[Path, np.ndarray]) -> None:
    """Across them a map of a whole body is five times as slow to make and to show."""
    path, marks = two
    found = read_dicom_seg(path.read_bytes())
    assert found is not None
    for part in found[1]:
        steps = np.abs(part.values.strides)
        assert (np.diff(steps) > 0).all() and part.values.shape == marks.shape


@pytest.mark.parametrize("slices", [(0, 4), (0, 1), (1, 3, 4), (3,)])
@pytest.mark.parametrize("kind", ["BINARY", "LABELMAP"])
def test_the_frames_that_there_are_lie_on_their_slices(
    tmp_path: Path, kind: str, slices: tuple[int, ...]
) -> None:
    """Only some of five slices have a frame, of which a single one tells no distance at all."""
    marks = np.random.default_rng(0).integers(1, 3, (5, 6, 7)).astype(np.uint8)
    marks[[k for k in range(5) if k not in slices]] = 0
    found = read_dicom_seg(foreign(tmp_path, marks, kind).read_bytes())
    assert found is not None
    display, [part] = found
    first, last = min(slices), max(slices)
    np.testing.assert_array_equal(part.values, marks.transpose(2, 1, 0)[:, :, first : last + 1])
    np.testing.assert_allclose(display.affine @ [0, 0, 0, 1], AXIAL @ [0, 0, first, 1], atol=1e-6)
    np.testing.assert_allclose(display.affine[:, :3], AXIAL[:, :3], atol=1e-6)


@pytest.mark.parametrize("most", [255, 200, 1])
def test_a_fraction_is_of_its_own_maximum(tmp_path: Path, most: int) -> None:
    share = np.random.default_rng(0).random((5, 6, 7))
    share[0] = 1
    seg = foreign(tmp_path, share, "FRACTIONAL", max_fractional_value=most)
    found = read_dicom_seg(seg.read_bytes())
    assert found is not None
    [part] = found[1]
    np.testing.assert_allclose(part.values, share.transpose(2, 1, 0), atol=0.5 / most + 1e-6)
    assert part.values.max() == pytest.approx(1)


def test_probabilities_below_half_a_step_are_written(tmp_path: Path) -> None:
    """There is no frame that holds anything: the file says so, and is read as nothing."""
    from napari_ssn.core.hypotheses import ProbabilityMap

    make_series(tmp_path / "scan", values(), AXIAL)
    source = ssn.read(tmp_path / "scan")
    hardly = ProbabilityMap(np.full((1, *SPACE), 0.0019, np.float32), source.affine)
    ssn.write(hardly, tmp_path / "a.dcm", source=source)
    found = read_dicom_seg((tmp_path / "a.dcm").read_bytes())
    assert found is not None and not any(part.values.any() for part in found[1])
    assert complaints(tmp_path / "a.dcm") == []


def test_a_segment_coded_as_background_is_none(two: tuple[Path, np.ndarray]) -> None:
    def background(seg: Dataset) -> None:
        code = seg.SegmentSequence[0].SegmentedPropertyTypeCodeSequence[0]
        code.CodeValue, code.CodingSchemeDesignator = "125040", "DCM"
        code.CodeMeaning = "Background"

    path, marks = two
    found, names = opened(path, background)
    assert names == ["two"]
    np.testing.assert_array_equal(found > 0, marks == 2)


@pytest.mark.parametrize("vr", ["OB", "OW"])
def test_big_endian(two: tuple[Path, np.ndarray], vr: str) -> None:
    path, marks = two
    seg = dcmread(path)
    raw = seg.PixelData
    assert len(raw) % 2 == 0
    seg.PixelData = raw if vr == "OB" else np.frombuffer(raw, "<u2").astype(">u2").tobytes()
    seg["PixelData"].VR = vr
    seg.file_meta.TransferSyntaxUID = ExplicitVRBigEndian
    dcmwrite(path, seg, implicit_vr=False, little_endian=False, enforce_file_format=True)
    found = read_dicom_seg(path.read_bytes())
    assert found is not None
    np.testing.assert_array_equal(found[1][0].values, marks)


def test_a_compression_that_is_not_read_is_named(two: tuple[Path, np.ndarray]) -> None:
    path, _ = two
    seg = dcmread(path)
    seg.PixelData = encapsulate([seg.PixelData])
    seg["PixelData"].VR = "OB"
    seg.file_meta.TransferSyntaxUID = "1.2.840.10008.1.2.4.100"
    seg.save_as(path, enforce_file_format=False)
    with pytest.raises(ImageError, match="segmentation is compressed as MPEG2"):
        read_dicom_seg(path.read_bytes())


@pytest.mark.parametrize(
    ("syntax", "words"),
    [
        ("1.2.840.10008.1.2.8.1", "encoded as Deflated Image Frame Compression, which is not"),
        ("1.2.840.10008.1.2.5", "compressed as RLE Lossless, could not be decoded: they are dam"),
        ("1.3.46.670589.33.1.4.1", "encoded as 1.3.46.670589.33.1.4.1, which is not read here"),
    ],
)
def test_a_compression_that_libraries_do_not_know_is_named(
    two: tuple[Path, np.ndarray], syntax: str, words: str
) -> None:
    path, _ = two
    name_syntax(path, syntax)
    with pytest.raises(ImageError, match=words):
        read_dicom_seg(path.read_bytes())


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (of_all("SegmentNumber", 1, 1), "has no number of its own"),
        (lambda seg: measures(seg).__setattr__("PixelSpacing", [0, 0]), "how large its pixels are"),
        (lambda seg: seg.__delitem__("SegmentSequence"), "damaged or cut off"),
        (lambda seg: measures(seg).__delitem__("PixelSpacing"), "how large its pixels are"),
    ],
)
def test_what_says_what_voxels_are_may_not(
    two: tuple[Path, np.ndarray], change: Callable[[Dataset], None], words: str
) -> None:
    with pytest.raises((ImageError, GeometryError), match=words):
        opened(two[0], change)


def test_a_fraction_of_nothing_is_refused(two: tuple[Path, np.ndarray]) -> None:
    def change(seg: Dataset) -> None:
        seg.SegmentationType, seg.MaximumFractionalValue = "FRACTIONAL", 0

    with pytest.raises(ImageError, match="Maximum Fractional Value"):
        opened(two[0], change)


# Ours.


@pytest.mark.parametrize(
    ("keyword", "text"),
    [("PatientName", b"DOE\x1b[2J"), ("PatientBirthDate", b"DOE JANE"), ("PatientID", 70 * b"7")],
)
def test_what_is_compared_is_never_quoted(tmp_path: Path, keyword: str, text: bytes) -> None:
    """A library warns of text that breaks the standard, and its warning holds that text."""
    (path, *_) = make_series(tmp_path / "scan", values(), AXIAL)
    whole = dcmread(path)
    del whole[keyword]
    tag = tag_for_keyword(keyword)
    assert tag is not None
    whole[tag] = RawDataElement(Tag(tag), dictionary_VR(tag), len(text), text, 0, False, True)
    # pytest makes an error of any warning.
    assert text.decode("latin-1")[:3] in whose(whole)[WHOSE.index(keyword)]


@pytest.mark.parametrize("deidentified", [False, True])
def test_no_more_goes_out_than_the_standard_requires(tmp_path: Path, deidentified: bool) -> None:
    make_series(tmp_path / "scan", values(), AXIAL, change=told)
    volume = ssn.read(tmp_path / "scan")
    one = ssn.Hypothesis((values() > 0).astype(np.uint8), volume.affine, None)
    ssn.write(one, tmp_path / "seg.dcm", source=volume, deidentified=deidentified)
    whole = (tmp_path / "seg.dcm").read_bytes()
    check_leaves_out(whole, deidentified)
    assert complaints(tmp_path / "seg.dcm") == []
    seg = highdicom.seg.segread(tmp_path / "seg.dcm")
    assert seg.StudyInstanceUID == volume.source.headers[0].StudyInstanceUID
    assert seg.get("PatientIdentityRemoved") == ("YES" if deidentified else None)
    # The volume still has all of its headers.
    assert volume.source.headers[0].Occupation == "juggler"


def test_what_goes_out_is_listed(tmp_path: Path) -> None:
    make_series(tmp_path, values(), AXIAL)
    series = ssn.read(tmp_path).source
    said = told_of(series)
    assert said.startswith("The DICOM files name the patient as their source does.")
    assert "birth date" in said and "referring physician" in said and "nothing else" in said
    assert "name nobody" in told_of(series.unnamed())


def test_the_command_leaves_out_whom_it_is_of(tmp_path: Path, monkeypatch, capsys) -> None:
    make_series(tmp_path / "scan", np.maximum(noise_image((22, 18, 8)), -1000), AXIAL)
    model, out = tiny_model(tmp_path / "tiny", 3, 3, region=(16,) * 3), tmp_path / "out"
    options = ("--model", model, "--device", "cpu")
    run = ("segment", tmp_path / "scan", "--samples", 0, "--out", out, *options, "--deidentified")
    assert command(monkeypatch, capsys, *run)[0] == 2
    status, _, err = command(monkeypatch, capsys, *run, "--format", "dicom-seg")
    assert status == 0 and "name nobody" in err
    assert dcmread(out / "mean.dcm").PatientName == ""
    check = ("verify", out / "mean.dcm.json", "--image", tmp_path / "scan", *options)
    status, said, _ = command(monkeypatch, capsys, *check)
    assert status == 0 and said.startswith("Identical")


@pytest.mark.parametrize("suffix", [".dcm", ".labelmap.dcm"])
def test_it_is_written_and_read_in_little_more_memory_than_its_own(
    tmp_path: Path, suffix: str
) -> None:
    affine = np.diag([-0.7, -0.7, 2.5, 1.0])
    path, peaks = tmp_path / f"a{suffix}", []
    # The first time libraries are imported.
    for slices in (2, 40):
        space = (256, 240, slices)
        make_series(tmp_path / f"{slices}", np.zeros(space), affine)
        source = ssn.read(tmp_path / f"{slices}")
        labels = np.zeros(space, np.uint8)
        labels[40:100, 50:150], labels[120:180, 50:150] = 1, 2
        hypothesis = ssn.Hypothesis(labels, source.affine, None, 3)
        tracemalloc.start()
        ssn.write(hypothesis, path, source=source, overwrite=True)
        written = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        whole = path.read_bytes()
        tracemalloc.start()
        found = read_dicom_seg(whole)
        peaks = [written, tracemalloc.get_traced_memory()[1]]
        tracemalloc.stop()
    assert found is not None
    np.testing.assert_array_equal(found[1][0].values, labels)
    # The file itself, its pixels, one segment, and the map; slices have headers as well.
    assert max(peaks) < 4.2 * labels.nbytes + (2 << 20)
