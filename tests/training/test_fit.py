"""Training: it learns, it resumes, and what it writes is a model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from napari_ssn.core.errors import DataError, ExportError
from napari_ssn.network.models import load_model
from napari_ssn.training.commands import read_recipe
from napari_ssn.training.data import SliceSet, load_slices
from napari_ssn.training.fit import CHECKPOINT, Recipe, Trainer, fit
from tests.training.test_data import slice_files, write

RECIPE = """
[card]
name = "small"
title = "Small"
version = "0"
purpose = "Tests"
licence = "CC0-1.0"
spatial_dims = 2
channels = ["grey"]
normalisation = "stretch"
region = [32, 32]
centred = true
labels = [{ name = "background", colour = "#000000" }, { name = "disc", colour = "#ffb000" }]
[card.training]
data = "drawn discs"
licence = "CC0-1.0"
attribution = "none"
[recipe]
steps = 160
batch = 4
crop = 16
whole_share = 0.25
warmup = 20
learning_rate = 5e-3
validate_every = 80
validation_slices = 6
average = 0.9
[recipe.architecture]
backbone = "BasicUNet"
arguments = { features = [8, 8, 8, 8, 8, 8], norm = "batch" }
features = 8
rank = 2
centre_radius = 5.0
"""


@pytest.fixture
def recipe_file(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE)
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> SliceSet:
    return load_slices(write(tmp_path_factory.mktemp("data") / "a.zip", slice_files(12)))


def test_training_learns_and_leaves_a_model(
    tmp_path: Path, recipe_file: Path, data: SliceSet
) -> None:
    recipe, card = read_recipe(recipe_file)
    told: list[dict[str, float]] = []
    trainer = fit(
        data, data, tmp_path / "out", recipe, card, device="cpu",
        report=lambda _step, _steps, values: told.append(values),
    )  # fmt: skip
    assert trainer.step == len(told) == 160
    assert {"cross_entropy"} == set(told[0]) - {"total"}
    assert {"likelihood", "energy"} == set(told[25]) - {"total"}
    assert [h["step"] for h in trainer.history] == [80, 160]
    assert all(np.isfinite(v) for values in told for v in values.values())
    model = load_model(tmp_path / "out", "cpu")
    assert model.card.training.steps == 160
    assert model.card.training.sha256 == data.sha256
    assert model.card.training.recipe["learning_rate"] == 5e-3
    # The bright disc is easy: it must be found, and a random network does not find it.
    assert trainer.validate(data)["ged2_v_16"] < 0.5
    assert Trainer(recipe, device="cpu").validate(data)["ged2_v_16"] > 0.6


def test_a_resumed_run_goes_on_where_it_stopped(
    tmp_path: Path, recipe_file: Path, data: SliceSet
) -> None:
    recipe, card = read_recipe(recipe_file)
    out = tmp_path / "out"

    class Killed(Exception):
        pass

    def kill(step: int, _steps: int, _values: dict[str, float]) -> None:
        if step == 24:
            raise Killed

    with pytest.raises(Killed):
        fit(data, data, out, recipe, card, device="cpu", save_every_s=0, report=kill)
    resumed = Trainer(recipe, device="cpu")
    assert resumed.resume(out)
    assert resumed.step == 24
    steps: list[int] = []
    fit(
        data, data, out, recipe, card, device="cpu",
        report=lambda step, _steps, _values: steps.append(step),
    )  # fmt: skip
    assert steps == list(range(25, 161))
    assert not list(out.glob(".*.part"))


def test_a_checkpoint_restores_every_number(
    tmp_path: Path, recipe_file: Path, data: SliceSet
) -> None:
    recipe, _ = read_recipe(recipe_file)
    first = Trainer(recipe, device="cpu")
    image = torch.from_numpy(data.images[:4]).float().unsqueeze(1) / 255
    raters = torch.from_numpy(np.stack([data.rater_maps(i) for i in range(4)]))
    first.step = recipe.warmup
    first.update(image, raters)
    first.save(tmp_path)
    second = Trainer(recipe, device="cpu")
    second.resume(tmp_path)
    # The same batch next gives the same loss to the last bit, draws included.
    assert first.update(image, raters) == second.update(image, raters)
    for a, b in zip(
        first.average.state_dict().values(), second.average.state_dict().values(), strict=True
    ):
        assert torch.equal(a, b)


def test_another_recipe_does_not_resume(tmp_path: Path, recipe_file: Path) -> None:
    recipe, _ = read_recipe(recipe_file)
    Trainer(recipe, device="cpu").save(tmp_path)
    longer = Trainer(recipe.model_copy(update={"steps": 99}), device="cpu")
    assert longer.resume(tmp_path)
    other = Trainer(recipe.model_copy(update={"samples": 4}), device="cpu")
    with pytest.raises(DataError, match="another samples"):
        other.resume(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("steps = 160", "steps = 0", "steps"),
        ("steps = 160", "stepz = 160", "stepz"),
        ('name = "small"', 'name = "no spaces please"', "name"),
        ("[recipe]", "[recipe", "no TOML"),
    ],
)
def test_a_wrong_recipe_is_named(recipe_file: Path, old: str, new: str, words: str) -> None:
    recipe_file.write_text(RECIPE.replace(old, new))
    with pytest.raises(DataError) as caught:
        read_recipe(recipe_file)
    assert words in str(caught.value)


def test_the_shipped_recipe_is_readable() -> None:
    shipped = Path(__file__).parents[2] / "src_weights" / "lidc-2d" / "recipe.toml"
    recipe, card = read_recipe(shipped)
    assert card.name == "lidc-2d" and isinstance(recipe, Recipe)


def test_a_damaged_checkpoint_is_named(tmp_path: Path, recipe_file: Path) -> None:
    recipe, _ = read_recipe(recipe_file)
    Trainer(recipe, device="cpu").save(tmp_path)
    path = tmp_path / CHECKPOINT
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"no checkpoint"):
        path.write_bytes(content)
        with pytest.raises(DataError, match="checkpoint is damaged"):
            Trainer(recipe, device="cpu").resume(tmp_path)
    path.write_bytes(whole)
    with safe_open(path, framework="pt") as file:
        about = file.metadata()
    tensors = load_tensors(whole)
    del tensors["average.mean.bias"]
    path.write_bytes(save_tensors(tensors, metadata=about))
    with pytest.raises(DataError, match="checkpoint is damaged"):
        Trainer(recipe, device="cpu").resume(tmp_path)


def test_a_folder_that_cannot_be_written_is_said_before_training(
    tmp_path: Path, recipe_file: Path, data: SliceSet
) -> None:
    recipe, card = read_recipe(recipe_file)
    (tmp_path / "file").write_text("in the way")
    steps: list[int] = []
    with pytest.raises(ExportError, match="folder cannot be made"):
        fit(
            data, data, tmp_path / "file" / "out", recipe, card, device="cpu",
            report=lambda step, _steps, _values: steps.append(step),
        )  # fmt: skip
    assert steps == []
