"""``readers``: several people's outlines compared, placed in a model, and made into one."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

import napari_ssn as ssn
from napari_ssn.core.adjudicating import blend
from napari_ssn.core.distribution import draw_z
from napari_ssn.core.given.drawing import fit_drawing
from napari_ssn.core.hypotheses import Hypothesis
from napari_ssn.documents.sidecar import read_sidecar
from napari_ssn.io.content import PlainModel, plain_labels
from napari_ssn.io.hashes import label_map_hash
from tests.support.choices import NAME
from tests.support.helpers import command


@pytest.fixture(scope="module")
def outlines(scan, models, tmp_path_factory) -> tuple[list[Path], list[np.ndarray]]:
    """Two people within the model's hypotheses, and one who outlines nothing."""
    dist = ssn.load_model(models["spots"], "cpu").segment(ssn.read(scan))
    maps = [dist.placed(dist.label_map(z)) for z in ([0.9, -0.4, 0.2], [-0.6, 0.8, 0.0])]
    maps.append(np.zeros_like(maps[0]))
    folder = tmp_path_factory.mktemp("outlines")
    paths = [folder / f"{NAME}_{k}.nii.gz" for k in range(3)]
    for k, (path, values) in enumerate(zip(paths, maps, strict=True)):
        # Whatever number one person drew with, it is the same thing.
        nib.save(nib.Nifti1Image(values * (k + 1), nib.load(scan).affine), path)
    return paths, maps


@pytest.fixture
def run_readers(monkeypatch, capsys, scan):
    def call(*args: object) -> tuple[int, str, str]:
        status, out, err = command(monkeypatch, capsys, "readers", scan, *args)
        assert NAME not in out + err and "Traceback" not in err
        return status, out, err

    return call


def test_without_a_model_people_are_compared(run_readers, outlines, tmp_path: Path) -> None:
    paths, (a, b, _) = outlines
    status, out, err = run_readers(
        *paths, "--names", "Anna,Ben,Cleo", "--json", tmp_path / "r.json"
    )
    assert status == 0, err
    figures = json.loads((tmp_path / "r.json").read_text())
    assert figures["voxels"] == [[a.sum()], [b.sum()], [0]] and figures["model"] is None
    overlap = ssn.metrics.dice(a, b, 2)[0]
    assert figures["dice"][0][1] == [overlap] and figures["dice"][0][2] == [0.0]
    assert figures["apart_mm"][0][2] == [None] and figures["apart_mm"][0][1][0] > 0
    # All three agree on nothing, two on what both have.
    assert figures["voxels_of_all_half_any"] == [[0], [(a & b).sum()], [(a | b).sum()]]
    assert figures["voxels_of_the_majority"] == [(a & b).sum()]
    assert f"Anna and Ben: Dice {overlap:.2f}, " in out and "Cleo none" in out
    assert figures["staple"]["voxels"][0] > 0 and "STAPLE, outline: Anna sensitivity" in out


def test_beside_a_model_each_is_placed(run_readers, scan, models, outlines, tmp_path: Path) -> None:
    paths, maps = outlines
    status, out, err = run_readers(
        *paths, "--model", models["spots"], "--device", "cpu", "--json", tmp_path / "r.json"
    )
    assert status == 0, err
    told = json.loads((tmp_path / "r.json").read_text())["model"]
    dist = ssn.load_model(models["spots"], "cpu").segment(ssn.read(scan))
    for k in range(2):
        fit = fit_drawing(dist, maps[k])
        assert told["nearest"][k]["z"] == fit.z.tolist()
        assert told["nearest"][k]["percentile"] == fit.percentile
        assert told["nearest"][k]["dice"][0] > 0.9
    assert told["nearest"][2] is None and told["outlined"] == 1
    inner, median, outer = (row[0] for row in told["voxels_inner_median_outer"])
    assert inner < median < outer
    sizes = dist.label_maps(draw_z(400, dist.rank, 5)).reshape(400, -1).astype(bool).sum(1)
    assert told["smaller"][0][0] == pytest.approx((sizes < maps[0].sum()).mean(), abs=0.1)
    assert "Reader 1: the model comes to Dice 0.9" in out and "of hypotheses" in out
    assert "Reader 3: outlines nothing, as 0 % of hypotheses do" in out


def test_whose_outline_is_none_is_said(run_readers, models, scan, outlines, tmp_path: Path) -> None:
    (a, b, _), _ = outlines
    assert "Outline 3: The file does not exist." in run_readers(a, b, tmp_path / "no.nii.gz")[2]
    assert "Outline 2: The file holds other numbers than labels" in run_readers(a, scan, b)[2]
    two = np.asanyarray(nib.load(b).dataobj).copy()
    two[:2] = 7
    nib.save(nib.Nifti1Image(two, nib.load(b).affine), tmp_path / "two.nii.gz")
    picture = np.random.default_rng(0).integers(0, 200, two.shape).astype(np.uint8)
    nib.save(nib.Nifti1Image(picture, nib.load(b).affine), tmp_path / "picture.nii.gz")
    assert (
        "Outline 2: The file holds whole numbers that lie as in a picture"
        in (run_readers(a, tmp_path / "picture.nii.gz")[2])
    )
    for end, words in (("pkl", "A pickled file is never opened"), ("npz", "member of an ensemble")):
        (tmp_path / f"x.{end}").write_bytes(b"x")
        assert words in run_readers(a, tmp_path / f"x.{end}")[2]
    assert "A name of a person has 1 to 64" in run_readers(a, b, "--names", "Anna,")[2]
    assert "of different people" in run_readers(a, b, "--names", "Anna, Anna")[2]
    model = ("--model", models["spots"], "--device", "cpu")
    assert (
        "Reader 2: The drawing has 2 labels" in run_readers(a, tmp_path / "two.nii.gz", *model)[2]
    )


def test_whose_outline_may_be_stored_otherwise_is_said(run_readers, scan, tmp_path: Path) -> None:
    affine, space = nib.load(scan).affine, nib.load(scan).shape
    drawn = np.zeros(space, np.uint8)
    drawn[1:4, 2:5, 1:5], drawn[1:3, 5:8, 2:4] = 1, 2
    paths = []
    for number, one in enumerate((drawn, np.array([0, 2, 1], "u1")[drawn], drawn[::-1])):
        paths.append(tmp_path / f"{number}.nii.gz")
        nib.save(nib.Nifti1Image(one, affine), paths[-1])
    out = run_readers(paths[0], paths[1])[1]
    assert out.startswith("The labels of reader 2 lie where most others have other labels")
    out = run_readers(paths[0], paths[2])[1]
    assert out.startswith("Reader 1 and reader 2 lie at one place only if the axes of some are")
    out = run_readers(paths[0], paths[0], paths[2])[1]
    assert out.startswith("Reader 3 lies where the others do only if its axes are turned")


def test_labels_of_one_name_are_compared_whatever_their_numbers(
    run_readers, monkeypatch, capsys, scan, tmp_path: Path
) -> None:
    """Segmentations say what each of their labels is called; the ensemble of them has the names."""
    affine, space = nib.load(scan).affine, nib.load(scan).shape
    drawn = np.zeros(space, np.uint8)
    drawn[1:4, 2:5, 1:5], drawn[1:3, 5:8, 2:4] = 1, 2
    paths = []
    for number, (values, names) in enumerate(
        (
            (drawn, ("head", "tail")),
            (np.array([0, 2, 1], np.uint8)[drawn], ("Tail", "Head")),
            ((drawn == 2).astype(np.uint8), ("tail",)),
        )
    ):
        paths.append(tmp_path / f"{number}.seg.nrrd")
        card = PlainModel("", "", "", plain_labels(["background", *names]))
        ssn.write(Hypothesis(values, affine, None, len(names) + 1), paths[-1], model=card)
    out = run_readers(*paths)[1]
    assert "Reader 1 and reader 2: label 1 Dice 1.00, 0.0 mm apart; label 2 Dice 1.00" in out
    assert "Reader 1 and reader 3: label 1 Dice 0.00; label 2 Dice 1.00" in out
    each = [item for one in paths for item in ("--ensemble", one)]
    where = tmp_path / "out"
    status, said, err = command(monkeypatch, capsys, "segment", scan, *each, "--out", where)
    assert status == 0, err
    assert [line.partition(":")[0] for line in said.splitlines()] == ["Head", "Tail"]
    for number, wanted in ((1, drawn), (2, drawn), (3, 2 * (drawn == 2))):
        written = np.asanyarray(nib.load(where / f"member_0{number}.nii.gz").dataobj)
        np.testing.assert_array_equal(written, wanted)
    checked = ("verify", where / "mean.json", "--image", scan, *each)
    assert command(monkeypatch, capsys, *checked)[0] == 0


@pytest.mark.parametrize("how", ["pick", "majority", "staple", "blend"])
def test_one_outline_is_made_of_all_and_says_of_whom(
    run_readers, monkeypatch, capsys, scan, models, outlines, tmp_path: Path, how: str
) -> None:
    paths, (a, b, _) = outlines
    out = tmp_path / "one.nii.gz"
    more = {"pick": ("--who", 2), "blend": ("--weights", "1,3")}.get(how, ())
    args = ("--model", models["spots"], "--device", "cpu", "--adjudicate", how, "--out", out)
    status, _, err = run_readers(*paths[:2], *args, *more)
    assert status == 0, err
    written = np.asanyarray(nib.load(out).dataobj)
    spacing = nib.load(paths[0]).header.get_zooms()
    expected = {
        "pick": b,
        "majority": a & b,
        "blend": blend([a, b], (1, 3), 2, [float(mm) for mm in spacing]),
    }
    if how in expected:
        np.testing.assert_array_equal(written, expected[how])
    record = read_sidecar(tmp_path / "one.json")
    assert record.choice.kind == "edited" and record.adjudicated is not None
    told = record.adjudicated.readers
    assert record.adjudicated.how == how
    assert [one.sha256 for one in told] == [label_map_hash(a), label_map_hash(b)]
    shares = {"pick": [0, 1], "majority": [0.5, 0.5], "blend": [0.25, 0.75], "staple": [None] * 2}
    assert [one.share for one in told] == shares[how]
    assert [one.dice for one in told] == [ssn.metrics.dice(written, x, 2).tolist() for x in (a, b)]
    assert record.adjudicated.corrected_voxels == 0
    # Nobody's hand edited it, and no model makes it.
    status, _, err = command(monkeypatch, capsys, "verify", tmp_path / "one.json", "--image", scan)
    assert status == 2 and "made of several people's" in err
    assert "holds the label map that it states" in err
    # A file of that name is not replaced without a word.
    assert run_readers(*paths[:2], *args, *more)[0] == 2
    # The hypothesis nearest to it has its people, too; painted on elsewhere it is another outline.
    fitting = ("segment", scan, *args[:4], "--samples", 0, "--fit", out, "--out")
    status, said, err = command(monkeypatch, capsys, *fitting, tmp_path / "fitted")
    assert status == 0 and "an outline of 2 people" in said, err
    people = read_sidecar(tmp_path / "fitted" / "fitted.json").adjudicated
    wanted = {"outline_sha256": label_map_hash(written.astype(np.uint8))}
    assert people == record.adjudicated.model_copy(update=wanted)
    painted = written.copy()
    painted[0, 0, 0] ^= 1
    nib.save(nib.Nifti1Image(painted, nib.load(out).affine), out)
    status, said, err = command(monkeypatch, capsys, *fitting, tmp_path / "again")
    assert status == 0 and "people" not in said
    assert "The sidecar beside the drawing is of another outline" in err
    assert read_sidecar(tmp_path / "again" / "fitted.json").adjudicated is None


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ((), "compares two outlines or more"),
        (("2", "--names", "Anna"), "There are 2 outlines and 1 names."),
        (("2", "3", "--weights", "1,1"), "--weights are for --adjudicate blend."),
        (("2", "--adjudicate", "blend"), "name both or neither"),
        (("2", "--adjudicate", "pick", "--out", "o.nii"), "--who says who is picked"),
        (("2", "--adjudicate", "majority", "--out", "o.nii"), "need --model"),
        (("3", "--model", "--adjudicate", "blend", "--out", "o.nii"), "outlines nothing"),
        (
            ("2", "--model", "--adjudicate", "blend", "--weights", "1,0,2", "--out", "o.nii"),
            "takes 2 weights",
        ),
        (("2", "--model", "--adjudicate", "pick", "--who", 3, "--out", "o.nii"), "one of them"),
    ],
)
def test_what_cannot_be_is_one_sentence(
    run_readers, models, outlines, tmp_path: Path, args, words: str
) -> None:
    paths, _ = outlines
    given: list[object] = [paths[0]]
    for one in args:
        given.append(paths[int(one) - 1] if str(one) in "23" and given[-1] != "--who" else one)
        if one == "--model":
            given.append(models["spots"])
        if str(one).startswith("o.nii"):
            given[-1] = tmp_path / one
    status, _, err = run_readers(*given)
    assert status == 2 and words in " ".join(err.replace("│", " ").split()), err
    assert not list(tmp_path.iterdir())
