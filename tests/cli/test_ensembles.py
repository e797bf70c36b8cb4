"""Ensembles from the terminal: members written and counted, and made again bit for bit."""

from __future__ import annotations

import csv
import hashlib
import json
import re
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from tests.support.bundles import bundle
from tests.support.choices import change
from tests.support.ensembles import AFFINE, folds, image, members, nifti
from tests.support.helpers import command, page_of

COUNTS = [[int((one.argmax(0) == c).sum()) for c in (1, 2)] for one in members()]


@pytest.fixture
def run(monkeypatch, capsys):
    def call(*args: object) -> tuple[int, str, str]:
        status, out, err = command(monkeypatch, capsys, *args)
        assert "case" not in out + err and "Traceback" not in err
        return status, out, " ".join(err.split())

    return call


@pytest.fixture(scope="module")
def scan(tmp_path_factory) -> Path:
    return image(tmp_path_factory.mktemp("image"))


@pytest.fixture(scope="module")
def maps(tmp_path_factory) -> Path:
    return folds(tmp_path_factory.mktemp("maps"))


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("made")


@pytest.fixture
def out(run, scan, maps, made: Path, tmp_path: Path) -> Path:
    """A copy of what ``segment`` makes, once for all, and beside it what it said."""
    if not (made / "err").exists():
        more = ("--ensemble", maps, "--out", made / "out", "--report")
        status, said, err = run("segment", scan, *more)
        assert status == 0, err
        (made / "said").write_text(said)
        (made / "err").write_text(err)
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    return tmp_path / "out"


def test_the_members_are_written_and_their_sizes_are_the_range(out: Path, tmp_path: Path) -> None:
    for number, one in enumerate(members(), start=1):
        written = np.asanyarray(nib.load(out / f"member_{number:02d}.nii.gz").dataobj)
        np.testing.assert_array_equal(written, one.argmax(0))
    with (out / "volumes.csv").open() as stream:
        rows = {(row["hypothesis"], row["label"]): row for row in csv.DictReader(stream)}
    for k, label in enumerate(("front", "back")):
        sizes = [counts[k] for counts in COUNTS]
        found = {end: float(rows[f"range {end}", label]["voxels"]) for end in ("low", "high")}
        assert found == {"low": min(sizes), "high": max(sizes)}
        assert rows["range low", label]["level"] == "1"
        assert [int(rows[f"member_{m:02d}", label]["voxels"]) for m in (1, 2, 3, 4)] == sizes
    ml = 0.003 * np.array([counts[0] for counts in COUNTS])
    said = (tmp_path / "said").read_text()
    assert f"smallest and largest of 4 networks {ml.min():.2f}–{ml.max():.2f} mL" in said
    assert "reader" not in said and "90 %" not in said
    err = (tmp_path / "err").read_text()
    assert "Members: fold 0, fold 1, fold 2, fold 3." in err
    assert "Probabilities were clipped to 0.05–0.95" in err
    page = page_of(out / "report.html")
    assert "Smallest and largest of 4 networks" in page and "of 4 networks</b>" in page
    assert "reader" not in page.replace("never that of readers", "") and "90 %" not in page


@pytest.mark.parametrize("name", ["mean", "member_02"])
def test_each_is_made_again_bit_for_bit(run, scan, maps, out: Path, name: str) -> None:
    sidecar = out / f"{name}.json"
    status, said, err = run("verify", sidecar, "--image", scan, "--ensemble", maps)
    assert status == 0, said + err
    assert "the label map was made again bit for bit" in said
    record = json.loads(sidecar.read_text())
    assert len(record["run"]["ensemble"]["members"]) == 4
    assert record["choice"]["kind"] == ("mean" if name == "mean" else "member")
    again = ("--from-sidecar", sidecar, "--ensemble", maps, "--out", out / "again.nii.gz")
    assert run("segment", scan, *again)[1] == "identical\n"


def test_two_ensembles_are_not_compared(run, out: Path) -> None:
    status, _, err = run("change", out / "mean.json", out / "mean.json")
    assert status == 2 and "One of them is of an ensemble" in err


def test_members_may_be_of_a_frame(run, maps, tmp_path: Path) -> None:
    series = np.random.default_rng(3).normal(size=(17, 14, 11, 2)).astype(np.float32)
    scan = nifti(tmp_path / "case_0000.nii.gz", series, AFFINE)
    more = ("--ensemble", maps, "--out", tmp_path / "out")
    status, _, err = run("segment", scan, *more)
    assert status == 2 and "name a frame" in err
    status, _, err = run("segment", scan, "--frame", 2, *more)
    assert status == 0, err
    sidecar = tmp_path / "out" / "member_02.json"
    assert json.loads(sidecar.read_text())["run"]["frame"] == 2
    status, out, err = run("verify", sidecar, "--image", scan, "--ensemble", maps)
    assert status == 0, out + err


@pytest.mark.usefixtures("a_thousand")
def test_the_range_of_many_is_drawn_around_them_and_no_models(run, scan, tmp_path: Path) -> None:
    made = [*members(19), members(1)[0] * 0]
    # One outlines nothing: still nobody is a reader.
    made[-1][0] = 1
    for number, one in enumerate(made):
        nifti(tmp_path / "maps" / f"{number}.nii.gz", np.moveaxis(one, 0, -1), AFFINE)
    more = ("--ensemble", tmp_path / "maps", "--out", tmp_path / "out", "--samples", 1, "--report")
    status, said, err = run("segment", scan, *more)
    assert status == 0, err
    line = r"Label [12]: [\d.]+ mL · range around 20 networks [\d.–]+ mL \(90 % of 1,000 hypotheses"
    *sizes, presence = said.splitlines()
    assert len(sizes) == 2 and all(re.match(line, one) for one in sizes), said
    assert presence == "1 of 20 networks outlines nothing here"
    assert "model" not in said and "reader" not in said
    page = page_of(tmp_path / "out" / "report.html")
    assert re.search(r"the share of [\d,]+ hypotheses drawn around 20 networks that are", page)


def test_samples_are_written_where_they_are_asked_for(run, scan, maps, tmp_path: Path) -> None:
    where = tmp_path / "out"
    more = ("--ensemble", maps, "--out", where, "--samples", 1, "--rank", 2)
    assert run("segment", scan, *more)[0] == 0
    assert (where / "sample_01.nii.gz").is_file() and not list(where.glob("member*"))
    record = json.loads((where / "sample_01.json").read_text())
    assert (len(record["choice"]["z"]), record["run"]["ensemble"]["rank"]) == (2, 2)
    status, said, _ = run("verify", where / "sample_01.json", "--image", scan, "--ensemble", maps)
    assert status == 0, said


def test_a_member_that_is_missing_or_was_changed_is_said(
    run, scan, maps, out: Path, tmp_path: Path
) -> None:
    other = shutil.copytree(maps, tmp_path / "maps")
    shutil.rmtree(other / "fold_2")
    status, _, err = run("verify", out / "mean.json", "--image", scan, "--ensemble", other)
    assert status == 2 and "Of the 4 members that the sidecar names one is not among these 3" in err
    status, _, err = run("verify", out / "mean.json", "--image", scan)
    assert status == 2 and "name its members with --ensemble" in err


@pytest.mark.parametrize(
    ("name", "choice", "words"),
    [
        ("member_02", {"member": 3}, "Not identical"),
        ("member_02", {"member": 9}, "names a member that the ensemble has not"),
        ("member_02", {"member": None}, "Not identical"),
        ("mean", {"member": 1}, "states member of what it calls mean, which has none"),
        ("member_02", {"seed": 1}, "states seed of what it calls member, which has none"),
    ],
)
def test_what_is_stated_of_a_member_is_checked(
    run, scan, maps, out: Path, name: str, choice, words: str
) -> None:
    change(out / f"{name}.json", choice=choice)
    status, said, err = run("verify", out / f"{name}.json", "--image", scan, "--ensemble", maps)
    assert status != 0 and words in said + err


def test_the_checksum_of_all_members_is_checked(run, scan, maps, out: Path) -> None:
    change(out / "mean.json", model={"weights_sha256": "0" * 64})
    status, said, _ = run("verify", out / "mean.json", "--image", scan, "--ensemble", maps)
    assert status == 1 and "another checksum of its members together" in said


def test_a_method_that_is_stated_otherwise_makes_another_map(run, scan, maps, out: Path) -> None:
    told = json.loads((out / "mean.json").read_text())["run"]["ensemble"]
    change(out / "mean.json", run={"ensemble": {**told, "kind": "distances", "width_mm": 3.0}})
    status, said, _ = run("verify", out / "mean.json", "--image", scan, "--ensemble", maps)
    assert status == 1 and "Not identical" in said


def test_label_maps_of_people_of_whom_one_outlines_nothing(run, scan, tmp_path: Path) -> None:
    outlines = [(one.argmax(0) == 1).astype(np.uint8) for one in members()]
    for number, one in enumerate([*outlines, np.zeros_like(outlines[0])]):
        nifti(tmp_path / "maps" / f"{number}.nii.gz", one, AFFINE)
    more = ("--ensemble", tmp_path / "maps", "--out", tmp_path / "out", "--width", 5, "--report")
    status, said, err = run("segment", scan, *more)
    assert status == 0, err
    assert "smallest and largest of 4 label maps" not in said and "reader" not in said
    assert (
        "largest of the 4 of 5 label maps that outline anything" in said
        and "1 of 5 label maps outlines nothing here" in said
    )
    assert "signed distances to their edges, up to 5 mm" in err
    record = json.loads((tmp_path / "out" / "member_05.json").read_text())["choice"]
    assert (record["kind"], record["nothing"], record["z"]) == ("member", True, None)
    for name in ("mean", "member_05", "member_01"):
        sidecar = tmp_path / "out" / f"{name}.json"
        status, out, err = run("verify", sidecar, "--image", scan, "--ensemble", tmp_path / "maps")
        assert status == 0, out + err


def test_what_may_be_amiss_with_members_is_said(run, scan, tmp_path: Path) -> None:
    """One with its labels in another order, and one of probabilities beside label maps."""
    half = np.zeros((17, 14, 11), np.uint8)
    half[3:14, 3:11, 2:6], half[3:14, 3:11, 6:9] = 1, 2
    for number, order in enumerate(((0, 1, 2), (0, 2, 1), (0, 1, 2))):
        nifti(tmp_path / "maps" / f"{number}.nii.gz", np.array(order, np.uint8)[half], AFFINE)
    soft = np.moveaxis(members()[0], 0, -1)
    nifti(tmp_path / "maps" / "3.nii.gz", soft, AFFINE)
    status, _, err = run("segment", scan, "--ensemble", tmp_path / "maps", "--out", tmp_path / "o")
    assert status == 0, err
    assert "Of 1 of the 4 members, which are probabilities, the outlines alone count." in err
    assert "The labels of member 2 lie where most others have other labels" in err
    assert "Members 1 and 3 hold the very same, which counts 2 times." in err


@pytest.mark.parametrize(
    ("numbers", "label", "words"),
    [
        ((0, 255, 255), "Label 1", "The one thing outlined is label 1, whatever number"),
        ((0, 27, 52), "Label 52", "Their labels 27 and 52 are numbered 1 and 2"),
    ],
)
def test_numbers_of_labels_that_nobody_named(
    run, scan, numbers: tuple[int, ...], label: str, words: str, tmp_path: Path
) -> None:
    for number, one in enumerate(members(2)):
        values = np.array(numbers, np.uint8)[one.argmax(0)]
        nifti(tmp_path / "maps" / f"{number}.nii.gz", values, AFFINE)
    more = ("--ensemble", tmp_path / "maps", "--out", tmp_path / "out")
    status, said, err = run("segment", scan, *more)
    assert status == 0, err
    # What is written has the numbers that are said.
    assert words in err and label in said and len(said.splitlines()) == len(set(numbers)) - 1
    written = np.asanyarray(nib.load(tmp_path / "out" / "member_01.nii.gz").dataobj)
    assert set(np.unique(written)) == set(range(len(set(numbers))))
    where = ("--image", scan, "--ensemble", tmp_path / "maps")
    status, said, err = run("verify", tmp_path / "out" / "mean.json", *where)
    assert status == 0, said + err


def test_numbers_that_nobody_drew_with_have_no_line(run, scan, tmp_path: Path) -> None:
    """They are kept, so that who drew with 3 and 9 finds these again."""
    for number, one in enumerate(members(2)):
        values = np.array((0, 3, 9), np.uint8)[one.argmax(0)]
        nifti(tmp_path / "maps" / f"{number}.nii.gz", values, AFFINE)
    more = ("--ensemble", tmp_path / "maps", "--out", tmp_path / "out", "--samples", 0)
    status, said, err = run("segment", scan, *more)
    assert status == 0, err
    assert [line.partition(":")[0] for line in said.splitlines()] == ["Label 3", "Label 9"]
    written = np.asanyarray(nib.load(tmp_path / "out" / "mean.nii.gz").dataobj)
    assert set(np.unique(written)) == {0, 3, 9}


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--model", "lidc-2d"), "are of the whole image"),
        (("--depth", 3), "are of the whole image"),
        (("--device", "cpu"), "Maps are there already"),
        (("--views", "each"), "these are maps"),
        (("--width", 0), "is no width"),
    ],
)
def test_what_an_ensemble_does_not_take(run, scan, maps, more, words: str, tmp_path: Path) -> None:
    status, _, err = run("segment", scan, "--ensemble", maps, "--out", tmp_path / "o", *more)
    assert status == 2 and words in err


@pytest.fixture
def networks(run, scan, tmp_path: Path) -> tuple[Path, Path]:
    """A bundle, and what was written of its networks."""
    folder, out = bundle(tmp_path / "bundle", folds=2), tmp_path / "out"
    more = ("--ensemble", folder, "--out", out, "--device", "cpu", "--views", "none")
    status, said, err = run("segment", scan, *more)
    assert status == 0, err
    assert "smallest and largest of 2 networks" in said and "Members: fold 0, fold 1." in err
    return folder, out


def test_views_of_networks_are_not_called_networks(run, scan, tmp_path: Path) -> None:
    folder, out = bundle(tmp_path / "bundle", folds=2), tmp_path / "out"
    more = ("--ensemble", folder, "--device", "cpu", "--views", "each", "--report")
    status, said, err = run("segment", scan, *more, "--out", out)
    assert status == 0, err
    assert "smallest and largest of 8 views" in said and "networks" not in said
    report = (out / "report.html").read_text()
    assert "8 mirrored views of 2 networks of others" in report
    assert "8 networks" not in report and "smallest to the largest of the views" in report


def test_networks_are_run_and_run_again(run, scan, networks: tuple[Path, Path]) -> None:
    folder, out = networks
    for name in ("mean", "member_02"):
        where = ("--image", scan, "--ensemble", folder)
        status, said, err = run("verify", out / f"{name}.json", *where)
        assert status == 0 and "bit for bit" in said, said + err
    told = json.loads((out / "mean.json").read_text())["run"]
    ran = [one["network"] for one in told["ensemble"]["members"]]
    weights = (folder / "models" / "fold1" / "model.safetensors").read_bytes()
    assert ran[1]["weights_sha256"] == hashlib.sha256(weights).hexdigest()
    assert (ran[0]["kind"], ran[0]["views"], told["device"]) == ("MONAI", [[]], "cpu")
    again = ("--from-sidecar", out / "mean.json", "--ensemble", folder, "--out", out / "a.nii.gz")
    assert run("segment", scan, *again)[1] == "identical\n"


def test_a_network_that_was_changed_is_said(
    run, scan, networks: tuple[Path, Path], tmp_path: Path
) -> None:
    folder, out = networks
    shutil.copy(*(folder / "models" / f"fold{k}" / "model.safetensors" for k in (0, 1)))
    where = ("--image", scan, "--ensemble", folder)
    status, _, err = run("verify", out / "mean.json", *where)
    assert status == 2 and "one is not among these networks: it is missing" in err
    told = json.loads((out / "mean.json").read_text())["run"]["ensemble"]
    told["members"][0]["network"]["views"] = [[0]]
    change(out / "mean.json", run={"ensemble": told})
    status, _, err = run("verify", out / "mean.json", *where)
    assert status == 2 and "2 are not among these networks: they are missing" in err


def test_networks_and_maps_are_not_mixed(run, scan, maps, networks, tmp_path: Path) -> None:
    more = ("--ensemble", networks[0], "--ensemble", maps, "--out", tmp_path / "o")
    status, _, err = run("segment", scan, *more)
    assert status == 2 and "are not members of one ensemble" in err
