"""An ensemble in the place of a model: its members listed, shown, left out and walked to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from napari_ssn.cli.verifying import verify
from napari_ssn.geometry.diameters import Diameter, find_diameters, slice_axis
from napari_ssn.io.nifti import read_nifti
from napari_ssn.network.others.bundle import Bundle
from napari_ssn.prediction import readers, readers_told
from napari_ssn.prediction.choice import Choice, Point
from napari_ssn.prediction.curve import STEP
from napari_ssn.prediction.source import Source
from napari_ssn.session import Chosen, Session, Settings
from napari_ssn.text.lengths import lengths_line, lengths_tip
from tests.support.bundles import bundle
from tests.support.ensembles import NAMES, folds, image, members, nifti
from tests.support.sessions import Inline

pytestmark = pytest.mark.usefixtures("few_draws")

MAPS = [one.argmax(0).astype(np.uint8) for one in members()]
COUNTS = [[int((one == c).sum()) for c in range(3)] for one in MAPS]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the image and, in `maps`, what four folds made of it."""
    made = tmp_path_factory.mktemp("place")
    image(made)
    folds(made / "maps")
    return made


@pytest.fixture
def session(place: Path) -> Session:
    made = Session(Inline(), Settings(device="cpu", hypotheses=50, samples=4))
    made.set_image(replace(Source.of(read_nifti(place / "case_0000.nii.gz")), token=7))
    return made


@pytest.fixture
def ran(session: Session, place: Path) -> Session:
    session.choose_members(Chosen((place / "maps",), image_name="case_0000.nii.gz"))
    session.run()
    assert session.state == "result", session.note
    return session


def rows(session: Session) -> list[tuple[str, list[int], int | None]]:
    assert all(row.counts is not None for row in session.members.rows)
    return [(row.name, row.counts.tolist(), row.at) for row in session.members.rows]


def line(session: Session) -> str:
    assert session.ranges is not None and session.result is not None
    return session.ranges.line(session.result.measure, 0)


def test_members_are_to_be_chosen_before_a_run(session: Session) -> None:
    session.choose_members(Chosen())
    assert session.setup.obstacle == (
        "Choose the members of the ensemble: a folder, files or layers."
    )


def test_members_are_listed_with_what_they_outlined(ran: Session) -> None:
    assert rows(ran) == [(f"fold {k}", COUNTS[k], k) for k in range(4)]
    front = [counts[1] * 0.003 for counts in COUNTS]
    assert line(ran) == f"smallest and largest of 4 networks {min(front):.2f}–{max(front):.2f} mL"
    assert ran.note is not None and "clipped to 0.05–0.95" in ran.note.text
    assert ran.cards is not None and ran.cards.noun == "networks" and ran.cards.draws == 4


def test_diameters_are_those_of_the_members_and_no_share_of_them(ran: Session) -> None:
    ran.summary.show_lengths()
    lengths = ran.summary.lengths
    assert lengths is not None and (lengths.whose, lengths.draws) == ("4 networks", 4)
    grid = ran.result.dist.affine
    for label in (1, 2):
        each = [
            find_diameters(one, grid, 3, slice_axis(one.shape, grid))[label - 1] for one in MAPS
        ]
        for found, wanted in (
            (lengths.longest[label - 1], [one.longest for one in each]),
            (lengths.mean[label - 1], [one.mean for one in each]),
            (lengths.perpendicular[label - 1], [one.perpendicular for one in each]),
        ):
            assert (found.low, found.high, found.level) == (min(wanted), max(wanted), 1.0)
    of = [lengths.mean[0], lengths.longest[0], lengths.perpendicular[0]]
    ends, long, across = (f"{one.low:.1f}–{one.high:.1f}" for one in of)
    said = lengths_line(ran.result.measure, Diameter(9.0, 8.0), lengths.of(0))
    assert said == (f"mean diameter 8.5 mm (4 networks {ends}; longest {long}, across it {across})")
    tip = lengths_tip(ran.result.measure, lengths.of(0))
    assert f"Smallest and largest of 4 networks: of the mean {ends} mm" in tip
    assert "%" not in tip and "hypotheses" not in tip and "odel" not in tip


def test_people_beside_an_ensemble_are_told_among_what_is_drawn_around_it(ran: Session) -> None:
    result = ran.result
    assert result is not None
    people = readers.gather(
        MAPS[:2], result.source.space, result.source.spacing_mm, ("A", "B"), NAMES
    )
    lines = list(readers_told.lines_of(people, readers.place(people, result), result.measure, "mm"))
    said = " ".join(lines)
    assert "95 % of hypotheses drawn around the 4 networks agree on" in said
    assert "A: the ensemble comes to front Dice" in said and "model" not in said


def test_one_steps_through_the_members_themselves(ran: Session) -> None:
    for k in (0, 1, 2, 3, None, 0):
        ran.walk.step(1)
        assert ran.walk.choice.member == k
        if k is not None:
            np.testing.assert_array_equal(ran.walk.label_map((slice(None),) * 3), MAPS[k])
            assert ran.walk.counts.tolist() == COUNTS[k]
    ran.walk.step(-1)
    assert ran.walk.choice == Choice()
    ran.members.show(2)
    assert ran.walk.choice.member == 2 and ran.walk.choice.sample is None
    # From a draw, points or the mean no member is left.
    ran.walk.show_sample(1)
    assert ran.walk.choice.member is None
    ran.members.show(2)
    ran.walk.set_points((Point((9, 6, 5), 1),))
    assert ran.walk.choice.member is None


def test_all_that_is_added_are_the_members(ran: Session) -> None:
    made = []
    ran.copies.made.connect(made.append)
    ran.copies.add_samples(3, seed=0)
    ran.copies.add_samples(3, seed=5)
    assert [one.choice.member for one in made] == [0, 1, 2, 3]
    for one, label_map in zip(made, MAPS, strict=True):
        np.testing.assert_array_equal(one.label_map, label_map)


def test_the_slider_ends_at_the_outermost_member(ran: Session) -> None:
    walk, found = ran.walk, ran.result.members
    for number in (None, 0, 2):
        walk.show_sample(None) if number is None else ran.members.show(number)
        start = np.zeros(3) if number is None else found.z[number]
        for direction in range(3):
            walk.set_direction(direction)
            along = (found.z - start) @ walk.here.directions.basis[:, direction]
            low, high = walk.here.ends()
            assert along.min() - 1e-6 <= low <= along.min() + STEP
            assert along.max() - STEP <= high <= along.max() + 1e-6
            walk.set_sigma(9.0)
            assert walk.choice.sigma == pytest.approx(high)
            walk.set_sigma(-9.0)
            assert walk.choice.sigma == pytest.approx(low)


def test_a_member_that_is_left_out_is_left_out_of_everything(ran: Session) -> None:
    ran.members.set_in(1, False)
    inside = [0, 2, 3]
    assert rows(ran) == [
        ("fold 0", COUNTS[0], 0),
        ("fold 1", COUNTS[1], None),
        ("fold 2", COUNTS[2], 1),
        ("fold 3", COUNTS[3], 2),
    ]
    assert ran.result.members.counts.tolist() == [COUNTS[k] for k in inside]
    assert "smallest and largest of 3 networks" in line(ran)
    assert ran.walk.here.members == 3 and ran.result.dist.rank == 2
    ran.members.show(1)
    assert ran.walk.choice == Choice()
    ran.members.set_in(0, False)
    before = ran.result
    ran.members.set_in(3, False)
    assert ran.result is before and "two members or more" in ran.note.text
    ran.members.set_in(1, True)
    ran.members.set_in(0, True)
    assert rows(ran) == [(f"fold {k}", COUNTS[k], k) for k in range(4)]


def test_a_former_ensemble_comes_back_with_its_members(ran: Session) -> None:
    first = ran.results.current
    ran.members.set_in(1, False)
    ran.show_result(first)
    assert rows(ran) == [(f"fold {k}", COUNTS[k], k) for k in range(4)]
    assert ran.walk.here.members == 4 and "of 4 networks" in line(ran)
    ran.show_result(ran.results.entries[1])
    assert [at for _, _, at in rows(ran)] == [0, None, 1, 2]
    ran.members.set_in(1, True)
    assert rows(ran) == [(f"fold {k}", COUNTS[k], k) for k in range(4)]


def test_votes_are_shares_of_the_members(ran: Session) -> None:
    ran.overviews.show("probability", True)
    found = ran.overviews.of("probability")
    votes = np.mean([one > 0 for one in MAPS], axis=0)
    assert found.draws == 4
    np.testing.assert_allclose(found.values, votes, atol=1e-6)


def test_given_a_point_those_that_agree_are_counted(ran: Session) -> None:
    apart = np.argwhere(sum(one == 1 for one in MAPS) == 2)[0]
    index = tuple(map(int, apart))
    agree = [k for k, one in enumerate(MAPS) if one[index] == 1]
    ran.walk.set_points((Point(index, 1),))
    front = [COUNTS[k][1] * 0.003 for k in agree]
    ends = f"{min(front):.2f}–{max(front):.2f} mL"
    assert line(ran) == f"smallest and largest of the 2 of 4 networks that agree {ends}"
    assert {card.choice.member for card in ran.cards.cards} <= set(agree)


@pytest.mark.parametrize("shown", ["mean", "member", "walk"])
def test_what_is_exported_is_made_again_from_the_same_files(
    ran: Session, place: Path, tmp_path: Path, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ran.members.set_in(0, False)
    if shown != "mean":
        ran.members.show(2)
    if shown == "walk":
        ran.walk.set_sigma(-0.3)
        assert ran.walk.choice.sigma < 0
    ran.files.export(tmp_path / "map.nii.gz", False, "shown")
    assert ran.files.exported is not None, ran.note
    scan, maps = place / "case_0000.nii.gz", place / "maps"
    assert verify(scan, tmp_path / "map.json", members=[maps]), capsys.readouterr()


def test_layers_are_members_too_and_are_made_again_from_their_files(
    session: Session, place: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    session.choose_members(Chosen(maps=tuple((one == 1).astype(np.uint8) for one in MAPS)))
    session.run()
    assert [(name, at) for name, _, at in rows(session)] == [(str(k + 1), k) for k in range(4)]
    assert "of 4 label maps" in line(session)
    session.files.export(tmp_path / "map.nii.gz", False, "shown")
    for number, one in enumerate(MAPS):
        nifti(tmp_path / "saved" / f"{number}.nii.gz", (one == 1).astype(np.uint8))
    scan, saved = place / "case_0000.nii.gz", tmp_path / "saved"
    assert verify(scan, tmp_path / "map.json", members=[saved]), capsys.readouterr()


def test_what_is_no_ensemble_is_said_and_what_was_there_stays(ran: Session, tmp_path: Path) -> None:
    before, listed = ran.result, rows(ran)
    ran.choose_members(Chosen((tmp_path,)))
    ran.run()
    assert ran.state == "error" and "two members or more" in ran.note.text
    assert ran.result is before and rows(ran) == listed
    ran.members.set_in(3, False)
    assert "smallest and largest of 3 networks" in line(ran)


def test_lesions_are_counted_over_the_members(session: Session) -> None:
    grid = np.indices(MAPS[0].shape)
    first, second = (
        np.sqrt(((grid - np.reshape(at, (3, 1, 1, 1))) ** 2).sum(0))
        for at in ((4, 6, 5), (13, 7, 5))
    )
    pairs = ((2.9, 2.9), (3.4, 2.3), (3.9, 0.0))
    maps = [((first < a) | (second < b)).astype(np.uint8) for a, b in pairs]
    session.choose_members(Chosen(maps=tuple(maps)))
    session.run()
    found = session.walk.lesions.found
    assert [(one.existence, one.existence_error) for one in found] == [(1, 0), (2 / 3, 0)]
    for one, away, radii in zip(found, (first, second), zip(*pairs, strict=True), strict=True):
        sizes = [int((away < radius).sum()) for radius in radii if radius]
        assert (one.size.low, one.size.high) == (min(sizes), max(sizes))


def test_from_a_member_that_outlines_nothing_one_walks_as_from_the_mean(session: Session) -> None:
    maps = [(one == 1).astype(np.uint8) for one in MAPS]
    session.choose_members(Chosen(maps=(*maps, np.zeros_like(maps[0]))))
    session.run()
    walk = session.walk
    assert session.presence.line == "1 of 5 label maps outlines nothing here"
    for _ in range(5):
        walk.step(1)
    assert (walk.choice.member, walk.choice.nothing) == (4, True)
    assert walk.counts[1:].sum() == 0 and not walk.label_map((slice(None),) * 3).any()
    ends = walk.here.ends()
    walk.set_sigma(-0.5)
    assert walk.choice == Choice(sigma=-0.5) and walk.here.ends() == ends
    session.members.show(4)
    walk.set_direction(1)
    assert walk.choice == Choice(direction=1)


def test_undo_takes_members_in_again(ran: Session) -> None:
    def inside() -> list[int]:
        return [number for number, row in enumerate(ran.members.rows) if row.at is not None]

    ran.walk.show_sample(None)
    ran.members.set_in(1, False)
    ran.members.set_in(3, False)
    assert inside() == [0, 2] and ran.walk.history.can_undo and not ran.walk.history.can_redo
    # What was looked at since comes first.
    ran.walk.step(1)
    ran.walk.undo()
    assert inside() == [0, 2]
    sizes = ran.result.dist.label_map().tobytes()
    ran.walk.undo()
    assert inside() == [0, 2, 3] and ran.walk.history.can_redo
    ran.walk.undo()
    assert inside() == [0, 1, 2, 3] and not ran.walk.history.can_undo
    for count in (3, 2):
        ran.walk.redo()
        assert len(inside()) == count
    assert inside() == [0, 2] and not ran.walk.history.can_redo and ran.walk.history.can_undo
    assert ran.result.dist.label_map().tobytes() == sizes
    # Another way from here ends the way on; another run ends both.
    ran.walk.undo()
    ran.members.set_in(0, False)
    assert inside() == [2, 3] and not ran.walk.history.can_redo
    ran.run()
    assert inside() == [0, 1, 2, 3] and not ran.walk.history.can_undo


def test_networks_are_run_and_one_is_left_out_without_running_the_others(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = bundle(tmp_path / "bundle", folds=3, training=None)
    session.choose_members(Chosen((folder,), image_name="case_0000.nii.gz"))
    session.run()
    assert session.state == "result", session.note
    whole = rows(session)
    assert [name for name, *_ in whole] == ["fold 0", "fold 1", "fold 2"]
    assert session.result is not None and session.result.card.purpose.startswith("3 networks of")
    maps = [one.copy() for one in session.result.members.label_maps]
    with monkeypatch.context() as patched:
        patched.setattr(Bundle, "run", lambda *_: pytest.fail("a network was run again"))
        session.members.set_in(1, False)
        assert session.state == "result", session.note
        assert [row.at for row in session.members.rows] == [0, None, 1]
        for found, wanted in zip(
            session.result.members.label_maps, (maps[0], maps[2]), strict=True
        ):
            np.testing.assert_array_equal(found, wanted)
        # A sidecar tells of them as of those that were run.
        assert [len(one.views) for one in session.result.networks] == [1, 1]
    session.files.export(tmp_path / "map.nii.gz")
    assert session.files.exported is not None, session.note
    scan = image(tmp_path / "scan")
    assert verify(scan, tmp_path / "map.json", members=[folder])


def test_layers_of_probabilities_are_verified_from_files(session: Session, tmp_path: Path) -> None:
    maps = tuple(one[1].astype(np.float32) for one in members())
    session.choose_members(Chosen(maps=maps, names=("a", "b", "c", "d")))
    session.run()
    assert session.state == "result", session.note
    session.files.export(tmp_path / "map.nii.gz")
    for number, one in enumerate(maps):
        nifti(tmp_path / "maps" / f"{number}.nii.gz", one)
    scan = image(tmp_path / "scan")
    assert verify(scan, tmp_path / "map.json", members=[tmp_path / "maps"])
