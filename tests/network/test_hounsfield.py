"""Models that read Hounsfield units, and what they say of presence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from napari_ssn.documents.card import PresenceCalibration
from napari_ssn.errors import ImageError, ModelError
from napari_ssn.geometry.intensity import units_of
from napari_ssn.geometry.volume import Volume
from napari_ssn.network.inference import prepare
from napari_ssn.network.models import Model, load_model
from napari_ssn.network.plan import plan_for
from tests.support.helpers import tiny_model
from tests.support.networks import WINDOW, Sure

AFFINE = np.diag([-0.8, -0.8, 2.0, 1.0])


@pytest.fixture
def model(tmp_path: Path) -> Model:
    loaded = load_model(
        tiny_model(tmp_path / "m", 3, region=(16, 16, 16), centred=True, rank=1), "cpu"
    )
    card = loaded.card.model_copy(
        update={
            "normalisation": "hu",
            "window_hu": WINDOW,
            "spacing_mm": [1.6, 0.8, 0.8],
            "orientation": "SPL",
        }
    )
    return Model(card, Sure(), torch.device("cpu"), loaded.folder)  # type: ignore[arg-type]


def chest(shape: tuple[int, ...] = (24, 24, 12)) -> np.ndarray:
    data = np.full((1, *shape), -850, np.float32)
    data[:, : shape[0] // 2] = 40
    return data


def test_values_are_told_by_their_air() -> None:
    air, tissue = np.full(50, -900.0), np.full(50, 40.0)
    both = np.concatenate([air, tissue])
    assert units_of(both) == "hu"
    assert units_of(both + 1024) == "shifted"
    # Contrast medium and metal are no reason to doubt.
    assert units_of(np.append(both, [600.0, 3000.0])) == "hu"
    padded = np.append(both, np.full(40, -3024.0))
    assert units_of(padded) == "hu"
    # As a scanner stores them: what lies beyond its field of view far below air, which is at 0.
    for low in (-2000.0, -1024.0, -976.0):
        stored = np.append(both + 1024, np.full(40, low))
        assert units_of(stored) == "shifted", low
    # A head whose surroundings were set to one value: brain is no air, and skull no tissue.
    head = np.concatenate([np.linspace(0, 60, 300), np.linspace(700, 1700, 60), [-1000.0] * 200])
    assert units_of(head) == "hu"
    # Eight bits, magnetic resonance, a normalised image, nothing.
    resonance = np.concatenate([np.linspace(0, 500, 42), np.linspace(530, 870, 38), [1200.0] * 20])
    for values in (
        np.arange(256),
        np.linspace(0, 800, 500),
        resonance,
        np.linspace(-2, 2, 99),
        [],
    ):
        assert units_of(values) == "other"


def test_a_window_does_not_stretch_and_padding_changes_nothing(model: Model) -> None:
    plan_image = Volume(chest(), AFFINE)
    plan = plan_for(model.card, plan_image, (12, 12, 6))
    plain = prepare(model.card, plan, plan_image)
    assert float(plain.max()) == pytest.approx(0.52) and float(plain.min()) == pytest.approx(0.075)
    air, padding = chest(), chest()
    air[:, -4:, -4:] = -1000
    for value in (-1024, -2000, -3024):
        padding[:, -4:, -4:] = value
        np.testing.assert_array_equal(
            prepare(model.card, plan, Volume(padding, AFFINE)),
            prepare(model.card, plan, Volume(air, AFFINE)),
        )
    metal = chest()
    metal[0, 0, 0, 0] = 3000
    at = prepare(model.card, plan, Volume(metal, AFFINE)) != plain
    assert at.sum() <= 8, "one voxel of metal darkens nothing else"


def test_nothing_but_air_is_an_answer_and_nan_is_none(model: Model) -> None:
    air = Volume(np.full((1, 24, 24, 12), -1000, np.float32), AFFINE)
    assert model.segment(air, (12, 12, 6), insist=True).label_map().sum() == 0
    broken = chest()
    broken[0, 12, 12, 6] = np.nan
    with pytest.raises(ImageError, match="NaN"):
        model.segment(Volume(broken, AFFINE), (12, 12, 6))


@pytest.mark.parametrize(
    ("shift", "scale", "words"),
    [(1024, 1, "1,024 too high"), (1100, 0.1, "no air is among them")],
)
def test_other_units_are_refused_unless_the_user_insists(
    model: Model, shift: float, scale: float, words: str
) -> None:
    image = Volume(((chest() + shift) * scale).astype(np.float32), AFFINE)
    with pytest.raises(ModelError, match=words):
        model.segment(image, (12, 12, 6))
    assert model.segment(image, (12, 12, 6), insist=True).presence < 1


def test_presence_comes_with_the_distribution(model: Model) -> None:
    image = Volume(chest(), AFFINE)
    dist = model.segment(image, (12, 12, 6))
    assert dist.presence == pytest.approx(1 / (1 + np.exp(-0.5)))
    previews = []
    model.segment(image, (12, 12, 6), look_at=(None, None, 6), preview=previews.append)
    assert all(one.presence == dist.presence for one in previews)
    found = PresenceCalibration(scale=2.0, shift=-3.0, base_rate=0.4, data="val")
    calibrated = Model(
        model.card.model_copy(update={"presence": found}),
        Sure(),
        model.device,
        model.folder,  # type: ignore[arg-type]
    )
    assert calibrated.segment(image, (12, 12, 6)).presence == pytest.approx(1 / (1 + np.exp(2)))
    # However sure a network is that there is nothing, it is not impossible.
    assert model.card.presence_of(-1e9) == 1e-6 and model.card.presence_of(None) == 1


def test_presence_that_is_not_finite_is_refused(model: Model) -> None:
    network = Sure()
    network.presence = float("nan")
    broken = Model(model.card, network, model.device, model.folder)  # type: ignore[arg-type]
    with pytest.raises(ModelError, match="not finite"):
        broken.segment(Volume(chest(), AFFINE), (12, 12, 6))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"window_hu": None}, "window_hu is stated where"),
        ({"normalisation": "stretch"}, "window_hu is stated where"),
        ({"window_hu": (5, 5)}, "window_hu goes from"),
    ],
)
def test_cards_state_a_window_with_hu_alone(
    model: Model, change: dict[str, object], words: str
) -> None:
    content = model.card.model_dump() | change
    with pytest.raises(ValidationError, match=words):
        type(model.card).model_validate(content)
