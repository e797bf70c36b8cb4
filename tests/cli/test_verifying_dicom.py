"""``napari-ssn verify`` of DICOM segmentations, and of results of one of several series."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

import napari_ssn as ssn
from napari_ssn.cli.segmenting import segment_image
from napari_ssn.errors import GeometryError, ImageError
from napari_ssn.hooks import dicom as opening
from napari_ssn.hooks.saving import write_labels
from napari_ssn.io.dicom.naming import known_words
from napari_ssn.io.dicom.segments import label_maps
from tests.support.dicoms import make_multiframe, make_series
from tests.support.helpers import command, noise_image, oblique_affine, tiny_model
from tests.support.planted import named_in
from tests.support.segmentations import AFFINES, SOURCES, SPACE, card, complaints, maps

IMAGE = (16, 15, 8)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("models") / "tiny", 3, 3, region=(16,) * 3)


@pytest.fixture
def run(monkeypatch, capsys, model: Path):
    """Run a command; exit status, standard output and standard error."""

    def call(*args: object) -> tuple[int, str, str]:
        options = ("--model", model, "--device", "cpu")
        status, out, err = command(monkeypatch, capsys, *args, *options)
        assert not named_in((out + err).replace(str(model), ""))
        return status, out.strip(), err.strip()

    return call


@pytest.fixture(scope="module")
def made(model: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., tuple[Path, Path]]:
    """The series of `make_single` and what ``segment`` makes of it, once for all: to be copied."""

    @cache
    def make(samples: int, suffix: str) -> tuple[Path, Path]:
        folder = tmp_path_factory.mktemp("segmented")
        image, out = make_single(folder / "scan"), folder / "out"
        segment_image(image, out, str(model), count=samples, device="cpu", suffixes=(suffix,))
        return image, out

    return make


@pytest.fixture
def segmented(made: Any, tmp_path: Path, capsys: Any) -> Callable[..., tuple[Path, Path]]:
    """The series of `make_single`, and a copy of what ``segment`` makes of it."""

    def copy(samples: int, suffix: str = ".nii.gz") -> tuple[Path, Path]:
        image, out = made(samples, suffix)
        capsys.readouterr()
        return image, shutil.copytree(out, tmp_path / "out")

    return copy


def make_single(folder: Path) -> Path:
    make_series(folder, noise_image(IMAGE), oblique_affine(), signed=True, intercept=0.0)
    return folder


def make_enhanced(folder: Path) -> Path:
    folder.mkdir()
    return make_multiframe(
        folder / "a.dcm", noise_image(IMAGE), oblique_affine(), intercept=-4096.0
    )


@pytest.mark.parametrize("make", [make_single, make_enhanced])
def test_a_dicom_segmentation_is_compared_voxel_for_voxel(run, tmp_path: Path, make) -> None:
    image, out = make(tmp_path / "scan"), tmp_path / "out"
    status, _, err = run("segment", image, "--samples", 1, "--format", "dicom-seg", "--out", out)
    assert status == 0, err
    for name in ("mean", "sample_01"):
        status, said, _ = run("verify", out / f"{name}.dcm.json", "--image", image)
        assert status == 0 and said.endswith("and the file beside the sidecar is the same too.")
    # A voxel of it is changed.
    seg = pydicom.dcmread(out / "mean.dcm")
    raw = bytearray(seg.PixelData)
    raw[3] ^= 1
    seg.PixelData = bytes(raw)
    seg.save_as(out / "mean.dcm")
    status, said, _ = run("verify", out / "mean.dcm.json", "--image", image)
    assert status == 1 and "holds another label map than it was written with" in said
    # It is moved by a millimetre.
    seg = pydicom.dcmread(out / "sample_01.dcm")
    for group in seg.PerFrameFunctionalGroupsSequence:
        place = group.PlanePositionSequence[0]
        place.ImagePositionPatient = [float(v) + 1 for v in place.ImagePositionPatient]
    seg.save_as(out / "sample_01.dcm")
    status, said, _ = run("verify", out / "sample_01.dcm.json", "--image", image)
    assert status == 1 and "does not lie on its image as it should" in said


def test_the_sidecar_knows_its_series(run, tmp_path: Path) -> None:
    study, out = tmp_path / "study", tmp_path / "out"
    values = np.maximum(noise_image(IMAGE), -1000)
    make_series(study / "a", values[:, :, :5], np.diag([-1.0, -1.0, 2.0, 1.0]), seed=1)
    make_series(study / "b", values, oblique_affine(), seed=2, number=2)
    status, _, err = run("segment", study, "--samples", 0, "--series", 2, "--out", out)
    assert status == 0, err
    assert run("verify", out / "mean.json", "--image", study)[0] == 0
    assert run("verify", out / "mean.json", "--image", study, "--series", 2)[0] == 0
    # How it was acquired is checked where it is stated, which sidecars of before do not.
    whole = json.loads((out / "mean.json").read_text())
    assert whole["run"]["dicom"]["slice_thickness_mm"] == 2.5
    for thick, status, words in ((3.5, 1, "another slice thickness or kernel"), (None, 0, "")):
        whole["run"]["dicom"]["slice_thickness_mm"] = thick
        (out / "mean.json").write_text(json.dumps(whole))
        got, said, _ = run("verify", out / "mean.json", "--image", study)
        assert got == status and words in said, said
    status, _, err = run("verify", out / "mean.json", "--image", study, "--series", 1)
    assert status == 2 and "not the image of the exported result" in err
    again = ("segment", study, "--from-sidecar", out / "mean.json", "--out", tmp_path / "again")
    assert run(*again)[:2] == (0, "identical")
    make_series(study / "c", values, oblique_affine(), seed=3, number=3)
    for file in (study / "b").iterdir():
        file.unlink()
    status, _, err = run("verify", out / "mean.json", "--image", study)
    assert status == 2 and "None of these 2 DICOM series is the one" in err


@pytest.mark.parametrize("kind", SOURCES)
@pytest.mark.parametrize("name", AFFINES)
def test_label_maps_of_a_file_lie_on_the_grid_of_its_image(
    tmp_path: Path, name: str, kind: str
) -> None:
    affine, path = AFFINES[name], tmp_path / "a.dcm"
    found = maps(3, affine)
    ssn.write(found, path, model=card(), source=SOURCES[kind](tmp_path, affine))
    back = label_maps([path], affine, SPACE, 3, 2)
    np.testing.assert_array_equal(back, [one.label_map for one in found])
    with pytest.raises(ImageError, match="other segments than expected"):
        label_maps([path], affine, SPACE, 2, 2)
    elsewhere = affine.copy()
    elsewhere[:3, 3] += affine[:3, 0]  # by a whole voxel: out of the grid
    with pytest.raises(GeometryError, match="does not lie on the grid"):
        label_maps([path], elsewhere, SPACE, 3, 2)


def retold(change: Callable[[pydicom.Dataset], None], path: Path) -> None:
    seg = pydicom.dcmread(path)
    change(seg)
    seg.save_as(path)


def renamed(seg: pydicom.Dataset) -> None:
    seg.SegmentSequence[0].SegmentLabel = "liver"


def readdressed(seg: pydicom.Dataset) -> None:
    seg.PatientID = "PID-4711-2"


def referred(seg: pydicom.Dataset) -> None:
    frame = seg.PerFrameFunctionalGroupsSequence[0]
    source = frame.DerivationImageSequence[0].SourceImageSequence[0]
    source.ReferencedSOPInstanceUID = "1.2.3"


def moved(seg: pydicom.Dataset) -> None:
    for group in seg.PerFrameFunctionalGroupsSequence:
        place = group.PlanePositionSequence[0]
        place.ImagePositionPatient = [float(v) + 0.3 for v in place.ImagePositionPatient]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (renamed, "gives its labels other names"),
        (readdressed, "names another patient or study than the image"),
        (referred, "refers to other slices than the image's"),
        (moved, "does not lie on its image as it should"),
    ],
)
def test_what_a_segmentation_says_otherwise_is_found_out(
    run, segmented: Any, change: Callable[[pydicom.Dataset], None], words: str
) -> None:
    image, out = segmented(0, ".dcm")
    retold(change, out / "mean.dcm")
    status, said, _ = run("verify", out / "mean.dcm.json", "--image", image)
    assert status == 1 and words in said


def test_names_in_a_file_for_slicer_are_compared(run, tmp_path: Path) -> None:
    image, out = make_single(tmp_path / "scan"), tmp_path / "out"
    assert run("segment", image, "--samples", 0, "--format", "seg.nrrd", "--out", out)[0] == 0
    path, sidecar = out / "mean.seg.nrrd", out / "mean.seg.nrrd.json"
    assert run("verify", sidecar, "--image", image)[0] == 0
    whole = path.read_bytes()
    for old, new in (
        (b"Segment0_LabelValue:=1", b"Segment0_LabelValue:=3"),
        (b"Segment0_Name:=label 1", b"Segment0_Name:=liver"),
    ):
        assert old in whole
        path.write_bytes(whole.replace(old, new))
        status, said, _ = run("verify", sidecar, "--image", image)
        assert status == 1 and "gives its labels other names" in said


def test_a_piece_that_the_model_does_not_take_is_one_sentence(run, segmented: Any) -> None:
    image, out = segmented(0)
    record = json.loads((out / "mean.json").read_text())
    for tile, words in (([1, 1, 1], "cannot take 1 × 1 × 1 voxels"), ([16, 16], "of 3 axes")):
        record["run"]["tile"] = tile
        (out / "mean.json").write_text(json.dumps(record))
        status, said, err = run("verify", out / "mean.json", "--image", image)
        assert status == 2 and words in err and not said


def test_a_model_by_another_name_is_worth_a_word(run, segmented: Any) -> None:
    image, out = segmented(0)
    record = json.loads((out / "mean.json").read_text())
    record["model"]["name"] = "another"
    (out / "mean.json").write_text(json.dumps(record))
    status, _, err = run("verify", out / "mean.json", "--image", image)
    assert status == 0 and "calls the model another" in err


def test_with_its_sidecar_a_segmentation_opens_as_the_hypothesis_it_is(
    run, segmented: Any, tmp_path: Path
) -> None:
    image, out = segmented(1, ".dcm")
    [(data, meta, kind)] = opening.read_layers(str(out / "sample_01.dcm"))
    [(scan, where, _)] = opening.read_layers(str(image))
    assert kind == "labels" and meta["name"] == "tiny · sample 1" and data.shape == scan.shape
    assert (meta["scale"], meta["translate"]) == (where["scale"], where["translate"])
    write_labels(str(tmp_path / "again.nii.gz"), data, meta)
    assert run("verify", tmp_path / "again.json", "--image", image)[0] == 0
    # With another's sidecar it is what it is by itself.
    (out / "sample_01.dcm.json").write_bytes((out / "mean.dcm.json").read_bytes())
    [(cropped, meta, _)] = opening.read_layers(str(out / "sample_01.dcm"))
    assert meta["name"] == "label 1 + label 2" and cropped.shape[1:] == scan.shape[1:]


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("sample_01", {"seed": 4}, "another seed or number"),
        ("sample_01", {"sample": 2}, "another seed or number"),
        ("sample_01", {"sample": 10**9}, "another seed or number"),
        ("sample_01", {"seed": 10**40}, "another seed or number"),
        ("sample_01", {"kind": "mean", "seed": None, "sample": None}, "calls a mean"),
    ],
)
def test_a_draw_is_the_one_that_the_sidecar_names(run, segmented: Any, name, change, words) -> None:
    image, out = segmented(1)
    assert run("verify", out / f"{name}.json", "--image", image)[0] == 0
    record = json.loads((out / f"{name}.json").read_text())
    record["choice"] |= change
    (out / f"{name}.json").write_text(json.dumps(record))
    status, said, _ = run("verify", out / f"{name}.json", "--image", image)
    assert status == 1 and words in said


def resaid(path: Path, change: Callable[[pydicom.Dataset], None]) -> bytes:
    """Change what a DICOM file says; what it said."""
    before, seg = path.read_bytes(), pydicom.dcmread(path)
    change(seg)
    seg.save_as(path)
    return before


def larger(report: pydicom.Dataset) -> None:
    """Say of the first size that it is larger."""
    groups = report.ContentSequence[-2].ContentSequence
    number = next(item for item in groups[0].ContentSequence if item.ValueType == "NUM")
    value = number.MeasuredValueSequence[0]
    value.FloatingPointValue *= 1.1
    value.NumericValue = f"{value.FloatingPointValue:.8g}"


def test_a_report_is_compared_number_for_number(run, tmp_path: Path) -> None:
    image, out = make_single(tmp_path / "scan"), tmp_path / "out"
    formats = ("--format", "dicom-sr", "--format", "nifti", "--format", "dicom-seg")
    status, _, err = run("segment", image, "--samples", 1, *formats, "--out", out)
    assert status == 0 and "Wrote 2 label maps in 3 formats with sidecars" in err, err
    names = ("mean", "sample_01")
    kinds = (".nii.gz", ".json", ".dcm", ".dcm.json", ".sr.dcm", ".sr.dcm.json")
    wanted = {f"{name}{kind}" for name in names for kind in kinds}
    assert {path.name for path in out.iterdir()} == {*wanted, "volumes.csv"}
    report, said = out / "mean.sr.dcm", (out / "mean.sr.dcm.json", "--image", image)
    for sidecar in (said[0], out / "mean.dcm.json", out / "mean.json"):
        status, words, _ = run("verify", sidecar, *said[1:])
        assert status == 0 and words.startswith("Identical"), words
    before = resaid(report, larger)
    status, words, _ = run("verify", *said)
    assert status == 1 and "states other sizes, ranges or certainty than that" in words
    report.write_bytes(before)

    def elsewhere(dataset: pydicom.Dataset) -> None:
        dataset.PatientID = "PID-0000"

    resaid(report, elsewhere)
    status, words, _ = run("verify", *said)
    assert status == 1 and "names another patient or study than the image" in words
    # One of another hypothesis, or without its segmentation, is not the one that was written.
    report.write_bytes((out / "sample_01.sr.dcm").read_bytes())
    status, words, _ = run("verify", *said)
    assert status == 1 and "another than it was written with" in words
    (out / "mean.dcm").unlink()
    status, words, _ = run("verify", *said)
    assert status == 1 and "cannot be read as its label map" in words


def test_a_list_of_series_tells_the_files_of_one_image_apart(run, tmp_path: Path) -> None:
    """By their descriptions, which is all that an archive's list shows."""
    image, out = make_single(tmp_path / "scan"), tmp_path / "out"
    formats = ["rtstruct", "dicom-fractional", "dicom-labelmap", "dicom-sr"]
    options = [part for one in formats for part in ("--format", one)]
    status, _, err = run("segment", image, "--samples", 2, *options, "--out", out)
    assert status == 0, err
    words = {path.name: known_words(pydicom.dcmread(path)) for path in out.glob("*.dcm")}
    assert words["sample_02.dcm"] == ["segmentation", "sample-2"]
    assert words["mean.dcm"] == ["segmentation", "mean"]
    assert words["mean.labelmap.dcm"] == ["segmentation", "label-map", "mean"]
    assert words["probability.fractional.dcm"] == ["segmentation", "probabilities"]
    assert words["sample_01.rtstruct.dcm"] == ["contours", "sample-1"]
    assert words["sample_01.sr.dcm"] == ["measurements", "sample-1"]
    assert len(set(map(tuple, words.values()))) == len(words) == 13


def test_contours_are_compared_and_a_map_of_probabilities_is_written_once(
    run, tmp_path: Path
) -> None:
    image, out = make_single(tmp_path / "scan"), tmp_path / "out"
    formats = ("--format", "rtstruct", "--format", "dicom-pm")
    one = tmp_path / "one"
    status, _, err = run("segment", image, "--samples", 0, *formats, "--out", one)
    words = "Wrote 1 label map with its sidecar, the probability map with its sidecar, and volumes"
    assert status == 0 and words in err, err
    formats = (*formats, "--format", "dicom-fractional")
    status, _, err = run("segment", image, "--samples", 0, *formats, "--out", out)
    words = "with its sidecar, the probability map in 2 formats with sidecars, and volumes"
    assert status == 0 and words in err, err
    kinds = ("mean.rtstruct.dcm", "probability.pm.dcm", "probability.fractional.dcm")
    assert complaints(out / kinds[2]) == []
    assert pydicom.dcmread(out / kinds[2]).SegmentationType == "FRACTIONAL"
    # Both say the same of each voxel, as finely as either can.
    floats, steps = (opening.read_layers(str(out / kind))[-1][0] for kind in kinds[1:])
    np.testing.assert_allclose(steps, floats, atol=0.5 / 255 + 1e-6)
    assert {path.name for path in out.iterdir()} == {
        *(f"{kind}{end}" for kind in kinds for end in ("", ".json")), "volumes.csv"
    }  # fmt: skip
    contours, said = out / kinds[0], (out / f"{kinds[0]}.json", "--image", image)
    status, words, err = run("verify", *said)
    assert status == 0 and words.startswith("Identical"), words
    assert "not checked: created, software, the inner, median and outer contours" in err
    names = [str(one.ROIName) for one in pydicom.dcmread(contours).StructureSetROISequence]
    assert names[2:5] == [f"{names[0]}, {what}" for what in (
        "inner (95 %)", "median (50 %)", "outer (5 %)"
    )]  # fmt: skip

    told = [one.get("ROIDescription") for one in pydicom.dcmread(contours).StructureSetROISequence]
    assert told[0] is None and told[2].startswith("Inside at least 95 % of the model's outlines")
    assert "hypotheses that outline nothing are left out" in told[4]

    def wider(dataset: pydicom.Dataset) -> None:
        contour = dataset.ROIContourSequence[0].ContourSequence[0]
        points = np.array(contour.ContourData, np.float64).reshape(-1, 3)
        moved = points.mean(0) + 3 * (points - points.mean(0))
        contour.ContourData = [f"{value:.4f}" for value in moved.ravel()]

    before = resaid(contours, wider)
    status, words, _ = run("verify", *said)
    assert status == 1 and "the file beside the sidecar" in words
    contours.write_bytes(before)

    def fewer(dataset: pydicom.Dataset) -> None:
        del dataset.ROIContourSequence[0].ContourSequence[0]

    resaid(contours, fewer)
    status, words, _ = run("verify", *said)
    assert status == 1 and "holds another label map than it was written with" in words
