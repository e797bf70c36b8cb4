"""What leaves the session: files of every format, volumes and the report, and no patient."""

from __future__ import annotations

import csv
import html
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import highdicom
import nibabel as nib
import nrrd
import numpy as np
import pytest

import napari_ssn as ssn
from napari_ssn.documents.ran import coded
from napari_ssn.geometry.declared import Declared
from napari_ssn.io.dicom.naming import series_words
from napari_ssn.prediction.prediction import Prediction
from napari_ssn.prediction.reporting import _outlined
from napari_ssn.prediction.source import Source
from napari_ssn.prediction.wish import (
    SEED,
)
from napari_ssn.session import (
    Session,
    Settings,
)
from napari_ssn.text.report import (
    Picture,
    Report,
    Size,
    to_html,
)
from tests.support.dicoms import SECRETS, make_series
from tests.support.fewer import DRAWS
from tests.support.helpers import noise_image, oblique_affine, page_of, tiny_model
from tests.support.sessions import Held, Inline

pytestmark = pytest.mark.usefixtures("few_draws")

SPACE = (22, 18, 8)
FOLDER = "DOE^JANE"


def source_of(volume: ssn.Volume, token: int = 1) -> Source:
    return Source(
        token,
        volume.space,
        1,
        volume.affine,
        volume.extent,
        volume.oriented,
        lambda: volume,
        series=volume.source,
    )


def opened(folder: Path, runner: Inline, volume: ssn.Volume) -> Session:
    model = tiny_model(folder / "tiny", 3, 3, region=(16, 16, 16))
    session = Session(runner, Settings(device="cpu", hypotheses=60), (model,))
    session.catalogue.look()
    session.set_image(source_of(volume))
    session.run()
    return session


@pytest.fixture
def volume(tmp_path: Path) -> ssn.Volume:
    make_series(tmp_path / FOLDER, noise_image(SPACE), oblique_affine(), signed=True, intercept=0.0)
    return ssn.read(tmp_path / FOLDER)


@pytest.fixture
def session(tmp_path: Path, volume: ssn.Volume, monkeypatch) -> Iterator[Session]:
    monkeypatch.setattr("napari_ssn.network.places.model_folders", dict)
    made = opened(tmp_path, Inline(), volume)
    yield made
    made.close()


@pytest.fixture
def out(tmp_path: Path) -> Path:
    (tmp_path / "out").mkdir()
    return tmp_path / "out"


def result_of(session: Session) -> Prediction:
    assert session.result is not None
    return session.result


def names_nobody(text: str, folder: Path) -> None:
    # Pictures are letters by chance.
    words = re.sub(r"base64,[A-Za-z0-9+/=]+", "", text)
    for secret in (*SECRETS, FOLDER, str(folder)):
        assert secret not in words


def point(session: Session) -> None:
    """Point at a voxel that the model is in two minds about."""
    chances = result_of(session).dist.probabilities()
    voxel = np.unravel_index(np.abs(chances[1] - 0.5).argmin(), SPACE)
    session.pointing.start(1)
    session.pointing.add(tuple(int(i) for i in voxel))
    session.pointing.stop()
    assert session.walk.choice.points


def test_the_hypothesis_on_show_as_dicom(session: Session, out: Path) -> None:
    session.walk.set_sigma(1.0)
    assert session.files.from_dicom
    session.files.export(out / "a.dcm")
    assert session.note is not None and not session.note.error, session.note
    assert session.note.text == "Wrote a.dcm (names the patient) and its .json."
    seg = highdicom.seg.segread(out / "a.dcm")
    shown = result_of(session).dist.placed(session.walk.label_map(()))
    assert [s.SegmentLabel for s in seg.SegmentSequence] == ["label 1", "label 2"]
    for number in (1, 2):
        read = seg.get_volume(segment_numbers=[number], allow_missing_positions=True)
        assert read.array.sum() == (shown == number).sum() > 0
    record = json.loads((out / "a.dcm.json").read_text())
    assert record["choice"]["sigma"] == 1.0
    series = result_of(session).source.series
    key = record["run"]["image_sha256"]
    assert record["run"]["dicom"]["series_hmac"] == coded(series.headers[0].SeriesInstanceUID, key)
    names_nobody((out / "a.dcm.json").read_text(), out.parent)


@pytest.mark.parametrize("pointed", [False, True])
def test_all_cards_for_slicer(session: Session, out: Path, pointed: bool) -> None:
    if pointed:
        point(session)
    session.files.export(out / "a.seg.nrrd", part="cards")
    assert session.files.exported is not None, session.note
    assert session.cards is not None
    cards = session.cards.cards
    data, _ = nrrd.read(str(out / "a.seg.nrrd"))
    assert len(data) == len(cards)
    record = json.loads((out / "a.seg.nrrd.json").read_text())
    members = record["hypotheses"]
    for layer, card, member in zip(data, cards, members, strict=True):
        np.testing.assert_array_equal(np.bincount(layer.ravel(), minlength=3), card.counts)
        assert member["share"] == card.share
        assert member["choice"]["sample"] == card.choice.sample + 1
        assert bool(member["choice"]["pointing"]) == pointed
        voxels = [size["voxels"] for size in member["volumes"].values()]
        assert voxels == card.counts[1:].tolist()
    head = (out / "a.seg.nrrd").read_bytes().split(b"\n\n")[0].decode()
    names_nobody(head + json.dumps(record), out.parent)


def test_the_probability_map(session: Session, out: Path) -> None:
    session.files.export(out / "a.nii.gz", part="probability")
    assert session.files.exported is not None, session.note
    values = np.asarray(nib.load(out / "a.nii.gz").dataobj)
    dist, planes = result_of(session).dist, np.moveaxis(values, -1, 0)
    for label, plane in enumerate(planes, start=1):
        # What the window shows of that label; all labels at once are brought to a sum of 1.
        np.testing.assert_array_equal(plane, dist.probability(label).clip(0, 1))
    np.testing.assert_allclose(planes, dist.probabilities()[1:], atol=2e-3)
    record = json.loads((out / "a.json").read_text())
    assert record["choice"]["kind"] == "probability" and record["choice"]["pointing"] is None


def test_the_probability_map_given_points_is_the_share_of_the_draws(
    session: Session, out: Path
) -> None:
    point(session)
    session.files.export(out / "a.nii", part="probability")
    assert session.files.exported is not None, session.note
    values = np.asarray(nib.load(out / "a.nii").dataobj)
    given, points = result_of(session).given, session.walk.choice.points
    maps = given.posterior(points).label_maps(given.draws(points, DRAWS, SEED))
    for label in (1, 2):
        expected = (maps == label).mean(0)
        np.testing.assert_allclose(values[..., label - 1], expected, atol=1e-6)
    at = points[0].index
    # A point has an error of its own, a tenth of its margin's.
    assert values[(*at, 0)] > 0.9
    assert json.loads((out / "a.json").read_text())["choice"]["pointing"] is not None


def test_the_probability_map_of_what_is_gone_on_with(session: Session, out: Path) -> None:
    """Conditions and the spread count, and the sidecar says them."""
    from napari_ssn.prediction.choice import Question

    voxels = float(session.ranges.ranges[0].median)
    only = (Question("at least", 1, voxels),)
    session.walk.show(replace(session.walk.choice, only=only))
    session.files.export(out / "a.nii", part="probability")
    assert session.files.exported is not None, session.note
    values = np.asarray(nib.load(out / "a.nii").dataobj)
    given = result_of(session).given
    maps = np.stack([given.dist.label_map(z) for z in given.draws((), DRAWS, SEED, only)])
    assert ((maps == 1).sum((1, 2, 3)) >= voxels).all()
    np.testing.assert_allclose(values[..., 0], (maps == 1).mean(0), atol=1e-6)
    choice = json.loads((out / "a.json").read_text())["choice"]
    assert choice["conditions"][0]["voxels"] == voxels and choice["pointing"] is None
    session.files.export_report(out / "r.html")
    assert session.files.exported is not None, session.note
    measure = result_of(session).source.measure
    assert f"Label 1 ≥ {measure.amount(voxels)}" in page_of(out / "r.html")


def test_probabilities_are_refused_where_they_cannot_be(session: Session, out: Path) -> None:
    session.files.export(out / "a.seg.nrrd", part="probability")
    assert session.state == "error" and "hold no probabilities" in session.note.text
    assert not list(out.iterdir())


def test_the_table_holds_every_size(session: Session, out: Path) -> None:
    session.walk.set_sigma(-1.0)
    session.files.export_volumes(out / "v.csv")
    assert session.files.exported is not None, session.note
    assert session.files.exported.files == ("v.csv",)
    with (out / "v.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert session.cards is not None and session.ranges is not None
    cards = session.cards.cards
    names = ["on show", *(f"hypothesis {i + 1}" for i in range(len(cards)))]
    assert [row["hypothesis"] for row in rows[: 2 * len(names)]] == [n for n in names for _ in "12"]
    counts = [session.walk.counts, *(card.counts for card in cards)]
    sizes = [int(voxels) for one in counts for voxels in one[1:]]
    assert [int(row["voxels"]) for row in rows[: len(sizes)]] == sizes
    voxel_ml = abs(np.linalg.det(oblique_affine()[:3, :3])) / 1000
    for row in rows:
        assert float(row["ml"]) == pytest.approx(float(row["voxels"]) * voxel_ml, rel=1e-9)
        # Binary fractions are not written to their last digit.
        assert len(row["ml"]) <= 13
    spread = session.ranges.ranges[1]
    ends = {r["hypothesis"]: r for r in rows if r["label"] == "label 2" and r["level"]}
    assert float(ends["range low"]["voxels"]) == pytest.approx(spread.low)
    assert float(ends["range high"]["voxels"]) == pytest.approx(spread.high)
    assert {row["level"] for row in ends.values()} == {"0.9"}
    names_nobody((out / "v.csv").read_text(), out.parent)


def test_the_report_says_it_all_and_names_nobody(session: Session, out: Path) -> None:
    point(session)
    session.walk.set_sigma(1.0)
    session.files.export_report(out / "r.html")
    assert session.files.exported is not None, session.note
    text = page_of(out / "r.html")
    words = html.unescape(re.sub(r"<[^>]*>", " ", text))
    result = result_of(session)
    assert session.cards is not None and session.ranges is not None
    assert text.count("data:image/png;base64,") == 1 + len(session.cards.cards)
    for wanted in (
        "Research use only – not a medical device",
        result.card.name,
        result.card.licence,
        result.card.weights_sha256,
        result.image_sha256,
        "Given",
        "(voxels, counted from 0",
        "Model range",
        "given 1 point",
        "direction 1 at +1.00 σ",
        "the radiological convention",
        result.source.measure.amount(int(session.walk.counts[1])),
    ):
        assert wanted in words, wanted
    # One file: nothing is fetched, nothing runs.
    assert "http" not in re.sub(r"https?://\S+", "", words) and "<script" not in text
    assert set(re.findall(r'src="(.{5})', text)) == {"data:"} and "href" not in text
    assert "@page" in text
    names_nobody(text, out.parent)


def test_a_report_escapes_what_it_is_given() -> None:
    evil = "<script>&\"'"
    report = Report(
        title=evil,
        purpose=evil,
        shown=evil,
        sizes=[Size(evil, "#102030", evil, evil)],
        pictures=[Picture(np.zeros((4, 4, 3), np.uint8), evil, evil)],
        pictured=evil,
        given=[evil],
        facts=[(evil, evil)],
        limits=[evil],
        codes=[(evil, evil)],
    )
    text = to_html(report).decode()
    assert "<script>" not in text and text.count("&lt;script&gt;") == 17


def test_what_is_still_counted_is_waited_for(
    tmp_path: Path, out: Path, volume, monkeypatch
) -> None:
    monkeypatch.setattr("napari_ssn.network.places.model_folders", dict)
    runner = Held({"cards", "range"})
    session = opened(tmp_path, runner, volume)
    session.files.export(out / "a.nii.gz", part="cards")
    assert session.state == "error" and "still being compared" in session.note.text
    session.files.export_report(out / "r.html")
    assert session.state == "error" and "still being" in session.note.text
    session.files.export_volumes(out / "v.csv")
    assert session.state == "error" and "still being" in session.note.text
    session.files.export(out / "a.nii.gz")
    assert session.state == "result"
    runner.go()
    session.files.export(out / "b.nii.gz", part="cards")
    assert session.state == "result"
    # Cards of former points are not those of the points there are now.
    point(session)
    session.files.export(out / "c.nii.gz", part="cards")
    assert session.state == "error" and not (out / "c.nii.gz").exists()
    session.close()


class Writing(Held):
    """Holds back whatever is written."""

    def submit(self, channel: str, *job: Any, **more: Any) -> None:
        if channel.startswith(("export", "study")):
            self.channels.add(channel)
        super().submit(channel, *job, **more)


def test_what_is_written_next_replaces_nothing_that_was_asked_for(
    tmp_path: Path, out: Path, volume, monkeypatch
) -> None:
    monkeypatch.setattr("napari_ssn.network.places.model_folders", dict)
    runner = Writing(set())
    session = opened(tmp_path, runner, volume)
    session.files.export(out / "a.nii.gz")
    session.files.export(out / "b.nii.gz")
    session.files.export_report(out / "r.html")
    for name in ("one", "two"):
        session.studies.save(out / f"{name}.ssn.zip")
    runner.go()
    assert {path.name for path in out.iterdir()} == {
        *("a.nii.gz", "a.json", "b.nii.gz", "b.json", "r.html", "one.ssn.zip", "two.ssn.zip")
    }
    session.close()


def test_nothing_is_replaced_unasked(session: Session, out: Path) -> None:
    for name, export in (
        ("r.html", session.files.export_report),
        ("v.csv", session.files.export_volumes),
    ):
        (out / name).write_text("old")
        export(out / name)
        assert session.state == "error" and "already" in session.note.text
        assert (out / name).read_text() == "old"
        export(out / name, overwrite=True)
        assert session.state == "result" and (out / name).read_text() != "old"


def test_dicom_needs_dicom(tmp_path: Path, out: Path, volume: ssn.Volume, monkeypatch) -> None:
    monkeypatch.setattr("napari_ssn.network.places.model_folders", dict)
    session = opened(tmp_path, Inline(), ssn.Volume(volume.data, volume.affine))
    assert not session.files.from_dicom
    session.files.export(out / "a.dcm")
    assert session.state == "error" and "belongs to a DICOM series" in session.note.text
    assert not list(out.iterdir())
    session.close()


def test_the_report_says_on_which_slices_and_where(session: Session, tmp_path: Path) -> None:
    session.files.export_report(tmp_path / "report.html")
    page = page_of(tmp_path / "report.html")
    result = session.result
    labels = result.source.turn.apply(result.dist.placed(session.walk.label_map(())))
    on = np.flatnonzero(labels.any((1, 2)))
    assert f"slices {on[0]} to {on[-1]} of 0 to {SPACE[2] - 1}" in page
    # The slices are shown from the feet on; a voxel's place is that of its own affine.
    voxels = np.argwhere(result.dist.placed(session.walk.label_map(())))
    heights = [
        (result.source.affine @ [*voxels[:, :2].mean(0), at, 1])[2]
        for at in (voxels[:, 2].min(), voxels[:, 2].max())
    ]
    words = f"{min(heights):.1f} to {max(heights):.1f} mm towards the head"
    assert words.replace("-", "−") in page
    # Of the series its number, and of its description what names nobody.
    series = result.source.series.headers[0]
    assert "Series" in page and series_words(series) in page


def test_what_the_image_is_of_is_said_without_a_name() -> None:
    image = ssn.Volume(np.zeros((1, *SPACE), np.float32), oblique_affine())
    source = replace(Source.of(image), declared=Declared("CT"))
    labels = np.zeros(SPACE, np.uint8)
    labels[3:9, 4:7, 2:6] = 1
    told = dict(_outlined(SimpleNamespace(source=source), labels))
    low, high = ((image.affine @ [5.5, 5.0, at, 1.0])[2] for at in (2, 5))
    assert told == {
        "Modality": "CT",
        "Outlined on": f"slices 2 to 5 of 0 to 7 · {low:.1f} to {high:.1f} mm towards the head",
    }
    assert _outlined(SimpleNamespace(source=source), 0 * labels) == [("Modality", "CT")]
