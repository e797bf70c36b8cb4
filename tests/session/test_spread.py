"""Directions chosen in another way, and another spread, through the session."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_ssn.core.directions.principal import principal_directions
from napari_ssn.core.spread import Spread
from napari_ssn.errors import DeviceError
from napari_ssn.prediction import bases
from napari_ssn.prediction.choice import Choice, Point
from napari_ssn.session import Session
from tests.support.helpers import noise_image, tiny_model
from tests.support.sessions import Held, Inline, ran, source, start

pytestmark = pytest.mark.usefixtures("few_draws")


@pytest.fixture
def session(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    model = tiny_model(tmp_path / "three", classes=3, rank=4)
    made = start(Inline(), model, monkeypatch)
    yield ran(made)
    made.close()


@pytest.fixture
def flat(tmp_path: Path) -> Path:
    return tiny_model(tmp_path / "flat", calibration=2.0)


def test_directions_that_could_not_be_found_are_looked_for_again(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise DeviceError("There is not memory enough.")

    with monkeypatch.context() as patched:
        patched.setattr(bases, "principal_directions", full)
        session.walk.turn("plain")
    assert session.note.error and session.note.text.startswith("There is not memory enough.")
    assert session.walk.here.directions.kind == "label-weighted"
    session.walk.turn("plain")
    assert session.walk.here.directions.kind == "plain"


@pytest.mark.parametrize("kind", ["plain", "varimax"])
def test_directions_chosen_in_another_way_are_walked(session: Session, kind: str) -> None:
    walk, result = session.walk, session.result
    assert result.bases.kinds == ("label-weighted",)
    walk.show_sample(1)
    walk.set_sigma(1.0)
    before = walk.choice
    walk.turn(kind)
    assert walk.choice == replace(before, basis=kind, direction=0, sigma=0.0)
    walk.set_direction(1)
    walk.set_sigma(-1.5)
    found = principal_directions(result.dist, kind)
    anchor = result.given.anchor((), 1, 0)
    np.testing.assert_array_equal(walk.z, anchor - 1.5 * found.basis[:, 1])
    np.testing.assert_array_equal(walk.label_map(()), result.dist.label_map(walk.z))
    np.testing.assert_array_equal(walk.counts, np.bincount(walk.label_map(()).ravel(), minlength=3))
    assert walk.here.directions.kind == kind
    for _ in range(3):
        walk.undo()
    assert walk.choice == before and walk.here.directions.kind == "label-weighted"
    for _ in range(3):
        walk.redo()
    assert (walk.choice.basis, walk.choice.direction, walk.choice.sigma) == (kind, 1, -1.5)


def test_the_choice_of_directions_outlives_cards_and_runs(session: Session) -> None:
    session.walk.turn("varimax")
    session.walk.show(Choice(2, 0))
    assert session.walk.choice == Choice(2, 0, basis="varimax")
    ran(session)
    assert session.walk.choice.basis == session.walk.here.directions.kind == "varimax"
    assert "varimax" in session.result.bases.kinds
    session.walk.set_sigma(0.5)
    assert session.walk.choice.title == "mean, varimax direction 1 at +0.50 σ"


def test_chosen_during_a_run_it_takes_effect_after_it(
    flat: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = Held({"run"})
    made = start(runner, flat, monkeypatch)
    made.set_image(source(noise_image((32, 40)), (0.7, 0.7)))
    made.run()
    made.walk.turn("plain")
    runner.go()
    assert made.walk.choice.basis == "plain" and made.walk.here.directions.kind == "plain"
    made.close()


def test_the_sidecar_says_which_directions_and_which_spread(
    session: Session, tmp_path: Path
) -> None:
    session.walk.turn("varimax")
    session.set_spread(Spread(1.5, (1.0, 0.5, 2.0)))
    session.walk.set_sigma(1.0)
    session.files.export(tmp_path / "a.nii.gz")
    choice = json.loads((tmp_path / "a.json").read_text())["choice"]
    assert (choice["directions"], choice["direction"]) == ("varimax", 1)
    assert choice["spread"] == {"overall": 1.5, "per_label": [1.0, 0.5, 2.0]}
    # From the model's own distribution and the sidecar alone.
    dist = session.result.origin.dist.spread(1.5, (1.0, 0.5, 2.0))
    again = principal_directions(dist, "varimax").z(0, 1.0)
    np.testing.assert_array_equal(dist.label_map(choice["z"]), dist.label_map(again))
    np.testing.assert_array_equal(dist.label_map(choice["z"]), session.walk.label_map(()))
    session.walk.set_sigma(0.0)
    session.set_spread(Spread())
    session.files.export(tmp_path / "b.nii.gz")
    choice = json.loads((tmp_path / "b.json").read_text())["choice"]
    assert choice["directions"] is None and choice["spread"] is None


def test_everything_follows_the_spread(session: Session) -> None:
    origin, walk = session.result, session.walk
    own = session.ranges
    walk.show_sample(2)
    walk.set_sigma(0.5)
    before = walk.choice
    session.set_spread(Spread(0.5))
    result = session.result
    assert result.spread == Spread(0.5) and result.origin is origin and result.run == origin.run
    assert walk.choice == before
    np.testing.assert_array_equal(walk.label_map(()), result.dist.label_map(walk.z))
    np.testing.assert_array_equal(walk.counts, np.bincount(walk.label_map(()).ravel(), minlength=3))
    assert session.ranges.spread == Spread(0.5)
    for wide, narrow in zip(own.ranges, session.ranges.ranges, strict=True):
        assert narrow.high - narrow.low < wide.high - wide.low
    assert session.cards.cards and session.cards is not None
    drawn = []
    session.copies.made.connect(drawn.append)
    session.copies.add_samples(2, 0)
    for made, expected in zip(drawn, result.dist.sample(2), strict=True):
        np.testing.assert_array_equal(made.label_map, expected)
        assert made.provenance["choice"]["spread"]["overall"] == 0.5
    # From the model's own again, not from the narrow one.
    session.set_spread(Spread(2.0))
    z = np.array([1.0, -0.5, 0.2, 0.3])
    np.testing.assert_array_equal(
        session.result.dist.label_map(z), origin.dist.tempered(2.0).label_map(z)
    )
    session.set_spread(Spread())
    assert session.result is origin
    assert [r.low for r in session.ranges.ranges] == [r.low for r in own.ranges]


def test_points_stay_and_count_in_the_other_spread(session: Session) -> None:
    session.pointing.start(1)
    session.pointing.add((5, 6))
    evidence = session.pointing.log_evidence
    session.set_spread(Spread(3.0))
    assert session.pointing.points == (Point((5, 6), 1),)
    assert session.walk.label_map(())[5, 6] == 1
    assert session.pointing.log_evidence != evidence
    assert session.ranges.points == session.pointing.points and session.summary.dealt
    session.walk.undo()
    assert not session.pointing.points and session.result.spread.overall == 3.0


def test_without_any_spread_all_hypotheses_are_the_mean(session: Session) -> None:
    mean = session.result.dist.label_map()
    session.walk.set_direction(2)
    session.set_spread(Spread(0.0))
    assert len(session.cards.cards) == 1
    assert all(r.low == r.high for r in session.ranges.ranges)
    session.walk.set_sigma(2.0)
    np.testing.assert_array_equal(session.walk.label_map(()), mean)
    session.pointing.start(2)
    session.pointing.add((3, 3))
    assert session.walk.label_map(())[3, 3] == 2


def test_a_range_of_another_spread_is_not_calibrated(
    flat: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = ran(start(Inline(), flat, monkeypatch))
    assert made.ranges.ranges[0].calibrated
    made.set_spread(Spread(1.2))
    assert not made.ranges.ranges[0].calibrated and made.ranges.ranges[0].readers == 0
    made.set_spread(Spread())
    assert made.ranges.ranges[0].calibrated
    made.close()


def test_a_run_begins_with_the_models_own_spread(session: Session) -> None:
    session.set_spread(Spread(2.0))
    ran(session)
    assert session.result.spread == Spread() and session.result.origin is None


def test_a_spread_under_way_gives_way_to_the_next_and_to_a_run(
    flat: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = Held({"spread"})
    made = ran(start(runner, flat, monkeypatch))
    made.set_spread(Spread(2.0))
    made.set_spread(Spread(0.5))
    assert [channel for channel, _ in runner.waiting] == ["spread"]
    runner.go()
    assert made.result.spread == Spread(0.5)
    made.set_spread(Spread(2.0))
    # Back to where it is: nothing is to be done any more.
    made.set_spread(Spread(0.5))
    assert not runner.waiting
    made.set_spread(Spread(2.0))
    ran(made)
    assert not runner.waiting and made.result.spread == Spread()
    made.close()


def test_lesions_are_told_apart_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = tiny_model(tmp_path / "spots", dims=3, region=(16, 16, 16), sparse=True)
    made = ran(start(Inline(), model, monkeypatch), (20, 24, 22))
    walk = made.walk
    assert walk.lesions.several
    walk.set_alone(1, True)
    walk.set_sigma(1.0)
    former = walk.lesions
    made.set_spread(Spread(0.5))
    assert walk.lesions is not former and walk.choice.own == ()
    walk.undo()
    assert walk.choice.own == ()
    made.close()
