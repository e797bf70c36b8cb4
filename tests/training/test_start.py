"""``train --start`` with a model folder of others: data in, an SSN on top of their network out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from napari_ssn.cli.app import app
from napari_ssn.documents.card import read_card
from napari_ssn.errors import NEVER
from napari_ssn.io import read
from napari_ssn.network.models import load_model
from napari_ssn.network.others.folders import read_folder
from napari_ssn.network.others.networks import load_weights
from tests.support.bundles import bundle
from tests.support.nnunets import MODEL
from tests.support.sets import nnunet_folder, slice_files, write
from tests.support.warm import read_weights_warm


@pytest.fixture(autouse=True)
def warm(monkeypatch: pytest.MonkeyPatch) -> None:
    read_weights_warm(monkeypatch)


def data(path: Path, names: tuple[str, str] = ("anterior", "posterior")) -> Path:
    """Cases with the labels of the real model of nnU-Net."""
    folder = nnunet_folder(path, count=3)
    about = json.loads((folder / "dataset.json").read_text())
    about["labels"] = {"background": 0, names[0]: 1, names[1]: 2}
    (folder / "dataset.json").write_text(json.dumps(about))
    return folder


def train(*arguments: str | Path, code: int = 0) -> str:
    """What the command says; it is given the device and few steps."""
    common = ["--device", "cpu", "--workers", "0", "--set", "batch=1", "--set", "samples=4"]
    result = CliRunner().invoke(app, ["train", *map(str, arguments), *common])
    assert result.exit_code == code, result.output
    return " ".join(f"{result.output} {result.exception}".split())


def test_an_ssn_goes_on_from_a_network_of_nnunet(tmp_path: Path) -> None:
    folder = data(tmp_path / "set")
    # A rate of nothing: what it started from is what there is.
    same = ["--steps", "1", "--set", "learning_rate=1e-12", "--rank", "3"]
    said = train("--data", folder, "--out", tmp_path / "out", "--start", MODEL, *same)
    assert "Starting from fold 0 (nnU-Net 2): its outline is the first mean." in said
    assert "Of its 2 networks that of fold 0 is taken." in said
    assert "trained on voxels of 1.3 × 1.1 × 1 mm, and these are of" in said
    card = read_card(tmp_path / "out")
    assert card.architecture.backbone == "PlainConvUNet" and card.architecture.rank == 3
    assert card.region == [16, 24, 16] and card.normalisation == "standardise"
    assert "nnU-Net 2" in card.limits[1] and "licence" in card.limits[1]
    weights, _ = read_folder(MODEL, NEVER).sums
    assert card.training.data.endswith(f", from weights of nnU-Net 2 whose sha256 is {weights}")
    # Loaded from its folder it says what the network of nnU-Net says of the same voxels.
    model = load_model(tmp_path / "out", "cpu")
    held = read_folder(MODEL, NEVER)
    network = held.plan.build().eval()
    assert held.first is not None
    load_weights(network, held.first)
    seen = torch.randn(1, 1, 16, 24, 16, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        wanted = network(seen.permute(0, 1, 2, 4, 3)).permute(0, 1, 2, 4, 3)
        torch.testing.assert_close(model.network(seen).mean, wanted, atol=1e-3, rtol=1e-3)
    found = model.segment(read(next((folder / "imagesTr").iterdir())))
    assert (found.classes, found.rank) == (3, 3) and np.isfinite(found.mean.numpy()).all()
    # The same command goes on, and says that it starts from nothing else.
    again = train("--data", folder, "--out", tmp_path / "out", "--start", MODEL, *same)
    assert "--start was not used" in again


def test_it_learns(tmp_path: Path) -> None:
    folder = data(tmp_path / "set", ("head", "tail"))
    made = bundle(tmp_path / "bundle")
    same = ("--data", folder, "--start", made, "--set", "warmup=30", "--set", "validate_every=10")
    said = train(*same, "--out", tmp_path / "out", "--steps", "34", "--set", "learning_rate=3e-3")
    assert "Starting from the network (MONAI): its labels are others" in said
    assert "scaled by ScaleIntensityRange" in said
    card = read_card(tmp_path / "out")
    assert card.orientation == "RAS" and card.region == [16, 16, 16]
    assert [one.name for one in card.labels] == ["background", "head", "tail"]
    first, _, third, *_ = card.training.history
    assert third["total"] < first["total"]
    # After the warm-up the columns learn, too.
    train(*same, "--out", tmp_path / "still", "--steps", "1", "--set", "learning_rate=1e-12")
    before, after = (load_model(tmp_path / name, "cpu").network for name in ("still", "out"))
    assert float((before.factor.weight - after.factor.weight).detach().abs().max()) > 1e-4


@pytest.mark.parametrize(
    ("kind", "words"),
    [
        ("channels", "reads 1 channels (MRI), and the data has 2"),
        ("slices", "reads volumes, and the data is slices"),
        ("recipe", "leave the architecture out of the recipe"),
        ("none", "There is no model"),
    ],
)
def test_what_does_not_fit_is_said_before_training(kind: str, words: str, tmp_path: Path) -> None:
    start: Any = bundle(tmp_path / "bundle")
    more: list[str | Path] = []
    folder = nnunet_folder(tmp_path / "set", count=3, channels=2 if kind == "channels" else 1)
    if kind == "slices":
        folder = write(tmp_path / "slices.zip", slice_files(4))
    if kind == "recipe":
        told = '[recipe.architecture]\nbackbone = "UNet"\nfeatures = 4\nrank = 1\n'
        told += "arguments = {channels = [3, 3], strides = [2]}\n"
        (tmp_path / "recipe.toml").write_text(told)
        more = ["--recipe", tmp_path / "recipe.toml"]
    if kind == "none":
        start = tmp_path / "nowhere"
    said = train(
        *("--data", folder, "--out", tmp_path / "out", "--start", start, "--steps", "1", *more),
        code=1,
    )
    assert words in said
