"""Model folders: whole, damaged, and of strangers."""

from __future__ import annotations

import errno
import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from napari_ssn.core.measures import central_range
from napari_ssn.errors import DeviceError, ExportError, ModelError
from napari_ssn.network import places
from napari_ssn.network.device import choose_device, device_title
from napari_ssn.network.models import load_model, save_model
from napari_ssn.network.places import find_model, model_folders
from tests.support.helpers import tiny_model

SIDES = {"below": 0.5, "above": 2.0}
POOLED = SIDES | {"level": 0.9, "data": "val", "readers": 4}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tiny_model(tmp_path / "tiny")


def test_what_is_saved_is_loaded(folder: Path) -> None:
    first = load_model(folder, "cpu")
    again = save_model(folder.with_name("copy"), first.card, first.network.state_dict())
    second = load_model(folder.with_name("copy"), "cpu")
    assert again == second.card == first.card
    for name, tensor in first.network.state_dict().items():
        assert torch.equal(tensor, second.network.state_dict()[name])
    assert not second.network.training
    assert not list(folder.glob(".*.part"))


def edit(folder: Path, change: Callable[[dict[str, object]], None]) -> None:
    path = folder / "model.json"
    card = json.loads(path.read_text())
    change(card)
    path.write_text(json.dumps(card))


def replace_weights(folder: Path, tensors: dict[str, torch.Tensor]) -> None:
    save_file(tensors, folder / "weights.safetensors")
    digest = hashlib.sha256((folder / "weights.safetensors").read_bytes()).hexdigest()
    edit(folder, lambda card: card.update(weights_sha256=digest))


def test_unknown_models_are_named_with_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no model 'nothing-like-it'; installed: "):
        load_model(tmp_path / "nothing-like-it")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c.pop("labels"), "labels: is missing"),
        (lambda c: c.update(surprise=1), "surprise"),
        (lambda c: c.update(card_version=99), "made for a newer napari-ssn"),
        (lambda c: c.update(region=[32]), "region has 1 axes"),
        (lambda c: c.update(orientation="RAS"), "orientation RAS is not of 2 axes"),
        (lambda c: c.update(orientation="XY"), "expected letters of"),
        (lambda c: c.update(spacing_mm=[1, 1, 1]), "spacing_mm has 3 axes"),
        (lambda c: c.update(spacing_mm=[0]), "spacing_mm.0"),
        (lambda c: c["architecture"].update(backbone="os.system"), "architecture.backbone"),
        (lambda c: c["architecture"].update(arguments={"no_such": 1}), "cannot be built"),
        (lambda c: c["architecture"].update(rank=7), "'factor.bias'"),
        (lambda c: c.update(weights_sha256="0" * 64), "sha256 is not the card's"),
        (
            lambda c: c.update(calibration=POOLED | {"patients": 9, "labels": [SIDES, SIDES]}),
            "calibration is of 2 labels, not 1",
        ),
        (lambda c: c.update(calibration=POOLED | {"patients": 9}), "go together"),
    ],
)
def test_a_damaged_card_says_what_is_wrong(
    folder: Path, change: Callable[[dict[str, object]], None], words: str
) -> None:
    edit(folder, change)
    with pytest.raises(ModelError) as caught:
        load_model(folder, "cpu")
    assert words in str(caught.value) and "\n" not in str(caught.value)
    assert str(folder) not in str(caught.value)


def test_a_card_from_before_orientation_and_voxel_size_still_loads(folder: Path) -> None:
    edit(folder, lambda card: (card.pop("orientation"), card.pop("spacing_mm")))
    card = load_model(folder, "cpu").card
    assert card.orientation is None and card.voxel_mm is None


def test_a_calibration_from_before_patients_still_states_the_range_of_all(folder: Path) -> None:
    sizes = np.array([0.0] * 40 + [100.0] * 30 + [200.0] * 30)
    edit(folder, lambda card: card.update(calibration=POOLED))
    card = load_model(folder, "cpu").card
    found = card.range_of(sizes, (32, 32))
    assert found == central_range(sizes, 0.9, (0.5, 2.0), 4) and found.patients == 0
    assert card.range_of(sizes, (3, 32, 32)) == central_range(sizes)


def test_a_calibration_by_patient_states_the_range_given_an_outline(folder: Path) -> None:
    sizes = np.array([0.0] * 40 + [100.0] * 30 + [200.0] * 30)
    new = POOLED | {"patients": 131, "labels": [SIDES]}
    edit(folder, lambda card: card.update(calibration=new))
    card = load_model(folder, "cpu").card
    found = card.range_of(sizes, (32, 32))
    assert (found.low, found.median, found.high) == (125, 150, 250)
    assert (found.level, found.readers, found.patients) == (0.9, 4, 131) and found.calibrated
    # Where no hypothesis has an outline nothing is stated of who outlines.
    assert card.range_of(np.zeros(10), (32, 32)) == central_range(np.zeros(10))
    assert card.range_of(sizes, (3, 32, 32)) == central_range(sizes)


def test_a_label_of_which_too_little_was_known_has_the_models_own_range(tmp_path: Path) -> None:
    three = tiny_model(tmp_path / "three", classes=3)
    new = POOLED | {"patients": 131, "labels": [None, SIDES]}
    edit(three, lambda card: card.update(calibration=new))
    card = load_model(three, "cpu").card
    sizes = np.arange(1.0, 102.0)
    assert card.range_of(sizes, (32, 32), label=1) == central_range(sizes)
    assert card.range_of(sizes, (32, 32), label=2).calibrated


def test_a_card_that_is_no_json_or_missing(folder: Path) -> None:
    (folder / "model.json").write_text("{")
    with pytest.raises(ModelError, match="invalid"):
        load_model(folder)
    (folder / "model.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ModelError, match="no readable card"):
        load_model(folder)
    (folder / "model.json").unlink()
    with pytest.raises(ModelError, match="no readable card"):
        load_model(folder)


def test_damaged_weights_are_refused(folder: Path) -> None:
    weights = folder / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(ModelError, match="damaged"):
        load_model(folder, "cpu")
    weights.write_bytes(b"no tensors")
    digest = hashlib.sha256(b"no tensors").hexdigest()
    edit(folder, lambda card: card.update(weights_sha256=digest))
    with pytest.raises(ModelError, match="cannot be read"):
        load_model(folder, "cpu")
    weights.unlink()
    with pytest.raises(ModelError, match=r"no readable weights\.safetensors"):
        load_model(folder, "cpu")


def test_missing_extra_misshapen_and_infinite_tensors_are_named(folder: Path) -> None:
    tensors = load_file(folder / "weights.safetensors")
    without = {k: v for k, v in tensors.items() if k != "mean.bias"}
    for changed, words in (
        (without, "lack the tensor 'mean.bias'"),
        ({**tensors, "extra": torch.zeros(1)}, "unknown 'extra'"),
        ({**tensors, "mean.bias": torch.zeros(5)}, "'mean.bias' .* has shape"),
        ({**tensors, "mean.bias": torch.full((2,), torch.nan)}, "'mean.bias' .* not finite"),
    ):
        replace_weights(folder, changed)
        with pytest.raises(ModelError, match=words):
            load_model(folder, "cpu")


def test_weights_are_looked_up_in_every_place(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hidden = tiny_model(folder.parent / "user" / "tiny", seed=1)
    own = tiny_model(folder.parent / "user" / "own")
    monkeypatch.setattr(places, "model_places", lambda: [folder.parent, hidden.parent])
    assert model_folders() == {"tiny": folder, "own": own}
    assert find_model("own") == own and find_model(hidden) == hidden


def test_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: True)
    assert choose_device().type == "cuda"
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert choose_device().type == "mps"
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    assert choose_device().type == "cpu" and device_title(choose_device()) == "CPU"
    with pytest.raises(DeviceError, match="no CUDA device"):
        choose_device("cuda")
    with pytest.raises(DeviceError, match="Unknown device"):
        choose_device("abacus")


def test_a_full_disk_leaves_the_model_as_it_was(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    model = load_model(folder, "cpu")

    def full(self: Path, content: bytes) -> int:
        self.touch()
        raise OSError(errno.ENOSPC, "No space left on device", str(self))

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(ExportError, match="cannot be written: No space left") as caught:
        save_model(folder, model.card, model.network.state_dict())
    assert str(folder) not in str(caught.value)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
