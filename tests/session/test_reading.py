"""The readers' room in the session: compared, made into one, written."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from napari_ssn.core.adjudicating import blend
from napari_ssn.core.overlap import dice
from tests.support.segmented import opened, result_of, source
from tests.support.sessions import Held, undealt

pytestmark = pytest.mark.usefixtures("few_draws")

SPACE = (40, 48)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("reading")


def test_people_are_compared_made_into_one_and_written(folder: Path, tmp_path: Path) -> None:
    session = opened(folder, undealt(), source(SPACE, (0.7, 0.7)))
    room, dist = session.readers, result_of(session).dist
    choice = session.walk.choice
    maps = [dist.label_map(z) for z in ([1.0, 0.2, 0.0], [-1.0, 0.5, 0.3])]
    room.compare(maps, ["Anna", "Ben"])
    assert room.found is not None and not room.busy
    assert any(line.startswith("Anna and Ben: Dice ") for line in room.found.lines)
    assert any(line.startswith("Ben: the model comes to Dice ") for line in room.found.lines)
    room.export(tmp_path / "early.nii.gz")
    room.make("blend")
    assert room.made is not None
    np.testing.assert_array_equal(room.made.label_map, blend(maps, (1, 1), 2, (0.7, 0.7)))
    room.export(tmp_path / "one.nii.gz")
    assert session.note is not None and not session.note.error
    written = np.asanyarray(nib.load(tmp_path / "one.nii.gz").dataobj).squeeze()
    np.testing.assert_array_equal(written, room.made.label_map)
    told = json.loads((tmp_path / "one.json").read_text())["adjudicated"]
    assert [(one["name"], one["share"]) for one in told["readers"]] == [("Anna", 0.5), ("Ben", 0.5)]
    assert not (tmp_path / "early.nii.gz").exists()
    # Nothing of it moves the walk.
    assert session.walk.choice == choice
    room.compare(maps[:1], ["Anna"])
    assert session.note.error and "two outlines or more" in session.note.text
    session.run()
    assert room.found is None and room.made is None
    session.close()


def test_what_was_painted_on_it_is_written_and_told(folder: Path, tmp_path: Path) -> None:
    session = opened(folder, undealt(), source(SPACE, (0.7, 0.7)))
    room, dist = session.readers, result_of(session).dist
    maps = [dist.label_map(z) for z in ([1.0, 0.2, 0.0], [-1.0, 0.5, 0.3])]
    room.compare(maps, ["Anna", "Ben"])
    room.make("pick", 0)
    assert room.made is not None
    painted = maps[0].copy()
    painted[:2, :3] = 1 - painted[:2, :3]
    room.export(tmp_path / "one.nii.gz", painted=painted)
    written = np.asanyarray(nib.load(tmp_path / "one.nii.gz").dataobj).squeeze()
    np.testing.assert_array_equal(written, painted)
    told = json.loads((tmp_path / "one.json").read_text())["adjudicated"]
    assert told["corrected_voxels"] == 6
    assert [one["share"] for one in told["readers"]] == [1, 0]
    assert told["readers"][0]["dice"] == dice(painted, maps[0], 2).tolist()
    # What was rubbed out altogether is no outline, and nothing is written.
    room.export(tmp_path / "none.nii.gz", painted=np.zeros(SPACE, np.uint8))
    assert session.note.error and not (tmp_path / "none.nii.gz").exists() and not room.busy
    room.export(tmp_path / "two.nii.gz")
    assert json.loads((tmp_path / "two.json").read_text())["adjudicated"]["corrected_voxels"] == 0
    session.close()


def test_a_new_run_drops_what_is_being_compared(folder: Path) -> None:
    held = Held({"readers"})
    session = opened(folder, held, source(SPACE, (0.7, 0.7)))
    maps = [result_of(session).dist.label_map(z) for z in ([1.0, 0.2, 0.0], [-1.0, 0.5, 0.3])]
    session.readers.compare(maps, ["Anna", "Ben"])
    assert session.readers.busy
    session.run()
    held.go()
    assert not session.readers.busy and session.readers.found is None
    session.close()
