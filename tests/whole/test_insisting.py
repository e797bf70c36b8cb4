"""Values that are no Hounsfield units, for models that read these: refused, or insisted on."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

from napari_ssn.documents.sidecar import read_sidecar
from napari_ssn.geometry.intensity import Units, looks_like_ct, seems_ct
from napari_ssn.prediction.source import Source
from napari_ssn.session import Session, Survey
from napari_ssn.session.jobs import read_entry
from napari_ssn.session.setup import Setup
from napari_ssn.text.image import TAKEN_FOR_HU
from tests.support.helpers import command, page_of, tiny_model
from tests.support.sessions import source, start, undealt

pytestmark = pytest.mark.usefixtures("few_draws")

SPACE, AFFINE = (24, 20, 18), np.diag([-0.8, -0.8, 2.0, 1.0])
CENTRE = (12, 10, 9)


def chest(shift: float = 0, scale: float = 1) -> np.ndarray:
    """Lung with tissue beside it, and some texture for networks of random weights."""
    values = np.random.default_rng(0).normal(0, 60, SPACE) - 850
    values[: SPACE[0] // 2] += 890
    return ((values + shift) * scale).astype(np.float32)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(
        tmp_path_factory.mktemp("models") / "tiny-hu",
        3,
        region=(16, 16, 16),
        centred=True,
        normalisation="hu",
        calibration=1.5,
    )


def saved(folder: Path, values: np.ndarray) -> Path:
    nib.save(nib.Nifti1Image(values, AFFINE), folder / "scan.nii.gz")
    return folder / "scan.nii.gz"


@pytest.mark.parametrize(
    ("shift", "scale", "words"),
    [(1024, 1, "1,024 too high"), (1100, 0.1, "no air is among them")],
)
def test_segment_refuses_other_units_unless_somebody_insists(
    monkeypatch: Any, capsys: Any, model: Path, tmp_path: Path, shift: int, scale: float, words: str
) -> None:
    scan, out = saved(tmp_path, chest(shift, scale)), tmp_path / "out"
    args = ["segment", scan, "--model", model, "--centre", "12,10,9", "--samples", 1]
    args += ["--device", "cpu", "--report", "--out", out]
    status, text, err = command(monkeypatch, capsys, *args)
    assert status == 2 and words in err and not text and not out.exists()
    status, text, err = command(monkeypatch, capsys, *args, "--insist")
    assert status == 0 and words in err and TAKEN_FOR_HU in err
    # It was learnt of Hounsfield units.
    assert "model range" in text and "calibrated" not in text
    assert TAKEN_FOR_HU in page_of(out / "report.html")
    rows = list(csv.DictReader((out / "volumes.csv").read_text().splitlines()))
    assert {row["remark"] for row in rows} == {TAKEN_FOR_HU}
    sidecar = out / "sample_01.json"
    assert read_sidecar(sidecar).run.insisted
    for again in (
        ["verify", sidecar, "--image", scan, "--model", model],
        ["segment", "--from-sidecar", sidecar, "--image", scan, "--model", model,
         "--out", tmp_path / "again.nii.gz"],
    ):  # fmt: skip
        status, text, err = command(monkeypatch, capsys, *again)
        assert status == 0 and "dentical" in text and TAKEN_FOR_HU in err
    assert read_sidecar(tmp_path / "again.json").run.insisted
    # Who takes the word out of the sidecar is found out.
    record = json.loads(sidecar.read_text())
    del record["run"]["insisted"]
    sidecar.write_text(json.dumps(record))
    status, text, _ = command(
        monkeypatch, capsys, "verify", sidecar, "--image", scan, "--model", model
    )
    assert status == 1 and "does not say that values were taken for Hounsfield units" in text


def test_who_insists_in_vain_is_told(
    monkeypatch: Any, capsys: Any, model: Path, tmp_path: Path
) -> None:
    scan, out = saved(tmp_path, chest()), tmp_path / "out"
    args = ["segment", scan, "--model", model, "--centre", "12,10,9", "--samples", 0]
    args += ["--device", "cpu", "--insist", "--out", out]
    status, text, err = command(monkeypatch, capsys, *args)
    assert status == 0 and "no need to insist" in err and TAKEN_FOR_HU not in err
    assert "model range" not in text
    table, mean = out / "volumes.csv", out / "mean.json"
    assert read_sidecar(mean).run.insisted is None and "remark" not in table.read_text()
    again = ["segment", "--from-sidecar", mean, "--image", scan, "--out", tmp_path / "x"]
    status, _, err = command(monkeypatch, capsys, *again, "--insist")
    assert status == 2 and "leave out --insist" in " ".join(err.split())
    # Sidecars of before say nothing of it, and verify; one that says too much does not.
    record = json.loads(mean.read_text())
    check = ["verify", mean, "--image", scan, "--model", model]
    for said, wanted in (("absent", 0), (True, 1)):
        record["run"].pop("insisted")
        record["run"] |= {} if said == "absent" else {"insisted": said}
        mean.write_text(json.dumps(record))
        record["run"].setdefault("insisted", None)
        status, text, _ = command(monkeypatch, capsys, *check)
        assert status == wanted, text


def seen(values: np.ndarray, units: Units | None) -> Source:
    made = source(values, (2.0, 0.8, 0.8))
    return replace(made, units=units, ct=None if units is None else units != "other")


@pytest.mark.parametrize(("shift", "units"), [(1024, "shifted"), (1e6, "other")])
def test_the_session_says_so_before_a_run(
    monkeypatch: pytest.MonkeyPatch, model: Path, shift: float, units: Units
) -> None:
    session = start(undealt(), model, monkeypatch)
    setup = session.setup
    session.set_image(seen(chest(shift), units))
    session.place_centre(CENTRE)
    assert setup.misfit and setup.may_insist and setup.obstacle == setup.foreign
    assert setup.foreign is not None and "reads Hounsfield units" in setup.foreign
    session.run()
    assert session.result is None and session.note is not None and session.note.error
    session.set_insist(True)
    assert session.note is None and not setup.misfit and setup.obstacle is None
    assert setup.caution == TAKEN_FOR_HU
    session.run()
    result = session.result
    assert result is not None and result.insisted, session.note
    assert session.ranges is not None
    assert not any(one.readers for one in session.ranges.ranges)
    assert record(session)["run"]["insisted"] is True
    # Who insists does so for one image and one model.
    session.set_image(seen(chest(shift), units))
    assert setup.obstacle == setup.foreign
    session.close()


def record(session: Session) -> dict[str, Any]:
    made = []
    session.copies.made.connect(made.append)
    session.copies.add_samples(1, 0)
    found: dict[str, Any] = made[0].provenance
    return found


@pytest.mark.parametrize("shift", [1024, 0])
def test_an_image_that_nobody_has_looked_at_is_looked_at_by_the_run(
    monkeypatch: pytest.MonkeyPatch, model: Path, shift: float
) -> None:
    session = start(undealt(), model, monkeypatch)
    session.set_image(seen(chest(shift), None))
    session.place_centre(CENTRE)
    assert session.setup.foreign is None and session.setup.may_insist
    session.run()
    assert (session.result is None) == bool(shift)
    if shift:
        assert session.note is not None and "1,024 too high" in session.note.text
    session.set_insist(True)
    assert session.setup.caution == TAKEN_FOR_HU
    session.run()
    assert session.result is not None and session.result.insisted == bool(shift)
    assert session.ranges is not None and session.ranges.ranges[0].readers == (0 if shift else 4)
    session.close()


def test_other_models_read_any_values(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    plain = tiny_model(tmp_path / "plain", 3, region=(16, 16, 16))
    session = start(undealt(), plain, monkeypatch)
    session.set_image(seen(chest(1024), "shifted"))
    setup = session.setup
    assert setup.obstacle is None and not setup.may_insist and setup.foreign is None
    session.set_insist(True)
    session.run()
    assert session.result is not None and not session.result.insisted
    session.close()


def test_a_piece_of_a_ct_is_one_whatever_was_left_out() -> None:
    values = np.concatenate([np.full(90, 40.0), np.linspace(-600, -160, 300), [-900, 30]])
    assert not looks_like_ct(values) and seems_ct(values)
    assert seems_ct(chest()) and seems_ct(chest(1024))
    assert not seems_ct(np.linspace(0, 900, 500)) and not seems_ct(np.arange(256))


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Survey:
    """One model of each kind that is shipped, in the order in which they are found."""
    place = tmp_path_factory.mktemp("places")
    kinds: tuple[tuple[str, str, int, dict[str, Any]], ...] = (
        ("hippocampus-3d", "MR", 3, {}),
        ("lidc-2d", "CT", 2, {"centred": True}),
        ("nodule-3d", "CT", 3, {"centred": True, "normalisation": "hu"}),
    )
    entries = []
    for name, modality, dims, options in kinds:
        folder = tiny_model(place / name, dims, region=(16,) * dims, **options)
        card = json.loads((folder / "model.json").read_text())
        (folder / "model.json").write_text(json.dumps(card | {"channels": [modality]}))
        entries.append(read_entry(folder))
    return Survey(tuple(entries), "CPU")


VOLUME, SLICE = (40, 64, 64), (64, 64, 1)


@pytest.mark.parametrize(
    ("space", "ct", "units", "wanted"),
    [
        # A CT, one without its offset, a piece of one that is mostly lung.
        (VOLUME, True, "hu", "nodule-3d"),
        (VOLUME, True, "shifted", "nodule-3d"),
        (VOLUME, True, None, "nodule-3d"),
        (SLICE, True, "hu", "lidc-2d"),
        ((64, 64), True, "hu", "lidc-2d"),
        ((64, 64), False, "other", "lidc-2d"),
        (SLICE, None, None, "lidc-2d"),
        # Magnetic resonance, and what nobody has looked at.
        (VOLUME, False, "other", "hippocampus-3d"),
        (VOLUME, None, None, "hippocampus-3d"),
    ],
)
def test_the_model_that_an_image_brings(
    installed: Survey, space: tuple[int, ...], ct: bool | None, units: Units | None, wanted: str
) -> None:
    image = replace(source(np.zeros(space, np.float32)), ct=ct, units=units)
    for first in (True, False):
        setup = Setup()
        if first:
            setup.set_source(image)
            setup.set_survey(installed, None)
        else:
            setup.set_survey(installed, None)
            setup.set_source(image)
        assert setup.model is not None and setup.model.card.name == wanted
    # The user may choose the model of another modality all the same, and is told.
    other = next(m for m in installed.models if m.card.name == "hippocampus-3d")
    setup.pick_model(other)
    assert ("looks like a CT" in (setup.caution or "")) == (bool(ct) and len(space) == 3)


def test_without_a_model_for_volumes_of_other_units_slices_are_read(installed: Survey) -> None:
    flat, reads_hu = installed.models[1:]
    setup = Setup()
    setup.set_survey(Survey((reads_hu, flat), "CPU"), None)
    setup.set_source(replace(source(np.zeros(VOLUME, np.float32)), units="other"))
    assert setup.model is flat
    setup.set_source(replace(source(np.zeros(VOLUME, np.float32)), units="hu", ct=True))
    assert setup.model is reads_hu
