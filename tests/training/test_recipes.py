"""Recipes: found by name, completed from the data, and refused in a sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from napari_ssn.cli.app import app
from napari_ssn.errors import DataError, ModelError, SSNError
from napari_ssn.network.building import build_network
from napari_ssn.network.models import load_model
from napari_ssn.training.cases import Subset
from napari_ssn.training.reading import cautions, load_cases
from napari_ssn.training.recipes import find_recipe, read_recipe, recipes
from napari_ssn.training.slices import load_slices
from napari_ssn.training.trainer import Trainer
from napari_ssn.training.views import ViewSet, view_loader
from tests.support.sets import nnunet_folder, slice_files, write


def test_the_papers_recipes_and_the_shipped_ones_are_found() -> None:
    known = recipes()
    # Whether it has been trained or not.
    assert "nodule-3d" in known
    assert {"ssn-lidc", "ssn-brats", "lidc-2d"} <= known.keys()
    with pytest.raises(DataError, match=r"no recipe 'nothing'; there are .*ssn-lidc"):
        find_recipe("nothing")


def test_the_papers_lidc_recipe_says_what_the_paper_says_and_runs(tmp_path: Path) -> None:
    cases = load_slices(write(tmp_path / "a.zip", slice_files(3, size=128)))
    recipe, card = read_recipe(find_recipe("ssn-lidc"), cases)
    assert (recipe.steps, recipe.batch, recipe.samples, recipe.energy) == (500_000, 12, 20, 0)
    assert recipe.architecture.rank == 10 and recipe.optimiser == "adam"
    assert recipe.architecture.arguments["channels"] == [32, 64, 128, 192, 192, 192, 192]
    plan = recipe.plan(card)
    assert plan.keys(0)[0].size == (128, 128) and len(plan.keys(7)) == 12
    trainer = Trainer(recipe, card, "cpu")
    views = ViewSet(cases, card, recipe.views, 0)
    for batch in view_loader(views, plan._replace(batch=2), (0, 1), workers=0):
        assert set(trainer.update(batch)) == {"total", "skipped", "likelihood"}


def test_the_papers_brats_recipe_fits_four_channels(tmp_path: Path) -> None:
    cases = load_cases(nnunet_folder(tmp_path / "set", channels=4))
    recipe, card = read_recipe(find_recipe("ssn-brats"), cases, "tumour")
    assert recipe.optimiser == "rmsprop" and card.region == [112, 112, 112]
    assert card.labels[1].name == "head" and card.name == "tumour"
    network = build_network(recipe.architecture, 4, card.classes, 3)
    assert network.rank == 10
    # The whole recipe on a patch that a small machine can hold.
    trainer = Trainer(recipe, card, "cpu")
    plan = recipe.plan(card)._replace(crop=(32, 32, 16), batch=2)
    views = ViewSet(cases, card, recipe.views, 0)
    for batch in view_loader(views, plan, (0, 2), workers=0):
        assert batch.image.shape == (2, 4, 32, 32, 16)
        assert trainer.update(batch)["skipped"] == 0


def test_data_without_a_recipe_gets_one(tmp_path: Path) -> None:
    volumes = load_cases(nnunet_folder(tmp_path / "set", channels=2))
    recipe, card = read_recipe(None, volumes, "my model!")
    assert card.name == "my-model-" and card.title == "my model!"
    assert card.channels == ["sequence 0", "sequence 1"] and card.licence == "CC0-1.0"
    assert [label.name for label in card.labels] == ["background", "head", "tail"]
    assert card.region == [24, 24, 16] and not card.centred and recipe.views.mirror == []
    assert card.spacing_range_mm == pytest.approx((0.7, 2.5), rel=1e-5)
    slices = load_slices(write(tmp_path / "a.zip", slice_files(3)))
    recipe, card = read_recipe(None, slices)
    assert card.centred and card.normalisation == "stretch" and card.region == [32, 32]
    assert recipe.architecture.centre_radius == 10.0


@pytest.mark.parametrize(
    ("content", "changes", "words"),
    [
        ("[recipe]\nsteps = 0", {}, "steps"),
        ("[recipes]\nsteps = 1", {}, "recipes is neither"),
        ("recipe = 3", {}, "should be tables"),
        ("", {"stepz": 3}, "stepz"),
        ("", {"steps.more": 3}, "has no 'steps.more'"),
        ("", {"crop": [16, 16]}, "crop has 2 axes, and the model 3"),
        ("", {"crop": 8}, "at least 16 voxels"),
        ("", {"views.mirror": [3]}, "axes 0 to 2"),
        ("", {"likelihood": 0, "energy": 0}, "are all zero"),
        ("", {"architecture.covariance": "diagonal"}, "has rank 1"),
    ],
)
def test_what_is_wrong_with_a_recipe_is_named(
    tmp_path: Path, content: str, changes: dict[str, object], words: str
) -> None:
    cases = load_cases(nnunet_folder(tmp_path / "set"))
    path = tmp_path / "recipe.toml"
    path.write_text(content)
    with pytest.raises(DataError) as caught:
        read_recipe(path, cases, "set", changes)
    assert words in str(caught.value)


def test_a_network_that_cannot_take_the_crop_is_said_before_training(tmp_path: Path) -> None:
    cases = load_cases(nnunet_folder(tmp_path / "set"))
    for crop, words in ((20, "cannot take 20 × 20 × 16 voxels"), (16, None)):
        recipe, card = read_recipe(None, cases, "set", {"crop": crop})
        if words is None:
            Trainer(recipe, card, "cpu")
            continue
        with pytest.raises(ModelError, match=words):
            Trainer(recipe, card, "cpu")


def test_one_command_trains_on_volumes_and_the_model_loads(
    tmp_path: Path, keeping: list[bool]
) -> None:
    folder = nnunet_folder(tmp_path / "set", count=5, raters=2)
    out = tmp_path / "organ"
    command = [
        "train", "--data", str(folder), "--out", str(out), "--device", "cpu", "--workers", "0",
        "--steps", "4", "--rank", "3", "--set", "warmup=2", "--set", "validate_every=2",
        "--set", "batch=2", "--set", "optimiser=adam",
    ]  # fmt: skip
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, (result.output, result.exception)
    assert keeping == [True]
    assert "4 images to learn from, 1 to watch." in result.stderr
    assert "Dice head" in result.stdout and "The model organ is in the folder" in result.stdout
    model = load_model(out, "cpu")
    assert model.card.architecture.rank == 3 and model.card.training.steps == 4
    assert model.card.training.recipe["optimiser"] == "adam"
    case = load_cases(folder)[0]
    assert model.segment(case.volume).label_map().shape == case.raters.shape[1:]
    # The same command again finds nothing left to do.
    again = CliRunner().invoke(app, command)
    assert "Caution" not in result.stderr
    assert again.exit_code == 0 and "Nothing is left to do: 4 steps" in again.stdout


def test_a_designed_card_says_how_the_data_lies(tmp_path: Path) -> None:
    cases = load_cases(nnunet_folder(tmp_path / "set", count=2))
    card = read_recipe(None, cases, "set")[1]
    assert card.orientation == cases.orientation(0) and card.orientation is not None
    np.testing.assert_allclose(card.voxel_mm, cases.spacing_mm(0))
    cases._letters[1] = card.orientation[::-1]  # type: ignore[attr-defined]
    cases._geometry[1] = (cases.space(1), (9.0, 9.0, 9.0))  # type: ignore[attr-defined]
    card = read_recipe(None, cases, "set")[1]
    assert card.orientation is None and card.spacing_mm is None


def test_what_may_be_wrong_with_the_data_is_said(tmp_path: Path) -> None:
    one = load_cases(nnunet_folder(tmp_path / "set"))
    assert cautions(one, Subset(one, []), centred=False) == []
    both = cautions(one, one, centred=False)
    assert len(both) == 1 and "2 names are both among" in both[0] and "case_0" in both[0]
    one._geometry[0] = (one._geometry[0][0], (2.0, 2.0, 2.0))  # type: ignore[attr-defined]
    assert "bring them to one size" in cautions(one, Subset(one, []), centred=False)[0]
    assert cautions(one, Subset(one, []), centred=True) == []


def test_a_recipe_of_the_other_dimension_is_refused(tmp_path: Path) -> None:
    folder = nnunet_folder(tmp_path / "set", count=3)
    command = ["train", "--data", str(folder), "--out", str(tmp_path / "out"), "--recipe"]
    result = CliRunner().invoke(app, [*command, "ssn-lidc", "--device", "cpu"])
    assert "of a 2D model, and the data is 3D" in str(result.exception)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--covariance", "none"], None),
        (["--covariance", "diagonal", "--set", "energy=0"], None),
        (["--covariance", "round"], "covariance"),
        (["--set", "energy"], "FIELD=VALUE"),
        (["--device", "toaster"], "Unknown device"),
        (["--precision", "float7"], "Training cannot start so"),
        (["--set", "patch=3"], "patch: there is no such field"),
    ],
)
def test_baselines_are_switches(tmp_path: Path, arguments: list[str], words: str | None) -> None:
    archive = write(tmp_path / "a.zip", slice_files(4))
    out = tmp_path / "out"
    result = CliRunner().invoke(
        app,
        [
            "train", "--data", str(archive), "--out", str(out), "--device", "cpu",
            "--workers", "0", "--steps", "2", "--set", "warmup=1", "--set", "batch=2",
            "--set", "validate_every=2", *arguments,
        ],
    )  # fmt: skip
    if words is not None:
        assert isinstance(result.exception, SSNError) and words in str(result.exception)
        assert not out.exists()
        return
    assert result.exit_code == 0, (result.output, result.exception)
    model = load_model(out, "cpu")
    case = load_cases(archive)[0]
    dist = model.segment(case.volume)
    assert float(dist.cov_factor.abs().max()) == 0
    if model.card.architecture.covariance == "none":
        maps = dist.sample(4, pixel_noise=False)
        assert (maps == maps[0]).all()
