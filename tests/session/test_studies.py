"""Sessions that are saved and opened, and saved by themselves: nothing that was done is lost."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from napari_ssn.core.begun import awaiting
from napari_ssn.core.distribution import LogitDistribution
from napari_ssn.core.packed import distribution as packed
from napari_ssn.errors import DataError, ServerError
from napari_ssn.io.locks import hold
from napari_ssn.network.inference import Inference, Watch
from napari_ssn.network.models import Model
from napari_ssn.network.question import Question
from napari_ssn.prediction.choice import Choice
from napari_ssn.prediction.decode import hypothesis_of
from napari_ssn.prediction.held import Drawn
from napari_ssn.session import Decoded, Session
from napari_ssn.session.keeping import Keeping, offers
from tests.support.begun import begun_of, blob
from tests.support.helpers import noise_image, tiny_model
from tests.support.people import NAMES, fit_to_people
from tests.support.sessions import Held, source, start, undealt

pytestmark = pytest.mark.usefixtures("few_draws")

Opener = Callable[[], Session]


@pytest.fixture
def fresh(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Opener]:
    """Function that opens a new session, as a new start of the program would."""
    model, made = tiny_model(tmp_path / "flat"), []

    def build() -> Session:
        made.append(start(undealt(), model, monkeypatch))
        return made[-1]

    yield build
    for session in made:
        session.close()


def image(seed: int = 0):
    # Read anew each time: another token, the same values.
    return source(noise_image((32, 40), seed=seed), (0.7, 0.7))


def worked(session: Session) -> Session:
    """Two images segmented; in the first, which is on show, somebody has gone far."""
    session.set_image(image(0))
    session.run()
    first = session.setup.source
    session.set_image(image(1))
    session.run()
    session.walk.set_sigma(-0.8)
    session.set_image(first)
    session.pointing.add((5, 6), 1)
    session.walk.show_sample(2)
    session.walk.set_direction(1)
    session.walk.set_sigma(1.0)
    session.copies.keep()
    drawn = {session.result.run: tuple(map(Drawn, session.copies.kept))}
    session.studies.drawn = lambda run: drawn.get(run, ())
    return session


def test_people_behind_a_fitted_outline_are_kept_in_a_study(fresh: Opener, tmp_path: Path) -> None:
    before = fresh()
    before.set_image(image(0))
    before.run()
    fit_to_people(before)
    before.pointing.add((5, 6), 1)
    before.copies.keep()
    drawn = {before.result.run: tuple(map(Drawn, before.copies.kept))}
    before.studies.drawn = lambda run: drawn.get(run, ())
    before.walk.set_sigma(0.5)
    seen = before.walk.choice
    assert seen.drawing is not None and seen.drawing.made_of is not None
    before.studies.save(tmp_path / "a.ssn.zip")
    after = fresh()
    made: list[Decoded] = []
    after.copies.made.connect(made.append)
    after.studies.open(tmp_path / "a.ssn.zip")
    after.set_image(image(0))
    assert after.walk.choice == seen
    told = made[0].provenance["adjudicated"]
    assert [one["name"] for one in told["readers"]] == list(NAMES)
    assert told["outline_sha256"] == seen.drawing.sha256


def test_a_study_is_opened_onto_the_images_that_it_is_of(fresh: Opener, tmp_path: Path) -> None:
    before = worked(fresh())
    seen = before.walk.choice, before.walk.label_map(()).tobytes()
    before.studies.save(tmp_path / "a.ssn.zip")
    assert "Saved 2 results" in before.note.text
    after = fresh()
    after.studies.open(tmp_path / "a.ssn.zip")
    assert len(after.studies.waiting) == 2 and after.result is None
    assert (
        after.studies.words
        == "2 results wait for their images (32 × 40): open or choose them to go on."
    )
    # An image of the same grid with other values is not the one.
    after.set_image(image(7))
    assert after.result is None and len(after.studies.waiting) == 2
    made: list[Decoded] = []
    after.copies.made.connect(made.append)
    after.set_image(image(0))
    assert (after.walk.choice, after.walk.label_map(()).tobytes()) == seen
    assert not after.stale and len(after.studies.waiting) == 1
    assert [one.choice for one in made] == [before.walk.choice] == list(after.copies.kept)
    np.testing.assert_array_equal(
        made[0].label_map, after.result.dist.placed(after.walk.label_map(()))
    )
    assert after.ranges is not None and after.ranges.points == before.walk.choice.points
    after.set_image(image(1))
    assert after.walk.choice.sigma == -0.8 and not after.studies.waiting
    assert len(after.results.entries) == 2
    # And one can go on: another run of the same image takes the place of the one that came.
    after.run()
    assert len(after.results.entries) == 2 and after.state == "result"


def test_an_image_that_is_open_already_gets_its_result(fresh: Opener, tmp_path: Path) -> None:
    worked(fresh()).studies.save(tmp_path / "a.ssn.zip")
    after = fresh()
    after.set_image(image(0))
    after.studies.open(tmp_path / "a.ssn.zip")
    assert after.result is not None and not after.stale and after.walk.choice.sigma == 1.0


def test_images_go_with_it_only_when_asked_for(fresh: Opener, tmp_path: Path) -> None:
    before = worked(fresh())
    before.studies.save(tmp_path / "a.ssn.zip")
    before.studies.save(tmp_path / "b.ssn.zip", pixels=True)
    found: list[int] = []
    for name in ("a.ssn.zip", "b.ssn.zip"):
        after = fresh()
        layers: list[Any] = []
        after.studies.pictured.connect(layers.extend)
        after.studies.open(tmp_path / name)
        found.append(len(layers))
    assert found == [0, 2]
    turn, kind = before.result.source.turn, layers[0][2]
    shown = turn.apply(before.result.source.load().data[0])
    np.testing.assert_array_equal(layers[0][0], shown)
    assert kind == "image" and "study" in layers[0][1]["name"]


def test_what_waits_is_saved_as_it_came(fresh: Opener, tmp_path: Path) -> None:
    worked(fresh()).studies.save(tmp_path / "a.ssn.zip", pixels=True)
    between = fresh()
    between.studies.open(tmp_path / "a.ssn.zip")
    between.set_image(image(1))
    assert len(between.studies.waiting) == 1
    between.studies.save(tmp_path / "b.ssn.zip")
    (tmp_path / "a.ssn.zip").unlink()
    after = fresh()
    after.studies.open(tmp_path / "b.ssn.zip")
    after.set_image(image(0))
    assert after.walk.choice.sigma == 1.0 and len(after.copies.kept) == 1


def test_what_cannot_be_opened_loses_nothing(fresh: Opener, tmp_path: Path) -> None:
    session = worked(fresh())
    shown = session.result
    (tmp_path / "DOE.ssn.zip").write_bytes(b"no zip")
    session.studies.open(tmp_path / "DOE.ssn.zip")
    assert session.note.error and "DOE" not in session.note.text
    assert session.result is shown and len(session.results.entries) == 2
    session.studies.save(tmp_path / "DOE.ssn.zip")
    assert session.note.error and "already" in session.note.text
    nobody = fresh()
    nobody.studies.save(tmp_path / "b.ssn.zip")
    assert nobody.note.error and not (tmp_path / "b.ssn.zip").exists()


# ---- By itself


@pytest.fixture
def base(tmp_path: Path) -> Path:
    return tmp_path / "kept"


def kept_by(session: Session, base: Path) -> Keeping:
    return Keeping(base, session.studies.whole, session.tell)


def test_it_is_saved_by_itself_and_offered_when_its_process_is_gone(
    fresh: Opener, base: Path
) -> None:
    session = fresh()
    keeping = kept_by(session, base)
    keeping.tick()
    # Nothing is written for one who has found nothing.
    assert not base.exists()
    worked(session)
    keeping.finish()
    files = {path: path.stat().st_mtime_ns for path in base.rglob("*") if path.is_file()}
    assert files
    keeping.finish()
    assert files == {path: path.stat().st_mtime_ns for path in base.rglob("*") if path.is_file()}
    # While its process lives nobody else is offered it.
    assert offers(base) == ()
    session.walk.set_sigma(0.5)
    # As where Python ends before the window has: it takes no jobs any more.
    keeping._pool.shutdown(wait=True)
    keeping.close()
    (offer,) = offers(base)
    assert offer.results == 2
    after = fresh()
    other = kept_by(after, base)
    assert other.take_over(offer) and offers(base) == ()
    after.studies.open(offer.folder)
    after.set_image(image(0))
    assert after.walk.choice.sigma == 0.5 and after.walk.choice.points
    # One that waits for its image is kept on, in the same folder.
    other.finish()
    document = json.loads((offer.folder / "study.json").read_text())
    assert len(document["results"]) == 2 and other.folder == offer.folder
    other.close()
    other._pool.shutdown(wait=True)
    assert [one.results for one in offers(base)] == [2]
    other.discard(offers(base)[0])
    assert offers(base) == () and not list(base.iterdir())


def test_only_the_newest_are_kept_and_what_cannot_be_read_is_said(
    fresh: Opener, base: Path
) -> None:
    session = worked(fresh())
    for _ in range(5):
        keeping = kept_by(session, base)
        session.walk.nudge(0.1)
        keeping.finish()
        keeping.close()
        keeping._pool.shutdown(wait=True)
    broken = base / "broken"
    broken.mkdir()
    (broken / "study.json").write_text("{")
    # A kill before the first document leaves a folder of nothing.
    (base / "begun" / "pieces").mkdir(parents=True)
    *good, unread = offers(base)
    assert [one.results for one in good] == [2] * 3 and not any(one.problem for one in good)
    assert unread.folder == broken and "study" in unread.problem and str(base) not in unread.problem
    assert broken.exists() and len(list(base.iterdir())) == 4
    kept_by(session, base).discard(unread)
    assert not broken.exists()
    assert offers(base / "nowhere") == ()


def test_a_full_disk_is_said_once(
    fresh: Opener, base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = worked(fresh())
    told: list[str] = []
    base.write_text("a file where the folder should be")
    keeping = Keeping(base, session.studies.whole, lambda text, error: told.append(text))
    for step in range(3):
        session.walk.set_sigma(0.1 * step)
        keeping.finish()
    assert len(told) == 1 and "not being saved" in told[0] and str(base) not in told[0]
    assert session.walk.choice != Choice()
    keeping.close()


def test_a_result_whose_numbers_are_gone_takes_no_other_with_it(
    fresh: Opener, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of it is saved what is here, and all of it once that has come."""
    reason = [ServerError("The server was started anew.")]
    session = partly(fresh(), monkeypatch, reason)
    told: list[str] = []
    keeping = Keeping(base, session.studies.whole, lambda text, error: told.append(text))
    keeping.finish()
    assert [one.results for one in offers(base)] == [] and told == []
    document = json.loads((keeping.folder / "study.json").read_text())
    assert [one["distribution"]["reach"] is None for one in document["results"]] == [True, False]
    session.studies.save(tmp_path / "study.ssn.zip")
    assert session.note is not None and session.note.text == (
        "Saved 2 results; open the study to go on. Of result 2 of 2 in the list only what its "
        "outlines need is saved. The server was started anew."
    )
    reason.clear()
    assert session.result is not None
    session.result.dist.complete()
    keeping.finish()
    document = json.loads((keeping.folder / "study.json").read_text())
    assert [one["distribution"]["reach"] for one in document["results"]] == [None, None]
    assert len(list((keeping.folder / "pieces").iterdir())) == pieces(document)
    keeping.close()
    keeping._pool.shutdown(wait=True)
    assert [one.results for one in offers(base)] == [2] and told == []


def pieces(told: Any) -> int:
    """Of how many pieces a document tells."""

    def found(part: Any) -> set[str]:
        if isinstance(part, dict):
            own = {part["sha256"]} if set(part) == {"sha256", "size"} else set()
            return own.union(*map(found, part.values()))
        return set().union(*map(found, part)) if isinstance(part, list) else set()

    return len(found(told))


def partly(session: Session, monkeypatch: pytest.MonkeyPatch, reason: list[Exception]) -> Session:
    """A session with two results, of which the one on show is a part until there is no reason."""
    real = Model.answer

    def between(rest: Any) -> Any:
        if reason:
            raise reason[0]
        return rest

    def answer(model: Model, question: Question, watch: Watch) -> Inference:
        found = real(model, question, watch)
        dist = blob(found.dist.space)
        place = {name: getattr(found.dist, name) for name in ("affine", "start", "image_space")}
        kept = packed.compact(replace(dist, **place))
        assert isinstance(kept, LogitDistribution | packed.PackedDistribution)
        return replace(found, dist=begun_of(kept, between))

    monkeypatch.setattr(awaiting, "_MOST", 1.0)
    session.set_image(image(1))
    session.run()
    monkeypatch.setattr(Model, "answer", answer)
    session.set_image(image(0))
    session.run()
    session.walk.show_sample(1)
    session.walk.set_sigma(0.4)
    return session


@pytest.mark.parametrize("form", ["dense", "packed"])
def test_who_leaves_while_the_rest_is_coming_goes_on_where_they_were(
    form: str, fresh: Opener, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if form == "packed":
        monkeypatch.setattr(packed, "LARGE", 0)
    session = partly(fresh(), monkeypatch, [ServerError("Not yet.")])
    assert session.result is not None and session.result.dist.form == form
    session.copies.keep()
    kept = (Drawn(session.walk.choice), Drawn(Choice(sample=1, sigma=80.0)))
    session.studies.drawn = lambda run: kept if run == session.result.run else ()
    choice, labels, counts = session.walk.choice, shown(session), session.walk.counts
    keeping = Keeping(base, session.studies.whole, lambda text, error: None)
    keeping.close()
    keeping._pool.shutdown(wait=True)
    session.close()
    (offer,) = offers(base)
    again, made = fresh(), list[Decoded]()
    again.copies.made.connect(made.append)
    again.studies.open(offer.folder)
    again.set_image(image(0))
    assert again.result is not None and again.walk.choice == choice
    np.testing.assert_array_equal(shown(again), labels)
    np.testing.assert_array_equal(again.walk.counts, counts)
    # Of the hypotheses that were kept nobody had seen the one that needs what was not here.
    assert [one.choice for one in made] == [choice]
    np.testing.assert_array_equal(made[0].label_map, labels)
    again.pointing.add((5, 6), 1)
    assert again.note is not None and again.note.text.endswith("saved: run again for it.")
    # Saved once more it is what it was.
    again.studies.save(tmp_path / "a.ssn.zip")
    assert again.note.text.endswith("run again for it.") and not again.pointing.points
    third = fresh()
    third.studies.open(tmp_path / "a.ssn.zip")
    third.set_image(image(0))
    assert third.walk.choice == choice
    np.testing.assert_array_equal(shown(third), labels)


def test_a_rest_that_does_not_fit_is_said_where_a_point_is_placed(
    fresh: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = partly(fresh(), monkeypatch, [DataError("It does not fit.")])
    session.pointing.add((5, 6), 1)
    assert not session.pointing.points
    assert session.note is not None and session.note.text == "It does not fit."


def shown(session: Session) -> Any:
    assert session.result is not None
    choice = session.walk.choice
    return hypothesis_of(session.result, choice, session.walk.lesions).label_map


def test_what_could_not_be_saved_is_tried_again_though_nothing_changes(
    fresh: Opener, base: Path
) -> None:
    session = worked(fresh())
    told: list[str] = []
    base.write_text("a full disk")
    keeping = Keeping(base, session.studies.whole, lambda text, error: told.append(text))
    keeping.finish()
    assert len(told) == 1
    base.unlink()
    keeping.finish()
    keeping.close()
    keeping._pool.shutdown(wait=True)
    assert [one.results for one in offers(base)] == [2] and len(told) == 1


@pytest.mark.parametrize("moment", ["held by another", "taken away"])
def test_another_process_that_tidies_up_takes_no_new_folder_away(
    fresh: Opener, base: Path, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """A second window starts between the making of a folder and its first save."""
    session = worked(fresh())
    keeping = kept_by(session, base)
    first, others = keeping.folder, []

    def raced(folder: Path) -> Callable[[], None] | None:
        let_go = None
        if folder == first and moment == "held by another":
            others.append(hold(folder))
        let_go = hold(folder)
        if folder == first and moment == "taken away":
            folder.rmdir()
        return let_go

    monkeypatch.setattr("napari_ssn.session.keeping.hold", raced)
    keeping.finish()
    monkeypatch.undo()
    for let_go in others:
        let_go()
    # While its process lives, its folder is nobody's to take.
    assert offers(base) == () and (keeping.folder / "study.json").is_file()
    keeping.close()
    keeping._pool.shutdown(wait=True)
    assert [one.results for one in offers(base)] == [2]


def test_what_was_kept_in_a_row_is_all_kept_and_saved_before_it_is_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, model = Held({"keep"}), tiny_model(tmp_path / "flat")
    session = start(held, model, monkeypatch)
    made: list[Decoded] = []
    session.copies.made.connect(made.append)
    session.set_image(image(0))
    session.run()
    first = session.setup.source
    kept = []
    for sigma in (-1.0, 0.5, 0.5, 2.0):
        session.walk.set_sigma(sigma)
        kept.append(session.walk.choice)
        session.copies.keep()
    kept = list(dict.fromkeys(kept))
    assert len(kept) == 3 and session.copies.keeping == tuple(kept) and not made
    session.studies.save(tmp_path / "a.ssn.zip")
    (entry,) = session.studies.whole().held
    assert [one.choice for one in entry.kept] == kept
    # Another image comes and goes before any of them was decoded.
    session.set_image(image(1))
    session.run()
    assert not session.copies.keeping
    session.set_image(first)
    assert session.copies.keeping == tuple(kept)
    held.go()
    assert [one.choice for one in made] == kept and not session.copies.keeping
    assert session.copies.kept == set(kept)
    after = start(undealt(), model, monkeypatch)
    again: list[Decoded] = []
    after.copies.made.connect(again.append)
    after.studies.open(tmp_path / "a.ssn.zip")
    after.set_image(image(0))
    assert {one.choice for one in again} == set(kept)
    for one in again:
        (same,) = (other for other in made if other.choice == one.choice)
        np.testing.assert_array_equal(one.label_map, same.label_map)
