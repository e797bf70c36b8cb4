"""What others put into their texts reaches no terminal, layer or table as control characters."""

from __future__ import annotations

import json
from pathlib import Path

import nrrd
import numpy as np
import pytest

from napari_ssn.documents.card import CARD_NAME, card_of_others, read_card
from napari_ssn.documents.controls import without_controls
from napari_ssn.errors import ModelError
from napari_ssn.io.content import PlainLabel, plain_labels
from napari_ssn.io.layers import get_reader
from tests.support.helpers import tiny_model

BAD = ("\x1b[31mred", "\x07", "a\rb", "\u202elianam", "\u2028", "\ud800", "\x9b1m")


@pytest.mark.parametrize("text", BAD)
def test_control_characters_become_spaces(text: str) -> None:
    shown = without_controls(text)
    assert len(shown) == len(text) and shown.isprintable()
    assert PlainLabel(text, "").name == plain_labels([text])[0].name == shown


@pytest.mark.parametrize(
    "text", ["é ü", "two\nlines\tand a tab", "1\u202f000", "क्\u200dष", "🙂", "\r\n"]
)
def test_what_is_no_control_stays(text: str) -> None:
    assert without_controls(text) == text


def test_a_card_says_nothing_that_a_terminal_obeys(tmp_path: Path) -> None:
    folder = tiny_model(tmp_path / "model")
    told = json.loads((folder / CARD_NAME).read_text())
    bad = "\x1b]0;DOE\x07"
    told["title"] = told["purpose"] = told["labels"][1]["name"] = bad
    told["version"] = bad
    told["training"]["attribution"] = told["channels"][0] = bad
    (folder / CARD_NAME).write_text(json.dumps(told))
    card = read_card(folder)
    assert card.title == " ]0;DOE "
    for text in (card.purpose, card.labels[1].name, card.training.attribution, *card.channels):
        assert text.isprintable()


def test_the_segments_of_a_file_name_no_layer_so(tmp_path: Path) -> None:
    """Their names, escape and bell included, were those of the layers."""
    path = str(tmp_path / "a.seg.nrrd")
    header = {"space": "left-posterior-superior", "space directions": np.eye(3)}
    header |= {"space origin": [0, 0, 0], "Segment0_Name": "\x1b[31mDOE\x07"}
    header |= {"Segment0_ID": "s", "Segment0_LabelValue": "1", "Segment0_Layer": "0"}
    nrrd.write(path, np.ones((4, 5, 6), np.uint8), header)
    [(_, said, kind)] = get_reader(path)(path)
    assert kind == "labels" and said["name"] == " [31mDOE "
    assert all(name.isprintable() for name in said["features"]["label"])


@pytest.mark.parametrize("name", ["{} ", " {}", "{}\x07", "\n{}"])
def test_two_labels_that_look_alike_have_one_name(tmp_path: Path, name: str) -> None:
    folder = tiny_model(tmp_path / "model")
    told = json.loads((folder / CARD_NAME).read_text())
    told["labels"][1]["name"] = name.format(told["labels"][0]["name"])
    (folder / CARD_NAME).write_text(json.dumps(told))
    with pytest.raises(ModelError, match="two labels have one name"):
        read_card(folder)


@pytest.mark.parametrize(("name", "said"), [("  ", "is empty"), ("x" * 201, "is too long")])
def test_a_label_has_a_name_that_can_be_read(tmp_path: Path, name: str, said: str) -> None:
    folder = tiny_model(tmp_path / "model")
    told = json.loads((folder / CARD_NAME).read_text())
    told["labels"][1]["name"] = name
    (folder / CARD_NAME).write_text(json.dumps(told))
    with pytest.raises(ModelError, match=said):
        read_card(folder)


@pytest.mark.parametrize("names", [("background", "a", "a "), ("background", " "), ("", "a")])
def test_names_of_others_that_make_no_card_are_refused_in_a_sentence(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    """Of a bundle's labels, or a data set's: what came was the words of a library."""
    card = dict(read_card(tiny_model(tmp_path / "model")))
    del card["labels"]
    with pytest.raises(ModelError, match=r"The model cannot be described: .*(one name|is empty)"):
        card_of_others([(name, "#ffffff") for name in names], **card)
