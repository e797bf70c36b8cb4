"""Cards that ask for more than any model has, and words for what is wrong with one."""

import json
from pathlib import Path

import pytest

from napari_ssn.documents.card import read_card
from napari_ssn.errors import ModelError
from napari_ssn.network.places import find_model


def changed(folder: Path, change) -> Path:
    content = json.loads((find_model("lidc-2d") / "model.json").read_text())
    change(content)
    (folder / "model.json").write_text(json.dumps(content))
    return folder


LABEL = {"name": "nodule", "colour": "#ffffff"}


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c["labels"].append({**LABEL, "name": c["labels"][1]["name"]}), "have one name"),
        (
            lambda c: c.update(labels=[{**LABEL, "name": str(i)} for i in range(257)]),
            "labels: should have 256 entries or fewer",
        ),
        (lambda c: c.update(region=[10**6, 10**6]), "larger than any network"),
        (lambda c: c["architecture"].update(rank=10**9), "should be at most 4096"),
        (lambda c: c["architecture"]["arguments"].update(features=[10**9] * 6), "beyond 4,096"),
        (lambda c: c["architecture"]["arguments"].update(a=[[[[[[[[[[1]]]]]]]]]]), "deep"),
        (lambda c: c.update(spatial_dims="two"), "spatial_dims: should be "),
        (lambda c: c.update(title=7), "title: should be a text"),
        (lambda c: c.pop("title"), "title: is missing"),
        (lambda c: c.update(patient="x"), "patient: there is no such field"),
    ],
)
def test_what_is_wrong_with_a_card_is_said_in_plain_words(tmp_path: Path, change, words) -> None:
    with pytest.raises(ModelError, match=words) as caught:
        read_card(changed(tmp_path, change))
    assert "Input should" not in str(caught.value) and caught.value.__cause__ is None


def test_a_card_without_an_end_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.json").write_text("[" * 100_000)
    with pytest.raises(ModelError, match="the file is no JSON"):
        read_card(tmp_path)
