"""``napari-ssn verify``: every kind of sidecar, and whatever may be wrong with one."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

import napari_ssn as ssn
from napari_ssn.documents.ran import Software
from napari_ssn.documents.sidecar import read_sidecar
from napari_ssn.hooks.saving import write_labels
from napari_ssn.prediction import repeating
from napari_ssn.session import Session
from tests.support.choices import SPACE, change, move_a_lesion, opened, point, walk
from tests.support.helpers import noise_image
from tests.support.sessions import Inline


def spread(session: Session) -> None:
    from napari_ssn.core.spread import Spread

    session.set_spread(Spread(1.5, (1.0, 0.5, 2.0)))
    assert session.result is not None and session.result.spread.changed
    session.walk.show_sample(1)
    session.walk.set_sigma(0.7)


def spread_and_point(session: Session) -> None:
    spread(session)
    point(session)


KINDS = {
    "mean": ("3d", lambda session: None),
    "sample": ("3d", lambda session: session.walk.show_sample(4)),
    "walk": ("3d", walk),
    "points": ("2d", point),
    "points in 3D": ("3d", point),
    "lesions": ("spots", move_a_lesion),
    "spread": ("3d", spread),
    "points with a spread": ("3d", spread_and_point),
}


@pytest.mark.parametrize("kind", list(KINDS))
def test_what_the_window_exports_is_verified(
    run, scan, models, tmp_path: Path, monkeypatch, kind: str
) -> None:
    name, choose = KINDS[kind]
    session = opened(scan, models[name], monkeypatch)
    choose(session)
    session.files.export(tmp_path / "chosen.nii.gz")
    assert session.files.exported is not None, session.note
    session.close()
    choice = read_sidecar(tmp_path / "chosen.json").choice
    assert (choice.pointing is not None) == kind.startswith("points")
    assert (choice.lesions is not None) == (kind == "lesions")
    assert (choice.spread is not None) == ("spread" in kind)
    status, out, err = run(tmp_path / "chosen.json", "--image", scan, "--model", models[name])
    words = "made again bit for bit, and the file beside the sidecar is the same too."
    assert (status, out) == (0, f"Identical: the label map was {words}"), err


def test_a_label_map_that_is_gone_is_not_identical(run, scan, models, sidecar: Path) -> None:
    sidecar.with_name("mean.nii.gz").unlink()
    status, out, _ = run(sidecar, "--image", scan, "--model", models["3d"])
    assert status == 1
    assert out.startswith("Not identical: no label map lies beside the sidecar; the model makes")
    assert sorted(path.name for path in sidecar.parent.iterdir()) == ["mean.json"]


def test_the_model_is_found_by_its_weights(run, scan, models, sidecar: Path, monkeypatch) -> None:
    installed = {"misnamed": models["3d"], "tiny-3d": models["other"]}
    monkeypatch.setattr(repeating, "model_folders", lambda: installed)
    assert run(sidecar, "--image", scan)[0] == 0
    monkeypatch.setattr(repeating, "model_folders", lambda: {"tiny-3d": models["other"]})
    status, _, err = run(sidecar, "--image", scan)
    assert status == 2 and "There is no model 'tiny-3d'" in err
    status, _, err = run(sidecar, "--image", scan, "--model", models["other"])
    assert status == 2 and "has other weights than the sidecar's" in err


def test_another_label_map_is_said_with_what_differs(
    run, scan, models, sidecar: Path, monkeypatch
) -> None:
    """A sidecar of another z and its own file stands for one that another computer made."""
    shown = ssn.load_model(models["3d"], "cpu").segment(ssn.read(scan))
    changed = json.loads(sidecar.read_text())["choice"]["z"]
    changed[0] = 1.0
    differing = int((shown.label_map(np.array(changed)) != shown.label_map()).sum())
    assert differing
    change(sidecar, choice={"z": changed})
    status, out, err = run(sidecar, "--image", scan, "--model", models["3d"])
    assert status == 1
    assert f"another label map than the sidecar's; {differing:,} of 2,816 voxels differ." in out
    assert err.endswith("It was made with the same software on the same kind of device.")
    change(sidecar, software={"torch": "1.0", "machine": "abacus"})
    here = Software.here()
    err = run(sidecar, "--image", scan, "--model", models["3d"])[2]
    assert f"torch 1.0 (here {here.torch}), processor abacus (here {here.machine})" in err


def test_a_label_map_that_was_changed_since_is_said(run, scan, models, sidecar: Path) -> None:
    path = sidecar.with_name("mean.nii.gz")
    written = nib.load(path)
    original = np.asanyarray(written.dataobj).copy()
    values = original.copy()
    values[0, 0, 0] = 2 - min(2, values[0, 0, 0])
    nib.save(nib.Nifti1Image(values, written.affine, written.header), path)
    status, out, _ = run(sidecar, "--image", scan, "--model", models["3d"])
    assert status == 1 and "holds another label map than it was written with" in out
    moved = written.affine.copy()
    moved[2, 3] += 3
    header = written.header.copy()
    header.set_qform(moved)
    nib.save(nib.Nifti1Image(original, moved, header), path)
    status, out, _ = run(sidecar, "--image", scan, "--model", models["3d"])
    assert (status, out) == (
        1,
        "Not identical: the file beside the sidecar lies up to 3 mm off its image.",
    )
    path.write_bytes(path.read_bytes()[:-9])
    status, out, _ = run(sidecar, "--image", scan, "--model", models["3d"])
    assert status == 1 and "cannot be read as its label map" in out
    nib.save(nib.Nifti1Image(noise_image(SPACE), written.affine), path)
    status, out, _ = run(sidecar, "--image", scan, "--model", models["3d"])
    assert status == 1 and "holds other numbers than labels" in out


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"volumes": {"label 1": {"voxels": 1, "ml": 2.0, "mm2": None, "unit": "mL"}}}, "sizes"),
        ({"volumes": {"label 3": {"voxels": 1, "ml": 2.0, "mm2": None, "unit": "mL"}}}, "labels"),
        ({"grid": {"affine": np.eye(4).tolist()}}, "grid"),
    ],
)
def test_a_sidecar_that_misstates_its_label_map_is_found_out(
    run, scan, models, sidecar: Path, parts, words: str
) -> None:
    change(sidecar, **parts)
    if words == "grid":
        # Else the file is compared with that grid first.
        sidecar.with_name("mean.nii.gz").unlink()
    status, out, _ = run(sidecar, "--image", scan, "--model", models["3d"])
    assert status == 1 and out.startswith("Not identical: the sidecar") and words in out


def test_the_slices_that_a_sidecar_states_are_compared(run, scan, models, sidecar: Path) -> None:
    record = json.loads(sidecar.read_text())
    size = record["volumes"]["label 1"]
    # Of before nothing is stated, and that is not wrong; another slice is.
    for first, status in ((None, 0), ([size["first"][0] + 1, *size["first"][1:]], 1)):
        change(sidecar, volumes={"label 1": {**size, "first": first}})
        found, out, _ = run(sidecar, "--image", scan, "--model", models["3d"])
        assert found == status and ("other sizes" in out) == bool(status)


@pytest.mark.parametrize("choice", [{"z": 2e6}, {"z": -1e300}, {"anchor": 1e7}])
def test_a_z_that_nothing_makes_is_refused(run, scan, models, sidecar: Path, choice) -> None:
    [(name, value)] = choice.items()
    rank = len(json.loads(sidecar.read_text())["choice"]["z"])
    change(sidecar, choice={name: [0.0] * (rank - 1) + [value]})
    status, out, err = run(sidecar, "--image", scan, "--model", models["3d"])
    assert (status, out) == (2, "")
    assert err == (
        "The sidecar's z is more than 1,000,000 standard deviations from the model's mean, "
        "which no hypothesis is."
    )


def test_what_the_model_made_is_not_called_edited(run, scan, models, sidecar: Path) -> None:
    change(sidecar, choice={"kind": "edited"})
    status, out, _ = run(sidecar, "--image", scan, "--model", models["3d"])
    assert status == 1 and "states z of what it calls edited, which has none" in out


def test_what_was_edited_by_hand_cannot_be_made_again(
    run, scan, models, sidecar: Path, tmp_path: Path
) -> None:
    from napari_ssn.geometry.display import RESULT_KEY, Display

    display = Display.of(ssn.read(scan))
    record = json.loads(sidecar.read_text())
    data = np.asanyarray(nib.load(tmp_path / "mean.nii.gz").dataobj).copy()
    data[0, 0, 0] = 2 - min(2, data[0, 0, 0])
    origin = {**display.to_metadata(), "provenance": record}
    path = tmp_path / "edited.nii.gz"
    write_labels(str(path), display.reorientation.apply(data), {"metadata": {RESULT_KEY: origin}})
    args = (tmp_path / "edited.json", "--image", scan, "--model", models["3d"])
    status, out, err = run(*args)
    assert (status, out) == (2, "")
    assert err == (
        "The file beside the sidecar holds the label map that it states.\n"
        "This label map was edited by hand: the model cannot make it again."
    )
    path.write_bytes((tmp_path / "mean.nii.gz").read_bytes())
    status, out, _ = run(*args)
    assert status == 1 and "another label map than it was written with" in out


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"run": {"image_sha256": "0" * 64}}, "This is not the image"),
        ({"choice": {"z": [0.0] * 4}}, "z has 4 numbers"),
        ({"schema_version": 2}, "written by a newer napari-ssn"),
        ({"model": "none"}, "not valid at model"),
    ],
)
def test_what_cannot_be_verified_is_one_sentence(
    run, scan, models, sidecar: Path, parts, words: str
) -> None:
    change(sidecar, **parts)
    status, out, err = run(sidecar, "--image", scan, "--model", models["3d"])
    assert status == 2 and words in err and out == ""


def test_a_file_of_all_cards_is_verified_hypothesis_by_hypothesis(
    run, scan: Path, models, monkeypatch, tmp_path: Path
) -> None:
    session = opened(scan, models["3d"], monkeypatch, Inline())
    for name in ("a.nii.gz", "a.seg.nrrd"):
        session.files.export(tmp_path / name, part="cards")
        assert session.state == "result", session.note
    count = len(session.cards.cards)
    status, out, err = run(tmp_path / "a.json", "--image", scan, "--model", models["3d"])
    assert status == 0 and out.startswith(f"Identical: all {count} label maps were made again")
    assert "is the same too" in out and "hypotheses.share" not in err
    aside = tmp_path / "a.seg.nrrd.json"
    status, out, _ = run(aside, "--image", scan, "--model", models["3d"])
    assert status == 0 and "is the same too" in out
    # What each of them stands for is dealt again.
    whole = (tmp_path / "a.json").read_text()
    record = json.loads(whole)
    assert all(one["share"] is not None for one in record["hypotheses"])
    record["hypotheses"][0]["share"] = record["hypotheses"][0]["share"] / 2
    (tmp_path / "a.json").write_text(json.dumps(record))
    status, out, err = run(tmp_path / "a.json", "--image", scan, "--model", models["3d"])
    assert status == 1 and "states other shares than its cards stand for" in out
    # Of other software nobody knows.
    record["software"]["torch"] = "0.1"
    (tmp_path / "a.json").write_text(json.dumps(record))
    status, out, err = run(tmp_path / "a.json", "--image", scan, "--model", models["3d"])
    assert status == 0 and "hypotheses.share" in err
    (tmp_path / "a.json").write_text(whole)
    # And of the file for 3D Slicer too, by its own reader.
    whole = (tmp_path / "a.seg.nrrd").read_bytes()
    (tmp_path / "a.seg.nrrd").write_bytes(whole.replace(b"space origin: (", b"space origin: (1"))
    status, out, _ = run(aside, "--image", scan, "--model", models["3d"])
    assert status == 1 and "off its image" in out
    # The last of them says that it is another draw than it is.
    record = json.loads((tmp_path / "a.json").read_text())
    record["hypotheses"][-1]["choice"]["z"] = [5.0, 5.0, 5.0]
    (tmp_path / "a.json").write_text(json.dumps(record))
    status, out, _ = run(tmp_path / "a.json", "--image", scan, "--model", models["3d"])
    assert status == 1 and f"for hypothesis {count} of {count}; " in out
    # A voxel of the last hypothesis was changed in the file.
    image = nib.load(tmp_path / "a.nii.gz")
    values = np.asarray(image.dataobj).copy()
    values[0, 0, 0, -1] = 2 - values[0, 0, 0, -1]
    nib.save(nib.Nifti1Image(values, image.affine), tmp_path / "a.nii.gz")
    status, out, _ = run(tmp_path / "a.json", "--image", scan, "--model", models["3d"])
    assert status == 1
    session.close()


def test_a_probability_map_is_not_made_again(
    run, scan: Path, models, monkeypatch, tmp_path: Path
) -> None:
    session = opened(scan, models["3d"], monkeypatch)
    session.files.export(tmp_path / "a.nii.gz", part="probability")
    status, _, err = run(tmp_path / "a.json", "--image", scan, "--model", models["3d"])
    assert status == 2 and "This result is a probability map" in err
    session.close()
