"""Fitting a head: what was taken from it is found again, on outlines drawn before."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from napari_ssn.cli.app import app
from napari_ssn.documents.card import read_card
from napari_ssn.errors import DataError, ModelError, SSNError
from napari_ssn.geometry.volume import Volume
from napari_ssn.network.models import Model, load_model, save_model
from napari_ssn.training import heads
from napari_ssn.training.cases import Case
from napari_ssn.training.heads import FIGURES, fit_head, fitted_tensors, with_head
from tests.support.helpers import noise_image, tiny_model
from tests.support.sets import slice_files, write

TAKEN, MOVED = [0.5, 0.5], [0.6]
# Small, as hundreds of heads are tried.
SPACE = (16, 16)


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of the draws: heads are compared with the same ones, however many these are."""
    monkeypatch.setattr(heads, "SAMPLES", 25)
    monkeypatch.setattr(heads, "HYPOTHESES", 250)


@dataclass
class Drawn:
    """Cases whose raters are four draws of a model."""

    model: Model
    count: int
    sha256: str = "0" * 64
    cases: list[Case] = field(init=False)

    def __post_init__(self) -> None:
        self.cases = []
        for number in range(self.count):
            volume = Volume(noise_image(SPACE, seed=number)[None], np.eye(4))
            raters = self.model.segment(volume).sample(4, seed=90 + number, pixel_noise=True)
            self.cases.append(Case(str(number), volume, raters))

    @property
    def patients(self) -> np.ndarray:
        return np.arange(self.count)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, number: int) -> Case:
        return self.cases[number]


@pytest.fixture
def model(tmp_path: Path) -> Model:
    return load_model(tiny_model(tmp_path / "tiny", region=SPACE, rank=len(TAKEN)), "cpu")


def changed(model: Model, folder: Path) -> Model:
    save_model(folder, model.card, fitted_tensors(model.network, TAKEN, MOVED))
    return load_model(str(folder), "cpu")


@pytest.mark.parametrize("classes", [2, 3])
def test_weights_with_the_numbers_in_them_give_what_the_distribution_says(
    tmp_path: Path, classes: int
) -> None:
    model = load_model(tiny_model(tmp_path / "tiny", classes=classes), "cpu")
    columns, shifts = [0.5, 1.5, 2.0], [0.7, -0.3][: classes - 1]
    before = {name: one.clone() for name, one in model.network.state_dict().items()}
    save_model(tmp_path / "other", model.card, fitted_tensors(model.network, columns, shifts))
    assert all(torch.equal(one, before[k]) for k, one in model.network.state_dict().items())
    volume = Volume(noise_image((32, 32))[None], np.eye(4))
    found = load_model(str(tmp_path / "other"), "cpu").segment(volume)
    expected = with_head(model.segment(volume), columns, shifts)
    for name in ("mean", "cov_factor", "cov_diag"):
        torch.testing.assert_close(getattr(found, name), getattr(expected, name))
    assert not torch.equal(found.cov_factor, model.segment(volume).cov_factor)


def test_what_was_taken_from_a_head_is_found_again(model: Model, tmp_path: Path) -> None:
    cases = Drawn(model, 20)
    found = fit_head(changed(model, tmp_path / "less"), cases, "draws")
    whole = fit_head(model, cases, "draws")
    # Halved, and moved towards the label: the search goes back both ways.
    assert min(found.head.columns) > 1.5 and found.head.shifts[0] < -0.4
    for name in FIGURES:
        assert found.after[name] < found.before[name]
        assert found.after[name] < whole.before[name] + 0.02
    # Of the model that drew them there is nothing to win but the chance of four draws.
    assert sum(whole.before.values()) - sum(whole.after.values()) < 0.03
    assert found.head.cases == 20 and found.tried > 4 and found.head.data == "draws"


def test_few_outlines_and_heads_without_columns_are_refused(model: Model, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"on 3 images.*at least 20"):
        fit_head(model, Drawn(model, 3), "few")
    model.network.covariance = "diagonal"
    with pytest.raises(ModelError, match="no directions"):
        fit_head(model, Drawn(model, 1), "none")


def test_the_command_writes_a_model_of_its_own(tmp_path: Path) -> None:
    folder = tiny_model(tmp_path / "tiny", centred=True, region=SPACE, rank=2, calibration=1.5)
    data = write(tmp_path / "data.zip", slice_files(20, SPACE[0]))
    out = tmp_path / "fitted"
    args = ["fit-head", "--model", str(folder), "--data", str(data), "--named", "slices"]
    ran = CliRunner().invoke(app, [*args, "--out", str(out), "--device", "cpu"])
    assert ran.exit_code == 0, ran.output
    said = json.loads(ran.stdout)
    card, head = read_card(out), read_card(out).training.head
    assert head is not None and head.columns == said["columns"] and head.data == "slices"
    assert said["cases"] == head.cases >= 20
    assert sum(said["after"].values()) < sum(said["before"].values())
    # What was measured with other weights is not said of these.
    assert card.calibration is None and card.metrics == {}
    assert card.weights_sha256 != read_card(folder).weights_sha256
    load_model(str(out), "cpu")
    again = CliRunner().invoke(app, [*args, "--out", str(out), "--device", "cpu"])
    assert again.exit_code != 0 and "there already" in str(again.exception or again.output)
    assert read_card(out) == card


@pytest.mark.parametrize("wrong", ["model", "data", "out"])
def test_what_cannot_be_fitted_leaves_no_folder(tmp_path: Path, wrong: str) -> None:
    given = {
        "model": tiny_model(tmp_path / "tiny", centred=True),
        "data": write(tmp_path / "data.zip", slice_files(4)),
        "out": tmp_path / "fitted",
    }
    if wrong == "out":
        given["out"].write_text("a file")
    else:
        given[wrong] = tmp_path / "nowhere"
    args = [part for name, path in given.items() for part in (f"--{name}", str(path))]
    ran = CliRunner().invoke(app, ["fit-head", *args, "--named", "slices", "--device", "cpu"])
    assert ran.exit_code != 0 and isinstance(ran.exception, (SSNError, SystemExit))
    assert given["out"].is_file() == (wrong == "out") == given["out"].exists()
