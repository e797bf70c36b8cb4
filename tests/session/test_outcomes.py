"""Questions in the session: the answer, going on where it is yes, and what is refused."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from napari_ssn.core.given.outcomes import Outcome
from napari_ssn.documents.sidecar import read_sidecar
from napari_ssn.prediction import given
from napari_ssn.prediction.answer import LEAST
from napari_ssn.prediction.choice import Question
from napari_ssn.prediction.wish import (
    DRAWS,
    SEED,
)
from napari_ssn.session import Session
from napari_ssn.text.asking import (
    answer_line,
    chance,
    question_line,
)
from napari_ssn.text.sizes import Measure
from tests.support.segmented import opened, result_of, source
from tests.support.sessions import Held, Inline

pytestmark = pytest.mark.usefixtures("few_draws")

#: Draws for a question, as anybody has them.
ASKED = given.DRAWS


def session_of(folder: Path, runner: Inline | None = None, dims: int = 2) -> Session:
    space = (40, 48) if dims == 2 else (16, 18, 14)
    return opened(folder, runner or Inline(), source(space, (0.7,) * dims), dims)


def median(session: Session) -> float:
    assert session.ranges is not None
    return session.ranges.ranges[0].median


def sizes(session: Session, n: int = DRAWS) -> np.ndarray:
    """Voxels of the label in the draws that the cards stand for."""
    result, choice = result_of(session), session.walk.choice
    draws = result.given.draws(choice.points, n, SEED, choice.only)
    return np.array([(m == 1).sum() for m in result.given.source(choice.points).label_maps(draws)])


@pytest.mark.parametrize("kind", ["at least", "at most"])
@pytest.mark.parametrize("pointed", [False, True])
@pytest.mark.parametrize("dims", [2, 3])
def test_everything_follows_a_condition(
    tmp_path: Path, dims: int, pointed: bool, kind: str
) -> None:
    session = session_of(tmp_path, dims=dims)
    if pointed:
        session.pointing.add((10,) * dims, 1)
    before = sizes(session, 2000)
    edge = float(np.quantile(before, 0.8 if kind == "at least" else 0.2))
    question = Question(kind, 1, edge)  # type: ignore[arg-type]
    agree = before >= edge if kind == "at least" else before <= edge
    session.asking.ask(question)
    answer = session.asking.answer
    assert answer is not None and answer.usable
    error = math.hypot(answer.error, math.sqrt(0.2 * 0.8 / 2000))
    assert abs(answer.probability - agree.mean()) < 5 * error
    assert session.walk.choice.only == ()
    session.asking.go_on()
    assert session.asking.only == (question,) and session.asking.answer is None
    holds = (lambda n: n >= edge) if kind == "at least" else (lambda n: n <= edge)
    # Draws, samples, cards and the range keep to it exactly; so does what is shown to begin with.
    after = sizes(session)
    assert holds(after).all()
    np.testing.assert_allclose(
        after.mean(), before[agree].mean(), atol=6 * before.std() / math.sqrt(answer.effective)
    )
    assert session.walk.counts is not None and holds(session.walk.counts[1])
    assert not session.asking.broken
    session.walk.step(1)
    shown = session.walk.label_map(())
    assert shown is not None and holds((shown == 1).sum())
    cards, ranges = session.cards, session.ranges
    assert cards is not None and cards.only == (question,) and session.summary.dealt
    assert all(holds(card.counts[1]) for card in cards.cards)
    assert sum(card.share for card in cards.cards) == pytest.approx(1)
    for card in cards.cards:
        session.walk.show(card.choice)
        shown = session.walk.label_map(())
        assert shown is not None and (shown == 1).sum() == card.counts[1]
    assert ranges is not None and ranges.only == (question,)
    assert holds(ranges.ranges[0].low) and holds(ranges.ranges[0].high)
    # The slider begins there, and says where it leaves the condition.
    session.walk.show_sample(None)
    for sigma in (-3.0, 3.0):
        session.walk.set_sigma(sigma)
        shown = session.walk.label_map(())
        assert shown is not None
        assert bool(session.asking.broken) != bool(holds((shown == 1).sum()))


def test_a_condition_is_removed_undone_and_made_again(tmp_path: Path) -> None:
    session = session_of(tmp_path)
    first = session.walk.choice
    plain = sizes(session)
    question = Question("at least", 1, median(session))
    session.asking.ask(question)
    session.asking.go_on()
    then = session.walk.choice
    session.walk.undo()
    assert session.walk.choice == first and session.cards is not None
    np.testing.assert_array_equal(sizes(session), plain)
    assert session.summary.dealt and session.cards.only == ()
    session.walk.redo()
    assert session.walk.choice == then and session.summary.dealt
    session.asking.remove(question)
    assert session.asking.only == () and session.summary.dealt
    session.walk.undo()
    assert session.walk.choice == then


def test_questions_build_on_each_other(tmp_path: Path) -> None:
    session = session_of(tmp_path)
    result = result_of(session)
    low, high = np.quantile(sizes(session, 2000), [0.4, 0.8])
    session.asking.ask(Question("at least", 1, float(low)))
    session.asking.go_on()
    second = Question("at most", 1, float(high))
    session.asking.ask(second)
    answer = session.asking.answer
    assert answer is not None
    # Of 60 % that are above, 40 are not above the second edge.
    assert answer.probability == pytest.approx(2 / 3, abs=0.08)
    session.asking.go_on()
    found = sizes(session)
    assert (found >= low).all() and (found <= high).all()
    assert len(session.asking.only) == 2
    # Asked again it is so already; taking one away leaves the other.
    session.asking.ask(second)
    assert session.note is not None and session.note.text == (
        "All hypotheses that are left are so already."
    )
    session.asking.remove(session.asking.only[0])
    assert session.asking.only == (second,)
    assert (sizes(session) <= high).all() and (sizes(session) < low).any()
    # In whichever order, the draws are the same.
    one, two = Question("at least", 1, float(low)), second
    np.testing.assert_array_equal(
        result.given.draws((), 50, 0, (one, two)), result.given.draws((), 50, 0, (two, one))
    )


def test_a_voxel_is_reached_or_not(tmp_path: Path) -> None:
    session = session_of(tmp_path)
    result = result_of(session)
    share = result.dist.label_maps(result.given.draws((), 2000, 5)).mean(0)
    index = tuple(map(int, np.unravel_index(np.abs(share - 0.3).argmin(), share.shape)))
    session.aim(1)
    assert session.asking.label == 1
    session.asking.ask_at(index)
    assert session.asking.label is None
    answer = session.asking.answer
    assert answer is not None and answer.question == Question("reaches", 1, index=index)
    assert answer.probability == pytest.approx(share[index], abs=0.06)
    session.asking.go_on()
    maps = result.dist.label_maps(result.given.draws((), 200, 0, session.asking.only))
    assert (maps[(slice(None), *index)] == 1).all()
    assert not session.asking.broken
    # A click means one thing at a time.
    session.aim(1)
    session.pointing.start(0)
    assert session.asking.label is None and session.pointing.label == 0
    session.aim(1)
    assert session.pointing.label is None
    session.asking.stop()
    session.asking.ask_at(index)
    assert session.asking.answer is None


def test_a_point_ends_the_conditions_and_undo_brings_them_back(tmp_path: Path) -> None:
    session = session_of(tmp_path)
    session.asking.ask(Question("at least", 1, median(session)))
    session.asking.go_on()
    only = session.asking.only
    session.pointing.add((5, 5), 1)
    assert session.asking.only == () and session.note is not None
    assert session.note.text == "Conditions were about the hypotheses before this point: ask again."
    session.walk.undo()
    assert session.asking.only == only and session.pointing.points == ()


def test_what_is_too_rare_is_said_and_not_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(given, "DRAWS", ASKED)
    session = session_of(tmp_path)
    session.asking.ask(Question("at least", 1, 40 * 48 + 1.0))
    answer = session.asking.answer
    assert answer is not None and answer.rare and not answer.usable
    assert answer.probability == 0 and answer.error == pytest.approx(1 / ASKED)
    assert session.asking.words == ("Never seen: below 0.075 %", True)
    session.asking.go_on()
    assert session.asking.only == ()
    # Rare, but seen: by importance, with its error.
    edge = float(sizes(session, 4000).max())
    for step in range(1, 40):
        session.asking.ask(Question("at least", 1, edge + (40 * 48 - edge) * step / 40))
        answer = session.asking.answer
        assert answer is not None
        if answer.rare:
            break
    assert answer.rare and 0 < answer.error < answer.probability < 1e-4
    words, unusable = session.asking.words
    assert unusable and words.startswith("Probability 0.00") and "less than 1 in 10,000" in words
    session.asking.go_on()
    assert session.asking.only == () and session.walk.choice.only == ()


def test_too_few_hypotheses_are_not_gone_on_with(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = session_of(tmp_path)
    monkeypatch.setattr(Outcome, "effective", property(lambda self: LEAST - 1.0))
    session.asking.ask(Question("at least", 1, median(session)))
    answer = session.asking.answer
    assert answer is not None and not answer.rare and not answer.usable
    assert session.asking.words[0].endswith("too few to go on with")
    session.asking.go_on()
    assert session.asking.only == ()


def test_a_share_of_a_few_hypotheses_is_not_stated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = session_of(tmp_path)
    session.pointing.add((20, 24), 1)
    # Given points nothing is sought out: some ten of the draws are so, by the tail of their sizes.
    edge = float(np.sort(sizes(session, 4000))[-12])
    session.asking.ask(Question("at least", 1, edge))
    answer = session.asking.answer
    assert answer is not None and 0 < answer.probability < 0.01 and not answer.reliable
    words, unusable = session.asking.words
    assert unusable and words.startswith("Seen too rarely for a number: below ")
    bound = float(words.split()[-2]) / 100
    assert answer.probability < bound < 0.02
    session.asking.go_on()
    assert session.asking.only == ()


def test_a_voxel_outside_the_region_is_refused_in_a_sentence(tmp_path: Path) -> None:
    session = session_of(tmp_path)
    session.aim(1)
    session.asking.ask_at((400, 3))
    assert session.note is not None and session.note.error
    assert "lies outside the image of 40 × 48 voxels" in session.note.text
    assert session.asking.question is None and session.asking.answer is None


def test_an_answer_that_comes_too_late_is_dropped(tmp_path: Path) -> None:
    runner = Held({"ask"})
    session = session_of(tmp_path, runner)
    session.asking.ask(Question("at least", 1, median(session)))
    assert session.asking.words == ("Asking…", False)
    session.asking.drop()
    assert session.asking.words == ("", False) and session.asking.question is None
    session.asking.ask(Question("at least", 1, median(session)))
    _, finish = runner.waiting[-1]
    session.pointing.add((5, 5), 1)
    assert session.asking.question is None
    finish()
    assert session.asking.answer is None
    session.run()
    assert session.asking.answer is None and session.asking.question is None


def test_nothing_is_asked_of_a_stale_result(tmp_path: Path) -> None:
    session = session_of(tmp_path)
    session.set_image(source((40, 48)))
    session.asking.ask(Question("at least", 1, 10))
    assert session.note is not None and "run again" in session.note.text
    session.aim(1)
    assert session.asking.label is None


def test_a_sidecar_knows_the_conditions(tmp_path: Path) -> None:
    session = session_of(tmp_path)
    edge = median(session)
    session.asking.ask(Question("at least", 1, edge))
    session.asking.go_on()
    session.files.export(tmp_path / "a.nii.gz")
    record = read_sidecar(tmp_path / "a.json")
    assert record.choice.kind == "conditioned" and record.choice.conditions is not None
    (one,) = record.choice.conditions
    assert (one.kind, one.label, one.voxels, one.index) == ("at least", 1, edge, None)
    written = json.loads((tmp_path / "a.json").read_text())
    assert written["choice"]["conditions"][0]["kind"] == "at least"
    assert session.walk.z is not None and record.choice.z == session.walk.z.tolist()
    assert session.walk.choice.title == "mean where 1 condition holds"
    # Samples made under it are others than before, and are counted apart.
    made = []
    session.copies.made.connect(made.append)
    session.copies.add_samples(2, 0)
    assert [d.choice.only for d in made] == [session.asking.only] * 2
    assert all(d.counts[1] >= edge for d in made)


def test_words() -> None:
    measure = Measure("volume", 2.0, False)
    assert question_line(measure, "nodule", "at least", 710, ()) == "Nodule ≥ 1.42 mL"
    assert question_line(measure, "nodule", "at most", 710, ()) == "Nodule ≤ 1.42 mL"
    assert (
        question_line(measure, "nodule", "reaches", 0, (1, 2, 3)) == "Nodule reaches voxel 1, 2, 3"
    )
    assert chance(0.231, 0.021) == "23 ± 2 %"
    assert chance(0.0412, 0.0031) == "4.1 ± 0.3 %"
    assert chance(3.14e-5, 4e-6) == "0.0031 ± 0.0004 %"
    assert chance(1.0, 0.0) == "100 %"
    assert answer_line(0.231, 0.021, False, True) == ("Probability 23 ± 2 %", False)
    assert answer_line(0.0, 1 / 1000, True, False) == ("Never seen: below 0.30 %", True)
    few = answer_line(3.7e-5, 1.4e-6, True, False, reliable=False, most=0.001155)
    assert few == ("Seen too rarely for a number: below 0.12 %", True)
    assert answer_line(0.9, 0.2, False, False, reliable=False)[0].endswith("below 100 %")
