"""Several results at once: each is left and come back to as it was, and nothing is found anew."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from napari_ssn.core.spread import Spread
from napari_ssn.session import Session
from tests.support.helpers import noise_image, tiny_model
from tests.support.sessions import Held, source, start

pytestmark = pytest.mark.usefixtures("few_draws")


@pytest.fixture
def runner() -> Held:
    return Held(set())


@pytest.fixture
def session(tmp_path: Path, runner: Held, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    made = start(runner, tiny_model(tmp_path / "flat"), monkeypatch)
    yield made
    made.close()


def image(seed: int = 0, space: tuple[int, ...] = (32, 40)):
    return source(noise_image(space, seed=seed), (0.7,) * len(space))


def snapshot(session: Session) -> tuple[object, ...]:
    """All that a person sees of a result."""
    walk, summary = session.walk, session.summary
    return (
        session.result, walk.choice, walk.counts.tolist(), walk.label_map(()).tobytes(),
        walk.history.can_undo, walk.lesions, session.ranges, session.cards, summary.diameters,
        frozenset(session.copies.kept), session.pointing.points, session.stale, session.seconds,
        session.setup.centre,
    )  # fmt: skip


def test_there_and_back_again_is_as_it_was_and_finds_nothing_out(
    session: Session, runner: Held
) -> None:
    first, second = image(), image(1, (36, 30))
    session.set_image(first)
    session.run()
    session.walk.show_sample(2)
    session.pointing.add((5, 6), 1)
    session.walk.set_sigma(0.5)
    session.copies.keep()
    before = snapshot(session)
    session.set_image(second)
    assert session.stale
    session.run()
    assert session.walk.choice.sample is None and not session.copies.kept
    assert not session.walk.history.can_undo and len(session.results.entries) == 2
    session.walk.set_sigma(-1.0)
    between = snapshot(session)
    # Whatever would be found out anew waits for ever.
    runner.channels = {"run", "range", "cards", "curve", "lesions", "across", "directions"}
    for _ in range(2):
        session.set_image(first)
        assert snapshot(session) == before and not runner.waiting
        session.set_image(second)
        assert snapshot(session) == between and not runner.waiting
    session.set_image(first)
    session.walk.undo()
    assert session.walk.choice.sigma == 0
    session.copies.add_samples(1, 0)
    assert session.result.source.token == first.token


def test_each_lesion_of_an_image_has_its_result(session: Session) -> None:
    session.set_image(image())
    session.place_centre((10, 12))
    session.run()
    one = session.result
    session.place_centre((22, 25))
    assert session.stale and session.result is one
    session.run()
    other = session.result
    assert other is not one and [e.prediction for e in session.results.entries] == [one, other]
    session.show_result(session.results.entries[0])
    assert session.result is one and session.setup.centre == (10, 12) and not session.stale
    # Run again where there is one: it takes that one's place.
    gone = []
    session.results.gone.connect(gone.append)
    session.run()
    assert gone == [one] and session.result is not one
    assert [e.prediction for e in session.results.entries] == [session.result, other]


def test_a_result_is_shown_with_its_image_or_greyed_without(session: Session) -> None:
    first, second = image(), image(1)
    for one in (first, second):
        session.set_image(one)
        session.run()
    entry = session.results.entries[0]
    asked = []

    def turn(token: int) -> bool:
        asked.append(token)
        session.set_image(first)
        return True

    session.turn_to = turn
    session.show_result(entry)
    assert asked == [first.token] and session.result is entry.prediction and not session.stale
    session.set_image(second)
    session.turn_to = lambda token: False
    session.show_result(entry)
    assert session.result is entry.prediction and session.stale


def test_a_run_under_way_is_waited_for(session: Session, runner: Held) -> None:
    session.set_image(image())
    session.run()
    shown = session.result
    session.set_image(image(1))
    runner.channels = {"run"}
    session.run()
    session.show_result(session.results.entries[0])
    assert "Wait" in session.note.text and session.busy
    session.cancel()
    session.show_result(session.results.entries[0])
    assert session.result is shown and session.note is None


def test_another_spread_stays_with_its_result(session: Session) -> None:
    first = image()
    session.set_image(first)
    session.run()
    session.set_spread(Spread(1.5))
    assert session.result.spread.overall == 1.5
    session.set_image(image(1))
    session.run()
    assert session.result.spread == Spread()
    session.set_image(first)
    assert session.result.spread.overall == 1.5 and session.ranges.spread.overall == 1.5


def test_the_first_found_make_room_when_memory_is_short(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.set_image(image())
    session.run()
    size = session.result.nbytes
    assert size == 4 * 2 * 32 * 40 * (session.result.dist.rank + 2)
    total = SimpleNamespace(total=2.5 * size / 0.4)
    monkeypatch.setattr("psutil.virtual_memory", lambda: total)
    for seed in (1, 2):
        session.set_image(image(seed))
        # Of the network's own memory nothing is asked here.
        result = replace(session.result, run=10 + seed, source=session.setup.source)
        result.bases.find("label-weighted")
        session.ran(result, 1.0)
    assert len(session.results.entries) == 2
    assert session.results.entries[-1].prediction is session.result
    assert "made room" in session.note.text
    np.testing.assert_array_equal(session.walk.label_map(()), session.result.dist.label_map())
