"""DICOM structured reports, read back by highdicom and dcmqi and judged by dicom3tools."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import highdicom
import numpy as np
import pydicom
import pytest
from highdicom import sr
from pydicom.sr.codedict import codes

import napari_ssn as ssn
from napari_ssn.core.hypotheses import ProbabilityMap
from napari_ssn.errors import ExportError, ImageError
from napari_ssn.io.dicom.structured import stated
from tests.support.dicoms import SECRETS, check_leaves_out, told
from tests.support.reported import described
from tests.support.segmentations import AFFINES, SOURCES, card, complaints, maps, series

# Of the range of `described`: 0.7 × 0.65 × 2.5 mm³ a voxel and so on, by the affine.
LOW, MEDIAN, HIGH = 15.0, 60.0, 105.0


def read_by_dcmqi(path: Path) -> list[dict[str, Any]]:
    """Groups of measurements as dcmqi's own reader has them."""
    out = path.with_suffix(".read.json")
    # By this Python: an environment may lie beside the one that its command was written for.
    tool = "import dcmqi, sys; sys.exit(dcmqi.tid1500reader())"
    command = [sys.executable, "-c", tool, "--inputDICOM", str(path), "--outputMetadata", str(out)]
    subprocess.run(command, check=True, capture_output=True)
    groups: list[dict[str, Any]] = json.loads(out.read_text())["Measurements"]
    return groups


@pytest.mark.parametrize("kind", SOURCES)
def test_sizes_and_ranges_come_back(tmp_path: Path, kind: str) -> None:
    affine, about = AFFINES["oblique"], card()
    ones, source, path = maps(2, affine), SOURCES[kind](tmp_path, affine), tmp_path / "a.sr.dcm"
    record = described(ones, about, readers=1, presence=0.8)
    names = ["hypothesis 1", "hypothesis 2"]
    written = ssn.write(ones, path, model=about, names=names, source=source, provenance=record)
    seg, report = tmp_path / "a.dcm", sr.srread(path)
    assert written == [path, tmp_path / "a.sr.dcm.json", seg, tmp_path / "a.dcm.json"]
    assert complaints(path, "ComprehensiveSR") == [] == complaints(seg)
    groups = report.content.get_volumetric_roi_measurement_groups()
    theirs = read_by_dcmqi(path)
    assert len(groups) == len(theirs) == 4
    voxel = abs(np.linalg.det(affine)) / 1000
    sizes = [size for one in record.each() for size in one.volumes.values()]
    for number, (group, other, size) in enumerate(zip(groups, theirs, sizes, strict=True), 1):
        expected = [
            ("Volume", None, size.ml),
            ("Long axis", None, size.longest_mm),
            ("Short axis", None, size.perpendicular_mm),
            ("Volume", "Median", MEDIAN * voxel),
            ("Volume", "Lower end of 90 % adjusted range", LOW * voxel),
            ("Volume", "Upper end of 90 % adjusted range", HIGH * voxel),
            # Nothing is calibrated on diameters.
            ("Long axis", "Median", 10.0),
            ("Long axis", "Lower end of 90 % model range", 5.5),
            ("Long axis", "Upper end of 90 % model range", 14.5),
            ("Short axis", "Median", 7.0),
            ("Short axis", "Lower end of 90 % model range", 2.5),
            ("Short axis", "Upper end of 90 % model range", 11.5),
            ("Certainty of Finding", None, 80.0),
        ]
        found = [
            (m.name.meaning, m.derivation and m.derivation.meaning, m.value)
            for m in group.get_measurements()
        ]
        assert [one[:2] for one in found] == [one[:2] for one in expected]
        np.testing.assert_allclose([v for *_, v in found], [v for *_, v in expected], rtol=1e-12)
        items = [
            (
                one["quantity"]["CodeMeaning"],
                one.get("derivationModifier", {}).get("CodeMeaning"),
                float(one["value"]),
            )
            for one in other["measurementItems"]
        ]
        assert [one[:2] for one in items] == [one[:2] for one in expected]
        np.testing.assert_allclose([v for *_, v in items], [v for *_, v in expected], rtol=1e-9)
        assert other["measurementAlgorithmIdentification"] == {
            "AlgorithmName": about.name,
            "AlgorithmVersion": about.version,
            "AlgorithmParameters": [f"weights_sha256={about.weights_sha256}"],
        }
        assert group.referenced_segment.referenced_segment_numbers == [number]
        assert other["ReferencedSegment"] == number
        header = source.headers[0]
        assert other["SourceSeriesForImageSegmentation"] == header.SeriesInstanceUID
    uid = pydicom.dcmread(seg).SOPInstanceUID
    assert {str(g.referenced_segment.referenced_sop_instance_uid) for g in groups} == {uid}
    instances = {str(one.SOPInstanceUID) for one in source.headers}
    evidence = {str(one[2]) for one in report.get_evidence()}
    # Of slices with nothing on them nothing is said.
    assert uid in evidence and evidence - {uid} <= instances and len(evidence) > 1
    words = [str(item.TextValue) for item in report.ContentSequence if item.ValueType == "TEXT"]
    assert words[-1] == "Research use only - not a medical device."
    # What the sidecar names.
    for file, refers_to in ((path, uid), (seg, None)):
        header = pydicom.dcmread(file)
        assert json.loads((tmp_path / f"{file.name}.json").read_text())["written"] == {
            "sop_class_uid": header.SOPClassUID,
            "sop_instance_uid": header.SOPInstanceUID,
            "refers_to": refers_to,
        }


@pytest.mark.parametrize(("readers", "kind"), [(0, "model"), (1, "adjusted"), (4, "calibrated")])
def test_a_range_says_whose_it_is(tmp_path: Path, readers: int, kind: str) -> None:
    affine, about = AFFINES["straight"], card()
    one = maps(1, affine)[0]
    record = described([one], about, readers=readers)
    path = tmp_path / "a.sr.dcm"
    ssn.write(one, path, model=about, source=series(tmp_path, affine), provenance=record)
    found = stated(path).measured
    assert [m.spread.kind for m in found if m.spread] == [kind, kind]
    assert [[s.kind for s in m.spans if s] for m in found] == [["model", "model"]] * 2
    # Where the model does not tell presence apart there is nothing to say of it.
    assert [m.presence for m in found] == [None, None]


def test_an_empty_label_and_a_slice_are_what_they_are(tmp_path: Path) -> None:
    affine, about = AFFINES["straight"], card()
    labels = maps(1, affine)[0].label_map
    labels[labels == 2] = 0
    one = ssn.Hypothesis(labels, affine, None, 3)
    record = described([one], about)
    areas = {
        name: size.model_copy(update={"ml": None, "mm2": 0.375 * size.voxels, "unit": "mm2"})
        for name, size in record.volumes.items()
    }
    record = record.model_copy(update={"volumes": areas})
    path = tmp_path / "a.sr.dcm"
    ssn.write(one, path, model=about, source=series(tmp_path, affine), provenance=record)
    first, second = stated(path).measured
    assert (first.unit, second.unit) == ("mm2", "mm2")
    assert first.size == 0.375 * (labels == 1).sum() and first.across is not None
    # Of a label that does not occur there are no diameters; its range is one all the same.
    assert second.size == 0 and second.across is None
    assert second.spread is not None and second.spread.high == pytest.approx(0.375 * HIGH)
    measurements = sr.srread(path).content.get_volumetric_roi_measurement_groups()[0]
    assert measurements.get_measurements(name=codes.SCT.Area)[0].unit.value == "mm2"
    assert complaints(path, "ComprehensiveSR") == []


@pytest.mark.parametrize("deidentified", [False, True])
def test_no_more_goes_out_than_the_standard_requires(tmp_path: Path, deidentified: bool) -> None:
    affine, about = AFFINES["oblique"], card()
    one, source = maps(1, affine)[0], series(tmp_path, affine, change=told)
    path = tmp_path / "a.sr.dcm"
    record = described([one], about)
    ssn.write(one, path, model=about, source=source, provenance=record, deidentified=deidentified)
    for file in (path, tmp_path / "a.dcm"):
        whole = file.read_bytes()
        check_leaves_out(whole, deidentified)
    assert complaints(path, "ComprehensiveSR") == []
    assert sr.srread(path).StudyInstanceUID == source.headers[0].StudyInstanceUID
    assert not any(secret in path.with_name("a.sr.dcm.json").read_text() for secret in SECRETS)


def test_what_a_report_cannot_be_of_is_refused(tmp_path: Path) -> None:
    affine, about = AFFINES["oblique"], card()
    one, source, path = maps(1, affine)[0], series(tmp_path, affine), tmp_path / "a.sr.dcm"
    with pytest.raises(ExportError, match="states sizes and their ranges"):
        ssn.write(one, path, model=about, source=source)
    with pytest.raises(ExportError, match="belongs to a DICOM series"):
        ssn.write(one, path, model=about, provenance=described([one], about))
    likely = ProbabilityMap(np.full((2, *one.label_map.shape), 0.5, np.float32), affine)
    with pytest.raises(ExportError, match="states sizes and their ranges"):
        ssn.write(likely, path, model=about, source=source)
    assert list(tmp_path.glob("a.*")) == []


def test_a_segmentation_that_nobody_asked_about_is_not_replaced(tmp_path: Path) -> None:
    affine, about = AFFINES["oblique"], card()
    one, source, path = maps(1, affine)[0], series(tmp_path, affine), tmp_path / "a.sr.dcm"
    record = described([one], about)
    # A segmentation of a radiologist, say.
    ssn.write(one, tmp_path / "a.dcm", model=about, source=source)
    before = (tmp_path / "a.dcm").read_bytes()
    with pytest.raises(ExportError, match="another DICOM segmentation of that name, which"):
        ssn.write(one, path, model=about, source=source, provenance=record, overwrite=True)
    assert (tmp_path / "a.dcm").read_bytes() == before and not path.exists()
    # Our own pair is, whole.
    (tmp_path / "a.dcm").unlink()
    for _ in range(2):
        ssn.write(one, path, model=about, source=source, provenance=record, overwrite=True)
    uid = highdicom.seg.segread(tmp_path / "a.dcm").SOPInstanceUID
    assert stated(path).segmentation == uid
    with pytest.raises(ExportError, match="already is a file"):
        ssn.write(one, path, model=about, source=source, provenance=record)
    # But not one of ours that was written since, and belongs to no report.
    options = {"model": about, "source": source, "provenance": record, "overwrite": True}
    ssn.write(one, tmp_path / "a.dcm", **options)
    before = (tmp_path / "a.dcm").read_bytes()
    with pytest.raises(ExportError, match="another DICOM segmentation of that name, which"):
        ssn.write(one, path, **options)
    assert (tmp_path / "a.dcm").read_bytes() == before and stated(path).segmentation == uid


def test_a_report_is_no_image_and_says_so(tmp_path: Path) -> None:
    affine, about = AFFINES["oblique"], card()
    one, path = maps(1, affine)[0], tmp_path / "a.sr.dcm"
    record = described([one], about)
    ssn.write(one, path, model=about, source=series(tmp_path, affine), provenance=record)
    with pytest.raises(ImageError, match="of DICOM there is only 1 SR"):
        ssn.read(path)
