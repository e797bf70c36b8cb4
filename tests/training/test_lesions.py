"""Nodules in nnU-Net's layout, and parts of sets: the same to a nodule model as LIDC's stacks."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from typer.testing import CliRunner

from napari_ssn.cli.app import app
from napari_ssn.documents.card import ModelCard
from napari_ssn.errors import DataError
from napari_ssn.geometry.orientation import Reorientation
from napari_ssn.network.models import load_model
from napari_ssn.training import likeness
from napari_ssn.training.cases import Case, Subset
from napari_ssn.training.lesions import LesionPart, TurnedSet, lesions_of
from napari_ssn.training.nodule_views import NoduleViews, NoduleViewSet
from napari_ssn.training.nodules import NoduleSet, load_nodules
from napari_ssn.training.reading import cases_for, load_cases
from napari_ssn.training.views import Key
from tests.support.sets import nodule_files, put


@pytest.fixture(scope="module")
def zipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return put(tmp_path_factory.mktemp("zip"), nodule_files())


@pytest.fixture(scope="module")
def nodules(zipped: Path) -> NoduleSet:
    return load_nodules(zipped)


def as_nnunet(folder: Path, nodules: NoduleSet, raters: int = 4, shift: float = 0.0) -> Path:
    """The same nodules, axes in another order and another way round; the first lacks raters."""
    turn = Reorientation((2, 0, 1), (True, False, True))
    for part in ("imagesTr", "labelsTr"):
        (folder / part).mkdir(parents=True)
    for i, name in enumerate(nodules.names):
        case = nodules[i]
        affine = turn.affine(case.volume.affine, case.volume.space)
        image = turn.apply(case.volume.data)[0] + np.float32(shift)
        nib.save(nib.Nifti1Image(image, affine), folder / "imagesTr" / f"{name}_0000.nii.gz")
        for k, mask in enumerate(turn.apply(case.raters)[: 2 if i == 0 else raters]):
            place = folder / "labelsTr" / f"{name}__rater{k + 1}.nii.gz"
            nib.save(nib.Nifti1Image(mask, affine), place)
    about = {"channel_names": {"0": "CT"}, "labels": {"background": 0, "nodule": 1}}
    (folder / "dataset.json").write_text(json.dumps({**about, "file_ending": ".nii.gz"}))
    return folder


@pytest.fixture(scope="module")
def folder(nodules: NoduleSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return as_nnunet(tmp_path_factory.mktemp("nnunet"), nodules)


def test_a_nodule_is_the_same_in_nnunets_layout(nodules: NoduleSet, folder: Path) -> None:
    found = lesions_of(load_cases(folder))
    assert isinstance(found, TurnedSet) and found.names == nodules.names
    for i in range(len(nodules)):
        own, other = nodules[i], found[i]
        assert found.space(i) == nodules.space(i) and found.orientation(i) == "SPL"
        assert found.spacing_mm(i) == pytest.approx(nodules.spacing_mm(i))
        np.testing.assert_allclose(other.volume.affine, own.volume.affine, atol=1e-4)
        np.testing.assert_array_equal(other.volume.data, own.volume.data)
        np.testing.assert_array_equal(other.raters, own.raters[: len(other.raters)])
        assert other.centre == own.centre
        # Small enough to be kept whole.
        np.testing.assert_array_equal(found.hu(i), nodules.hu(i))
        np.testing.assert_array_equal(found.masks(i), nodules.masks(i)[: len(other.raters)])


def test_of_a_whole_scan_what_is_learnt_from_lies_around_the_lesion(nodules: NoduleSet) -> None:
    case = nodules[0]
    wide = np.pad(case.volume.data, [(0, 0), (0, 0), (90, 90), (90, 90)], constant_values=-850)
    far = type(case)(
        "far",
        type(case.volume)(wide, case.volume.affine),
        np.pad(case.raters, [(0, 0), (0, 0), (90, 90), (90, 90)]),
    )

    class One(Subset):
        def __getitem__(self, index: int) -> type(case):  # type: ignore[valid-type]
            return far

    found = TurnedSet(One(nodules, [0]), physical=True)
    hu, masks = found.hu(0), found.masks(0)
    assert hu.shape == masks.shape[1:] and masks.sum() == case.raters.sum()
    assert hu.shape[1] < wide.shape[2] and hu.shape[1] * 0.8 > 100
    assert found.hu(0) is hu, "read once"


def test_a_part_of_a_set_is_made_views_of(nodules: NoduleSet) -> None:
    part = lesions_of(Subset(nodules, [2, 0]))
    assert isinstance(part, LesionPart) and part.names == (nodules.names[2], nodules.names[0])
    np.testing.assert_array_equal(part.hu(1), nodules.hu(0))
    np.testing.assert_array_equal(part.masks(0), nodules.masks(2))
    assert lesions_of(nodules) is nodules


def test_views_of_cases_that_fewer_raters_saw_or_nobody_outlined(folder: Path) -> None:
    found = lesions_of(load_cases(folder))
    # Of the first, which two raters saw, both outlined it.
    empty = found.masks(1)
    empty[...] = 0
    card = load_model("nodule-3d", "cpu").card
    views = NoduleViewSet(found, card, NoduleViews(elsewhere=0.0), seed=0)
    shares = {}
    for number in range(9):
        view = views[Key(number, (8, 32, 32))]
        assert view["raters"].shape == (4, 8, 32, 32)
        shares.setdefault(round(float(view["presence"]), 2), view)
    assert set(shares) == {0.0, 0.75, 1.0}
    assert not shares[0.0]["drew"].any() and not shares[0.0]["raters"].any()
    assert not shares[1.0]["drew"][2:].any()


def test_what_is_no_ct_is_refused_by_name(nodules: NoduleSet, tmp_path: Path) -> None:
    other = load_cases(as_nnunet(tmp_path / "set", nodules, shift=5000.0))
    with pytest.raises(DataError, match=r"0001_0 does not seem to be in Hounsfield units"):
        lesions_of(other)


def test_a_model_is_pointed_at_the_lesion_of_each_volume(folder: Path, zipped: Path) -> None:
    card = load_model("nodule-3d", "cpu").card
    assert [one.centre for one in map(cases_for(card, folder).__getitem__, range(3))] == [
        (3, 24, 24)
    ] * 3
    assert isinstance(cases_for(card, zipped), NoduleSet)
    hippocampus = load_model("hippocampus-3d", "cpu").card
    assert cases_for(hippocampus, folder)[0].centre is None


@pytest.mark.parametrize("which", ["zip", "nnunet"])
def test_one_command_learns_and_one_measures_without_named_validation(
    which: str, zipped: Path, folder: Path, tmp_path: Path
) -> None:
    data, out = str(zipped if which == "zip" else folder), str(tmp_path / "ward")
    common = ["--device", "cpu", "--data", data]
    learn = [
        "train", *common, "--recipe", "nodule-3d", "--start", "nodule-3d", "--out", out,
        "--workers", "0", "--steps", "1", "--set", "batch=1", "--set", "samples=4",
        "--set", "validation_cases=1", "--set", "crop=[8,32,32]",
    ]  # fmt: skip
    result = CliRunner().invoke(app, learn)
    assert result.exit_code == 0, (result.output, result.exception)
    assert "2 images to learn from, 1 to watch." in result.stderr
    told = CliRunner().invoke(app, ["evaluate", *common, "--model", out, "--cases", "2"])
    assert told.exit_code == 0, (told.output, told.exception)
    figures = json.loads(told.stdout)
    assert figures["n_cases"] == 2 and "presence_brier" in figures and "groups" in figures


def test_what_images_look_like_is_looked_at_around_the_lesion(
    nodules: NoduleSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, seen = as_nnunet(tmp_path / "set", nodules), []
    monkeypatch.setattr(likeness, "FEWEST", 1)
    looked = likeness.case_features

    def look(card: ModelCard, case: Case) -> np.ndarray:
        seen.append(case.centre)
        return looked(card, case)

    monkeypatch.setattr(likeness, "case_features", look)
    model = tmp_path / "m"
    shutil.copytree(load_model("nodule-3d", "cpu").folder, model)
    CliRunner().invoke(
        app, ["likeness", "--model", str(model), "--data", str(folder), "--val", str(folder)]
    )
    assert set(seen) == {(3, 24, 24)}
