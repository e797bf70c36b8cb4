"""A region goes to the middle of what it finds: the same nodule from wherever it is pointed at."""

from __future__ import annotations

import json
import shutil
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from napari_ssn import samples
from napari_ssn.cli.segmenting import segment_image
from napari_ssn.cli.verifying import verify
from napari_ssn.core.distribution import LogitDistribution
from napari_ssn.documents.card import read_card
from napari_ssn.geometry.volume import Volume
from napari_ssn.network.inference import Asked, Inference, Watch
from napari_ssn.network.models import Model, load_model, save_card
from napari_ssn.network.places import find_model
from napari_ssn.network.question import How, Question
from napari_ssn.network.recentring import LEAST_MM, REACH_MM, outlined_middle
from tests.support.helpers import tiny_model

pytestmark = pytest.mark.usefixtures("few_draws")

NUMBER = 4


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "nodule"
    shutil.copytree(find_model("nodule-3d"), folder)
    save_card(folder, read_card(folder).model_copy(update={"recentred": True}))
    return folder


@pytest.fixture(scope="module")
def model(folder: Path) -> Model:
    return load_model(folder, "cpu")


@pytest.fixture(scope="module")
def volume() -> Volume:
    return samples.volume(NUMBER)


@pytest.fixture(scope="module")
def middle() -> tuple[int, ...]:
    centre = samples.sample(NUMBER).centre
    assert centre is not None
    return tuple(centre)


def disc(at: tuple[float, float], radius: float, shape: tuple[int, int] = (40, 40)) -> np.ndarray:
    y, x = np.indices(shape)
    return np.hypot(y - at[0], x - at[1]) <= radius


def outlining(there: np.ndarray, mm: float = 1.0, start: tuple[int, ...] = (0, 0)):
    logit = torch.from_numpy(np.where(there, 1.0, -1.0)).float()[None]
    mean = torch.cat([0 * logit, logit])
    place = np.diag([mm, mm, 1.0, 1.0])
    place[:2, 3] = mm * np.array(start)
    image = tuple(s + n for s, n in zip(start, there.shape, strict=True))
    return LogitDistribution(
        mean, torch.zeros(1, *mean.shape), torch.ones_like(mean), place, start, image
    )


@pytest.mark.parametrize("point", [(20, 20), (14, 20), (25, 23), (20, 28)])
def test_the_middle_of_a_disc_is_found_from_anywhere_on_it(point: tuple[int, int]) -> None:
    dist = outlining(disc((20, 20), 8))
    assert outlined_middle(dist, point) == ((20, 20) if point != (20, 20) else None)


def test_of_several_pieces_the_one_at_the_point_counts() -> None:
    two = disc((10, 10), 5) | disc((28, 28), 6)
    assert outlined_middle(outlining(two), (13, 13)) == (10, 10)
    assert outlined_middle(outlining(two), (24, 24)) == (28, 28)
    # Beside one, and too far from either.
    assert outlined_middle(outlining(two), (10, 10 + 5 + int(REACH_MM))) == (10, 10)
    assert outlined_middle(outlining(two), (10, 10 + 5 + int(REACH_MM) + 2)) is None
    assert outlined_middle(outlining(np.zeros_like(two)), (10, 10)) is None


def test_distances_are_in_mm_and_indices_of_the_image() -> None:
    fine = outlining(disc((20, 20), 8), mm=LEAST_MM / 2)
    near = 2
    assert outlined_middle(fine, (20, 20 + near)) is None
    assert outlined_middle(fine, (20, 20 + near + 1)) == (20, 20)
    cut = outlining(disc((20, 20), 8), start=(100, 200))
    assert outlined_middle(cut, (124, 224)) == (120, 220)


def test_a_nodule_is_the_same_from_wherever_it_is_pointed_at(
    model: Model, volume: Volume, middle: tuple[int, ...]
) -> None:
    # All four radiologists outlined it; 13 mm from its middle.
    edge = (52, 50, 11)
    assert (samples.raters(NUMBER)[(slice(None), *edge)] == 1).all()
    there = model.infer(volume, middle)
    far = model.infer(volume, edge)
    stayed = model.infer(volume, edge, how=How(steady=True))
    assert far.moved_to is not None and stayed.moved_to is None
    # Both come to the same place, by as many looks as it takes.
    assert far.moved_to == there.moved_to and far.looks is not None
    np.testing.assert_array_equal(far.dist.mean, there.dist.mean)
    # The last look is a look from there, to the bit.
    again = model.infer(volume, far.moved_to, how=How(steady=True))
    np.testing.assert_array_equal(far.dist.mean, again.dist.mean)
    np.testing.assert_array_equal(far.dist.cov_factor, again.dist.cov_factor)
    assert far.dist.start == again.dist.start and far.dist.presence == again.dist.presence
    # From the edge alone it is in doubt whether that is a nodule.
    assert stayed.dist.presence < there.dist.presence - 0.2


@pytest.fixture
def remembering(monkeypatch: pytest.MonkeyPatch) -> None:
    """The network answers the same question once: it is asked from two places, again and again."""
    answer, known = Model.answer, dict[tuple[str, bytes, tuple[int, ...] | None], Inference]()

    def remembered(self: Model, question: Question, watch: Watch) -> Inference:
        key = self.card.weights_sha256, question.data.tobytes(), question.centre
        if key not in known:
            known[key] = answer(self, question, watch)
        return known[key]

    monkeypatch.setattr(Model, "answer", remembered)


@pytest.mark.usefixtures("remembering")
def test_sidecars_say_where_it_went_and_those_of_before_are_verified(
    folder: Path, middle: tuple[int, ...], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edge = (middle[0] + 8, *middle[1:])
    image = Path(f"nodule-{NUMBER}")
    segment_image(image, tmp_path / "now", str(folder), centre=edge, count=0, device="cpu")
    sidecar = tmp_path / "now" / "mean.json"
    record = json.loads(sidecar.read_text())
    assert record["run"]["centre"] == list(edge) and record["run"]["moved_to"] is not None
    assert record["run"]["looks"] > 1
    assert verify(image, sidecar, model_name=str(folder))
    record["run"]["moved_to"][0] += 1
    sidecar.write_text(json.dumps(record))
    assert not verify(image, sidecar, model_name=str(folder))
    assert "where the region moved to" in capsys.readouterr().out
    record["run"]["moved_to"][0] -= 1
    record["run"]["looks"] += 1
    sidecar.write_text(json.dumps(record))
    assert not verify(image, sidecar, model_name=str(folder))
    assert "how often the model looked" in capsys.readouterr().out
    # Of the same weights before regions moved.
    steady = shutil.copytree(folder, tmp_path / "steady")
    save_card(steady, read_card(steady).model_copy(update={"recentred": False}))
    segment_image(image, tmp_path / "then", str(steady), centre=edge, count=0, device="cpu")
    old = tmp_path / "then" / "mean.json"
    assert json.loads(old.read_text())["run"]["moved_to"] is None
    assert verify(image, old, model_name=str(folder))


class Walking(Asked):
    """A model that finds, wherever it looks, what a person has drawn on a map for it."""

    def __init__(self, folder: Path, found: dict[tuple[int, int], tuple[int, int]]) -> None:
        self.card = read_card(tiny_model(folder, region=(16, 16), centred=True))
        self.card = self.card.model_copy(update={"recentred": True})
        self.found, self.asked = found, list[tuple[int, ...]]()

    def room(self) -> int:
        return 1 << 30

    def answer(self, question: Question, watch: Watch) -> Inference:
        assert question.centre is not None
        self.asked.append(question.centre)
        at = self.found.get(question.centre[:2], question.centre[:2])
        return Inference(outlining(disc(at, 4)), torch.device("cpu"), (8, 8), None)


@pytest.mark.parametrize(
    ("steps", "asked"),
    [
        # Where the middle stays it is looked no more.
        ([], [(9, 9)]),
        ([(12, 9)], [(9, 9), (12, 9)]),
        ([(12, 9), (13, 9), (13, 10)], [(9, 9), (12, 9), (13, 9), (13, 10)]),
        # Nor more than five times.
        (
            [(12, 9), (15, 9), (18, 9), (21, 9), (24, 9)],
            [(9, 9), (12, 9), (15, 9), (18, 9), (21, 9)],
        ),
        # Of two that lead to each other it is the same one, from wherever it came there.
        ([(12, 9), (9, 9)], [(9, 9), (12, 9), (9, 9)]),
        ([(13, 9), (12, 9), (13, 9)], [(9, 9), (13, 9), (12, 9)]),
        ([(12, 9), (13, 9), (12, 9)], [(9, 9), (12, 9), (13, 9), (12, 9)]),
    ],
)
def test_it_looks_until_the_middle_stays(
    steps: list[tuple[int, int]], asked: list[tuple[int, int]], tmp_path: Path
) -> None:
    model = Walking(tmp_path / "m", dict(pairwise([(9, 9), *steps])))
    volume = Volume(np.eye(40, dtype=np.float32)[None], np.diag([1.0, 1.0, 1.0, 1.0]))
    found = model.infer(volume, (9, 9))
    assert model.asked == asked
    assert (found.moved_to, found.looks) == (
        (None, None) if asked[-1] == (9, 9) else (asked[-1], len(asked))
    )
    # As it was done before.
    model.asked.clear()
    before = model.infer(volume, (9, 9), how=How(twice=True))
    assert model.asked == asked[:2] and before.looks is None
    assert before.moved_to == (asked[1] if asked[1:] else None)
