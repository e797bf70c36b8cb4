"""Presence apart from boundary, from the answer of a network to what a person reads and exports."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

import napari_ssn as ssn
from napari_ssn.core.distribution import draw_z
from napari_ssn.core.measures import label_counts
from napari_ssn.documents.card import (
    Calibration,
    Factors,
)
from napari_ssn.documents.sidecar import read_sidecar
from napari_ssn.prediction.choice import Choice, Question
from napari_ssn.prediction.prediction import Prediction
from napari_ssn.prediction.ranges import state_ranges
from napari_ssn.prediction.wish import (
    CARDS,
    SEED,
)
from napari_ssn.session import (
    Session,
    Settings,
)
from napari_ssn.text.presence import Presence
from tests.support.fewer import DRAWS
from tests.support.helpers import command, noise_image, oblique_affine, page_of, tiny_model
from tests.support.presence import P, give_presence
from tests.support.segmented import source
from tests.support.sessions import Inline

pytestmark = pytest.mark.usefixtures("few_draws")

SPACE, SCAN = (20, 24), (16, 16, 16)


@pytest.fixture
def with_presence(monkeypatch: pytest.MonkeyPatch) -> dict[str, float]:
    return give_presence(monkeypatch)


@pytest.fixture
def session(tmp_path: Path, with_presence) -> Iterator[Session]:
    made = opened(tmp_path)
    yield made
    made.close()


def opened(folder: Path) -> Session:
    model = tiny_model(folder / "tiny", region=(16, 16))
    session = Session(Inline(), Settings(device="cpu", hypotheses=100, samples=12), (model,))
    session.catalogue.look()
    session.set_image(source(SPACE, (1.0, 1.0)))
    session.run()
    return session


def result_of(session: Session) -> Prediction:
    assert session.result is not None, session.note
    return session.result


def absent(session: Session, seed: int = 0) -> int:
    """Number of a sample whose reader outlines nothing."""
    return int(np.flatnonzero(~result_of(session).dist.present(12, seed))[0])


def test_ranges_are_given_presence_and_the_rest_is_a_line_of_its_own(session: Session) -> None:
    dist, ranges = result_of(session).dist, session.ranges
    counts = label_counts(dist, draw_z(100, dist.rank, 0))[:, 1]
    there = counts[counts > 0]
    assert ranges is not None and ranges.count == len(there)
    assert ranges.ranges[0].median == np.median(there) and ranges.ranges[0].low > 0
    assert session.presence == ranges.presence
    assert ranges.presence.share == pytest.approx(P * len(there) / 100)
    assert ranges.presence.line == "about 20 % would outline nothing here"
    assert not session.summary.hidden


def test_what_is_hardly_there_is_said_so_before_any_size(tmp_path: Path, with_presence) -> None:
    with_presence["p"] = 0.02
    session = opened(tmp_path)
    assert session.presence is not None and session.presence.unlikely
    assert session.presence.line == "This does not look like a label 1 (2 %)"
    assert session.summary.hidden
    seen = []
    session.changed.connect(lambda: seen.append(session.summary.hidden))
    session.summary.reveal()
    assert seen == [False] and not session.summary.hidden
    session.run()
    assert session.summary.hidden
    # A point on an object says that there is something, unless it slipped.
    shown = result_of(session).dist.label_map()
    index = tuple(int(i) for i in np.argwhere(shown)[0])
    session.pointing.add(index, 1)
    assert session.presence.share > 0.3
    session.pointing.add(tuple(int(i) for i in np.argwhere(shown)[-1]), 1)
    assert session.presence.share > 0.9 and not session.summary.hidden
    session.close()


def test_models_without_presence_say_nothing_of_it(tmp_path: Path, with_presence) -> None:
    with_presence["p"] = 1.0
    session = opened(tmp_path)
    assert session.presence == Presence(1.0, False, ("label 1",))
    assert session.presence.line == "" and not session.summary.hidden
    session.walk.show_sample(3)
    assert not session.walk.choice.nothing
    session.close()


def test_nothing_outlined_is_a_card_of_its_own(session: Session) -> None:
    cards, dist = session.cards, result_of(session).dist
    assert cards is not None
    counts = label_counts(dist, draw_z(DRAWS, dist.rank, SEED))[:, 1]
    (nothing,) = [card for card in cards.cards if card.choice.nothing]
    assert nothing.share == pytest.approx(1 - P * (counts > 0).mean(), abs=1e-12)
    assert nothing.empty and nothing.choice == Choice(nothing=True)
    assert sum(card.share for card in cards.cards) == pytest.approx(1)
    assert sum(card.empty for card in cards.cards) == 1 and len(cards.cards) <= CARDS
    session.show_card(cards.cards.index(nothing))
    walk = session.walk
    assert walk.choice.kind == "nothing" and walk.choice.title == "nothing outlined"
    assert walk.counts.tolist() == [np.prod(SPACE), 0]
    assert not walk.label_map(()).any() and walk.label_map((3, slice(2, 5))).shape == (3,)
    assert walk.choice.resting == nothing.choice
    # Who moves the slider asks where the border is.
    walk.set_sigma(0.5)
    assert walk.choice.kind == "walk" and walk.counts[1] > 0 and walk.choice.resting is None
    walk.undo()
    assert walk.choice.nothing


def test_samples_are_those_of_all_readers(session: Session) -> None:
    dist, walk = result_of(session).dist, session.walk
    maps = dist.sample(12, seed=0)
    assert 1 <= sum(not one.any() for one in maps) < 8
    for number, expected in enumerate(maps):
        walk.show_sample(number)
        np.testing.assert_array_equal(walk.label_map(()), expected)
        assert walk.counts[1] == expected.sum()
    made = []
    session.copies.made.connect(made.append)
    session.copies.add_samples(12, 0)
    for decoded, expected in zip(made, maps, strict=True):
        np.testing.assert_array_equal(decoded.label_map, expected)
        assert decoded.provenance["choice"]["nothing"] == (None if expected.any() else True)
        assert decoded.provenance["choice"]["presence"] == P
    walk.show_sample(absent(session))
    assert walk.choice.title.endswith("nothing outlined") and walk.choice.kind == "sample"
    # The slider starts from what this draw would be if it were outlined.
    walk.set_sigma(0.5)
    assert not walk.choice.nothing and walk.counts[1] > 0
    walk.set_sigma(0.0)
    assert walk.counts[1] == dist.label_map(walk.z).sum()


def test_keeping_nothing_is_not_keeping_the_mean(session: Session) -> None:
    session.copies.keep_choice(Choice(nothing=True))
    assert session.copies.holds(Choice(nothing=True)) and not session.copies.holds(Choice())


def test_contours_are_given_presence_and_probability_is_not(session: Session) -> None:
    result, dist = result_of(session), result_of(session).dist
    for kind in ("contours", "probability", "boxplot"):
        session.overviews.show(kind, True)
    z = draw_z(DRAWS, dist.rank, SEED)
    maps = dist.label_maps(z)
    maps = maps[maps.any((1, 2))]
    share = (maps > 0).mean(0)
    levels = session.overviews.of("contours").values
    np.testing.assert_array_equal(levels >= 1, 100 * (maps > 0).sum(0) >= 5 * len(maps))
    assert (levels == 3).sum() == (share >= 0.95 - 1e-9).sum() > 0
    probability = session.overviews.of("probability").values
    np.testing.assert_allclose(probability, dist.probabilities()[1], atol=1e-6)
    assert probability.max() <= P
    boxplot = session.overviews.of("boxplot")
    assert boxplot.draws < 100 and not boxplot.median.nothing
    assert dist.present(100, 0)[boxplot.median.sample]
    # Given points it is of all readers who would agree with them.
    index = tuple(int(i) for i in np.unravel_index(np.abs(share - 0.5).argmin(), SPACE))
    session.pointing.add(index, 0)
    points = session.walk.choice.points
    posterior = result.given.posterior(points)
    assert posterior.presence < P and session.presence.share <= posterior.presence
    draws = posterior.label_maps(result.given.draws(points, DRAWS, SEED))
    expected = posterior.presence * (draws > 0).mean(0)
    found = session.overviews.of("probability").values
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_questions_are_put_to_all_readers(session: Session) -> None:
    result, given = result_of(session), result_of(session).given
    median = session.ranges.ranges[0].median
    large = given.outcome((), (Question("at least", 1, voxels=median),))
    small = given.outcome((), (Question("at most", 1, voxels=median),))
    assert large.probability == pytest.approx(P / 2, abs=0.05) and large.presence == 1
    assert small.probability == pytest.approx(P / 2 + 1 - P, abs=0.05)
    assert small.presence == pytest.approx((P / 2) / (P / 2 + 1 - P), abs=0.05)
    # Going on with it, nothing outlined is as likely as it then is.
    session.walk.set_only((Question("at most", 1, voxels=median),))
    nothing = [card for card in session.cards.cards if card.choice.nothing]
    assert nothing[0].share == pytest.approx(1 - small.presence, abs=0.02)
    assert session.presence.share == pytest.approx(small.presence, abs=0.02)
    session.walk.set_only((Question("at least", 1, voxels=median),))
    assert not any(card.choice.nothing for card in session.cards.cards)
    assert given.presence((), session.walk.choice.only) == 1 and result.dist.presence == P


@pytest.mark.parametrize("suffix", [".nii.gz", ".seg.nrrd"])
def test_an_empty_choice_is_exported_as_such(session: Session, tmp_path: Path, suffix: str) -> None:
    session.walk.show(Choice(nothing=True))
    path = tmp_path / f"a{suffix}"
    session.files.export(path)
    assert session.note is not None and not session.note.error
    assert "Nothing is outlined in it." in session.note.text
    sidecar = tmp_path / ("a.json" if suffix == ".nii.gz" else "a.seg.nrrd.json")
    choice = json.loads(sidecar.read_text())["choice"]
    assert (choice["kind"], choice["nothing"], choice["z"]) == ("nothing", True, None)
    assert choice["presence"] == P
    if suffix == ".nii.gz":
        session.files.export(tmp_path / "b.seg.nrrd", part="cards")
        members = json.loads((tmp_path / "b.seg.nrrd.json").read_text())["hypotheses"]
        names = [member["name"] for member in members]
        assert any(name.startswith("nothing outlined (2") for name in names)


def test_table_and_report_say_it(session: Session, tmp_path: Path) -> None:
    session.files.export_volumes(tmp_path / "volumes.csv")
    with (tmp_path / "volumes.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    share = 1 - session.presence.share
    assert rows[-1]["hypothesis"] == "nothing outlined" and rows[-1]["voxels"] == "0"
    assert float(rows[-1]["share"]) == pytest.approx(share)
    session.files.export_report(tmp_path / "report.html")
    page = page_of(tmp_path / "report.html")
    assert "About 20 % would outline nothing here" in page
    assert "hypotheses that outline it" in page


# ---- The commands


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    path = tmp_path / "scan.nii.gz"
    nib.save(nib.Nifti1Image(noise_image(SCAN), oblique_affine()), path)
    return path


@pytest.fixture
def run(monkeypatch, capsys):
    return lambda *args: command(monkeypatch, capsys, *args)


def segmented(run, tmp_path: Path, scan: Path, *more: object) -> tuple[Path, Path, str]:
    model, out = tiny_model(tmp_path / "tiny-3d", 3, 2, region=SCAN), tmp_path / "out"
    args = ("segment", scan, "--model", model, "--out", out, "--device", "cpu")
    status, text, err = run(*args, "--samples", 4, "--seed", 5, *more)
    assert status == 0, err
    return model, out, text


def test_the_command_writes_samples_of_all_readers(run, scan, tmp_path, with_presence) -> None:
    model, out, text = segmented(run, tmp_path, scan, "--report")
    dist = ssn.load_model(model, "cpu").segment(ssn.read(scan)).with_presence(P)
    maps = dist.sample(4, 5)
    assert any(not one.any() for one in maps)
    for number, label_map in enumerate(maps, start=1):
        written = np.asanyarray(nib.load(out / f"sample_{number:02d}.nii.gz").dataobj)
        np.testing.assert_array_equal(written, label_map)
        sidecar = out / f"sample_{number:02d}.json"
        choice = read_sidecar(sidecar).choice
        assert choice.presence == P and choice.nothing == (None if label_map.any() else True)
        status, verdict, _ = run("verify", sidecar, "--image", scan, "--model", model)
        assert status == 0 and verdict.startswith("Identical"), verdict
    lines = text.splitlines()
    assert len(lines) == 2 and lines[1] == "about 20 % would outline nothing here"
    assert lines[0].startswith("Label 1: ") and "hypotheses that outline it)" in lines[0]
    rows = (out / "volumes.csv").read_text().splitlines()
    assert rows[-1].startswith("nothing outlined,0.2")
    page = page_of(out / "report.html")
    assert "About 20 % would outline nothing here" in page


def test_the_command_says_first_that_there_is_hardly_anything(
    run, scan, tmp_path, with_presence
) -> None:
    with_presence["p"] = 0.02
    model = tiny_model(tmp_path / "tiny-3d", 3, region=SCAN)
    args = ["segment", scan, "--model", model, "--device", "cpu"]
    status, text, err = run(*args, "--samples", 1, "--out", tmp_path / "none")
    assert status == 2 and text == "" and not (tmp_path / "none").exists()
    said = " ".join(err.split())
    assert "This does not look like a label 1 (2 %). Nothing was written" in said
    assert "--insist" in said
    _, out, text = segmented(run, tmp_path, scan, "--report", "--insist")
    lines = text.splitlines()
    assert lines[0] == "This does not look like a label 1 (2 %)" and len(lines) == 2
    page = page_of(out / "report.html")
    assert page.index("This does not look like a label 1 (2 %)") < page.index("On show")


def test_verify_finds_another_presence_and_another_flag(run, scan, tmp_path, with_presence) -> None:
    model, out, _ = segmented(run, tmp_path, scan)
    present = ssn.load_model(model, "cpu").segment(ssn.read(scan)).with_presence(P).present(4, 5)
    there, gone = (int(np.flatnonzero(present == value)[0]) + 1 for value in (True, False))

    def verdict(name: str, **changes: object) -> str:
        path = out / f"{name}.json"
        record = json.loads(path.read_text())
        record["choice"].update(changes)
        path.write_text(json.dumps(record))
        return run("verify", path, "--image", scan, "--model", model)[1]

    assert "another chance that there is anything" in verdict("mean", presence=0.81)
    assert verdict("mean", presence=P).startswith("Identical")
    # A sidecar of before, which said nothing of it, is as good as it was.
    assert verdict("mean", presence=None).startswith("Identical")
    assert "another label map" in verdict("mean", nothing=True, presence=P)
    assert "another label map" in verdict(f"sample_{gone:02d}", nothing=None)
    assert "another label map" in verdict(f"sample_{there:02d}", nothing=True)
    # An empty map that is not that sample's: seed and number are of one that is outlined.
    other = json.loads((out / f"sample_{there:02d}.json").read_text())["choice"]
    changed = {"sample": there, "z": other["z"], "nothing": True}
    words = verdict(f"sample_{gone:02d}", **changed)
    assert "otherwise than its sample whether anything is outlined" in words
    with_presence["p"] = 1.0
    assert "another chance that there is anything" in verdict("mean", nothing=None, presence=P)


def test_a_kept_nothing_is_made_again(run, scan, tmp_path, with_presence) -> None:
    model, out, _ = segmented(run, tmp_path, scan)
    record = json.loads((out / "mean.json").read_text())
    record["choice"].update(kind="nothing", nothing=True, z=None)
    empty = np.zeros(SCAN, np.uint8)
    from napari_ssn.io.hashes import label_map_hash

    record["label_map_sha256"] = label_map_hash(empty)
    for size in record["volumes"].values():
        size.update(voxels=0, ml=0.0, longest_mm=0.0, perpendicular_mm=0.0)
        size.update(cut_off_by=[], first=None, last=None, apart_voxels=None)
    (tmp_path / "none.json").write_text(json.dumps(record))
    nib.save(nib.Nifti1Image(empty, nib.load(scan).affine), tmp_path / "none.nii.gz")
    status, words, err = run("verify", tmp_path / "none.json", "--image", scan, "--model", model)
    assert status == 0 and words.startswith("Identical"), words + err
    made = tmp_path / "made.nii.gz"
    args = ("segment", scan, "--from-sidecar", tmp_path / "none.json", "--model", model)
    status, words, err = run(*args, "--out", made)
    assert status == 0 and words.strip() == "identical", words + err
    assert not np.asanyarray(nib.load(made).dataobj).any()


# ---- Words


def test_sentences() -> None:
    assert Presence(0.86, True, ("nodule",)).line == "about 14 % would outline nothing here"
    assert Presence(0.02, True, ("nodule",)).line == "This does not look like a nodule (2 %)"
    assert Presence(0.03, True, ("aneurysm",)).line == "This does not look like an aneurysm (3 %)"
    both = Presence(0.03, True, ("core", "oedema")).line
    assert both == "This does not look like anything that this model outlines (3 %)"
    assert Presence(1e-6, True, ("nodule",)).line == "This does not look like a nodule (<1 %)"
    few = Presence(1 - 1e-6, True, ("nodule",)).line
    assert few == "fewer than 1 % would outline nothing here"
    assert Presence(0.5, True, ("nodule",)).line == "about 50 % would outline nothing here"
    assert Presence(0.999, False, ("nodule",)).line == ""


@pytest.mark.parametrize(
    ("share", "line"),
    [
        (0.0999, "This does not look like a nodule (10 %)"),
        (0.1, "Probably no nodule here: about 10 % of readers would outline one"),
        (0.42, "Probably no nodule here: about 42 % of readers would outline one"),
        # Never the half from which on outlines are shown unasked.
        (0.4999, "Probably no nodule here: about 49 % of readers would outline one"),
        (0.5, "about 50 % would outline nothing here"),
    ],
)
def test_what_many_readers_would_outline_is_not_dismissed(share: float, line: str) -> None:
    found = Presence(share, True, ("nodule",))
    assert found.line == line and found.unlikely == (share < 0.5)
    assert replace(found, unlike=True).line == f"{line} · unlike the training images"
    several = Presence(0.42, True, ("core", "oedema")).line
    assert several == "Probably nothing here: about 42 % of readers would outline anything"


def test_every_place_says_the_same_of_what_is_in_doubt(run, scan, tmp_path, with_presence) -> None:
    with_presence["p"] = 0.42
    line = "Probably no label 1 here: about 42 % of readers would outline one"
    session = opened(tmp_path)
    assert session.presence is not None and session.presence.line == line
    assert session.summary.hidden
    session.close()
    model = tiny_model(tmp_path / "tiny-3d", 3, region=SCAN)
    out = tmp_path / "out"
    args = ["segment", scan, "--model", model, "--device", "cpu", "--samples", 0, "--out", out]
    status, _, err = run(*args)
    assert status == 2 and f"{line}. Nothing was written" in " ".join(err.split())
    status, text, _ = run(*args, "--report", "--insist")
    assert status == 0 and text.splitlines()[0] == line
    page = page_of(out / "report.html")
    assert page.index(line) < page.index("On show")
    rows = list(csv.DictReader((out / "volumes.csv").read_text().splitlines()))
    assert rows[-1]["hypothesis"] == "nothing outlined"
    assert float(rows[-1]["share"]) == pytest.approx(0.58, abs=0.005)


def test_a_calibrated_range_says_whose(tmp_path: Path) -> None:
    from napari_ssn.documents.card import read_card
    from napari_ssn.text.sizes import Measure, range_line

    card = read_card(tiny_model(tmp_path / "tiny", region=(16, 16)))
    known = Calibration(
        level=0.9, below=1.0, above=1.0, data="val", readers=4, patients=30,
        labels=[Factors(below=1.0, above=1.0, shared=0.6)],
    )  # fmt: skip
    card = card.model_copy(update={"calibration": known})
    counts = np.stack([np.zeros(401), np.r_[0, np.linspace(1000, 3000, 400)]], 1).astype(int)
    stated = state_ranges(card, counts, SPACE, 0.86, own=False)
    one, measure = stated.ranges[0], Measure("volume", 1.0, False)
    assert stated.presence.share == pytest.approx(0.86 * 400 / 401) and one.patients == 30
    assert stated.sizes[0].readers == 4 and stated.sizes[0].shared == 0.6
    # The model's own range is nobody's, so that nobody has anything in common.
    assert state_ranges(card, counts, SPACE, 0.86, own=True).sizes[0].shared == 0
    words = range_line(measure, one.low, one.high, one.level, 400, readers=4, outlined=True)
    assert words == "nine in ten readers who outlined it drew 1.1–2.9 mL"
    assert measure.short(one.median, one.high) == "2.0 mL"
    # What was learnt of readings, empty ones among them, is no range of outlines.
    pooled = known.model_copy(update={"patients": 0, "labels": []})
    card = card.model_copy(update={"calibration": pooled})
    assert not state_ranges(card, counts, SPACE, 0.86, own=False).ranges[0].calibrated
    assert state_ranges(card, counts, SPACE, None, own=False).ranges[0].calibrated
