"""Points in the session: what they move, how they are taken back, and what is refused."""

from __future__ import annotations

import math
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from napari_ssn.cli.app import app
from napari_ssn.core.given.clicks import Click
from napari_ssn.core.given.conditioning import condition
from napari_ssn.core.given.posterior import Posterior
from napari_ssn.core.given.residual import Residual
from napari_ssn.core.given.suggestion import suggest_click
from napari_ssn.core.summaries.lesions import lesion_counts
from napari_ssn.core.summaries.representatives import representatives
from napari_ssn.documents.sidecar import read_sidecar
from napari_ssn.prediction.cards import CARDS, SEED
from napari_ssn.prediction.choice import Point, Question
from napari_ssn.prediction.curve import stops
from napari_ssn.prediction.given import EDGE_SHARE, SLIP, TOLERANCE
from napari_ssn.session import Session, Settings
from napari_ssn.session.pointing import MOST
from napari_ssn.text.steering import points_line
from tests.support.fewer import DRAWS
from tests.support.helpers import noise_image, tiny_model
from tests.support.segmented import opened, result_of, source
from tests.support.sessions import Held, Inline

pytestmark = pytest.mark.usefixtures("few_draws")


def flipped(session: Session, index: tuple[int, ...]) -> Point:
    """A voxel with another label than it has on show."""
    shown = result_of(session).dist.label_map()
    return Point(index, 1 - min(1, int(shown[index])))


def by_hand(session: Session) -> Posterior:
    result = result_of(session)
    points = session.pointing.points
    residual = Residual().along(result.source.load().data[0], EDGE_SHARE)
    clicks = [Click(p.index, p.label) for p in points]
    return condition(result.dist, clicks, TOLERANCE, residual, SLIP)


def pointed(folder: Path, runner: Inline | None = None, count: int = 2, dims: int = 2) -> Session:
    space = (40, 48) if dims == 2 else (16, 18, 14)
    session = opened(folder, runner or Inline(), source(space, (0.7,) * dims), dims)
    for k in range(count):
        point = flipped(session, (5 + 6 * k,) * dims)
        session.pointing.add(point.index, point.label)
    return session


@pytest.mark.parametrize("dims", [2, 3])
def test_everything_follows_the_points(tmp_path: Path, dims: int) -> None:
    session = pointed(tmp_path, dims=dims)
    given, walk = by_hand(session), session.walk
    shown = walk.label_map(())
    assert shown is not None
    np.testing.assert_array_equal(shown, given.label_map())
    for point in session.pointing.points:
        assert shown[point.index] == point.label
    # The slider walks from there, and its sizes are those of what it shows.
    for sigma in (-2.0, 0.5, 3.0):
        walk.set_sigma(sigma)
        shown = walk.label_map(())
        np.testing.assert_array_equal(shown, given.label_map(walk.z))
        np.testing.assert_array_equal(walk.counts, np.bincount(shown.ravel(), minlength=2))
        assert all(shown[point.index] == point.label for point in session.pointing.points)
    # A part of the grid is that part of the whole.
    where = (slice(3, 15),) * dims
    np.testing.assert_array_equal(walk.label_map(where), shown[where])
    draws = result_of(session).given.draws(session.pointing.points, 100, 0)
    counts = given.label_counts(draws)[:, 1]
    assert session.ranges is not None and session.ranges.points == session.pointing.points
    assert session.ranges.ranges[0].median == np.median(counts)
    cards = session.cards
    assert cards is not None and session.summary.dealt
    z = result_of(session).given.draws(session.pointing.points, DRAWS, SEED)
    for card, one in zip(cards.cards, representatives(given, CARDS, z=z), strict=True):
        walk.show(card.choice)
        np.testing.assert_array_equal(walk.label_map(()), one.label_map)
        np.testing.assert_array_equal(card.counts, one.counts)


def test_a_draw_does_not_depend_on_how_many_are_drawn(tmp_path: Path) -> None:
    session = pointed(tmp_path)
    given, points = result_of(session).given, session.pointing.points
    many = given.draws(points, 450, 3)
    for n in (1, 7, 200, 201):
        np.testing.assert_array_equal(given.draws(points, n, 3), many[:n])
    # Blocks are draws of their own, and so are seeds.
    assert len(np.unique(many, axis=0)) == 450
    rank = result_of(session).dist.rank
    assert not (given.draws(points, 1, 4)[0, :rank] == many[0, :rank]).any()
    assert given.draws(points, 0, 3).shape == (0, rank)
    session.walk.set_seed(3)
    session.walk.show_sample(2)
    np.testing.assert_array_equal(session.walk.z, many[2])


def test_few_posteriors_are_kept_and_made_again_alike(tmp_path: Path) -> None:
    given = result_of(pointed(tmp_path, count=0)).given
    sets = [(Point((k, k), k % 2),) for k in range(6)]
    first = [given.posterior(points) for points in sets]
    assert given.posterior(sets[-1]) is first[-1] and len(given._posteriors) == 3
    again = given.posterior(sets[0])
    assert again is not first[0]
    np.testing.assert_array_equal(again.mean, first[0].mean)
    np.testing.assert_array_equal(again.label_map(), first[0].label_map())


def test_the_order_of_points_does_not_matter(tmp_path: Path) -> None:
    session = pointed(tmp_path)
    result = result_of(session)
    one, two = session.pointing.points
    assert result.given.posterior((one, two)) is result.given.posterior((two, one))


def test_taking_a_point_back_restores_what_was(tmp_path: Path) -> None:
    session = pointed(tmp_path, count=0)
    walk, pointing = session.walk, session.pointing
    walk.set_sigma(1.0)
    before, choice, ranges = walk.label_map(()), walk.choice, session.ranges
    pointing.add((5, 5), flipped(session, (5, 5)).label)
    assert walk.choice.sigma == 0 and len(pointing.points) == 1
    one = walk.label_map(())
    pointing.add((30, 30), flipped(session, (30, 30)).label)
    pointing.remove({pointing.points[1]})
    np.testing.assert_array_equal(walk.label_map(()), one)
    for _ in range(3):
        walk.undo()
    assert walk.choice == choice
    np.testing.assert_array_equal(walk.label_map(()), before)
    assert session.ranges is not None and session.ranges.ranges == ranges.ranges
    walk.redo()
    np.testing.assert_array_equal(walk.label_map(()), one)
    # A move of its own makes what was taken back a thing of the past.
    assert walk.history.can_redo
    walk.set_sigma(0.5)
    assert not walk.history.can_redo
    walk.redo()
    assert walk.choice.sigma == 0.5


def test_clear_is_one_step(tmp_path: Path) -> None:
    session = pointed(tmp_path)
    before = session.pointing.points
    session.pointing.clear()
    assert session.pointing.points == () and session.ranges.points == ()
    session.walk.undo()
    assert session.pointing.points == before


def test_the_later_label_of_a_voxel_counts(tmp_path: Path) -> None:
    session = pointed(tmp_path, count=0)
    session.pointing.add((4, 4), 1)
    session.pointing.add((4, 4), 0)
    assert session.pointing.points == (Point((4, 4), 0),)
    assert "the later point counts" in session.note.text and not session.note.error
    session.pointing.add((4, 4), 0)
    assert "there already" in session.note.text and len(session.pointing.points) == 1


def test_a_voxel_outside_is_refused_and_nothing_lost(tmp_path: Path) -> None:
    model = tiny_model(tmp_path / "near", centred=True, region=(16, 16))
    session = Session(Inline(), Settings(device="cpu", hypotheses=50), (model,))
    session.catalogue.look()
    data = noise_image((40, 48))
    data[:5] = np.nan  # beyond the region: neither the run nor the correction minds
    image = source((40, 48))
    from napari_ssn.geometry.display import plain_display, to_volume

    image = replace(image, load=partial(to_volume, data, plain_display(data.shape)))
    session.set_image(image)
    session.place_centre((24, 24))
    session.run()
    assert session.result is not None, session.note
    session.pointing.add((24, 24), 1)
    kept, shown = session.pointing.points, session.walk.label_map(())
    assert len(kept) == 1 and session.pointing.log_evidence < 0
    for index, words in (
        ((2, 24), "outside the region"),
        ((50, 2), "outside the image"),
        ((-1, 0), "outside the image"),
    ):
        session.pointing.add(index, 1)
        assert session.note.error and words in session.note.text
        assert session.pointing.points == kept
        np.testing.assert_array_equal(session.walk.label_map(()), shown)
    # The next point that is good takes the complaint away.
    session.pointing.add((26, 25), 0)
    assert session.note is None and len(session.pointing.points) == 2


def test_nobody_points_into_a_stale_result_or_during_a_run(tmp_path: Path) -> None:
    runner = Held(set())
    session = pointed(tmp_path, runner, count=1)
    session.pointing.start(1)
    runner.channels.add("run")
    session.run()
    assert session.pointing.label is None and not session.pointing.usable
    session.pointing.add((9, 9), 1)
    assert len(session.pointing.points) == 1 and "Wait for the run" in session.note.text
    session.pointing.start(1)
    assert session.pointing.label is None
    runner.go()
    # Another result: nobody has pointed at anything in it.
    assert session.pointing.points == () and session.pointing.usable
    session.pointing.start(1)
    session.set_image(source((40, 48)))
    assert session.stale and session.pointing.label is None
    session.pointing.add((9, 9), 1)
    assert session.pointing.points == () and "run again" in session.note.text


def test_a_hundred_points(tmp_path: Path) -> None:
    session = pointed(tmp_path, Held({"range", "cards", "curve"}), count=0)
    shown = result_of(session).dist.label_map([1.5, 0, 0])
    for k in range(MOST):
        index = (k // 14 * 2, k % 14 * 3)
        session.pointing.add(index, int(shown[index]))
    assert len(session.pointing.points) == MOST
    session.pointing.add((39, 47), 1)
    assert "are the most" in session.note.text and len(session.pointing.points) == MOST
    found = session.walk.label_map(())
    assert (found == shown).mean() > (result_of(session).dist.label_map() == shown).mean()


def test_old_cards_wait_for_new_ones(tmp_path: Path) -> None:
    runner = Held(set())
    session = pointed(tmp_path, runner, count=0)
    old = session.cards
    runner.channels |= {"cards", "range"}
    session.pointing.add((5, 5), flipped(session, (5, 5)).label)
    assert session.cards is old and not session.summary.dealt and session.ranges is None
    session.pointing.add((9, 9), 1)
    # Of two only the newest is dealt.
    assert [name for name, _ in runner.waiting] == ["range", "cards"]
    runner.go()
    assert session.summary.dealt and session.cards.points == session.pointing.points


def test_the_meter_says_how_well_the_model_explains_them(tmp_path: Path) -> None:
    session = pointed(tmp_path, count=0)
    assert session.pointing.words == ("", False)
    session.pointing.add((5, 5), flipped(session, (5, 5)).label)
    assert session.pointing.log_evidence == by_hand(session).log_evidence_alone
    assert session.pointing.words == points_line(1, session.pointing.log_evidence)
    assert points_line(1, math.log(0.5)) == ("1 point · the model explains it well", False)
    assert points_line(2, math.log(0.01)) == ("2 points · the model barely explains them", False)
    assert points_line(3, math.log(1e-4)) == ("3 points · the model cannot explain them", True)


def test_a_suggestion_is_shown_and_goes_with_the_next_point(tmp_path: Path) -> None:
    session = pointed(tmp_path, count=1)
    looked = []
    session.places.looked.connect(lambda place, centred: looked.append(place))
    session.pointing.suggest()
    expected = suggest_click(result_of(session).dist, by_hand(session))
    assert expected is not None
    assert session.pointing.suggested == expected.index == looked[-1]
    session.pointing.add(expected.index, 1)
    assert session.pointing.suggested is None and len(session.pointing.points) == 2


def test_a_suggestion_for_an_image_that_is_not_on_show_any_more_is_dropped(tmp_path: Path) -> None:
    # It named a voxel of two axes, and the volume that was opened meanwhile has three.
    held = Held({"suggest"})
    session = pointed(tmp_path, held, count=1)
    looked = []
    session.places.looked.connect(lambda place, centred: looked.append(place))
    session.pointing.suggest()
    session.set_image(source((20, 24, 20), (0.7,) * 3))
    looked.clear()
    held.go()
    assert session.pointing.suggested is None and not looked


@pytest.mark.parametrize("choose", ["mean", "sample", "walk", "only"])
def test_a_sidecar_with_points_repeats_bit_for_bit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, choose: str
) -> None:
    from napari_ssn.io.nifti import read_nifti
    from napari_ssn.prediction.source import Source
    from tests.support.helpers import oblique_affine

    monkeypatch.setattr("napari_ssn.network.places.model_folders", dict)
    import nibabel

    scan = tmp_path / "scan.nii.gz"
    nibabel.save(nibabel.Nifti1Image(noise_image((24, 28, 20)), oblique_affine()), scan)
    volume = read_nifti(scan)
    model = tiny_model(tmp_path / "tiny", 3)
    session = Session(Inline(), Settings(device="cpu", hypotheses=20), (model,))
    session.catalogue.look()
    session.set_image(
        Source(10**6, volume.space, 1, volume.affine, volume.extent, True, lambda: volume)
    )
    session.run()
    assert session.result is not None, session.note
    for index in ((4, 5, 6), (12, 20, 9)):
        session.pointing.add(index, flipped(session, index).label)
    if choose == "only":
        size = session.ranges.ranges[0].median
        session.asking.ask(Question("at least", 1, size))
        session.asking.go_on()
    if choose != "mean":
        session.walk.show_sample(3)
    if choose == "walk":
        session.walk.set_sigma(-1.5)
    target = tmp_path / "out.nii.gz"
    session.files.export(target)
    assert session.files.exported is not None, session.note
    record = read_sidecar(tmp_path / "out.json")
    kind = {"mean": "conditioned", "only": "sample"}.get(choose, choose)
    assert record.choice.kind == kind
    assert (record.choice.conditions is not None) == (choose == "only")
    assert record.choice.pointing is not None and len(record.choice.pointing.points) == 2
    again = tmp_path / "again.nii.gz"
    done = CliRunner().invoke(
        app,
        ["segment", str(scan), "--from-sidecar", str(tmp_path / "out.json"),
         "--model", str(model), "--out", str(again)],
    )  # fmt: skip
    assert done.exit_code == 0 and "identical" in done.output, done.output
    np.testing.assert_array_equal(read_nifti(again).data, read_nifti(target).data)
    assert read_sidecar(tmp_path / "again.json").choice == record.choice


def test_points_and_lesions_that_move_alone(tmp_path: Path) -> None:
    model = tiny_model(tmp_path / "tiny", sparse=True)
    session = Session(Inline(), Settings(device="cpu", hypotheses=50), (model,))
    session.catalogue.look()
    session.set_image(source((48, 56), (1.0, 1.0)))
    session.run()
    lesions, result = session.walk.lesions, result_of(session)
    assert lesions is not None and lesions.several
    centre = lesions.found[0].centre
    session.pointing.add(centre, 0)
    walk = session.walk
    given = result.given.posterior(session.pointing.points)
    z = np.stack([result.directions.z(0, t, given.mean) for t in stops(3.0)])
    # Lesion by lesion, the obvious way: from whole label maps.
    slow = np.zeros((len(z), len(lesions.found) + 1, 2), np.int64)
    for row, labels in zip(slow, given.label_maps(z), strict=True):
        np.add.at(row, (lesions.parts.ravel(), labels.ravel()), 1)
    np.testing.assert_array_equal(walk.here.curve.value.by_lesion, slow)
    assert (slow != lesion_counts(result.dist, lesions.parts, z)).any()
    walk.set_sigma(1.0)
    walk.set_alone(2, True)
    walk.select(2)
    walk.set_sigma(-2.0)
    shown = walk.label_map(())
    inside = lesions.parts == 2
    there = given.label_map(result.directions.z(0, -2.0, given.mean))
    np.testing.assert_array_equal(shown[inside], there[inside])
    np.testing.assert_array_equal(walk.counts, np.bincount(shown.ravel(), minlength=2))


def test_kept_and_added_hypotheses_know_their_points(tmp_path: Path) -> None:
    session = pointed(tmp_path)
    made = []
    session.copies.made.connect(made.append)
    session.copies.keep()
    session.copies.add_samples(2, 0)
    given = by_hand(session)
    np.testing.assert_array_equal(made[0].label_map, given.label_map())
    for i, sample in enumerate(made[1:]):
        z = result_of(session).given.draws(session.pointing.points, i + 1, 0)[-1]
        np.testing.assert_array_equal(sample.label_map, given.label_map(z))
        assert sample.provenance["choice"]["pointing"]["tolerance"] == TOLERANCE
    session.comparing.compare_with(replace(session.walk.choice, points=()))
    np.testing.assert_array_equal(
        session.comparing.found.label_map, result_of(session).dist.label_map()
    )
