"""How like the training images an image is, by what a network is given of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_ssn.core.likeness import FEATURES, learn_reference
from napari_ssn.documents.card import ModelCard, read_card
from napari_ssn.documents.likeness import Likeness
from napari_ssn.errors import ModelError
from napari_ssn.geometry.volume import Volume
from napari_ssn.network.likeness import cut_of, features_of, likeness_of
from tests.support.helpers import likeness_of_all, noise_image, tiny_model

SPACE = (24, 22, 20)


@pytest.fixture(scope="module")
def card(tmp_path_factory) -> ModelCard:
    folder = tiny_model(tmp_path_factory.mktemp("m") / "t", 3, region=(16, 16, 16))
    return read_card(folder)


def image(seed: int, space: tuple[int, ...] = SPACE) -> Volume:
    return Volume(noise_image(space, seed)[None], np.eye(4))


def learnt(card: ModelCard) -> ModelCard:
    """A card of forty images of one kind of noise."""
    rows = np.stack([features_of(card, v, cut_of(v)) for v in map(image, range(40))])
    found = learn_reference(rows[:30], rows[30:], np.arange(10))
    known = Likeness(
        data="noise",
        images=30,
        patients=10,
        features=list(FEATURES),
        mean=found.mean.tolist(),
        covariance=found.covariance.tolist(),
        limit=found.limit,
        level=found.level,
    )
    return card.model_copy(update={"likeness": known})


def test_another_kind_of_image_is_farther_than_any_of_its_own(card: ModelCard) -> None:
    known = learnt(card)
    own = [likeness_of(known, image(seed)) for seed in range(50, 60)]
    rng = np.random.default_rng(3)
    white = Volume(rng.normal(size=(1, *SPACE)).astype(np.float32), np.eye(4))
    stripes = image(60)
    stripes.data[:, ::4] = stripes.data.max()
    far = [likeness_of(known, other) for other in (white, stripes)]
    assert None not in own and None not in far
    assert max(own) < 1.5 < min(far)  # type: ignore[type-var,operator]


def test_where_it_cannot_be_told_it_is_not_known(card: ModelCard) -> None:
    known, here = learnt(card), image(50)
    assert likeness_of(card, here) is None
    other = known.likeness.model_copy(update={"features": ["x"] * len(FEATURES)})  # type: ignore[union-attr]
    assert likeness_of(known.model_copy(update={"likeness": other}), here) is None
    around = known.model_copy(update={"centred": True})
    assert likeness_of(around, here) is None
    assert likeness_of(around, here, (12, 11, 10)) is not None
    broken = image(50)
    broken.data[0, 12, 11, 10] = np.nan
    assert likeness_of(known, broken) is None
    assert likeness_of(known, here, (99, 0, 0)) is None
    flat = Volume(noise_image((24, 22))[None], np.eye(4))
    assert likeness_of(known, flat) is None
    with pytest.raises(ModelError):
        features_of(known, flat, cut_of(flat))
    # Of more channels than the model reads a run says that it has too many.
    two = replace(here, data=np.concatenate([here.data, here.data]))
    assert likeness_of(known, two) is None


def test_no_more_is_read_than_a_region_and_turning_the_file_changes_nothing(
    card: ModelCard,
) -> None:
    upright = card.model_copy(update={"orientation": "RAS"})
    here, asked = image(50, (40, 38, 36)), []

    def cut(part: tuple[slice, ...]) -> np.ndarray:
        asked.append(part)
        return cut_of(here)(part)

    features = features_of(upright, here, cut, (20, 19, 18))
    # The region, and one voxel more for a node between two.
    assert [(s.start, s.stop) for s in asked[0]] == [(12, 29), (11, 28), (10, 27)]
    turned = Volume(
        np.ascontiguousarray(here.data.transpose(0, 3, 1, 2)[:, ::-1]),
        np.array([[0, 1, 0, 0], [0, 0, 1, 0], [-1, 0, 0, 35], [0, 0, 0, 1.0]]),
    )
    again = features_of(upright, turned, cut_of(turned), (35 - 18, 20, 19))
    np.testing.assert_allclose(features, again, rtol=1e-5)


def test_a_stack_that_ends_is_like_the_scan_that_it_was_cut_from(card: ModelCard) -> None:
    """Sets of nodules end where readers do, and scans go on."""
    thick = card.model_copy(update={"spacing_mm": [2.0, 1.0, 1.0], "orientation": "SPL"})
    affine = np.array([[0, 0, -1.0, 0], [0, -1.0, 0, 0], [2.0, 0, 0, 0], [0, 0, 0, 1]])
    scan = Volume(noise_image((60, 30, 30))[None], affine)
    stack = Volume(scan.data[:, 27:34].copy(), affine)
    whole = features_of(thick, scan, cut_of(scan), (30, 15, 15))
    cut = features_of(thick, stack, cut_of(stack), (3, 15, 15))
    np.testing.assert_allclose(whole[2:], cut[2:], atol=0.6)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"mean": [0.0]}, "not of 12 features"),
        ({"covariance": (-np.eye(12)).tolist()}, "not that of anything"),
        ({"limit": 0.0}, "should be above 0"),
        ({"size_mm": [(1.0, 2.0)]}, "size_mm has 1 axes"),
    ],
)
def test_a_card_states_what_can_be(tmp_path: Path, change: dict[str, object], words: str) -> None:
    folder = tiny_model(tmp_path / "t", 3, region=(16, 16, 16))
    content = json.loads((folder / "model.json").read_text())
    assert content["likeness"] is None
    content["likeness"] = likeness_of_all(list(FEATURES)).model_dump() | change
    (folder / "model.json").write_text(json.dumps(content))
    with pytest.raises(ModelError, match=words):
        read_card(folder)
