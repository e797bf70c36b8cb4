"""Sidecars that open as the sessions that they tell of."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

import napari_ssn as ssn
from napari_ssn.core.spread import Spread
from napari_ssn.prediction.choice import Choice, Question
from napari_ssn.prediction.source import Source
from napari_ssn.session import Decoded, Session
from tests.support.helpers import noise_image, tiny_model
from tests.support.people import fit_to_people
from tests.support.sessions import Held, Inline, start

pytestmark = pytest.mark.usefixtures("few_draws")

SPACE = (16, 20)
Opener = Callable[..., Session]


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("models")
    return {
        name: tiny_model(folder / name, region=(16, 16), seed=k)
        for k, name in enumerate(("tiny", "other"))
    }


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch, models: dict[str, Path]) -> Iterator[Opener]:
    """Function that opens a new session, as a new start of the program would."""
    made = []

    def build(model: str = "tiny") -> Session:
        made.append(start(Inline(), models[model], monkeypatch))
        return made[-1]

    yield build
    for session in made:
        session.close()


@pytest.fixture(scope="module")
def before(
    models: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Session, Path]]:
    """A session with a result, and its image; another program or day than that of a test."""
    with pytest.MonkeyPatch.context() as patch:
        session = start(Inline(), models["tiny"], patch)
    image = scan(tmp_path_factory.mktemp("images") / "scan.nii.gz")
    session.set_image(source(image))
    session.run()
    yield session, image
    session.close()


@pytest.fixture
def worked(before: tuple[Session, Path]) -> tuple[Session, Path]:
    """The same at its beginning."""
    session, image = before
    session.set_spread(Spread())
    session.walk.turn("label-weighted")
    session.walk.show(Choice())
    return session, image


def scan(path: Path, seed: int = 0) -> Path:
    nib.save(nib.Nifti1Image(noise_image(SPACE, seed=seed), np.diag([0.7, 0.7, 1, 1])), path)
    return path


def source(path: Path, token: int = 1) -> Source:
    volume = ssn.read(path)
    how = (volume.affine, volume.extent, volume.oriented, lambda: volume)
    return Source(token, volume.space, 1, *how)


def point(session: Session) -> None:
    session.pointing.add((5, 6), 1)
    session.walk.show_sample(2)
    session.walk.set_direction(1)
    session.walk.set_sigma(-0.8)


def spread_out(session: Session) -> None:
    session.set_spread(Spread(1.5))
    session.walk.show_sample(1)


def ask(session: Session) -> None:
    assert session.result is not None
    size = float(np.count_nonzero(session.result.dist.label_map()))
    session.asking.ask(Question("at least", 1, size))
    session.asking.go_on()
    assert session.walk.choice.only


def turn(session: Session) -> None:
    session.walk.turn("varimax")
    session.walk.set_sigma(1.1)


def draw(session: Session) -> None:
    drawn = np.zeros(SPACE, np.uint8)
    drawn[4:12, 5:15] = 1
    session.fitting.fit(drawn)
    assert session.walk.choice.drawing is not None
    session.walk.set_sigma(0.5)


def people(session: Session) -> None:
    fit_to_people(session)
    session.pointing.add((5, 6), 1)
    session.walk.set_sigma(-0.3)


WAYS = {
    "mean": lambda session: None,
    "points": point,
    "spread": spread_out,
    "varimax": turn,
    "conditions": ask,
    "drawing": draw,
    "people": people,
    "nothing": lambda session: session.walk.show(Choice(nothing=True)),
}


@pytest.mark.parametrize("way", WAYS)
def test_a_sidecar_opens_as_the_session_that_it_tells_of(
    worked: tuple[Session, Path], fresh: Opener, tmp_path: Path, way: str
) -> None:
    before, image = worked
    WAYS[way](before)
    out = tmp_path / "out"
    out.mkdir()
    before.files.export(out / "one.nii.gz")
    assert before.files.exported is not None, before.note
    seen = before.walk.choice, before.walk.label_map(()).tobytes()

    after = fresh()
    wanted: list[Any] = []
    after.sidecars.wanted.connect(lambda path, digest: wanted.append(path))
    # The label map does as well: its sidecar lies beside it.
    assert after.open(out / "one.nii.gz") and wanted == [None]
    assert (
        after.sidecars.words
        == "An exported result waits for its image (16 × 20): open or choose it to go on."
    )
    after.set_image(source(image, 2))
    choice, labels = seen
    # Where nobody walks nothing says along which directions.
    assert after.walk.choice == (
        choice if choice.kind == "walk" else Choice(**{**vars(choice), "basis": "label-weighted"})
    )
    assert after.walk.label_map(()).tobytes() == labels
    assert after.note is not None and "the same in every voxel" in after.note.text
    assert not after.note.error and not after.stale and not after.sidecars.words
    assert after.result.spread == before.result.spread
    assert after.ranges is not None and after.ranges.points == choice.points
    # And one goes on: back is where the export was, and another run takes its place.
    after.walk.nudge(0.3)
    after.walk.undo()
    assert after.walk.label_map(()).tobytes() == labels
    after.run()
    assert len(after.results.entries) == 1


def test_its_image_is_found_beside_it_and_told_by_its_values(
    worked: tuple[Session, Path], fresh: Opener, tmp_path: Path
) -> None:
    before, _ = worked
    # The same values under another name.
    image = scan(tmp_path / "DOE.nii.gz")
    before.files.export(tmp_path / "one.nii.gz")
    scan(tmp_path / "another.nii.gz", seed=1)
    (tmp_path / "broken.nii.gz").write_bytes(b"no image")
    after = fresh()
    wanted: list[Any] = []
    after.sidecars.wanted.connect(lambda path, digest: wanted.append((path, digest)))
    after.open(tmp_path / "one.json")
    assert wanted == [(image, before.result.image_sha256)]
    # Of the same grid, and another: nothing is run on it.
    after.set_image(source(tmp_path / "another.nii.gz", 2))
    assert after.result is None and after.note.error
    assert "not the image of the exported result" in after.note.text
    assert not after.sidecars.words and after.sidecars.waiting is not None
    after.set_image(source(image, 3))
    assert after.result is not None and after.sidecars.waiting is None
    # Who has the image open needs no other.
    again = fresh()
    again.set_image(source(image, 4))
    again.open(tmp_path / "one.json")
    assert again.result is not None and not again.note.error


def test_its_image_may_be_opened_while_it_is_looked_for(
    worked: tuple[Session, Path],
    models: dict[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before, image = worked
    before.files.export(tmp_path / "one.nii.gz")
    runner = Held({"sidecar"})
    after = start(runner, models["tiny"], monkeypatch)
    after.open(tmp_path / "one.json")
    after.set_image(source(image, 2))
    runner.go()
    assert after.result is not None and after.sidecars.waiting is None
    assert after.note is not None and "the same in every voxel" in after.note.text
    after.close()


def test_its_model_is_known_by_its_weights(
    worked: tuple[Session, Path], fresh: Opener, tmp_path: Path, models: dict[str, Path]
) -> None:
    before, image = worked
    before.files.export(tmp_path / "one.nii.gz")
    after = fresh("other")
    after.set_image(source(image, 2))
    after.open(tmp_path / "one.json")
    assert after.result is None and after.note.error
    assert "tiny" in after.note.text and "Other folder…" in after.note.text
    after.catalogue.add_folder(models["tiny"])
    assert after.result is not None and after.setup.model.folder == models["tiny"]
    assert "the same in every voxel" in after.note.text


def test_several_hypotheses_come_as_those_that_were_kept(
    worked: tuple[Session, Path], fresh: Opener, tmp_path: Path
) -> None:
    before, image = worked
    before.files.export(tmp_path / "cards.seg.nrrd", part="cards")
    record = json.loads((tmp_path / "cards.seg.nrrd.json").read_text())
    assert len(record["hypotheses"]) > 1
    after = fresh()
    made: list[Decoded] = []
    after.copies.made.connect(made.append)
    after.set_image(source(image, 2))
    after.open(tmp_path / "cards.seg.nrrd")
    hashes = [one.provenance["label_map_sha256"] for one in made]
    assert hashes == [one["label_map_sha256"] for one in record["hypotheses"][1:]]
    assert set(after.copies.kept) == {one.choice for one in made}
    assert f"{len(record['hypotheses'])} hypotheses" in after.note.text


def test_what_differs_or_cannot_be_made_again_is_said_and_loses_nothing(
    fresh: Opener, tmp_path: Path
) -> None:
    image = scan(tmp_path / "scan.nii.gz")
    session = fresh()
    session.set_image(source(image))
    session.run()
    session.walk.set_sigma(1.0)
    session.files.export(tmp_path / "one.nii.gz")
    text = (tmp_path / "one.json").read_text()
    shown = session.result

    def said(**changes: Any) -> str:
        record = json.loads(text)
        for name, value in changes.items():
            part, _, field = name.partition("__")
            if field:
                record[part][field] = value
            else:
                record[part] = value
        (tmp_path / "DOE.json").write_text(json.dumps(record))
        session.open(tmp_path / "DOE.json")
        assert session.note is not None and "DOE" not in session.note.text
        return str(session.note.text)

    edited = {"kind": "edited", "z": None, "anchor": None, "direction": None, "sigma": None}
    assert "edited by hand" in said(choice={**json.loads(text)["choice"], **edited})
    assert "not valid at run" in said(run=None)
    assert "ensemble" in said(
        run__ensemble={
            "members": [{"sha256": "0" * 64, "name": "a"}, {"sha256": "1" * 64, "name": "b"}],
            "kind": "distances",
            "low": 0.01,
            "high": 0.99,
        }
    )
    assert session.result is shown and session.walk.choice.sigma == 1.0
    # Nothing reads it, and what is on show stays.
    assert "does not have" in said(choice__direction=99)
    assert session.result is shown and session.note.error
    words = said(label_map_sha256="0" * 64, software__torch="0.1")
    assert "not the exported one in every voxel" in words and "torch 0.1 (here" in words
    assert session.walk.choice.sigma == 1.0
    assert not session.open(image)


def test_a_study_brings_its_settings(
    before: tuple[Session, Path], fresh: Opener, tmp_path: Path
) -> None:
    saved, own = before[0], before[0].settings
    wished = replace(own, hypotheses=200, samples=7, reach=2.0, cards=3)
    saved.configure(wished)
    saved.studies.save(tmp_path / "a.ssn.zip")
    saved.configure(own)
    after = fresh()
    assert after.open(tmp_path / "a.ssn.zip") and after.settings == wished
    # What nobody may set here is taken as far as it may be.
    assert after.settings.within(10**6, 500, 90.0, 99).hypotheses == 10_000
