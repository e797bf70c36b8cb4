"""The models in the repository: whole, small, attributed, and measured as they are."""

from __future__ import annotations

from pathlib import Path

import pytest

from napari_ssn.documents.card import WEIGHTS_NAME
from napari_ssn.network.models import load_model
from napari_ssn.training.recipes import read_recipe

ROOT = Path(__file__).parents[2]
MODELS = sorted(path.parent.name for path in (ROOT / "src_weights").glob("*/model.json"))


def test_all_are_here() -> None:
    assert MODELS == ["hippocampus-3d", "lidc-2d", "nodule-3d"]


@pytest.mark.parametrize("name", MODELS)
def test_a_shipped_model_is_what_its_card_says(name: str) -> None:
    folder = ROOT / "src_weights" / name
    card = load_model(folder, "cpu").card
    assert card.name == name
    assert (folder / WEIGHTS_NAME).stat().st_size <= 25 * 2**20
    assert card.limits and card.training.attribution and card.training.licence == card.licence
    assert card.calibration is not None and "validation" in card.calibration.data
    for split in ("val", "test"):
        assert card.metrics[split]["weights_sha256"] == card.weights_sha256
    assert card.metrics["val"]["data_sha256"] != card.metrics["test"]["data_sha256"]
    recipe, about = read_recipe(folder / "recipe.toml")
    assert recipe.architecture == card.architecture and recipe.steps == card.training.steps
    # What the recipe says of the model is what its card says.
    made = {"architecture", "training", "calibration", "metrics", "presence", "likeness"}
    made |= {"weights_sha256", "limits"}
    # What was measured of these weights limits no others that are made by the recipe.
    assert about.limits and set(about.limits) <= set(card.limits)
    assert about.model_dump(exclude=made) == card.model_dump(exclude=made)
