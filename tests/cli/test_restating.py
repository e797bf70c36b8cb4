"""What a sidecar states beside its label map: found out when changed, or named as unchecked."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pydantic import ValidationError

from napari_ssn.cli import repeat
from napari_ssn.cli.repeat import again
from napari_ssn.cli.statements import statements
from napari_ssn.documents.sidecar import (
    Provenance,
)
from napari_ssn.errors import DataError
from napari_ssn.prediction.prediction import Prediction
from napari_ssn.session import Session
from tests.support.choices import change, move_a_lesion, opened, point, walk
from tests.support.people import fit_to_people

pytestmark = pytest.mark.usefixtures("measured_once")


def walk_from_points(session: Session) -> None:
    point(session)
    session.walk.show_sample(2)
    session.walk.set_sigma(-0.8)


def ask(session: Session) -> None:
    session.walk.show_sample(None)
    from napari_ssn.prediction.choice import Question

    assert session.result is not None
    counts = session.result.dist.placed(session.result.dist.label_map())
    session.walk.set_only((Question("at least", 1, voxels=int((counts == 1).sum())),))


def spread_at_a_depth(session: Session) -> None:
    from napari_ssn.core.spread import Spread

    session.set_spread(Spread(1.5, (1.0, 2.0)))
    point(session)


def draw(session: Session) -> None:
    """Paint an outline, and have the nearest hypothesis found."""
    assert session.result is not None
    drawn = session.result.dist.placed(session.result.dist.label_map([0.8, -0.5, 0.3]))
    drawn[12:15, 5:8] = 1
    session.fitting.fit(drawn)


def walk_from_a_drawing(session: Session) -> None:
    draw(session)
    session.walk.set_sigma(0.7)


def outline_of_people(session: Session) -> None:
    fit_to_people(session)
    point(session)
    session.walk.set_sigma(0.5)


CHOICES: dict[str, Callable[[Session], None]] = {
    "sample": lambda session: session.walk.show_sample(3),
    "walk": walk,
    "points": point,
    "walk from points": walk_from_points,
    "conditions": ask,
    "lesions": move_a_lesion,
    "drawing": draw,
    "walk from a drawing": walk_from_a_drawing,
    "walk from a drawing of people": outline_of_people,
    # Along a volume, by a model of slices.
    "points with a spread, at a depth": spread_at_a_depth,
}
MODELS = {"lesions": "spots", "points with a spread, at a depth": "2d"}

# What may stand where a sidecar has nothing.
STATED: dict[str, Any] = {
    "centre": [3, 4, 5],
    "depth_mm": 12.0,
    "frame": 1,
    "dicom": {"series_instance_uid": "1.2", "sop_instance_uids": ["1.2.3"]},
    "seed": 0,
    "sample": 1,
    "direction": 1,
    "directions": "plain",
    "sigma": 0.5,
    "anchor": [0.1, 0.0, 0.0],
    "lesions": {
        "smallest_voxels": 2, "share": 0.5, "draws": 20, "seed": 0, "found": 2,
        "own": [{"lesion": 1, "centre": [3, 4, 5], "sigma": 1.0, "z": [1.0, 0.0, 0.0]}],
    },
    "pointing": {
        "points": [{"index": [3, 4, 5], "label": 1}],
        "tolerance": 0.1, "length_mm": 2.0, "amplitude": 1.5, "edge_share": 0.15,
    },
    "conditions": [{"kind": "at least", "label": 1, "voxels": 1.0}],
    "spread": {"overall": 2.0, "per_label": [1.0, 1.0, 1.0]},
    "drawing": {"sha256": "0" * 64, "tolerance": 0.1, "length_mm": 2.0},
    "presence": 0.5,
    "nothing": True,
    "rest": [0.5],
    "slips": [1],
    "insisted": True,
    "unlike": True,
    "unpadded": True,
    "moved_to": [3, 4, 5],
    "looks": 3,
    "ensemble": {
        "members": [{"sha256": "0" * 64, "name": "1"}, {"sha256": "1" * 64, "name": "2"}],
        "kind": "distances", "low": 0.05, "high": 0.95,
    },
    "member": 1,
}  # fmt: skip


@pytest.fixture
def exported(scan, models, monkeypatch, tmp_path: Path) -> Callable[[str], Path]:
    """Export a choice as the window would; the sidecar."""

    def export(kind: str) -> Path:
        session = opened(scan, models[MODELS.get(kind, "3d")], monkeypatch)
        CHOICES[kind](session)
        session.files.export(tmp_path / "a.nii.gz")
        assert session.files.exported is not None, session.note
        session.close()
        return tmp_path / "a.json"

    return export


def other(value: Any, name: str) -> Any:
    """Something else that a field of that kind may hold."""
    if value is None:
        return STATED[name]
    if isinstance(value, dict):
        first = min(key for key, part in value.items() if isinstance(part, int | float))
        return {**value, first: other(value[first], first)}
    if isinstance(value, int):
        return value + 1
    if isinstance(value, float):
        return value + 0.25
    if isinstance(value, list):
        return [other(value[0], name), *value[1:]]
    return "2026-01-01T00:00:00+00:00" if "T" in value and "+" in value else f"{value}1"


def edits(record: dict[str, Any]) -> list[tuple[str, ...]]:
    """Where a record holds something that is not the image, the model or the label map itself."""
    out: list[tuple[str, ...]] = [("created",)]
    out += [("software", name) for name in record["software"]]
    out += [("run", name) for name in record["run"] if name != "image_sha256"]
    for name, value in record["choice"].items():
        if name == "pointing" and value is not None:
            out += [("choice", "pointing", part) for part in value if part != "points"]
        else:
            out.append(("choice", name))
    return out


def other_kind(kind: str) -> str:
    return {"sample": "walk", "walk": "sample", "mean": "walk"}.get(kind, "mean")


@pytest.mark.parametrize("kind", list(CHOICES))
def test_every_statement_is_checked_or_named(scan, models, exported, kind: str) -> None:
    whole = exported(kind).read_text()
    record = Provenance.model_validate_json(whole)
    found = again(scan, record, str(models[MODELS.get(kind, "3d")]), None)
    unchanged = statements(record, found)
    # Of an unchanged one all that could be found again was.
    # Of an outline that somebody drew only he knows; with that in hand all is.
    drawn = {"drawing": ["choice.drawing", "choice.z"]}
    drawn["walk from a drawing"] = ["choice.drawing", "choice.anchor"]
    drawn["walk from a drawing of people"] = ["adjudicated", "choice.drawing", "choice.anchor"]
    assert unchanged.problems == []
    assert unchanged.unchecked == ["created", "software", *drawn.get(kind, [])]
    found_out = set()
    for place in edits(json.loads(whole)):
        changed = json.loads(whole)
        part = changed
        for name in place[:-1]:
            part = part[name]
        name, value = place[-1], part[place[-1]]
        part[name] = other_kind(value) if name == "kind" else other(value, name)
        try:
            now = statements(Provenance.model_validate_json(json.dumps(changed)), found)
        except (ValidationError, DataError):
            found_out.add(place[-1])
            continue
        field = {"software": "software", "created": "created"}.get(place[0], ".".join(place[:2]))
        assert now.problems or field in (*now.used, *now.unchecked), place
        if now.problems:
            found_out.add(place[-1])
    wanted = set() if kind == "drawing" else {"z"}
    wanted |= {"seed", "sample"} if kind in ("sample", "walk", "walk from points") else set()
    wanted |= {"direction", "sigma", "anchor"} if "walk" in kind else set()
    wanted |= {"seed", "sample", "conditions"} if "drawing" in kind else set()
    # Where a walk started is named as unchecked without the drawing.
    wanted |= {"drawing"} if record.choice.kind not in ("walk", "drawing") else set()
    wanted |= {"amplitude"} if kind == "points" else set()
    # What a run or a choice has not is not stated of it.
    wanted |= {"frame", "kind", "presence", "nothing"}
    assert wanted <= found_out


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"choice": {"seed": 4}}, "states seed of what it calls mean, which has none"),
        ({"choice": {"sigma": 0.5}}, "states sigma of what it calls mean, which has none"),
        ({"choice": {"kind": "conditioned"}}, "states neither points nor conditions"),
        ({"run": {"frame": 3}}, "states a frame of an image that has no time"),
        ({"run": {"depth_mm": 15.0}}, "states a depth that the model does not look"),
        ({"run": {"tile": [32, 16, 16]}}, "states other pieces than the model looks at"),
    ],
)
def test_what_cannot_be_so_is_said(run, scan, models, sidecar: Path, parts, words: str) -> None:
    change(sidecar, **parts)
    status, out, _ = run(sidecar, "--image", scan, "--model", models["3d"])
    # What the model makes in other pieces may be another label map, too: that is not the reason.
    assert status == 1 and words in out


def test_people_behind_an_outline_are_those_of_its_drawing(run, scan, models, exported) -> None:
    sidecar = exported("walk from a drawing of people")
    args = (sidecar, "--image", scan, "--model", models["3d"])
    status, out, err = run(*args)
    assert status == 0 and "adjudicated" in err, out
    whole = sidecar.read_text()

    def changed(words: str, edit: Callable[[dict[str, Any]], None]) -> None:
        record = json.loads(whole)
        edit(record)
        sidecar.write_text(json.dumps(record))
        status, out, _ = run(*args)
        assert status == 1 and words in out, out

    def another_outline(record: dict[str, Any]) -> None:
        record["adjudicated"]["outline_sha256"] = "0" * 64

    def itself(record: dict[str, Any]) -> None:
        record["adjudicated"]["outline_sha256"] = None

    def more_than_all(record: dict[str, Any]) -> None:
        record["adjudicated"]["readers"][0]["share"] = 0.9

    def most_say(record: dict[str, Any]) -> None:
        record["adjudicated"]["how"] = "majority"
        shares = (0.5, 0.25, 0.25)
        for one, share in zip(record["adjudicated"]["readers"], shares, strict=True):
            one["share"] = share

    def likeliest(record: dict[str, Any]) -> None:
        record["adjudicated"]["how"] = "staple"

    other_one = "people behind an outline that its hypothesis is not nearest to"
    changed(other_one, another_outline)
    changed(other_one, itself)
    changed("shares of people that are not those of one outline", more_than_all)
    changed("other shares of people than those of majority", most_say)
    changed("shares of people that are not those of one outline", likeliest)


def test_another_device_is_named_as_unchecked(run, scan, models, sidecar: Path) -> None:
    change(sidecar, run={"device": "cuda:7", "device_title": "NVIDIA A100"})
    status, _, err = run(sidecar, "--image", scan, "--model", models["3d"])
    assert status == 0 and "not checked: created, software, run.device, run.device_title." in err


def test_a_sidecar_of_before_threads_were_written_down_is_verified(
    run, scan, models, sidecar: Path
) -> None:
    """Its label map is made as it was then, with every layer cut up among the threads."""
    import napari_ssn as ssn
    from napari_ssn.io.hashes import label_map_hash
    from napari_ssn.network.question import How

    found = ssn.load_model(models["3d"], "cpu").infer(ssn.read(scan), how=How(divided=True))
    assert found.threads is None
    record = json.loads(sidecar.read_text())
    record["label_map_sha256"] = label_map_hash(found.dist.placed(found.dist.label_map()))
    del record["run"]["threads"], record["run"]["instructions"]
    sidecar.write_text(json.dumps(record))
    status, out, err = run(sidecar, "--image", scan, "--model", models["3d"])
    assert status == 0 and "run.threads" not in err, out


def test_a_sidecar_says_with_how_many_threads(results: Path) -> None:
    stated = json.loads((results / "mean.json").read_text())["run"]
    assert stated["threads"] == torch.get_num_threads()
    assert stated["instructions"] == torch.backends.cpu.get_cpu_capability()


def test_as_many_threads_compute_again_as_did(
    run, scan, models, sidecar: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, seen, by = torch.get_num_threads(), [], repeat.run_on

    def counted(*args: Any, **options: Any) -> Prediction:
        seen.append(torch.get_num_threads())
        return by(*args, **options)

    monkeypatch.setattr(repeat, "run_on", counted)
    change(sidecar, run={"threads": before + 2})
    status, _, err = run(sidecar, "--image", scan, "--model", models["3d"])
    assert status == 0 and "Used as stated" in err and "run.threads" in err
    assert seen == [before + 2] and torch.get_num_threads() == before


def test_conditions_that_no_model_can_meet_are_one_sentence(run, scan, models, exported) -> None:
    path = exported("conditions")
    whole = json.loads(path.read_text())
    args = (path, "--image", scan, "--model", models["3d"])
    status, out, err = run(*args)
    assert status == 0 and "Stated, not checked: created, software." in err, out
    assert "Used as stated, though others might give the same label map: run.tile, run" in err
    for field, value, status, words in (
        ("label", 9, 2, "A condition of the sidecar has a label or axes"),
        ("voxels", float(np.prod((22, 18, 14)) + 1), 1, "conditions that none of the model's"),
    ):
        record = json.loads(json.dumps(whole))
        record["choice"]["conditions"][0][field] = value
        path.write_text(json.dumps(record))
        got, out, err = run(*args)
        assert got == status and words in out + err


def test_whether_an_image_is_unlike_is_found_again(run, scan, models, sidecar: Path) -> None:
    """Who sets it by hand, or takes it out, is found out; a card of another version knows else."""
    stated = json.loads(sidecar.read_text())["run"].get("unlike")
    args = ("--image", scan, "--model", models["3d"])
    assert run(sidecar, *args)[0] == 0
    change(sidecar, run={"unlike": None if stated else True})
    status, out, _ = run(sidecar, *args)
    assert status == 1 and "states otherwise whether the image is unlike those of the" in out
    for part in ({"model": {"version": "0.0.1"}}, {"software": {"napari_ssn": "0.0.1"}}):
        whole = sidecar.read_text()
        change(sidecar, **part)
        status, _, err = run(sidecar, *args)
        assert status == 0 and "run.unlike" in err
        sidecar.write_text(whole)
