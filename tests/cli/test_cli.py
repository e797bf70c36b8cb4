import csv
import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from PIL import Image

import napari_ssn as ssn
from napari_ssn.cli.segmenting import segment_image
from napari_ssn.documents.sidecar import read_sidecar
from tests.support.dicoms import SECRETS, make_series
from tests.support.helpers import command, noise_image, oblique_affine, tiny_model

SPACE = (22, 18, 8)
# A name as hospitals give them: it must appear in no output.
NAME = "DOE_JANE"


@pytest.fixture(scope="module")
def model_3d(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny-3d"
    return tiny_model(folder, dims=3, classes=3, region=(16, 16, 16))


@pytest.fixture(scope="module")
def model_2d(tmp_path_factory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("models") / "tiny-2d", centred=True)


@pytest.fixture(scope="module")
def scan(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("images") / f"{NAME}.nii.gz"
    nib.save(nib.Nifti1Image(noise_image(SPACE), oblique_affine()), path)
    return path


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    values = noise_image((70, 60))
    values = (255 * (values - values.min()) / np.ptp(values)).astype(np.uint8)
    Image.fromarray(values).save(tmp_path / f"{NAME}.png")
    return tmp_path / f"{NAME}.png"


@pytest.fixture
def run(monkeypatch, capsys):
    """Run the command; exit status, standard output and standard error."""

    def call(*args: object) -> tuple[int, str, str]:
        status, out, err = command(monkeypatch, capsys, *args)
        assert NAME not in out + err and "Traceback" not in err
        return status, out, err

    return call


def segment(run, image: Path, model: Path, out: Path, *args: object) -> tuple[int, str, str]:
    return run("segment", image, "--model", model, "--out", out, "--device", "cpu", *args)


@pytest.mark.usefixtures("a_thousand")
def test_writes_the_mean_the_samples_and_the_volumes(run, scan, model_3d, tmp_path: Path) -> None:
    out = tmp_path / "results" / "new"
    status, text, _ = segment(run, scan, model_3d, out, "--samples", 3, "--seed", 7)
    assert status == 0
    stems = ["mean", "sample_01", "sample_02", "sample_03"]
    expected = [f"{s}{x}" for s in stems for x in (".nii.gz", ".json")] + ["volumes.csv"]
    assert sorted(p.name for p in out.iterdir()) == sorted(expected)
    dist = ssn.load_model(model_3d, "cpu").segment(ssn.read(scan))
    maps = [dist.label_map(), *dist.sample(3, seed=7)]
    assert any((maps[0] != other).any() for other in maps[1:])
    for stem, label_map in zip(stems, maps, strict=True):
        written = nib.load(out / f"{stem}.nii.gz")
        np.testing.assert_array_equal(np.asanyarray(written.dataobj), label_map)
        np.testing.assert_allclose(written.affine, nib.load(scan).affine, rtol=0, atol=1e-6)
        record = read_sidecar(out / f"{stem}.json")
        assert record.choice.kind == ("mean" if stem == "mean" else "sample")
        assert NAME not in (out / f"{stem}.json").read_text()
    with (out / "volumes.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    ranges, rows = rows[8:], rows[:8]
    assert [row["hypothesis"] for row in rows] == [s for s in stems for _ in range(2)]
    ends = ["range low", "range median", "range high"]
    assert [(row["hypothesis"], row["label"]) for row in ranges] == [
        (end, label) for label in ("label 1", "label 2") for end in ends
    ]
    voxel_ml = abs(np.linalg.det(oblique_affine()[:3, :3])) / 1000
    for row, (label_map, label) in zip(rows, [(m, c) for m in maps for c in (1, 2)], strict=True):
        assert int(row["voxels"]) == (label_map == label).sum()
        assert float(row["ml"]) == pytest.approx(int(row["voxels"]) * voxel_ml, rel=1e-6)
        assert row["mm2"] == "" and row["seed"] == ("" if row["hypothesis"] == "mean" else "7")
    line = r"Label [12]: median [\d.]+ mL · model range [\d.–]+ mL \(90 % of 1,000 hypotheses\).*"
    assert len(re.findall(f"^{line}$", text, re.MULTILINE)) == 2


@pytest.mark.usefixtures("a_thousand")
def test_the_printed_range_is_that_of_the_core(run, scan, model_3d, tmp_path: Path) -> None:
    from napari_ssn.core.measures import central_range

    _, text, _ = segment(run, scan, model_3d, tmp_path / "out", "--samples", 0)
    dist = ssn.load_model(model_3d, "cpu").segment(ssn.read(scan))
    for label, line in enumerate(text.splitlines(), start=1):
        spread = central_range(ssn.volume_distribution(dist, 1000, 0)[:, label])
        median, low, high = map(float, re.findall(r"\d+\.\d+", line)[:3])
        for printed, exact in ((median, spread.median), (low, spread.low), (high, spread.high)):
            assert printed == pytest.approx(exact, abs=0.051)


def test_writes_what_slicer_reads(run, scan, model_3d, tmp_path: Path) -> None:
    import nrrd

    out = tmp_path / "out"
    status, _, _ = segment(
        run, scan, model_3d, out, "--samples", 1, "--format", "seg.nrrd", "--report"
    )
    assert status == 0
    names = ["mean.seg.nrrd", "sample_01.seg.nrrd"]
    expected = [*names, *(f"{name}.json" for name in names), "report.html", "volumes.csv"]
    assert sorted(p.name for p in out.iterdir()) == sorted(expected)
    dist = ssn.load_model(model_3d, "cpu").segment(ssn.read(scan))
    data, header = nrrd.read(str(out / "mean.seg.nrrd"))
    np.testing.assert_array_equal(data, dist.label_map())
    assert header["Segment1_Name"] == "label 2"
    page = (out / "report.html").read_text()
    assert NAME not in page and str(tmp_path) not in page and "On show: mean" in page
    status, _, err = segment(run, scan, model_3d, out, "--samples", 0, "--report")
    assert status == 2 and "already is a file" in err  # report.html and volumes.csv


def test_a_series_goes_in_and_comes_out_as_dicom(run, model_3d, tmp_path: Path) -> None:
    import highdicom

    folder, out = tmp_path / NAME, tmp_path / "out"
    make_series(folder, noise_image(SPACE), oblique_affine(), signed=True, intercept=0.0)
    status, text, err = segment(run, folder, model_3d, out, "--samples", 1, "--format", "dicom-seg")
    assert status == 0 and "name the patient as their source does" in err
    dist = ssn.load_model(model_3d, "cpu").segment(ssn.read(folder))
    for name, label_map in (("mean", dist.label_map()), ("sample_01", dist.sample(1)[0])):
        seg = highdicom.seg.segread(out / f"{name}.dcm")
        for label in (1, 2):
            read = seg.get_volume(segment_numbers=[label], allow_missing_positions=True)
            assert read.array.sum() == (label_map == label).sum() > 0
        sidecar = (out / f"{name}.dcm.json").read_text()
        assert not any(secret in sidecar + text + err for secret in SECRETS)
        assert json.loads(sidecar)["run"]["dicom"]["slices_hmac"]
    # The sidecar makes it again, as NIfTI.
    again = tmp_path / "again.nii.gz"
    status, text, _ = run(
        "segment", folder, "--from-sidecar", out / "mean.dcm.json", "--model", model_3d,
        "--out", again, "--device", "cpu",
    )  # fmt: skip
    assert (status, text.strip()) == (0, "identical")
    np.testing.assert_array_equal(np.asanyarray(nib.load(again).dataobj), dist.label_map())


def test_one_of_several_series_is_named_by_its_number(run, model_3d, tmp_path: Path) -> None:
    study, out = tmp_path / NAME, tmp_path / "out"
    values = np.maximum(noise_image(SPACE), -1000)
    make_series(study / "a", values[:, :, :5], np.diag([-1.0, -1.0, 2.0, 1.0]), seed=1)
    make_series(study / "b", values, oblique_affine(), seed=2, number=2)
    status, _, err = segment(run, study, model_3d, out, "--samples", 0)
    assert status == 2 and "2 series, choose one by its number: 1: CT 22 × 18 × 5" in err
    assert segment(run, study, model_3d, out, "--samples", 0, "--series", 2)[0] == 0
    written = nib.load(out / "mean.nii.gz")
    np.testing.assert_allclose(written.affine, oblique_affine(), rtol=0, atol=1e-6)
    again = ("segment", study, "--out", tmp_path / "again", "--from-sidecar", out / "mean.json")
    assert run(*again, "--model", model_3d, "--series", 2)[:2] == (0, "identical\n")


def test_dicom_from_anything_else_is_refused_before_it_is_computed(
    run, scan, model_3d, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr("napari_ssn.cli.segmenting.load_model", lambda *a: pytest.fail("computed"))
    status, _, err = segment(run, scan, model_3d, tmp_path / "out", "--format", "dicom-seg")
    assert status == 2 and "belongs to a DICOM series" in err and err.count("\n") == 1
    assert not (tmp_path / "out").exists()
    status, _, err = run(
        "segment", scan, "--from-sidecar", "a.json", "--out", "b.nii", "--format", "seg.nrrd"
    )
    assert status == 2 and "no --format" in err


def test_a_picture_around_a_centre(run, picture, model_2d, tmp_path: Path) -> None:
    out = tmp_path / "out"
    status, text, _ = segment(
        run, picture, model_2d, out, "--centre", "50,20", "--samples", 1, "--overwrite"
    )
    assert status == 0 and " px" in text and "mL" not in text
    record = read_sidecar(out / "mean.json")
    assert record.run.centre == [50, 20]
    label_map = np.asanyarray(nib.load(out / "mean.nii.gz").dataobj)
    assert label_map.shape == (70, 60)
    assert label_map[34:66, 4:36].any() and not label_map[:34].any()


@pytest.fixture(scope="module")
def careful(tmp_path_factory) -> dict[str, Path]:
    """Models whose cards state an orientation and a voxel size."""
    made = {}
    for dims, orientation in ((2, "PL"), (3, "ASR")):
        folder = tiny_model(
            tmp_path_factory.mktemp("models") / f"careful-{dims}d",
            dims=dims,
            region=(16,) * dims,
            centred=dims == 2,
        )
        card = json.loads((folder / "model.json").read_text())
        card |= {"orientation": orientation, "spacing_mm": [1.0]}
        (folder / "model.json").write_text(json.dumps(card))
        made[f"{dims}d"] = folder
    return made


@pytest.mark.parametrize(
    ("kind", "options"), [("2d", ("--centre", "12,5,3", "--depth", "4")), ("3d", ())]
)
def test_reoriented_and_resampled_maps_are_made_again_bit_for_bit(
    run, scan, careful, tmp_path: Path, kind: str, options: tuple[str, ...]
) -> None:
    model, out = careful[kind], tmp_path / "out"
    assert segment(run, scan, model, out, "--samples", 1, *options)[0] == 0
    record = read_sidecar(out / "sample_01.json")
    assert record.run.tile == [16] * int(kind[0])
    assert record.run.depth_mm == (4.0 if kind == "2d" else None)
    written = np.asanyarray(nib.load(out / "mean.nii.gz").dataobj)
    assert written.shape == SPACE and written.any()
    if kind == "2d":
        # 2.5 mm from slice to slice: one to either side of the point.
        assert np.flatnonzero(written.any((0, 1))).tolist() == [2, 3, 4]
    again = ("segment", scan, "--from-sidecar", out / "sample_01.json", "--model", model)
    status, text, _ = run(*again, "--out", tmp_path / "again.nii.gz")
    assert status == 0 and text == "identical\n"
    status, _, err = run(*again, "--out", tmp_path / "again.nii.gz", "--depth", 3)
    assert status == 2 and "A sidecar says where" in " ".join(err.split())


@pytest.mark.parametrize("kind", ["2d", "3d"])
def test_what_the_window_exports_is_made_again_bit_for_bit(
    run, scan, careful, tmp_path: Path, kind: str, monkeypatch
) -> None:
    from napari_ssn.geometry.display import (
        Display,
        to_volume,
    )
    from napari_ssn.prediction.source import Source
    from tests.support.sessions import Inline, start

    volume = ssn.read(scan)
    display = Display.of(volume)
    shown = display.reorientation.apply(volume.data[0])
    session = start(Inline(), careful[kind], monkeypatch)
    session.looking = lambda: (None, None, 4)
    session.set_image(
        Source(1, volume.space, 1, volume.affine, volume.extent, volume.oriented,
               lambda: to_volume(shown, display))
    )  # fmt: skip
    if kind == "2d":
        session.place_centre((12, 5, 3))
    session.run()
    session.walk.set_sigma(0.7)
    session.files.export(tmp_path / "hypothesis.nii.gz")
    assert session.files.exported is not None, session.note
    status, text, _ = run(
        "segment", scan, "--from-sidecar", tmp_path / "hypothesis.json",
        "--model", careful[kind], "--out", tmp_path / "again.nii.gz",
    )  # fmt: skip
    assert status == 0 and text == "identical\n"
    session.close()


def test_the_same_command_gives_the_same_files(run, scan, model_3d, tmp_path: Path) -> None:
    for name in ("a", "b"):
        segment(run, scan, model_3d, tmp_path / name, "--samples", 2)
    for path in (tmp_path / "a").glob("*.nii.gz"):
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes()


@pytest.fixture(scope="module")
def results(scan, model_3d, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("results")
    segment_image(scan, out, str(model_3d), count=2, device="cpu")
    return out


@pytest.fixture
def done(results, tmp_path: Path) -> Path:
    """A folder of results, to read or to change."""
    return Path(shutil.copytree(results, tmp_path / "out"))


def again(run, scan: Path, model: Path, sidecar: Path, out: Path, *args: object):
    return run(
        "segment", "--from-sidecar", sidecar, "--image", scan, "--model", model, "--out", out, *args
    )


@pytest.mark.parametrize("name", ["mean", "sample_02"])
def test_a_sidecar_makes_its_label_map_again(
    run, done, scan, model_3d, tmp_path: Path, name: str
) -> None:
    target = tmp_path / "new" / "again.nii.gz"
    status, text, err = again(run, scan, model_3d, done / f"{name}.json", target)
    assert (status, text) == (0, "identical\n") and "another device" not in err
    assert target.read_bytes() == (done / f"{name}.nii.gz").read_bytes()
    old, new = read_sidecar(done / f"{name}.json"), read_sidecar(tmp_path / "new" / "again.json")
    assert new.model_copy(update={"created": old.created}) == old


def test_into_a_folder_it_keeps_the_name(run, done, scan, model_3d, tmp_path: Path) -> None:
    assert again(run, scan, model_3d, done / "mean.json", tmp_path / "new")[0] == 0
    assert sorted(p.name for p in (tmp_path / "new").iterdir()) == ["mean.json", "mean.nii.gz"]


def change(sidecar: Path, **parts: dict) -> None:
    record = json.loads(sidecar.read_text())
    for part, values in parts.items():
        record[part] = {**record[part], **values} if isinstance(values, dict) else values
    sidecar.write_text(json.dumps(record))


@pytest.mark.parametrize(
    ("parts", "status", "words"),
    [
        ({"run": {"image_sha256": "0" * 64}}, 2, "not the image"),
        ({"model": {"weights_sha256": "0" * 64}}, 2, "other weights"),
        ({"label_map_sha256": "0" * 64}, 1, "not identical"),
        ({"choice": {"z": [0.0] * 4}}, 2, "z has 4 numbers"),
        ({"choice": {"z": None, "kind": "edited"}}, 2, "edited by hand"),
        ({"run": {"centre": [1, 2]}}, 2, "has 2 numbers"),
        ({"run": {"centre": [500, 2, 3]}}, 2, "outside the image"),
        ({"model": "none"}, 2, "not valid at model"),
    ],
)
def test_what_does_not_match_is_said_and_nothing_written(
    run, done, scan, model_3d, tmp_path: Path, parts, status: int, words: str
) -> None:
    change(done / "mean.json", **parts)
    target = tmp_path / "again.nii.gz"
    found, out, err = again(run, scan, model_3d, done / "mean.json", target)
    assert found == status and words in out + err and not target.exists()


def test_another_device_is_said(run, done, scan, model_3d, tmp_path: Path) -> None:
    change(done / "mean.json", run={"device": "cuda", "device_title": "GPU · Example 9000"})
    args = (scan, model_3d, done / "mean.json", tmp_path / "a.nii.gz", "--device", "cpu")
    status, text, err = again(run, *args)
    assert (status, text) == (0, "identical\n")
    assert "another device (GPU · Example 9000, here CPU)" in err


def test_a_centre_beside_a_sidecar_is_refused(run, done, scan, model_3d, tmp_path: Path) -> None:
    args = (scan, model_3d, done / "mean.json", tmp_path / "a.nii.gz", "--centre", "1,2,3")
    status, _, err = again(run, *args)
    assert status == 2 and "leave out --centre" in " ".join(err.split())


def test_results_are_replaced_only_when_allowed(run, done, scan, model_3d) -> None:
    before = {p: p.stat().st_mtime_ns for p in done.iterdir()}
    status, _, err = segment(run, scan, model_3d, done, "--samples", 2)
    assert status == 2 and "already is a file" in err
    assert before == {p: p.stat().st_mtime_ns for p in done.iterdir()}
    status, _, _ = segment(run, scan, model_3d, done, "--samples", 2, "--overwrite")
    assert status == 0


def test_the_image_itself_is_never_replaced(run, scan, model_3d, tmp_path: Path) -> None:
    image = tmp_path / "mean.nii.gz"
    image.write_bytes(scan.read_bytes())
    status, _, err = segment(run, image, model_3d, tmp_path, "--samples", 0, "--overwrite")
    assert status == 2 and "would replace the image itself" in err
    assert image.read_bytes() == scan.read_bytes() and len(list(tmp_path.iterdir())) == 1


def test_a_slice_of_a_series_is_never_replaced(run, model_3d, tmp_path: Path) -> None:
    folder = tmp_path / "scan"
    paths = make_series(folder, noise_image(SPACE), oblique_affine(), signed=True, intercept=0.0)
    slice_ = paths[0].rename(folder / "mean.dcm")
    before = slice_.read_bytes()
    options = ("--samples", 0, "--format", "dicom-seg", "--overwrite")
    status, _, err = segment(run, folder, model_3d, folder, *options)
    assert status == 2 and "DICOM image of that name" in err and slice_.read_bytes() == before
    # A segmentation is.
    slice_.rename(folder / "slice.dcm")
    assert segment(run, folder, model_3d, tmp_path / "out", *options)[0] == 0
    assert segment(run, folder, model_3d, tmp_path / "out", *options)[0] == 0


@pytest.mark.parametrize("text", ["", "a,b,c", "1,2", "1", "1,2,3,4", "1;2;3", "-1,2,3", "1.5,2,3"])
def test_a_centre_that_is_none_is_refused(run, scan, model_3d, tmp_path: Path, text: str) -> None:
    status, _, err = segment(run, scan, model_3d, tmp_path / "out", "--centre", text)
    assert status == 2
    assert any(words in " ".join(err.split()) for words in ("is no centre", "has 2 numbers"))


def test_problems_are_one_sentence_and_status_2(
    run, scan, picture, model_3d, tmp_path: Path
) -> None:
    wide_2d = tiny_model(tmp_path / "wide", region=(16, 16), centred=True)
    broken = tmp_path / f"{NAME}2.nii.gz"
    broken.write_bytes(scan.read_bytes()[:-50])
    nan = tmp_path / f"{NAME}3.nii.gz"
    nib.save(nib.Nifti1Image(np.full(SPACE, np.nan, np.float32), np.eye(4)), nan)
    blocked = tmp_path / "file"
    blocked.write_bytes(b"")
    out = tmp_path / "out"
    for args, words in (
        ((broken, model_3d, out), "damaged or cut off"),
        ((nan, model_3d, out), "are NaN, infinite or"),
        ((tmp_path / f"{NAME}4.nii", model_3d, out), "does not exist"),
        ((picture, model_3d, out), "reads 3D volumes"),
        ((scan, wide_2d, out), "place the centre on the lesion"),
        ((scan, "no-such-model", out), "no model 'no-such-model'"),
        ((scan, model_3d, blocked), "a file where the folder should be"),
        ((scan, model_3d, out, "--device", "abacus"), "Unknown device"),
        ((scan, model_3d, out, "--centre", "500,1,1"), "outside the image"),
    ):
        status, text, err = segment(run, *args)
        last = err.strip().splitlines()[-1]
        assert status == 2 and words in last and last.endswith(".") and text == ""
        assert not list(out.glob("*"))


def test_one_image_and_a_model_must_be_named(run, scan, tmp_path: Path) -> None:
    for args, words in (
        (("--model", "m"), "Name one image"),
        ((scan, "--image", scan, "--model", "m"), "Name one image"),
        ((scan,), "Name a model"),
    ):
        status, _, err = run("segment", *args, "--out", tmp_path)
        assert status == 2 and words in " ".join(err.split())


def test_models_are_listed_without_their_folders(run, model_2d, model_3d, monkeypatch) -> None:
    from napari_ssn.network import places

    damaged = model_2d.parent / "damaged"
    damaged.mkdir(exist_ok=True)
    (damaged / "model.json").write_text("{")
    folders = {"tiny-2d": model_2d, "damaged": damaged, "tiny-3d": model_3d}
    monkeypatch.setattr(places, "model_folders", lambda: folders)
    status, text, err = run("models")
    assert status == 0
    assert text.splitlines() == [
        f"{name} 0.1 · Tests only: its weights are random. · CC0-1.0"
        for name in ("tiny-2d", "tiny-3d")
    ]
    assert "'damaged' is invalid" in err and str(model_2d.parent) not in text + err
    monkeypatch.setattr(places, "model_folders", dict)
    err = run("models")[2]
    assert "No model is installed" in err and "Models of your own go into" in err


def test_help_is_quick_and_imports_nothing_heavy() -> None:
    code = """
import sys, json
sys.argv = ["napari-ssn", "segment", "--help"]
from napari_ssn.cli.app import main
try:
    main()
except SystemExit as stop:
    assert not stop.code
heavy = ("torch", "monai", "numpy", "nibabel", "napari")
print(json.dumps([n for n in heavy if n in sys.modules]))
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert "--from-sidecar" in done.stdout
    assert json.loads(done.stdout.splitlines()[-1]) == []


def test_the_version_is_said(run) -> None:
    assert run("--version") == (0, f"{ssn.__version__}\n", "")


def test_a_depth_that_is_not_used_is_said(run, scan, model_3d, tmp_path: Path) -> None:
    status, _, err = segment(run, scan, model_3d, tmp_path / "a", "--samples", 0, "--depth", 5)
    assert status == 0 and "depth is not used" in err
    assert "Wrote 1 label map with its sidecar, and volumes.csv." in err
    status, _, err = segment(run, scan, model_3d, tmp_path / "b", "--samples", 1)
    assert "depth" not in err and "Wrote 2 label maps with sidecars" in err


@pytest.mark.parametrize(("good", "written"), [(3, 1), (6, 2)])
def test_a_disk_that_fills_up_is_said_with_what_is_missing(
    run, scan, model_3d, tmp_path: Path, monkeypatch, good: int, written: int
) -> None:
    """Each label map brings itself, its sidecar and its folder to the disk; then the table."""
    import errno
    import os

    from napari_ssn.io import files

    left, real = [good], os.fsync

    def fsync(handle: int) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        real(handle)

    monkeypatch.setattr(files.os, "fsync", fsync)
    status, out, err = segment(run, scan, model_3d, tmp_path / "out", "--samples", 1)
    assert status == 2 and out == ""
    assert "The disk is full" in err
    assert f"Written: {written} of 2 label maps; volumes.csv was not written." in err
    found = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert (
        found == ["mean.json", "mean.nii.gz", "sample_01.json", "sample_01.nii.gz"][: 2 * written]
    )
