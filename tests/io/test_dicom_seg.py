"""DICOM segmentations, read back by highdicom and judged by dicom3tools."""

import sys
from copy import deepcopy
from itertools import product
from pathlib import Path

import highdicom
import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray

import napari_ssn as ssn
from napari_ssn.core.hypotheses import Hypothesis, ProbabilityMap
from napari_ssn.errors import ExportError
from napari_ssn.geometry.volume import Volume
from napari_ssn.io.dicom.series import DicomSeries
from tests.support.dicoms import SECRETS
from tests.support.segmentations import (
    AFFINES,
    LPS,
    SOURCES,
    SPACE,
    card,
    complaints,
    image,
    maps,
    multiframe,
    series,
)


def read_back(path: Path, segment: int, affine: NDArray[np.float64]) -> NDArray[np.float64]:
    """A segment on our own grid, each voxel put where the file says that it lies."""
    volume = highdicom.seg.segread(path).get_volume(
        segment_numbers=[segment], allow_missing_positions=True
    )
    # Where each voxel of the file lies on our grid: whole numbers, or it is at a wrong place.
    to_ours = np.linalg.inv(LPS @ affine) @ volume.affine
    index = np.indices(volume.spatial_shape).reshape(3, -1)
    exact = to_ours[:3, :3] @ index + to_ours[:3, 3:]
    off_mm = affine[:3, :3] @ (exact - np.rint(exact))
    assert np.abs(off_mm).max() < 1e-6
    out = np.zeros(SPACE)
    out[tuple(np.rint(exact).astype(int))] = volume.array[..., 0].reshape(-1)
    return out


@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.parametrize("name", AFFINES)
@pytest.mark.parametrize("count", [1, 2])
def test_hypotheses_come_back_at_their_place(
    tmp_path: Path, name: str, kind: str, count: int
) -> None:
    affine = AFFINES[name]
    source, found = SOURCES[kind](tmp_path, affine), maps(count, affine)
    path = tmp_path / "out.dcm"
    ssn.write(found if count > 1 else found[0], path, model=card(), source=source)
    seg = highdicom.seg.segread(path)
    assert seg.SegmentationType == "BINARY" and seg.number_of_segments == 2 * count
    assert seg.SegmentsOverlap == ("YES" if count > 1 else "NO")
    for number, (one, label) in enumerate(product(found, (1, 2)), start=1):
        np.testing.assert_array_equal(read_back(path, number, affine), one.label_map == label)
    header = source.headers[0]
    assert seg.FrameOfReferenceUID == header.FrameOfReferenceUID
    assert seg.StudyInstanceUID == header.StudyInstanceUID
    assert seg.SeriesInstanceUID != header.SeriesInstanceUID
    assert complaints(path) == []


@pytest.mark.parametrize("kind", SOURCES)
def test_probabilities_come_back_to_a_step(tmp_path: Path, kind: str) -> None:
    affine = AFFINES["oblique"]
    values = np.random.default_rng(2).random((2, *SPACE), np.float32) / 2
    values[:, :, :, 1] = 0.001  # less than half a step: nothing
    path = tmp_path / "out.dcm"
    source = SOURCES[kind](tmp_path, affine)
    ssn.write(ProbabilityMap(values, affine), path, model=card(), source=source)
    seg = highdicom.seg.segread(path)
    assert (seg.SegmentationType, seg.SegmentationFractionalType) == ("FRACTIONAL", "PROBABILITY")
    for number in (1, 2):
        back = read_back(path, number, affine)
        np.testing.assert_allclose(back, values[number - 1], atol=0.5 / 255 + 1e-6)
        assert not back[:, :, 1].any()
    assert complaints(path) == []


@pytest.mark.parametrize("kind", SOURCES)
def test_frames_name_the_slice_they_lie_on(tmp_path: Path, kind: str) -> None:
    affine = AFFINES["reversed"]
    labels = np.zeros(SPACE, np.uint8)
    labels[1, 2, 3] = 1
    source = SOURCES[kind](tmp_path, affine)
    path = tmp_path / "out.dcm"
    ssn.write(Hypothesis(labels, affine, None), path, model=card("lidc-2d"), source=source)
    seg = pydicom.dcmread(path)
    assert seg.NumberOfFrames == 1  # empty slices are left out
    frame = seg.PerFrameFunctionalGroupsSequence[0]
    named = frame.DerivationImageSequence[0].SourceImageSequence[0]
    if source.frames is None:
        assert named.ReferencedSOPInstanceUID == source.headers[3].SOPInstanceUID
    else:
        assert named.ReferencedSOPInstanceUID == source.headers[0].SOPInstanceUID
        assert named.ReferencedFrameNumber == source.frames[3]


def test_says_what_made_it_and_what_it_is(tmp_path: Path) -> None:
    affine, about = AFFINES["straight"], card("lidc-2d")
    one = Hypothesis((maps(1, affine)[0].label_map > 1).astype(np.uint8), affine, None)
    path = tmp_path / "out.dcm"
    ssn.write(one, path, model=about, source=series(tmp_path, affine))
    segment = pydicom.dcmread(path).SegmentSequence[0]
    assert segment.SegmentAlgorithmType == "AUTOMATIC" and segment.SegmentLabel == "nodule"
    algorithm = segment.SegmentationAlgorithmIdentificationSequence[0]
    assert (algorithm.AlgorithmName, algorithm.AlgorithmVersion) == (about.name, about.version)
    assert algorithm.AlgorithmParameters == f"weights_sha256={about.weights_sha256}"
    kind = segment.SegmentedPropertyTypeCodeSequence[0]
    assert (kind.CodeValue, kind.CodingSchemeDesignator) == ("27925004", "SCT")
    assert segment.AnatomicRegionSequence[0].CodeMeaning == "Lung"
    ssn.write(
        maps(1, affine)[0], path, model=card(), source=series(tmp_path, affine), overwrite=True
    )
    first = pydicom.dcmread(path).SegmentSequence[0].SegmentedPropertyTypeCodeSequence[0]
    assert first.CodeMeaning == "Hippocampus"
    assert first.SegmentedPropertyTypeModifierCodeSequence[0].CodeMeaning == "Anterior"


@pytest.mark.parametrize("labels", [np.zeros(SPACE, np.uint8), None])
def test_without_a_model_and_without_anything_there(tmp_path: Path, labels) -> None:
    affine = AFFINES["oblique"]
    one = maps(1, affine)[0] if labels is None else Hypothesis(labels, affine, None)
    path = tmp_path / "out.dcm"
    ssn.write(one, path, source=series(tmp_path, affine))
    assert complaints(path) == []
    back = read_back(path, 1, affine)
    np.testing.assert_array_equal(back, one.label_map == 1)


def test_the_patient_is_the_sources(tmp_path: Path) -> None:
    """The standard demands it; and only what belongs to patient and study is taken over."""
    affine = AFFINES["straight"]
    path = tmp_path / "out.dcm"
    ssn.write(maps(1, affine)[0], path, model=card(), source=series(tmp_path, affine))
    seg = pydicom.dcmread(path)
    assert str(seg.PatientName) == "DOE^JANE" and seg.PatientID == "PID-4711"
    assert "JANE" not in seg.SeriesDescription
    known = [s for s in SECRETS if s.encode() in path.read_bytes()]
    assert set(known) == set(SECRETS)


def test_nothing_is_said_about_the_patient_beside_the_file(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture, recwarn
) -> None:
    """highdicom warns of names that it finds odd, and quotes them."""

    def odd(k: int, dataset: pydicom.Dataset) -> None:
        dataset.PatientName = "DOE JANE"

    affine = AFFINES["oblique"]
    empty = Hypothesis(np.zeros(SPACE, np.uint8), affine, None)
    for kind, make in SOURCES.items():
        change = odd if kind == "series" else lambda dataset: odd(0, dataset)
        ssn.write(empty, tmp_path / f"{kind}.dcm", source=make(tmp_path, affine, change=change))
        assert str(pydicom.dcmread(tmp_path / f"{kind}.dcm").PatientName) == "DOE JANE"
    out, err = capfd.readouterr()
    said = out + err + caplog.text + "".join(str(one.message) for one in recwarn)
    assert said == ""


def test_headers_of_poor_files_are_filled_in(tmp_path: Path) -> None:
    def poor(k: int, dataset: pydicom.Dataset) -> None:
        for keyword in ("PatientID", "StudyID", "AccessionNumber", "ReferringPhysicianName"):
            delattr(dataset, keyword)
        dataset.PatientSex = "U"
        dataset.SpacingBetweenSlices = "99"
        if k:  # what differs in the last digit alone
            dataset.ImageOrientationPatient[0] += 1e-9

    affine = AFFINES["oblique"]
    source = series(tmp_path, affine, change=poor)
    before = source.headers[1].to_json()
    path = tmp_path / "out.dcm"
    ssn.write(maps(1, affine)[0], path, model=card(), source=source)
    assert complaints(path) == []
    measures = pydicom.dcmread(path).SharedFunctionalGroupsSequence[0].PixelMeasuresSequence[0]
    assert float(measures.SpacingBetweenSlices) == pytest.approx(2.5)
    # The headers are the volume's: nobody may change them.
    assert source.headers[1].to_json() == before


@pytest.mark.parametrize(
    "keyword", ["ImagePositionPatient", "PixelSpacing", "StudyInstanceUID", "FrameOfReferenceUID"]
)
def test_headers_that_lack_too_much_are_one_sentence(tmp_path: Path, keyword: str) -> None:
    affine = AFFINES["oblique"]
    source = series(tmp_path, affine, change=lambda k, dataset: delattr(dataset, keyword))
    with pytest.raises(ExportError, match="headers of this DICOM series lack") as caught:
        ssn.write(maps(1, affine)[0], tmp_path / "out.dcm", model=card(), source=source)
    assert not any(secret in str(caught.value) for secret in SECRETS)
    assert caught.value.__suppress_context__ and not (tmp_path / "out.dcm").exists()


def test_needs_a_series(tmp_path: Path) -> None:
    affine = AFFINES["oblique"]
    one = maps(1, affine)[0]
    plain = Volume(image().astype(np.float32)[None], affine)
    for source in (None, plain):
        with pytest.raises(ExportError, match="belongs to a DICOM series"):
            ssn.write(one, tmp_path / "out.dcm", model=card(), source=source)
    found = Volume(plain.data, affine, source=series(tmp_path, affine))
    ssn.write(one, tmp_path / "out.dcm", model=card(), source=found)


@pytest.mark.parametrize("what", ["moved", "turned", "other space", "other frames"])
def test_of_another_series_is_refused(tmp_path: Path, what: str) -> None:
    affine = np.array(AFFINES["oblique"])
    source = multiframe(tmp_path, affine) if what == "other frames" else series(tmp_path, affine)
    labels = maps(1, affine)[0].label_map
    if what == "moved":
        affine[:3, 3] += affine[:3, 2]
    elif what == "turned":
        affine[:3, 0] *= -1
    elif what == "other space":
        labels = labels[:, :, :-1]
    else:
        source = DicomSeries(source.headers, (source.frames or ())[::-1])
    with pytest.raises(ExportError, match="does not lie on the grid"):
        ssn.write(Hypothesis(labels, affine, None, 3), tmp_path / "a.dcm", source=source)


def test_the_missing_extra_is_named(tmp_path: Path, monkeypatch) -> None:
    affine = AFFINES["oblique"]
    source = series(tmp_path, affine)
    monkeypatch.setitem(sys.modules, "highdicom", None)
    monkeypatch.delitem(sys.modules, "napari_ssn.io.dicom.segmentation", raising=False)
    with pytest.raises(ExportError, match=r'pip install "napari-ssn\[dicom\]"'):
        ssn.write(maps(1, affine)[0], tmp_path / "a.dcm", source=source)


def apart(dataset: pydicom.Dataset) -> None:
    """Say of each frame what could be said of all."""
    shared = dataset.SharedFunctionalGroupsSequence[0]
    for keyword in ("PlaneOrientationSequence", "PixelMeasuresSequence"):
        for group in dataset.PerFrameFunctionalGroupsSequence:
            setattr(group, keyword, deepcopy(getattr(shared, keyword)))
        delattr(shared, keyword)


def test_frames_that_each_say_how_they_lie(tmp_path: Path) -> None:
    affine = AFFINES["reversed"]
    source, one = multiframe(tmp_path, affine, change=apart), maps(1, affine)[0]
    path = tmp_path / "out.dcm"
    ssn.write(one, path, model=card(), source=source)
    for number in (1, 2):
        np.testing.assert_array_equal(read_back(path, number, affine), one.label_map == number)
    assert complaints(path) == []
    assert "PlaneOrientationSequence" not in source.headers[0].SharedFunctionalGroupsSequence[0]


def test_some_frames_of_an_instance_are_the_volume(tmp_path: Path) -> None:
    """A part of the frames: the others stay without segments."""
    affine = AFFINES["oblique"]
    whole, one = multiframe(tmp_path, affine), maps(1, affine)[0]
    source = DicomSeries(whole.headers, whole.frames[1:4])
    start = np.array(affine)
    start[:3, 3] += affine[:3, 2]
    part = Hypothesis(one.label_map[:, :, 1:4].copy(), start, None, 3)
    path = tmp_path / "out.dcm"
    ssn.write(part, path, model=card(), source=source)
    expected = np.zeros(SPACE)
    expected[:, :, 1:4] = part.label_map == 1
    np.testing.assert_array_equal(read_back(path, 1, affine), expected)
    assert complaints(path) == []
