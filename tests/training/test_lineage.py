"""What a card says a model was made from is what it was made from."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from napari_ssn.cli.app import app
from napari_ssn.documents.card import ModelCard, read_card
from napari_ssn.network.places import find_model
from napari_ssn.text.training import UNSTATED
from napari_ssn.training.cases import Cases
from napari_ssn.training.lineage import gone_on_from
from napari_ssn.training.recipes import find_recipe, read_recipe
from napari_ssn.training.slices import SliceSet, load_slices
from tests.support.sets import nnunet_folder, slice_files, write

SHIPPED = ("nodule-3d", "lidc-2d", "hippocampus-3d")


@pytest.fixture(scope="module")
def slices(tmp_path_factory: pytest.TempPathFactory) -> SliceSet:
    return load_slices(write(tmp_path_factory.mktemp("set") / "a.zip", slice_files(3, size=128)))


def card_by(name: str, cases: Cases) -> ModelCard:
    return read_recipe(find_recipe(name), cases, "ward 7")[1]


@pytest.mark.parametrize("name", SHIPPED)
def test_shipped_recipes_name_their_data_and_state_no_figure_of_weights(name: str) -> None:
    _, told = read_recipe(find_recipe(name))
    assert told.training.sha256 == read_card(find_model(name)).training.sha256
    # A figure is of the weights that were measured, and whoever trains has others.
    assert not [one for one in told.limits if "%" in one or "test" in one.lower().split()]


def test_by_a_shipped_recipe_on_other_data_a_card_claims_nothing_of_the_shipped_model(
    slices: Cases,
) -> None:
    told = card_by("lidc-2d", slices)
    said = "3 images, others than the recipe of lidc-2d 0.1.0 was written for"
    assert told.training.data == said
    assert (told.name, told.title, told.version) == ("ward-7", "ward 7", "0.1.0")
    assert told.limits == ["Its author has not said where it fails."]
    assert {told.licence, told.training.licence, told.training.attribution} == {UNSTATED}
    assert told.training.url == ""
    # What the network is remains the recipe's.
    shipped = read_card(find_model("lidc-2d"))
    assert told.purpose == shipped.purpose and told.region == shipped.region


def test_on_the_data_that_it_was_written_for_a_recipe_says_what_it_says(
    slices: SliceSet,
) -> None:
    wanted = read_recipe(find_recipe("lidc-2d"))[1]
    told = card_by("lidc-2d", replace(slices, sha256=wanted.training.sha256))
    assert (told.name, told.version, told.limits) == ("lidc-2d", wanted.version, wanted.limits)
    assert told.training.attribution == wanted.training.attribution
    # Its weights came from a model of the same collection, which is told of already.
    assert gone_on_from(told, "nodule-3d") == told


def test_whoever_has_rights_in_weights_before_is_named(slices: Cases) -> None:
    before = read_card(find_model("lidc-2d"))
    told = gone_on_from(card_by("lidc-2d", slices), "lidc-2d")
    assert ", from weights of lidc-2d 0.1.0 (LIDC-IDRI: 9,403 slices" in told.training.data
    assert told.training.attribution.endswith(before.training.attribution)
    assert told.licence == f"{UNSTATED}; of the weights before: CC BY 3.0"
    assert any("lidc-2d 0.1.0" in one and "licence" in one for one in told.limits)
    assert gone_on_from(told, "lidc-2d") == told and gone_on_from(told, None) == told


def test_the_command_writes_both_into_the_card(tmp_path: Path) -> None:
    first, data = tmp_path / "first", nnunet_folder(tmp_path / "set", count=5)
    common = [
        "train", "--data", str(data), "--device", "cpu", "--workers", "0", "--steps", "1",
        "--set", "warmup=0", "--set", "batch=1", "--set", "samples=4",
    ]  # fmt: skip
    for out, more in ((first, []), (tmp_path / "second", ["--start", str(first)])):
        result = CliRunner().invoke(app, [*common, "--out", str(out), *more])
        assert result.exit_code == 0, result.output
    told = read_card(tmp_path / "second").training
    own = "4 images of its author's own"
    assert told.data == f"{own}, from weights of first 0.1.0 ({own})"
