"""Two results of a session as two scans of one lesion: compared, linked, written."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from napari_ssn.core.spread import Spread
from napari_ssn.documents.sidecar import read_sidecar
from napari_ssn.errors import DataError
from napari_ssn.geometry.acquired import Acquired
from napari_ssn.io.registration import Motion
from napari_ssn.prediction import registered
from napari_ssn.prediction.growth import figures_of, growth
from napari_ssn.session import Session
from napari_ssn.session.follow import AFTER, BEFORE, Asked
from tests.support.helpers import noise_image, page_of, tiny_model
from tests.support.sessions import Held, source, start

pytestmark = pytest.mark.usefixtures("few_draws")

SPACE = (18, 17, 16)


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("models")
    return tuple(
        tiny_model(folder / name, 3, region=(16,) * 3, seed=seed)
        for seed, name in enumerate(("solid", "other"))
    )


@pytest.fixture
def runner() -> Held:
    return Held(set())


@pytest.fixture
def session(models, runner: Held, monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    made = start(runner, models[0], monkeypatch)
    yield made
    made.close()


def image(seed: int = 0, step: float = 1.0, **acquired: object):
    made = source(noise_image(SPACE, seed=seed), (step,) * 3)
    return replace(made, series=SimpleNamespace(acquired=Acquired(**acquired)))


@pytest.fixture
def both(session: Session) -> Session:
    """Two scans, of which the second is on show, and the comparison looked at."""
    for seed in (0, 1):
        session.set_image(image(seed, 1.0 + 0.05 * seed))
        session.run()
    session.follow.attend(True)
    return session


def figures(session: Session) -> dict[str, object]:
    assert session.follow.growth is not None, session.follow.problem
    return figures_of(session.follow.growth, session.follow.asked.growth)


def test_it_says_what_the_command_says_of_the_sidecars(both: Session, tmp_path: Path) -> None:
    follow = both.follow
    for which, name in ((AFTER, "after"), (BEFORE, "before")):
        both.show_result(follow.sides[which].entry)
        # Diameters are stated where they were measured.
        assert both.summary.lengths is not None
        both.files.export(tmp_path / f"{name}.nii.gz")
    records = [read_sidecar(tmp_path / f"{name}.json") for name in ("before", "after")]
    follow.set_date(BEFORE, "2025-03-01")
    follow.set_date(AFTER, "2025-08-28")
    wanted = figures_of(growth(*records, days=180), 0.25)
    here = figures(both)
    # That of a file says nothing of how it was acquired, which here is not known either.
    assert here == wanted and here["days"] == 180
    assert here["longest_diameter"]["before_mm"]["0.5"] > 0
    follow.open_sidecar(BEFORE, tmp_path / "before.json")
    assert figures(both) == {**wanted, "days": 180} and follow.beside.linked == ""
    assert follow.told is not None and "Growth of 25 % or more: " in follow.told.headline


def test_points_on_either_side_and_other_results_move_it(both: Session, runner: Held) -> None:
    follow = both.follow
    seen = [figures(both)]
    # On show is the later one; the earlier one is corrected after going back to it.
    both.pointing.add((9, 9, 9), 1)
    seen.append(figures(both))
    assert seen[1]["before_ml"] == seen[0]["before_ml"]
    assert seen[1]["after_ml"] != seen[0]["after_ml"]
    assert "only one of them was corrected by points" in seen[1]["cautions"]
    both.set_image(follow.sides[BEFORE].entry.prediction.source)
    assert follow.beside.on_show == BEFORE and figures(both) == seen[1]
    both.pointing.add((8, 8, 8), 1)
    seen.append(figures(both))
    assert seen[2]["after_ml"] == seen[1]["after_ml"]
    assert seen[2]["before_ml"] != seen[1]["before_ml"]
    assert "only one of them was corrected by points" not in seen[2]["cautions"]
    # What was found before stays while it is counted anew.
    runner.channels = {"follow-before", "range", "lengths"}
    both.pointing.clear()
    assert follow.waiting and figures(both) == seen[2]
    runner.go()
    runner.channels = set()
    assert not follow.waiting and figures(both)["before_ml"] == seen[0]["before_ml"]
    follow.swap()
    assert figures(both)["before_ml"] == seen[2]["after_ml"]
    # A run of the same place takes the place of the former, and is compared.
    entry = follow.sides[AFTER].entry
    both.run()
    assert follow.sides[AFTER].entry is not entry
    assert follow.sides[AFTER].entry is both.results.current and figures(both)


def test_what_cannot_be_compared_is_refused(both: Session, models, monkeypatch) -> None:
    follow, (one, two) = both.follow, both.results.entries
    both.set_spread(Spread(1.5))
    assert follow.growth is None and "spread differently" in follow.problem
    both.set_image(one.prediction.source)
    both.set_spread(Spread(1.5))
    assert figures(both) and follow.problem == ""
    follow.choose(AFTER, one)
    assert follow.growth is None and "one and the same image" in follow.problem
    follow.choose(AFTER, two)
    for dates, words in [
        (("2025-03-01", "2025-02-01"), "is the earlier one"),
        (("2025-03-01", "soon"), "A date is written as in 2025-03-01."),
    ]:
        for which in (BEFORE, AFTER):
            follow.set_date(which, dates[which])
        assert follow.growth is None and words in follow.problem
    for day in ("2025-03-01", ""):
        follow.set_date(AFTER, day)
        assert figures(both)["rate_per_day"] is None and follow.told is not None
        assert ("of one day: no rate" in " ".join(follow.told.lines)) == bool(day)
    follow.ask(Asked("spleen"))
    assert follow.growth is None and "no label of that name" in follow.problem


def test_another_model_is_refused(both: Session, models) -> None:
    entry = both.results.entries[1]
    card = both.results.entries[0].prediction.card.model_copy(update={"weights_sha256": "b" * 64})
    changed = replace(entry.prediction, card=card, run=99)
    changed.bases.find("label-weighted")
    both.ran(changed, 1.0)
    assert len(both.results.entries) == 3
    both.follow.choose(AFTER, both.results.entries[2])
    assert "different models" in both.follow.problem


def test_dates_come_from_dicom_and_order_the_scans(session: Session) -> None:
    days = (date(2025, 9, 1), date(2025, 3, 1))
    for seed, (day, kernel, thick) in enumerate(
        zip(days, ("B60f", "B30f"), (5.0, 1.0), strict=True)
    ):
        session.set_image(image(seed, day=day, kernel=kernel, thickness_mm=thick))
        session.run()
    follow, entries = session.follow, session.results.entries
    assert follow.sides[BEFORE].entry is None
    follow.attend(True)
    assert [side.entry for side in follow.sides] == [entries[1], entries[0]]
    assert follow.dates == ("2025-03-01", "2025-09-01") and figures(session)["days"] == 184
    said = " ".join(figures(session)["cautions"])
    assert "1 and 5 mm thick" in said and "different kernels" in said and "B60f" not in said
    assert "not known here" not in said
    # Somebody knows better; it is of that scan wherever it stands.
    follow.set_date(BEFORE, "2025-03-31")
    assert figures(session)["days"] == 154
    follow.swap()
    assert follow.dates == ("2025-09-01", "2025-03-31") and "is the earlier one" in follow.problem


def test_scans_of_two_patients_are_said_to_be(session: Session, tmp_path: Path) -> None:
    for seed in (0, 1):
        whose = (f"number {seed}", "", "")
        session.set_image(image(seed, whose=whose, kernel="a", thickness_mm=1.0))
        session.run()
    session.follow.attend(True)
    said = figures(session)["cautions"][0]
    assert "of different patients, by their headers" in said
    session.follow.export_report(tmp_path / "change.sc.dcm")
    assert "study of neither" in session.follow.note[0] and session.follow.note[1]
    assert not list(tmp_path.iterdir())


def test_nothing_is_found_out_for_nobody(session: Session, runner: Held) -> None:
    runner.channels = {"follow-before", "follow-after"}
    for seed in (0, 1):
        session.set_image(image(seed))
        session.run()
    session.pointing.add((9, 9, 9), 1)
    assert not runner.waiting and session.follow.growth is None


def test_scans_are_linked_by_a_shift(both: Session) -> None:
    follow, one = both.follow, both.results.entries[0]
    assert follow.beside.linked == (
        "Linked by a shift, nothing is turned: the outline's middle in both."
    )
    pictures = follow.beside.pictures(0.0, 128)
    assert [picture.shape for picture in pictures] == [(128, 128, 3)] * 2
    assert not np.array_equal(*pictures)
    low, high = follow.beside.reach_mm
    assert low <= 0 < high and follow.beside.pictures(high + 5, 128) == (None, None)
    looked = []
    both.places.looked.connect(lambda *what: looked.append(what))
    shown = []
    both.turn_to = lambda token: shown.append(token) or True
    assert follow.beside.on_show == AFTER
    follow.beside.link((3, 4, 5))
    assert "the outline's middle before and the place you set after" in follow.beside.linked
    here = follow.sides[BEFORE].seen.place
    follow.beside.go_across((5, 4, 4))
    # Two voxels of 1.05 mm on, and one of them back, in voxels of 1 mm.
    assert looked[-1] == ((here[0] + 2, here[1], here[2] - 1), True)
    assert shown == [one.prediction.source.token] and both.result is one.prediction
    assert follow.beside.on_show == BEFORE
    follow.beside.go_across(tuple(np.add(here, (-6, 0, 0))))
    assert follow.note == ("That place lies outside the other scan.", True)
    follow.beside.go_across(None)
    assert "middle of the picture" in follow.note[0] and both.result is one.prediction


def test_a_page_and_rows_of_a_table_are_written(both: Session, tmp_path: Path) -> None:
    follow = both.follow
    follow.set_date(BEFORE, "2025-03-01")
    follow.set_date(AFTER, "2025-08-28")
    follow.ask(Asked(growth=0.5))
    follow.export_report(tmp_path / "change.html")
    assert follow.note == ("Wrote change.html.", False)
    page = page_of(tmp_path / "change.html")
    assert page.count("data:image/png") == 2 and "Before, 2025-03-01" in page
    assert follow.told.headline in page and "Growth of 50 % or more" in page
    assert "Research use only" in page and "Linked by a shift" in page
    follow.export_report(tmp_path / "change.html")
    assert follow.note[1] and "There already is a file" in follow.note[0]
    for _ in range(2):
        follow.add_to_table(tmp_path / "changes.csv")
        assert not follow.note[1]
    with (tmp_path / "changes.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    wanted = figures(both)
    assert len(rows) == 2 and rows[0] == rows[1] and rows[0]["growth"] == "0.5"
    assert float(rows[0]["ratio_median"]) == pytest.approx(wanted["ratio"]["0.5"])
    assert float(rows[0]["longest_after_mm_high"]) > 0
    assert rows[0]["image_before_sha256"] == both.results.entries[0].prediction.image_sha256
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    follow.add_to_table(tmp_path / "other.csv")
    assert follow.note == ("The table of that name has other columns: choose another name.", True)
    assert (tmp_path / "other.csv").read_text() == "a,b\n1,2\n"
    follow.set_date(AFTER, "2025-02-01")
    follow.export_report(tmp_path / "none.html")
    assert "is the earlier one" in follow.note[0] and not (tmp_path / "none.html").exists()


def test_scans_are_laid_on_each_other_by_a_registration(
    both: Session, runner: Held, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is found is that of `io.registration`; here it is shown, followed and let go of."""
    follow, beside = both.follow, both.follow.beside
    matrix, asked = np.eye(4), []
    # A quarter turn about the axis of the slices, and a shift.
    matrix[:3, :3] = [[0, -1, 0], [1, 0, 0], [0, 0, 1]]
    # A place that is set stays where it is, whatever is pointed at.
    beside.link((8, 8, 8))
    # The middle of one lies on that of the other.
    middles = [v.affine @ [*(np.array(v.image.shape) // 2), 1.0] for v in beside.views]
    matrix[:3, 3] = (middles[1] - matrix @ middles[0])[:3]

    def register(images, affines, places, cancel):
        asked.append(places)
        return Motion(matrix, 0.9)

    monkeypatch.setattr(registered, "register", register)
    before = beside.pictures(0.0, 128)
    runner.channels = {"follow-lay"}
    beside.lay(True)
    assert beside.linked == "Laying the scans on each other…"
    np.testing.assert_array_equal(beside.pictures(0.0, 128), before)
    runner.go()
    runner.channels = set()
    assert beside.linked == (
        "Linked by a rigid registration (SimpleITK): turned by 90.0°, correlation 0.90 around the "
        "lesion."
    )
    one, two = beside.views
    assert two.image.shape[1:] == one.image.shape[1:] and two.spacing == one.spacing
    # A voxel of the earlier one, and what of the later one lies there.
    seen = follow.sides[AFTER].seen.view
    index = np.array([8, 9, 7])
    mm = one.affine @ [*index, 1]
    source = np.linalg.inv(seen.affine) @ matrix @ mm
    nearest = tuple(np.rint(source[:3]).astype(int))
    shift = np.rint(np.linalg.inv(one.affine) @ two.affine[:, 3])[0]
    assert two.labels[tuple(index - [int(shift), 0, 0])] == seen.labels[nearest]
    # The same place in the other scan, and back.
    sources = [side.entry.prediction.source for side in follow.sides]
    voxel = registered.carried(Motion(matrix, 1.0), False, *sources, (5, 6, 9))
    back = registered.carried(Motion(matrix, 1.0), True, *sources[::-1], voxel)
    assert np.abs(np.subtract(back, (5, 6, 9))).max() <= 1
    away = matrix.copy()
    away[:3, 3] += 500
    assert registered.carried(Motion(away, 1.0), False, *sources, (5, 6, 9)) is None
    # Points change labels, and nothing of how the images lie.
    both.pointing.add((9, 9, 9), 1)
    assert len(asked) == 1 and "registration" in beside.linked
    follow.swap()
    assert len(asked) == 2
    beside.lay(False)
    assert beside.linked.startswith("Linked by a shift")

    def fail(*_: object) -> None:
        raise DataError("How these two lie was not found.")

    beside.link((3, 4, 5))
    monkeypatch.setattr(registered, "register", fail)
    beside.lay(True)
    assert follow.note == ("How these two lie was not found.", True) and not beside.wanted
    assert beside.linked.startswith("Linked by a shift") and len(beside.views) == 2
