"""One run states one range, wherever it is stated: on the dock, by the command, in its files."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from qtpy.QtWidgets import QApplication

import napari_ssn as ssn
from napari_ssn.cli.segmenting import segment_image
from napari_ssn.core.spread import Spread
from napari_ssn.documents.sidecar import read_sidecar
from napari_ssn.geometry.intensity import seems_ct
from napari_ssn.gui.panels.walk import ResultPanel
from napari_ssn.io.dicom.structured import stated
from napari_ssn.io.sidecar import sidecar_path
from napari_ssn.prediction import ranges
from napari_ssn.prediction.choice import Question
from napari_ssn.prediction.source import Source
from napari_ssn.session import (
    Session,
    Settings,
)
from napari_ssn.text.sizes import (
    UNLIKE,
    capital,
    in_brief,
)
from tests.support.dicoms import make_series
from tests.support.helpers import page_of, tiny_model
from tests.support.presence import give_presence
from tests.support.sessions import Inline

pytestmark = pytest.mark.usefixtures("few_draws")

SPACE = (20, 18, 16)
KINDS = ("calibrated", "adjusted", "model", "ct", "unlike", "weighting", "presence", "silent")


def folder_of(kind: str, folder: Path) -> Path:
    """A model of MR whose range is calibrated to something else than the hypotheses' own."""
    calibration = None if kind == "model" else 0.3
    made = tiny_model(folder / "mr", dims=3, region=(16,) * 3, calibration=calibration)
    card = json.loads((made / "model.json").read_text())
    card["channels"] = ["MRI"]
    if kind == "adjusted":
        card["calibration"]["readers"] = 1
    if kind == "presence":
        sides = {"below": 0.3, "above": 0.3}
        card["calibration"] |= {"patients": 30, "labels": [sides]}
    if kind == "unlike":
        card["likeness"]["limit"] = 1e-9
    if kind == "weighting":
        card["likeness"]["weighting"] = "T1"
    if kind == "silent":
        # As cards were before they said what the training images are like.
        del card["likeness"]
    (made / "model.json").write_text(json.dumps(card))
    return made


def series(folder: Path, kind: str) -> Path:
    """An MR series, T2-weighted by its header; or one that looks like a CT, and does not say."""
    noise = np.random.default_rng(5).normal(0, 30, SPACE).round()
    values = noise + 200
    if kind == "ct":
        values = noise + np.where(np.arange(SPACE[0])[:, None, None] < 8, -900, 40)
    assert seems_ct(values) == (kind == "ct")

    def change(_: int, dataset: pydicom.Dataset) -> None:
        dataset.ScanningSequence, dataset.SequenceVariant = "SE", "SK"
        dataset.RepetitionTime, dataset.EchoTime = 4500, 100

    affine = np.diag([-1.0, -1.0, 1.0, 1.0])
    make_series(folder, values, affine, modality="MR", intercept=-1024.0, change=change)
    return folder


def shown(model: Path, path: Path, qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> tuple[str, ...]:
    """What the dock says of the same image: size, range, doubt and presence."""
    assert QApplication.instance() is not None
    monkeypatch.setattr("napari_ssn.network.places.model_folders", dict)
    volume = ssn.read(path)
    session = Session(Inline(), Settings(device="cpu", hypotheses=ranges.DRAWS), (model,))
    session.catalogue.look()
    panel = ResultPanel(session)
    qtbot.addWidget(panel)
    declared = getattr(volume.source, "declared", None)
    session.set_image(
        Source(
            1, volume.space, 1, volume.affine, volume.extent, volume.oriented, lambda: volume,
            series=volume.source, declared=declared,
        )
    )  # fmt: skip
    session.run()
    assert session.result is not None and session.ranges is not None, session.note
    panel.refresh()
    # In full where the pointer rests, and in brief where there is little room.
    line, _, over = panel.ranges[0].toolTip().partition(".\n")
    # Over whom it holds stands in the line, or after it.
    of_readers = "nine in ten" in line.lower()
    assert ("patients like those of the calibration" in line + over) == of_readers
    assert panel.ranges[0].text() == in_brief(line)
    said = line, panel.doubt.text(), session.ranges.presence.line
    silent = session.setup.unclaimed or ""
    session.close()
    return *said, silent


@pytest.mark.parametrize("kind", KINDS)
def test_dock_command_and_files_state_one_claim(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    qtbot: Any,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    if kind == "presence":
        give_presence(monkeypatch)
    model, path = folder_of(kind, tmp_path), series(tmp_path / "series", kind)
    out = tmp_path / "out"
    options = {"report": True, "suffixes": (".sr.dcm",)}
    segment_image(path, out, str(model), count=0, device="cpu", **options)
    told, err = capsys.readouterr()
    lines = told.strip().splitlines()
    found = re.fullmatch(r"Label 1: (?:median )?\S+ mL · (.*)", lines[0])
    assert found is not None, told
    # The diameters of the mean stand behind it, and in the report beside the size on show.
    line, _, across = found[1].rpartition(" · mean outline ")
    assert re.fullmatch(r"[\d.]+ × [\d.]+ mm( · reaches the .*)?", across)
    dock, doubt, presence, silent = shown(model, path, qtbot, monkeypatch)
    assert dock == capital(line)
    assert lines[1:] == ([presence] if presence else [])
    page = page_of(out / "report.html")
    assert capital(line) in page and doubt in page
    if presence:
        assert capital(presence) in page
    record, rows = (
        read_sidecar(sidecar_path(out / "mean.dcm")),
        list(csv.DictReader((out / "volumes.csv").read_text().splitlines())),
    )
    ends = {row["hypothesis"]: float(row["ml"]) for row in rows if "range" in row["hypothesis"]}
    low, high = re.search(r"([\d.]+)–([\d.]+) mL", line).groups()  # type: ignore[union-attr]
    step = 10.0 ** -len(high.partition(".")[2])
    assert float(low) == pytest.approx(ends["range low"], abs=step)
    assert float(high) == pytest.approx(ends["range high"], abs=step)
    # A sidecar states the hypotheses themselves: their hundredths, of which two are the range.
    quantiles = record.sizes["label 1"].voxels
    voxels = {row["hypothesis"]: float(row["voxels"]) for row in rows if row["level"]}
    assert quantiles[5] == pytest.approx(voxels["range low"], abs=1e-3)
    assert quantiles[95] == pytest.approx(voxels["range high"], abs=1e-3)
    mean = next(row for row in rows if row["hypothesis"] == "mean")
    assert record.volumes["label 1"].ml == pytest.approx(float(mean["ml"]))
    (reported,) = stated(out / "mean.sr.dcm").measured
    assert reported.size == pytest.approx(float(mean["ml"])) and reported.spread is not None
    assert reported.spread.low == pytest.approx(ends["range low"], rel=1e-4)
    assert reported.spread.high == pytest.approx(ends["range high"], rel=1e-4)
    assert (reported.presence is not None) == (kind == "presence")
    seg = pydicom.dcmread(out / "mean.dcm")
    assert int(seg.pixel_array.sum()) == record.volumes["label 1"].voxels
    # What kind of claim it is, and nothing of it where the image is unlike the training's.
    claims = {
        "calibrated": "calibrated range", "adjusted": "adjusted range",
        "presence": "nine in ten readers who outlined it drew",
    }  # fmt: skip
    assert line.startswith(claims.get(kind, "model range"))
    unlike = kind in ("ct", "unlike", "weighting")
    assert (UNLIKE in line) == unlike == (record.run.unlike is True)
    assert ("unlike" in seg.ContentDescription) == unlike
    assert (b"unlike training data" in (out / "mean.sr.dcm").read_bytes()) == unlike
    assert {row.get("remark", "") for row in rows} == {doubt}
    assert bool(doubt) == unlike and doubt in " ".join(err.split())
    assert ("says nothing of the images" in silent) == (kind == "silent")
    assert silent in " ".join(err.split())


def point(session: Session) -> None:
    """Point at a voxel that the model is in two minds about."""
    assert session.result is not None
    chances = session.result.dist.probabilities()
    voxel = np.unravel_index(np.abs(chances[1] - 0.5).argmin(), SPACE)
    session.pointing.start(1)
    session.pointing.add(tuple(int(i) for i in voxel))
    session.pointing.stop()
    assert session.walk.choice.points


def ask(session: Session) -> None:
    """Go on with the larger half."""
    assert session.ranges is not None
    session.asking.ask(Question("at least", 1, session.ranges.ranges[0].median))
    session.asking.go_on()
    assert session.asking.only


def spread(session: Session) -> None:
    session.set_spread(Spread(0.5))


def nothing(session: Session) -> None:
    """All hypotheses as they are."""


@pytest.mark.parametrize("given", [nothing, point, ask, spread])
def test_what_the_window_writes_states_the_range_that_it_shows(
    tmp_path: Path, qtbot: Any, monkeypatch: pytest.MonkeyPatch, given: Any
) -> None:
    monkeypatch.setattr("napari_ssn.network.places.model_folders", dict)
    model, path = folder_of("calibrated", tmp_path), series(tmp_path / "series", "calibrated")
    volume, out = ssn.read(path), tmp_path / "out"
    out.mkdir()
    session = Session(Inline(), Settings(device="cpu", hypotheses=300), (model,))
    session.catalogue.look()
    panel = ResultPanel(session)
    qtbot.addWidget(panel)
    place = volume.space, 1, volume.affine, volume.extent, volume.oriented
    session.set_image(Source(1, *place, lambda: volume, series=volume.source))
    session.run()
    before = session.ranges
    given(session)
    panel.refresh()
    assert session.ranges is not None and before is not None and session.result is not None
    one, line = session.ranges.ranges[0], panel.ranges[0].toolTip()
    if given is not nothing:
        assert one != before.ranges[0] and line.startswith("Model range")
    ml = abs(np.linalg.det(volume.affine)) / 1000
    session.files.export(out / "a.sr.dcm")
    session.files.export_volumes(out / "v.csv")
    session.files.export_report(out / "r.html")
    assert session.files.exported is not None, session.note
    session.close()
    assert line in page_of(out / "r.html")
    rows = list(csv.DictReader((out / "v.csv").read_text().splitlines()))
    ends = {row["hypothesis"]: float(row["ml"]) for row in rows if row["level"]}
    assert ends["range low"] == pytest.approx(one.low * ml)
    assert ends["range high"] == pytest.approx(one.high * ml)
    (reported,) = stated(out / "a.sr.dcm").measured
    assert reported.spread is not None
    assert reported.spread.low == pytest.approx(one.low * ml, rel=1e-4)
    assert reported.spread.high == pytest.approx(one.high * ml, rel=1e-4)
    record = read_sidecar(sidecar_path(out / "a.sr.dcm"))
    # Diameters too, whether somebody has seen their range or not.
    longest = record.spans["label 1"].longest_mm
    assert reported.spans[0] is not None and reported.spans[1] is not None
    assert (reported.spans[0].low, reported.spans[0].high) == (longest[5], longest[95])
    quantiles = record.sizes["label 1"].voxels
    assert quantiles[5] == pytest.approx(one.low, abs=1e-3)
    assert quantiles[95] == pytest.approx(one.high, abs=1e-3)
