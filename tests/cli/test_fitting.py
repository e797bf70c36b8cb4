"""``segment --fit``: an outline in a file, the hypothesis nearest to it, and the way back."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

import napari_ssn as ssn
from napari_ssn.cli.segmenting import segment_image
from napari_ssn.io.hashes import label_map_hash
from tests.support.choices import NAME, opened
from tests.support.helpers import command


@pytest.fixture(scope="module")
def drawn(scan, models, tmp_path_factory) -> tuple[Path, np.ndarray]:
    """An outline that the model nearly has, in a file whose axes run otherwise than the image's."""
    dist = ssn.load_model(models["3d"], "cpu").segment(ssn.read(scan))
    values = dist.placed(dist.label_map([1.0, -0.6, 0.4]))
    values[3:5, 3:5, 3:5] = 2
    image = nib.Nifti1Image(values, nib.load(scan).affine)
    flip = np.array([[2, 1], [0, -1], [1, 1]])
    path = tmp_path_factory.mktemp("drawn") / f"{NAME}.nii.gz"
    nib.save(image.as_reoriented(flip), path)
    return path, values


@pytest.fixture(scope="module")
def fitted(scan, models, drawn, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("fitted")
    segment_image(scan, out, str(models["3d"]), count=0, device="cpu", drawing=drawn[0])
    return out


@pytest.fixture
def run_segment(monkeypatch, capsys, scan, models, tmp_path: Path):
    def call(path: Path, model: str = "3d") -> tuple[int, str, str]:
        args = ["segment", scan, "--model", models[model], "--out", tmp_path / "out"]
        status, out, err = command(
            monkeypatch, capsys, *args, "--samples", 0, "--device", "cpu", "--fit", path
        )
        assert NAME not in out + err and "Traceback" not in err
        return status, out, err

    return call


def test_the_nearest_hypothesis_is_written_with_its_sidecar(
    scan, models, drawn, fitted: Path
) -> None:
    dist = ssn.load_model(models["3d"], "cpu").segment(ssn.read(scan))
    fit = ssn.fit_drawing(dist, drawn[1])
    record = json.loads((fitted / "fitted.json").read_text())
    assert record["choice"]["z"] == fit.z.tolist() and record["choice"]["kind"] == "drawing"
    assert record["choice"]["drawing"]["sha256"] == label_map_hash(drawn[1])
    written = np.asanyarray(nib.load(fitted / "fitted.nii.gz").dataobj)
    np.testing.assert_array_equal(written, dist.label_map(fit.z))
    near, mean = (ssn.metrics.dice(m, drawn[1], 3).mean() for m in (written, dist.label_map()))
    assert near > 0.95 > mean
    assert "fitted" in (fitted / "volumes.csv").read_text()


def test_what_is_said_of_it(run_segment, drawn) -> None:
    status, out, _ = run_segment(drawn[0])
    assert status == 0
    assert "Nearest hypothesis: label 1 " in out and "Dice 0.9" in out, out
    assert "arther from the mean outline than" in out and "larger than" in out


def test_it_is_verified_with_the_drawing_and_without(run, scan, models, drawn, fitted) -> None:
    args = (fitted / "fitted.json", "--image", scan, "--model", models["3d"])
    status, _, err = run(*args)
    assert status == 0 and "not checked: created, software, choice.drawing, choice.z." in err
    status, _, err = run(*args, "--fit", drawn[0])
    assert status == 0 and "not checked: created, software." in err


def test_another_drawing_or_another_z_is_found_out(
    run, scan, models, drawn, fitted, tmp_path: Path
) -> None:
    other = tmp_path / "other.nii"
    values = drawn[1].copy()
    values[10, 10, 5] = 1 - min(1, values[10, 10, 5])
    nib.save(nib.Nifti1Image(values, nib.load(scan).affine), other)
    args = ("--image", scan, "--model", models["3d"], "--fit")
    status, out, _ = run(fitted / "fitted.json", *args, other)
    assert status == 1 and "states another drawing" in out
    for name in ("fitted.json", "fitted.nii.gz"):
        (tmp_path / name).write_bytes((fitted / name).read_bytes())
    record = json.loads((tmp_path / "fitted.json").read_text())
    # So near that no voxel tells.
    record["choice"]["z"][0] += 1e-4
    (tmp_path / "fitted.json").write_text(json.dumps(record))
    status, out, _ = run(tmp_path / "fitted.json", *args, drawn[0])
    assert status == 1 and "states another z than that nearest to the drawing" in out


def save(path: Path, values: np.ndarray, affine: np.ndarray) -> Path:
    nib.save(nib.Nifti1Image(values, affine), path)
    return path


def test_what_is_no_outline_of_the_image_is_one_sentence(run_segment, scan, tmp_path: Path) -> None:
    image = nib.load(scan)
    affine, space = image.affine, image.shape
    moved, nothing = affine.copy(), np.zeros(space, np.uint8)
    moved[:3, 3] += 0.5
    one, several = nothing.copy(), nothing.copy()
    one[9:13, 6:9, 4:7] = 1
    several[2:4, 2:4, 2:4], several[8:10, 8:10, 6:8] = 3, 7
    cases = [
        (nothing, affine, "3d", "Nothing is drawn yet."),
        (one, moved, "3d", "The outline lies on another grid"),
        (np.pad(one, 2, constant_values=1), affine, "3d", "The outline reaches beyond the image"),
        (several, affine, "3d", "has label 7, which the model has not"),
        (several, affine, "spots", "has 2 labels (3, 7) and the model tells one thing apart"),
        (one.astype(np.float32) * 0.5, affine, "3d", "other numbers than labels"),
    ]
    for number, (values, place, model, words) in enumerate(cases):
        status, _, err = run_segment(save(tmp_path / f"{number}.nii", values, place), model)
        assert status == 2 and words in err, (number, err)
        # Before the model runs, not after minutes of it.
        assert not (tmp_path / "out" / "mean.nii.gz").exists()


def test_one_label_of_any_number_is_the_one_that_the_model_knows(
    run_segment, scan, models, tmp_path: Path
) -> None:
    dist = ssn.load_model(models["spots"], "cpu").segment(ssn.read(scan))
    values = dist.placed(dist.label_map())
    path = save(tmp_path / "five.nii", 5 * values, nib.load(scan).affine)
    status, out, err = run_segment(path, "spots")
    assert status == 0 and "Dice 1.00 with your drawing" in out, (out, err)


def test_what_the_window_fits_corrects_and_walks_from_is_verified(
    run, scan, models, drawn, monkeypatch, tmp_path: Path
) -> None:
    session = opened(scan, models["3d"], monkeypatch)
    session.fitting.fit(drawn[1])
    assert session.walk.choice.kind == "drawing", session.note
    session.pointing.add((9, 8, 3), 1)
    session.walk.set_sigma(0.7)
    session.files.export(tmp_path / "a.nii.gz")
    session.close()
    args = (tmp_path / "a.json", "--image", scan, "--model", models["3d"], "--fit", drawn[0])
    status, out, err = run(*args)
    assert status == 0 and "bit for bit" in out and "not checked: created, software." in err
