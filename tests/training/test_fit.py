"""Training: it learns, it resumes, and what it writes is a model."""

from __future__ import annotations

import copy
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors

from napari_ssn.documents.card import Architecture
from napari_ssn.errors import DataError, DeviceError, ExportError
from napari_ssn.network.building import unique_state
from napari_ssn.network.models import load_model
from napari_ssn.training.batch import Batch
from napari_ssn.training.checkpoint import CHECKPOINT, read_checkpoint
from napari_ssn.training.fit import fit
from napari_ssn.training.reading import load_cases
from napari_ssn.training.recipe import Recipe
from napari_ssn.training.recipes import read_recipe
from napari_ssn.training.schedule import Minutes, rate_by_clock
from napari_ssn.training.slices import SliceSet, load_slices
from napari_ssn.training.trainer import Trainer
from tests.support import warm
from tests.support.helpers import command
from tests.support.sets import RECIPE, nnunet_folder, slice_files, write


@pytest.fixture
def recipe_file(tmp_path: Path) -> Path:
    path = tmp_path / "recipe.toml"
    path.write_text(RECIPE)
    return path


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> SliceSet:
    return load_slices(write(tmp_path_factory.mktemp("data") / "a.zip", slice_files(12)))


@dataclass(frozen=True)
class Learnt:
    """A run from its first step to its last: its folder, its trainer and what each step told."""

    folder: Path
    trainer: Trainer
    told: list[dict[str, float]]


@pytest.fixture(scope="module")
def learnt(data: SliceSet, tmp_path_factory: pytest.TempPathFactory) -> Learnt:
    folder = tmp_path_factory.mktemp("learnt")
    (folder / "recipe.toml").write_text(RECIPE)
    recipe, card = read_recipe(folder / "recipe.toml")
    told: list[dict[str, float]] = []
    trainer = fit(
        data, data, folder / "out", recipe, card, device="cpu", workers=1,
        report=lambda _step, _steps, values: told.append(values),
    )  # fmt: skip
    return Learnt(folder / "out", trainer, told)


def test_training_learns_and_leaves_a_model(learnt: Learnt, data: SliceSet) -> None:
    trainer, told = learnt.trainer, learnt.told
    recipe, card = trainer.recipe, trainer.card
    assert trainer.step == len(told) == 30
    assert set(told[0]) == {"total", "skipped", "cross_entropy"}
    assert set(told[25]) == {"total", "skipped", "likelihood", "energy"}
    assert [h["step"] for h in trainer.history] == [15, 30]
    assert all(np.isfinite(v) for values in told for v in values.values())
    model = load_model(learnt.folder, "cpu")
    assert model.card.training.steps == 30
    assert model.card.training.sha256 == data.sha256
    assert model.card.training.recipe["learning_rate"] == 5e-3
    # The bright disc is easy: it must be found, and a random network does not find it.
    assert trainer.validate(data)["ged2_v_16"] < 0.5
    assert Trainer(recipe, card, "cpu").validate(data)["ged2_v_16"] > 0.6


def test_a_resumed_run_goes_on_where_it_stopped(
    tmp_path: Path, recipe_file: Path, data: SliceSet, learnt: Learnt
) -> None:
    recipe, card = read_recipe(recipe_file)
    out = tmp_path / "out"

    class Killed(Exception):
        pass

    def kill(step: int, _steps: int, _values: dict[str, float]) -> None:
        if step == 12:
            raise Killed

    with pytest.raises(Killed):
        fit(data, data, out, recipe, card, device="cpu", workers=0, save_every_s=0, report=kill)
    resumed = Trainer(recipe, card, "cpu")
    with pytest.raises(DataError, match="made from other data"):
        resumed.resume(out)
    resumed.data_sha256 = data.sha256
    assert resumed.resume(out)
    assert resumed.step == 12
    steps: list[int] = []
    fit(
        data, data, out, recipe, card, device="cpu", workers=0,
        report=lambda step, _steps, _values: steps.append(step),
    )  # fmt: skip
    assert steps == list(range(13, 31))
    assert not list(out.glob(".*.part"))
    # Nothing was lost or repeated: the weights are those of a run that was never stopped, and
    # whose views another process made.
    once, twice = (load_model(f, "cpu").card for f in (learnt.folder, out))
    assert once.weights_sha256 == twice.weights_sha256
    for a, b in zip(once.training.history, twice.training.history, strict=True):
        # Of the mean losses since the last validation a stopped run has lost the first part.
        assert {k: a[k] for k in ("ged2_v_16", "dice/nodule")} == {
            k: b[k] for k in ("ged2_v_16", "dice/nodule")
        }


def test_a_batch_too_large_for_the_memory_is_computed_in_parts(
    tmp_path: Path, recipe_file: Path, data: SliceSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Batch statistics would depend on the parts; those of an instance do not.
    recipe, card = read_recipe(
        recipe_file,
        changes={
            "architecture.arguments": {"features": [8] * 6, "norm": "instance"},
            "crop": 32,
        },
    )
    image = torch.from_numpy(data.images[:4]).float().unsqueeze(1) / 255
    raters = torch.from_numpy(np.stack([data[i].raters for i in range(4)]))
    said: list[str] = []
    small, large = (Trainer(recipe, card, "cpu", say=said.append) for _ in range(2))
    room = 2
    forward = type(small.network.module).forward

    def full(self: torch.nn.Module, x: torch.Tensor, *rest: object) -> object:
        if self is small.network.module and len(x) > room:
            raise torch.OutOfMemoryError("out of memory")
        return forward(self, x, *rest)

    monkeypatch.setattr(type(small.network.module), "forward", full)
    in_parts, whole = small.update(Batch(image, raters)), large.update(Batch(image, raters))
    assert small.parts == 2 and said == [
        "The device's memory is full: each batch of 4 is now computed in 2 parts."
    ]
    assert in_parts["total"] == pytest.approx(whole["total"], rel=1e-5)
    for (name, a), b in zip(
        small.network.module.named_parameters(), large.network.module.parameters(), strict=True
    ):
        # The warm-up trains the mean alone.
        assert (a.grad is None) == name.startswith(("factor", "log_diag"))
        if a.grad is not None:
            torch.testing.assert_close(a.grad, b.grad, rtol=1e-3, atol=1e-6)
    room = 0
    with pytest.raises(DeviceError, match="a single view"):
        small.update(Batch(image, raters))
    assert small.step == 1


def test_a_run_can_start_from_a_model(tmp_path: Path, recipe_file: Path, data: SliceSet) -> None:
    recipe, card = read_recipe(recipe_file, changes={"steps": 10, "warmup": 2})
    fit(data, data, tmp_path / "first", recipe, card, device="cpu", workers=0)
    said: list[str] = []
    model = load_model(tmp_path / "first", "cpu")
    wider = read_recipe(recipe_file, changes={"steps": 1, "architecture.rank": 5})[0]
    second = fit(
        data, data, tmp_path / "second", wider, card, device="cpu", workers=0,
        start=str(tmp_path / "first"), say=said.append,
    )  # fmt: skip
    assert second.network.module.rank == 5
    assert said == [f"Starting from {len(unique_state(model.network)) - 2} tensors of Small."]
    fresh = Trainer(wider, card, "cpu")
    fresh.start_from(model)
    torch.testing.assert_close(fresh.average.mean.bias, model.network.mean.bias)
    other = read_recipe(recipe_file, changes={"architecture.features": 4})[0].model_copy(
        update={"architecture": Architecture(backbone="UNet", features=4, rank=1, arguments={
            "channels": [3, 3], "strides": [2]})}
    )  # fmt: skip
    with pytest.raises(DataError, match="another network than the recipe's"):
        Trainer(other, card, "cpu").start_from(model)


def test_a_network_that_lists_its_layers_twice_is_averaged_once(tmp_path: Path) -> None:
    cases = load_cases(nnunet_folder(tmp_path / "set", count=3))
    changes = {"steps": 2, "warmup": 0, "average": 0.5, "batch": 2}
    recipe, card = read_recipe(None, cases, "set", changes)
    # MONAI's own, which our `StridedUNet` is not.
    recipe.architecture.arguments["res_block"] = True
    trainer = fit(cases, cases, tmp_path / "out", recipe, card, device="cpu", workers=0)
    names = trainer.average.state_dict().keys()
    once = unique_state(trainer.average)
    assert recipe.architecture.backbone == "DynUNet" and len(once) < len(names)
    again = Trainer(recipe, card, "cpu")
    before = unique_state(copy.deepcopy(again.average))
    again.network.module.load_state_dict(unique_state(trainer.network.module), strict=False)
    again.step = 100
    again._follow()
    for name, value in unique_state(again.average).items():
        expected = torch.lerp(before[name], unique_state(again.network.module)[name], 0.5)
        torch.testing.assert_close(value, expected)
    loaded = load_model(tmp_path / "out", "cpu")
    for name, value in unique_state(loaded.network).items():
        torch.testing.assert_close(value, once[name])
    again.data_sha256 = cases.sha256
    assert again.resume(tmp_path / "out") and again.step == 2
    # Its last step was measured, though no validation was due.
    assert [row["step"] for row in loaded.card.training.history] == [2]


def test_data_of_another_voxel_size_than_the_recipe_is_refused(tmp_path: Path) -> None:
    cases = load_cases(nnunet_folder(tmp_path / "set", count=2))
    recipe, card = read_recipe(None, cases, "set", {"steps": 1, "warmup": 0, "batch": 2})
    # The axes of a file come in any order.
    other = card.model_copy(update={"spacing_mm": list(cases.spacing_mm(0)[::-1])})
    fit(cases, cases, tmp_path / "same", recipe, other, device="cpu", workers=0)
    other = card.model_copy(update={"spacing_mm": [9.0, 1.0, 1.0]})
    with pytest.raises(DataError, match="voxels of 9 × 1 × 1 mm, and those of"):
        fit(cases, cases, tmp_path / "out", recipe, other, device="cpu", workers=0)


@pytest.mark.slow
def test_two_processes_learn_as_one_does(
    tmp_path: Path, recipe_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    archive = write(tmp_path / "a.zip", slice_files(12))
    curves = []
    for processes in (1, 2):
        out = tmp_path / f"out{processes}"
        arguments = [
            "train", "--data", str(archive),
            "--val", str(archive), "--recipe", str(recipe_file), "--out", str(out),
            "--device", "cpu", "--devices", str(processes), "--workers", "0",
            "--set", "steps=15", "--set", "validate_every=5", "--set", "batch=8",
            "--set", "warmup=10",
        ]  # fmt: skip
        if processes == 1:
            status, said, wrong = command(monkeypatch, capsys, *arguments)
        else:
            # The first begins warm; the others are started by it as it says it was.
            done = warm.run(
                [sys.executable, "-m", "napari_ssn", *arguments], capture_output=True, text=True,
                timeout=300, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"},
            )  # fmt: skip
            status, said, wrong = done.returncode, done.stdout, done.stderr
        assert status == 0, wrong
        # One process speaks, however many compute.
        assert said.count("The model small is in the folder") == 1
        history = load_model(out, "cpu").card.training.history
        assert [row["step"] for row in history] == [5, 10, 15]
        curves.append([(row["total"], row["ged2_v_16"]) for row in history])
    one, two = np.array(curves[0]), np.array(curves[1])
    print("loss and GED² with one process:", one.round(3).tolist())
    print("with two processes:", two.round(3).tolist())
    # Noise: other draws of z, and batch statistics of two views instead of four.
    assert np.abs(one[:, 0] - two[:, 0]).max() < 0.25 * one[0, 0]
    assert two[-1, 1] < 0.5 and one[-1, 1] < 0.5


def test_a_checkpoint_restores_every_number(
    tmp_path: Path, recipe_file: Path, data: SliceSet
) -> None:
    recipe, card = read_recipe(recipe_file)
    first = Trainer(recipe, card, "cpu")
    image = torch.from_numpy(data.images[:4]).float().unsqueeze(1) / 255
    raters = torch.from_numpy(np.stack([data[i].raters for i in range(4)]))
    first.step = recipe.warmup
    first.update(Batch(image, raters))
    first.save(tmp_path)
    second = Trainer(recipe, card, "cpu")
    second.resume(tmp_path)
    # The same batch next gives the same loss to the last bit, draws included.
    assert first.update(Batch(image, raters)) == second.update(Batch(image, raters))
    for a, b in zip(
        first.average.state_dict().values(), second.average.state_dict().values(), strict=True
    ):
        assert torch.equal(a, b)


def test_another_recipe_does_not_resume(tmp_path: Path, recipe_file: Path) -> None:
    recipe, card = read_recipe(recipe_file)
    Trainer(recipe, card, "cpu").save(tmp_path)
    longer = Trainer(recipe.model_copy(update={"steps": 99}), card, "cpu")
    assert longer.resume(tmp_path)
    other = Trainer(recipe.model_copy(update={"samples": 4}), card, "cpu")
    with pytest.raises(DataError, match="another samples"):
        other.resume(tmp_path)


class Ticks:
    """A clock that goes on by some seconds each time that it is read."""

    def __init__(self, by: float) -> None:
        self.now, self.by = 1000.0, by

    def __call__(self) -> float:
        self.now += self.by
        return self.now


def test_minutes_decide_when_a_run_ends_and_how_fast_it_learns(
    tmp_path: Path, recipe_file: Path, data: SliceSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, card = read_recipe(recipe_file, changes={"schedule": "constant", "warmup": 4})
    rates: list[float] = []
    shares: list[float] = []
    update = Trainer.update

    def noted(self: Trainer, batch: Batch) -> dict[str, float]:
        rates.append(self.learning_rate())
        return update(self, batch)

    monkeypatch.setattr(Trainer, "update", noted)
    # Read twice a step, to learn and to save: three minutes are 30 steps or so.
    trainer = fit(
        data, data, tmp_path / "out", recipe, card, device="cpu", workers=0,
        minutes=3.0, clock=Ticks(3.0), report=lambda _step, share, _values: shares.append(share),
    )  # fmt: skip
    assert 25 < trainer.step < 35 and trainer.share == 1
    assert shares == sorted(shares) and shares[-2] < 1 == shares[-1]
    top = int(np.argmax(rates))
    # Up in a fiftieth of the time, then down all the way, and none left.
    assert top <= 1 and rates[top] == pytest.approx(recipe.learning_rate, rel=0.01)
    assert rates[: top + 1] == sorted(rates[: top + 1])
    assert rates[top:] == sorted(rates[top:], reverse=True)
    assert 0 <= rates[-1] < 0.01 * recipe.learning_rate and min(rates) >= 0
    loaded = load_model(tmp_path / "out", "cpu").card.training
    assert loaded.steps == trainer.step and loaded.recipe["minutes"] == 3
    assert loaded.history[-1]["step"] == trainer.step
    # Half of the way by the cosine's own formula.
    assert rate_by_clock(recipe, 0.5) == pytest.approx(recipe.learning_rate / 2)
    assert rate_by_clock(recipe, 0.01) == pytest.approx(recipe.learning_rate / 2, rel=1e-3)


def test_time_spent_is_kept_and_new_minutes_are_planned_anew(
    tmp_path: Path, recipe_file: Path, data: SliceSet
) -> None:
    recipe, card = read_recipe(recipe_file, changes={"schedule": "constant", "warmup": 4})
    out = tmp_path / "out"

    class Killed(Exception):
        pass

    def kill(_step: int, share: float, _values: dict[str, float]) -> None:
        if share > 0.4:
            raise Killed

    ways: dict[str, Any] = {"device": "cpu", "workers": 0}
    short = recipe.model_copy(update={"steps": 5})
    # A run by steps at a constant rate …
    assert fit(data, data, out, short, card, **ways).spent_s == 0
    # … is finished by the clock, stopped at two fifths of it, and goes on from there.
    with pytest.raises(Killed):
        fit(
            data, data, out, recipe, card, minutes=3.0, clock=Ticks(3.0), report=kill,
            save_every_s=0, **ways,
        )  # fmt: skip
    stopped = read_checkpoint(out)
    assert stopped is not None and stopped.plan == Minutes(3.0, 0.0)
    assert stopped.recipe == recipe and stopped.step > 5
    assert 0.4 < stopped.plan.share(stopped.spent_s) < 0.5
    shares: list[float] = []

    def note(_step: int, share: float, _values: dict[str, float]) -> None:
        shares.append(share)

    fit(data, data, out, recipe, card, minutes=3.0, clock=Ticks(3.0), report=note, **ways)
    assert 0.4 < shares[0] < 0.5 and shares[-1] == 1
    said: list[str] = []
    fit(data, data, out, recipe, card, minutes=3.0, clock=Ticks(3.0), say=said.append, **ways)
    assert said == ["Nothing is left to do: 3 minutes were spent before."] or (
        said[0].startswith("Nothing is left to do: 3.0")
    )
    # Two minutes more: a plan of its own for what is left, from its first second to its last.
    shares.clear()
    more = fit(data, data, out, recipe, card, minutes=5.0, clock=Ticks(4.5), report=note, **ways)
    assert 0 < shares[0] < 0.1 and shares[-1] == 1 and more.spent_s == pytest.approx(300, abs=15)
    assert more.plan is not None and more.plan.began_s == pytest.approx(180, abs=15)
    # A checkpoint of before knows of no time, and opens.
    path = out / CHECKPOINT
    with safe_open(path, framework="pt") as file:
        about, tensors = file.metadata(), {n: file.get_tensor(n) for n in file.keys()}  # noqa: SIM118
    del about["spent_s"], about["plan"]
    path.write_bytes(save_tensors(tensors, metadata=about))
    old = read_checkpoint(out)
    assert old is not None and old.spent_s == 0 and old.plan is None
    about["plan"] = '{"minutes": -1}'
    path.write_bytes(save_tensors(tensors, metadata=about))
    with pytest.raises(DataError, match="damaged"):
        read_checkpoint(out)


def test_views_do_not_depend_on_how_long_a_run_is(
    tmp_path: Path, recipe_file: Path, data: SliceSet, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe, card = read_recipe(recipe_file, changes={"warmup": 2, "steps": 6})
    seen: dict[str, list[torch.Tensor]] = {"steps": [], "minutes": []}
    update = Trainer.update
    for how, minutes in (("steps", None), ("minutes", 1.0)):

        def noted(self: Trainer, batch: Batch, how: str = how) -> dict[str, float]:
            seen[how].append(batch.image)
            return update(self, batch)

        monkeypatch.setattr(Trainer, "update", noted)
        fit(
            data, data, tmp_path / how, recipe, card, device="cpu", workers=0,
            minutes=minutes, clock=Ticks(3.0),
        )  # fmt: skip
    assert len(seen["steps"]) == 6 < len(seen["minutes"])
    for a, b in zip(seen["steps"], seen["minutes"], strict=False):
        assert torch.equal(a, b)


def test_a_clock_that_is_set_back_does_not_turn_the_plan_back(
    recipe_file: Path,
) -> None:
    recipe, card = read_recipe(recipe_file)
    trainer = Trainer(recipe, card, "cpu")
    times = iter([0.0, 30.0, 10.0, 45.0, 400.0])
    trainer.go_by_clock(1.0, lambda: next(times))
    shares = []
    for _ in range(4):
        trainer.look_at_clock()
        shares.append(trainer.share)
    assert shares == [0.5, 0.5, 0.75, 1.0]
    assert trainer.learning_rate() == 0
    with pytest.raises(ValueError, match="more than 0"):
        Minutes(0)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("steps = 30", "steps = 0", "steps"),
        ("steps = 30", "stepz = 30", "stepz"),
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
    recipe, card = read_recipe(recipe_file)
    Trainer(recipe, card, "cpu").save(tmp_path)
    path = tmp_path / CHECKPOINT
    whole = path.read_bytes()
    for content in (whole[: len(whole) // 2], b"", b"no checkpoint"):
        path.write_bytes(content)
        with pytest.raises(DataError, match="checkpoint is damaged"):
            Trainer(recipe, card, "cpu").resume(tmp_path)
    path.write_bytes(whole)
    with safe_open(path, framework="pt") as file:
        about = file.metadata()
    tensors = load_tensors(whole)
    del tensors["average.mean.bias"]
    path.write_bytes(save_tensors(tensors, metadata=about))
    with pytest.raises(DataError, match="checkpoint is damaged"):
        Trainer(recipe, card, "cpu").resume(tmp_path)


def test_a_folder_that_cannot_be_written_is_said_before_training(
    tmp_path: Path, recipe_file: Path, data: SliceSet
) -> None:
    recipe, card = read_recipe(recipe_file)
    (tmp_path / "file").write_text("in the way")
    steps: list[int] = []
    with pytest.raises(ExportError, match="folder cannot be made"):
        fit(
            data, data, tmp_path / "file" / "out", recipe, card, device="cpu", workers=0,
            report=lambda step, _steps, _values: steps.append(step),
        )  # fmt: skip
    assert steps == []
